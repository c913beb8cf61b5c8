package anthropic

import (
	"bytes"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// maxBlocks bounds the blocks of one answer: memory is kept for each.
const maxBlocks = 1 << 14

// reader reads a stream of events.
type reader struct {
	report  report
	blocks  []readBlock // by the index of the API
	next    int         // ordinal of the next block that has a neutral form
	stopped bool
	calls   bool // of tools of the client
	event   llm.Event
	piece   llm.Event // the delta that is told: of one only what differs is written, as there are many
}

type readBlock struct {
	ordinal   int // -1: has no neutral form
	what      llm.BlockKind
	spoke     bool
	input     llm.Text // of a tool call, as it stood at the opening; nil where what is no call has none
	signature llm.Text
	alone     bool
	server    []byte // a block of the vendor's own tools, as it was opened
}

// NewReader implements dialect.Upstream.
func (*Messages) NewReader() dialect.Reader { return &reader{} }

// Read implements dialect.Reader.
func (r *reader) Read(data []byte, to llm.Sink) dialect.Step {
	var e struct {
		kind                         string
		index                        int64
		message, block, delta, spent guard.Cursor
	}
	c := guard.NewCursor(data)
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		at := c
		switch string(k) {
		case "type":
			e.kind = string(wire.Text(&c))
			continue
		case "index":
			n, ok := c.Int(maxBlocks)
			if !ok {
				return dialect.Garbage
			}
			e.index = n
			continue
		case "message":
			e.message = at
		case "content_block":
			e.block = at
		case "delta":
			e.delta = at
		case "usage":
			e.spent = at
		}
		c.Skip()
	}
	if !c.End() {
		return dialect.Garbage
	}
	switch e.kind {
	case "message_start":
		r.start(&e.message, to)
	case "content_block_start":
		r.open(int(e.index), &e.block, to)
	case "content_block_delta":
		r.delta(int(e.index), &e.delta, to)
	case "content_block_stop":
		r.close(int(e.index), to)
	case "message_delta":
		if e.spent.Kind() == guard.Object {
			r.report.merge(&e.spent)
		}
		r.messageDelta(&e.delta, to)
	case "message_stop":
		return dialect.End
	case "error":
		return dialect.Failed
	}
	return dialect.Pass
}

func (r *reader) take(to llm.Sink, e llm.Event) {
	r.event = e
	to.Take(&r.event)
}

func (r *reader) start(c *guard.Cursor, to llm.Sink) {
	e := llm.Event{Kind: llm.Start}
	if c.Kind() == guard.Object {
		for k, ok := c.Object(); ok; k, ok = c.Next() {
			switch string(k) {
			case "id":
				e.ID = wire.Text(c)
			case "model":
				e.Name = wire.Text(c)
			case "usage":
				r.report.merge(c)
			default:
				c.Skip()
			}
		}
	}
	r.take(to, e)
	r.report.output = 0 // it says a token of the answer, which is no figure yet
	if counts, ok := r.report.counts(); ok {
		counts.Set(usage.OutText, 0, usage.None)
		r.take(to, llm.Event{Kind: llm.Report, Counts: counts})
	}
}

func (r *reader) tell(to llm.Sink) {
	if counts, ok := r.report.counts(); ok {
		r.take(to, llm.Event{Kind: llm.Report, Counts: counts})
	}
}

// open begins a block. What has no neutral form, such as the vendor's own tools at work, is not told.
func (r *reader) open(index int, c *guard.Cursor, to llm.Sink) {
	for len(r.blocks) <= index {
		r.blocks = append(r.blocks, readBlock{ordinal: -1})
	}
	b := &r.blocks[index]
	if b.ordinal >= 0 || c.Kind() != guard.Object {
		return
	}
	whole := *c
	kind := ""
	var cited guard.Cursor
	e := llm.Event{Kind: llm.Open}
	var said llm.Text
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch string(k) {
		case "type":
			kind = string(wire.Text(c))
		case "id":
			e.ID = wire.Text(c)
		case "name":
			e.Name = wire.Text(c)
		case "text", "thinking":
			said = wire.Text(c)
		case "signature":
			b.signature = append(b.signature, wire.Text(c)...)
		case "data":
			b.signature, b.alone = append(b.signature, wire.Text(c)...), true
		case "input":
			if raw := c.Raw(); len(raw) > 2 {
				b.input = quoted(raw)
			}
		case "citations":
			cited = *c
			c.Skip()
		default:
			c.Skip()
		}
	}
	switch kind {
	case "text":
		e.What = llm.TextBlock
	case "thinking", "redacted_thinking":
		e.What = llm.Thinking
	case serverToolUse, searchResult: // for the vendor alone, as its sealed thoughts are
		e.What, e.ID, e.Name = llm.Thinking, nil, nil
		b.server, b.input = bytes.Clone(whole.Raw()), nil
	case "tool_use":
		if string(e.Name) == answerTool { // the JSON of the call is the text of the answer
			e.What, e.ID, e.Name = llm.TextBlock, nil, nil
			break
		}
		e.What, r.calls = llm.ToolCall, true
		if b.input == nil {
			b.input = llm.Text("{}")
		}
	default:
		return
	}
	b.ordinal, b.what = r.next, e.What
	r.next++
	e.Block = b.ordinal
	r.take(to, e)
	if len(said) > 0 {
		b.spoke = true
		r.take(to, llm.Event{Kind: llm.Delta, Block: b.ordinal, What: b.what, Text: said})
	}
	wire.List(&cited, func() { r.cite(b, &cited, to) })
}

func (r *reader) delta(index int, c *guard.Cursor, to llm.Sink) {
	if index >= len(r.blocks) || r.blocks[index].ordinal < 0 || c.Kind() != guard.Object {
		return
	}
	b := &r.blocks[index]
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch string(k) {
		case "text", "thinking", "partial_json":
			if said := wire.Text(c); b.server != nil {
				b.input = append(b.input, said...)
			} else if len(said) > 0 {
				b.spoke = true
				r.piece.Kind, r.piece.Block, r.piece.What, r.piece.Text = llm.Delta, b.ordinal, b.what, said
				to.Take(&r.piece)
			}
		case "signature":
			b.signature = append(b.signature, wire.Text(c)...)
		case "citation":
			r.cite(b, c, to)
		default:
			c.Skip()
		}
	}
}

func (r *reader) close(index int, to llm.Sink) {
	if index >= len(r.blocks) || r.blocks[index].ordinal < 0 {
		return
	}
	b := &r.blocks[index]
	if b.server != nil {
		b.signature, b.alone = sealBlock(b.server, b.input), true
		b.server, b.input = nil, nil
	}
	if !b.spoke && len(b.input) > 0 {
		r.take(to, llm.Event{Kind: llm.Delta, Block: b.ordinal, What: b.what, Text: b.input})
	}
	if len(b.signature) > 0 {
		r.take(to, llm.Event{Kind: llm.Seal, Block: b.ordinal, What: b.what, Sealed: llm.Sealed{Origin: Dialect, Data: b.signature, Alone: b.alone}})
	}
	r.take(to, llm.Event{Kind: llm.Close, Block: b.ordinal, What: b.what})
	b.input, b.signature = nil, nil
}

func (r *reader) messageDelta(c *guard.Cursor, to llm.Sink) {
	r.tell(to)
	if c.Kind() != guard.Object || r.stopped {
		return
	}
	e := llm.Event{Kind: llm.Stop}
	var why llm.Text
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch string(k) {
		case "stop_details":
			why = explanation(c)
		case "stop_reason":
			if c.Kind() == guard.String {
				e.Reason = r.reasonOf(string(wire.Text(c)))
				continue
			}
			c.Skip()
		case "stop_sequence":
			e.Match = wire.Text(c)
		default:
			c.Skip()
		}
	}
	if e.Reason != llm.NoReason {
		r.stopped = true
		r.stop(e, why, to)
	}
}

// stop tells the end. Why the model refused, if it was told, is what it says last.
func (r *reader) stop(e llm.Event, why llm.Text, to llm.Sink) {
	if e.Reason == llm.Filtered && len(why) > 0 {
		block := r.next
		r.next++
		r.take(to, llm.Event{Kind: llm.Open, Block: block, What: llm.Refusal})
		r.take(to, llm.Event{Kind: llm.Delta, Block: block, What: llm.Refusal, Text: why})
		r.take(to, llm.Event{Kind: llm.Close, Block: block, What: llm.Refusal})
	}
	r.take(to, e)
}

// explanation reads why a model refused.
func explanation(c *guard.Cursor) (why llm.Text) {
	wire.Object(c, func(k string) {
		if k == "explanation" {
			why = wire.Text(c)
			return
		}
		c.Skip()
	})
	return why
}

var reasons = map[string]llm.Reason{ //nolint:gochecknoglobals // a constant table
	"end_turn": llm.EndOfTurn, "stop_sequence": llm.StopString, "max_tokens": llm.MaxTokens, "tool_use": llm.ToolUse,
	"refusal": llm.Filtered, "pause_turn": llm.Paused, "model_context_window_exceeded": llm.ContextFull,
}

func (r *reader) reasonOf(s string) llm.Reason {
	reason, ok := reasons[s]
	switch {
	case !ok:
		return llm.OtherReason
	case reason == llm.ToolUse && !r.calls: // of the tool that stands for a form of the answer
		return llm.EndOfTurn
	}
	return reason
}

// ReadWhole implements dialect.Upstream.
func (*Messages) ReadWhole(src []byte, to llm.Sink) bool {
	r := &reader{}
	var content, spent guard.Cursor
	var id, name, why llm.Text
	stop := llm.Event{Kind: llm.Stop}
	message, reason := false, ""
	c := guard.NewCursor(src)
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		at := c
		switch string(k) {
		case "type":
			message = string(wire.Text(&c)) == "message"
		case "id":
			id = wire.Text(&c)
		case "model":
			name = wire.Text(&c)
		case "content":
			content = at
			c.Skip()
		case "usage":
			spent = at
			c.Skip()
		case "stop_reason":
			reason = string(wire.Text(&c))
		case "stop_details":
			why = explanation(&c)
		case "stop_sequence":
			stop.Match = wire.Text(&c)
		default:
			c.Skip()
		}
	}
	if !c.End() || !message || content.Kind() != guard.Array {
		return false
	}
	r.take(to, llm.Event{Kind: llm.Start, ID: id, Name: name})
	i := 0
	for ok := content.Array(); ok; ok = content.More() {
		at := content
		r.open(i, &at, to)
		r.close(i, to)
		content.Skip()
		i++
	}
	r.report.merge(&spent)
	r.tell(to)
	stop.Reason = r.reasonOf(reason)
	r.stop(stop, why, to)
	return true
}
