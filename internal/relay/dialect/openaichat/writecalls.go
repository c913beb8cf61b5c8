package openaichat

import (
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// callForm is how a client hears of a call.
type callForm uint8

const (
	functionCall callForm = iota
	customCall            // of a tool whose input is free text
	legacyCall            // as the API had it before there were several calls in an answer
)

// callForms are those of one client.
type callForms struct {
	legacy bool
	custom map[string]bool // by the names of tools
}

// formsOf reads which of the client's tools are called otherwise than functions.
func formsOf(r *llm.Request) *callForms {
	f := &callForms{}
	c := guard.NewCursor(r.Content.Open())
	wire.Object(&c, func(k string) {
		if k == "functions" {
			f.legacy = true
		}
		if k != "tools" {
			c.Skip()
			return
		}
		wire.List(&c, func() {
			wire.Object(&c, func(k string) {
				if k != "custom" {
					c.Skip()
					return
				}
				if f.custom == nil {
					f.custom = map[string]bool{}
				}
				f.custom[string(functionOf(&c).Name)] = true
			})
		})
	})
	return f
}

// of is the form of a call by the name of its tool.
func (f *callForms) of(name llm.Text) callForm {
	switch {
	case f.custom[string(name)]:
		return customCall
	case f.legacy:
		return legacyCall
	default:
		return functionCall
	}
}

// appendCall writes what a call is.
func appendCall(b *wire.Builder, form callForm, id, name, arguments llm.Text) {
	kind, member := "function", "arguments"
	if form == customCall {
		kind, member = "custom", "input"
	}
	b.Key("id")
	b.Text(id)
	b.Key("type")
	b.String(kind)
	b.Key(kind)
	b.Open('{')
	b.Key("name")
	b.Text(name)
	b.Key(member)
	b.Text(arguments)
	b.Close('}')
}

// appendCalls writes the calls of a whole answer.
func appendCalls(b *wire.Builder, c *llm.Completion, forms *callForms) (calls bool) {
	for i := range c.Blocks {
		block := &c.Blocks[i]
		if block.Kind != llm.ToolCall {
			continue
		}
		form := forms.of(block.Name)
		if form == legacyCall { // the answer has room for one
			b.Key("function_call")
			b.Open('{')
			b.Key("name")
			b.Text(block.Name)
			b.Key("arguments")
			b.Text(block.Text)
			b.Close('}')
			return true
		}
		if !calls {
			calls = true
			b.Key("tool_calls")
			b.Open('[')
		}
		said := block.Text
		if form == customCall {
			said = openai.UnwrapInput(said)
		}
		b.Open('{')
		appendCall(b, form, block.ID, block.Name, said)
		appendSignature(b, block.Sealed)
		b.Close('}')
	}
	if calls {
		b.Close(']')
	}
	return calls
}

// openCall announces a call. Of an answer that has room for one the others are not told.
func (w *writer) openCall(dst []byte, e *llm.Event) []byte {
	if w.calls == nil {
		w.calls = formsOf(w.request)
	}
	w.call++
	w.form, w.input = w.calls.of(e.Name), nil
	switch w.form {
	case legacyCall:
		return w.legacyDelta(dst, func(b *wire.Builder) {
			b.Key("name")
			b.Text(e.Name)
			b.Key("arguments")
			b.String("")
		})
	case customCall:
		w.input = &openai.Unwrapping{}
	case functionCall:
	}
	return w.toolCall(dst, func(b *wire.Builder) {
		appendCall(b, w.form, e.ID, e.Name, nil)
		appendSignature(b, e.Sealed)
	})
}

func (w *writer) toolCall(dst []byte, fill func(b *wire.Builder)) []byte {
	return w.chunk(dst, func(b *wire.Builder) {
		b.Key("tool_calls")
		b.Open('[')
		b.Open('{')
		b.Key("index")
		b.Int(int64(w.call))
		fill(b)
		b.Close('}')
		b.Close(']')
	})
}

func (w *writer) legacyDelta(dst []byte, fill func(b *wire.Builder)) []byte {
	if w.call > 0 {
		return dst
	}
	return w.chunk(dst, func(b *wire.Builder) {
		b.Key("function_call")
		b.Open('{')
		fill(b)
		b.Close('}')
	})
}

// callDelta writes a piece of the arguments of the open call, or of the input that they hold.
func (w *writer) callDelta(dst []byte, said llm.Text) []byte {
	kind, member := "function", "arguments"
	switch w.form {
	case legacyCall:
		return w.legacyDelta(dst, func(b *wire.Builder) {
			b.Key(member)
			b.Text(said)
		})
	case customCall:
		kind, member = "custom", "input"
		if said = w.input.Add(nil, said); len(said) == 0 {
			return dst
		}
	case functionCall:
	}
	return w.callPiece(dst, kind, member, said)
}

func (w *writer) callPiece(dst []byte, kind, member string, said llm.Text) []byte {
	return w.toolCall(dst, func(b *wire.Builder) {
		b.Key(kind)
		b.Open('{')
		b.Key(member)
		b.Text(said)
		b.Close('}')
	})
}

// closeInput writes what is left of the input of a custom tool.
func (w *writer) closeInput(dst []byte) []byte {
	rest := w.input.Rest(nil)
	if w.input = nil; len(rest) == 0 {
		return dst
	}
	return w.callPiece(dst, "custom", "input", rest)
}
