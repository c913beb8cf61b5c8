// Package usage is what the relay says and billing hears: one closed record per request with identifiers, counts and
// times. It has no field that could carry prompt or answer content.
package usage

import (
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// Tokens counts tokens, or units of whatever a class measures.
type Tokens = int64

// Class is a billable kind of unit. Classes are disjoint: a token is counted in exactly one.
type Class uint8

// The classes. Their text is stored and shown, so it never changes; new ones go at the end.
const (
	InText Class = iota
	InCached
	CacheWrite5m
	CacheWrite1h
	OutText
	OutReasoning
	InAudio
	OutAudio
	InImage
	OutImage
	ImageGen
	Request
	InTool      // what tools of the vendor put into the prompt
	CharIn      // characters of a text to be spoken
	AudioSecond // seconds of a recording, where those are what a vendor bills
	SearchQuery // searches: in the web by a tool of the vendor, or of documents to be ranked
	NumClasses
)

//nolint:gochecknoglobals // a constant table
var classNames = [NumClasses]string{
	"in_text", "in_cached", "cache_write_5m", "cache_write_1h", "out_text", "out_reasoning",
	"in_audio", "out_audio", "in_image", "out_image", "image_gen", "request",
	"in_tool", "char_in", "audio_second", "search_query",
}

// String returns the stable text of the class.
func (c Class) String() string {
	if c < NumClasses {
		return classNames[c]
	}
	return "unknown"
}

// ParseClass is the inverse of String.
func ParseClass(s string) (Class, bool) {
	for i, n := range classNames {
		if n == s {
			return Class(i), true
		}
	}
	return 0, false
}

// Provenance says how a count is known.
type Provenance uint8

// Reported by the provider, derived from figures it reported, or estimated by our own counter.
const (
	None Provenance = iota
	Reported
	Derived
	Estimated
)

//nolint:gochecknoglobals // a constant table
var provenanceNames = [...]string{"none", "reported", "derived", "estimated"}

// String returns the stable text.
func (p Provenance) String() string {
	if int(p) < len(provenanceNames) {
		return provenanceNames[p]
	}
	return "none"
}

// ParseProvenance is the inverse of String.
func ParseProvenance(s string) (Provenance, bool) {
	for i, n := range provenanceNames {
		if n == s {
			return Provenance(i), true
		}
	}
	return None, false
}

// Counts holds the units of one request by class, with the provenance of each figure. It is a value: copying is cheap.
type Counts struct {
	Units [NumClasses]Tokens
	From  [NumClasses]Provenance
}

// Set records a figure.
func (c *Counts) Set(class Class, n Tokens, from Provenance) {
	c.Units[class], c.From[class] = n, from
}

// Add adds figures that are known in the same way, or as badly as the worse of both.
func (c *Counts) Add(more *Counts) {
	for class := range NumClasses {
		c.Units[class] += more.Units[class]
		c.From[class] = max(c.From[class], more.From[class])
	}
}

// Input is the number of prompt tokens of all kinds.
func (c *Counts) Input() Tokens {
	return c.Units[InText] + c.Units[InCached] + c.Units[CacheWrite5m] + c.Units[CacheWrite1h] + c.Units[InAudio] + c.Units[InImage] + c.Units[InTool]
}

// Output is the number of generated tokens of all kinds, reasoning included.
func (c *Counts) Output() Tokens {
	return c.Units[OutText] + c.Units[OutReasoning] + c.Units[OutAudio] + c.Units[OutImage]
}

// pieces counts what an answer is paid by that is not paid by its tokens: characters spoken, seconds heard, pictures.
func (c *Counts) pieces() Tokens {
	return c.Units[CharIn] + c.Units[AudioSecond] + c.Units[ImageGen]
}

// Empty tells whether nothing was counted.
func (c *Counts) Empty() bool { return c.Units == [NumClasses]Tokens{} }

// Fill completes what a provider reported by estimates: a prompt of which it said nothing, an answer of which it said nothing.
func (c *Counts) Fill(prompt func() Tokens, answer Tokens) {
	if c.Input() == 0 {
		c.Set(InText, prompt(), Estimated)
	}
	if c.Output() == 0 && answer > 0 {
		c.Set(OutText, answer, Estimated)
	}
}

// Outcome is how a request ended.
type Outcome string

// The outcomes.
const (
	OK            Outcome = "ok"
	ClientGone    Outcome = "client_gone"    // the client left; if an answer had begun, the prompt and what had come are billed
	UpstreamError Outcome = "upstream_error" // no usable answer; nothing is billed
	ClientError   Outcome = "client_error"   // the provider refused the request as the client's own mistake; nothing is billed
	Cut           Outcome = "cut"            // the upstream broke off in mid-stream; what had come is billed
	Crashed       Outcome = "crashed"        // the relay died; settled from the open record as an estimate
)

// Attempt is one upstream call.
type Attempt struct {
	Deployment id.ID
	Status     int    // HTTP status; 0 when none came
	Fault      string // phase of the failure (dial, send, status, stream, client), empty for success
	Millis     int64  // duration
}

// MaxAttempts bounds the attempt list of an event.
const MaxAttempts = 16

// Event is one request of a client, finished. ID is a UUIDv7, the request id that the client sees and the idempotency key
// of billing.
type Event struct {
	ID                id.ID
	Tenant            id.ID
	Project           id.ID
	Key               id.ID
	Hold              id.ID // the credit slice the reservation came from; Nil if none
	Deployment        id.ID // that served; Nil if none did
	OccurredAt        time.Time
	Capability        string // chat, embeddings, images, audio
	Provider          string // slug
	RequestedModel    string // model or alias as asked
	ServedModel       string // public model name
	ServiceTier       string
	Outcome           Outcome
	HTTPStatus        int // towards the client
	Streamed          bool
	Counts            Counts
	SellVersion       int64        // price version the relay estimated with; the worker decides for itself
	Reserved          money.Amount // nano-USD set aside at admission
	Estimate          money.Amount // nano-USD the relay expects to be charged
	TTFTMillis        int64        // time to first content, -1 if none came
	DurationMillis    int64
	Attempts          []Attempt
	UpstreamRequestID string
	Relay             string // relay instance
	Boot              int64  // start of that instance, Unix milliseconds
	Seq               uint64 // 1, 2, 3 … within the boot, without gaps
}

// Free tells whether the event costs nothing, whatever was counted. A request without a usable answer is free, and so is one
// whose client left before anything of an answer was said: what the prompt cost is the operator's loss, and stays on record
// as counts without a charge.
func (e *Event) Free() bool {
	switch e.Outcome {
	case UpstreamError, ClientError:
		return true
	case ClientGone:
		return e.Counts.Output() == 0 && (e.TTFTMillis < 0 || e.Counts.pieces() == 0)
	case OK:
		return false
	case Cut, Crashed:
	}
	return e.Counts.Empty()
}

// Open is written to the log when a request is admitted. If no Event follows because the relay died, it is settled as an
// estimate: the prompt, or what stands in for it, as counted at admission, no output, outcome Crashed.
type Open struct {
	ID             id.ID
	Tenant         id.ID
	Project        id.ID
	Key            id.ID
	Hold           id.ID
	OccurredAt     time.Time
	Capability     string
	RequestedModel string
	ServedModel    string
	Provider       string
	Deployment     id.ID
	Streamed       bool
	InputEstimate  Tokens
	InputClass     Class // of the estimate
	SellVersion    int64
	Reserved       money.Amount
}

// Event turns an open record into the estimate that settles it. Relay, Boot and Seq are for the log to fill.
func (o Open) Event() Event {
	e := Event{
		ID: o.ID, Tenant: o.Tenant, Project: o.Project, Key: o.Key, Hold: o.Hold, Deployment: o.Deployment,
		OccurredAt: o.OccurredAt, Capability: o.Capability, Provider: o.Provider, RequestedModel: o.RequestedModel,
		ServedModel: o.ServedModel, ServiceTier: "standard", Outcome: Crashed, Streamed: o.Streamed,
		SellVersion: o.SellVersion, Reserved: o.Reserved, TTFTMillis: -1,
	}
	e.Counts.Set(o.InputClass, o.InputEstimate, Estimated)
	return e
}
