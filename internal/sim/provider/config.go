package provider

import (
	"net/http"
	"time"

	"starlane/internal/platform/clock"
)

// KeyPrefix starts every key that the simulator accepts.
const KeyPrefix = "sk-sim-"

// Names of the fixed models. Bench models are made up of BenchPrefix and their pace, for example demo-bench-100x20x50.
const (
	ModelEcho       = "demo-echo"
	ModelSlow       = "demo-slow"
	ModelFlaky      = "demo-flaky"
	ModelSearch     = "gpt-5-search-api" // as OpenAI's: it searches the web for clients of chat completions
	ModelInstruct   = "demo-instruct"    // completes texts and does not converse
	ModelEmbed      = "demo-embed"
	ModelModeration = "demo-moderation"
	ModelRerank     = "demo-rerank"
	// ModelImage reports its usage; ModelPicture, as older models, does not.
	ModelImage   = "demo-image"
	ModelPicture = "demo-picture"
	ModelSpeech  = "demo-speech"
	// ModelTranscribe is paid by tokens, ModelWhisper by seconds.
	ModelTranscribe = "demo-transcribe"
	ModelWhisper    = "demo-whisper"
	BenchPrefix     = "demo-bench-"
)

const (
	defaultAddr     = "127.0.0.1:8082"
	defaultMaxBody  = 64 << 20
	defaultDrain    = 5 * time.Second
	defaultLimitReq = 1_000_000
	defaultLimitTok = 1_000_000_000
)

// Pace is how fast a model answers.
type Pace struct {
	// TTFT is the time from the request to the first chunk.
	TTFT time.Duration
	// Gap is the time between two chunks; zero writes the whole answer at once.
	Gap time.Duration
}

// Config holds the simulator's settings; the zero value is ready for use.
type Config struct {
	// Addr is where Run listens; empty means 127.0.0.1:8082.
	Addr string
	// Seed makes answers and faults repeatable.
	Seed uint64
	// Echo, Slow and Flaky set the pace of the three chat models; nil means 30/10 ms, 1500/100 ms and 30/10 ms.
	Echo, Slow, Flaky *Pace
	// FlakyFaults are the faults of demo-flaky; nil means the built-in mix of about one failure in three.
	FlakyFaults []Rule
	// LimitRequests and LimitTokens are a key's limits per minute as told in the x-ratelimit headers;
	// zero means 1,000,000 requests and 1,000,000,000 tokens.
	LimitRequests, LimitTokens int
	// EnforceLimits answers 429 to a key that is over LimitRequests.
	EnforceLimits bool
	// RejectUnknown answers 400 to request members that the OpenAI API does not know.
	RejectUnknown bool
	// RecordBodies keeps request bodies and headers in the records of GET /_sim/requests. For tests only: the
	// simulator otherwise keeps no content, save for responses that a client lets it store as the API has it.
	RecordBodies bool
	// MaxBody bounds a request body in bytes; zero means 64 MiB.
	MaxBody int64
	// DrainTimeout is how long Run lets open answers finish once its context ends; zero means 5 s.
	DrainTimeout time.Duration
	// Clock dates the answers; nil means the system's. Delays always pass in real time.
	Clock clock.Clock
	// Ready, when set, is called by Run with the address it listens on.
	Ready func(addr string)
}

func (c Config) withDefaults() Config {
	if c.Addr == "" {
		c.Addr = defaultAddr
	}
	if c.Echo == nil {
		c.Echo = &Pace{TTFT: 30 * time.Millisecond, Gap: 10 * time.Millisecond}
	}
	if c.Slow == nil {
		c.Slow = &Pace{TTFT: 1500 * time.Millisecond, Gap: 100 * time.Millisecond}
	}
	if c.Flaky == nil {
		c.Flaky = &Pace{TTFT: 30 * time.Millisecond, Gap: 10 * time.Millisecond}
	}
	if c.FlakyFaults == nil {
		c.FlakyFaults = builtinFlaky()
	}
	if c.LimitRequests == 0 {
		c.LimitRequests = defaultLimitReq
	}
	if c.LimitTokens == 0 {
		c.LimitTokens = defaultLimitTok
	}
	if c.MaxBody == 0 {
		c.MaxBody = defaultMaxBody
	}
	if c.DrainTimeout == 0 {
		c.DrainTimeout = defaultDrain
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	return c
}

// builtinFlaky is the everyday weather of a bad provider: each kind of trouble a client has to live with.
func builtinFlaky() []Rule {
	return []Rule{
		{Kind: RateLimit, Probability: 0.10, RetryAfterMS: 1000},
		{Kind: ServerError, Probability: 0.10},
		{Kind: Overloaded, Probability: 0.05},
		{Kind: Cut, Probability: 0.05, AfterChunks: 2},
		{Kind: Slow, Probability: 0.05, DelayMS: 2000},
	}
}

func (c Config) pace(model string) (Pace, bool) {
	switch model {
	case ModelEcho, ModelSearch:
		return *c.Echo, true
	case ModelSlow:
		return *c.Slow, true
	case ModelFlaky:
		return *c.Flaky, true
	}
	return Pace{}, false
}

var _ http.Handler = (*Server)(nil)
