package redisstore

import (
	"math"
	"testing"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/testkit/redistest"
	"starlane/internal/usage/allowance"
)

// purse is a key's budget as its relays see it.
type purse struct {
	t           *testing.T
	s           *Store
	tenant, key id.ID
	window      time.Time
	turn        int64
}

func newPurse(t *testing.T) *purse {
	t.Helper()
	return &purse{t: t, s: open(t, redistest.New(t)), tenant: id.New(), key: id.New(), window: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
}

func (p *purse) part(relay string, held money.Amount) allowance.BudgetPart {
	p.turn++
	return allowance.BudgetPart{Tenant: p.tenant, Key: p.key, Window: p.window, Relay: relay, Held: held, Logged: 7, Turn: p.turn, TTL: time.Minute}
}

func (p *purse) lease(relay string, held, want, need money.Amount) allowance.BudgetReply {
	p.t.Helper()
	return must(p.s.LeaseBudget(p.t.Context(), allowance.BudgetRequest{BudgetPart: p.part(relay, held), Leased: held > 0, Limit: 1000, Want: want, Need: need}))(p.t)
}

func (p *purse) giveBack(relay string, unspent, held money.Amount) {
	p.t.Helper()
	check(p.t, p.s.ReturnBudget(p.t.Context(), allowance.BudgetReturn{BudgetPart: p.part(relay, held), Unspent: unspent}))
}

func (p *purse) seed(used money.Amount) {
	p.t.Helper()
	check(p.t, p.s.SeedBudget(p.t.Context(), p.tenant, p.key, p.window, used))
}

// read returns the budget, which is the only one of its tenant.
func (p *purse) read() *Budget {
	p.t.Helper()
	list := must(p.s.Budgets(p.t.Context(), p.tenant))(p.t)
	if len(list) != 1 || list[0].Key != p.key || !list[0].Window.Equal(p.window) {
		p.t.Fatalf("budgets = %+v, want the one of %v since %v", list, p.key, p.window)
	}
	return &list[0]
}

func TestBudget(t *testing.T) {
	t.Parallel()
	p := newPurse(t)
	if r := p.lease("r:1", 0, 10, 10); r.Known {
		t.Fatalf("unseeded budget = %+v, want unknown", r)
	}
	p.seed(900)
	p.seed(0) // the first word stands
	if r := p.lease("r:1", 0, 60, 10); r.Granted != 60 || r.Used != 900 {
		t.Errorf("lease = %+v, want 60 of 900 used", r)
	}
	if r := p.lease("r:2", 0, 60, 50); r.Granted != 0 || !r.Known {
		t.Errorf("lease = %+v, want nothing: less than needed is left", r)
	}
	p.giveBack("r:1", 40, 0)
	if r := p.lease("r:1", 0, 100, 50); r.Granted != 80 || r.Used != 920 {
		t.Errorf("lease = %+v, want the last 80", r)
	}
	p.giveBack("r:1", -5, 0)
	if r := p.lease("r:1", 0, 1, 1); r.Granted != 0 || r.Used != 1005 {
		t.Errorf("lease = %+v, want 1005 used", r)
	}
}

// What relays say of their parts is kept, the newest word of each, in whatever order words arrive.
func TestBudgetLeases(t *testing.T) {
	t.Parallel()
	p := newPurse(t)
	p.seed(100)
	p.lease("r:1:1700", 0, 60, 10)
	late := p.part("r:1:1700", 60)
	p.lease("r:1:1700", 25, 0, 0) // spent 35 of it, renews
	if _, err := p.s.LeaseBudget(t.Context(), allowance.BudgetRequest{BudgetPart: late, Leased: true, Limit: 1000, Want: 500, Need: 500}); err == nil {
		t.Error("a call that was overtaken has taken money; its relay will never know")
	}
	check(t, p.s.ReturnBudget(t.Context(), allowance.BudgetReturn{BudgetPart: late, Unspent: 60}))
	b := p.read()
	if b.Used != 160 || len(b.Leases) != 1 {
		t.Fatalf("budget = %+v, want 160 used and one lease", b)
	}
	if l := b.Leases[0]; l.Relay != "r:1:1700" || l.Held != 25 || l.Logged != 7 || l.Over > -50*time.Second || l.Over < -time.Minute {
		t.Errorf("lease = %+v, want 25 held for another minute, up to event 7", l)
	}
	full := p.part("r:2", 0)
	full.Logged = math.MaxInt64 // its disk refuses the log
	must(p.s.LeaseBudget(t.Context(), allowance.BudgetRequest{BudgetPart: full, Limit: 1000, Want: 5, Need: 5}))(t)
	for _, l := range p.read().Leases {
		if l.Relay == "r:2" && l.Logged != math.MaxInt64 {
			t.Errorf("lease = %+v, want its log beyond all numbers", l)
		}
	}
}

// A correction counts only for what it was computed from.
func TestCorrectBudget(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		meanwhile func(p *purse, b *Budget)
		ok        bool
		used      money.Amount
		leases    int
	}{
		"nothing happens":      {func(*purse, *Budget) {}, true, 100, 1},
		"another relay leases": {func(p *purse, _ *Budget) { p.lease("live:1", 20, 30, 30) }, true, 130, 1},
		"another gives back":   {func(p *purse, _ *Budget) { p.giveBack("live:1", 20, 0) }, true, 80, 1},
		"the dead one lives":   {func(p *purse, _ *Budget) { p.lease("dead:1", 60, 0, 0) }, false, 180, 2},
		"another correction": {func(p *purse, b *Budget) {
			if ok := must(p.s.CorrectBudget(p.t.Context(), p.tenant, b, -10, nil))(p.t); !ok {
				p.t.Error("the first correction is refused")
			}
		}, false, 170, 2},
		"Redis is emptied": {func(p *purse, _ *Budget) {
			check(p.t, p.s.rdb.FlushAll(p.t.Context()).Err())
			p.seed(300)
		}, false, 300, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPurse(t)
			p.seed(100)
			p.lease("dead:1", 0, 60, 60)
			p.lease("live:1", 0, 20, 20)
			b := p.read()
			tc.meanwhile(p, b)
			var dead []BudgetLease
			for _, l := range b.Leases {
				if l.Relay == "dead:1" {
					dead = append(dead, l)
				}
			}
			ok := must(p.s.CorrectBudget(t.Context(), p.tenant, b, -80, dead))(t) // it had spent 20 of 100, say, and 60 were leased
			if after := p.read(); ok != tc.ok || after.Used != tc.used || len(after.Leases) != tc.leases {
				t.Errorf("corrected %v: %+v; want %v, %d used, %d leases", ok, after, tc.ok, tc.used, tc.leases)
			}
		})
	}
}

// A relay whose lease the worker took back hears of it, and cannot give back what is not its own any more.
func TestLostBudgetLease(t *testing.T) {
	t.Parallel()
	p := newPurse(t)
	p.seed(0)
	p.lease("r:1", 0, 60, 60)
	b := p.read()
	if ok := must(p.s.CorrectBudget(t.Context(), p.tenant, b, -60, b.Leases))(t); !ok {
		t.Fatal("the correction is refused")
	}
	if r := p.lease("r:1", 60, 10, 10); !r.Lost || !r.Known || r.Granted != 0 {
		t.Errorf("lease = %+v, want it lost", r)
	}
	p.giveBack("r:1", 60, 0)
	if got := p.read().Used; got != 0 {
		t.Errorf("%d used, want 0", got)
	}
	if r := p.lease("r:1", 0, 10, 10); r.Lost || r.Granted != 10 {
		t.Errorf("lease from nothing = %+v, want 10", r)
	}
	check(t, p.s.ForgetBudgets(t.Context(), p.tenant, []Budget{*p.read()}))
	if list := must(p.s.Budgets(t.Context(), p.tenant))(t); len(list) != 0 {
		t.Errorf("budgets = %+v, want none", list)
	}
}
