package anthropic

import (
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// writer renders an answer as a stream. There is one open block at a time, as the sequence before it sees to.
type writer struct {
	model   string
	started bool
	index   int // of the open block
	reason  llm.Reason
	match   llm.Text
	tools   bool
	late    []string // warnings
	why     llm.Text // the model refused
	// held says that a thought behind other blocks waits until it says something or something follows, with what seals it. A message
	// must not end with a thought: Claude Code takes its last block for the answer.
	held bool
	seal llm.Sealed
}

// NewWriter implements dialect.Client.
func (*Messages) NewWriter(r *llm.Request) dialect.Writer { return &writer{model: r.Model, index: -1} }

// event writes the frame of an event and what fills it.
func event(dst []byte, kind string, fill func(b *wire.Builder)) []byte {
	dst = append(append(append(dst, "event: "...), kind...), "\ndata: "...)
	b := wire.Builder{B: dst}
	b.Open('{')
	b.Key("type")
	b.String(kind)
	fill(&b)
	b.Close('}')
	return append(b.B, "\n\n"...)
}

// Append implements dialect.Writer.
func (w *writer) Append(dst []byte, e *llm.Event) []byte {
	if !w.started {
		w.started = true
		dst = w.start(dst, e)
	}
	switch e.Kind {
	case llm.Open:
		if w.held && len(w.seal.Data) > 0 {
			dst = w.thoughtBefore(dst, w.seal)
		}
		if w.held = e.What == llm.Thinking && w.index >= 0; w.held {
			w.seal = llm.Sealed{}
			return dst
		}
		if len(e.Sealed.Data) > 0 {
			dst = w.thoughtBefore(dst, e.Sealed)
		}
		w.tools = w.tools || e.What == llm.ToolCall
		return w.open(dst, e)
	case llm.Delta:
		if w.held {
			w.held = false
			dst = w.open(dst, e)
		}
		if e.What == llm.Refusal {
			w.why = append(w.why, e.Text...)
		}
		return w.delta(dst, e)
	case llm.Seal:
		if w.held {
			w.seal = llm.Sealed{Origin: e.Sealed.Origin, Data: append(llm.Text(nil), e.Sealed.Data...), Alone: e.Sealed.Alone}
			return dst
		}
		return w.sealed(dst, e)
	case llm.Cite:
		return w.deltaOf(dst, "citations_delta", "citation", func(b *wire.Builder) { appendCitation(b, e.Cite) })
	case llm.Close:
		if w.held {
			return dst
		}
		return w.close(dst)
	case llm.Stop:
		w.reason, w.match, w.late = e.Reason, append(llm.Text(nil), e.Match...), e.Late
	case llm.Start, llm.Report:
	}
	return dst
}

func (w *writer) start(dst []byte, e *llm.Event) []byte {
	var id llm.Text
	if e.Kind == llm.Start {
		id = e.ID
	}
	return event(dst, "message_start", func(b *wire.Builder) {
		b.Key("message")
		b.Open('{')
		head(b, id, w.model)
		b.Key("content")
		b.Raw(llm.Raw("[]"))
		b.Key("stop_reason")
		b.Null()
		b.Key("stop_sequence")
		b.Null()
		b.Key("usage")
		appendUsage(b, usage.Counts{})
		b.Close('}')
	})
}

// head writes what stands first in a message. Clients expect ids of one kind.
func head(b *wire.Builder, id llm.Text, model string) {
	b.Key("id")
	b.Text(append(llm.Text("msg_"), id...))
	b.Key("type")
	b.String("message")
	b.Key("role")
	b.String("assistant")
	b.Key("model")
	b.String(model)
}

func (w *writer) open(dst []byte, e *llm.Event) []byte {
	w.index++
	return event(dst, "content_block_start", func(b *wire.Builder) {
		b.Key("index")
		b.Int(int64(w.index))
		b.Key("content_block")
		b.Open('{')
		b.Key("type")
		switch e.What {
		case llm.Thinking:
			b.String("thinking")
			b.Key("thinking")
			b.String("")
			b.Key("signature")
			b.String("")
		case llm.ToolCall:
			b.String("tool_use")
			b.Key("id")
			b.Text(e.ID)
			b.Key("name")
			b.Text(e.Name)
			b.Key("input")
			b.Raw(llm.Raw("{}"))
		default:
			b.String("text")
			b.Key("text")
			b.String("")
		}
		b.Close('}')
	})
}

func (w *writer) close(dst []byte) []byte {
	return event(dst, "content_block_stop", func(b *wire.Builder) {
		b.Key("index")
		b.Int(int64(w.index))
	})
}

// thoughtBefore carries what was sealed with a call in an empty thought before it: the format has no other place, and clients
// give thoughts back as they got them.
func (w *writer) thoughtBefore(dst []byte, seal llm.Sealed) []byte {
	thought := llm.Event{What: llm.Thinking, Sealed: seal}
	return w.close(w.sealed(w.open(dst, &thought), &thought))
}

func (w *writer) delta(dst []byte, e *llm.Event) []byte {
	kind, member := "text_delta", "text"
	if e.What == llm.Thinking {
		kind, member = "thinking_delta", "thinking"
	}
	if e.What == llm.ToolCall {
		kind, member = "input_json_delta", "partial_json"
	}
	return w.deltaOf(dst, kind, member, func(b *wire.Builder) { b.Text(e.Text) })
}

func (w *writer) deltaOf(dst []byte, kind, member string, value func(b *wire.Builder)) []byte {
	return event(dst, "content_block_delta", func(b *wire.Builder) {
		b.Key("index")
		b.Int(int64(w.index))
		b.Key("delta")
		b.Open('{')
		b.Key("type")
		b.String(kind)
		b.Key(member)
		value(b)
		b.Close('}')
	})
}

// sealed writes an artifact. The format has a place for it on thoughts only.
func (w *writer) sealed(dst []byte, e *llm.Event) []byte {
	if e.What != llm.Thinking {
		return dst
	}
	return w.deltaOf(dst, "signature_delta", "signature", func(b *wire.Builder) { b.Text(wire.AppendSealed(nil, e.Sealed, Dialect)) })
}

// AppendEnd implements dialect.Writer.
func (w *writer) AppendEnd(dst []byte, counts usage.Counts, _ string) []byte {
	dst = event(dst, "message_delta", func(b *wire.Builder) {
		b.Key("delta")
		b.Open('{')
		w.stop(b)
		b.Close('}')
		b.Key("usage")
		appendUsage(b, counts)
		wire.Late(b, w.late)
	})
	return event(dst, "message_stop", func(*wire.Builder) {})
}

func (w *writer) stop(b *wire.Builder) { stop(b, w.reason, w.match, w.why, w.tools) }

// stop writes why the model stopped. One that said that it refuses did so, whatever its vendor calls the end.
func stop(b *wire.Builder, reason llm.Reason, match, why llm.Text, tools bool) {
	if len(why) > 0 && reason == llm.EndOfTurn {
		reason = llm.Filtered
	}
	b.Key("stop_reason")
	b.String(reasonName(reason, tools))
	b.Key("stop_sequence")
	if reason == llm.StopString && len(match) > 0 {
		b.Text(match)
	} else {
		b.Null()
	}
	if len(why) > 0 && reason == llm.Filtered {
		b.Key("stop_details")
		b.Open('{')
		b.Key("type")
		b.String("refusal")
		b.Key("category")
		b.Null()
		b.Key("explanation")
		b.Text(why)
		b.Close('}')
	}
}

func reasonName(r llm.Reason, tools bool) string {
	switch r {
	case llm.MaxTokens:
		return "max_tokens"
	case llm.ContextFull:
		return "model_context_window_exceeded"
	case llm.Filtered:
		return "refusal"
	case llm.Paused:
		return "pause_turn"
	case llm.StopString:
		return "stop_sequence"
	default:
		if tools || r == llm.ToolUse {
			return "tool_use"
		}
		return "end_turn"
	}
}

// appendUsage writes disjoint classes as the API counts them: what was read from a cache or written to one is not input.
func appendUsage(b *wire.Builder, c usage.Counts) {
	b.Open('{')
	b.Key("input_tokens")
	b.Int(c.Units[usage.InText] + c.Units[usage.InTool] + c.Units[usage.InAudio] + c.Units[usage.InImage])
	b.Key("cache_creation_input_tokens")
	b.Int(c.Units[usage.CacheWrite5m] + c.Units[usage.CacheWrite1h])
	b.Key("cache_read_input_tokens")
	b.Int(c.Units[usage.InCached])
	b.Key("output_tokens")
	b.Int(c.Output())
	b.Close('}')
}

// AppendAnswer implements dialect.Client.
func (*Messages) AppendAnswer(dst []byte, r *llm.Request, c *llm.Completion) ([]byte, int) {
	b := wire.Builder{B: dst}
	tools := false
	var why llm.Text
	b.Open('{')
	head(&b, c.ID, r.Model)
	b.Key("content")
	b.Open('[')
	blocks := c.Blocks
	for n := len(blocks); n > 1 && blocks[n-1].Kind == llm.Thinking && len(blocks[n-1].Text) == 0; n-- {
		blocks = blocks[:n-1] // as writer.held says
	}
	for i := range blocks {
		if call := &blocks[i]; call.Kind == llm.ToolCall {
			tools = true
			if len(call.Sealed.Data) > 0 { // as thoughtBefore says
				appendBlock(&b, &llm.Block{Kind: llm.Thinking, Sealed: call.Sealed})
			}
		}
		if blocks[i].Kind == llm.Refusal {
			why = append(why, blocks[i].Text...)
		}
		appendBlock(&b, &blocks[i])
	}
	b.Close(']')
	stop(&b, c.Reason, c.Match, why, tools)
	b.Key("usage")
	appendUsage(&b, c.Counts)
	b.Close('}')
	return b.B, 0
}

func appendBlock(b *wire.Builder, block *llm.Block) {
	b.Open('{')
	b.Key("type")
	switch block.Kind {
	case llm.Thinking:
		b.String("thinking")
		b.Key("thinking")
		b.Text(block.Text)
		b.Key("signature")
		b.Text(wire.AppendSealed(nil, block.Sealed, Dialect))
	case llm.ToolCall:
		b.String("tool_use")
		b.Key("id")
		b.Text(block.ID)
		b.Key("name")
		b.Text(block.Name)
		b.Key("input")
		object, _ := wire.Arguments(block.Text)
		b.Raw(object)
	default:
		b.String("text")
		b.Key("text")
		b.Text(block.Text)
		if len(block.Cites) > 0 {
			b.Key("citations")
			b.Open('[')
			for i := range block.Cites {
				appendCitation(b, &block.Cites[i])
			}
			b.Close(']')
		}
	}
	b.Close('}')
}
