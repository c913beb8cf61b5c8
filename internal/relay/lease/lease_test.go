package lease

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"starlane/internal/billing/money"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/relay"
	redisstore "starlane/internal/store/redis"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/testkit/redistest"
	"starlane/internal/usage"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// world is a real Redis with a worker that brings slices out of a purse.
type world struct {
	t      *testing.T
	redis  *redistest.Redis
	store  *redisstore.Store
	tenant id.ID

	mu    sync.Mutex
	purse money.Amount
	slice money.Amount
	holds map[id.ID]money.Amount
	stop  func()
}

func newWorld(t *testing.T, purse, slice money.Amount) *world {
	t.Helper()
	w := worldOn(t, redistest.New(t), purse, slice)
	t.Cleanup(w.end)
	return w
}

func worldOn(t *testing.T, r *redistest.Redis, purse, slice money.Amount) *world {
	t.Helper()
	store, err := redisstore.Open(secret.New(r.URL), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, redis: r, store: store, tenant: id.New(), purse: purse, slice: slice, holds: map[id.ID]money.Amount{}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.work(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		wake, end := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer end()
		_ = store.PushWanted(wake, redisstore.Wanted{Tenant: id.New()}) // so that it need not wait for one
		<-done
	})
	return w
}

func (w *world) end() {
	w.stop()
	if err := w.store.Close(); err != nil {
		w.t.Errorf("close: %v", err)
	}
}

func (w *world) work(ctx context.Context) {
	for ctx.Err() == nil {
		wanted, ok, err := w.store.PopWanted(ctx, time.Second)
		if err != nil || !ok || wanted.Tenant != w.tenant {
			continue
		}
		ctx := context.WithoutCancel(ctx) // an answer that was begun is given
		if wanted.Key != id.Nil {
			_ = w.store.SeedBudget(ctx, wanted.Tenant, wanted.Key, wanted.Window, 0)
			continue
		}
		e, _ := w.store.Escrow(ctx, wanted.Tenant)
		w.mu.Lock()
		amount := min(max(w.slice, e.Need), w.purse)
		w.purse -= amount
		left := w.purse
		hold := id.New()
		w.holds[hold] = amount
		w.mu.Unlock()
		if amount > 0 {
			_, _ = w.store.PutHold(ctx, wanted.Tenant, 1, hold, amount, time.Now().Add(10*time.Minute))
		}
		_, _ = w.store.SetAvail(ctx, wanted.Tenant, 1, left, redisstore.CreditOK)
	}
}

// manager starts one and returns it with a function that ends it, giving everything back.
func (w *world) manager(name string, o Options) (*Manager, func()) {
	w.t.Helper()
	o.Relay, o.Store = name, w.store
	m := New(o)
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Run(ctx) }()
	end := sync.OnceFunc(func() { cancel(); <-done })
	w.t.Cleanup(end)
	return m, end
}

func (w *world) key() *vkey.Record {
	return &vkey.Record{PublicID: "abcdefgh", Key: id.New(), Tenant: w.tenant, Name: "k", Active: true}
}

func reserve(t testing.TB, m *Manager, key *vkey.Record, amount money.Amount, tokens int64) relay.Reservation {
	t.Helper()
	r, err := m.Reserve(t.Context(), relay.Demand{Key: key, Amount: amount, Tokens: tokens})
	if err != nil {
		t.Fatalf("Reserve(%v): %v", amount, err)
	}
	return r
}

func refused(t testing.TB, m *Manager, key *vkey.Record, amount money.Amount, tokens int64, want apperr.Code) *apperr.Error {
	t.Helper()
	_, err := m.Reserve(t.Context(), relay.Demand{Key: key, Amount: amount, Tokens: tokens})
	if !apperr.Is(err, want) {
		t.Fatalf("Reserve(%v) = %v, want %s", amount, err, want)
	}
	return apperr.From(err)
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(5 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatal("did not happen within 5 s")
		}
	}
}

func TestColdTenantWaitsForASlice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, money.USD, 50*money.Cent)
	m, end := w.manager("r:1", Options{})
	r := reserve(t, m, w.key(), 10*money.Cent, 100)
	if r.Hold() == id.Nil {
		t.Error("the reservation names no hold")
	}
	r.Settle(3*money.Cent, 10)
	r.Release() // a second end counts for nothing
	end()
	w.stop()
	e, err := w.store.Escrow(t.Context(), w.tenant)
	if err != nil {
		t.Fatal(err)
	}
	var free money.Amount
	for _, h := range e.Holds {
		free += h.Free
	}
	if want := money.USD - w.purse - 3*money.Cent; free != want || e.Leased != 0 {
		t.Errorf("after the end %v is free and %v leased, want %v and nothing: only what was spent is gone", free, e.Leased, want)
	}
}

func TestExhaustedCreditIs402(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*money.Cent, 10*money.Cent)
	m, _ := w.manager("r:1", Options{})
	a := reserve(t, m, w.key(), 15*money.Cent, 1)
	refused(t, m, w.key(), 10*money.Cent, 1, apperr.InsufficientCredit)
	a.Release()
	b := reserve(t, m, w.key(), 5*money.Cent, 1)
	b.Settle(5*money.Cent, 1)
}

func TestReservationDrawsOnSeveralHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0, 0)
	for range 3 {
		if _, err := w.store.PutHold(t.Context(), w.tenant, 1, id.New(), 10*money.Cent, time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	m, end := w.manager("r:1", Options{})
	r := reserve(t, m, w.key(), 25*money.Cent, 1)
	refused(t, m, w.key(), 6*money.Cent, 1, apperr.InsufficientCredit)
	r.Settle(12*money.Cent, 1)
	reserve(t, m, w.key(), 18*money.Cent, 1).Release()
	end()
}

func TestAbsurdDemandsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, money.USD, money.USD)
	m, _ := w.manager("r:1", Options{})
	refused(t, m, w.key(), usage.MaxAmount+1, 1, apperr.InsufficientCredit)
	refused(t, m, w.key(), math.MaxInt64, 1, apperr.InsufficientCredit)
	refused(t, m, w.key(), usage.MaxAmount, 1, apperr.InsufficientCredit)
	reserve(t, m, w.key(), -5, -5).Settle(-5, -5)
	reserve(t, m, w.key(), 0, 0).Release() // what costs nothing needs no credit
}

func TestWithoutAWorkerItIs503(t *testing.T) {
	t.Parallel()
	w := newWorld(t, money.USD, money.USD)
	w.stop()
	m, _ := w.manager("r:1", Options{ColdWait: 50 * time.Millisecond})
	if e := refused(t, m, w.key(), money.Cent, 1, apperr.NoCapacity); e.RetryAfter == 0 {
		t.Error("no Retry-After")
	}
}

func TestRedisAwayServesFromTheLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t, money.USD, money.USD)
	m, _ := w.manager("r:1", Options{})
	key := w.key()
	reserve(t, m, key, money.Cent, 1).Settle(0, 1)
	w.stop()
	w.redis.Stop(t)
	reserve(t, m, key, money.Cent, 1).Settle(money.Cent, 1)
	refused(t, m, key, money.USD, 1, apperr.NoCapacity)
	w.redis.Start(t)
}

func TestLeaseExpiresLocally(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10*money.USD, money.USD)
	c := clock.NewFake(time.Now())
	m, _ := w.manager("r:1", Options{Clock: c})
	key := w.key()
	first := reserve(t, m, key, money.Cent, 1)
	w.stop()
	w.redis.Stop(t)
	c.Advance(31 * time.Second)
	refused(t, m, key, money.Cent, 1, apperr.NoCapacity)
	first.Settle(0, 1) // comes back to a lease that is over
	refused(t, m, key, money.Cent, 1, apperr.NoCapacity)
	w.redis.Start(t)
}

func TestBudgetIsSharedAndBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 100*money.USD, 10*money.USD)
	key := w.key()
	key.Budget, key.BudgetWindow = money.USD, "month"
	m1, _ := w.manager("r:1", Options{})
	m2, end2 := w.manager("r:2", Options{})
	a := reserve(t, m1, key, 60*money.Cent, 1)
	refused(t, m2, key, 50*money.Cent, 1, apperr.BudgetExceeded)
	b := reserve(t, m2, key, 40*money.Cent, 1)
	e := refused(t, m1, key, 10*money.Cent, 1, apperr.BudgetExceeded)
	if e.Param != "budget" || e.RetryAfter <= 0 {
		t.Errorf("refusal = %+v, want it to name the budget and when it starts anew", e)
	}
	b.Settle(0, 1)
	end2() // gives its part back; m1 remembers its last refusal for a moment
	eventually(t, func() bool {
		r, err := m1.Reserve(t.Context(), relay.Demand{Key: key, Amount: 30 * money.Cent, Tokens: 1})
		if err == nil {
			r.Settle(30*money.Cent, 1)
		}
		return err == nil
	})
	a.Settle(60*money.Cent, 1)
	refused(t, m1, key, 20*money.Cent, 1, apperr.BudgetExceeded)
}

func TestRequestsPerMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 100*money.USD, 10*money.USD)
	key := w.key()
	key.RPM = 40
	m1, _ := w.manager("r:1", Options{})
	m2, _ := w.manager("r:2", Options{})
	served := 0
	for i := range 60 {
		m := []*Manager{m1, m2}[i%2]
		r, err := m.Reserve(t.Context(), relay.Demand{Key: key, Amount: 1})
		if err == nil {
			served++
			if got := r.Limits().Requests; got.Limit != 40 || got.Remaining > 40-int64(served)+2 {
				t.Errorf("after %d: limits %+v", served, got)
			}
			r.Settle(1, 0)
			continue
		}
		if e := apperr.From(err); e.Code != apperr.RateLimitExceeded || e.Param != "requests_per_minute" || e.RetryAfter <= 0 {
			t.Fatalf("refusal = %+v", e)
		}
		var over *relay.OverLimit
		if !errors.As(err, &over) || over.Limits.Requests.Limit != 40 || over.Limits.Requests.Remaining > 2 || over.Limits.Requests.Reset <= 0 {
			t.Fatalf("refusal %v says of the limits %+v", err, over)
		}
	}
	if served < 40 || served > 43 {
		t.Errorf("served %d of a limit of 40 a minute", served)
	}
}

func TestTokensPerMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 100*money.USD, 10*money.USD)
	key := w.key()
	key.TPM = 1000
	m, _ := w.manager("r:1", Options{})
	a := reserve(t, m, key, 1, 900)
	refused(t, m, key, 1, 200, apperr.RateLimitExceeded)
	a.Settle(1, 500)
	reserve(t, m, key, 1, 400).Settle(1, 700) // more than it had said
	refused(t, m, key, 1, 200, apperr.RateLimitExceeded)
	if e := refused(t, m, key, 1, 1001, apperr.RateLimitExceeded); e.RetryAfter != 0 {
		t.Errorf("a request beyond the limit shall not be told to retry, got %v", e.RetryAfter)
	}
}

func TestConcurrencyIsExactOverRelays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 100*money.USD, 10*money.USD)
	key := w.key()
	key.Concurrency = 5
	m1, _ := w.manager("r:1", Options{})
	m2, _ := w.manager("r:2", Options{})
	var running []relay.Reservation
	for i := range 20 {
		if r, err := []*Manager{m1, m2}[i%2].Reserve(t.Context(), relay.Demand{Key: key}); err == nil {
			running = append(running, r)
		}
	}
	if len(running) != 5 {
		t.Errorf("%d run at once, want 5", len(running))
	}
	running[0].Release()
	eventually(t, func() bool { // the slot that was freed may be held by either
		for _, m := range []*Manager{m1, m2} {
			if _, err := m.Reserve(t.Context(), relay.Demand{Key: key}); err == nil {
				return true
			}
		}
		return false
	})
}

func TestLimitsFallBackWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 100*money.USD, 10*money.USD)
	key := w.key()
	key.RPM = 600
	c := clock.NewFake(time.Now())
	m, _ := w.manager("r:1", Options{Clock: c})
	for _, other := range []usage.RelayState{{ID: "r", At: c.Now()}, {ID: "q", At: c.Now()}, {ID: "dead", At: c.Now().Add(-time.Minute)}} {
		if err := w.store.Heartbeat(t.Context(), other); err != nil {
			t.Fatal(err)
		}
	}
	m.countRelays(t.Context())
	w.stop()
	w.redis.Stop(t)
	served := 0
	for range 100 {
		if _, err := m.Reserve(t.Context(), relay.Demand{Key: key}); err == nil {
			served++
		}
	}
	if served < 5 || served > 20 {
		t.Errorf("served %d at once, want about three seconds' worth of 240 a minute", served)
	}
	c.Advance(time.Second)
	if _, err := m.Reserve(t.Context(), relay.Demand{Key: key}); err != nil {
		t.Errorf("a second later: %v", err)
	}
	w.redis.Start(t)
}

// Whatever happens in whatever order, nothing is lent twice: spent + free + leased = sliced.
func TestMoneyIsConserved(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	rapid.Check(t, func(rt *rapid.T) {
		purse := money.Amount(rapid.Int64Range(100, 5000).Draw(rt, "purse"))
		w := worldOn(t, server, purse, money.Amount(rapid.Int64Range(10, 500).Draw(rt, "slice")))
		defer w.end()
		var managers []*Manager
		var ends []func()
		for i := range 2 {
			m, end := w.manager(fmt.Sprintf("r:%d", i), Options{ColdWait: 200 * time.Millisecond})
			managers, ends = append(managers, m), append(ends, end)
		}
		key := w.key()
		var running []relay.Reservation
		var amounts []money.Amount
		var spent money.Amount
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			if len(running) > 0 && rapid.Bool().Draw(rt, "end one") {
				i := rapid.IntRange(0, len(running)-1).Draw(rt, "which")
				cost := money.Amount(rapid.Int64Range(0, int64(amounts[i])).Draw(rt, "cost"))
				running[i].Settle(cost, 0)
				spent += cost
				running, amounts = slices.Delete(running, i, i+1), slices.Delete(amounts, i, i+1)
				continue
			}
			amount := money.Amount(rapid.Int64Range(1, 400).Draw(rt, "amount"))
			m := rapid.SampledFrom(managers).Draw(rt, "relay")
			r, err := m.Reserve(t.Context(), relay.Demand{Key: key, Amount: amount})
			if err == nil {
				running, amounts = append(running, r), append(amounts, amount)
			} else if !apperr.Is(err, apperr.InsufficientCredit) && !apperr.Is(err, apperr.NoCapacity) {
				rt.Fatalf("Reserve: %v", err)
			}
		}
		for _, r := range running {
			r.Release()
		}
		for _, end := range ends {
			end()
		}
		w.stop()
		e, err := w.store.Escrow(t.Context(), w.tenant)
		if err != nil {
			rt.Fatal(err)
		}
		var free, sliced money.Amount
		for _, h := range e.Holds {
			free += h.Free
		}
		for _, a := range w.holds {
			sliced += a
		}
		if spent > purse || free+spent != sliced || w.purse+sliced != purse {
			rt.Fatalf("spent %d, free %d, sliced %d of %d: money was lost or made", spent, free, sliced, purse)
		}
	})
}

func TestWindows(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 13, 14, 15, 0, time.UTC) // a Sunday
	tests := []struct {
		name  string
		start time.Time
		left  time.Duration
	}{
		{"day", time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), 10*time.Hour + 45*time.Minute + 45*time.Second},
		{"week", time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC), 10*time.Hour + 45*time.Minute + 45*time.Second},
		{"month", time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), (8*24+10)*time.Hour + 45*time.Minute + 45*time.Second},
		{"total", time.Time{}, 0},
	}
	for _, tt := range tests {
		if got := windowStart(tt.name, at); !got.Equal(tt.start) {
			t.Errorf("windowStart(%s) = %v, want %v", tt.name, got, tt.start)
		}
		if got := windowEnd(tt.name, at); got != tt.left {
			t.Errorf("windowEnd(%s) = %v, want %v", tt.name, got, tt.left)
		}
	}
}
