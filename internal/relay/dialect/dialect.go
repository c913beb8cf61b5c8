// Package dialect says what a wire format has to do for the relay. Ingress faces clients. Egress is the way from a client's
// format to an upstream's and back: where both are the same, bytes pass through; where not, a Bridge translates by way of
// the neutral form of package llm. A capability (chat, embeddings) is a format of its own here.
package dialect

import (
	"net/http"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// The capabilities that have a dialect.
const (
	Chat        = "chat"
	Completions = "completions"
	Embeddings  = "embeddings"
	Images      = "images"
	Audio       = "audio" // speech and transcripts
	Moderation  = "moderation"
	Rerank      = "rerank"
)

// Ingress reads the calls of clients and tells them about failures.
type Ingress interface {
	// DecodeRequest checks a body and finds what the relay needs to know of it. Errors are apperr.
	DecodeRequest(c body.Content) (*llm.Request, error)
	// AppendError renders an error body.
	AppendError(dst []byte, e *apperr.Error, requestID string) []byte
	// AppendStreamError renders an error for an answer whose stream has begun; nothing may follow it.
	AppendStreamError(dst []byte, e *apperr.Error, requestID string) []byte
}

// Heartbeater is an Ingress whose clients bear a sign of life in a stream. It is more than whitespace to them, so formats whose
// clients stumble over it have none.
type Heartbeater interface {
	// Heartbeat is a whole event that says nothing.
	Heartbeat() []byte
}

// Severer is an Ingress some of whose clients do not know an error in a stream that ends in order.
type Severer interface {
	// Sever says that the connection ends with the error.
	Sever() bool
}

// Count counts the tokens of a text.
type Count func(text []byte) usage.Tokens

// Egress speaks to upstreams.
type Egress interface {
	// Path is where a call goes, below the base URL.
	Path(r *llm.Request, upstreamModel string) string
	// EncodeRequest renders a call for a model of the upstream. An apperr says that this upstream cannot do what the
	// client asks for; another may.
	EncodeRequest(r *llm.Request, to Target) (body.Message, error)
	// ReadAnswer reads a whole answer that is no stream. It refuses what is not one; an *llm.Fault says that it is a refusal.
	ReadAnswer(r *llm.Request, c body.Content, m Meter) (llm.Answer, error)
	// AppendCost renders, for llm.Answer.UsageAt, the cost in USD as an additional member of the usage.
	AppendCost(dst []byte, usd string) []byte
	// NewTap follows a stream; nil if there are no streams.
	NewTap(r *llm.Request, m Meter) Tap
	// ReadFault reads an answer whose status is not 200 and keeps the content only if the fault says so.
	ReadFault(status int, h http.Header, c body.Content) *llm.Fault
	// MeasurePrompt bounds the prompt without counting it.
	MeasurePrompt(r *llm.Request) llm.Size
	// EstimatePrompt counts the prompt, for want of a report.
	EstimatePrompt(r *llm.Request, count Count) usage.Tokens
	// EstimateAnswer counts what a whole JSON answer says, for want of a report.
	EstimateAnswer(c body.Content, count Count) usage.Tokens
}

// Biller is an Egress of requests that are not paid by the tokens of their texts alone.
type Biller interface {
	// Owed is what is billed where the upstream reports nothing. begun: a part of the answer has come.
	Owed(r *llm.Request, begun bool, m Meter) usage.Counts
}

// Step is what to do with an event of a stream.
type Step uint8

// The steps.
const (
	Pass    Step = iota // goes to the client
	Hide                // was asked for by the relay, not by the client
	End                 // the stream is whole
	Failed              // the upstream says that it failed
	Garbage             // not of this dialect
)

// Seen is what an event of a stream means for the relay.
type Seen struct {
	Step    Step
	Content bool     // it says something; the first such event commits the answer
	Cut     llm.Span // part of the data that is there because the relay asked for the usage; empty: none
	Out     []byte   // goes to the client in place of the event, valid until the next one; nil: the event itself
}

// Tap reads along in a stream that passes through. It is used by one goroutine.
type Tap interface {
	// Event reads the data of one event.
	Event(data []byte) Seen
	// Finish is what ends the client's stream when the upstream's has come to its end in order, but without a mark of it. False
	// if the upstream has not said that it was finished.
	Finish() ([]byte, bool)
	// Answer is what was learnt so far.
	Answer() llm.Answer
	// EstimateOutput counts what came, for want of a report.
	EstimateOutput(count Count) usage.Tokens
	// Close gives the tap's memory back.
	Close()
}

// Forwarder is an Egress that shows an upstream headers of the client. Others do so where the format is the same.
type Forwarder interface {
	Forward(r *llm.Request) http.Header
}

// Gatherer is an Egress that may have an upstream stream what the client wants in one piece, as llm.Request.Gather then says.
type Gatherer interface {
	NewGathering(r *llm.Request, m Meter) Gathering
}

// Gathering puts a stream together. It is used by one goroutine.
type Gathering interface {
	// Event reads the data of one event. The step is Pass, End, Failed or Garbage.
	Event(data []byte) Step
	// Answer is as of Egress.ReadAnswer, once the stream has come to its end. It refuses what has none.
	Answer() (llm.Answer, error)
}

// Registry finds the Egress of a provider's dialect for a capability. It is filled once and then only read.
type Registry map[Key]Egress

// Key names an Egress.
type Key struct{ Client, Upstream, Capability string }
