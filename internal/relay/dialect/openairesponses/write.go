package openairesponses

import (
	"strconv"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// writer renders an answer as a stream. A text goes on in the message that is open; everything else is an item of its own, which
// ends when the next one begins or the answer does: only then it is known whether it is whole.
type writer struct {
	request  *llm.Request
	response response
	serial   int64  // of the next event
	base     string // what the ids of the items are made of
	open     *outputItem
	tools    toolNames
	reason   llm.Reason
	late     []string // warnings
}

// NewWriter implements dialect.Client.
func (*Responses) NewWriter(r *llm.Request) dialect.Writer { return newWriter(r) }

func newWriter(r *llm.Request) *writer { return &writer{request: r} }

var _ dialect.FailureWriter = (*writer)(nil)

// event writes the frame of an event and what fills it.
func (w *writer) event(dst []byte, kind string, fill func(b *wire.Builder)) []byte {
	dst = event(dst, kind, w.serial, fill)
	w.serial++
	return dst
}

func event(dst []byte, kind string, serial int64, fill func(b *wire.Builder)) []byte {
	dst = append(append(append(dst, "event: "...), kind...), "\ndata: "...)
	b := wire.Builder{B: dst}
	b.Open('{')
	b.Key("type")
	b.String(kind)
	b.Key("sequence_number")
	b.Int(serial)
	fill(&b)
	b.Close('}')
	return append(b.B, "\n\n"...)
}

// Append implements dialect.Writer.
func (w *writer) Append(dst []byte, e *llm.Event) []byte {
	if w.response.id == "" {
		dst = w.start(dst, e)
	}
	switch e.Kind {
	case llm.Open:
		return w.openBlock(dst, e)
	case llm.Delta:
		if w.open != nil {
			return w.delta(dst, e.Text)
		}
	case llm.Seal:
		if w.open != nil && w.open.kind == itemReasoning {
			w.open.sealed = wire.AppendSealed(nil, e.Sealed, "")
		}
	case llm.Cite:
		if w.open != nil && w.open.kind == itemMessage {
			c := *e.Cite
			c.URL, c.Title = copied(c.URL), copied(c.Title)
			w.open.cites = append(w.open.cites, c)
		}
	case llm.Close:
		if w.open != nil && w.open.kind == itemMessage {
			return w.closePart(dst)
		}
	case llm.Stop:
		w.reason, w.late = e.Reason, e.Late
		return w.closeItem(dst, itemStatus(e.Reason))
	case llm.Start, llm.Report:
	}
	return dst
}

func (w *writer) start(dst []byte, e *llm.Event) []byte {
	w.begin(e)
	for _, kind := range [...]string{"response.created", "response.in_progress"} {
		dst = w.event(dst, kind, func(b *wire.Builder) {
			b.Key("response")
			w.response.append(b)
		})
	}
	return dst
}

// begin names the answer. The API bounds the ids that clients send back to it.
func (w *writer) begin(e *llm.Event) {
	const longest = 40
	if e.Kind == llm.Start {
		for _, c := range e.ID[:min(len(e.ID), longest)] {
			if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-' {
				w.base += string(c)
			}
		}
	}
	if w.base == "" {
		w.base = id.New().String()
	}
	w.response = response{id: "resp_" + w.base, created: clock.System{}.Now().Unix(), status: inProgress, echo: echoOf(w.request)}
}

// AppendEnd implements dialect.Writer.
func (w *writer) AppendEnd(dst []byte, counts usage.Counts, _ string) []byte {
	w.finish(counts)
	if w.response.status == failed {
		return w.failure(dst, apperr.New(apperr.UpstreamError, brokenCall), "")
	}
	return w.event(dst, "response."+w.response.status, func(b *wire.Builder) {
		b.Key("response")
		b.Raw(w.object())
		wire.Late(b, w.late)
	})
}

// object is the response as it is at the end, stored if that is wanted.
func (w *writer) object() []byte {
	var b wire.Builder
	w.response.append(&b)
	return saved(w.request, b.B)
}

const brokenCall = "The model wrote a call of a tool that cannot be read."

// finish notes how the answer ended.
func (w *writer) finish(counts usage.Counts) {
	r := &w.response
	r.counts = &counts
	switch w.reason {
	case llm.MaxTokens, llm.ContextFull, llm.Paused:
		r.status, r.incomplete = incomplete, "max_output_tokens"
	case llm.Filtered:
		r.status, r.incomplete = incomplete, "content_filter"
	case llm.BrokenCall:
		r.status, r.failure = failed, apperr.New(apperr.UpstreamError, brokenCall)
	default:
		r.status = completed
	}
}

// AppendFailure implements dialect.FailureWriter. What was streamed of an item is part of the response that failed.
func (w *writer) AppendFailure(dst []byte, e *apperr.Error, requestID string) []byte {
	if w.response.id == "" {
		w.begin(&llm.Event{})
	}
	if w.open != nil {
		w.keepPart()
		w.keepItem(incomplete)
	}
	return w.failure(dst, e, requestID)
}

func (w *writer) failure(dst []byte, e *apperr.Error, requestID string) []byte {
	if s := w.request.Stored; s != nil && s.Save != nil { // what failed is not stored
		s.Save = nil
		w.response.echo = echoOf(w.request)
	}
	return appendFailure(dst, w.serial, e, requestID, &w.response)
}

// appendFailure writes the two events that end a stream which failed: some clients act on the one only, some on the other.
func appendFailure(dst []byte, serial int64, e *apperr.Error, requestID string, r *response) []byte {
	r.status, r.failure = failed, e
	dst = event(dst, "error", serial, func(b *wire.Builder) {
		b.Key("code")
		b.String(string(e.Code))
		b.Key("message")
		b.String(e.Message)
		b.Key("param")
		if e.Param == "" {
			b.Null()
		} else {
			b.String(e.Param)
		}
		appendErrorMember(b, e, requestID)
	})
	return event(dst, "response.failed", serial+1, func(b *wire.Builder) {
		b.Key("response")
		r.append(b)
	})
}

// AppendAnswer implements dialect.Client. The answer is what the writer would have streamed.
func (*Responses) AppendAnswer(dst []byte, r *llm.Request, c *llm.Completion) ([]byte, int) {
	w := newWriter(r)
	w.begin(&llm.Event{Kind: llm.Start, ID: c.ID})
	var scratch []byte
	take := func(e llm.Event) { scratch = w.Append(scratch[:0], &e) }
	for i := range c.Blocks {
		block := &c.Blocks[i]
		open := llm.Event{Kind: llm.Open, What: block.Kind, ID: block.ID, Name: block.Name}
		if block.Kind == llm.ToolCall {
			open.Sealed = block.Sealed
		}
		take(open)
		if len(block.Text) > 0 {
			take(llm.Event{Kind: llm.Delta, What: block.Kind, Text: block.Text})
		}
		if len(block.Sealed.Data) > 0 {
			take(llm.Event{Kind: llm.Seal, What: block.Kind, Sealed: block.Sealed})
		}
		for j := range block.Cites {
			take(llm.Event{Kind: llm.Cite, What: block.Kind, Cite: &block.Cites[j]})
		}
		take(llm.Event{Kind: llm.Close, What: block.Kind})
	}
	take(llm.Event{Kind: llm.Stop, Reason: c.Reason})
	w.finish(c.Counts)
	return append(dst, w.object()...), 0
}

// itemID names the item that is next.
func (w *writer) itemID(prefix string) string {
	return prefix + w.base + "_" + strconv.Itoa(w.response.items)
}

func itemStatus(r llm.Reason) string {
	switch r {
	case llm.MaxTokens, llm.ContextFull, llm.Paused, llm.Filtered, llm.BrokenCall:
		return incomplete
	default:
		return completed
	}
}
