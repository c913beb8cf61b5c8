package converse

import (
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// maxTokens bounds a reported count: what is larger is a broken report, and is treated as none.
const maxTokens = 1_000_000_000

// maxBlocks bounds the blocks of one answer.
const maxBlocks = 1 << 16

// reader reads a stream of events.
type reader struct {
	blocks  []readBlock // by the index of the API
	next    int         // ordinal of the next block that has a neutral form
	started bool
	called  bool
	stopped bool
	lost    bool // a block has no neutral form
	event   llm.Event
}

type readBlock struct {
	open, closed bool
	ordinal      int
	what         llm.BlockKind
	spoke        bool
	signature    llm.Text
	alone        bool
}

// NewReader implements dialect.Upstream.
func (Converse) NewReader() dialect.Reader { return &reader{} }

func (r *reader) take(to llm.Sink, e llm.Event) {
	r.event = e
	to.Take(&r.event)
}

// Read implements dialect.Reader.
func (r *reader) Read(data []byte, to llm.Sink) dialect.Step {
	step := dialect.Pass
	c := guard.NewCursor(data)
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch string(k) {
		case "messageStart":
			c.Skip()
			r.start(to)
		case "contentBlockStart":
			r.blockStart(&c, to)
		case "contentBlockDelta":
			r.blockDelta(&c, to)
		case "contentBlockStop":
			index := 0
			wire.Object(&c, func(k string) { index = r.index(k, &c, index) })
			r.close(index, to)
		case "messageStop":
			if !r.stop(&c, to) {
				step = dialect.Failed
			}
		case "metadata":
			wire.Object(&c, func(k string) {
				if k == "usage" {
					r.usage(&c, to)
					return
				}
				c.Skip()
			})
			if step == dialect.Pass && r.stopped { // nothing comes behind it
				step = dialect.End
			}
		case "type": // an exception
			if string(wire.Text(&c)) == "error" {
				step = dialect.Failed
			}
		default:
			c.Skip()
		}
	}
	if !c.End() {
		return dialect.Garbage
	}
	return step
}

func (r *reader) start(to llm.Sink) {
	if !r.started {
		r.started = true
		r.take(to, llm.Event{Kind: llm.Start})
	}
}

// index reads the member that tells which block an event is about.
func (r *reader) index(key string, c *guard.Cursor, have int) int {
	if key != "contentBlockIndex" {
		c.Skip()
		return have
	}
	n, ok := c.Int(maxBlocks)
	if !ok {
		return have
	}
	return int(n)
}

func (r *reader) block(index int) *readBlock {
	for len(r.blocks) <= index {
		r.blocks = append(r.blocks, readBlock{})
	}
	return &r.blocks[index]
}

// open begins a block. Only those of tools are told; others begin with their first piece.
func (r *reader) open(index int, what llm.BlockKind, id, name llm.Text, to llm.Sink) *readBlock {
	b := r.block(index)
	if b.open || b.closed {
		return b
	}
	r.start(to)
	b.open, b.what, b.ordinal = true, what, r.next
	r.next++
	r.called = r.called || what == llm.ToolCall
	r.take(to, llm.Event{Kind: llm.Open, Block: b.ordinal, What: what, ID: id, Name: name})
	return b
}

func (r *reader) blockStart(c *guard.Cursor, to llm.Sink) {
	index := 0
	var id, name llm.Text
	tool := false
	wire.Object(c, func(k string) {
		if k != "start" {
			index = r.index(k, c, index)
			return
		}
		wire.Object(c, func(k string) {
			if k != "toolUse" {
				r.leaveOut(k, c)
				return
			}
			tool = true
			wire.Object(c, func(k string) {
				switch k {
				case "toolUseId":
					id = wire.Text(c)
				case "name":
					name = wire.Text(c)
				default:
					c.Skip()
				}
			})
		})
	})
	if tool {
		r.open(index, llm.ToolCall, id, name, to)
	}
}

func (r *reader) blockDelta(c *guard.Cursor, to llm.Sink) {
	index := 0
	var delta guard.Cursor
	wire.Object(c, func(k string) {
		if k == "delta" {
			delta = *c
		}
		index = r.index(k, c, index)
	})
	if delta.Kind() != guard.Object {
		return
	}
	wire.Object(&delta, func(k string) {
		switch k {
		case "text":
			r.say(index, llm.TextBlock, wire.Text(&delta), to)
		case "toolUse":
			wire.Object(&delta, func(k string) {
				if k == "input" {
					if b := r.block(index); b.open && b.what == llm.ToolCall {
						r.say(index, llm.ToolCall, wire.Text(&delta), to)
						return
					}
				}
				delta.Skip()
			})
		case "reasoningContent":
			r.reasoning(index, &delta, to)
		default:
			r.leaveOut(k, &delta)
		}
	})
}

// leaveOut passes over what a block holds; media have no neutral form, and a client is told so.
func (r *reader) leaveOut(kind string, c *guard.Cursor) {
	r.lost = r.lost || kind == "image" || kind == "audio" || kind == "video"
	c.Skip()
}

// reasoning reads a piece of a thought.
func (r *reader) reasoning(index int, c *guard.Cursor, to llm.Sink) {
	wire.Object(c, func(k string) {
		switch k {
		case "text":
			r.say(index, llm.Thinking, wire.Text(c), to)
		case "signature":
			b := r.open(index, llm.Thinking, nil, nil, to)
			b.signature = append(b.signature, wire.Text(c)...)
		case "redactedContent":
			b := r.open(index, llm.Thinking, nil, nil, to)
			b.signature, b.alone = append(b.signature, wire.Text(c)...), true
		default:
			c.Skip()
		}
	})
}

func (r *reader) say(index int, what llm.BlockKind, said llm.Text, to llm.Sink) {
	if len(said) == 0 {
		return
	}
	b := r.open(index, what, nil, nil, to)
	if !b.open || b.closed || b.what != what {
		return
	}
	b.spoke = true
	r.take(to, llm.Event{Kind: llm.Delta, Block: b.ordinal, What: what, Text: said})
}

func (r *reader) close(index int, to llm.Sink) {
	if index >= len(r.blocks) || !r.blocks[index].open || r.blocks[index].closed {
		return
	}
	b := &r.blocks[index]
	b.closed = true
	if b.what == llm.ToolCall && !b.spoke {
		r.take(to, llm.Event{Kind: llm.Delta, Block: b.ordinal, What: b.what, Text: llm.Text("{}")})
	}
	if len(b.signature) > 0 {
		r.take(to, llm.Event{Kind: llm.Seal, Block: b.ordinal, What: b.what, Sealed: llm.Sealed{Origin: Dialect, Data: b.signature, Alone: b.alone}})
	}
	r.take(to, llm.Event{Kind: llm.Close, Block: b.ordinal, What: b.what})
	b.signature = nil
}

var reasons = map[string]llm.Reason{ //nolint:gochecknoglobals // a constant table
	"end_turn": llm.EndOfTurn, "stop_sequence": llm.StopString, "max_tokens": llm.MaxTokens, "tool_use": llm.ToolUse,
	"content_filtered": llm.Filtered, "guardrail_intervened": llm.Filtered, "model_context_window_exceeded": llm.ContextFull,
	"malformed_tool_use": llm.BrokenCall, "malformed_model_output": llm.BrokenCall,
}

// finish tells why the model stopped; false if what it wrote is nothing that a client could use.
func (r *reader) finish(reason string, to llm.Sink) bool {
	why, known := reasons[reason]
	switch {
	case why == llm.BrokenCall:
		return false
	case !known:
		why = llm.OtherReason
	case why == llm.EndOfTurn && r.called:
		why = llm.ToolUse
	}
	r.start(to)
	for i := range r.blocks { // an end is missing now and then
		r.close(i, to)
	}
	if !r.stopped {
		r.stopped = true
		r.take(to, llm.Event{Kind: llm.Stop, Reason: why, Lost: r.lost})
	}
	return true
}

func (r *reader) stop(c *guard.Cursor, to llm.Sink) bool {
	reason := ""
	wire.Object(c, func(k string) {
		if k == "stopReason" {
			reason = string(wire.Text(c))
			return
		}
		c.Skip()
	})
	return r.finish(reason, to)
}

// usage reads what the answer cost. What was read from a cache and written to one is not within the input.
func (r *reader) usage(c *guard.Cursor, to llm.Sink) {
	var input, output, read, write, write5m, write1h int64
	seen, broken := false, false
	number := func(into *int64) {
		if c.Kind() != guard.Number {
			c.Skip()
			return
		}
		v, ok := c.Int(maxTokens)
		if !ok {
			broken = true
			return
		}
		*into, seen = *into+v, true
	}
	wire.Object(c, func(k string) {
		switch k {
		case "inputTokens":
			number(&input)
		case "outputTokens":
			number(&output)
		case "cacheReadInputTokens":
			number(&read)
		case "cacheWriteInputTokens":
			number(&write)
		case "cacheDetails":
			if c.Kind() != guard.Array {
				c.Skip()
				return
			}
			for ok := c.Array(); ok; ok = c.More() {
				var n int64
				hour := false
				wire.Object(c, func(k string) {
					switch k {
					case "inputTokens":
						number(&n)
					case "ttl":
						hour = string(wire.Text(c)) == "1h"
					default:
						c.Skip()
					}
				})
				if hour {
					write1h += n
				} else {
					write5m += n
				}
			}
		default:
			c.Skip()
		}
	})
	if !seen || broken || input+output+read+write == 0 {
		return
	}
	var counts usage.Counts
	set := func(class usage.Class, n int64, from usage.Provenance) {
		if n > 0 {
			counts.Set(class, n, from)
		}
	}
	counts.Set(usage.InText, input, usage.Reported)
	set(usage.InCached, read, usage.Reported)
	if write5m+write1h == write {
		set(usage.CacheWrite5m, write5m, usage.Reported)
		set(usage.CacheWrite1h, write1h, usage.Reported)
	} else {
		set(usage.CacheWrite5m, write, usage.Derived)
	}
	counts.Set(usage.OutText, output, usage.Reported)
	r.take(to, llm.Event{Kind: llm.Report, Counts: counts})
}

// ReadWhole implements dialect.Upstream.
func (Converse) ReadWhole(src []byte, to llm.Sink) bool {
	r := &reader{}
	var content, spent guard.Cursor
	reason := ""
	c := guard.NewCursor(src)
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch string(k) {
		case "output":
			wire.Object(&c, func(k string) {
				if k != "message" {
					c.Skip()
					return
				}
				wire.Object(&c, func(k string) {
					if k == "content" {
						content = c
					}
					c.Skip()
				})
			})
		case "stopReason":
			reason = string(wire.Text(&c))
		case "usage":
			spent = c
			c.Skip()
		default:
			c.Skip()
		}
	}
	if !c.End() || content.Kind() != guard.Array || reason == "" {
		return false
	}
	r.start(to)
	i := 0
	for ok := content.Array(); ok; ok = content.More() {
		r.whole(i, &content, to)
		r.close(i, to)
		i++
	}
	if spent.Kind() == guard.Object {
		r.usage(&spent, to)
	}
	return r.finish(reason, to)
}

// whole reads a block of a whole answer.
func (r *reader) whole(index int, c *guard.Cursor, to llm.Sink) {
	wire.Object(c, func(k string) {
		switch k {
		case "text":
			r.say(index, llm.TextBlock, wire.Text(c), to)
		case "toolUse":
			var id, name llm.Text
			var input []byte
			wire.Object(c, func(k string) {
				switch k {
				case "toolUseId":
					id = wire.Text(c)
				case "name":
					name = wire.Text(c)
				case "input":
					input = c.Raw()
				default:
					c.Skip()
				}
			})
			r.open(index, llm.ToolCall, id, name, to)
			r.say(index, llm.ToolCall, wire.Escape(llm.Text(nil), input), to)
		case "reasoningContent":
			wire.Object(c, func(k string) {
				switch k {
				case "reasoningText":
					r.reasoning(index, c, to)
				case "redactedContent":
					b := r.open(index, llm.Thinking, nil, nil, to)
					b.signature, b.alone = wire.Text(c), true
				default:
					c.Skip()
				}
			})
		case "citationsContent": // a text with its sources
			wire.Object(c, func(k string) {
				if k != "content" {
					c.Skip()
					return
				}
				wire.List(c, func() {
					wire.Object(c, func(k string) {
						if k == "text" {
							r.say(index, llm.TextBlock, wire.Text(c), to)
							return
						}
						c.Skip()
					})
				})
			})
		default:
			r.leaveOut(k, c)
		}
	})
}
