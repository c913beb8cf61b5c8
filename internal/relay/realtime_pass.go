package relay

import (
	"context"
	"errors"
	"time"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect/openairealtime"
	"starlane/internal/usage"
)

// fromClient passes the client's messages on, one at a time: a client is read no faster than the upstream takes it.
func (s *session) fromClient(ctx context.Context) {
	for {
		r, err := s.client.Receive(ctx)
		var content body.Content
		if err == nil {
			content, err = s.p.Bodies.ReadFor(s.c.Key.Tenant, r, -1, MaxMessage)
		}
		if err != nil {
			s.end(clientEnded(err))
			return
		}
		s.hold(true)
		more := s.ready(ctx) && s.pass(ctx, content)
		content.Release()
		s.hold(false)
		if !more {
			return
		}
		s.part()
	}
}

// hold notes whether a message of the client is under way.
func (s *session) hold(under bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holding = under
}

// send gives a message to a side, in bounded time: whoever takes nothing for so long loses the connection, which ends the session
// where it is read.
func (s *session) send(ctx context.Context, to Socket, m body.Message) error {
	ctx, cancel := context.WithTimeout(ctx, s.p.Timeouts.Idle)
	defer cancel()
	return to.Send(ctx, m) //nolint:wrapcheck // only whether it failed counts
}

// clientEnded is the end by what became of the client's connection.
func clientEnded(err error) ending {
	var closed *Closed
	switch {
	case errors.As(err, &closed) && closed.Code != closeTooBig:
		return ending{client: closed.Code, upstream: closed.Code, outcome: usage.ClientGone}
	case closed != nil, errors.Is(err, body.ErrTooLarge):
		return refusal(apperr.New(apperr.RequestTooLarge, "A message may have %d bytes.", MaxMessage))
	case errors.Is(err, body.ErrNoRoom), errors.Is(err, body.ErrShare):
		return refusal(apperr.New(apperr.NoCapacity, "The relay holds as many messages as it can. Connect again soon.").WithRetryAfter(time.Second))
	default:
		return ending{upstream: closeAway, outcome: usage.ClientGone}
	}
}

// ready waits until the next response is covered, because what the client says may make the upstream answer. False when the
// session is over.
func (s *session) ready(ctx context.Context) bool {
	for {
		wait, over := s.missing(ctx)
		if over || wait == 0 {
			return !over
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}

// missing covers the next response, or says how long to wait before it is tried again.
func (s *session) missing(ctx context.Context) (wait time.Duration, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.leaving != nil {
		return 0, s.over
	}
	return s.lacks(s.covered(ctx)), false
}

// pass sends a message of the client to the upstream, or says why it does not. False when that is gone: whoever reads from it
// ends the session, for that side knows why.
func (s *session) pass(ctx context.Context, content body.Content) bool {
	req, err := openairealtime.ReadRequest(content)
	m := content.Edited()
	if err == nil {
		m, err = s.hear(ctx, content, &req)
	}
	if err != nil {
		s.tell(ctx, apperr.From(err), req.Name)
		return true
	}
	return s.send(ctx, s.upstream, m) == nil
}

// hear takes notice of a message of the client. Errors are apperr: the message does not pass.
func (s *session) hear(ctx context.Context, content body.Content, req *openairealtime.Request) (body.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved = s.p.Clock.Now()
	s.heard.AddAll(&req.Heard)
	m := content.Edited()
	if name := req.Model.Name; name != "" {
		if name != s.c.Model && name != s.model().Name {
			return m, apperr.New(apperr.InvalidRequest, "The model of a session cannot be changed.").WithParam("session.model")
		}
		m = req.Model.Renamed(content, s.pick.Candidate.Deployment.UpstreamModel)
	}
	switch req.Act {
	case openairealtime.Update:
		s.raise(ctx, req.MaxOutput)
	case openairealtime.Respond:
		if s.leaving != nil {
			return m, s.leaving.err
		}
		t, err := s.begin(ctx, req.Name, req.MaxOutput)
		if err != nil {
			s.lacks(err)
			return m, err
		}
		s.told = s.moved // from here on the upstream is waited for
		s.asked = append(s.asked, t)
	case openairealtime.OtherAct:
	}
	return m, nil
}

// raise sets more aside before the upstream hears that answers may be longer. That they may be shorter counts once it says so.
func (s *session) raise(ctx context.Context, bound usage.Tokens) {
	switch {
	case bound == openairealtime.Unbounded:
		s.bound = 0
	case bound > 0 && s.bound > 0 && bound > s.bound:
		s.bound = bound
	default:
		return
	}
	if len(s.free) > 0 && s.short(s.bound) && s.leaving == nil {
		s.lacks(s.renew(ctx, s.bound))
	}
}

// fromUpstream passes the upstream's events on, one at a time.
func (s *session) fromUpstream(ctx context.Context) {
	for {
		r, err := s.upstream.Receive(ctx)
		var content body.Content
		if err == nil {
			content, err = s.p.Bodies.Read(r, -1, MaxMessage)
		}
		if err != nil {
			s.end(s.upstreamEnded(err))
			return
		}
		m, pass, cancel := s.see(ctx, content)
		if cancel != "" {
			_ = s.send(ctx, s.upstream, body.Own(openairealtime.AppendCancel(nil, cancel)).Edited()) // if it is gone, so is the response
		}
		if pass {
			_ = s.send(ctx, s.client, m) // a client that is gone is noticed where it is read
		}
		content.Release()
		s.passed()
		s.part()
	}
}

// passed notes that the upstream is read again.
func (s *session) passed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passing, s.told = false, s.p.Clock.Now()
}

// upstreamEnded is the end by what became of the upstream's connection. A close in order is passed on as it is.
func (s *session) upstreamEnded(err error) ending {
	var closed *Closed
	if !errors.As(err, &closed) || closed.Code == closeTooBig {
		return broken()
	}
	e := ending{client: closed.Code, reason: closed.Reason, outcome: usage.Cut}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.idle() {
		e.err = broken().err
	}
	return e
}

// see takes notice of an event of the upstream. What it returns goes to the client, if it is to pass; a response that nothing
// covers is to be cancelled.
func (s *session) see(ctx context.Context, content body.Content) (m body.Message, pass bool, cancel string) {
	e := openairealtime.ReadEvent(content)
	s.mu.Lock()
	defer s.mu.Unlock()
	m, pass = content.Edited(), true
	if s.over {
		return m, false, ""
	}
	s.passing = true
	s.moved = s.p.Clock.Now()
	s.told = s.moved
	switch e.Kind {
	case openairealtime.Session:
		m = e.Model.Renamed(content, s.c.Model)
		s.formats.Heard, s.formats.Said = e.Formats.Heard.Or(s.formats.Heard), e.Formats.Said.Or(s.formats.Said)
		if e.MaxOutput != 0 {
			s.bound = max(e.MaxOutput, 0)
		}
	case openairealtime.Created:
		if err := s.started(ctx, &e); err != nil {
			s.leave(refusal(apperr.From(err)), s.p.Timeouts.Idle)
			cancel = e.Response
		}
	case openairealtime.Said:
		s.said(&e)
	case openairealtime.Done:
		s.lacks(s.finished(ctx, &e))
	case openairealtime.Transcribed:
		s.lacks(s.transcribed(ctx, &e))
	case openairealtime.Failed:
		s.refused(&e)
	case openairealtime.Limits:
		pass = false
	case openairealtime.Other:
	}
	return m, pass, cancel
}
