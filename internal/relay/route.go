package relay

import (
	"slices"
	"time"

	"starlane/internal/billing/pricing"
	"starlane/internal/catalog"
	"starlane/internal/platform/apperr"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
	"starlane/internal/relay/pool"
	"starlane/internal/usage"
)

// capacityRetry is when a client may ask again for a model that has nobody to serve it.
const capacityRetry = 5 * time.Second

// route finds who can serve the request: allowed, able, priced.
func (x *exchange) route() error {
	snapshot := x.p.Catalog()
	if snapshot == nil {
		return starting()
	}
	name := x.req.Model
	candidates, alias, err := allowed(snapshot, x.call.Key, name)
	if err != nil {
		return err
	}
	x.alias = alias
	able := false
	missing := usage.NumClasses
	var size llm.Size
	var measure dialect.Egress // that size is from
	for i := range candidates {
		d := &candidates[i]
		wire := x.egress(d)
		if wire == nil {
			able = able || d.Model.Has(x.call.Capability)
			continue
		}
		able = true
		if i > 0 && d.Model == candidates[i-1].Model && wire == measure || slices.Contains(x.unpriced, d.Model) {
			continue
		}
		if wire != measure {
			size, measure = wire.MeasurePrompt(x.req), wire
			size.Kept = catalog.Format(d.Provider.Dialect) == "openai"
		}
		rates := snapshot.Prices.Lookup(x.call.Key.Tenant, d.Model.Name, x.call.Start)
		if rates == nil {
			x.unpriced = append(x.unpriced, d.Model)
			continue
		}
		class, ok := x.consider(d.Model, size, rates)
		if !ok {
			x.unpriced, missing = append(x.unpriced, d.Model), class
		}
	}
	priced := slices.ContainsFunc(candidates, func(d catalog.Candidate) bool { return x.usable(&d) })
	switch {
	case len(candidates) > 0 && !able:
		return apperr.New(apperr.InvalidRequest, "The model %q cannot be used for %s.", name, x.call.Capability).WithParam("model")
	case len(x.unpriced) > 0 && !priced && missing != usage.NumClasses:
		return apperr.New(apperr.ModelUnpriced, "The model %q has no price for %s, which this request needs.", name, missing).WithParam("model")
	case len(x.unpriced) > 0 && !priced:
		return apperr.New(apperr.ModelUnpriced, "The model %q has no price yet, so it cannot be used.", name).WithParam("model")
	case !priced:
		return noCapacity()
	}
	x.prices = snapshot.Prices
	x.chooser = pool.New(candidates, x.usable)
	var ok bool
	if x.pick, ok = x.chooser.Next(); !ok {
		return noCapacity()
	}
	x.primary = x.pick.Candidate.Model
	return nil
}

func starting() error {
	return apperr.New(apperr.NoCapacity, "The relay is still starting. Try again soon.").WithRetryAfter(time.Second)
}

func noCapacity() error {
	return apperr.New(apperr.NoCapacity, "No upstream is available for this model right now.").WithRetryAfter(capacityRetry)
}

// egress returns the wire format that a candidate is called with, nil if it cannot serve the request.
func (x *exchange) egress(d *catalog.Candidate) dialect.Egress {
	if d.Model.Has(x.call.Capability) {
		if way := x.way(d, x.call.Capability); way != nil {
			return way
		}
	}
	if x.call.Capability == dialect.Completions && d.Model.Has(dialect.Chat) {
		return x.way(d, dialect.Chat) // who converses completes a text, too
	}
	return nil
}

func (x *exchange) way(d *catalog.Candidate, capability string) dialect.Egress {
	key := dialect.Key{Client: x.req.Original.Dialect, Upstream: d.Way, Capability: capability}
	if way := x.p.Egress[key]; way != nil {
		return way
	}
	key.Upstream = d.Provider.Dialect // a vendor's own dialect is one of chat
	return x.p.Egress[key]
}

func (x *exchange) usable(d *catalog.Candidate) bool {
	return x.egress(d) != nil && !slices.Contains(x.unpriced, d.Model)
}

// rates are those of the model that the current pick serves.
func (x *exchange) rates() *pricing.Rates {
	return x.prices.Lookup(x.call.Key.Tenant, x.pick.Candidate.Model.Name, x.call.Start)
}
