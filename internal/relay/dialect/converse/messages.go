package converse

import (
	"strconv"
	"strings"

	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// messages writes the turns: neighbours of one role become one, and the first one is the user's.
func (e *encoding) messages() {
	e.Key("messages")
	e.Open('[')
	turns := e.turns()
	if len(turns) > 0 && turns[0].Role == llm.Assistant {
		e.notes.Approx("messages")
		e.Raw(llm.Raw(`{"role":"user","content":[{"text":"(continue)"}]}`))
	}
	for i := range turns {
		e.turn(&turns[i])
	}
	e.Close(']')
}

// turns brings the results of tools to the front of their turn, where the API wants them.
func (e *encoding) turns() []llm.Turn {
	out := wire.Turns(e.p, e.notes, nil)
	for i := range out {
		if out[i].Role == llm.User {
			out[i].Blocks = wire.ResultsFirst(out[i].Blocks)
		}
	}
	return out
}

func (e *encoding) turn(t *llm.Turn) {
	mark := len(e.B)
	e.Open('{')
	e.Key("role")
	e.String(map[llm.Role]string{llm.User: "user", llm.Assistant: "assistant"}[t.Role])
	e.Key("content")
	e.Open('[')
	before := len(e.B)
	said, shown := false, false
	for i := range t.Blocks {
		b := &t.Blocks[i]
		said = said || b.Kind == llm.TextBlock && !wire.Blank(b.Text)
		shown = shown || b.Kind == llm.Document
		at := len(e.B)
		e.block(b)
		if len(e.B) > at {
			e.cache(b.Cache, e.can.Cache)
		}
	}
	if len(e.B) == before { // the API takes no empty turn
		e.B = e.B[:mark]
		return
	}
	if shown && !said { // nor a document of which nobody says a word
		e.text(llm.Text("(see the document)"))
		e.notes.Approx("file.file_data")
	}
	e.Close(']')
	e.Close('}')
}

// text writes a text, unless it is blank, which the API refuses.
func (e *encoding) text(t llm.Text) {
	if wire.Blank(t) {
		return
	}
	e.Open('{')
	e.Key("text")
	e.Text(t)
	e.Close('}')
}

func (e *encoding) block(b *llm.Block) {
	switch b.Kind {
	case llm.TextBlock, llm.Refusal:
		e.text(b.Text)
	case llm.Image:
		e.image(b)
	case llm.Document:
		e.document(b)
	case llm.Audio:
		e.notes.Reject("input_audio")
	case llm.Thinking:
		e.thought(b)
	case llm.ToolCall:
		input, ok := wire.Arguments(b.Text)
		if !ok {
			e.notes.Approx("tool_calls.function.arguments")
		}
		e.Open('{')
		e.Key("toolUse")
		e.Open('{')
		e.Key("toolUseId")
		e.String(e.ids.Name(b.ID))
		e.Key("name")
		e.Text(b.Name)
		e.Key("input")
		e.Raw(input)
		e.Close('}')
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
	e.Open('{')
	e.Key("reasoningContent")
	e.Open('{')
	if b.Sealed.Alone {
		e.Key("redactedContent")
		e.Text(b.Sealed.Data)
	} else {
		e.Key("reasoningText")
		e.Open('{')
		e.Key("text")
		e.Text(b.Text)
		e.Key("signature")
		e.Text(b.Sealed.Data)
		e.Close('}')
	}
	e.Close('}')
	e.Close('}')
}

func (e *encoding) result(b *llm.Block) {
	e.Open('{')
	e.Key("toolResult")
	e.Open('{')
	e.Key("toolUseId")
	e.String(e.ids.Name(b.ID))
	e.Key("content")
	e.Open('[')
	before := len(e.B)
	for i := range b.Result {
		if part := &b.Result[i]; part.Kind == llm.TextBlock || part.Kind == llm.Image || part.Kind == llm.Document {
			e.block(part)
		}
	}
	if len(e.B) == before { // here a blank text is fine, and no content at all is not
		e.Raw(llm.Raw(`{"text":""}`))
	}
	e.Close(']')
	if b.Failed {
		e.Key("status")
		e.String("error")
	}
	e.Close('}')
	e.Close('}')
}

// imageFormats are the API's names of types of pictures, documentFormats of documents.
var (
	imageFormats = map[string]string{ //nolint:gochecknoglobals // a constant table
		"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp",
	}
	documentFormats = map[string]string{ //nolint:gochecknoglobals // a constant table
		"application/pdf": "pdf", "text/csv": "csv", "text/html": "html", "text/plain": "txt", "text/markdown": "md",
		"application/msword": "doc", "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
		"application/vnd.ms-excel": "xls", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
	}
)

func plain(t llm.Text) string {
	s, err := guard.Unquote(t)
	if err != nil {
		return string(t)
	}
	return s
}

func (e *encoding) image(b *llm.Block) {
	format := imageFormats[plain(b.Media.Type)]
	if format == "" || len(b.Media.Data) == 0 { // the API fetches nothing
		e.notes.Reject("image_url")
		return
	}
	e.media("image", format, "", b.Media.Data)
}

func (e *encoding) document(b *llm.Block) {
	m := &b.Media
	switch format := documentFormats[plain(m.Type)]; {
	case len(m.File) > 0:
		e.notes.Reject("file.file_id")
	case len(m.Data) > 0 && format != "":
		e.media("document", format, e.title(plain(b.Name)), m.Data)
	case len(m.Data)+len(m.URL) > 0:
		e.notes.Reject("document")
	default: // made of texts
		for i := range b.Result {
			e.block(&b.Result[i])
		}
	}
}

func (e *encoding) media(kind, format, name string, data llm.Text) {
	e.Open('{')
	e.Key(kind)
	e.Open('{')
	e.Key("format")
	e.String(format)
	if name != "" {
		e.Key("name")
		e.String(name)
	}
	e.Key("source")
	e.Open('{')
	e.Key("bytes")
	e.Text(data)
	e.Close('}')
	e.Close('}')
	e.Close('}')
}

// title is a name of a document that the API takes and that no other document of the request has.
func (e *encoding) title(name string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-()[]", r):
			return r
		case r == ' ':
			return r
		default:
			return '-'
		}
	}, name)
	clean = strings.Join(strings.Fields(clean), " ")
	if clean == "" {
		clean = "document"
	}
	unique := clean
	for n := 2; e.titles[unique]; n++ {
		unique = clean + " (" + strconv.Itoa(n) + ")"
	}
	if name != "" && unique != name {
		e.notes.Approx("file.filename")
	}
	e.titles[unique] = true
	return unique
}
