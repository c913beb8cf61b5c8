// Package llm is the neutral form of a model call: what every wire format says in its own words.
package llm

import (
	"fmt"
	"net/http"
	"time"

	"starlane/internal/platform/id"
	"starlane/internal/relay/body"
	"starlane/internal/usage"
)

// Request is a client's call as far as the relay looks into it. The rest stays in Content as it came.
type Request struct {
	Content    body.Content
	Model      string       // model or alias as asked
	Stream     bool         // the client wants events
	Gather     bool         // the client wants one piece, but the upstream is asked for events; set when the call is rendered
	WantsUsage bool         // the client wants the usage at the end of the stream
	WantsCost  bool         // the client wants the cost inside the usage
	MaxOutput  usage.Tokens // the client's bound on one answer, 0 if it set none
	Bound      usage.Tokens // the relay's bound where the client set none and the credit covers no more; 0 for none
	Choices    int64        // answers asked for, at least 1
	AudioOut   bool         // the answer is to be spoken
	Batch      bool         // several texts are given at once, where a format tells that from one
	Search     Search       // in the web, that the client asks for
	Searches   bool         // the upstream is asked for them; set when the call is rendered for another format
	Schema     Raw          // JSON Schema that the answer is to fit, in Content; set when the call is rendered for another format
	Tenant     id.ID        // whose request it is
	Framing    Framing      // of the stream
	ID         id.ID        // of the request, for answers that have none of their own
	Header     http.Header  // of the client's headers those that an upstream of its format is shown; may be nil
	Fetcher    Fetcher      // of media at addresses; nil: nobody fetches
	Notes      Notes        // what the translation for the upstream could not keep
	Stored     *Stored      // what its tenant's store has to do with it; nil for nothing
	Original   Original
	Media      *MediaCall // for pictures, speech and transcripts; nil for all else
}

// Stored ties a request to the responses that its tenant has stored.
type Stored struct {
	// Previous is the response that the client goes on from, empty for none. Its conversation is in the request's content.
	Previous string
	// Save stores the answer, and the list of items that it answers to. False: it could not. Nil: the client does not want it.
	Save func(id string, input, answer body.Content) bool
}

// Fetcher gets media at addresses for upstreams that take bytes alone.
type Fetcher interface {
	// Fetch puts bytes into the place of an address. Errors are apperr.
	Fetch(kind BlockKind, m *Media) error
}

// Framing is how a stream is laid out for the client.
type Framing uint8

// The framings.
const (
	Events     Framing = iota // server-sent events
	BareEvents                // the same without comments, at which some clients give up
	Array                     // the elements of one JSON array
)

// Search is what a client says of searches in the web by a tool of the vendor. The zero value asks for none.
type Search struct {
	Most  int64  // how many there may be, as far as it can be said
	Must  bool   // without them the answer would be another one than asked for
	Field string // the client's name of it
}

// UsualSearches bound a request that says nothing of how many searches there may be, for what is set aside. What goes beyond them
// is billed all the same.
const UsualSearches = 10

// Size is how large a prompt can be, found without counting it.
type Size struct {
	// Most is what it costs at most, in tokens: every token of a text takes a byte or more, a picture counts as a large one.
	Most usage.Tokens
	// Prompts is among how many prompts Most is divided, each of them at most a model's context long; 0 is one.
	Prompts int64
	// Open: it has documents, of which nobody can tell from their bytes how many tokens they cost.
	Open bool
	// Searches in the web that there may be. What they find becomes a part of the prompt, of any size.
	Searches int64
	// MaySkip: where they have no price the request goes without them.
	MaySkip bool
	// Also are the classes with prices of their own that tokens of the prompt may turn out to be of, besides plain text.
	Also []usage.Class
	// Instead are units of other classes that the request may be billed in in place of tokens, as many as there can be. Which of
	// them it is, and whether it is not tokens after all if Most is not 0, the prices of the model say.
	Instead []Units
	// Kept: the upstream writes prompts to its cache by itself, for which a model may have a price.
	Kept bool
	// Marks are the classes of what the client wants kept in a cache, where the upstream has a price for that.
	Marks []usage.Class
	// Ways are how a request is paid that is not paid by the tokens of its texts alone. All else here is empty then.
	Ways []Way
}

// Way is one way to pay for a request, for models that have a price for each of the classes in Most.
type Way struct {
	Most  usage.Counts // that it comes to
	Class usage.Class  // of what is owed though no answer is on record
	Owed  usage.Tokens
}

// Units is a number of units of a class.
type Units struct {
	Class usage.Class
	Most  int64
}

// Original locates in Content what an upstream of the same dialect needs changed. All else is passed through.
type Original struct {
	Dialect string
	Model   Span      // the model's name, quotes included
	Edits   [4]Change // further changes, in any order
	Bound   Blank     // where a bound on the answer is written
	// OldBound is the same by the name that compatible vendors know.
	OldBound Blank
	Refused  error // an apperr: why the request cannot pass to such an upstream as it is
}

// Blank is a place for a figure: what stands in Span is replaced by Before, the figure and After.
type Blank struct {
	Span
	Before, After string
}

// Span is the half-open range of bytes [From, To).
type Span struct{ From, To int }

// Change is an edit that may be absent.
type Change struct {
	Present bool
	Edit    body.Edit
}

// Answer is what a finished answer says about itself.
type Answer struct {
	Counts   usage.Counts
	Reported bool   // Counts came from the upstream
	UsageAt  int    // place in a JSON answer just behind the opening brace of its usage, 0 if it has none
	Finished bool   // the model said why it stopped
	Body     []byte // the answer in the client's format; nil: as the upstream sent it
}

// Phase is how far an upstream call came before it failed.
type Phase string

// The phases.
const (
	Dial   Phase = "dial"   // no connection
	Send   Phase = "send"   // no answer to the request
	Status Phase = "status" // an answer that says no, or that cannot be read
	Stream Phase = "stream" // in the middle of an answer
	Client Phase = "client" // the client left
)

// Kind says whose trouble a fault is and what helps.
type Kind uint8

// The kinds.
const (
	Transient Kind = iota // the upstream stumbled: another try may work
	Limited               // a rate limit of the account
	Exhausted             // the account has no quota or credit left
	Auth                  // the upstream key is refused
	Missing               // this upstream does not have the model
	Caller                // the request itself is at fault
	Gone                  // the client left
	Unfit                 // this upstream cannot do what the request asks for; Err says what, for the client
)

// String is the text for metrics and logs.
func (k Kind) String() string {
	return [...]string{"transient", "limited", "exhausted", "auth", "missing", "caller", "gone", "unfit"}[k]
}

// Fault is a failed upstream call. It never holds content in a printable form.
type Fault struct {
	Phase      Phase
	Kind       Kind
	Status     int           // HTTP status of the upstream, 0 if none came
	RetryAfter time.Duration // as the upstream asked for, 0 if it did not
	Timeout    bool          // the upstream was too slow
	Answer     body.Content  // for Caller: the upstream's error in the client's dialect; whoever gets the fault releases it
	Err        error         // for the log
}

// Error describes the fault for logs.
func (f *Fault) Error() string {
	if f.Err != nil {
		return fmt.Sprintf("upstream %s fault (%s, status %d): %v", f.Phase, f.Kind, f.Status, f.Err)
	}
	return fmt.Sprintf("upstream %s fault (%s, status %d)", f.Phase, f.Kind, f.Status)
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }
