package openaichat

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"starlane/internal/catalog/vendor"
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

// Fetches implements dialect.Fetching: documents have no addresses in this format.
func (Upstream) Fetches(b *llm.Block) bool { return b.Kind == llm.Document }

// encoding is a request on its way out.
type encoding struct {
	wire.Builder
	p     *llm.Prompt
	to    dialect.Target
	can   traits
	notes *llm.Notes
	ids   wire.IDs
	// vendor does otherwise by rules; those of OpenAI itself are none.
	vendor llm.Origin
	rules  *vendor.Rules
}

// Encode implements dialect.Upstream.
func (Upstream) Encode(p *llm.Prompt, to dialect.Target, stream bool, n *llm.Notes) ([]byte, error) {
	return (&encoding{p: p, to: to, notes: n, rules: &vendor.Rules{}}).encode(openai.Dialect, stream), nil
}

// encode writes the request. upstream is what the table of fates calls it.
func (e *encoding) encode(upstream string, stream bool) []byte {
	e.p.FilterTools(e.notes)
	e.can, e.ids = traitsOf(e.to.Model), wire.NewIDs(maxCallID)
	if length := e.rules.CallIDs.Or(0); length > 0 {
		e.ids = wire.NewExactIDs(length)
	}
	if !e.can.Search || e.vendor != "" || len(e.p.Tools) > 0 {
		e.p.SkipSearch(e.notes)
	}
	e.Open('{')
	e.Key("model")
	e.String(e.to.Model)
	if stream {
		e.Key("stream")
		e.Bool(true)
		if e.rules.StreamOptions.Or(true) {
			e.Key("stream_options")
			e.Raw(llm.Raw(`{"include_usage":true}`))
		}
	}
	e.messages()
	e.tools()
	e.choice()
	e.search()
	e.bounds()
	e.form()
	e.added()
	fate.Apply(upstream, e.p, e.notes)
	e.Close('}')
	return e.B
}

func (e *encoding) messages() {
	e.Key("messages")
	e.Open('[')
	e.system(e.withSchema(e.p.System))
	for i := range e.p.Turns {
		switch t := &e.p.Turns[i]; t.Role {
		case llm.System:
			if e.rules.MidSystem.Or(true) {
				e.system(t.Blocks)
				continue
			}
			e.notes.Approx("messages.role.system")
			tagged := wire.Tagged(t)
			e.user(&tagged)
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
	if len(blocks) == 1 && blocks[0].Kind == llm.TextBlock && !e.marks(blocks[0].Cache) {
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
		e.mark(b.Cache)
		e.Close('}')
	case llm.Image:
		e.image(&b.Media, b.Cache)
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

func (e *encoding) image(m *llm.Media, cache llm.TTL) {
	switch {
	case len(m.File) > 0:
		e.notes.Reject("image.source.file_id")
		return
	case len(m.Data) == 0 && !e.rules.ImageURLs.Or(true):
		e.notes.Reject("image_url")
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
	e.mark(cache)
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
	var said, calls, thoughts []llm.Block
	for i := range blocks {
		switch b := &blocks[i]; b.Kind {
		case llm.ToolCall:
			calls = append(calls, *b)
		case llm.TextBlock, llm.Refusal:
			if len(b.Text) > 0 {
				said = append(said, *b)
			}
		case llm.Thinking:
			thoughts = append(thoughts, *b)
		case llm.Image, llm.Audio, llm.Document, llm.ToolResult:
		}
	}
	if len(said)+len(calls) == 0 {
		return
	}
	e.begin("assistant")
	if len(calls) > 0 {
		e.thoughts(thoughts)
	}
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
	results := len(rest) < len(t.Blocks)
	if rest = append(pictures, rest...); len(rest) == 0 {
		return
	}
	if results && !e.rules.UserAfterTool.Or(true) {
		e.notes.Approx("messages")
		e.Raw(llm.Raw(understood))
	}
	e.begin("user")
	if len(t.Name) > 0 {
		if e.rules.Refused("messages.name", e.to.Model) {
			e.notes.Drop("messages.name")
		} else {
			e.Key("name")
			e.Text(t.Name)
		}
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

// bounds writes what bounds the answer and how it is drawn.
func (e *encoding) bounds() {
	if e.p.MaxOutput > 0 {
		e.Key(e.can.bound(e.rules))
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
	switch {
	case e.p.Seed == nil:
	case e.rules.Refused("seed", e.to.Model):
		e.notes.Drop("seed")
	default:
		e.Key(e.rules.Seed.Or("seed"))
		e.Raw(e.p.Seed)
	}
	switch {
	case e.p.TopK == nil:
	case slices.Contains(e.rules.Keeps.Or(nil), "top_k"):
		e.Key("top_k")
		e.Raw(e.p.TopK)
	default:
		e.notes.Drop("top_k")
	}
	most := e.rules.Stops.Or(maxStops)
	if e.rules.Refused("stop", e.to.Model) {
		most = 0
	}
	if len(e.p.Stop) > most {
		e.notes.Reject("stop")
	}
	if stop := e.p.Stop[:min(len(e.p.Stop), most)]; len(stop) > 0 {
		e.Key("stop")
		e.Open('[')
		for _, s := range stop {
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
	case e.can.Sampling && !e.rules.Refused(name, e.to.Model):
		e.Key(name)
		e.Raw(value)
	default:
		e.notes.Drop(name)
	}
}

// form writes what shapes the answer, and who asks.
func (e *encoding) form() {
	switch f := &e.p.Format; f.Kind {
	case llm.JSONSchema:
		if !e.rules.JSONSchema.Or(true) { // the schema is among the instructions
			e.notes.Approx("response_format")
			e.Key("response_format")
			e.Raw(llm.Raw(`{"type":"json_object"}`))
			break
		}
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
		if f.Strict != llm.Unsaid && e.vendor == "" {
			e.Key("strict")
			e.Bool(e.strict(f.Strict, f.Schema, "response_format"))
		}
		e.Close('}')
		e.Close('}')
	case llm.JSONObject:
		e.Key("response_format")
		e.Raw(llm.Raw(`{"type":"json_object"}`))
	case llm.FreeText:
	}
	e.think()
	if len(e.p.User) > 0 && e.vendor != "" {
		e.notes.Drop("user")
	} else if len(e.p.User) > 0 { // people are not told apart by their names
		sum := sha256.Sum256(e.p.User)
		e.Key("safety_identifier")
		e.String(hex.EncodeToString(sum[:]))
		e.notes.Approx("user")
	}
	if string(e.p.Tier) == "standard_only" && e.vendor == "" {
		e.Key("service_tier")
		e.String("default")
	}
}
