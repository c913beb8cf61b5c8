package relay

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
	"starlane/internal/relay/sse"
	"starlane/internal/usage"
)

const (
	maxHeld    = 64 << 10 // events before the first content, kept back so that another upstream may still be tried
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
}

// stream passes a stream on and settles at its end, before the last bytes go out.
func (x *exchange) stream(res *http.Response, begin time.Time) *llm.Fault {
	s := &streaming{x: x, reader: x.p.readers.Get(res.Body), begin: begin}
	defer x.p.readers.Put(s.reader)
	x.tap = x.wire.NewTap(x.req)
	x.p.Metrics.streams.Inc()
	defer x.p.Metrics.streams.Dec()
	for {
		err := s.reader.Fill()
		x.watch.beat()
		if fault := s.pump(); fault != nil {
			return fault
		}
		if s.ended {
			s.drain()
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
	if len(s.reader.Rest()) > 0 || !s.x.tap.Answer().Finished {
		return streamFault(errEnded)
	}
	// The model came to its end and the connection closed in order: only the mark is missing.
	if fault := s.end([]byte("data: [DONE]\n\n")); fault != nil {
		return fault
	}
	return nil
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
			s.pass(e.Raw)
			continue
		}
		seen := x.tap.Event(e.Data)
		if seen.Content {
			s.first()
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
		case dialect.Usage:
			if fault := s.usage(e); fault != nil {
				return fault
			}
		case dialect.End:
			if s.empty() {
				return streamFault(errEmpty)
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

// usage passes the event with the usage on, with the cost if the client wants it.
func (s *streaming) usage(e sse.Event) *llm.Fault {
	if !s.x.req.WantsCost {
		s.pass(e.Raw)
		return nil
	}
	if fault := s.write(nil); fault != nil {
		return fault
	}
	cost := s.x.charge(s.x.tap.Answer().Counts)
	return s.write(s.x.tap.AppendCost(nil, e.Data, cost.String()))
}

// write sends the run and then extra, or keeps both back before the first content.
func (s *streaming) write(extra []byte) *llm.Fault {
	run := s.run
	s.run = nil
	if !s.commit {
		if len(s.held)+len(run)+len(extra) > maxHeld {
			return streamFault(errHeld)
		}
		s.held = append(append(s.held, run...), extra...)
		return nil
	}
	x := s.x
	if !x.started {
		h := x.sink.Header()
		h["Cache-Control"] = x.p.uncache
		x.head(http.StatusOK, x.p.events)
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
	s.commit, s.ended = true, true
	x.tally()
	x.succeed(s.begin)
	// The answer is settled: whether the client still took the end of it changes nothing.
	_ = s.write(mark)
	_ = s.flush()
	return nil
}

// drain reads to the end of the upstream's answer, so that its connection can be used again.
func (s *streaming) drain() {
	s.x.watch.phase(drainLimit)
	for range 4 {
		if s.reader.Fill() != nil {
			return
		}
		for ok := true; ok; {
			_, ok = s.reader.Next()
		}
	}
}

// endStream tells a client in the middle of a stream that there will be no more of it.
func (x *exchange) endStream(e *apperr.Error) {
	if !x.started {
		return
	}
	if _, err := x.sink.Write(x.call.Ingress.AppendStreamError(nil, e, x.call.ID.String())); err == nil {
		_ = x.sink.Flush()
	}
}

// head writes the head of the answer.
func (x *exchange) head(status int, contentType []string) {
	x.started = true
	h := x.sink.Header()
	h["Content-Type"] = contentType
	h["X-Starlane-Served-Model"] = []string{x.event.ServedModel}
	route := "primary"
	if x.pick.Candidate.Model != x.primary || x.tries > 1 {
		route = "fallback"
	}
	h["X-Starlane-Route"] = []string{route}
	x.reservation.Limits().Write(h)
	x.sink.WriteHeader(status)
}

func decimal(n int64) []string { return []string{strconv.FormatInt(n, 10)} }

// tally takes over what the stream said about itself, or estimates it.
func (x *exchange) tally() {
	if x.tap == nil {
		if x.sent {
			x.estimateCounts(0)
		}
		return
	}
	if a := x.tap.Answer(); a.Reported {
		x.event.Counts = a.Counts
		return
	}
	x.estimateCounts(x.tap.EstimateOutput(x.count))
}

// estimateCounts fills the record from our own count, for want of a report.
func (x *exchange) estimateCounts(output usage.Tokens) {
	x.event.Counts = usage.Counts{}
	x.event.Counts.Set(usage.InText, x.wire.EstimatePrompt(x.req, x.count), usage.Estimated)
	if output > 0 {
		x.event.Counts.Set(usage.OutText, output, usage.Estimated)
	}
}

// maxCounted bounds the text that is counted token by token, because a client that leaves must not cost more than one that
// stays; a longer text is counted in part and the rest in proportion.
const maxCounted = 256 << 10

func (x *exchange) count(text []byte) usage.Tokens {
	part := text[:min(len(text), maxCounted)]
	n := x.p.Tokens.Count(x.pick.Candidate.Model.Tokenizer, part)
	if len(part) < len(text) {
		n = n * usage.Tokens(len(text)) / usage.Tokens(len(part))
	}
	return n
}
