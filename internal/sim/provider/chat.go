package provider

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// chat serves POST /v1/chat/completions.
func (s *Server) chat(c *call) *apiError {
	if g, ok := look(c.body); ok {
		if spec, ok := parseBench(g.model); ok {
			return s.serveBench(c, g, spec)
		}
	}
	req, e := parseChat(c.body, c.r.Header, s.cfg.RejectUnknown)
	if e != nil {
		return e
	}
	c.model, c.stream = req.Model, req.Stream
	if c.model == ModelInstruct {
		return errNoChat()
	}
	pace, fault, done, e := s.prepare(c, &req.steer)
	if e != nil || done {
		return e
	}
	a := s.compose(c.key, req)
	a.asVendor(c)
	c.usage = a.usage
	c.wire.timed(c)
	s.deliver(c, a, pace, fault)
	return nil
}

// prepare finds the pace and the fault of a chat request whose model c names, and plays the faults that come before
// an answer; done says that nothing more is to be sent.
func (s *Server) prepare(c *call, steer *steering) (pace Pace, fault Rule, done bool, e *apiError) {
	pace, known := s.cfg.pace(c.model)
	if spec, ok := parseBench(c.model); ok {
		pace, known = spec.pace, true
		if steer.tokens == 0 {
			steer.tokens = spec.chunks
		}
	}
	if !known {
		return pace, fault, true, errModel(c.model)
	}
	fault, hit := s.pickFault(c, steer.fault)
	pace = fault.applyPace(steer.applyPace(pace))
	if hit {
		done, e = s.early(c, fault)
	}
	return pace, fault, done, e
}

// serveBench answers a bench model from the quick glance at the body alone.
func (s *Server) serveBench(c *call, g glance, spec benchSpec) *apiError {
	c.model, c.stream = g.model, g.stream
	steer, e := readSteering(c.r.Header, nil)
	if e != nil {
		return e
	}
	fault, hit := s.pickFault(c, steer.fault)
	if hit {
		if done, e := s.early(c, fault); done {
			return e
		}
	}
	prompt := (g.promptBytes+3)/4 + priming
	a := &answer{
		id: s.newID("chatcmpl-"), created: s.cfg.Clock.Now().Unix(), model: g.model, stream: g.stream,
		withUsage: g.stream && g.includeUsage,
		choices: []choice{{
			content: generated(s.words, newRandom(s.cfg.Seed, uint64(g.promptBytes)), spec.chunks), finish: finishStop,
		}},
		usage: tokenUsage{Prompt: prompt, Completion: spec.chunks, Total: prompt + spec.chunks},
	}
	c.usage = a.usage
	c.wire.timed(c)
	s.deliver(c, a, fault.applyPace(steer.applyPace(spec.pace)), fault)
	return nil
}

// pickFault gives the fault of this request: its own wish first, then the plan, then the weather of demo-flaky.
func (s *Server) pickFault(c *call, own *Rule) (Rule, bool) {
	r, ok := Rule{}, false
	switch {
	case own != nil:
		r, ok = *own, true
	default:
		if r, ok = s.faults.pick(c.key, c.model); !ok && c.model == ModelFlaky {
			r, ok = s.flaky.pick(c.key, c.model)
		}
	}
	c.fault = r.Kind
	return r, ok
}

// early plays the faults that come before an answer; done says that nothing more is to be sent.
func (s *Server) early(c *call, fault Rule) (done bool, e *apiError) {
	if e := fault.statusError(c.key, s.cfg.LimitRequests); e != nil {
		if fault.Kind == RateLimit {
			c.wire.exhausted(c, fault.retryAfter())
		}
		return true, e
	}
	if fault.Kind != Stall {
		return false, nil
	}
	p := pacer{done: c.r.Context().Done()}
	if err := p.forever(time.Duration(fault.DelayMS) * time.Millisecond); err != nil {
		c.outcome = outcomeCancelled
		return true, nil
	}
	return false, nil
}

// deliver sends a planned answer and notes in c what became of it.
func (s *Server) deliver(c *call, a reply, pace Pace, fault Rule) {
	if a.streamed() {
		c.status = http.StatusOK
		space := s.buffer()
		es := newEventStream(c.r.Context(), c.w, pace, c.start, fault)
		es.buf = (*space)[:0]
		err := a.writeStream(es)
		*space = es.buf
		s.release(space)
		c.chunks = es.chunks
		c.settle(err)
		return
	}
	n := a.size()
	p := pacer{pace: pace, start: c.start, done: c.r.Context().Done()}
	if err := p.wait(max(n-1, 0)); err != nil {
		c.settle(err)
		return
	}
	body := a.appendBody(make([]byte, 0, 1024), fault.Kind != NoUsage)
	c.settle(c.writeAnswer(body, fault))
	c.chunks = n
}

// writeAnswer sends a JSON answer, or what a fault leaves of it.
func (c *call) writeAnswer(body []byte, fault Rule) error {
	return c.writeBody(body, "application/json", fault)
}

// writeBody is writeAnswer for a body of any kind.
func (c *call) writeBody(body []byte, kind string, fault Rule) error {
	c.status = http.StatusOK
	h := c.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	half := body[:len(body)/2]
	switch fault.Kind {
	case Cut, StallStream, NoDone, ErrorEvent:
		if _, err := c.w.Write(half); err != nil {
			return errGone
		}
		if f, ok := c.w.(http.Flusher); ok {
			f.Flush()
		}
		if fault.Kind == StallStream {
			p := pacer{done: c.r.Context().Done()}
			if err := p.forever(time.Duration(fault.DelayMS) * time.Millisecond); err != nil {
				return err
			}
		}
		hangUp(c.w)
		return errCut
	case Garbage:
		h.Set("Content-Length", strconv.Itoa(len(half)))
		body = half
	default: // no fault of an answer's body
	}
	if _, err := c.w.Write(body); err != nil {
		return errGone
	}
	return nil
}

// settle turns the end of an answer into its outcome.
func (c *call) settle(err error) {
	switch {
	case err == nil:
		c.outcome = outcomeCompleted
	case errors.Is(err, errCut), errors.Is(err, errOver):
		c.outcome = outcomeBroken
	default:
		c.outcome = outcomeCancelled
	}
}
