package relay

import (
	"context"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/billing/pricing"
	"starlane/internal/catalog"
	"starlane/internal/platform/apperr"
	"starlane/internal/relay/dialect"
	"starlane/internal/usage"
)

// Upper estimates for what a request does not say.
const (
	bytesPerToken = 3    // prompts of all languages take more bytes a token than this, markup included
	promptBase    = 16   // tokens that no byte shows
	defaultOutput = 4096 // answer of a request that sets no bound, unless the model's own bound is lower
)

// admit decodes the request, finds who serves it, sets credit and limits aside and opens the record in the log.
func (x *exchange) admit(ctx context.Context) error {
	var err error
	if x.req, err = x.call.Ingress.DecodeRequest(x.call.Body); err != nil {
		return err //nolint:wrapcheck // an apperr for the client
	}
	if err := x.route(); err != nil {
		return err
	}
	if x.reserved, err = x.estimate.amount, x.estimate.err; err != nil {
		return apperr.Wrap(err, apperr.InvalidRequest, "The request is too large to be priced.")
	}
	x.reservation, err = x.p.Admitter.Reserve(ctx, Demand{Key: x.call.Key, Amount: x.reserved, Tokens: x.estimate.tokens})
	if err != nil {
		return err //nolint:wrapcheck // an apperr for the client
	}
	x.fillEvent()
	if err := x.p.Log.Begin(x.opening()); err != nil {
		x.reservation.Release()
		return apperr.Wrap(err, apperr.NoCapacity, "The relay cannot take requests right now. Try again soon.").WithRetryAfter(time.Second)
	}
	return nil
}

// estimate is the upper estimate over all models that may serve the request.
type estimate struct {
	input  usage.Tokens
	tokens usage.Tokens
	amount money.Amount
	err    error
}

// consider raises the estimate to what a model would cost. It is false if the model has no price for what is asked.
func (x *exchange) consider(m *catalog.Model, rates *pricing.Rates) bool {
	counts, ok := upperCounts(x, m, rates)
	if !ok {
		return false
	}
	charge, err := pricing.Rate(counts, rates)
	if err != nil {
		x.estimate.err = err
		return true
	}
	x.estimate.input = max(x.estimate.input, counts.Input())
	x.estimate.tokens = max(x.estimate.tokens, counts.Input()+counts.Output())
	x.estimate.amount = max(x.estimate.amount, charge.Total)
	return true
}

func upperCounts(x *exchange, m *catalog.Model, rates *pricing.Rates) (counts usage.Counts, ok bool) {
	input := usage.Tokens((x.call.Body.Len()+bytesPerToken-1)/bytesPerToken + promptBase)
	if m.ContextLength > 0 {
		input = min(input, m.ContextLength)
	}
	counts.Set(usage.InText, input, usage.Estimated)
	if x.call.Capability != dialect.Chat {
		return counts, rates.Has[usage.InText]
	}
	output := x.req.MaxOutput
	if output == 0 {
		output = defaultOutput
	}
	if m.MaxOutput > 0 {
		output = min(output, m.MaxOutput)
	}
	class := usage.OutText
	if rates.Price[usage.OutReasoning] > rates.Price[usage.OutText] {
		class = usage.OutReasoning
	}
	counts.Set(class, output*x.req.Choices, usage.Estimated)
	return counts, rates.Has[usage.InText] && rates.Has[usage.OutText]
}

// opening is the record that settles the request if the relay dies.
func (x *exchange) opening() usage.Open {
	e := &x.event
	return usage.Open{
		ID: e.ID, Tenant: e.Tenant, Project: e.Project, Key: e.Key, Hold: e.Hold, OccurredAt: e.OccurredAt,
		Capability: e.Capability, RequestedModel: e.RequestedModel, ServedModel: e.ServedModel, Provider: e.Provider,
		Deployment: e.Deployment, Streamed: e.Streamed, InputEstimate: x.estimate.input, SellVersion: e.SellVersion, Reserved: e.Reserved,
	}
}

func (x *exchange) fillEvent() {
	key, d := x.call.Key, x.pick.Candidate
	x.event = usage.Event{
		ID: x.call.ID, Tenant: key.Tenant, Project: key.Project, Key: key.Key, Hold: x.reservation.Hold(),
		Deployment: d.Deployment.ID, OccurredAt: x.call.Start, Capability: x.call.Capability, Provider: d.Provider.Slug,
		RequestedModel: x.req.Model, ServedModel: d.Model.Name, ServiceTier: "standard", Streamed: x.req.Stream,
		SellVersion: x.rates().Version, Reserved: x.reserved, TTFTMillis: -1, Attempts: x.attempts[:0],
	}
}
