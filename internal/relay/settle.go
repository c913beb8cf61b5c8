package relay

import (
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/billing/pricing"
	"starlane/internal/platform/apperr"
	"starlane/internal/usage"
)

// charge prices counts with the rates of the current pick. What has no price costs what was reserved: the worker, which
// decides, will keep such an event for people to look at.
func (x *exchange) charge(counts usage.Counts) money.Amount {
	rates := x.rates()
	if rates == nil {
		return x.reserved
	}
	c, err := pricing.Rate(counts, rates)
	if err != nil {
		return x.reserved
	}
	return c.Total
}

// succeed settles an answer that is whole. After an error the client must not get the end of it.
func (x *exchange) succeed(begin time.Time) error {
	x.event.HTTPStatus = 200
	x.event.Attempts = append(x.event.Attempts, usage.Attempt{
		Deployment: x.pick.Candidate.Deployment.ID, Status: 200, Millis: x.p.Clock.Now().Sub(begin).Milliseconds(),
	})
	if err := x.settle(usage.OK); err != nil {
		x.unlogged = apperr.Wrap(err, apperr.NoCapacity, "The relay could not record the request. Try again soon.").WithRetryAfter(time.Second)
		return x.unlogged
	}
	return nil
}

// settle ends the call once: the event goes to the log, then the reservation gives back what was not used.
func (x *exchange) settle(outcome usage.Outcome) error {
	if x.settled {
		return nil
	}
	x.settled = true
	e := &x.event
	e.Outcome = outcome
	switch outcome {
	case usage.Cut, usage.ClientGone:
		x.tally()
	case usage.UpstreamError:
		e.Counts, e.Estimate = usage.Counts{}, 0
	case usage.OK, usage.Crashed:
	}
	e.DurationMillis = x.p.Clock.Now().Sub(x.call.Start).Milliseconds()
	if !e.Counts.Empty() {
		e.Estimate = x.charge(e.Counts)
	}
	err := x.p.Log.Append(e)
	if e.Counts.Empty() {
		x.reservation.Release()
	} else {
		x.reservation.Settle(e.Estimate, e.Counts.Input()+e.Counts.Output())
	}
	return err //nolint:wrapcheck // wrapped where it is told to the client
}

// close settles whatever has not been settled, also when a stage panics, and gives memory back.
func (x *exchange) close() {
	x.watch.stop()
	_ = x.settle(usage.UpstreamError)
	x.closeTap()
}

func (x *exchange) closeTap() {
	if x.tap != nil {
		x.tap.Close()
		x.tap = nil
	}
}
