package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"starlane/internal/billing/pricing"
	"starlane/internal/catalog"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/relay/body"
	"starlane/internal/relay/llm"
	"starlane/internal/relay/pool"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/usage"
)

// realtime is the capability of models that hold conversations in sessions.
const realtime = "realtime"

// MaxMessage bounds one message of a session, in bytes: the API's own bound on a piece of sound is 15 MiB.
const MaxMessage = 16 << 20

// Socket is one end of a session: text messages over a connection that says why it is closed. Receive is used by one goroutine,
// all else by any.
type Socket interface {
	// Receive waits for the next message, whose reader is valid until the next call. The error, also of the reader, is a
	// *Closed if the other side said why.
	Receive(ctx context.Context) (io.Reader, error)
	Send(ctx context.Context, m body.Message) error
	// Ping returns when the other side has answered. Somebody has to be receiving.
	Ping(ctx context.Context) error
	// Close tells the other side why, and makes all other calls return.
	Close(code int, reason string)
}

// Closed is how the other side closed a connection.
type Closed struct {
	Code   int // of RFC 6455
	Reason string
}

func (c *Closed) Error() string { return fmt.Sprintf("closed with %d", c.Code) } // the reason may be anything

// Dialer opens a session with an upstream. The error is always an *llm.Fault.
type Dialer interface {
	Dial(ctx context.Context, d Dispatch) (Socket, error)
}

// Conversation is a client's wish for a session.
type Conversation struct {
	ID     id.ID // UUIDv7: request id
	Key    *vkey.Record
	Model  string
	Header http.Header // what goes on to the upstream; nil for nothing
	Start  time.Time
	// Accept takes the client's connection over, once an upstream has been found. An error means that the client has left.
	Accept func(served string) (Socket, error)
}

// Converse holds a session. When it returns an error, the client's connection was not taken over and the caller tells the
// client. Every response in the session is a request of its own: reserved, logged and settled when Converse returns.
func (p *Pipeline) Converse(ctx context.Context, c *Conversation) error {
	p.running.Add(1)
	defer p.running.Done()
	s := &session{p: p, c: c, key: c.Key, live: map[string]*turn{}, ended: make(chan ending, 1)}
	err := s.open(ctx)
	defer s.release()
	if err != nil {
		p.Metrics.refused(err)
		return err
	}
	if s.client, err = c.Accept(s.model().Name); err != nil {
		s.upstream.Close(closeAway, "")
		return nil //nolint:nilerr // there is nobody to tell
	}
	p.Metrics.streams.Inc()
	defer p.Metrics.streams.Dec()
	s.run(ctx)
	return nil
}

// Drain has the sessions end: those with a response in the making when it is there, at the latest after a time. Clients are
// told to connect again. No new ones begin.
func (p *Pipeline) Drain(within time.Duration) {
	p.draining.Do(func() {
		p.drainTime = within
		close(p.drain)
	})
}

// open finds who serves the session, sets aside what it takes, and connects to the upstream.
func (s *session) open(ctx context.Context) error {
	select {
	case <-s.p.drain:
		return apperr.New(apperr.NoCapacity, "The relay is about to stop. Connect again.").WithRetryAfter(time.Second)
	default:
	}
	chooser, err := s.route()
	if err != nil {
		return err
	}
	if s.slot, err = s.p.Admitter.Reserve(ctx, Demand{Key: s.key}); err != nil {
		return err //nolint:wrapcheck // an apperr for the client
	}
	var final verdict
	for range maxAttempts {
		pick, ok := chooser.Next()
		if !ok {
			break
		}
		s.pick = pick
		if err := s.renew(ctx, 0); err != nil { // another model may cost more
			return err
		}
		fault := s.dial(ctx)
		if fault == nil {
			return nil
		}
		v := judge(fault)
		fault.Answer.Release()
		if v.rank >= final.rank {
			final = v
		}
		if !v.retry || ctx.Err() != nil {
			break
		}
	}
	return final.err
}

// route finds the upstreams that can serve the session: allowed, able, priced.
func (s *session) route() (pool.Chooser, error) {
	snapshot := s.p.Catalog()
	if snapshot == nil {
		return pool.Chooser{}, starting()
	}
	candidates, _, err := allowed(snapshot, s.key, s.c.Model)
	if err != nil {
		return pool.Chooser{}, err
	}
	able := func(d *catalog.Candidate) bool {
		return d.Model.Has(realtime) && catalog.Format(d.Provider.Dialect) == "openai"
	}
	var unpriced error
	usable := map[*catalog.Model]bool{}
	some := false
	for i := range candidates {
		if d := &candidates[i]; able(d) {
			some = true
			if _, err := s.demand(snapshot.Prices, d.Model, 0); err != nil {
				unpriced = err
				continue
			}
			usable[d.Model] = true
		}
	}
	switch {
	case len(candidates) > 0 && !some:
		return pool.Chooser{}, apperr.New(apperr.InvalidRequest, "The model %q cannot be used for realtime sessions.", s.c.Model).WithParam("model")
	case len(usable) == 0 && unpriced != nil:
		return pool.Chooser{}, unpriced
	case len(usable) == 0:
		return pool.Chooser{}, noCapacity()
	}
	return pool.New(candidates, func(d *catalog.Candidate) bool { return able(d) && usable[d.Model] }), nil
}

// dial connects to the picked upstream.
func (s *session) dial(ctx context.Context) *llm.Fault {
	ctx, cancel := context.WithTimeout(ctx, s.p.Timeouts.Header)
	defer cancel()
	begin := s.p.Clock.Now()
	up, err := s.p.Dialer.Dial(ctx, Dispatch{Candidate: s.pick.Candidate, Key: s.pick.Key, Header: s.c.Header})
	s.p.Metrics.upstream.Observe(s.p.Clock.Now().Sub(begin).Seconds())
	if err == nil {
		s.upstream = up
		return nil
	}
	var fault *llm.Fault
	if !errors.As(err, &fault) {
		fault = &llm.Fault{Phase: llm.Send, Err: err}
	}
	if fault.Kind == llm.Caller { // the handshake is ours: what it refuses is no mistake of the client
		fault.Kind = llm.Missing
	}
	s.p.Metrics.faults.WithLabelValues(string(fault.Phase), fault.Kind.String()).Inc()
	return fault
}

// defaultContext stands in for the size of a model's context where the catalogue has none, in tokens.
const defaultContext = 32_000

// demand is what one response can take at most: a context that is full, and an answer as long as its bound. Each token is
// counted in the dearest class that it may turn out to be of.
func (s *session) demand(prices *pricing.Book, m *catalog.Model, bound usage.Tokens) (cover, error) {
	rates := prices.Lookup(s.key.Tenant, m.Name, s.p.Clock.Now())
	if rates == nil {
		return cover{}, apperr.New(apperr.ModelUnpriced, "The model %q has no price yet, so it cannot be used.", m.Name).WithParam("model")
	}
	context := m.ContextLength
	if context == 0 {
		context = defaultContext
	}
	most := longest(m)
	if most == 0 {
		most = defaultOutput
	}
	if bound <= 0 || bound > most {
		bound = most
	}
	in := []usage.Class{usage.InText, usage.InAudio}
	if rates.Has[usage.InImage] {
		in = append(in, usage.InImage)
	}
	input, ok := dearest(rates, in)
	output, priced := dearest(rates, []usage.Class{usage.OutText, usage.OutAudio})
	if !ok || !priced {
		if ok {
			input = output
		}
		return cover{}, apperr.New(apperr.ModelUnpriced, "The model %q has no price for %s, which a session needs.", m.Name, input).WithParam("model")
	}
	var counts usage.Counts
	counts.Set(input, context, usage.Estimated)
	counts.Set(output, bound, usage.Estimated)
	charge, err := pricing.Rate(counts, rates)
	if err != nil {
		return cover{}, apperr.Wrap(err, apperr.InvalidRequest, "The session is too large to be priced.")
	}
	return cover{rates: rates, amount: charge.Total, bound: bound, tokens: min(s.known, context) + min(bound, defaultOutput)}, nil
}
