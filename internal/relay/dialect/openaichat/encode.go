package openaichat

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/fate"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/llm"
)

const (
	maxStops  = 4
	maxCallID = 40 // bytes that the API takes
)

// Upstream is the side of the format that faces upstreams, for clients of other formats.
type Upstream struct{ *Chat }

var _ dialect.Upstream = Upstream{}

// Path implements dialect.Upstream.
func (Upstream) Path(bool, string) string { return "/chat/completions" }

// BillsCacheWrites implements dialect.Upstream: the cache there works by itself.
func (Upstream) BillsCacheWrites() bool { return false }

// encoding is a request on its way out.
type encoding struct {
	wire.Builder
	p     *llm.Prompt
	can   traits
	notes *llm.Notes
	ids   wire.IDs
}

// Encode implements dialect.Upstream.
func (Upstream) Encode(p *llm.Prompt, to dialect.Target, stream bool, n *llm.Notes) ([]byte, error) {
	p.FilterTools(n)
	p.SkipSearch(n)
	e := &encoding{p: p, can: traitsOf(to.Model), notes: n, ids: wire.NewIDs(maxCallID)}
	e.Open('{')
	e.Key("model")
	e.String(to.Model)
	if stream {
		e.Key("stream")
		e.Bool(true)
		e.Key("stream_options")
		e.Raw(llm.Raw(`{"include_usage":true}`))
	}
	e.messages()
	e.tools()
	e.choice()
	e.bounds()
	e.form()
	fate.Apply(openai.Dialect, p, n)
	e.Close('}')
	return e.B, nil
}

func (e *encoding) messages() {
	e.Key("messages")
	e.Open('[')
	e.system(e.p.System)
	for i := range e.p.Turns {
		switch t := &e.p.Turns[i]; t.Role {
		case llm.System:
			e.system(t.Blocks)
		case llm.Assistant:
			e.assistant(t.Blocks)
		case llm.User:
			e.user(t)
		}
	}
	e.Close(']')
}

func (e *encoding) begin(role string) {
	e.Open('{')
	e.Key("role")
	e.String(role)
}

func (e *encoding) system(blocks []llm.Block) {
	if len(blocks) == 0 {
		return
	}
	e.begin("system")
	e.Key("content")
	e.parts(blocks)
	e.Close('}')
}

// parts writes texts and media: a single text as itself.
func (e *encoding) parts(blocks []llm.Block) {
	if len(blocks) == 1 && blocks[0].Kind == llm.TextBlock {
		e.Text(blocks[0].Text)
		return
	}
	e.Open('[')
	for i := range blocks {
		e.part(&blocks[i])
	}
	e.Close(']')
}

func (e *encoding) part(b *llm.Block) {
	switch b.Kind {
	case llm.TextBlock, llm.Refusal:
		if len(b.Text) == 0 {
			return
		}
		e.Open('{')
		e.Key("type")
		e.String("text")
		e.Key("text")
		e.Text(b.Text)
		e.Close('}')
	case llm.Image:
		e.image(&b.Media)
	case llm.Audio:
		e.Open('{')
		e.Key("type")
		e.String("input_audio")
		e.Key("input_audio")
		e.Open('{')
		e.Key("data")
		e.Text(b.Media.Data)
		e.Key("format")
		e.Text(bytes.TrimPrefix(b.Media.Type, []byte("audio/")))
		e.Close('}')
		e.Close('}')
	case llm.Document:
		e.document(b)
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
	e.String("image_url")
	e.Key("image_url")
	e.Open('{')
	e.Key("url")
	e.address(m)
	e.Close('}')
	e.Close('}')
}

// address writes where media is: its own address, or its data as one.
func (e *encoding) address(m *llm.Media) {
	if len(m.Data) == 0 {
		e.Text(m.URL)
		return
	}
	uri := append(append(append(llm.Text("data:"), m.Type...), ";base64,"...), m.Data...)
	e.Text(uri)
}

func (e *encoding) document(b *llm.Block) {
	switch {
	case len(b.Media.File) > 0:
		e.notes.Reject("document.source.file_id")
	case len(b.Media.URL) > 0:
		e.notes.Reject("document.source.url")
	case len(b.Media.Data) > 0:
		e.Open('{')
		e.Key("type")
		e.String("file")
		e.Key("file")
		e.Open('{')
		e.Key("filename")
		if len(b.Name) > 0 {
			e.Text(b.Name)
		} else {
			e.String("document.pdf")
		}
		e.Key("file_data")
		e.address(&b.Media)
		e.Close('}')
		e.Close('}')
	default:
		e.notes.Approx("document")
		for i := range b.Result {
			e.part(&b.Result[i])
		}
	}
}

// assistant writes a turn of the model. Thoughts of other vendors are not for this one.
func (e *encoding) assistant(blocks []llm.Block) {
	var said, calls []llm.Block
	for i := range blocks {
		switch b := &blocks[i]; b.Kind {
		case llm.ToolCall:
			calls = append(calls, *b)
		case llm.TextBlock, llm.Refusal:
			if len(b.Text) > 0 {
				said = append(said, *b)
			}
		case llm.Thinking, llm.Image, llm.Audio, llm.Document, llm.ToolResult:
		}
	}
	if len(said)+len(calls) == 0 {
		return
	}
	e.begin("assistant")
	e.Key("content")
	if len(said) == 0 {
		e.Null()
	} else {
		e.parts(said)
	}
	if len(calls) > 0 {
		e.Key("tool_calls")
		e.Open('[')
		for i := range calls {
			e.call(&calls[i])
		}
		e.Close(']')
	}
	e.Close('}')
}

func (e *encoding) call(b *llm.Block) {
	e.Open('{')
	e.Key("id")
	e.String(e.ids.Name(b.ID))
	e.Key("type")
	e.String("function")
	e.Key("function")
	e.Open('{')
	e.Key("name")
	e.Text(b.Name)
	e.Key("arguments")
	if len(b.Text) == 0 {
		e.String("{}")
	} else {
		e.Text(b.Text)
	}
	e.Close('}')
	e.Close('}')
}

// user writes a user's turn: what tools answered, each in a message of its own, then pictures out of those answers, then the
// rest.
func (e *encoding) user(t *llm.Turn) {
	var rest, pictures []llm.Block
	for i := range t.Blocks {
		if b := &t.Blocks[i]; b.Kind == llm.ToolResult {
			pictures = append(pictures, e.result(b)...)
		} else {
			rest = append(rest, *b)
		}
	}
	if rest = append(pictures, rest...); len(rest) == 0 {
		return
	}
	e.begin("user")
	if len(t.Name) > 0 {
		e.Key("name")
		e.Text(t.Name)
	}
	e.Key("content")
	e.parts(rest)
	e.Close('}')
}

// result writes what a tool answered and returns what a tool message cannot hold.
func (e *encoding) result(b *llm.Block) (media []llm.Block) {
	var said llm.Text
	if b.Failed {
		e.notes.Approx("tool_result.is_error")
		said = append(said, "[tool error] "...)
	}
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
	e.begin("tool")
	e.Key("tool_call_id")
	e.String(e.ids.Name(b.ID))
	e.Key("content")
	e.Text(said)
	e.Close('}')
	return media
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
		if t.Strict != llm.Unsaid {
			e.Key("strict")
			e.Bool(t.Strict == llm.Yes)
		}
		e.Close('}')
		e.Close('}')
	}
	e.Close(']')
	if e.p.Parallel != llm.Unsaid {
		e.Key("parallel_tool_calls")
		e.Bool(e.p.Parallel == llm.Yes)
	}
}

func (e *encoding) choice() {
	if len(e.p.Tools) == 0 {
		return
	}
	switch e.p.Choice.Mode {
	case llm.ChoiceUnsaid:
		return
	case llm.ChoiceNamed:
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
	case llm.ChoiceAuto, llm.ChoiceNone, llm.ChoiceAny:
	}
	e.Key("tool_choice")
	e.String(map[llm.ChoiceMode]string{llm.ChoiceAuto: "auto", llm.ChoiceNone: "none", llm.ChoiceAny: "required"}[e.p.Choice.Mode])
}

// bounds writes what bounds the answer and how it is drawn.
func (e *encoding) bounds() {
	if e.p.MaxOutput > 0 {
		if e.can.OldBound {
			e.Key("max_tokens")
		} else {
			e.Key("max_completion_tokens")
		}
		e.Int(e.p.MaxOutput)
	}
	if e.p.Choices > 1 {
		e.Key("n")
		e.Int(e.p.Choices)
	}
	if e.p.Probs.Asked {
		e.probs()
	}
	e.sampled("temperature", e.p.Temperature)
	e.sampled("top_p", e.p.TopP)
	e.sampled("presence_penalty", e.p.Presence)
	e.sampled("frequency_penalty", e.p.Frequency)
	if e.p.Seed != nil {
		e.Key("seed")
		e.Raw(e.p.Seed)
	}
	if e.p.TopK != nil {
		e.notes.Drop("top_k")
	}
	if len(e.p.Stop) > maxStops {
		e.notes.Reject("stop")
	}
	if len(e.p.Stop) > 0 {
		e.Key("stop")
		e.Open('[')
		for _, s := range e.p.Stop[:min(len(e.p.Stop), maxStops)] {
			e.Text(s)
		}
		e.Close(']')
	}
}

// probs asks for the probabilities of the tokens. Models that are not drawn from at will tell none.
func (e *encoding) probs() {
	if !e.can.Sampling {
		e.notes.Reject("logprobs")
		return
	}
	e.Key("logprobs")
	e.Bool(true)
	if top := e.p.Probs.Top; top != nil {
		e.Key("top_logprobs")
		e.Raw(top)
	}
}

func (e *encoding) sampled(name string, value llm.Raw) {
	switch {
	case value == nil:
	case e.can.Sampling:
		e.Key(name)
		e.Raw(value)
	default:
		e.notes.Drop(name)
	}
}

// effort writes how much the model shall think. That one that does not think shall not is no loss.
func (e *encoding) effort() {
	asked, near := openai.EffortOf(&e.p.Reasoning)
	if asked == llm.EffortUnsaid {
		return
	}
	effort, same, ok := e.can.effort(asked)
	switch {
	case !ok && asked == llm.EffortNone:
		return
	case !ok:
		e.notes.Drop("thinking")
		return
	case near:
		e.notes.Approx("thinking.budget")
	case !same:
		e.notes.Approx("thinking")
	}
	e.Key("reasoning_effort")
	e.String(effort.String())
}

// form writes what shapes the answer, and who asks.
func (e *encoding) form() {
	switch f := &e.p.Format; f.Kind {
	case llm.JSONSchema:
		e.Key("response_format")
		e.Open('{')
		e.Key("type")
		e.String("json_schema")
		e.Key("json_schema")
		e.Open('{')
		e.Key("name")
		if len(f.Name) > 0 {
			e.Text(f.Name)
		} else {
			e.String("answer")
		}
		e.Key("schema")
		e.Raw(f.Schema)
		e.Close('}')
		e.Close('}')
	case llm.JSONObject:
		e.Key("response_format")
		e.Raw(llm.Raw(`{"type":"json_object"}`))
	case llm.FreeText:
	}
	e.effort()
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
