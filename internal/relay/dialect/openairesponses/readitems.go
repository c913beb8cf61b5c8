package openairesponses

import (
	"starlane/internal/usage"

	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// output is an item of an answer as it is read.
type output struct {
	kind                 string
	id, callID, name     llm.Text
	said                 llm.Text // arguments or input of a call
	encrypted            llm.Text
	action               string     // of a search: a search, or a look at a page that was found
	thoughts             []llm.Text // the parts of a summary
	whatParts, saidParts []llm.Text // types and texts of the content
}

func readOutput(c *guard.Cursor) (o output) {
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			o.kind = string(wire.Text(c))
		case "id":
			o.id = wire.Text(c)
		case "call_id":
			o.callID = wire.Text(c)
		case "name":
			o.name = wire.Text(c)
		case "arguments", "input":
			o.said = wire.Text(c)
		case "encrypted_content":
			o.encrypted = wire.Text(c)
		case "action":
			o.action = typeOf(c)
		case "summary":
			wire.List(c, func() {
				_, said := readPart(c)
				o.thoughts = append(o.thoughts, said)
			})
		case "content":
			wire.List(c, func() {
				what, said := readPart(c)
				o.whatParts, o.saidParts = append(o.whatParts, what), append(o.saidParts, said)
			})
		default:
			c.Skip()
		}
	})
	return o
}

// readPart reads a part of an item: its type and its text.
func readPart(c *guard.Cursor) (what, said llm.Text) {
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			what = wire.Text(c)
		case "text", "refusal":
			said = wire.Text(c)
		default:
			c.Skip()
		}
	})
	return what, said
}

// kindOfPart is the kind of a part of a message.
func kindOfPart(kind string) llm.BlockKind {
	switch kind {
	case "output_text":
		return llm.TextBlock
	case "refusal":
		return llm.Refusal
	default: // of a thought, which has one block
		return llm.Thinking
	}
}

// known is an item of which something was told, or nil.
func (r *reader) known(index int64) *readItem {
	if index >= int64(len(r.items)) || !r.items[index].known {
		return nil
	}
	return &r.items[index]
}

// item is an item of a kind that need not have been announced, nil if it is of another kind.
func (r *reader) item(index int64, kind string, to llm.Sink) *readItem {
	if it := r.known(index); it != nil {
		if it.kind != kind {
			return nil
		}
		return it
	}
	return r.announce(index, &output{kind: kind}, to)
}

// announce notes an item and opens the block that a thought or a call has. What has no neutral form, such as the vendor's own
// tools at work, is not told.
func (r *reader) announce(index int64, o *output, to llm.Sink) *readItem {
	for int64(len(r.items)) <= index {
		r.items = append(r.items, readItem{})
	}
	it := &r.items[index]
	if it.known {
		return it
	}
	it.known, it.kind = true, o.kind
	switch o.kind {
	case itemReasoning:
		r.open(&it.block, llm.Event{What: llm.Thinking}, to)
	case itemCall, itemCustom:
		r.calls = true
		r.open(&it.block, llm.Event{What: llm.ToolCall, ID: o.callID, Name: o.name}, to)
	}
	return it
}

func (r *reader) open(b *readBlock, e llm.Event, to llm.Sink) {
	b.open, b.ordinal, b.what = true, r.next, e.What
	r.next++
	e.Kind, e.Block = llm.Open, b.ordinal
	r.take(to, e)
}

// partOf is the part that an event is about, opened if it was not. A part of anything but a message is nil.
func (r *reader) partOf(e *streamEvent, what llm.BlockKind, to llm.Sink) *readBlock {
	if what == llm.Thinking {
		return nil
	}
	it := r.item(e.output, itemMessage, to)
	if it == nil {
		return nil
	}
	return r.part(it, e.part, what, to)
}

func (r *reader) part(it *readItem, index int64, what llm.BlockKind, to llm.Sink) *readBlock {
	for int64(len(it.parts)) <= index {
		it.parts = append(it.parts, readBlock{})
	}
	b := &it.parts[index]
	if !b.open {
		r.open(b, llm.Event{What: what}, to)
	}
	return b
}

func (r *reader) say(b *readBlock, said llm.Text, to llm.Sink) {
	if b == nil || !b.open || b.closed || len(said) == 0 {
		return
	}
	b.spoke = true
	r.take(to, llm.Event{Kind: llm.Delta, Block: b.ordinal, What: b.what, Text: said})
}

// think adds to a thought. The parts of a summary are paragraphs of one.
func (r *reader) think(e *streamEvent, to llm.Sink) {
	it := r.item(e.output, itemReasoning, to)
	if it == nil || len(e.said) == 0 {
		return
	}
	part := max(e.summary, e.part)
	if it.block.spoke && part > it.summary {
		r.say(&it.block, llm.Text(`\n\n`), to)
	}
	it.summary = part
	r.say(&it.block, e.said, to)
}

// closePart ends a part, whose text is told now if it was not before.
func (r *reader) closePart(b *readBlock, said llm.Text, to llm.Sink) {
	if b == nil {
		return
	}
	if !b.spoke {
		r.say(b, said, to)
	}
	r.close(b, to)
}

func (r *reader) close(b *readBlock, to llm.Sink) {
	if b.open && !b.closed {
		b.closed = true
		r.take(to, llm.Event{Kind: llm.Close, Block: b.ordinal, What: b.what})
	}
}

// finish tells of an item what was not told before, and ends it.
func (r *reader) finish(index int64, o *output, to llm.Sink) {
	it := r.announce(index, o, to)
	if it.done {
		return
	}
	it.done = true
	switch it.kind {
	case itemMessage:
		for i := range o.saidParts {
			if what := kindOfPart(string(o.whatParts[i])); what != llm.Thinking && i < maxIndex {
				r.closePart(r.part(it, int64(i), what, to), o.saidParts[i], to)
			}
		}
		for i := range it.parts {
			r.close(&it.parts[i], to)
		}
	case itemReasoning:
		if !it.block.spoke {
			for i, said := range append(o.thoughts, o.saidParts...) {
				r.think(&streamEvent{output: index, summary: int64(i), said: said}, to)
			}
		}
		if len(o.encrypted) > 0 {
			r.take(to, llm.Event{
				Kind: llm.Seal, Block: it.block.ordinal, What: llm.Thinking,
				Sealed: llm.Sealed{Origin: Dialect, Data: bind(o.id, o.encrypted), Alone: true},
			})
		}
		r.close(&it.block, to)
	case itemCall, itemCustom:
		r.closePart(&it.block, o.said, to)
	case itemSearch:
		if o.action == "" || o.action == "search" {
			r.searches++
			r.report(usage.Counts{}, to)
		}
	}
}
