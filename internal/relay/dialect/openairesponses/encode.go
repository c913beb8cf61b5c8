package openairesponses

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/fate"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

const (
	maxCallID = 64 // bytes that the API takes
	minOutput = 16 // the least bound on an answer that it takes
)

// Path implements dialect.Upstream.
func (*Responses) Path(bool, string) string { return "/responses" }

// BillsCacheWrites implements dialect.Upstream: the cache there works by itself.
func (*Responses) BillsCacheWrites() bool { return false }

// encoding is a request on its way out.
type encoding struct {
	wire.Builder
	p     *llm.Prompt
	notes *llm.Notes
	ids   wire.IDs
}

// Encode implements dialect.Upstream. The vendor keeps nothing: the thoughts come encrypted, and go back with the conversation.
func (*Responses) Encode(p *llm.Prompt, to dialect.Target, stream bool, n *llm.Notes) ([]byte, error) {
	p.FilterTools(n)
	p.SkipSearch(n)
	e := &encoding{p: p, notes: n, ids: wire.NewIDs(maxCallID)}
	e.Open('{')
	e.Key("model")
	e.String(to.Model)
	e.Key("store")
	e.Bool(false)
	if stream {
		e.Key("stream")
		e.Bool(true)
	}
	e.reasoning()
	e.input()
	e.tools()
	e.choice()
	e.bounds()
	e.form()
	fate.Apply(Dialect, p, n)
	e.Close('}')
	return e.B, nil
}

// reasoning writes how the model shall think. Models that do not think refuse to include thoughts.
func (e *encoding) reasoning() {
	r := &e.p.Reasoning
	effort, near := openai.EffortOf(r)
	if near {
		e.notes.Approx("thinking.budget")
	}
	if effort == llm.EffortUnsaid && !r.Adaptive {
		return
	}
	e.Key("reasoning")
	e.Open('{')
	if effort != llm.EffortUnsaid {
		e.Key("effort")
		e.String(effort.String())
	}
	if !r.Hidden && effort != llm.EffortNone {
		e.Key("summary")
		e.String("auto")
	}
	e.Close('}')
	if effort != llm.EffortNone {
		e.Key("include")
		e.Open('[')
		e.String(encryptedContent)
		e.Close(']')
	}
}

func (e *encoding) input() {
	e.Key("input")
	e.Open('[')
	e.message("developer", "input_text", e.p.System)
	for i := range e.p.Turns {
		switch t := &e.p.Turns[i]; t.Role {
		case llm.System:
			e.message("developer", "input_text", t.Blocks)
		case llm.Assistant:
			e.assistant(t.Blocks)
		case llm.User:
			e.user(t)
		}
	}
	e.Close(']')
}

// message writes a message whose texts are parts of one type.
func (e *encoding) message(role, textType string, blocks []llm.Block) {
	if len(blocks) == 0 {
		return
	}
	mark := len(e.B)
	e.Open('{')
	e.Key("role")
	e.String(role)
	e.Key("content")
	e.Open('[')
	before := len(e.B)
	for i := range blocks {
		e.part(textType, &blocks[i])
	}
	if len(e.B) == before {
		e.B = e.B[:mark]
		return
	}
	e.Close(']')
	e.Close('}')
}

func (e *encoding) part(textType string, b *llm.Block) {
	switch b.Kind {
	case llm.TextBlock, llm.Refusal:
		if len(b.Text) == 0 {
			return
		}
		e.Open('{')
		e.Key("type")
		e.String(textType)
		e.Key("text")
		e.Text(b.Text)
		e.Close('}')
	case llm.Image:
		e.image(&b.Media)
	case llm.Audio:
		e.notes.Reject("input_audio")
	case llm.Document:
		e.document(textType, b)
	case llm.Thinking, llm.ToolCall, llm.ToolResult:
	}
}

func (e *encoding) image(m *llm.Media) {
	if len(m.File) > 0 {
		e.notes.Reject("image.source.file_id")
		return
	}
	e.Open('{')
	e.Key("type")
	e.String("input_image")
	e.Key("image_url")
	e.address(m)
	e.Key("detail")
	if len(m.Detail) > 0 {
		e.Text(m.Detail)
	} else {
		e.String("auto")
	}
	e.Close('}')
}

// address writes where media is: its own address, or its data as one.
func (e *encoding) address(m *llm.Media) {
	if len(m.Data) == 0 {
		e.Text(m.URL)
		return
	}
	e.Text(bytes.Join([][]byte{[]byte("data:"), m.Type, []byte(";base64,"), m.Data}, nil))
}

func (e *encoding) document(textType string, b *llm.Block) {
	m := &b.Media
	if len(m.File) > 0 {
		e.notes.Reject("document.source.file_id")
		return
	}
	if len(m.Data)+len(m.URL) == 0 { // made of texts
		e.notes.Approx("document")
		for i := range b.Result {
			e.part(textType, &b.Result[i])
		}
		return
	}
	e.Open('{')
	e.Key("type")
	e.String("input_file")
	if len(m.Data) == 0 {
		e.Key("file_url")
		e.Text(m.URL)
	} else {
		e.Key("filename")
		if len(b.Name) > 0 {
			e.Text(b.Name)
		} else {
			e.String("document.pdf")
		}
		e.Key("file_data")
		e.address(m)
	}
	e.Close('}')
}

// assistant writes a turn of the model: each piece of it is an item, in the order in which they came.
func (e *encoding) assistant(blocks []llm.Block) {
	for i := range blocks {
		switch b := &blocks[i]; b.Kind {
		case llm.TextBlock, llm.Refusal:
			e.message("assistant", "output_text", blocks[i:i+1])
		case llm.ToolCall:
			e.call(b)
		case llm.Thinking:
			e.thought(b, blocks[i+1:])
		case llm.Image, llm.Audio, llm.Document, llm.ToolResult:
		}
	}
}

func (e *encoding) call(b *llm.Block) {
	e.Open('{')
	e.Key("type")
	e.String(itemCall)
	e.Key("call_id")
	e.String(e.ids.Name(b.ID))
	e.Key("name")
	e.Text(b.Name)
	e.Key("arguments")
	if len(b.Text) == 0 {
		e.String("{}")
	} else {
		e.Text(b.Text)
	}
	e.Close('}')
}

// thought gives a thought back to the vendor who encrypted it, under the id that it is bound to. The API takes none that leads
// to nothing. Thoughts of other vendors are not for this one.
func (e *encoding) thought(b *llm.Block, then []llm.Block) {
	id, encrypted, bound := bytes.Cut(b.Sealed.Data, []byte("."))
	if b.Sealed.Origin != Dialect || !bound || !leadsOn(then) {
		e.notes.Drop("reasoning")
		return
	}
	e.Open('{')
	e.Key("type")
	e.String(itemReasoning)
	if len(id) > 0 {
		e.Key("id")
		e.Text(id)
	}
	e.Key("summary")
	e.Open('[')
	if len(b.Text) > 0 {
		appendSummary(&e.Builder, b.Text)
	}
	e.Close(']')
	e.Key("encrypted_content")
	e.Text(encrypted)
	e.Close('}')
}

func leadsOn(then []llm.Block) bool {
	for i := range then {
		if b := &then[i]; b.Kind == llm.ToolCall || b.Kind != llm.Thinking && len(b.Text) > 0 {
			return true
		}
	}
	return false
}

// user writes a user's turn: what tools answered, each an item of its own, then the rest.
func (e *encoding) user(t *llm.Turn) {
	var rest []llm.Block
	for i := range t.Blocks {
		if b := &t.Blocks[i]; b.Kind == llm.ToolResult {
			e.result(b)
		} else {
			rest = append(rest, *b)
		}
	}
	e.message("user", "input_text", rest)
}

func (e *encoding) result(b *llm.Block) {
	e.Open('{')
	e.Key("type")
	e.String("function_call_output")
	e.Key("call_id")
	e.String(e.ids.Name(b.ID))
	e.Key("output")
	prefix := llm.Text("")
	if b.Failed {
		e.notes.Approx("tool_result.is_error")
		prefix = llm.Text("[tool error] ")
	}
	if said, all := joined(b.Result); all {
		e.Text(append(prefix, said...))
	} else {
		e.Open('[')
		e.part("input_text", &llm.Block{Kind: llm.TextBlock, Text: prefix})
		for i := range b.Result {
			e.part("input_text", &b.Result[i])
		}
		e.Close(']')
	}
	e.Close('}')
}

// joined is the text of blocks, and whether that is all of them.
func joined(blocks []llm.Block) (said llm.Text, all bool) {
	for i := range blocks {
		if b := &blocks[i]; b.Kind != llm.TextBlock {
			return nil, false
		}
		said = append(said, blocks[i].Text...)
	}
	return said, true
}

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
		e.Key("name")
		e.Text(t.Name)
		if len(t.Description) > 0 {
			e.Key("description")
			e.Text(t.Description)
		}
		e.Key("parameters")
		if t.Schema == nil {
			e.Raw(llm.Raw(`{"type":"object","properties":{}}`))
		} else {
			e.Raw(t.Schema)
		}
		e.Key("strict") // what it means to leave it out differs from other formats
		e.Bool(t.Strict == llm.Yes)
		e.Close('}')
	}
	e.Close(']')
	if e.p.Parallel != llm.Unsaid {
		e.Key("parallel_tool_calls")
		e.Bool(e.p.Parallel == llm.Yes)
	}
}

func (e *encoding) choice() {
	word := map[llm.ChoiceMode]string{llm.ChoiceAuto: "auto", llm.ChoiceNone: "none", llm.ChoiceAny: "required"}[e.p.Choice.Mode]
	switch {
	case len(e.p.Tools) == 0:
	case word != "":
		e.Key("tool_choice")
		e.String(word)
	case e.p.Choice.Mode == llm.ChoiceNamed:
		e.Key("tool_choice")
		e.Open('{')
		e.Key("type")
		e.String("function")
		e.Key("name")
		e.Text(e.p.Choice.Name)
		e.Close('}')
	}
}

// bounds writes what bounds the answer and how it is drawn.
func (e *encoding) bounds() {
	if most := e.p.MaxOutput; most > 0 {
		if most < minOutput {
			e.notes.Approx("max_tokens")
		}
		e.Key("max_output_tokens")
		e.Int(max(most, usage.Tokens(minOutput)))
	}
	if e.p.Temperature != nil {
		e.Key("temperature")
		e.Raw(e.p.Temperature)
	}
	if e.p.TopP != nil {
		e.Key("top_p")
		e.Raw(e.p.TopP)
	}
	if e.p.TopK != nil {
		e.notes.Drop("top_k")
	}
	if len(e.p.Stop) > 0 {
		e.notes.Reject("stop")
	}
	e.p.DropDraws(e.notes)
	if e.p.Choices > 1 {
		e.notes.Reject("n")
	}
}

// form writes what shapes the answer, and who asks.
func (e *encoding) form() {
	switch f := &e.p.Format; f.Kind {
	case llm.JSONSchema:
		e.Key("text")
		e.Open('{')
		e.Key("format")
		e.Open('{')
		e.Key("type")
		e.String("json_schema")
		e.Key("name")
		if len(f.Name) > 0 {
			e.Text(f.Name)
		} else {
			e.String("answer")
		}
		e.Key("schema")
		e.Raw(f.Schema)
		e.Key("strict")
		e.Bool(f.Strict == llm.Yes)
		e.Close('}')
		e.Close('}')
	case llm.JSONObject:
		e.Key("text")
		e.Raw(llm.Raw(`{"format":{"type":"json_object"}}`))
	case llm.FreeText:
	}
	if len(e.p.User) > 0 { // people are not told apart by their names
		sum := sha256.Sum256(e.p.User)
		e.Key("safety_identifier")
		e.String(hex.EncodeToString(sum[:]))
		e.notes.Approx("user")
	}
	if string(e.p.Tier) == "standard_only" {
		e.Key("service_tier")
		e.String("default")
	}
}
