package llm

import (
	"slices"
	"strings"

	"starlane/internal/platform/apperr"
)

// Notes say what a translation could not keep. Nothing is lost without a note, unless the table says that its loss means nothing.
type Notes struct {
	// Strict makes an error of each note, Lenient a note of each error.
	Strict, Lenient bool
	// Words are what the client's format calls a member, where that is not as OpenAI's has it.
	Words map[string]string
	list  []string
	err   error
}

// Drop notes that a member of the request was left out.
func (n *Notes) Drop(field string) { n.note("drop:", field) }

// Approx notes that a member was replaced by something near to it.
func (n *Notes) Approx(field string) { n.note("approx:", field) }

// Unmet notes that the answer is not what a member asked for. It is too late to refuse it. The text is for a stream, whose head is out.
func (n *Notes) Unmet(field string) string { return n.late("unmet:", field) }

// Near notes that a member of the answer stands for something that its format cannot say.
func (n *Notes) Near(field string) string { return n.late("approx:", field) }

// Lost notes that a part of the answer is left out.
func (n *Notes) Lost(field string) string { return n.late("drop:", field) }

func (n *Notes) late(what, field string) string {
	text := what + token(n.word(field))
	n.add(text)
	return text
}

// Reject notes that a member cannot be left out without another answer than the one asked for.
func (n *Notes) Reject(field string) {
	if n.Lenient {
		n.note("drop:", field)
		return
	}
	n.refuse(field)
}

// Refuse notes what even a lenient client cannot have.
func (n *Notes) refuse(field string) {
	if field = token(n.word(field)); n.err == nil {
		n.err = apperr.New(apperr.UnsupportedParam, "The model cannot do what %q asks for.", field).WithParam(field)
	}
}

func (n *Notes) note(what, field string) {
	if n.Strict {
		n.refuse(field)
		return
	}
	n.add(what + token(n.word(field)))
}

func (n *Notes) add(text string) {
	if len(n.list) >= maxNotes-1 {
		text = text[:strings.IndexByte(text, ':')+1] + "other" // what clients make up has no end
	}
	if !slices.Contains(n.list, text) {
		n.list = append(n.list, text)
	}
}

func (n *Notes) word(field string) string {
	if w, ok := n.Words[field]; ok {
		return w
	}
	return field
}

// maxNotes bounds a header that clients have to take: two for the rest are beyond it.
const maxNotes = 64

// token makes the name of a member fit for a header and an error: what clients call their members is up to them.
func token(field string) string {
	const longest = 64
	for i := range len(field) {
		if c := field[i]; c <= ' ' || c > '~' || c == ',' || c == '"' || i == longest {
			return "other"
		}
	}
	return field
}

// Err is the first thing that cannot be had, an apperr, or nil.
func (n *Notes) Err() error { return n.err }

// Reset forgets the notes, for another upstream.
func (n *Notes) Reset() { n.list, n.err = n.list[:0], nil }

// Header is the value of x-starlane-warnings, empty if there is nothing to say.
func (n *Notes) Header() string { return strings.Join(n.list, ", ") }
