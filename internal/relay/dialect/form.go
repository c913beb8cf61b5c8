package dialect

import (
	"encoding/json"
	"errors"

	"starlane/internal/relay/dialect/schema"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// formField is what the schema of an answer is called.
const formField = "response_format"

// maxForm bounds an answer, and a schema, that are checked against each other.
const maxForm = 128 << 10

// formCheck looks whether an answer fits the form that its client asked for: rules that a vendor does not know are only words to it.
type formCheck struct {
	form llm.Raw
	text llm.Text // of the first answer
	over bool     // it is longer than is checked, or calls tools
}

func newFormCheck(r *llm.Request) formCheck {
	return formCheck{form: r.Schema, over: len(r.Schema) == 0 || len(r.Schema) > maxForm}
}

// take follows an answer.
func (f *formCheck) take(e *llm.Event) {
	switch {
	case f.over || e.Choice > 0:
	case e.Kind == llm.Open && e.What != llm.TextBlock && e.What != llm.Thinking:
		f.over = true
	case e.Kind == llm.Delta && e.What == llm.TextBlock:
		f.over = len(f.text)+len(e.Text) > maxForm
		f.text = append(f.text, e.Text...)
	}
}

// warn notes what is not as the client may take it to be: an answer of which a part is lost, an end whose reason nobody knows, and the
// form of an answer.
func (f *formCheck) warn(n *llm.Notes, reason llm.Reason, lost bool) (late []string) {
	if lost {
		late = append(late, n.Lost("content"))
	}
	switch {
	case reason == llm.OtherReason:
		late = append(late, n.Near("finish_reason"))
	case f.unfit(reason):
		late = append(late, n.Unmet(formField))
	}
	return late
}

// unfit tells whether an answer that ended for a reason of its own does not fit. What cannot be checked fits.
func (f *formCheck) unfit(reason llm.Reason) bool {
	if f.over || reason != llm.EndOfTurn && reason != llm.StopString {
		return false
	}
	plain, err := guard.Unquote(f.text)
	if err != nil || !json.Valid([]byte(plain)) {
		return true
	}
	return errors.Is(schema.Validate(f.form, []byte(plain)), schema.ErrMismatch)
}
