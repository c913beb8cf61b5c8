package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"starlane/internal/billing/credit"
	"starlane/internal/billing/money"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/relay"
	redisstore "starlane/internal/store/redis"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/testkit/redistest"
	"starlane/internal/usage/allowance"
)

// wire is a relay's line to Redis. A call may be carried out and its answer lost, or arrive only after later calls.
type wire struct {
	*redisstore.Store
	loseAnswer, delay bool
	delayed           []func()
}

var errLine = errors.New("the line is bad")

func (w *wire) LeaseBudget(ctx context.Context, r allowance.BudgetRequest) (allowance.BudgetReply, error) {
	if w.delay {
		w.delay = false
		w.delayed = append(w.delayed, func() { _, _ = w.Store.LeaseBudget(context.Background(), r) })
		return allowance.BudgetReply{}, errLine
	}
	reply, err := w.Store.LeaseBudget(ctx, r)
	if w.loseAnswer {
		w.loseAnswer = false
		return allowance.BudgetReply{}, errLine
	}
	return reply, err
}

func (w *wire) ReturnBudget(ctx context.Context, r allowance.BudgetReturn) error {
	if w.delay {
		w.delay = false
		w.delayed = append(w.delayed, func() { _ = w.Store.ReturnBudget(context.Background(), r) })
		return errLine
	}
	return w.Store.ReturnBudget(ctx, r)
}

// node is a relay with its line, its clock and its log.
type node struct {
	name    string
	m       *Manager
	wire    *wire
	clock   *clock.Fake
	log     []money.Amount // what each event cost
	posted  int            // of them are in the books
	running []running
	dead    bool // killed
	over    bool // silent for so long that it is taken for dead; all that it logged is posted
}

type running struct {
	r      relay.Reservation
	amount money.Amount
}

func (n *node) settle(i int, cost money.Amount) {
	r := n.running[i]
	n.running = append(n.running[:i:i], n.running[i+1:]...)
	n.log = append(n.log, cost) // the log is first
	r.r.Settle(cost, 0)
}

// books and shelf are the worker's sides of a fleet, so that something can happen between any two of its steps.
type books struct {
	credit.SliceStore
	*fleet
}

type shelf struct {
	credit.Shelf
	*fleet
}

// fleet is some relays that spend one key's budget, and a worker that corrects it.
type fleet struct {
	rt     *rapid.T
	store  *redisstore.Store
	key    *vkey.Record
	since  time.Time
	nodes  []*node
	slicer *credit.Slicer
	depth  int
	made   int // corrections
}

func (f *fleet) ctx() context.Context { return context.Background() }

func (f books) BudgetTenants(context.Context) ([]id.ID, error) { return []id.ID{f.key.Tenant}, nil }

func (f books) Posted(_ context.Context, boots []string) (map[string]uint64, error) {
	f.meanwhile()
	out := map[string]uint64{}
	for _, n := range f.nodes {
		out[n.name] = uint64(n.posted)
	}
	return out, nil
}

func (f books) KeyUses(context.Context, id.ID, []id.ID, []time.Time) ([]money.Amount, error) {
	f.meanwhile()
	return []money.Amount{f.spent(true)}, nil
}

// spent is what all requests have cost, or those that are in the books.
func (f *fleet) spent(inBooks bool) money.Amount {
	var sum money.Amount
	for _, n := range f.nodes {
		last := len(n.log)
		if inBooks {
			last = n.posted
		}
		for _, cost := range n.log[:last] {
			sum += cost
		}
	}
	return sum
}

func (f shelf) Budgets(ctx context.Context, tenant id.ID) ([]credit.Budget, error) {
	list, err := f.store.Budgets(ctx, tenant)
	if err != nil || len(list) != 1 {
		return nil, fmt.Errorf("%d budgets: %w", len(list), err)
	}
	b := credit.Budget{Key: list[0].Key, Since: list[0].Window, Used: list[0].Used, Seen: &list[0]}
	for _, l := range list[0].Leases {
		over := -time.Second
		for _, n := range f.nodes {
			if n.name == l.Relay && n.over {
				over = credit.ReleaseGrace
			}
		}
		b.Leases = append(b.Leases, credit.BudgetLease{Relay: l.Relay, Held: l.Held, Over: over, Logged: l.Logged})
	}
	return []credit.Budget{b}, nil
}

func (f shelf) CorrectBudget(ctx context.Context, tenant id.ID, c credit.Correction) (bool, error) {
	f.meanwhile()
	seen := c.Budget.Seen.(*redisstore.Budget)
	var over []redisstore.BudgetLease
	for _, i := range c.Over {
		over = append(over, seen.Leases[i])
	}
	ok, err := f.store.CorrectBudget(ctx, tenant, seen, c.By, over)
	if ok {
		f.made++
	}
	return ok, err
}

func (f shelf) ForgetBudgets(context.Context, id.ID, []credit.Budget) error { return nil }

func (f *fleet) correct() {
	if err := f.slicer.CorrectBudgets(f.ctx()); err != nil {
		f.rt.Fatalf("correct: %v", err)
	}
}

// meanwhile lets things happen between two steps of a correction, another correction included.
func (f *fleet) meanwhile() {
	if f.depth >= 2 {
		return
	}
	f.depth++
	for range rapid.IntRange(0, 3).Draw(f.rt, "meanwhile") {
		f.step()
	}
	f.depth--
}

// start brings a relay up.
func (f *fleet) start() {
	n := &node{name: fmt.Sprintf("r%d:1", len(f.nodes)), wire: &wire{Store: f.store}, clock: clock.NewFake(f.since.Add(12 * time.Hour))}
	n.m = New(Options{Relay: n.name, Store: n.wire, Clock: n.clock, Logged: func() uint64 { return uint64(len(n.log)) }})
	f.nodes = append(f.nodes, n)
}

func (n *node) admit(f *fleet, amount money.Amount) {
	r, err := n.m.Reserve(f.ctx(), relay.Demand{Key: f.key, Amount: amount})
	switch {
	case err == nil:
		n.running = append(n.running, running{r, amount})
	case !apperr.Is(err, apperr.BudgetExceeded) && !apperr.Is(err, apperr.NoCapacity):
		f.rt.Fatalf("Reserve(%d): %v", amount, err)
	}
}

// tend is what a relay does from time to time, after a time in which nothing came.
func (n *node) tend(f *fleet, after time.Duration) {
	n.over = false
	n.clock.Advance(after)
	if k := n.m.keys[f.key.Key]; k != nil {
		k.tend(f.ctx())
	}
}

// die is a kill: what ran is settled as an estimate when the log is found again, at most at what was set aside.
func (n *node) die() {
	n.dead = true
	for _, r := range n.running {
		n.log = append(n.log, r.amount)
	}
	n.running = nil
}

// step does one thing to one relay.
func (f *fleet) step() {
	n := rapid.SampledFrom(f.nodes).Draw(f.rt, "relay")
	what := rapid.SampledFrom([]string{
		"admit", "admit", "admit", "settle", "settle", "post", "tend", "idle", "kill", "forget", "pause", "pause", "lose an answer", "delay", "deliver", "correct", "correct", "correct",
	}).Draw(f.rt, "what")
	switch {
	case what == "post":
		n.posted += rapid.IntRange(0, len(n.log)-n.posted).Draw(f.rt, "events")
	case what == "deliver":
		for _, call := range n.wire.delayed {
			call()
		}
		n.wire.delayed = nil
	case what == "correct" && f.depth < 2:
		f.depth++
		f.correct()
		f.depth--
	case n.dead && what == "forget": // its log was found and posted, or its time is over
		n.posted, n.over = len(n.log), true
	case n.dead:
	case what == "kill":
		n.die()
		f.start()
	case what == "admit":
		n.over = false // it speaks again
		n.admit(f, money.Amount(rapid.Int64Range(1, 300).Draw(f.rt, "amount")))
	case what == "settle" && len(n.running) > 0:
		i := rapid.IntRange(0, len(n.running)-1).Draw(f.rt, "which")
		n.settle(i, money.Amount(rapid.Int64Range(0, int64(n.running[i].amount)).Draw(f.rt, "cost")))
	case what == "tend":
		n.tend(f, 16*time.Second)
	case what == "idle":
		n.tend(f, idleAfter+time.Second)
	case what == "pause" && len(n.running) == 0: // cut off until it is taken for dead; its last requests have ended
		n.posted, n.over = len(n.log), true
		n.clock.Advance(credit.ReleaseGrace)
	case what == "lose an answer":
		n.wire.loseAnswer = true
	case what == "delay":
		n.wire.delay = true
	}
	f.check(what)
}

// check is the invariant: what counts as used covers all that was spent and all that may still be.
func (f *fleet) check(after string) {
	list, err := f.store.Budgets(f.ctx(), f.key.Tenant)
	if err != nil || len(list) != 1 {
		f.rt.Fatalf("%d budgets, %v; want one", len(list), err)
	}
	spent := f.spent(false)
	may := spent
	for _, n := range f.nodes {
		k := n.m.keys[f.key.Key]
		if n.dead || k == nil {
			continue
		}
		may += k.budget.inFlight
		if n.clock.Now().Before(k.budget.end) {
			may += max(k.budget.free, 0)
		}
	}
	if list[0].Used < may || spent > f.key.Budget {
		f.rt.Fatalf("after %s: %d count as used; want at least %d: %d are spent, of a budget of %d", after, list[0].Used, may, spent, f.key.Budget)
	}
}

// Relays come, die, fall silent and come back, answers are lost and calls arrive late, and the worker corrects the budget
// in the middle of it: the key never spends beyond its budget. When all is quiet, the budget has back all that was not spent.
func TestBudgetsAreCorrectedSafely(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	store := worldOn(t, server, 0, 0)
	t.Cleanup(store.end)
	made := 0
	rapid.Check(t, func(rt *rapid.T) {
		now := time.Now().UTC()
		f := &fleet{rt: rt, store: store.store, since: time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)}
		f.key = &vkey.Record{PublicID: "abcdefgh", Key: id.New(), Tenant: id.New(), Name: "k", Active: true, Budget: 1000, BudgetWindow: "day"}
		f.slicer = credit.NewSlicer(books{fleet: f}, shelf{fleet: f}, clock.System{}, slog.New(slog.DiscardHandler))
		if _, err := f.store.PutHold(f.ctx(), f.key.Tenant, 1, id.New(), 1000*money.USD, now.Add(time.Hour)); err != nil {
			rt.Fatal(err)
		}
		if err := f.store.SeedBudget(f.ctx(), f.key.Tenant, f.key.Key, f.since, 0); err != nil {
			rt.Fatal(err)
		}
		for range 2 {
			f.start()
		}
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			f.step()
		}
		f.depth = math.MaxInt // from here on nothing comes between
		for _, n := range f.nodes {
			for len(n.running) > 0 {
				n.settle(0, n.running[0].amount)
			}
			n.wire.loseAnswer, n.wire.delay, n.wire.delayed = false, false, nil
			if !n.dead {
				n.tend(f, idleAfter+time.Second)
			}
			n.posted, n.over = len(n.log), true
		}
		f.correct()
		list, err := f.store.Budgets(f.ctx(), f.key.Tenant)
		if err != nil {
			rt.Fatal(err)
		}
		if list[0].Used != f.spent(false) || len(list[0].Leases) != 0 {
			rt.Fatalf("in the end %+v; want %d used and no leases", list[0], f.spent(false))
		}
		made += f.made
	})
	if made == 0 {
		t.Error("no correction was ever made")
	}
}
