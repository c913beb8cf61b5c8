package openairesponses

import (
	"net/http"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// maxIndex bounds the places of items and parts: what is larger is a broken event.
const maxIndex = 1 << 12

// reader reads a stream of events. Vendors leave some of them out: what an item says is read from its deltas, from the event
// that ends a part of it, from the item as it is when it is done, or from the response at the end, whichever comes first.
type reader struct {
	id      []byte // of the response
	created int64
	serial  int64 // of the next event
	items   []readItem
	next    int // ordinal of the next block
	calls   bool
	stopped bool
	// searches of the web so far: the usage does not say them.
	searches int64
	event    llm.Event
}

// readItem is what has been told of an item.
type readItem struct {
	known   bool
	done    bool
	kind    string
	block   readBlock   // of a thought or a call
	summary int64       // the part of the thought that spoke last
	parts   []readBlock // of a message
}

// readBlock is what has been told of a block.
type readBlock struct {
	open, spoke, closed bool
	ordinal             int
	what                llm.BlockKind
}

// NewReader implements dialect.Upstream.
func (*Responses) NewReader() dialect.Reader { return &reader{} }

var _ dialect.FailureWriter = (*reader)(nil)

// AppendFailure implements dialect.FailureWriter, for a stream that passes through.
func (r *reader) AppendFailure(dst []byte, e *apperr.Error, requestID string) []byte {
	id := string(r.id)
	if id == "" {
		id = "resp_" + requestID
	}
	return appendFailure(dst, r.serial, e, requestID, &response{id: id, created: r.created})
}

// streamEvent is an event as it is read.
type streamEvent struct {
	kind                  llm.Text
	output, part, summary int64
	said                  llm.Text // of a delta, or of the whole that a done event has
	item, content, answer guard.Cursor
	serial                int64
	failed                bool
}

// readEvent is on the path of every event, so it makes nothing.
func readEvent(c *guard.Cursor) (e streamEvent) {
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch string(k) {
		case "type":
			e.kind = wire.Text(c)
		case "sequence_number":
			e.serial, _ = c.Int(1 << 40)
		case "output_index":
			e.output = index(c)
		case "content_index":
			e.part = index(c)
		case "summary_index":
			e.summary = index(c)
		case "delta", "text", "arguments", "input", "refusal":
			e.said = wire.Text(c)
		case "item":
			e.item = *c
			c.Skip()
		case "part":
			e.content = *c
			c.Skip()
		case "response":
			e.answer = *c
			c.Skip()
		case "error":
			e.failed = c.Kind() == guard.Object
			c.Skip()
		default:
			c.Skip()
		}
	}
	return e
}

// index reads the place of an item or a part, -1 if it is none.
func index(c *guard.Cursor) int64 {
	v, ok := c.Int(maxIndex)
	if !ok {
		return -1
	}
	return v
}

// Read implements dialect.Reader.
func (r *reader) Read(data []byte, to llm.Sink) dialect.Step {
	if string(data) == "[DONE]" { // of vendors who know other formats better
		return dialect.End
	}
	c := guard.NewCursor(data)
	e := readEvent(&c)
	switch {
	case !c.End():
		return dialect.Garbage
	case e.failed || string(e.kind) == "error" || string(e.kind) == "response.failed":
		return dialect.Failed
	}
	r.serial = e.serial + 1
	switch string(e.kind) {
	case "response.created", "response.in_progress":
		r.start(&e.answer, to)
	case "response.completed", "response.incomplete":
		if !r.end(&e.answer, to) {
			return dialect.Failed
		}
		return dialect.End
	default:
		if e.output >= 0 && e.part >= 0 && e.summary >= 0 {
			r.progress(&e, to)
		}
	}
	return dialect.Pass
}

// progress reads an event about an item.
func (r *reader) progress(e *streamEvent, to llm.Sink) {
	switch string(e.kind) {
	case "response.output_item.added":
		it := readOutput(&e.item)
		r.announce(e.output, &it, to)
	case "response.content_part.added":
		r.partOf(e, kindOfPart(typeOf(&e.content)), to)
	case "response.output_text.delta":
		r.say(r.partOf(e, llm.TextBlock, to), e.said, to)
	case "response.refusal.delta":
		r.say(r.partOf(e, llm.Refusal, to), e.said, to)
	case "response.output_text.done":
		r.closePart(r.partOf(e, llm.TextBlock, to), e.said, to)
	case "response.refusal.done":
		r.closePart(r.partOf(e, llm.Refusal, to), e.said, to)
	case "response.reasoning_summary_text.delta", "response.reasoning_text.delta":
		r.think(e, to)
	case "response.reasoning_summary_text.done", "response.reasoning_text.done":
		if it := r.item(e.output, itemReasoning, to); it != nil && (!it.block.spoke || it.summary < e.summary) {
			r.think(e, to)
		}
	case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta":
		if it := r.known(e.output); it != nil {
			r.say(&it.block, e.said, to)
		}
	case "response.function_call_arguments.done", "response.custom_tool_call_input.done":
		if it := r.known(e.output); it != nil && !it.block.spoke {
			r.say(&it.block, e.said, to)
		}
	case "response.output_item.done":
		it := readOutput(&e.item)
		r.finish(e.output, &it, to)
	}
}

func (r *reader) take(to llm.Sink, e llm.Event) {
	r.event = e
	to.Take(&r.event)
}

// answerObject is a response as it is read.
type answerObject struct {
	response                 bool
	id, model                llm.Text
	created                  int64
	status, reason           string
	output, spent            guard.Cursor
	failed, hasOutput, valid bool
}

func readAnswer(c *guard.Cursor) (a answerObject) {
	wire.Object(c, func(k string) {
		switch k {
		case "object":
			a.response = string(wire.Text(c)) == "response"
		case "id":
			a.id = wire.Text(c)
		case "model":
			a.model = wire.Text(c)
		case "created_at":
			a.created, _ = c.Int(1 << 40)
		case "status":
			a.status = string(wire.Text(c))
		case "incomplete_details":
			wire.Object(c, func(k string) {
				if k == "reason" {
					a.reason = string(wire.Text(c))
					return
				}
				c.Skip()
			})
		case "error":
			a.failed = c.Kind() == guard.Object
			c.Skip()
		case "output":
			a.output, a.hasOutput = *c, c.Kind() == guard.Array
			c.Skip()
		case "usage":
			a.spent = *c
			c.Skip()
		default:
			c.Skip()
		}
	})
	a.valid = !c.Bad()
	return a
}

func (r *reader) start(c *guard.Cursor, to llm.Sink) {
	if r.id != nil {
		return
	}
	a := readAnswer(c)
	r.begin(&a, to)
}

func (r *reader) begin(a *answerObject, to llm.Sink) {
	r.id, r.created = append([]byte{}, a.id...), a.created
	r.take(to, llm.Event{Kind: llm.Start, ID: a.id, Name: a.model})
}

// end reads the response at the end, which may repeat all items or none. False: it says that it failed.
func (r *reader) end(c *guard.Cursor, to llm.Sink) bool {
	a := readAnswer(c)
	if a.failed || a.status == failed || a.status == "cancelled" {
		return false
	}
	if r.id == nil {
		r.begin(&a, to)
	}
	r.complete(&a, to)
	return true
}

func (r *reader) complete(a *answerObject, to llm.Sink) {
	index := int64(0)
	wire.List(&a.output, func() {
		at := a.output
		a.output.Skip()
		if it := readOutput(&at); index < maxIndex {
			r.finish(index, &it, to)
		}
		index++
	})
	if a.spent.Kind() == guard.Object {
		if counts, ok := openai.ReadUsageOf(&a.spent, &openai.ResponsesUsage); ok {
			r.report(counts, to)
		}
	}
	if !r.stopped {
		r.stopped = true
		r.take(to, llm.Event{Kind: llm.Stop, Reason: r.reasonOf(a)})
	}
}

// report tells what is known of the usage.
func (r *reader) report(counts usage.Counts, to llm.Sink) {
	if r.searches > 0 {
		counts.Set(usage.SearchQuery, r.searches, usage.Derived)
	}
	r.take(to, llm.Event{Kind: llm.Report, Counts: counts})
}

func (r *reader) reasonOf(a *answerObject) llm.Reason {
	switch {
	case a.status == incomplete && a.reason == "content_filter":
		return llm.Filtered
	case a.status == incomplete:
		return llm.MaxTokens
	case r.calls:
		return llm.ToolUse
	default:
		return llm.EndOfTurn
	}
}

// ReadWhole implements dialect.Upstream.
func (*Responses) ReadWhole(src []byte, to llm.Sink) bool {
	c := guard.NewCursor(src)
	a := readAnswer(&c)
	if !c.End() || !a.valid || !a.hasOutput || a.failed || (a.status != completed && a.status != incomplete) {
		return false
	}
	r := &reader{}
	r.begin(&a, to)
	r.complete(&a, to)
	return true
}

// ReadFault implements dialect.Upstream.
func (*Responses) ReadFault(status int, h http.Header, c body.Content) (*llm.Fault, string) {
	message := openai.ErrorMessage(c.Open())
	f := openai.ReadFault(status, h, c)
	f.Answer.Release()
	f.Answer = body.Content{}
	return f, message
}
