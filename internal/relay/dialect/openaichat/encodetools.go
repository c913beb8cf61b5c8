package openaichat

import (
	"starlane/internal/relay/dialect/schema"
	"starlane/internal/relay/llm"
)

func (e *encoding) tools() {
	if len(e.p.Tools) == 0 {
		return
	}
	e.Key("tools")
	e.Open('[')
	for i := range e.p.Tools {
		t := &e.p.Tools[i]
		e.Open('{')
		e.Key("type")
		e.String("function")
		e.Key("function")
		e.Open('{')
		e.Key("name")
		e.Text(t.Name)
		if len(t.Description) > 0 {
			e.Key("description")
			e.Text(t.Description)
		}
		if t.Schema != nil {
			e.Key("parameters")
			e.Raw(t.Schema)
		}
		switch {
		case t.Strict == llm.Unsaid:
		case e.rules.Strict.Or(true):
			e.Key("strict")
			e.Bool(e.strict(t.Strict, t.Schema, "tools.strict"))
		case t.Strict == llm.Yes:
			e.notes.Approx("tools.strict")
		}
		e.Close('}')
		e.mark(t.Cache)
		e.Close('}')
	}
	e.Close(']')
	switch {
	case e.p.Parallel == llm.Unsaid:
	case e.rules.Parallel.Or(true):
		e.Key("parallel_tool_calls")
		e.Bool(e.p.Parallel == llm.Yes)
	case e.p.Parallel == llm.No:
		e.notes.Drop("parallel_tool_calls")
	}
}

// strict tells whether a schema that is to be kept to can be: OpenAI refuses a call with one that is not as strict as it wants it. Such
// a schema is sent all the same, as a wish.
func (e *encoding) strict(asked llm.Tri, form llm.Raw, field string) bool {
	if asked == llm.Yes && e.vendor == "" && !schema.OpenAIStrict(form) {
		e.notes.Approx(field)
		return false
	}
	return asked == llm.Yes
}

func (e *encoding) choice() {
	if len(e.p.Tools) == 0 {
		return
	}
	word, known := e.word()
	switch {
	case e.p.Choice.Mode == llm.ChoiceUnsaid:
		return
	case !known:
		e.notes.Reject("tool_choice")
		return
	case e.p.Choice.Mode == llm.ChoiceNamed:
		e.Key("tool_choice")
		e.Open('{')
		e.Key("type")
		e.String("function")
		e.Key("function")
		e.Open('{')
		e.Key("name")
		e.Text(e.p.Choice.Name)
		e.Close('}')
		e.Close('}')
		return
	}
	e.Key("tool_choice")
	e.String(word)
}

// word is what the vendor calls the choice; false if it has no word for it.
func (e *encoding) word() (string, bool) {
	word := map[llm.ChoiceMode]string{llm.ChoiceAuto: "auto", llm.ChoiceNone: "none", llm.ChoiceAny: "required", llm.ChoiceNamed: "named"}[e.p.Choice.Mode]
	if own, differs := e.rules.ToolChoice.Or(nil)[word]; differs {
		return own, own != ""
	}
	return word, true
}
