package llm

import "starlane/internal/usage"

// Form is what the answer is made of if it is no stream.
func (r *Request) Form() Form {
	if r.Media == nil {
		return Object
	}
	return r.Media.Answer
}

// MediaCall is what the relay knows of a request for pictures, speech or a transcript.
type MediaCall struct {
	Path    string // of the call, below the base URL
	Type    string // content type of a body that is a form, with its boundary; empty: JSON
	Text    Span   // the prompt, or what is to be said: within Content, without quotes
	Escaped bool   // Text is escaped as in JSON
	Answer  Form   // if it is no stream

	Pictures int64        // that come with the request
	Each     usage.Tokens // that a picture asked for costs at most
	Parts    int64        // that are shown of a picture before it is finished

	Seconds     int64 // that a recording lasts
	MostSeconds int64 // that it may last
	Header      bool  // its header says so
}

// Form is what an answer is made of.
type Form uint8

// The forms.
const (
	Object Form = iota // JSON
	Lines              // a text, read as a whole
	Bytes              // passed through as they come
)
