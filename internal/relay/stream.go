package relay

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
	"starlane/internal/relay/sse"
	"starlane/internal/usage"
)

const (
	maxHeld    = 64 << 10 // events before the first content, kept back so that another upstream may still be tried
	echoes     = 3        // times that a format may repeat its request in such events
	drainLimit = time.Second
)

var (
	errEmpty   = errors.New("the stream ended without an answer")
	errEnded   = errors.New("the stream broke off")
	errGarbage = errors.New("the stream has an event that cannot be read")
	errFailed  = errors.New("the upstream reported a failure in its stream")
	errHeld    = errors.New("the stream says nothing for too long")
	errClient  = errors.New("the client does not take the answer")
)

// streaming is the state of one stream. Read, scan, write in one goroutine: what one read brought leaves in one write.
type streaming struct {
	x      *exchange
	reader *sse.Reader
	begin  time.Time
	run    []byte // events to pass on, next to each other in the reader's buffer
	held   []byte // events of former reads, before the first content
	commit bool   // content came
	ended  bool
	dirty  bool // something was written since the last flush

	// client guards what is written: signs of life come from another goroutine.
	client sync.Mutex
	over   bool // no more of them
}

// stream passes a stream on and settles at its end, before the last bytes go out.
func (x *exchange) stream(res *http.Response, begin time.Time) *llm.Fault {
	s := &streaming{x: x, reader: x.p.readers.Get(res.Body), begin: begin}
	defer x.p.readers.Put(s.reader)
	x.tap = x.wire.NewTap(x.req, x)
	x.p.Metrics.streams.Inc()
	defer x.p.Metrics.streams.Dec()
	x.watch.tell(s)
	defer s.silence()
	for {
		err := s.reader.Fill()
		x.watch.beat()
		if fault := s.pump(); fault != nil {
			return fault
		}
		if s.ended {
			x.drain(s.reader)
			return nil
		}
		if err != nil {
			return s.stop(err)
		}
	}
}

// stop decides on a stream that is over without having said so.
func (s *streaming) stop(err error) *llm.Fault {
	if !errors.Is(err, io.EOF) {
		return streamFault(err)
	}
	mark, finished := s.x.tap.Finish()
	if len(s.reader.Rest()) > 0 || !finished {
		return streamFault(errEnded)
	}
	return s.end(mark)
}

func streamFault(err error) *llm.Fault {
	return &llm.Fault{Phase: llm.Stream, Status: http.StatusOK, Err: err}
}

// pump takes all events that are complete and passes them on.
func (s *streaming) pump() *llm.Fault {
	x := s.x
	for {
		e, ok := s.reader.Next()
		if !ok {
			return s.flush()
		}
		if e.Data == nil {
			if x.req.Framing == llm.Events {
				s.pass(e.Raw)
			} else if fault := s.write(nil); fault != nil { // what is passed on next is no neighbour of what was
				return fault
			}
			continue
		}
		seen := x.tap.Event(e.Data)
		if seen.Content {
			s.first()
		}
		if seen.Out != nil && seen.Step == dialect.Pass {
			if fault := s.write(seen.Out); fault != nil {
				return fault
			}
			continue
		}
		switch seen.Step {
		case dialect.Pass:
			if fault := s.passWithout(e, seen.Cut); fault != nil {
				return fault
			}
		case dialect.Hide:
			if fault := s.write(nil); fault != nil {
				return fault
			}
		case dialect.End:
			if s.empty() {
				return streamFault(errEmpty)
			}
			if seen.Out != nil {
				return s.end(seen.Out)
			}
			return s.end(e.Raw)
		case dialect.Failed:
			return s.fail(errFailed)
		case dialect.Garbage:
			return s.fail(errGarbage)
		}
	}
}

// first notes the first content: from here on the answer is the client's.
func (s *streaming) first() {
	if !s.commit {
		s.commit = true
		s.x.event.TTFTMillis = s.x.p.Clock.Now().Sub(s.x.call.Start).Milliseconds()
	}
}

// empty tells whether the upstream ended without saying anything, not even why.
func (s *streaming) empty() bool { return !s.commit && !s.x.tap.Answer().Finished }

// pass puts an event to those that leave together. Neighbours in the buffer stay one piece.
func (s *streaming) pass(raw []byte) {
	if len(s.run) == 0 {
		s.run = raw
		return
	}
	s.run = s.run[:len(s.run)+len(raw)]
}

// passWithout passes an event on without a part of its data. What several lines were joined from passes whole.
func (s *streaming) passWithout(e sse.Event, cut llm.Span) *llm.Fault {
	if cut.From == cut.To || e.At < 0 {
		s.pass(e.Raw)
		return nil
	}
	s.pass(e.Raw[:e.At+cut.From])
	if fault := s.write(nil); fault != nil {
		return fault
	}
	s.pass(e.Raw[e.At+cut.To:])
	return nil
}

// still tells the client that the answer goes on, if its kind bears that. Before the answer has begun it would commit to this
// upstream; while somebody writes there is no need.
func (s *streaming) still() {
	h, ok := s.x.call.Ingress.(dialect.Heartbeater)
	if !ok || !s.client.TryLock() {
		return
	}
	defer s.client.Unlock()
	if !s.x.started || s.over {
		return
	}
	s.x.watch.writing.Store(true)
	if _, err := s.x.sink.Write(h.Heartbeat()); err == nil {
		_ = s.x.sink.Flush() // a client that has left is noticed at the next event
	}
	s.x.watch.writing.Store(false)
}

// silence ends the heartbeats: when it returns, none is being written.
func (s *streaming) silence() {
	s.x.watch.tell(nil)
	s.client.Lock()
	s.over = true
	s.client.Unlock()
}

// write sends the run and then extra, or keeps both back before the first content.
func (s *streaming) write(extra []byte) *llm.Fault {
	run := s.run
	s.run = nil
	if !s.commit {
		if len(s.held)+len(run)+len(extra) > maxHeld+echoes*s.x.req.Content.Len() {
			return streamFault(errHeld)
		}
		s.held = append(append(s.held, run...), extra...)
		return nil
	}
	x := s.x
	s.client.Lock()
	defer s.client.Unlock()
	if !x.started {
		h := x.sink.Header()
		h["Cache-Control"] = x.p.uncache
		kind := x.p.events
		if x.req.Framing == llm.Array {
			kind = x.p.json
		}
		x.head(http.StatusOK, kind)
	}
	for _, part := range [...][]byte{s.held, run, extra} {
		if len(part) == 0 {
			continue
		}
		x.watch.writing.Store(true)
		_, err := x.sink.Write(part)
		x.watch.writing.Store(false)
		if err != nil {
			return &llm.Fault{Phase: llm.Client, Kind: llm.Gone, Err: errClient}
		}
		s.dirty = true
	}
	s.held = nil
	return nil
}

// flush sends what there is at once.
func (s *streaming) flush() *llm.Fault {
	if fault := s.write(nil); fault != nil || !s.dirty {
		return fault
	}
	s.dirty = false
	s.client.Lock()
	defer s.client.Unlock()
	s.x.watch.writing.Store(true)
	err := s.x.sink.Flush()
	s.x.watch.writing.Store(false)
	if err != nil {
		return &llm.Fault{Phase: llm.Client, Kind: llm.Gone, Err: errClient}
	}
	return nil
}

// fail ends a stream that the upstream spoilt. What came before still goes out.
func (s *streaming) fail(err error) *llm.Fault {
	if fault := s.flush(); fault != nil {
		return fault
	}
	return streamFault(err)
}

// end settles and only then sends the mark of the end, so that no client ever has a whole answer that is on no record.
func (s *streaming) end(mark []byte) *llm.Fault {
	x := s.x
	s.silence()
	s.commit, s.ended = true, true
	x.tally()
	x.succeed(s.begin)
	// The answer is settled: whether the client still took the end of it changes nothing.
	_ = s.write(mark)
	_ = s.flush()
	return nil
}

// drain reads to the end of the upstream's answer, so that its connection can be used again.
func (x *exchange) drain(r *sse.Reader) {
	x.watch.phase(drainLimit)
	for range 4 {
		if r.Fill() != nil {
			return
		}
		for ok := true; ok; {
			_, ok = r.Next()
		}
	}
}

// endStream tells a client in the middle of a stream that there will be no more of it.
func (x *exchange) endStream(e *apperr.Error) {
	if !x.started {
		return
	}
	if x.tap == nil { // bytes have no place for an error
		x.broken = true
		return
	}
	var last []byte
	if f, ok := x.tap.(dialect.FailureWriter); ok {
		last = f.AppendFailure(nil, e, x.call.ID.String())
	}
	if last == nil {
		last = x.call.Ingress.AppendStreamError(nil, e, x.call.ID.String())
	}
	if _, err := x.sink.Write(last); err == nil {
		_ = x.sink.Flush()
	}
	if s, ok := x.call.Ingress.(dialect.Severer); ok && s.Sever() {
		x.sink.Abort()
	}
}

// head writes the head of the answer.
func (x *exchange) head(status int, contentType []string) {
	x.started = true
	h := x.sink.Header()
	h["Content-Type"] = contentType
	h["X-Starlane-Served-Model"] = []string{x.event.ServedModel}
	route := "primary"
	if x.pick.Candidate.Model != x.primary || x.tries > 0 {
		route = "fallback"
	}
	h["X-Starlane-Route"] = []string{route}
	if notes := x.req.Notes.Header(); notes != "" {
		h["X-Starlane-Warnings"] = []string{notes}
	}
	x.reservation.Limits().Write(h)
	x.sink.WriteHeader(status)
}

func decimal(n int64) []string { return []string{strconv.FormatInt(n, 10)} }

// tally takes over what the stream said about itself, or estimates it.
func (x *exchange) tally() {
	if x.tap == nil {
		if x.sent {
			x.fillCounts(0)
		}
		return
	}
	a := x.tap.Answer()
	x.event.Counts = a.Counts
	if !a.Reported {
		x.fillCounts(x.tap.EstimateOutput(x.Count))
	}
}

// fillCounts completes the record by our own count, for want of a report.
func (x *exchange) fillCounts(output usage.Tokens) {
	if b, ok := x.wire.(dialect.Biller); ok {
		x.event.Counts = b.Owed(x.req, x.event.TTFTMillis >= 0, x)
		return
	}
	x.event.Counts.Fill(func() usage.Tokens { return x.wire.EstimatePrompt(x.req, x.Count) }, output)
}

// Cost implements dialect.Meter.
func (x *exchange) Cost(c usage.Counts) string { return x.charge(c).String() }

// Priced implements dialect.Meter.
func (x *exchange) Priced(class usage.Class) bool {
	rates := x.rates()
	return rates != nil && rates.Has[class]
}

// Count implements dialect.Meter.
func (x *exchange) Count(text []byte) usage.Tokens {
	if model := x.pick.Candidate.Model; x.counted.model != model {
		x.counted = tally{p: x.p, model: model}
	}
	return x.counted.count(text)
}
