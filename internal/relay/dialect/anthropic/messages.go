package anthropic

import (
	"bytes"

	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/llm"
)

// messages writes the turns: neighbours of one role become one, and the first one is the user's.
func (e *encoding) messages() {
	e.Key("messages")
	e.Open('[')
	turns := e.turns()
	if len(turns) > 0 && turns[0].Role == llm.Assistant {
		e.notes.Approx("messages")
		e.Raw(llm.Raw(`{"role":"user","content":[{"type":"text","text":"(continue)"}]}`))
	}
	for i := range turns {
		e.turn(&turns[i])
	}
	e.Close(']')
}

// turns brings the results of tools to the front of their turn, where the API wants them.
func (e *encoding) turns() []llm.Turn {
	out := wire.Turns(e.p, e.notes, e.inPlace)
	for i := range out {
		if out[i].Role == llm.User {
			out[i].Blocks = wire.ResultsFirst(out[i].Blocks)
		}
	}
	return out
}

// inPlace tells whether the model takes an instruction where it stands: behind a turn of the user, and before the model's or last.
func (e *encoding) inPlace(i int, soFar []llm.Turn) bool {
	n := len(soFar)
	return e.can.MidSystem && n > 0 && soFar[n-1].Role == llm.User && (i+1 == len(e.p.Turns) || e.p.Turns[i+1].Role == llm.Assistant)
}

func (e *encoding) turn(t *llm.Turn) {
	mark := len(e.B)
	e.Open('{')
	e.Key("role")
	e.String(map[llm.Role]string{llm.User: "user", llm.Assistant: "assistant", llm.System: "system"}[t.Role])
	e.Key("content")
	e.Open('[')
	before := len(e.B)
	for i := range t.Blocks {
		e.block(&t.Blocks[i])
	}
	if len(e.B) == before { // the API takes no empty turn
		e.B = e.B[:mark]
		return
	}
	e.Close(']')
	e.Close('}')
}

func (e *encoding) block(b *llm.Block) {
	switch b.Kind {
	case llm.TextBlock, llm.Refusal:
		if !wire.Blank(b.Text) {
			e.text(b.Text, b.Cache)
		}
	case llm.Image:
		e.media("image", b)
	case llm.Document:
		e.document(b)
	case llm.Audio:
		e.notes.Reject("input_audio")
	case llm.Thinking:
		e.thought(b)
	case llm.ToolCall:
		e.Open('{')
		e.Key("type")
		e.String("tool_use")
		e.Key("id")
		e.String(e.ids.Name(b.ID))
		e.Key("name")
		e.Text(b.Name)
		e.Key("input")
		e.Raw(e.arguments(b.Text))
		e.cache(b.Cache)
		e.Close('}')
	case llm.ToolResult:
		e.result(b)
	}
}

// thought gives a thought back to the vendor who sealed it. Other vendors' thoughts mean nothing here.
func (e *encoding) thought(b *llm.Block) {
	if b.Sealed.Origin != Dialect || len(b.Sealed.Data) == 0 {
		e.notes.Drop("reasoning")
		return
	}
	if b.Sealed.Alone && bytes.HasPrefix(b.Sealed.Data, []byte(blockMark)) {
		if block := unsealBlock(&b.Sealed); block != nil {
			e.Raw(block)
		} else {
			e.notes.Drop("reasoning")
		}
		return
	}
	e.Open('{')
	e.Key("type")
	if b.Sealed.Alone {
		e.String("redacted_thinking")
		e.Key("data")
	} else {
		e.String("thinking")
		e.Key("thinking")
		e.Text(b.Text)
		e.Key("signature")
	}
	e.Text(b.Sealed.Data)
	e.Close('}')
}

func (e *encoding) result(b *llm.Block) {
	e.Open('{')
	e.Key("type")
	e.String("tool_result")
	e.Key("tool_use_id")
	e.String(e.ids.Name(b.ID))
	e.Key("content")
	e.Open('[')
	for i := range b.Result {
		if part := &b.Result[i]; part.Kind == llm.TextBlock || part.Kind == llm.Image || part.Kind == llm.Document {
			e.block(part)
		}
	}
	e.Close(']')
	if b.Failed {
		e.Key("is_error")
		e.Bool(true)
	}
	e.cache(b.Cache)
	e.Close('}')
}

func (e *encoding) document(b *llm.Block) {
	switch {
	case len(b.Media.File) > 0:
		e.notes.Reject("file.file_id")
	case len(b.Media.Data)+len(b.Media.URL) > 0:
		e.media("document", b)
	default: // made of texts
		for i := range b.Result {
			e.block(&b.Result[i])
		}
	}
}

// media writes a picture or a document.
func (e *encoding) media(kind string, b *llm.Block) {
	m := &b.Media
	if len(m.File) > 0 {
		e.notes.Reject("file_id")
		return
	}
	if len(m.Data) == 0 && e.at != nil { // hosts fetch nothing
		e.notes.Reject(kind + "_url")
		return
	}
	e.Open('{')
	e.Key("type")
	e.String(kind)
	e.Key("source")
	e.Open('{')
	e.Key("type")
	if len(m.Data) > 0 {
		e.String("base64")
		e.Key("media_type")
		e.Text(m.Type)
		e.Key("data")
		e.Text(m.Data)
	} else {
		e.String("url")
		e.Key("url")
		e.Text(m.URL)
	}
	e.Close('}')
	if kind == "document" && len(b.Name) > 0 {
		e.Key("title")
		e.Text(b.Name)
	}
	e.cache(b.Cache)
	e.Close('}')
}
