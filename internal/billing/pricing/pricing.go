// Package pricing turns counted units into money. Rate is pure: the same counts and version give the same charge on the
// relay, which estimates, and in the worker, which decides.
package pricing

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/usage"
)

// ErrUnpriced means that a class with units has no rate. Nothing is ever charged zero silently.
var ErrUnpriced = errors.New("no price for this use")

// Version is an immutable set of rates for a model in a book, valid from a time on.
type Version struct {
	ID         int64       `json:"id"`
	Tenant     id.ID       `json:"tenant"` // Nil: the list; otherwise the tenant's contract
	Model      string      `json:"model"`
	ValidFrom  time.Time   `json:"valid_from"`
	RecordedAt time.Time   `json:"recorded_at"`
	Rates      RatesByName `json:"rates"` // class text → nano-USD per million units
}

// RatesByName maps the text of a class to nano-USD per million units.
type RatesByName map[string]money.Price

// Rates is the compiled form: Has tells a price of zero from no price.
type Rates struct {
	Version int64
	Price   [usage.NumClasses]money.Price
	Has     [usage.NumClasses]bool
}

// fallback names the class whose rate applies when a class has none of its own: reasoning costs what output costs, and a
// cached prompt never costs more than a fresh one.
//
//nolint:gochecknoglobals // a constant table
var fallback = [usage.NumClasses]usage.Class{
	usage.InText: usage.InText, usage.InCached: usage.InText, usage.CacheWrite5m: usage.InText, usage.CacheWrite1h: usage.CacheWrite1h,
	usage.OutText: usage.OutText, usage.OutReasoning: usage.OutText, usage.InAudio: usage.InAudio, usage.OutAudio: usage.OutAudio,
	usage.InImage: usage.InImage, usage.OutImage: usage.OutImage, usage.ImageGen: usage.ImageGen, usage.Request: usage.Request,
	usage.InTool: usage.InText, usage.CharIn: usage.CharIn, usage.AudioSecond: usage.AudioSecond, usage.SearchQuery: usage.SearchQuery,
}

// Compile checks the class names and resolves fallbacks.
func Compile(v Version) (*Rates, error) {
	r := &Rates{Version: v.ID}
	for name, price := range v.Rates {
		class, ok := usage.ParseClass(name)
		if !ok {
			return nil, fmt.Errorf("price version %d: unknown token class %q", v.ID, name)
		}
		if price < 0 {
			return nil, fmt.Errorf("price version %d: negative rate for %s", v.ID, name)
		}
		r.Price[class], r.Has[class] = price, true
	}
	for class, other := range fallback {
		if !r.Has[class] && r.Has[other] {
			r.Price[class], r.Has[class] = r.Price[other], true
		}
	}
	return r, nil
}

// Missing is the first class with units that has no price, NumClasses if all have one.
func (r *Rates) Missing(c usage.Counts) usage.Class {
	for class := range usage.NumClasses {
		if c.Units[class] > 0 && !r.Has[class] {
			return class
		}
	}
	return usage.NumClasses
}

// Charge is the price of one event. PerClass sums to Total exactly.
type Charge struct {
	Total    money.Amount
	PerClass [usage.NumClasses]money.Amount
}

// Rate prices counts. It rounds once, half to even, on the whole event; the nanos that rounding each class down leaves over
// go to the classes with the largest fractions. Errors: ErrUnpriced, money.ErrOverflow.
func Rate(c usage.Counts, r *Rates) (Charge, error) {
	var out Charge
	var whole money.Acc
	type part struct {
		class usage.Class
		rest  uint64 // femto-USD beyond the whole nano
	}
	var parts [usage.NumClasses]part
	n := 0
	var floor money.Amount
	for class := range usage.NumClasses {
		units := c.Units[class]
		if class == usage.Request && units == 0 && r.Has[class] {
			units = 1 // a request costs its fee once, without anybody counting it
		}
		if units == 0 {
			continue
		}
		if !r.Has[class] {
			return Charge{}, fmt.Errorf("%w: class %s", ErrUnpriced, class)
		}
		whole.Mul(units, r.Price[class])
		var one money.Acc
		one.Mul(units, r.Price[class])
		nanos, rest, err := one.Split()
		if err != nil {
			return Charge{}, err
		}
		out.PerClass[class] = nanos
		if floor, err = money.Add(floor, nanos); err != nil {
			return Charge{}, err
		}
		parts[n] = part{class: class, rest: rest}
		n++
	}
	total, err := whole.Amount()
	if err != nil {
		return Charge{}, err
	}
	out.Total = total
	spread := parts[:n]
	slices.SortStableFunc(spread, func(a, b part) int {
		switch {
		case a.rest > b.rest:
			return -1
		case a.rest < b.rest:
			return 1
		}
		return 0
	})
	for i := 0; floor < total; i++ {
		out.PerClass[spread[i%n].class]++
		floor++
	}
	return out, nil
}

// Book answers which rates apply to a model at a time. It is immutable after New.
type Book struct {
	byModel map[bookKey][]entry
}

type bookKey struct {
	tenant id.ID
	model  string
}

type entry struct {
	from  time.Time
	rates *Rates
}

// NewBook compiles versions. Where two are valid from the same time the one with the higher id, recorded later, wins.
func NewBook(versions []Version) (*Book, error) {
	sorted := slices.Clone(versions)
	sort.SliceStable(sorted, func(i, j int) bool {
		if !sorted[i].ValidFrom.Equal(sorted[j].ValidFrom) {
			return sorted[i].ValidFrom.Before(sorted[j].ValidFrom)
		}
		return sorted[i].ID < sorted[j].ID
	})
	b := &Book{byModel: make(map[bookKey][]entry)}
	for _, v := range sorted {
		r, err := Compile(v)
		if err != nil {
			return nil, err
		}
		k := bookKey{v.Tenant, v.Model}
		b.byModel[k] = append(b.byModel[k], entry{v.ValidFrom, r})
	}
	return b, nil
}

// Lookup returns the rates for a tenant and a public model name at a time: the tenant's contract first, then the list.
// It returns nil when the model has no price then.
func (b *Book) Lookup(tenant id.ID, model string, at time.Time) *Rates {
	if r := b.at(bookKey{tenant, model}, at); r != nil {
		return r
	}
	return b.at(bookKey{id.Nil, model}, at)
}

func (b *Book) at(k bookKey, t time.Time) *Rates {
	list := b.byModel[k]
	for i := len(list) - 1; i >= 0; i-- {
		if !list[i].from.After(t) {
			return list[i].rates
		}
	}
	return nil
}
