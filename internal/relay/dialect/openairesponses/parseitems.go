package openairesponses

import (
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// inputItem is an item of a conversation as it is read.
type inputItem struct {
	kind, role               string
	id, callID, name, space  llm.Text
	arguments, input, sealed llm.Text
	content, output, summary []llm.Block
	phase                    bool
}

// item reads an item. What the model said and called becomes its turn; what tools answered becomes a part of the user's.
func (d *parsing) item(at string, c *guard.Cursor) {
	it := d.read(at, c)
	switch it.kind {
	case "", "message":
		d.message(at, &it)
	case "function_call":
		d.say(llm.Assistant, llm.Block{Kind: llm.ToolCall, ID: it.callID, Name: flat(it.space, it.name), Text: it.arguments})
	case "custom_tool_call":
		d.say(llm.Assistant, llm.Block{Kind: llm.ToolCall, ID: it.callID, Name: flat(it.space, it.name), Text: openai.WrapInput(it.input)})
	case "function_call_output", "custom_tool_call_output":
		d.say(llm.User, llm.Block{Kind: llm.ToolResult, ID: it.callID, Result: it.output})
	case "reasoning":
		d.say(llm.Assistant, it.thought())
	case "compaction", "compaction_summary": // a conversation that only its vendor can read
		d.notes.Reject("input.compaction")
	default: // tools of the vendor at work, and what is newer than this
		d.notes.Drop("input." + it.kind)
	}
}

// say adds to the last turn if it is of the same role, or begins one: neighbouring items are one turn in other formats.
func (d *parsing) say(role llm.Role, b llm.Block) {
	turns := d.p.Turns
	if n := len(turns); n > 0 && turns[n-1].Role == role && (role == llm.Assistant || answersTools(&turns[n-1])) {
		turns[n-1].Blocks = wire.AddBlock(turns[n-1].Blocks, b)
		return
	}
	d.p.Turns = append(turns, llm.Turn{Role: role, Blocks: []llm.Block{b}})
}

func answersTools(t *llm.Turn) bool {
	return len(t.Blocks) > 0 && t.Blocks[len(t.Blocks)-1].Kind == llm.ToolResult
}

func (d *parsing) read(at string, c *guard.Cursor) (it inputItem) {
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			it.kind = string(wire.Text(c))
		case "role":
			it.role = string(wire.Text(c))
		case "id":
			it.id = wire.Text(c)
		case "call_id":
			it.callID = wire.Text(c)
		case "name":
			it.name = wire.Text(c)
		case "namespace":
			it.space = wire.Text(c)
		case "arguments":
			it.arguments = wire.Text(c)
		case "input":
			it.input = wire.Text(c)
		case "encrypted_content":
			it.sealed = wire.Text(c)
		case "content":
			it.content = d.content(at+".content", c)
		case "output":
			it.output = d.content(at+".output", c)
		case "summary":
			it.summary = d.content(at+".summary", c)
		case "phase":
			it.phase = len(wire.Text(c)) > 0
		default:
			c.Skip()
		}
	})
	return it
}

func (d *parsing) message(at string, it *inputItem) {
	if it.phase {
		d.notes.Approx("input.phase")
	}
	t := llm.Turn{Blocks: it.content}
	switch it.role {
	case "system", "developer":
		if len(d.p.Turns) == 0 {
			d.p.System = append(d.p.System, it.content...)
			return
		}
		t.Role = llm.System
	case "user":
	case "assistant":
		for _, b := range it.content {
			d.say(llm.Assistant, b)
		}
		return
	default:
		d.fail(at+".role", "%s.role must be system, developer, user or assistant.", at)
	}
	d.p.Turns = append(d.p.Turns, t)
}

// content reads a text or a list of parts.
func (d *parsing) content(at string, c *guard.Cursor) (blocks []llm.Block) {
	if c.Kind() == guard.String {
		return []llm.Block{{Kind: llm.TextBlock, Text: wire.Text(c)}}
	}
	d.each(c, at, func(at string, c *guard.Cursor) { blocks = append(blocks, d.part(at, c)) })
	return blocks
}

func (d *parsing) part(at string, c *guard.Cursor) (b llm.Block) {
	kind := ""
	var url, data llm.Text
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			kind = string(wire.Text(c))
		case "text", "refusal":
			b.Text = wire.Text(c)
		case "image_url", "file_url":
			url = wire.Text(c)
		case "file_data":
			data = wire.Text(c)
		case "file_id":
			b.Media.File = wire.Text(c)
		case "detail":
			b.Media.Detail = wire.Text(c)
		case "filename":
			b.Name = wire.Text(c)
		case "input_audio":
			b.Media = audio(c)
		case "prompt_cache_breakpoint":
			b.Cache = cacheMark(c)
		default:
			c.Skip()
		}
	})
	switch kind {
	case "input_text", "output_text", "text", "summary_text", "reasoning_text":
		b.Kind = llm.TextBlock
	case "refusal":
		b.Kind = llm.Refusal
		d.notes.Approx("input.refusal")
	case "input_image":
		b.Kind = llm.Image
		if b.Media.URL = url; len(url) > 0 {
			if kind, data, ok := wire.DataURI(url); ok {
				b.Media.Type, b.Media.Data, b.Media.URL = wire.ImageType(kind, data), data, nil
			}
		}
	case "input_file":
		b.Kind = llm.Document
		b.Media.Type, b.Media.Data, b.Media.URL = llm.Text("application/pdf"), data, url
		if kind, data, ok := wire.DataURI(data); ok {
			b.Media.Type, b.Media.Data = kind, data
		}
	case "input_audio":
		b.Kind = llm.Audio
	default:
		d.fail(at+".type", "%s.type is not known: it may be input_text, input_image, input_file, input_audio, output_text or refusal.", at)
	}
	b.Media.At = at
	return b
}

func audio(c *guard.Cursor) (m llm.Media) {
	wire.Object(c, func(k string) {
		switch k {
		case "data":
			m.Data = wire.Text(c)
		case "format":
			m.Type = append(llm.Text("audio/"), wire.Text(c)...)
		default:
			c.Skip()
		}
	})
	return m
}

// cacheMark reads where the client wants a cache of the prompt to end.
func cacheMark(c *guard.Cursor) llm.TTL {
	if c.Kind() != guard.Object {
		c.Skip()
		return llm.NoCache
	}
	ttl := llm.Minutes5
	wire.Object(c, func(k string) {
		if t := wire.Text(c); k == "ttl" && string(t) == "12h" {
			ttl = llm.Hour1
		}
	})
	return ttl
}

// thought is a reasoning item. The vendor's own blob is bound to the item's id, so both stay together.
func (it *inputItem) thought() llm.Block {
	b := llm.Block{Kind: llm.Thinking}
	for _, part := range append(it.summary, it.content...) {
		if len(b.Text) > 0 {
			b.Text = append(b.Text, `\n\n`...)
		}
		b.Text = append(b.Text, part.Text...)
	}
	if len(it.sealed) > 0 {
		if b.Sealed = wire.Unseal(it.sealed, Dialect, true); b.Sealed.Origin == Dialect {
			b.Sealed.Data = bind(it.id, it.sealed)
		}
	}
	return b
}

// bind puts an encrypted thought and the id that it is bound to into one artifact. Ids have no dot.
func bind(id, encrypted llm.Text) llm.Text {
	return append(append(append(make(llm.Text, 0, len(id)+1+len(encrypted)), id...), '.'), encrypted...)
}
