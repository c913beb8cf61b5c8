package openairesponses

import (
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/llm"
)

// The types of the items that are written.
const (
	itemMessage   = "message"
	itemReasoning = "reasoning"
	itemCall      = "function_call"
	itemCustom    = "custom_tool_call"
	itemSearch    = "web_search_call"
)

// outputItem is the item that is open.
type outputItem struct {
	kind, id     string
	callID, name llm.Text
	space        string
	text         llm.Text          // of the open part, the summary, the call
	input        openai.Unwrapping // of a call of a custom tool, whose text stands in JSON
	shown        bool              // a part is open
	refusal      bool              // the open part is a refusal
	parts        wire.Builder
	index        int64 // of the open part of a message
	sealed       llm.Text
	cites        []llm.Citation // of the open part
}

func (w *writer) openBlock(dst []byte, e *llm.Event) []byte {
	switch e.What {
	case llm.TextBlock, llm.Refusal:
		if w.open == nil || w.open.kind != itemMessage {
			dst = w.closeItem(dst, completed)
			dst = w.openItem(dst, &outputItem{kind: itemMessage, id: w.itemID("msg_"), index: -1})
		}
		w.open.shown, w.open.refusal, w.open.text = true, e.What == llm.Refusal, w.open.text[:0]
		w.open.index++
		return w.partEvent(dst, "response.content_part.added", nil)
	case llm.Thinking:
		dst = w.closeItem(dst, completed)
		return w.openItem(dst, &outputItem{kind: itemReasoning, id: w.itemID("rs_")})
	case llm.ToolCall:
		dst = w.closeItem(dst, completed)
		if len(e.Sealed.Data) > 0 { // only a thought has a place for it
			dst = w.openItem(dst, &outputItem{kind: itemReasoning, id: w.itemID("rs_"), sealed: wire.AppendSealed(nil, e.Sealed, "")})
			dst = w.closeItem(dst, completed)
		}
		return w.openItem(dst, w.call(e))
	case llm.Image, llm.Audio, llm.Document, llm.ToolResult: // models of chat formats do not answer so
	}
	return dst
}

// call is an item of the kind, and under the name, that the client knows its tool by.
func (w *writer) call(e *llm.Event) *outputItem {
	if w.tools == nil {
		w.tools = namesOf(w.request)
	}
	it := &outputItem{kind: itemCall, callID: copied(e.ID), name: copied(e.Name)}
	prefix := "fc_"
	if own, ok := w.tools[string(e.Name)]; ok {
		it.name, it.space = own.name, own.space
		if own.kind == "custom" {
			it.kind, prefix = itemCustom, "ctc_"
		}
	}
	it.id = w.itemID(prefix)
	return it
}

func copied(t llm.Text) llm.Text { return append(llm.Text(nil), t...) }

func (w *writer) openItem(dst []byte, it *outputItem) []byte {
	w.open = it
	return w.event(dst, "response.output_item.added", func(b *wire.Builder) {
		b.Key("output_index")
		b.Int(int64(w.response.items))
		b.Key("item")
		it.append(b, inProgress)
	})
}

// itemEvent writes an event about the open item.
func (w *writer) itemEvent(dst []byte, kind string, fill func(b *wire.Builder)) []byte {
	return w.event(dst, kind, func(b *wire.Builder) {
		b.Key("item_id")
		b.String(w.open.id)
		b.Key("output_index")
		b.Int(int64(w.response.items))
		fill(b)
	})
}

// partEvent writes an event about the open part of a message.
func (w *writer) partEvent(dst []byte, kind string, said llm.Text) []byte {
	return w.itemEvent(dst, kind, func(b *wire.Builder) {
		b.Key("content_index")
		b.Int(w.open.index)
		b.Key("part")
		w.open.appendPart(b, said)
	})
}

// textEvent writes an event about the text of the open item, whose value goes by the name of member.
func (w *writer) textEvent(dst []byte, kind, member string, value llm.Text) []byte {
	return w.itemEvent(dst, kind, func(b *wire.Builder) {
		switch it := w.open; it.kind {
		case itemMessage:
			b.Key("content_index")
			b.Int(it.index)
			if !it.refusal {
				b.Key("logprobs")
				b.Raw(llm.Raw("[]"))
			}
		case itemReasoning:
			b.Key("summary_index")
			b.Int(0)
		case itemCall:
			if member == "arguments" {
				b.Key("name")
				b.Text(it.name)
			}
		}
		b.Key(member)
		b.Text(value)
	})
}

// stem is what the names of the events about the open item's text begin with, and what they call the whole of it.
func (it *outputItem) stem() (kind, member string) {
	switch {
	case it.kind == itemReasoning:
		return "response.reasoning_summary_text", "text"
	case it.kind == itemCall:
		return "response.function_call_arguments", "arguments"
	case it.kind == itemCustom:
		return "response.custom_tool_call_input", "input"
	case it.refusal:
		return "response.refusal", "refusal"
	default:
		return "response.output_text", "text"
	}
}

func (w *writer) delta(dst []byte, said llm.Text) []byte {
	it := w.open
	if it.kind == itemCustom {
		if said = it.input.Add(nil, said); len(said) == 0 {
			return dst
		}
	}
	it.text = append(it.text, said...)
	if it.kind == itemReasoning && !it.shown {
		it.shown = true
		dst = w.summaryEvent(dst, "response.reasoning_summary_part.added", nil)
	}
	kind, _ := it.stem()
	return w.textEvent(dst, kind+".delta", "delta", said)
}

func (w *writer) summaryEvent(dst []byte, kind string, said llm.Text) []byte {
	return w.itemEvent(dst, kind, func(b *wire.Builder) {
		b.Key("summary_index")
		b.Int(0)
		b.Key("part")
		appendSummary(b, said)
	})
}

func appendSummary(b *wire.Builder, said llm.Text) {
	b.Open('{')
	b.Key("type")
	b.String("summary_text")
	b.Key("text")
	b.Text(said)
	b.Close('}')
}

// closePart ends the open part of a message.
func (w *writer) closePart(dst []byte) []byte {
	it := w.open
	if !it.shown {
		return dst
	}
	it.boundCites()
	for i := range it.cites {
		dst = w.itemEvent(dst, "response.output_text.annotation.added", func(b *wire.Builder) {
			b.Key("content_index")
			b.Int(it.index)
			b.Key("annotation_index")
			b.Int(int64(i))
			b.Key("annotation")
			appendCitation(b, &it.cites[i])
		})
	}
	kind, member := it.stem()
	dst = w.textEvent(dst, kind+".done", member, it.text)
	dst = w.partEvent(dst, "response.content_part.done", it.text)
	w.keepPart()
	return dst
}

// boundCites ends the citations that are about all of the open part.
func (it *outputItem) boundCites() {
	for i := range it.cites {
		if c := &it.cites[i]; c.To < 0 {
			c.To = wire.Length(it.text)
		}
	}
}

// keepPart keeps the open part of a message for the item.
func (w *writer) keepPart() {
	if it := w.open; it.kind == itemMessage && it.shown {
		it.boundCites()
		it.appendPart(&it.parts, it.text)
		it.shown, it.cites = false, nil
	}
}

// closeItem ends the open item, if there is one.
func (w *writer) closeItem(dst []byte, status string) []byte {
	it := w.open
	if it == nil {
		return dst
	}
	switch it.kind {
	case itemMessage:
		dst = w.closePart(dst)
	case itemReasoning:
		if it.shown {
			dst = w.textEvent(dst, "response.reasoning_summary_text.done", "text", it.text)
			dst = w.summaryEvent(dst, "response.reasoning_summary_part.done", it.text)
		}
	case itemCustom:
		if rest := it.input.Rest(nil); len(rest) > 0 {
			it.text = append(it.text, rest...)
			dst = w.textEvent(dst, "response.custom_tool_call_input.delta", "delta", rest)
		}
		dst = w.textEvent(dst, "response.custom_tool_call_input.done", "input", it.text)
	case itemCall:
		dst = w.textEvent(dst, "response.function_call_arguments.done", "arguments", it.text)
	}
	dst = w.event(dst, "response.output_item.done", func(b *wire.Builder) {
		b.Key("output_index")
		b.Int(int64(w.response.items))
		b.Key("item")
		it.append(b, status)
	})
	w.keepItem(status)
	return dst
}

// keepItem keeps the open item for the response.
func (w *writer) keepItem(status string) {
	w.open.append(&w.response.output, status)
	w.response.items++
	w.open = nil
}

// append writes the item, as it is announced or as it ended.
func (it *outputItem) append(b *wire.Builder, status string) {
	b.Open('{')
	b.Key("id")
	b.String(it.id)
	b.Key("type")
	b.String(it.kind)
	switch it.kind {
	case itemMessage:
		b.Key("status")
		b.String(status)
		b.Key("role")
		b.String("assistant")
		b.Key("content")
		b.Open('[')
		if status != inProgress && len(it.parts.B) > 0 {
			b.Raw(it.parts.B)
		}
		b.Close(']')
	case itemReasoning:
		b.Key("summary")
		b.Open('[')
		if status != inProgress && len(it.text) > 0 {
			appendSummary(b, it.text)
		}
		b.Close(']')
		if len(it.sealed) > 0 {
			b.Key("encrypted_content")
			b.Text(it.sealed)
		}
	default:
		b.Key("status")
		b.String(status)
		b.Key("call_id")
		b.Text(it.callID)
		b.Key("name")
		b.Text(it.name)
		if it.space != "" {
			b.Key("namespace")
			b.Text(llm.Text(it.space))
		}
		_, member := it.stem()
		b.Key(member)
		b.Text(it.text)
	}
	b.Close('}')
}

// appendPart writes a part of a message.
func (it *outputItem) appendPart(b *wire.Builder, said llm.Text) {
	b.Open('{')
	b.Key("type")
	if it.refusal {
		b.String("refusal")
		b.Key("refusal")
	} else {
		b.String("output_text")
		b.Key("annotations")
		b.Open('[')
		for i := range it.cites {
			appendCitation(b, &it.cites[i])
		}
		b.Close(']')
		b.Key("logprobs")
		b.Raw(llm.Raw("[]"))
		b.Key("text")
	}
	b.Text(said)
	b.Close('}')
}

func appendCitation(b *wire.Builder, c *llm.Citation) {
	b.Open('{')
	b.Key("type")
	b.String("url_citation")
	b.Key("start_index")
	b.Int(int64(c.From))
	b.Key("end_index")
	b.Int(int64(c.To))
	b.Key("url")
	b.Text(c.URL)
	b.Key("title")
	b.Text(c.Title)
	b.Close('}')
}
