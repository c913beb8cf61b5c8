package provider

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"starlane/internal/platform/clock"
)

const (
	fingerprint = "fp_starlane_sim"
	// burst is how much of an answer without gaps is gathered before it is written.
	burst = 64 << 10
)

var (
	errGone = errors.New("client left")
	errCut  = errors.New("connection cut by plan")
	errOver = errors.New("stream ended by plan")
)

// pacer holds an answer to its pace: chunk i is due at start + ttft + i × gap, so delays do not add up.
type pacer struct {
	pace  Pace
	start time.Time
	done  <-chan struct{}
	timer *time.Timer
}

// wait blocks until chunk i is due; errGone if the client left first.
func (p *pacer) wait(i int) error {
	if p.pace.TTFT == 0 && p.pace.Gap == 0 {
		return nil
	}
	return p.sleep(p.pace.TTFT + time.Duration(i)*p.pace.Gap - clock.System{}.Now().Sub(p.start))
}

func (p *pacer) sleep(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	if p.timer == nil {
		p.timer = time.NewTimer(d)
	} else {
		p.timer.Reset(d)
	}
	select {
	case <-p.timer.C:
		return nil
	case <-p.done:
		p.timer.Stop()
		return errGone
	}
}

// forever blocks for d, or until the client leaves if d is zero.
func (p *pacer) forever(d time.Duration) error {
	if d > 0 {
		return p.sleep(d)
	}
	<-p.done
	return errGone
}

// eventStream sends the events of one streamed answer at their pace and plays the faults of a stream.
type eventStream struct {
	pacer
	w       http.ResponseWriter
	flusher http.Flusher
	fault   Rule
	// head and tail frame each chunk of a chat completion.
	head []byte
	tail []byte
	buf  []byte
	// chunks counts the content chunks sent.
	chunks int
	// opening is what a client gets to see, beyond the status, of a stream that breaks before its first event; garbage
	// is the event of that fault, and failure appends the events that tell of an error.
	opening, garbage string
	failure          func(out []byte) []byte
}

func newEventStream(ctx context.Context, w http.ResponseWriter, pace Pace, start time.Time, fault Rule) *eventStream {
	s := &eventStream{pacer: pacer{pace: pace, start: start, done: ctx.Done()}, w: w, fault: fault}
	s.flusher, _ = w.(http.Flusher)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	return s
}

// frame prepares the stream for the chunks of a completion.
func (s *eventStream) frame(a *answer, object string) {
	s.opening = ": open\n\n"
	s.garbage = "data: {\"id\":\"chatcmpl-\x01, not json\n\ndata \xff\xfe garbage\n\n"
	s.failure = func(out []byte) []byte {
		return append(out, `data: {"error":{"message":"The server had an error while processing your request.",`+
			`"type":"server_error","param":null,"code":null}}`+"\n\n"...)
	}
	s.head = append(s.head, `data: {"id":"`...)
	s.head = append(s.head, a.id...)
	s.head = append(s.head, `","object":"`+object+`","created":`...)
	s.head = strconv.AppendInt(s.head, a.created, 10)
	s.head = append(s.head, `,"model":`...)
	s.head = appendQuoted(s.head, a.model)
	s.head = append(s.head, `,"service_tier":"default","system_fingerprint":"`+fingerprint+`","choices":[`...)
	if a.obfuscated {
		s.tail = append(s.tail, `,"obfuscation":"q7Zp0Xw"`...)
	}
	s.tail = append(s.tail, '}', '\n', '\n')
	if a.withUsage {
		s.tail = append([]byte(`,"usage":null`), s.tail...)
	}
}

// open appends the start of a chunk up to the value of its delta, which the caller appends before close.
func (s *eventStream) open(index int) {
	s.buf = append(s.buf, s.head...)
	s.buf = append(s.buf, `{"index":`...)
	s.buf = appendInt(s.buf, index)
	s.buf = append(s.buf, `,"delta":`...)
}

func (s *eventStream) close(finish string) {
	s.buf = append(s.buf, `,"logprobs":null`...)
	s.finish(finish)
}

func (s *eventStream) finish(finish string) {
	if finish == "" {
		s.buf = append(s.buf, `,"finish_reason":null}]`...)
	} else {
		s.buf = append(s.buf, `,"finish_reason":"`...)
		s.buf = append(s.buf, finish...)
		s.buf = append(s.buf, `"}]`...)
	}
	s.buf = append(s.buf, s.tail...)
}

// content sends a chunk with text once it is due.
func (s *eventStream) content(index int, text string, logprobs bool) error {
	if err := s.due(); err != nil {
		return err
	}
	s.open(index)
	s.buf = append(s.buf, `{"content":`...)
	s.buf = append(appendQuoted(s.buf, text), '}')
	if logprobs {
		s.buf = append(s.buf, `,"logprobs":`...)
		s.buf = appendLogprobs(s.buf, text)
		s.finish("")
	} else {
		s.close("")
	}
	return s.sent()
}

// due waits for the next content chunk's time and plays the faults that come before it.
func (s *eventStream) due() error {
	if s.chunks == 0 {
		if err := s.disturb(); err != nil {
			return err
		}
	}
	return s.wait(s.chunks)
}

// sent counts a content chunk, flushes it if chunks are spaced, and plays the faults that come after it.
func (s *eventStream) sent() error {
	s.chunks++
	if s.pace.Gap > 0 || len(s.buf) >= burst {
		if err := s.flush(); err != nil {
			return err
		}
	}
	return s.disturb()
}

func (s *eventStream) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	_, err := s.w.Write(s.buf)
	s.buf = s.buf[:0]
	if err != nil {
		return errGone
	}
	if s.flusher != nil {
		s.flusher.Flush()
	}
	return nil
}

// disturb plays a fault that is due after the chunks sent so far.
func (s *eventStream) disturb() error {
	if s.fault.Kind == "" || s.chunks != s.fault.AfterChunks {
		return nil
	}
	switch s.fault.Kind {
	case Cut, StallStream, Garbage, ErrorEvent, NoDone:
	default:
		return nil
	}
	if err := s.wait(s.chunks); err != nil {
		return err
	}
	switch s.fault.Kind {
	case Garbage:
		s.buf = append(s.buf, s.garbage...)
		return s.flush()
	case ErrorEvent:
		s.buf = s.failure(s.buf)
		return errors.Join(s.flush(), errOver)
	case NoDone:
		return errors.Join(s.flush(), errOver)
	default: // the others break off below, or are no fault of a stream
	}
	if len(s.buf) == 0 && s.chunks == 0 {
		if s.buf = append(s.buf, s.opening...); len(s.buf) == 0 && s.flusher != nil {
			s.flusher.Flush() // the status at least
		}
	}
	if err := s.flush(); err != nil {
		return err
	}
	if s.fault.Kind == StallStream {
		return s.forever(time.Duration(s.fault.DelayMS) * time.Millisecond)
	}
	hangUp(s.w)
	return errCut
}

// end sends what follows the finish chunks: usage if wanted, then [DONE].
func (s *eventStream) end(a *answer) error {
	if a.withUsage && s.fault.Kind != NoUsage {
		s.buf = append(s.buf, s.head...)
		s.buf = append(s.buf, `],"usage":`...)
		s.buf = a.appendVendorUsage(s.buf)
		s.buf = append(s.buf, '}', '\n', '\n')
	}
	s.buf = append(s.buf, "data: [DONE]\n\n"...)
	return s.last()
}

// last writes the end of a stream. It leaves the flush to the return of the handler: that saves a system call, and a
// client that has seen the end finds its request in the report.
func (s *eventStream) last() error {
	_, err := s.w.Write(s.buf)
	s.buf = s.buf[:0]
	select {
	case <-s.done:
		return errGone
	default:
		return err
	}
}

// hangUp closes the connection under the answer.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the documented way to abort an answer that cannot be hijacked
	}
	// A plain close: what was written still reaches the client, then the chunked body ends too early.
	_ = conn.Close()
}

func (a *answer) streamed() bool { return a.stream }

func (a *answer) size() int {
	n := 0
	for _, c := range a.choices {
		n = max(n, len(c.content))
	}
	return n
}

// writeStream sends a whole answer as events.
func (a *answer) writeStream(s *eventStream) error {
	s.frame(a, "chat.completion.chunk")
	if err := s.roles(a); err != nil {
		return err
	}
	s.thoughts(a)
	for round, open := 0, true; open; round++ {
		open = false
		for i, c := range a.choices {
			if round >= len(c.content) {
				continue
			}
			open = true
			if err := s.content(i, c.content[round], a.logprobs); err != nil {
				return err
			}
		}
	}
	for i, c := range a.choices {
		for j, call := range c.calls {
			if err := s.call(i, j, call); err != nil {
				return err
			}
		}
	}
	for i, c := range a.choices {
		if c.searched {
			s.open(i)
			s.buf = append(c.appendAnnotation(append(s.buf, `{"annotations":[`...)), `]}`...)
			s.close("")
		}
		s.open(i)
		s.buf = append(s.buf, '{', '}')
		s.close(c.finish)
	}
	return s.end(a)
}

// roles sends the first chunk of each choice when the first content is due.
func (s *eventStream) roles(a *answer) error {
	if err := s.wait(0); err != nil {
		return err
	}
	for i, c := range a.choices {
		s.open(i)
		if len(c.calls) > 0 {
			s.buf = append(s.buf, `{"role":"assistant","content":null}`...)
		} else {
			s.buf = append(s.buf, `{"role":"assistant","content":"","refusal":null}`...)
		}
		s.close("")
	}
	if s.pace.Gap > 0 {
		return s.flush()
	}
	return nil
}

// call sends one tool call: its name first, then its arguments piece by piece.
func (s *eventStream) call(index, position int, call toolCall) error {
	s.open(index)
	s.buf = append(s.buf, `{"tool_calls":[{"index":`...)
	s.buf = appendInt(s.buf, position)
	kind, arguments := call.members()
	s.buf = append(s.buf, `,"id":"`+call.id+`","type":"`+kind+`","`+kind+`":{"name":`...)
	s.buf = appendQuoted(s.buf, call.name)
	s.buf = append(s.buf, `,"`+arguments+`":""}}]}`...)
	s.close("")
	for _, piece := range call.arguments {
		if err := s.due(); err != nil {
			return err
		}
		s.open(index)
		s.buf = append(s.buf, `{"tool_calls":[{"index":`...)
		s.buf = appendInt(s.buf, position)
		s.buf = append(s.buf, `,"`+kind+`":{"`+arguments+`":`...)
		s.buf = append(appendQuoted(s.buf, piece), `}}]}`...)
		s.close("")
		if err := s.sent(); err != nil {
			return err
		}
	}
	return nil
}
