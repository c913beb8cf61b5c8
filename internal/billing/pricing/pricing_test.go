package pricing

import (
	"errors"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/usage"
)

func compile(t interface{ Fatal(...any) }, rates RatesByName) *Rates {
	r, err := Compile(Version{ID: 1, Rates: rates})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The demo model: 1 USD in, 2 USD out, 0.10 USD cached, per million.
func demo(t interface{ Fatal(...any) }) *Rates {
	return compile(t, RatesByName{"in_text": 1_000_000_000, "out_text": 2_000_000_000, "in_cached": 100_000_000})
}

func TestRate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		counts map[usage.Class]int64
		want   money.Amount
	}{
		{"nothing", nil, 0},
		{"one in", map[usage.Class]int64{usage.InText: 1}, 1000},
		{"mixed", map[usage.Class]int64{usage.InText: 12, usage.InCached: 100, usage.OutText: 7}, 12_000 + 10_000 + 14_000},
		{"reasoning costs what output costs", map[usage.Class]int64{usage.OutReasoning: 3}, 6000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var c usage.Counts
			for class, n := range tc.counts {
				c.Set(class, n, usage.Reported)
			}
			got, err := Rate(c, demo(t))
			if err != nil || got.Total != tc.want {
				t.Errorf("Rate = %v, %v; want %v", got.Total, err, tc.want)
			}
		})
	}
}

func TestRateRefusesUnpriced(t *testing.T) {
	t.Parallel()
	var c usage.Counts
	c.Set(usage.InAudio, 1, usage.Reported)
	if _, err := Rate(c, demo(t)); !errors.Is(err, ErrUnpriced) {
		t.Errorf("err = %v, want ErrUnpriced", err)
	}
}

// Against exact rationals: the total is within half a nano of the exact price, classes add up to it, and more units never
// cost less.
func TestRateProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rates := RatesByName{}
		var c usage.Counts
		exact := new(big.Int)
		for class := range usage.Request {
			p := rapid.Int64Range(0, 200_000_000_000).Draw(t, "price")
			n := rapid.Int64Range(0, 10_000_000).Draw(t, "units")
			rates[class.String()] = money.Price(p)
			c.Set(class, n, usage.Reported)
			exact.Add(exact, new(big.Int).Mul(big.NewInt(p), big.NewInt(n)))
		}
		r := compile(t, rates)
		got, err := Rate(c, r)
		if err != nil {
			t.Fatal(err)
		}
		diff := new(big.Int).Sub(new(big.Int).Mul(big.NewInt(int64(got.Total)), big.NewInt(money.PriceScale)), exact)
		if diff.CmpAbs(big.NewInt(money.PriceScale/2)) > 0 {
			t.Fatalf("Rate = %d, off by %v femto", got.Total, diff)
		}
		sum, err := money.Sum(got.PerClass[:]...)
		if err != nil || sum != got.Total {
			t.Fatalf("classes sum to %v (%v), want %v", sum, err, got.Total)
		}
		class := usage.Class(rapid.IntRange(0, int(usage.Request)-1).Draw(t, "more"))
		c.Units[class]++
		more, err := Rate(c, r)
		if err != nil || more.Total < got.Total {
			t.Fatalf("one more %s costs %v (%v), want at least %v", class, more.Total, err, got.Total)
		}
	})
}

func TestBookLookup(t *testing.T) {
	t.Parallel()
	day := func(d int) time.Time { return time.Date(2026, 1, d, 0, 0, 0, 0, time.UTC) }
	tenant := id.New()
	b, err := NewBook([]Version{
		{ID: 3, Model: "m", ValidFrom: day(10), Rates: RatesByName{"in_text": 3}},
		{ID: 1, Model: "m", ValidFrom: day(1), Rates: RatesByName{"in_text": 1}},
		{ID: 4, Model: "m", ValidFrom: day(10), Rates: RatesByName{"in_text": 4}},
		{ID: 5, Model: "m", Tenant: tenant, ValidFrom: day(5), Rates: RatesByName{"in_text": 5}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		tenant id.ID
		model  string
		at     time.Time
		want   int64
	}{
		{"before any", id.Nil, "m", day(1).Add(-1), 0},
		{"first", id.Nil, "m", day(1), 1},
		{"same time: later record wins", id.Nil, "m", day(11), 4},
		{"contract not yet valid", tenant, "m", day(2), 1},
		{"contract", tenant, "m", day(11), 5},
		{"unknown model", id.Nil, "x", day(11), 0},
	} {
		got := b.Lookup(tc.tenant, tc.model, tc.at)
		if (got == nil) != (tc.want == 0) || (got != nil && got.Version != tc.want) {
			t.Errorf("%s: Lookup = %+v, want version %d", tc.name, got, tc.want)
		}
	}
}
