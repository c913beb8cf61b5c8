package gemini

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// unsigned stands in for the signature of a call that another vendor's model made, or whose client has lost it: so says the
// API's documentation on histories from elsewhere.
const unsigned = "skip_thought_signature_validator"

const (
	roleUser  = "user"
	roleModel = "model"
)

// contents writes the turns: neighbours of one role become one, and the first one is the user's.
func (e *encoding) contents() {
	e.Key("contents")
	e.Open('[')
	turns := wire.Turns(e.p, e.notes, nil)
	if len(turns) == 0 || turns[0].Role == llm.Assistant {
		e.notes.Approx("messages")
		e.Raw(llm.Raw(`{"role":"user","parts":[{"text":"(continue)"}]}`))
	}
	for i := range turns {
		if turns[i].Role == llm.Assistant {
			e.model(turns[i].Blocks)
		} else {
			e.user(turns[i].Blocks)
		}
	}
	e.Close(']')
}

// content writes a content with what fill writes; none if it writes nothing, for the API takes no empty one.
func (e *encoding) content(role string, fill func()) {
	mark := len(e.B)
	e.Open('{')
	e.Key("role")
	e.String(role)
	e.Key("parts")
	e.Open('[')
	before := len(e.B)
	fill()
	if len(e.B) == before {
		e.B = e.B[:mark]
		return
	}
	e.Close(']')
	e.Close('}')
}

// user writes a user's turn: what tools answered in a content of its own, as the API wants it behind the calls, then pictures
// out of those answers and the rest.
func (e *encoding) user(blocks []llm.Block) {
	var results, rest []llm.Block
	for i := range blocks {
		if blocks[i].Kind == llm.ToolResult {
			results = append(results, blocks[i])
		} else {
			rest = append(rest, blocks[i])
		}
	}
	slices.SortStableFunc(results, func(a, b llm.Block) int { return e.order[string(a.ID)] - e.order[string(b.ID)] })
	var media []llm.Block
	e.content(roleUser, func() {
		for i := range results {
			media = append(media, e.result(&results[i])...)
		}
	})
	e.content(roleUser, func() {
		for i := range media {
			e.part(&media[i])
		}
		for i := range rest {
			e.part(&rest[i])
		}
	})
}

// model writes a turn of the model. What it sealed goes back to where it was: with the call, or behind the texts.
func (e *encoding) model(blocks []llm.Block) {
	e.order = map[string]int{}
	e.content(roleModel, func() {
		var loose []llm.Text // signatures of texts, which some formats have before their texts
		spoke := false
		flush := func() {
			for _, s := range loose {
				e.said(nil, false, s)
			}
			loose = nil
		}
		for i := range blocks {
			switch b := &blocks[i]; b.Kind {
			case llm.Thinking:
				switch s := native(b.Sealed); {
				case s == nil || len(b.Text) > 0:
					e.thought(b, s)
				case spoke:
					e.said(nil, false, s)
				default:
					loose = append(loose, s)
				}
			case llm.ToolCall:
				signature := native(b.Sealed)
				flush()
				e.call(b, signature)
			default:
				e.part(b)
				spoke = true
			}
		}
		flush()
	})
}

// native is what this vendor sealed, nil for what others did.
func native(s llm.Sealed) llm.Text {
	if s.Origin != Dialect || len(s.Data) == 0 {
		return nil
	}
	return s.Data
}

// thought gives a thought back that was sealed together with its words. Summaries are of no use to the vendor, and thoughts of
// others mean nothing here.
func (e *encoding) thought(b *llm.Block, signature llm.Text) {
	switch {
	case signature != nil:
		e.said(b.Text, true, signature)
	case len(b.Sealed.Data) > 0:
		e.notes.Drop("reasoning")
	}
}

// said writes a text.
func (e *encoding) said(t llm.Text, thought bool, signature llm.Text) {
	e.Open('{')
	e.Key("text")
	e.Text(t)
	if thought {
		e.Key("thought")
		e.Bool(true)
	}
	e.signature(signature)
	e.Close('}')
}

func (e *encoding) signature(s llm.Text) {
	if len(s) > 0 {
		e.Key("thoughtSignature")
		e.Text(s)
	}
}

// call writes a call. Of several at once the first one has the signature.
func (e *encoding) call(b *llm.Block, signature llm.Text) {
	if signature == nil && len(e.order) == 0 && e.can.Signatures {
		signature = llm.Text(unsigned)
		e.notes.Approx("thought_signature")
	}
	e.names[string(b.ID)] = b.Name
	e.order[string(b.ID)] = len(e.order) + 1
	args, ok := wire.Arguments(b.Text)
	if !ok {
		e.notes.Approx("tool_calls.function.arguments")
	}
	e.Open('{')
	e.Key("functionCall")
	e.Open('{')
	e.callID(b.ID)
	e.Key("name")
	e.Text(b.Name)
	e.Key("args")
	e.Raw(args)
	e.Close('}')
	e.signature(signature)
	e.Close('}')
}

// callID writes the name of a call where the host knows such a thing.
func (e *encoding) callID(id llm.Text) {
	if e.at.callIDs {
		e.Key("id")
		e.String(e.ids.Name(id))
	}
}

// result writes what a tool answered and returns what the answer cannot hold.
func (e *encoding) result(b *llm.Block) (media []llm.Block) {
	var said llm.Text
	for i := range b.Result {
		switch part := &b.Result[i]; part.Kind {
		case llm.TextBlock, llm.Refusal:
			said = append(said, part.Text...)
		case llm.Image, llm.Document, llm.Audio:
			e.notes.Approx("tool_result.image")
			media = append(media, *part)
		case llm.Thinking, llm.ToolCall, llm.ToolResult:
		}
	}
	name := e.names[string(b.ID)]
	if name == nil {
		name = llm.Text(e.ids.Name(b.ID))
	}
	e.Open('{')
	e.Key("functionResponse")
	e.Open('{')
	e.callID(b.ID)
	e.Key("name")
	e.Text(name)
	e.Key("response")
	e.response(said, b.Failed)
	e.Close('}')
	e.Close('}')
	return media
}

// response writes an answer of a tool as the object that the API wants.
func (e *encoding) response(said llm.Text, failed bool) {
	plain, err := guard.Unquote(said)
	value := bytes.TrimSpace([]byte(plain))
	structured := !failed && err == nil && len(value) > 0 && (value[0] == '{' || value[0] == '[') && json.Valid(value)
	if structured && value[0] == '{' {
		e.Raw(value)
		return
	}
	e.Open('{')
	switch {
	case structured:
		e.Key("result")
		e.Raw(value)
	case failed:
		e.Key("error")
		e.Text(said)
	default:
		e.Key("result")
		e.Text(said)
	}
	e.Close('}')
}

// part writes a text or media.
func (e *encoding) part(b *llm.Block) {
	switch b.Kind {
	case llm.TextBlock, llm.Refusal:
		if s := native(b.Sealed); len(b.Text) > 0 || s != nil {
			e.said(b.Text, false, s)
		}
	case llm.Image, llm.Audio:
		e.media(b)
	case llm.Document:
		if len(b.Media.Data)+len(b.Media.URL)+len(b.Media.File) > 0 {
			e.media(b)
			return
		}
		for i := range b.Result { // made of texts
			e.part(&b.Result[i])
		}
	case llm.Thinking, llm.ToolCall, llm.ToolResult:
	}
}

func (e *encoding) media(b *llm.Block) {
	m := &b.Media
	if len(m.File) > 0 || len(m.Data) == 0 && !dialect.IsAddress(unescaped(m.URL)) { // what the account may read is not the client's
		e.notes.Reject("file.file_id")
		return
	}
	e.Open('{')
	if len(m.Data) > 0 {
		e.Key("inlineData")
		e.Open('{')
		e.Key("mimeType")
		e.Text(m.Type)
		e.Key("data")
		e.Text(m.Data)
	} else {
		e.Key("fileData")
		e.Open('{')
		e.Key("mimeType")
		e.String(typeOf(b))
		e.Key("fileUri")
		e.Text(m.URL)
	}
	e.Close('}')
	e.resolution(string(m.Detail))
	e.Close('}')
}

// unescaped is a text as it is meant.
func unescaped(t llm.Text) llm.Text {
	plain, _ := guard.Unquote(t)
	return llm.Text(plain)
}

// typeOf is the type of what stands at an address: as the client says, else as its name does.
func typeOf(b *llm.Block) string {
	if len(b.Media.Type) > 0 {
		return string(b.Media.Type)
	}
	address, _, _ := strings.Cut(string(b.Media.URL), "?")
	switch path.Ext(address) {
	case ".png":
		return "image/png"
	case ".webp":
		return "image/webp"
	case ".gif":
		return "image/gif"
	case ".pdf":
		return "application/pdf"
	}
	if b.Kind == llm.Document {
		return "application/pdf"
	}
	return "image/jpeg"
}

// resolution writes how closely the model shall look at a picture.
func (e *encoding) resolution(detail string) {
	level := map[string]string{"low": "LOW", "high": "HIGH", "original": "ULTRA_HIGH"}[detail]
	if level == "" || !e.can.Resolution {
		return
	}
	e.Key("mediaResolution")
	e.Open('{')
	e.Key("level")
	e.String("MEDIA_RESOLUTION_" + level)
	e.Close('}')
}
