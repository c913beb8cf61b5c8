package anthropic

import (
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/dialect/schema"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// A model that cannot be held to a form of its answer is made to call a tool that has this form. What it calls it with is its
// answer: readers know the tool by its name.
const (
	answerTool    = "starlane_answer"
	answerToolUse = "Gives the answer to the user. Call it once, in place of an answer in words."
)

// answerForm finds the form of the answer, by the API's rules or by those for tools.
func (e *encoding) answerForm() {
	f := &e.p.Format
	switch {
	case f.Kind == llm.FreeText:
		return
	case f.Kind == llm.JSONObject:
		e.notes.Approx("response_format")
		return
	case !e.can.Format && e.can.ForcedTools && !e.budgeted && isObject(f.Schema):
		e.notes.Approx("response_format")
		e.form, e.byTool = f.Schema, true
		return
	case !e.can.Format: // another answer than the one asked for
		e.notes.Reject("response_format")
		return
	}
	form, changed, err := schema.Anthropic(f.Schema)
	if err != nil {
		e.notes.Reject("response_format")
		return
	}
	if changed {
		e.notes.Approx("response_format")
	}
	e.form = form
}

// isObject tells whether a schema is one of objects, as those of tools have to be.
func isObject(form llm.Raw) (yes bool) {
	c := guard.NewCursor(form)
	wire.Object(&c, func(k string) {
		if k == "type" {
			yes = string(wire.Text(&c)) == "object"
			return
		}
		c.Skip()
	})
	return yes
}

// forceAnswer has the model call the tool of the answer, or, where the client has tools too, any.
func (e *encoding) forceAnswer() {
	e.Key("tool_choice")
	e.Open('{')
	e.Key("type")
	if len(e.p.Tools) > 0 && e.p.Choice.Mode != llm.ChoiceNone {
		e.String("any")
	} else {
		e.String("tool")
		e.Key("name")
		e.String(answerTool)
	}
	e.Key("disable_parallel_tool_use")
	e.Bool(true)
	e.Close('}')
}
