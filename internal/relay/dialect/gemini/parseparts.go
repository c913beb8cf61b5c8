package gemini

import (
	"slices"
	"strconv"

	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// part reads a part: one block, none, or more for what a vendor's own tools left.
func (d *parsing) part(c *guard.Cursor, at string) []llm.Block {
	var b llm.Block
	var signature llm.Text
	known, thought := false, false
	wire.Object(c, func(k string) {
		switch name := camel(k); name {
		case "text":
			b.Kind, b.Text, known = llm.TextBlock, slices.Clip(wire.Text(c)), true
		case "thought":
			thought = isTrue(c)
		case "thoughtSignature":
			signature = wire.Text(c)
		case "inlineData", "fileData":
			b, known = d.media(c), true
			b.Media.At = at
		case "functionCall":
			b, known = d.call(c), true
		case "functionResponse":
			b, known = d.response(c, at), true
		case "videoMetadata", "mediaResolution":
			d.notes.Drop("parts." + name)
			c.Skip()
		case "executableCode", "codeExecutionResult", "toolCall", "toolResponse":
			d.notes.Drop("parts." + name)
			c.Skip()
		default:
			c.Skip()
		}
	})
	b.Sealed = unseal(signature)
	sealed := len(b.Sealed.Data) > 0
	switch {
	case b.Kind == llm.TextBlock && (thought || len(b.Text) == 0 && sealed):
		b.Kind = llm.Thinking // without words it is the signature of a text, or another vendor's
		if len(b.Text) == 0 && !sealed {
			return nil
		}
	case !known || b.Kind == llm.TextBlock && len(b.Text) == 0:
		return nil
	}
	return []llm.Block{b}
}

// media reads a blob or an address.
func (d *parsing) media(c *guard.Cursor) (b llm.Block) {
	m := &b.Media
	wire.Object(c, func(k string) {
		switch camel(k) {
		case "mimeType":
			m.Type = wire.Text(c)
		case "data":
			m.Data = llm.Text(standard(slashed(wire.Text(c))))
		case "fileUri":
			m.URL = wire.Text(c)
		case "displayName":
			b.Name = wire.Text(c)
		default:
			c.Skip()
		}
	})
	b.Kind = kindOf(string(m.Type))
	if b.Kind == llm.Image {
		m.Type = wire.ImageType(m.Type, m.Data)
	}
	return b
}

// slashed undoes the only escape that encoders put into base64.
func slashed(t llm.Text) []byte {
	plain, err := guard.Unquote(t)
	if err != nil {
		return t
	}
	return []byte(plain)
}

func kindOf(mimeType string) llm.BlockKind {
	switch {
	case len(mimeType) > 6 && mimeType[:6] == "image/":
		return llm.Image
	case len(mimeType) > 6 && mimeType[:6] == "audio/":
		return llm.Audio
	default:
		return llm.Document
	}
}

// call reads a call. Where the API gave it no id, it gets one by its place in the conversation.
func (d *parsing) call(c *guard.Cursor) llm.Block {
	b := llm.Block{Kind: llm.ToolCall, Text: llm.Text("{}")}
	wire.Object(c, func(k string) {
		switch k {
		case "id":
			b.ID = wire.Text(c)
		case "name":
			b.Name = wire.Text(c)
		case "args":
			if c.Kind() == guard.Object {
				b.Text = wire.Escape(nil, c.Raw())
				return
			}
			c.Skip()
		default:
			c.Skip()
		}
	})
	d.calls++
	if len(b.ID) == 0 {
		b.ID = llm.Text("call_" + strconv.Itoa(d.calls))
	}
	d.open = append(d.open, openCall{b.ID, b.Name})
	return b
}

// response reads what a tool answered: a text that stands alone in its object is the text itself.
func (d *parsing) response(c *guard.Cursor, at string) llm.Block {
	b := llm.Block{Kind: llm.ToolResult}
	var media []llm.Block
	wire.Object(c, func(k string) {
		switch k {
		case "id":
			b.ID = wire.Text(c)
		case "name":
			b.Name = wire.Text(c)
		case "response":
			var said llm.Text
			said, b.Failed = answer(c)
			b.Result = append(b.Result, llm.Block{Kind: llm.TextBlock, Text: said})
		case "parts":
			wire.List(c, func() {
				for _, m := range d.part(c, at) {
					if m.Kind == llm.Image || m.Kind == llm.Audio || m.Kind == llm.Document {
						media = append(media, m)
					}
				}
			})
		default:
			c.Skip()
		}
	})
	b.Result = append(b.Result, media...)
	d.answered(&b)
	return b
}

// answered finds the call that a result belongs to: by its id, else the first open one of its name.
func (d *parsing) answered(b *llm.Block) {
	for i := range d.open {
		call := d.open[i]
		if len(b.ID) > 0 && string(call.id) != string(b.ID) || len(b.ID) == 0 && string(call.name) != string(b.Name) {
			continue
		}
		b.ID = call.id
		d.open = slices.Delete(d.open, i, i+1)
		break
	}
	if len(b.ID) == 0 {
		b.ID = b.Name
	}
	b.Name = nil
}

// answer reads the object that a tool answered with.
func answer(c *guard.Cursor) (said llm.Text, failed bool) {
	at := *c
	raw := c.Raw()
	members, alone := 0, ""
	var value guard.Cursor
	wire.Object(&at, func(k string) {
		members++
		alone, value = k, at
		at.Skip()
	})
	if members == 1 && value.Kind() == guard.String {
		switch alone {
		case "result", "output", "content":
			return wire.Text(&value), false
		case "error":
			return wire.Text(&value), true
		}
	}
	return wire.Escape(nil, raw), false
}
