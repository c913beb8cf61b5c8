package provider

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Kind names a fault.
type Kind string

// The faults that a plan or a request can ask for.
const (
	// RateLimit answers 429 and tells by the vendor's headers or body when to come again.
	RateLimit Kind = "rate_limit"
	// Quota answers that the account's money is gone, which no waiting cures: OpenAI's 429 insufficient_quota.
	Quota Kind = "quota"
	// ServerError answers 500.
	ServerError Kind = "server_error"
	// Overloaded answers 503, or Anthropic's 529.
	Overloaded Kind = "overloaded"
	// BadKey answers as to a revoked key: 401, or Gemini's 400.
	BadKey Kind = "bad_key"
	// Slow adds DelayMS (2000 if zero) before the first byte and uses GapMS between chunks if given.
	Slow Kind = "slow"
	// Stall is silent before the headers, for DelayMS or until the client leaves.
	Stall Kind = "stall"
	// StallStream is silent after AfterChunks content chunks, for DelayMS or until the client leaves.
	StallStream Kind = "stall_stream"
	// Cut closes the connection after AfterChunks content chunks, or in the middle of a JSON answer.
	Cut Kind = "cut"
	// Garbage sends an event that is not JSON after AfterChunks content chunks and goes on, or a broken JSON answer.
	Garbage Kind = "garbage"
	// ErrorEvent sends the vendor's error event after AfterChunks content chunks and ends the stream.
	ErrorEvent Kind = "error_event"
	// NoUsage leaves out the usage even if the client asked for it.
	NoUsage Kind = "no_usage"
	// NoDone ends the stream cleanly without finish reason and closing event.
	NoDone Kind = "no_done"
)

var errUnknownKind = errors.New("unknown fault kind")

func (k Kind) valid() bool {
	switch k {
	case RateLimit, Quota, ServerError, Overloaded, BadKey, Slow, Stall, StallStream, Cut, Garbage, ErrorEvent, NoUsage, NoDone:
		return true
	}
	return false
}

// Rule says which requests meet a fault. Key and Model match exactly, or as a prefix when they end in "*"; empty
// matches all. Without Probability and EveryNth each matching request is hit.
type Rule struct {
	Key   string `json:"key,omitempty"`
	Model string `json:"model,omitempty"`
	// Kind is what happens.
	Kind Kind `json:"kind"`
	// Probability is between 0 and 1, drawn from the seed.
	Probability float64 `json:"probability,omitempty"`
	// EveryNth hits each n-th matching request.
	EveryNth int `json:"every_nth,omitempty"`
	// Times ends the rule after so many hits; zero means never.
	Times int `json:"times,omitempty"`
	// AfterChunks is the number of content chunks that go out first.
	AfterChunks int `json:"after_chunks,omitempty"`
	// DelayMS, GapMS and RetryAfterMS are milliseconds.
	DelayMS      int `json:"delay_ms,omitempty"`
	GapMS        int `json:"gap_ms,omitempty"`
	RetryAfterMS int `json:"retry_after_ms,omitempty"`
}

func (r Rule) validate() error {
	switch {
	case !r.Kind.valid():
		return fmt.Errorf("%w %q", errUnknownKind, string(r.Kind))
	case r.Probability < 0 || r.Probability > 1:
		return fmt.Errorf("probability %v is not between 0 and 1", r.Probability)
	case r.EveryNth < 0 || r.Times < 0 || r.AfterChunks < 0 || r.DelayMS < 0 || r.GapMS < 0 || r.RetryAfterMS < 0:
		return errors.New("counts and times must not be negative")
	}
	return nil
}

func matches(pattern, value string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(value, prefix)
	}
	return pattern == "" || pattern == value
}

type ruleState struct {
	Rule
	seen, hits int
	rng        random
}

// plan is a list of rules with their progress; the first that hits decides.
type plan struct {
	mu     sync.Mutex
	active atomic.Bool
	rules  []*ruleState
}

func newPlan(seed uint64, rules []Rule) *plan {
	p := &plan{}
	p.set(seed, rules)
	return p
}

func (p *plan) set(seed uint64, rules []Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = p.rules[:0:0]
	for i, r := range rules {
		p.rules = append(p.rules, &ruleState{Rule: r, rng: newRandom(seed, uint64(i)+1)})
	}
	p.active.Store(len(p.rules) > 0)
}

func (p *plan) pick(key, model string) (Rule, bool) {
	if !p.active.Load() {
		return Rule{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.rules {
		if s.hit(key, model) {
			return s.Rule, true
		}
	}
	return Rule{}, false
}

func (s *ruleState) hit(key, model string) bool {
	if (s.Times > 0 && s.hits >= s.Times) || !matches(s.Key, key) || !matches(s.Model, model) {
		return false
	}
	s.seen++
	if s.Probability > 0 && s.rng.unit() >= s.Probability {
		return false
	}
	if s.EveryNth > 1 && s.seen%s.EveryNth != 0 {
		return false
	}
	s.hits++
	return true
}

// parseFault reads the x-sim-fault form "kind" or "kind:n", where n is AfterChunks for faults in the middle of a
// stream and DelayMS for the others.
func parseFault(text string) (Rule, error) {
	name, arg, has := strings.Cut(text, ":")
	r := Rule{Kind: Kind(name)}
	if !r.Kind.valid() {
		return Rule{}, fmt.Errorf("%w %q", errUnknownKind, name)
	}
	if !has {
		return r, nil
	}
	n, err := strconv.Atoi(arg)
	if err != nil || n < 0 {
		return Rule{}, fmt.Errorf("fault argument %q is not a number", arg)
	}
	switch r.Kind {
	case Cut, Garbage, StallStream, ErrorEvent, NoDone:
		r.AfterChunks = n
	case RateLimit:
		r.RetryAfterMS = n
	default:
		r.DelayMS = n
	}
	return r, nil
}

// statusError gives the answer of the faults that are an HTTP status.
func (r Rule) statusError(key string, limit int) *apiError {
	switch r.Kind {
	case RateLimit:
		return errRate(limit)
	case Quota:
		return newError(http.StatusTooManyRequests, "insufficient_quota", "insufficient_quota", "",
			"You exceeded your current quota, please check your plan and billing details.").of(classQuota)
	case ServerError:
		return newError(http.StatusInternalServerError, "server_error", "", "",
			"The server had an error while processing your request. Sorry about that!").of(classServer)
	case Overloaded:
		return newError(http.StatusServiceUnavailable, "service_unavailable_error", "", "",
			"The engine is currently overloaded, please try again later.").of(classOverloaded)
	case BadKey:
		return errBadKey(key)
	default:
		return nil
	}
}

func (r Rule) retryAfter() time.Duration {
	if r.RetryAfterMS > 0 {
		return time.Duration(r.RetryAfterMS) * time.Millisecond
	}
	return time.Second
}

// applyPace changes the pace of a request hit by Slow.
func (r Rule) applyPace(p Pace) Pace {
	if r.Kind != Slow {
		return p
	}
	delay := r.DelayMS
	if delay == 0 && r.GapMS == 0 {
		delay = 2000
	}
	p.TTFT += time.Duration(delay) * time.Millisecond
	if r.GapMS > 0 {
		p.Gap = time.Duration(r.GapMS) * time.Millisecond
	}
	return p
}
