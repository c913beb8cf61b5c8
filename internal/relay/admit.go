package relay

import (
	"context"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/billing/pricing"
	"starlane/internal/catalog"
	"starlane/internal/platform/apperr"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Estimates for what a request does not say.
const (
	// bytesPerToken makes of the largest size of a prompt its likely one. It serves limits of tokens, and bills the request of
	// a relay that died; credit is reserved for the largest.
	bytesPerToken = 4
	promptBase    = 512  // tokens that no byte shows: templates, and what a vendor itself says to a model about tools
	defaultOutput = 4096 // answer of a request that sets no bound: for the limit of tokens, and when credit is short
)

// admit decodes the request, finds who serves it, sets credit and limits aside and opens the record in the log.
func (x *exchange) admit(ctx context.Context) error {
	var err error
	if x.req, err = x.call.Ingress.DecodeRequest(x.call.Body); err != nil {
		return err //nolint:wrapcheck // an apperr for the client
	}
	x.req.Tenant, x.req.ID = x.call.Key.Tenant, x.call.ID
	x.req.Header, x.req.Stored = x.call.Header, x.call.Stored
	x.req.Notes.Strict, x.req.Notes.Lenient = x.call.Strict, x.call.Lenient
	if err := x.route(); err != nil {
		return err
	}
	if err := x.reserve(ctx); err != nil {
		return err
	}
	x.fillEvent()
	if err := x.p.Log.Begin(x.opening()); err != nil {
		x.reservation.Release()
		return apperr.Wrap(err, apperr.NoCapacity, "The relay cannot take requests right now. Try again soon.").WithRetryAfter(time.Second)
	}
	return nil
}

// reserve sets aside what the longest answer that the model can give would cost. Where the client set no bound and credit or
// budget do not cover that, it sets less aside and has the upstream keep to it, so that what is spent stays covered.
func (x *exchange) reserve(ctx context.Context) error {
	e := &x.estimate
	if e.err != nil {
		return apperr.Wrap(e.err, apperr.InvalidRequest, "The request is too large to be priced.")
	}
	var err error
	x.reserved = e.amount
	x.reservation, err = x.p.Admitter.Reserve(ctx, Demand{Key: x.call.Key, Amount: e.amount, Tokens: e.tokens})
	short := apperr.Is(err, apperr.InsufficientCredit) || apperr.Is(err, apperr.BudgetExceeded)
	if short && e.bounded < e.amount {
		x.reserved, x.req.Bound = e.bounded, defaultOutput
		x.reservation, err = x.p.Admitter.Reserve(ctx, Demand{Key: x.call.Key, Amount: e.bounded, Tokens: e.tokens})
	}
	return err //nolint:wrapcheck // an apperr for the client
}

// estimate is what the dearest and largest of the models that may serve the request would take.
type estimate struct {
	input   usage.Tokens // likely size of the prompt
	tokens  usage.Tokens // for the limit of tokens a minute
	amount  money.Amount // with the longest answer there can be
	bounded money.Amount // with an answer of defaultOutput at most
	err     error
}

// consider raises the estimate to what a model would cost. It is false, and names a class, if the model has no price for what
// is asked.
func (x *exchange) consider(m *catalog.Model, size llm.Size, rates *pricing.Rates) (missing usage.Class, ok bool) {
	counts, missing, ok := upperCounts(x, m, rates, size, longest(m))
	if !ok {
		return missing, false
	}
	bounded, _, _ := upperCounts(x, m, rates, size, min(longest(m), defaultOutput))
	full, err := pricing.Rate(counts, rates)
	if err != nil {
		x.estimate.err = err
		return 0, true
	}
	less, err := pricing.Rate(bounded, rates)
	if err != nil {
		x.estimate.err = err
		return 0, true
	}
	e := &x.estimate
	likely := min(size.Most/bytesPerToken+1, counts.Input())
	e.input = max(e.input, likely)
	e.tokens = max(e.tokens, likely+bounded.Output())
	e.amount, e.bounded = max(e.amount, full.Total), max(e.bounded, less.Total)
	return 0, true
}

// longest is the longest answer that a model gives, in tokens.
func longest(m *catalog.Model) usage.Tokens {
	if m.MaxOutput > 0 {
		return m.MaxOutput
	}
	return m.ContextLength
}

// upperCounts are the counts of a request whose answer is as long as the client allows, or unbounded if it does not say, each
// token in the dearest class that it may turn out to be of. It is false, and names a class, if one of them has no price.
func upperCounts(x *exchange, m *catalog.Model, rates *pricing.Rates, size llm.Size, unbounded usage.Tokens) (counts usage.Counts, missing usage.Class, ok bool) {
	if len(size.Ways) > 0 {
		return dearestWay(m, rates, size.Ways)
	}
	input := size.Most + promptBase
	if size.Searches > 0 && (rates.Has[usage.SearchQuery] || !size.MaySkip) {
		if !rates.Has[usage.SearchQuery] {
			return counts, usage.SearchQuery, false
		}
		counts.Set(usage.SearchQuery, size.Searches*x.req.Choices, usage.Estimated)
		size.Open = true
	}
	if most := m.ContextLength * max(size.Prompts, 1); most > 0 && (size.Open || input > most) {
		input = most
	}
	if len(size.Instead) > 0 {
		if size.Most == 0 {
			input = 0
		}
		return instead(rates, input, size.Instead)
	}
	var some [8]usage.Class // spares the heap
	read := append(some[:0], usage.InText)
	if size.Kept {
		read = append(read, usage.CacheWrite5m)
	}
	class, ok := dearest(rates, append(read, size.Also...))
	counts.Set(class, input, usage.Estimated)
	if !writes(x.call.Capability) || !ok {
		return counts, class, ok
	}
	output := x.req.MaxOutput
	if output == 0 {
		output = unbounded
	}
	if most := longest(m); most > 0 {
		output = min(output, most)
	}
	said := []usage.Class{usage.OutText, usage.OutReasoning}
	if x.req.AudioOut {
		said = append(said, usage.OutAudio)
	}
	class, ok = dearest(rates, said)
	counts.Set(class, output*x.req.Choices, usage.Estimated)
	return counts, class, ok
}

// writes tells the capabilities whose answers are made of tokens.
func writes(capability string) bool {
	return capability == dialect.Chat || capability == dialect.Completions
}

// instead are the counts of a request that is billed in other units than tokens, or in either: those that have a price.
func instead(rates *pricing.Rates, tokens usage.Tokens, units []llm.Units) (counts usage.Counts, missing usage.Class, ok bool) {
	if tokens > 0 && rates.Has[usage.InText] {
		counts.Set(usage.InText, tokens, usage.Estimated)
		ok = true
	}
	for _, u := range units {
		if missing = u.Class; rates.Has[u.Class] {
			counts.Set(u.Class, u.Most, usage.Estimated)
			ok = true
		}
	}
	return counts, missing, ok
}

// dearest is the class with the highest price, or one that has none.
func dearest(rates *pricing.Rates, classes []usage.Class) (most usage.Class, ok bool) {
	most = classes[0]
	for _, c := range classes {
		if !rates.Has[c] {
			return c, false
		}
		if rates.Price[c] > rates.Price[most] {
			most = c
		}
	}
	return most, true
}

// dearestWay are the counts of the dearest of the ways that have prices for all their classes. It is false, and names a class of
// the last way, if there is none.
func dearestWay(m *catalog.Model, rates *pricing.Rates, ways []llm.Way) (counts usage.Counts, missing usage.Class, ok bool) {
	most := money.Amount(-1)
	for i := range ways {
		way := ways[i].Most
		if class := rates.Missing(way); class != usage.NumClasses {
			missing = class
			continue
		}
		bound(&way, m.ContextLength, usage.InText, usage.InAudio)
		bound(&way, longest(m), usage.OutText)
		charge, err := pricing.Rate(way, rates)
		if err != nil { // too much: consider finds the same
			return way, 0, true
		}
		if charge.Total > most {
			most, counts, ok = charge.Total, way, true
		}
	}
	return counts, missing, ok
}

// bound keeps each of the classes to what a model takes or gives, 0 if that is unknown.
func bound(counts *usage.Counts, most usage.Tokens, classes ...usage.Class) {
	for _, class := range classes {
		if most > 0 {
			counts.Units[class] = min(counts.Units[class], most)
		}
	}
}

// opening is the record that settles the request if the relay dies.
func (x *exchange) opening() usage.Open {
	e := &x.event
	o := usage.Open{
		ID: e.ID, Tenant: e.Tenant, Project: e.Project, Key: e.Key, Hold: e.Hold, OccurredAt: e.OccurredAt,
		Capability: e.Capability, RequestedModel: e.RequestedModel, ServedModel: e.ServedModel, Provider: e.Provider,
		Deployment: e.Deployment, Streamed: e.Streamed, InputEstimate: x.estimate.input, SellVersion: e.SellVersion, Reserved: e.Reserved,
	}
	if x.req.Media != nil {
		o.InputEstimate, o.InputClass = x.owed()
	}
	return o
}

// owed is what the request costs at its pick though no answer is on record: by the first way that has its prices.
func (x *exchange) owed() (usage.Tokens, usage.Class) {
	rates := x.rates()
	for _, way := range x.egress(x.pick.Candidate).MeasurePrompt(x.req).Ways {
		if rates.Missing(way.Most) == usage.NumClasses {
			return way.Owed, way.Class
		}
	}
	return 0, usage.InText
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
