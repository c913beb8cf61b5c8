package relay

import (
	"context"
	"net/http"
	"slices"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/billing/pricing"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/relay/dialect/openairealtime"
	"starlane/internal/usage"
)

// cover is what was set aside for one response that may come.
type cover struct {
	reservation Reservation
	rates       *pricing.Rates
	amount      money.Amount
	bound       usage.Tokens // of the answer
	tokens      usage.Tokens // for the limit of tokens a minute
}

// turn is one response: a request with a usage event of its own.
type turn struct {
	cover
	name  string // of the client's message that asked for it
	event usage.Event
	known usage.Tokens         // in the conversation before what was new
	heard openairealtime.Tally // new in the conversation
	said  openairealtime.Tally

	formats openairealtime.Formats
}

// topUp sets aside what the next response takes if its answer has a bound, 0 for none. It is called with the lock held, as all
// in this file.
func (s *session) topUp(ctx context.Context, bound usage.Tokens) error {
	c, err := s.demand(s.p.Catalog().Prices, s.model(), bound)
	if err != nil {
		return err
	}
	c.reservation, err = s.p.Admitter.Reserve(ctx, Demand{Key: s.key, Amount: c.amount, Tokens: c.tokens, Inside: true})
	if err != nil {
		return err //nolint:wrapcheck // an apperr for the client
	}
	s.free = append(s.free, c)
	return nil
}

// renew gives back what is set aside and sets it aside anew: so it never outlives the money it came from, and follows prices,
// limits and credit.
func (s *session) renew(ctx context.Context, bound usage.Tokens) error {
	s.giveBack()
	return s.topUp(ctx, bound)
}

// giveBack ends what is set aside for nobody.
func (s *session) giveBack() {
	for _, c := range s.free {
		c.reservation.Release()
	}
	s.free = nil
}

// idle tells whether no response is being made or asked for.
func (s *session) idle() bool { return len(s.live) == 0 && len(s.asked) == 0 }

// covered sets aside what the next response takes, unless that has been done or one is under way: then its end is the time.
func (s *session) covered(ctx context.Context) error {
	if len(s.free) > 0 || !s.idle() {
		return nil
	}
	return s.topUp(ctx, s.bound)
}

// begin makes a turn of what is set aside, and opens its record in the log.
func (s *session) begin(ctx context.Context, name string, bound usage.Tokens) (*turn, error) {
	if bound == 0 {
		bound = s.bound
	}
	switch {
	case len(s.free) == 0:
		if err := s.topUp(ctx, bound); err != nil {
			return nil, err
		}
	case s.short(bound):
		if err := s.renew(ctx, bound); err != nil {
			return nil, err
		}
	}
	t := s.turn(s.free[0], name)
	if err := s.p.Log.Begin(s.opening(t)); err != nil {
		return nil, apperr.Wrap(err, apperr.NoCapacity, "The relay cannot take requests right now. Try again soon.").WithRetryAfter(time.Second)
	}
	s.free = s.free[1:]
	return t, nil
}

// owe makes a turn of what the upstream has begun, or done, whatever covers it: what it costs is owed all the same.
func (s *session) owe(c cover) *turn {
	if c.reservation == nil {
		c.reservation = nothing{}
	}
	t := s.turn(c, "")
	_ = s.p.Log.Begin(s.opening(t)) // the event comes to the log in any case
	return t
}

// short tells whether an answer may be longer than what is set aside for it.
func (s *session) short(bound usage.Tokens) bool {
	have := s.free[0].bound
	most := longest(s.model())
	return have < most && (bound <= 0 || bound > have)
}

// turn takes the conversation over as it is now.
func (s *session) turn(c cover, name string) *turn {
	d := s.pick.Candidate
	t := &turn{cover: c, name: name, known: s.known, heard: s.heard, formats: s.formats, event: usage.Event{
		ID: id.New(), Tenant: s.key.Tenant, Project: s.key.Project, Key: s.key.Key, Deployment: d.Deployment.ID,
		OccurredAt: s.p.Clock.Now(), Capability: realtime, Provider: d.Provider.Slug, RequestedModel: s.c.Model,
		ServedModel: d.Model.Name, ServiceTier: "standard", Streamed: true, TTFTMillis: -1,
		Hold: c.reservation.Hold(), Reserved: c.amount,
	}}
	if c.rates != nil {
		t.event.SellVersion = c.rates.Version
	}
	s.heard = openairealtime.Tally{}
	return t
}

func (s *session) opening(t *turn) usage.Open {
	e := &t.event
	text, audio := t.heard.Heard(s.count, t.formats.Heard)
	return usage.Open{
		ID: e.ID, Tenant: e.Tenant, Project: e.Project, Key: e.Key, Hold: e.Hold, OccurredAt: e.OccurredAt,
		Capability: e.Capability, RequestedModel: e.RequestedModel, ServedModel: e.ServedModel, Provider: e.Provider,
		Deployment: e.Deployment, Streamed: e.Streamed, InputEstimate: t.known + text + audio, SellVersion: e.SellVersion, Reserved: e.Reserved,
	}
}

// started notes that the upstream has begun a response. One that nobody asked for, because the upstream noticed that the user
// has spoken, takes what is set aside.
func (s *session) started(ctx context.Context, e *openairealtime.Event) (uncovered error) {
	var t *turn
	if len(s.asked) > 0 {
		t, s.asked = s.asked[0], s.asked[1:]
	} else if t, uncovered = s.begin(ctx, "", 0); uncovered != nil {
		t = s.owe(cover{rates: s.rates()})
	}
	t.event.UpstreamRequestID = e.Response
	t.formats.Said = e.Formats.Said.Or(s.formats.Said)
	if before := s.live[e.Response]; before != nil { // an upstream that uses an id twice
		s.settle(before, usage.Cut)
	}
	s.live[e.Response] = t
	return uncovered
}

// said notes a piece of a response.
func (s *session) said(e *openairealtime.Event) {
	if t := s.live[e.Response]; t != nil {
		if t.event.TTFTMillis < 0 {
			t.event.TTFTMillis = s.p.Clock.Now().Sub(t.event.OccurredAt).Milliseconds()
		}
		t.said.Add(e.Text, e.Audio)
	}
}

// finished settles a response that the upstream says is over.
func (s *session) finished(ctx context.Context, e *openairealtime.Event) (short error) {
	t := s.live[e.Response]
	if t == nil {
		if !e.Reported || e.Response != "" && slices.Contains(s.done[:], e.Response) { // billed already
			return nil
		}
		// An upstream that tells the end of a response alone: it costs all the same.
		_ = s.started(ctx, e)
		t = s.live[e.Response]
	}
	delete(s.live, e.Response)
	s.done[s.next], s.next = e.Response, (s.next+1)%len(s.done)
	outcome := usage.OK
	switch {
	case e.Reported:
		t.event.Counts = e.Counts
		s.known = e.Counts.Input() + e.Counts.Output()
		if e.Status == openairealtime.Useless {
			outcome = usage.Cut
		}
	case !t.said.Nothing():
		s.estimate(t)
	case e.Status == openairealtime.Useless:
		outcome = usage.UpstreamError
	}
	s.settle(t, outcome)
	return s.covered(ctx)
}

// transcribed settles what it took to write down what the user said: a request of its own, whose cost is known when the relay
// hears of it.
func (s *session) transcribed(ctx context.Context, e *openairealtime.Event) (short error) {
	if !e.Reported {
		return nil
	}
	c := cover{rates: s.rates(), tokens: e.Counts.Input() + e.Counts.Output()}
	c.amount = min(charge(c.rates, e.Counts, 0), usage.MaxCharge)
	if r, err := s.p.Admitter.Reserve(ctx, Demand{Key: s.key, Amount: c.amount, Tokens: c.tokens, Inside: true}); err == nil {
		c.reservation = r
	} else {
		short = err
	}
	heard := s.heard // a part of the conversation, which goes on
	t := s.owe(c)
	s.heard = heard
	t.event.Counts = e.Counts
	s.settle(t, usage.OK)
	return short
}

// refused settles a response that was asked for and will not be. An error that names no message is about the first that was
// asked for without a name, if it is about one at all.
func (s *session) refused(e *openairealtime.Event) {
	for i, t := range s.asked {
		if e.About == t.name && (e.About != "" || e.Refuses) {
			s.asked = append(s.asked[:i], s.asked[i+1:]...)
			s.settle(t, usage.ClientError)
			return
		}
	}
}

// cut settles all that is not finished when the session ends.
func (s *session) cut(outcome usage.Outcome) {
	for _, t := range s.asked {
		s.settle(t, usage.UpstreamError)
	}
	for _, t := range s.live {
		end := outcome
		if outcome == usage.Cut && t.said.Nothing() {
			end = usage.UpstreamError
		}
		s.estimate(t)
		s.settle(t, end)
	}
	s.asked, s.live = nil, nil
}

// estimate counts a turn for want of a report. What was in the conversation before is in the upstream's cache.
func (s *session) estimate(t *turn) {
	c := &t.event.Counts
	heardText, heardAudio := t.heard.Heard(s.count, t.formats.Heard)
	text, audio := t.said.Said(s.count, t.formats.Said)
	c.Set(usage.InCached, t.known, usage.Estimated)
	c.Set(usage.InText, heardText, usage.Estimated)
	c.Set(usage.InAudio, heardAudio, usage.Estimated)
	c.Set(usage.OutText, text, usage.Estimated)
	c.Set(usage.OutAudio, audio, usage.Estimated)
}

// settle ends a turn.
func (s *session) settle(t *turn, outcome usage.Outcome) {
	e := &t.event
	e.Outcome, e.HTTPStatus = outcome, http.StatusOK
	switch outcome {
	case usage.UpstreamError:
		e.HTTPStatus, e.Counts = http.StatusBadGateway, usage.Counts{}
	case usage.ClientError:
		e.HTTPStatus, e.Counts = http.StatusBadRequest, usage.Counts{}
	case usage.ClientGone:
		e.HTTPStatus = statusClientGone
	case usage.OK, usage.Cut, usage.Crashed:
	}
	e.DurationMillis = s.p.Clock.Now().Sub(e.OccurredAt).Milliseconds()
	e.Attempts = []usage.Attempt{{Deployment: e.Deployment, Status: http.StatusOK, Millis: e.DurationMillis}}
	if t.rates != nil && !t.rates.Has[usage.InImage] {
		asText(&e.Counts)
	}
	if !e.Counts.Empty() && !e.Free() {
		e.Estimate = charge(t.rates, e.Counts, t.amount)
	}
	s.p.book(e, t.reservation, t.tokens)
	s.p.Metrics.served(e)
}

// asText counts pictures, which any client may put into a conversation, as text: where they have no price of their own, the whole
// response would have none.
func asText(c *usage.Counts) {
	if n := c.Units[usage.InImage]; n > 0 {
		c.Set(usage.InText, c.Units[usage.InText]+n, usage.Derived)
		c.Set(usage.InImage, 0, usage.None)
	}
}

// rates are those of the model now; nil if it has none any more.
func (s *session) rates() *pricing.Rates {
	return s.p.Catalog().Prices.Lookup(s.key.Tenant, s.model().Name, s.p.Clock.Now())
}

// nothing is the reservation of a turn that nothing covers.
type nothing struct{}

func (nothing) Hold() id.ID                       { return id.Nil }
func (nothing) Limits() Limits                    { return Limits{} }
func (nothing) Settle(money.Amount, usage.Tokens) {}
func (nothing) Release()                          {}

// count counts tokens as the model does.
func (s *session) count(text []byte) usage.Tokens {
	n := tally{p: s.p, model: s.model()}
	return n.count(text)
}
