package openaichat

import (
	"bytes"
	"fmt"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// parsing is a request on its way into the neutral form.
type parsing struct {
	p      *llm.Prompt
	notes  *llm.Notes
	err    error
	legacy map[string]llm.Text // the ids of the last calls of functions that have none in their format
}

// Parse implements dialect.Client.
func (*Chat) Parse(r *llm.Request, n *llm.Notes) (*llm.Prompt, error) {
	n.Words = fieldNames
	d := &parsing{p: &llm.Prompt{Client: openai.Dialect, MaxOutput: r.MaxOutput, Choices: r.Choices}, notes: n}
	c := guard.NewCursor(r.Content.Open())
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		d.member(string(k), &c)
	}
	if c.Bad() {
		d.fail("", "The request body is not JSON.")
	}
	return d.p, d.err
}

func (d *parsing) fail(param, format string, args ...any) {
	if d.err == nil {
		d.err = apperr.New(apperr.InvalidRequest, format, args...).WithParam(param)
	}
}

func (d *parsing) member(name string, c *guard.Cursor) {
	p := d.p
	switch name {
	case "model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n", "usage":
		c.Skip()
	case "messages":
		d.each(c, name, d.message)
	case "tools":
		d.each(c, name, d.tool)
	case "functions":
		d.each(c, name, func(_ string, c *guard.Cursor) { p.Tools = append(p.Tools, d.function(c)) })
		p.Parallel = llm.No // the answer has room for one call
	case "tool_choice", "function_call":
		d.choice(name, c)
	case "parallel_tool_calls":
		p.Parallel = wire.Tri(c)
	case "temperature":
		p.Temperature = wire.Number(c)
	case "top_p":
		p.TopP = wire.Number(c)
	case "top_k":
		p.TopK = wire.Number(c)
	case "seed":
		p.Seed = wire.Number(c)
	case "presence_penalty":
		p.Presence = wire.Number(c)
	case "frequency_penalty":
		p.Frequency = wire.Number(c)
	case "stop":
		if c.Kind() == guard.String {
			p.Stop = append(p.Stop, wire.Text(c))
			return
		}
		d.each(c, name, func(_ string, c *guard.Cursor) { p.Stop = append(p.Stop, wire.Text(c)) })
	case "response_format":
		d.format(c)
	case "reasoning_effort":
		if e, ok := llm.ParseEffort(string(wire.Text(c))); ok {
			p.Reasoning.Effort = e
		}
	case "user", "safety_identifier":
		if t := wire.Text(c); len(t) > 0 {
			p.User = t
		}
	case "service_tier":
		p.Tier = wire.Text(c)
	case "logprobs":
		p.Probs.Asked = c.Kind() == guard.True
		d.extra(name, c)
	case "top_logprobs":
		at := *c
		p.Probs.Top = wire.Number(&at)
		d.extra(name, c)
	case "web_search_options":
		if c.Kind() == guard.Object {
			d.search(c)
			return
		}
		c.Skip()
	case "modalities":
		raw := llm.Raw(c.Raw())
		if string(raw) != `["text"]` {
			p.Extras = append(p.Extras, llm.Extra{Name: name, Value: raw})
		}
	default:
		d.extra(name, c)
	}
}

// search reads how the model shall look things up in the web.
func (d *parsing) search(c *guard.Cursor) {
	s := &llm.WebSearch{Field: "web_search_options", Must: true}
	wire.Object(c, func(k string) {
		if k == "user_location" {
			s.Place = wire.ReadPlace(c)
			return
		}
		c.Skip()
	})
	d.p.Search = s
}

// extra keeps a member that has no neutral form, or one that not every upstream has.
func (d *parsing) extra(name string, c *guard.Cursor) {
	d.p.Extras = append(d.p.Extras, llm.Extra{Name: name, Value: llm.Raw(c.Raw())})
}

// each calls visit for each element of a list; visit reads it.
func (d *parsing) each(c *guard.Cursor, name string, visit func(at string, c *guard.Cursor)) {
	switch c.Kind() {
	case guard.Array:
		i := 0
		for ok := c.Array(); ok; ok = c.More() {
			visit(fmt.Sprintf("%s[%d]", name, i), c)
			i++
		}
	case guard.Null:
		c.Skip()
	default:
		c.Skip()
		d.fail(name, "%s must be a list.", name)
	}
}

// message reads a message. What tools answered becomes a part of the user's turn.
func (d *parsing) message(at string, c *guard.Cursor) {
	var t llm.Turn
	var id llm.Text
	var calls, thoughts []llm.Block
	role := ""
	wire.Object(c, func(k string) {
		switch k {
		case "role":
			role = string(wire.Text(c))
		case "name":
			t.Name = wire.Text(c)
		case "content":
			t.Blocks = append(t.Blocks, d.content(at, c)...)
		case "refusal":
			if said := wire.Text(c); len(said) > 0 {
				t.Blocks = append(t.Blocks, llm.Block{Kind: llm.Refusal, Text: said})
				d.notes.Approx("messages.refusal")
			}
		case "tool_call_id":
			id = wire.Text(c)
		case "tool_calls":
			d.each(c, at+".tool_calls", func(_ string, c *guard.Cursor) { calls = append(calls, d.call(c)) })
		case "function_call":
			if c.Kind() == guard.Object {
				call := functionOf(c)
				call.ID = d.legacyID(call.Name, true)
				calls = append(calls, call)
				return
			}
			c.Skip()
		case "reasoning_details":
			d.each(c, at+".reasoning_details", func(_ string, c *guard.Cursor) { thoughts = append(thoughts, thought(c)) })
		case "reasoning_content": // its vendor takes it back; it has no signature
			if said := wire.Text(c); len(said) > 0 && len(thoughts) == 0 {
				thoughts = append(thoughts, llm.Block{Kind: llm.Thinking, Text: said})
			}
		default:
			c.Skip()
		}
	})
	switch role {
	case "system", "developer":
		if len(d.p.Turns) == 0 {
			d.p.System = append(d.p.System, t.Blocks...)
			return
		}
		t.Role = llm.System
	case "user":
		t.Role = llm.User
	case "assistant":
		t.Role = llm.Assistant
		t.Blocks = append(append(signed(thoughts), t.Blocks...), calls...)
	case "tool":
		t = llm.Turn{Blocks: []llm.Block{{Kind: llm.ToolResult, ID: id, Result: t.Blocks}}}
	case "function":
		t = llm.Turn{Blocks: []llm.Block{{Kind: llm.ToolResult, ID: d.legacyID(t.Name, false), Result: t.Blocks}}}
	default:
		d.fail(at+".role", "%s.role must be system, developer, user, assistant or tool.", at)
	}
	d.p.Turns = append(d.p.Turns, t)
}

// legacyID names the call of a function, or the last one of those that had its name: two calls of one name are two calls.
func (d *parsing) legacyID(name llm.Text, called bool) llm.Text {
	id, known := d.legacy[string(name)]
	switch {
	case !known:
		id = name
	case called:
		id = append(bytes.Clone(id), "_2"...)
	}
	if called {
		if d.legacy == nil {
			d.legacy = map[string]llm.Text{}
		}
		d.legacy[string(name)] = id
	}
	return id
}

// signed leaves the thoughts that came with their details, if any did: reasoning_content repeats their text.
func signed(thoughts []llm.Block) []llm.Block {
	var out []llm.Block
	for _, t := range thoughts {
		if len(t.Sealed.Data) > 0 {
			out = append(out, t)
		}
	}
	if out == nil {
		return thoughts
	}
	return out
}

// thought reads an entry of reasoning_details, as OpenRouter's API names them.
func thought(c *guard.Cursor) llm.Block {
	b := llm.Block{Kind: llm.Thinking}
	wire.Object(c, func(k string) {
		switch k {
		case "text", "summary":
			b.Text = wire.Text(c)
		case "signature":
			if t := wire.Text(c); len(t) > 0 {
				b.Sealed = wire.Unseal(t, openai.Dialect, false)
			}
		case "data":
			if t := wire.Text(c); len(t) > 0 {
				b.Sealed = wire.Unseal(t, openai.Dialect, true)
			}
		default:
			c.Skip()
		}
	})
	return b
}

func (d *parsing) call(c *guard.Cursor) llm.Block {
	var id llm.Text
	b := llm.Block{Kind: llm.ToolCall}
	wire.Object(c, func(k string) {
		switch {
		case k == "id":
			id = wire.Text(c)
		case (k == "function" || k == "custom") && c.Kind() == guard.Object:
			sealed := b.Sealed
			b = functionOf(c)
			b.Sealed = sealed
			if k == "custom" {
				b.Text = openai.WrapInput(b.Text)
			}
		case k == "extra_content":
			b.Sealed = geminiSignature(c)
		default:
			c.Skip()
		}
	})
	b.ID = id
	return b
}

// geminiSignature reads where the OpenAI-compatible endpoint of Gemini has clients carry the signature of a call.
func geminiSignature(c *guard.Cursor) (s llm.Sealed) {
	wire.Object(c, func(k string) {
		if k != "google" {
			c.Skip()
			return
		}
		wire.Object(c, func(k string) {
			if k == "thought_signature" {
				s = llm.Sealed{Origin: wire.CallSealer, Data: wire.Text(c)}
				return
			}
			c.Skip()
		})
	})
	return s
}

// functionOf reads the call of a function.
func functionOf(c *guard.Cursor) llm.Block {
	b := llm.Block{Kind: llm.ToolCall}
	wire.Object(c, func(k string) {
		switch k {
		case "name":
			b.Name = wire.Text(c)
		case "arguments", "input":
			if c.Kind() == guard.Object { // of vendors that do not put JSON into a text
				b.Text = wire.Escape(nil, c.Raw())
				return
			}
			b.Text = wire.Text(c)
		default:
			c.Skip()
		}
	})
	return b
}
