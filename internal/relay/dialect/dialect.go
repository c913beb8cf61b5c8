// Package dialect says what a wire format has to do for the relay. Ingress faces clients, Egress faces upstreams; a format
// that does both passes bytes through when it meets itself. A capability (chat, embeddings) is a format of its own here.
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
	Chat       = "chat"
	Embeddings = "embeddings"
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

// Count counts the tokens of a text.
type Count func(text []byte) usage.Tokens

// Egress speaks to upstreams.
type Egress interface {
	// Path is where calls go, below the base URL.
	Path() string
	// EncodeRequest renders a call for the model as the upstream names it.
	EncodeRequest(r *llm.Request, upstreamModel string) (body.Message, error)
	// ReadAnswer reads a whole JSON answer. It refuses what is not one.
	ReadAnswer(c body.Content) (llm.Answer, error)
	// AppendCost renders, for llm.Answer.UsageAt, the cost in USD as an additional member of the usage.
	AppendCost(dst []byte, usd string) []byte
	// NewTap follows a stream; nil if there are no streams.
	NewTap(r *llm.Request) Tap
	// ReadFault reads an answer whose status is not 200 and keeps the content only if the fault says so.
	ReadFault(status int, h http.Header, c body.Content) *llm.Fault
	// MeasurePrompt bounds the prompt without counting it.
	MeasurePrompt(r *llm.Request) llm.Size
	// EstimatePrompt counts the prompt, for want of a report.
	EstimatePrompt(r *llm.Request, count Count) usage.Tokens
	// EstimateAnswer counts what a whole JSON answer says, for want of a report.
	EstimateAnswer(c body.Content, count Count) usage.Tokens
}

// Step is what to do with an event of a stream.
type Step uint8

// The steps.
const (
	Pass    Step = iota // goes to the client
	Hide                // was asked for by the relay, not by the client
	Usage               // goes to the client and carries the usage
	End                 // the stream is whole
	Failed              // the upstream says that it failed
	Garbage             // not of this dialect
)

// Seen is what an event of a stream means for the relay.
type Seen struct {
	Step    Step
	Content bool     // it says something; the first such event commits the answer
	Cut     llm.Span // part of the data that is there because the relay asked for the usage; empty: none
}

// Tap reads along in a stream that passes through. It is used by one goroutine.
type Tap interface {
	// Event reads the data of one event.
	Event(data []byte) Seen
	// AppendCost renders an event whose step is Usage, with the cost added.
	AppendCost(dst, data []byte, usd string) []byte
	// Answer is what was learnt so far.
	Answer() llm.Answer
	// EstimateOutput counts what came, for want of a report.
	EstimateOutput(count Count) usage.Tokens
	// Close gives the tap's memory back.
	Close()
}

// Registry finds the Egress of a provider's dialect for a capability. It is filled once and then only read.
type Registry map[Key]Egress

// Key names an Egress.
type Key struct{ Dialect, Capability string }
