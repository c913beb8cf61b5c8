package relay

import (
	"net/http"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/billing/pricing"
	"starlane/internal/usage"
)

// charge prices counts with the rates of the current pick.
func (x *exchange) charge(counts usage.Counts) money.Amount {
	return charge(x.rates(), counts, x.reserved)
}

// charge prices counts. What has no price costs what was reserved: the worker, which decides, will keep such an event for
// people to look at.
func charge(rates *pricing.Rates, counts usage.Counts, reserved money.Amount) money.Amount {
	if rates == nil {
		return reserved
	}
	c, err := pricing.Rate(counts, rates)
	if err != nil {
		return reserved
	}
	return c.Total
}

// succeed settles an answer that is whole.
func (x *exchange) succeed(begin time.Time) {
	x.event.HTTPStatus = http.StatusOK
	x.event.Attempts = append(x.event.Attempts, usage.Attempt{
		Deployment: x.pick.Candidate.Deployment.ID, Status: http.StatusOK, Millis: x.p.Clock.Now().Sub(begin).Milliseconds(),
	})
	x.settle(usage.OK)
}

// settle ends the call once.
func (x *exchange) settle(outcome usage.Outcome) {
	if x.settled {
		return
	}
	x.settled = true
	e := &x.event
	e.Outcome = outcome
	switch outcome {
	case usage.Cut, usage.ClientGone:
		x.tally()
	case usage.UpstreamError, usage.ClientError:
		e.Counts, e.Estimate = usage.Counts{}, 0
	case usage.OK, usage.Crashed:
	}
	e.DurationMillis = x.p.Clock.Now().Sub(x.call.Start).Milliseconds()
	if !e.Counts.Empty() && !e.Free() {
		e.Estimate = x.charge(e.Counts)
	}
	x.p.book(e, x.reservation, x.estimate.tokens)
}

// book puts an event that is complete into the log; then the reservation, of so many tokens, gives back what was not used.
// While the disk refuses it, the log keeps the event in memory and takes no new requests: those that run come to their end.
func (p *Pipeline) book(e *usage.Event, r Reservation, tokens usage.Tokens) {
	if err := p.Log.Append(e); err != nil {
		p.Metrics.unwritten.Inc()
		p.Logger.Error("a usage event is not on disk", "request_id", e.ID.String(), "error", err)
	}
	switch {
	case e.Counts.Empty():
		r.Release()
	case e.Estimate > usage.MaxCharge:
		// The worker keeps such an event for people to look at. It must not use up budget and limits of the key meanwhile.
		r.Settle(e.Reserved, tokens)
	default:
		r.Settle(e.Estimate, e.Counts.Input()+e.Counts.Output())
	}
}

// close settles whatever has not been settled, also when a stage panics, and gives memory back.
func (x *exchange) close() {
	x.watch.stop()
	if !x.settled && x.event.HTTPStatus == 0 {
		x.event.HTTPStatus = http.StatusInternalServerError
	}
	x.settle(usage.UpstreamError)
	x.closeTap()
	x.media.release()
}

func (x *exchange) closeTap() {
	if x.tap != nil {
		x.tap.Close()
		x.tap = nil
	}
}
