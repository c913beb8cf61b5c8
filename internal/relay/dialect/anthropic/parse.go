package anthropic

import (
	"bytes"
	"slices"
	"strconv"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// billingHeader begins a block that one client puts before its instructions on each call. It varies and means nothing to
// other vendors, where it would only spoil the cache of the prompt.
const billingHeader = "x-anthropic-billing-header:"

// words are what the format calls members that others know too.
var words = map[string]string{ //nolint:gochecknoglobals // a constant table
	"stop": "stop_sequences", "user": "metadata.user_id", "reasoning_effort": "output_config.effort",
	"finish_reason": "stop_reason", "response_format": "output_config.format", "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
	"max_completion_tokens": "max_tokens", "tool_calls.function.arguments": "tool_use.input",
	"reasoning": "thinking", "thought_signature": "tool_use", "thinking": "thinking", "image_url": "image.source.url", "document_url": "document.source.url", "file.file_data": "document",
	"file.filename": "document.title", "file.file_id": "document.source.file_id", "file_id": "image.source.file_id", "tools": "tools",
}

// parsing is a request on its way into the neutral form.
type parsing struct {
	p     *llm.Prompt
	notes *llm.Notes
	err   error
}

// Parse implements dialect.Client.
func (*Messages) Parse(r *llm.Request, n *llm.Notes) (*llm.Prompt, error) {
	n.Words = words
	d := &parsing{p: &llm.Prompt{Client: Dialect, MaxOutput: r.MaxOutput, Choices: 1}, notes: n}
	c := guard.NewCursor(r.Content.Open())
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		d.member(string(k), &c)
	}
	if d.err == nil && c.Bad() {
		d.fail("", "The request body is not JSON.")
	}
	return d.p, d.err
}

func (d *parsing) fail(param, message string) {
	if d.err == nil {
		d.err = apperr.New(apperr.InvalidRequest, "%s", message).WithParam(param)
	}
}

func (d *parsing) member(name string, c *guard.Cursor) {
	p := d.p
	switch name {
	case "model", "max_tokens", "stream":
		c.Skip()
	case "system":
		p.System = d.content(c, "system")
		for len(p.System) > 0 && bytes.HasPrefix(p.System[0].Text, []byte(billingHeader)) {
			p.System = p.System[1:]
		}
	case "messages":
		d.messages(c)
	case "tools":
		d.tools(c)
	case "tool_choice":
		d.choice(c)
	case "temperature":
		p.Temperature = wire.Number(c)
	case "top_p":
		p.TopP = wire.Number(c)
	case "top_k":
		p.TopK = wire.Number(c)
	case "stop_sequences":
		d.each(c, name, func(int) {
			if text, ok := c.Text(); ok {
				p.Stop = append(p.Stop, text)
			}
		})
	case "thinking":
		d.thinking(c)
	case "output_config":
		d.output(c)
	case "metadata":
		wire.Object(c, func(k string) {
			if k == "user_id" && c.Kind() == guard.String {
				p.User, _ = c.Text()
				return
			}
			c.Skip()
		})
	case "service_tier":
		if c.Kind() == guard.String {
			p.Tier, _ = c.Text()
		} else {
			c.Skip()
		}
	default:
		if c.Kind() == guard.Null {
			c.Skip()
			return
		}
		p.Extras = append(p.Extras, llm.Extra{Name: name, Value: llm.Raw(c.Raw())})
	}
}

// each calls visit for each element of a list; visit reads it.
func (d *parsing) each(c *guard.Cursor, name string, visit func(i int)) {
	switch c.Kind() {
	case guard.Array:
		i := 0
		for ok := c.Array(); ok; ok = c.More() {
			visit(i)
			i++
		}
	case guard.Null:
		c.Skip()
	default:
		c.Skip()
		d.fail(name, name+": Input should be a valid list.")
	}
}

func (d *parsing) messages(c *guard.Cursor) {
	d.each(c, "messages", func(i int) {
		at := "messages." + strconv.Itoa(i)
		var t llm.Turn
		role := ""
		wire.Object(c, func(k string) {
			switch k {
			case "role":
				role = string(wire.Text(c))
			case "content":
				t.Blocks = d.content(c, at+".content")
			default:
				c.Skip()
			}
		})
		switch role {
		case "user":
			t.Role = llm.User
		case "assistant":
			t.Role = llm.Assistant
		case "system":
			t.Role = llm.System
		default:
			d.fail(at+".role", at+".role: Input should be 'user', 'assistant' or 'system'.")
		}
		d.p.Turns = append(d.p.Turns, t)
	})
}

// content reads a text or a list of blocks.
func (d *parsing) content(c *guard.Cursor, at string) []llm.Block {
	if c.Kind() == guard.String {
		t, _ := c.Text()
		return []llm.Block{{Kind: llm.TextBlock, Text: t}}
	}
	var blocks []llm.Block
	d.each(c, at, func(i int) {
		if b, ok := d.block(c, at+"."+strconv.Itoa(i)); ok {
			blocks = wire.AddBlock(blocks, b)
		}
	})
	return blocks
}

// block reads a block; false if it says nothing to another vendor.
func (d *parsing) block(c *guard.Cursor, at string) (b llm.Block, ok bool) {
	kind, whole := "", *c
	var data llm.Text
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			kind = string(wire.Text(c))
		case "text", "thinking":
			b.Text = wire.Text(c)
		case "signature":
			b.Sealed.Data = wire.Text(c)
		case "data":
			data = wire.Text(c)
		case "id", "tool_use_id":
			b.ID = wire.Text(c)
		case "name", "title":
			b.Name = wire.Text(c)
		case "input":
			b.Text = quoted(c.Raw())
		case "content":
			b.Result = d.content(c, at+".content")
		case "is_error":
			b.Failed = c.Kind() == guard.True
			c.Skip()
		case "source":
			b.Media, b.Result = d.source(c, at, b.Result)
		case "cache_control":
			b.Cache = d.cache(c)
		case "citations":
			wire.Object(c, func(k string) {
				if k == "enabled" && c.Kind() == guard.True {
					d.notes.Drop("citations")
				}
				c.Skip()
			})
		default:
			c.Skip()
		}
	})
	switch kind {
	case "text":
		b.Kind = llm.TextBlock
	case "thinking":
		b.Kind, b.Sealed = llm.Thinking, unseal(b.Sealed.Data, false)
	case "redacted_thinking":
		b.Kind, b.Sealed = llm.Thinking, unseal(data, true)
	case "tool_use":
		b.Kind = llm.ToolCall
	case "tool_result":
		b.Kind = llm.ToolResult
	case "image":
		b.Kind = llm.Image
		b.Media.Type = wire.ImageType(b.Media.Type, b.Media.Data)
	case "document":
		b.Kind = llm.Document
	case "search_result":
		b.Kind = llm.TextBlock
		b.Text = slices.Clip(b.Text)
		for _, part := range b.Result {
			b.Text = append(b.Text, part.Text...)
		}
		d.notes.Approx("search_result")
	case serverToolUse, searchResult:
		return llm.Block{Kind: llm.Thinking, Sealed: llm.Sealed{Origin: Dialect, Data: sealBlock(whole.Raw(), nil), Alone: true}}, true
	case "":
		d.fail(at+".type", at+".type: Field required")
	default: // server tools and what is newer than this
		d.notes.Drop("content." + kind)
		return b, false
	}
	if kind == "document" && len(b.Media.Data)+len(b.Media.URL)+len(b.Media.File)+len(b.Result) == 0 {
		d.fail(at+".source", at+".source: Field required")
	}
	return b, true
}
