package dialect

import (
	"net/http"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Client is the side of a chat format that faces clients.
type Client interface {
	Ingress
	// Parse gives the neutral form of a request that DecodeRequest has taken. What it refers to lies in the request's content.
	Parse(r *llm.Request, n *llm.Notes) (*llm.Prompt, error)
	// NewWriter renders an answer as a stream.
	NewWriter(r *llm.Request) Writer
	// AppendAnswer renders a whole answer. usageAt is as in llm.Answer.
	AppendAnswer(dst []byte, r *llm.Request, c *llm.Completion) (out []byte, usageAt int)
	// MeasurePrompt and EstimatePrompt are as in Egress.
	MeasurePrompt(r *llm.Request) llm.Size
	EstimatePrompt(r *llm.Request, count Count) usage.Tokens
}

// Writer renders the events of one answer. Blocks come one after the other: each is closed before the next is opened.
type Writer interface {
	// Append renders an event. It may keep what it learns from it for later.
	Append(dst []byte, e *llm.Event) []byte
	// AppendEnd renders what stands at the end, behind the Stop: the usage and the mark of the end. cost is in USD, empty if the
	// client did not ask for it.
	AppendEnd(dst []byte, counts usage.Counts, cost string) []byte
}

// FailureWriter is a Writer, or a Reader of bytes that pass through, of a format whose streams end with an error that depends
// on what came before it. So is a Tap.
type FailureWriter interface {
	// AppendFailure is AppendStreamError of the Ingress, in its place.
	AppendFailure(dst []byte, e *apperr.Error, requestID string) []byte
}

// appendFailure asks whoever may know; nothing comes of one that does not.
func appendFailure(dst []byte, who any, e *apperr.Error, requestID string) []byte {
	if f, ok := who.(FailureWriter); ok {
		return f.AppendFailure(dst, e, requestID)
	}
	return dst
}

// Target is the model that a request is rendered for.
type Target struct {
	Model     string       // as the upstream names it
	MaxOutput usage.Tokens // longest answer, 0 if unknown
	Search    bool         // it may search the web: there is a price for that
}

// Searcher is an Upstream some of whose models search the web on their own.
type Searcher interface {
	Searches() bool
}

// OneSearcher is a Searcher whose usage tells no searches: an answer to a request for searches is one.
type OneSearcher interface {
	Searcher
	OneSearch()
}

// Upstream is the side of a chat format that faces upstreams.
type Upstream interface {
	// Path is where a call goes, below the base URL.
	Path(stream bool, model string) string
	// BillsCacheWrites tells whether what a request marks for a cache has a price of its own.
	BillsCacheWrites() bool
	// Encode renders a request. Notes say what could not be kept.
	Encode(p *llm.Prompt, to Target, stream bool, n *llm.Notes) ([]byte, error)
	// NewReader reads a stream.
	NewReader() Reader
	// ReadWhole reads a JSON answer into events. False: it is none.
	ReadWhole(src []byte, to llm.Sink) bool
	// ReadFault is as in Egress. The message is the upstream's own about a mistake of the client, empty if it is about nothing
	// else or is not fit to be shown.
	ReadFault(status int, h http.Header, c body.Content) (f *llm.Fault, message string)
}

// LongAnswerer is an Upstream that does not give answers in one piece that may take long.
type LongAnswerer interface {
	// Long tells whether a call is one of those.
	Long(p *llm.Prompt, to Target) bool
}

// TextKeeper is a Reader that tells where a text is from only if it keeps the text.
type TextKeeper interface{ KeepText() }

// Reader turns the events of an upstream's stream into neutral ones.
type Reader interface {
	// Read reads the data of one event. The step is Pass, End, Failed or Garbage.
	Read(data []byte, to llm.Sink) Step
}

// Meter is what a tap asks the pipeline.
type Meter interface {
	// Count counts the tokens of a text.
	Count(text []byte) usage.Tokens
	// Priced tells whether the model that answers has a price for a class.
	Priced(class usage.Class) bool
	// Cost prices counts, in USD.
	Cost(c usage.Counts) string
}
