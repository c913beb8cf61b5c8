package relay

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"starlane/internal/catalog"
	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect/openairealtime"
	"starlane/internal/relay/pool"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/usage"
)

// Close codes of RFC 6455.
const (
	closeNormal   = 1000
	closeAway     = 1001
	closeNoStatus = 1005 // stands for none
	closePolicy   = 1008
	closeTooBig   = 1009
	closeInternal = 1011
	closeRestart  = 1012
	closeLater    = 1013
)

// Times of a session.
const (
	lookEvery  = time.Second
	renewEvery = 5 * time.Second // of what is set aside while nothing happens
	pingEvery  = 20 * time.Second
	tellLimit  = 2 * time.Second // for the last word
)

// session is a conversation between a client and an upstream. Messages pass in one goroutine for each direction; a third one
// watches over them.
type session struct {
	p        *Pipeline
	c        *Conversation
	pick     pool.Pick
	slot     Reservation // holds the key's concurrency slot
	client   Socket
	upstream Socket
	ended    chan ending // the first one counts

	mu    sync.Mutex
	key   *vkey.Record     // the newest record
	bound usage.Tokens     // on answers; 0: as long as the model can
	free  []cover          // set aside for responses that may come; one, but for a moment
	asked []*turn          // asked for by the client, not begun yet
	live  map[string]*turn // begun, by the upstream's id
	done  [8]string        // ids of the last that were over
	next  int              // place in it
	known usage.Tokens     // in the conversation, as reported last
	heard openairealtime.Tally

	formats openairealtime.Formats // of sounds, as the upstream has them

	leaving *ending   // no more responses; ends when the last one is there
	leaveBy time.Time // or then
	passing bool      // an event is on its way to the client
	holding bool      // a message is on its way to the upstream
	over    bool
	moved   time.Time // the last message
	told    time.Time // the last message of the upstream
	renewed time.Time
}

// ending is why a session ends.
type ending struct {
	client, upstream int    // what each side is told; a side that closed by itself is told nothing
	reason           string // of the code for the client
	err              *apperr.Error
	outcome          usage.Outcome // of responses that are not finished
}

func (s *session) model() *catalog.Model { return s.pick.Candidate.Model }

// release gives back what a session holds that did not begin, or is over, also after a panic.
func (s *session) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut(usage.Cut)
	s.giveBack()
	switch {
	case s.slot == nil:
	case s.client == nil:
		s.slot.Release()
	default:
		s.slot.Settle(0, 0)
	}
}

// run passes messages until one side or the relay ends it.
func (s *session) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	now := s.p.Clock.Now()
	s.moved, s.told, s.renewed = now, now, now
	var pumps sync.WaitGroup
	start := func(pump func()) {
		pumps.Go(func() {
			defer s.recover(ctx)
			pump()
		})
	}
	start(func() { s.fromClient(ctx) })
	start(func() { s.fromUpstream(ctx) })
	start(func() { s.keepAlive(ctx, s.client, ending{upstream: closeAway, outcome: usage.ClientGone}) })
	start(func() { s.keepAlive(ctx, s.upstream, broken()) })
	e := s.watch(ctx)
	s.mu.Lock()
	s.over = true
	s.cut(e.outcome)
	s.giveBack()
	s.mu.Unlock()
	if e.err != nil && e.client != 0 {
		s.complain(ctx, e)
		s.tell(ctx, e.err, "")
	}
	var closing sync.WaitGroup
	closing.Go(func() { s.client.Close(sendable(e.client), e.reason) })
	closing.Go(func() { s.upstream.Close(sendable(e.upstream), "") })
	closing.Wait()
	cancel()
	pumps.Wait()
}

// recover ends the session after a panic. It logs where, never what: a value could hold content.
func (s *session) recover(ctx context.Context) {
	if recover() == nil {
		return
	}
	s.p.Logger.ErrorContext(ctx, "panic in a session", "request_id", s.c.ID.String(), "stack", string(debug.Stack()))
	s.end(refusal(apperr.New(apperr.Internal, "Something went wrong on our side. The request id helps us find it.")))
}

// complain logs a failure of ours or of the upstream. What is the client's own matter is not worth a line.
func (s *session) complain(ctx context.Context, e ending) {
	if refusal(e.err).client == closeInternal {
		s.p.Logger.WarnContext(ctx, "session failed", "request_id", s.c.ID.String(), "tenant", s.c.Key.Tenant.String(),
			"model", s.model().Name, "error", e.err.Error())
	}
}

// sendable is a code that may stand in a close frame.
func sendable(code int) int {
	switch {
	case code == 0 || code == closeNoStatus:
		return closeNormal
	case code < closeNormal || code > 4999 || code == 1004 || code == 1006 || code > 1014 && code < 3000:
		return closeInternal
	}
	return code
}

// end ends the session; the first reason counts.
func (s *session) end(e ending) {
	select {
	case s.ended <- e:
	default:
	}
}

// leave lets the responses under way come to their end, and begins no new ones. It is called with the lock held.
func (s *session) leave(e ending, within time.Duration) {
	if s.leaving == nil {
		s.leaving, s.leaveBy = &e, s.p.Clock.Now().Add(within)
	}
}

// lacks says what follows if the next response is not covered: how long to wait for a limit of the key, or that the session
// ends, for want of money. It is called with the lock held.
func (s *session) lacks(err error) (wait time.Duration) {
	if err == nil {
		return 0
	}
	e := apperr.From(err)
	if (e.Code == apperr.RateLimitExceeded || e.Code == apperr.NoCapacity) && e.RetryAfter > 0 {
		return min(e.RetryAfter, lookEvery)
	}
	s.leave(refusal(e), s.p.Timeouts.Idle)
	return 0
}

// refusal ends a session by an error of ours.
func refusal(e *apperr.Error) ending {
	code := closePolicy
	switch e.Code {
	case apperr.NoCapacity:
		code = closeLater
	case apperr.RequestTooLarge:
		code = closeTooBig
	case apperr.UpstreamError, apperr.UpstreamAuth, apperr.Timeout, apperr.Internal:
		code = closeInternal
	default: // the client's own matter
	}
	return ending{client: code, upstream: closeNormal, reason: string(e.Code), err: e, outcome: usage.Cut}
}

// broken is the end by an upstream whose connection broke.
func broken() ending {
	return refusal(apperr.New(apperr.UpstreamError, "The connection to the provider of this model broke off."))
}

// watch waits for the end of the session and looks after it meanwhile.
func (s *session) watch(ctx context.Context) ending {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	drain := s.p.drain
	for {
		select {
		case e := <-s.ended:
			return e
		case <-drain:
			drain = nil
			s.mu.Lock()
			s.leave(ending{
				client: closeRestart, upstream: closeAway, reason: "service_restart", outcome: usage.Cut,
				err: apperr.New(apperr.NoCapacity, "The relay is about to stop. Connect again.").WithRetryAfter(lookEvery),
			}, s.p.drainTime)
			s.mu.Unlock()
			s.part()
		case <-tick.C:
			s.look(ctx)
			s.part()
		}
	}
}

// part ends a session that is to be left as soon as nothing is under way.
func (s *session) part() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving != nil && (s.idle() && !s.passing || !s.p.Clock.Now().Before(s.leaveBy)) {
		s.end(*s.leaving)
	}
}

// look ends a session whose key has been revoked, whose time is up or in which nobody says anything, and keeps what the next
// response takes set aside.
func (s *session) look(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, t := s.p.Clock.Now(), &s.p.Timeouts
	if err := s.allowed(ctx, now); err != nil {
		s.end(refusal(apperr.From(err)))
		return
	}
	expired := func(format string, args ...any) ending {
		return ending{
			client: closeAway, upstream: closeNormal, reason: string(apperr.SessionExpired), outcome: usage.Cut,
			err: apperr.New(apperr.SessionExpired, format, args...),
		}
	}
	switch {
	case t.Session > 0 && now.Sub(s.c.Start) >= t.Session:
		s.leave(expired("The session has reached its maximum duration of %s.", t.Session), t.Idle)
	case t.Quiet > 0 && now.Sub(s.moved) >= t.Quiet:
		s.leave(expired("Nothing was said in the session for %s.", t.Quiet), 0)
	case !s.idle() && !s.passing && now.Sub(s.told) >= t.Idle:
		s.end(refusal(apperr.New(apperr.Timeout, "The provider of this model did not answer in time.")))
	case s.leaving == nil && s.idle() && (len(s.free) == 0 || now.Sub(s.renewed) >= renewEvery):
		s.renewed = now
		s.lacks(s.renew(ctx, s.bound))
	}
}

// allowed tells whether the key may still use the model. That it cannot be found out is not held against the client.
func (s *session) allowed(ctx context.Context, now time.Time) error {
	rec, err := s.p.Keys.Resolve(ctx, s.key.PublicID)
	switch {
	case errors.Is(err, ErrUnknownKey):
		return wrongKey()
	case err != nil:
		return nil
	case !rec.Usable(now):
		return unusable(rec)
	}
	s.key = rec
	_, _, err = allowed(s.p.Catalog(), rec, s.c.Model)
	return err
}

// tell sends the client an error event. about is its name of the message that the error is about.
func (s *session) tell(ctx context.Context, e *apperr.Error, about string) {
	ctx, cancel := context.WithTimeout(ctx, tellLimit)
	defer cancel()
	event := body.Own(openairealtime.AppendError(nil, e, about, s.c.ID.String()))
	_ = s.client.Send(ctx, event.Edited()) // a client that is gone is noticed where it is read
}

// keepAlive asks a side whether it is still there. While a message is under way the answer may be late for the sake of the other
// side, whose time is bounded by send.
func (s *session) keepAlive(ctx context.Context, side Socket, gone ending) {
	tick := time.NewTicker(min(pingEvery, s.p.Timeouts.Idle))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s.busy() {
			continue
		}
		ping, cancel := context.WithTimeout(ctx, s.p.Timeouts.Idle)
		err := side.Ping(ping)
		cancel()
		if err != nil && !s.busy() {
			s.end(gone)
			return
		}
	}
}

// busy tells whether a message is under way.
func (s *session) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.passing || s.holding
}
