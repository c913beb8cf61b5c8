package relay

import (
	"net/http"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/billing/pricing"
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

// succeed settles an answer that is whole.
func (x *exchange) succeed(begin time.Time) {
	x.event.HTTPStatus = http.StatusOK
	x.event.Attempts = append(x.event.Attempts, usage.Attempt{
		Deployment: x.pick.Candidate.Deployment.ID, Status: http.StatusOK, Millis: x.p.Clock.Now().Sub(begin).Milliseconds(),
	})
	x.settle(usage.OK)
}

// settle ends the call once: the event goes to the log, then the reservation gives back what was not used. While the disk
// refuses it, the log keeps the event in memory and takes no new requests: those that run come to their end.
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
	if err := x.p.Log.Append(e); err != nil {
		x.p.Metrics.unwritten.Inc()
		x.p.Logger.Error("a usage event is not on disk", "request_id", e.ID.String(), "error", err)
	}
	switch {
	case e.Counts.Empty():
		x.reservation.Release()
	case e.Estimate > usage.MaxCharge:
		// The worker keeps such an event for people to look at. It must not use up budget and limits of the key meanwhile.
		x.reservation.Settle(x.reserved, x.estimate.tokens)
	default:
		x.reservation.Settle(e.Estimate, e.Counts.Input()+e.Counts.Output())
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
}

func (x *exchange) closeTap() {
	if x.tap != nil {
		x.tap.Close()
		x.tap = nil
	}
}
