// Package lease admits requests from what the relay holds in memory: money leased from slices of the tenant's credit, a
// part of the key's budget, and shares of its limits. A request is answered without a network call while they last; they
// are refilled and renewed in the background, and given back when they are not used.
//
// Bounds. Spending can exceed what a tenant has by at most the sum, over the requests in flight, of what a request costs
// beyond its reservation: every reservation was leased out of money that Postgres had moved to escrow before. A reservation
// covers a token for each byte of the prompt, 1,600 for each picture, 512 that no byte shows, and the longest answer that the
// upstream is allowed; beyond it goes only what a vendor counts above that. A budget has the same bound. A limit a minute can be exceeded, within one minute, by the shares that relays hold from the minute
// before: at most the number of relays times a twentieth of the limit (or one request, if that is more). Concurrency is
// exact while Redis can be reached.
//
// While Redis is away, requests are admitted from what is leased, of credit and of budgets, until the leases run out (30 s),
// then refused with no_capacity. Limits fall back to the relay's own share: four fifths of the limit divided by the number of relays.
package lease

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/relay"
	"starlane/internal/usage"
	"starlane/internal/usage/allowance"
)

// Credit leases money out of a tenant's slices.
type Credit interface {
	Lease(ctx context.Context, r allowance.LeaseRequest) (allowance.LeaseReply, error)
	ReturnLease(ctx context.Context, tenant id.ID, relay string, hold id.ID, unspent money.Amount, end bool) (money.Amount, error)
	PushWanted(ctx context.Context, w allowance.Wanted) error
}

// Budgets leases parts of what a key may spend in a window.
type Budgets interface {
	LeaseBudget(ctx context.Context, r allowance.BudgetRequest) (allowance.BudgetReply, error)
	ReturnBudget(ctx context.Context, r allowance.BudgetReturn) error
}

// Limits lends shares of a key's limits.
type Limits interface {
	BorrowLimits(ctx context.Context, r allowance.LimitRequest) (allowance.LimitReply, error)
}

// Fleet knows the heartbeats of all relays, dead ones included.
type Fleet interface {
	Relays(ctx context.Context) ([]usage.RelayState, error)
}

// Store is all of them.
type Store interface {
	Credit
	Budgets
	Limits
	Fleet
}

// Options of a Manager. Zero values take the defaults named.
type Options struct {
	Relay    string        // instance and boot, unique among all that ever ran
	TTL      time.Duration // of a lease (30 s)
	ColdWait time.Duration // longest wait for the worker to bring a slice (1 s)
	Clock    clock.Clock
	Logger   *slog.Logger
	Store    Store
	// Logged is the number of the last event in the usage log; a request's event is in there before its reservation is
	// settled. Without it, budgets are corrected only after the relay has gone.
	Logged func() uint64
}

const (
	callTimeout  = 500 * time.Millisecond // of one call to the store
	pollFirst    = 5 * time.Millisecond
	pollMost     = 80 * time.Millisecond
	deniedFor    = 200 * time.Millisecond // a refusal is remembered that long
	retryAfter   = time.Second
	tendEvery    = time.Second
	idleAfter    = 10 * time.Second // then leases go back
	forgetAfter  = 10 * time.Minute
	refillers    = 4
	refillQueue  = 256
	lowTenths    = 3 // of the target, below which a refill starts
	maxRemembers = 100_000
	countEvery   = 5 * time.Second
	returnLimit  = 2 * time.Second  // for everything at the end
	aliveFor     = 15 * time.Second // after a heartbeat
)

// Manager is safe for use by many goroutines. It implements relay.Admitter.
type Manager struct {
	o      Options
	refill chan *account
	turn   atomic.Int64 // of the last call about a budget

	mu       sync.RWMutex
	accounts map[id.ID]*account
	keys     map[id.ID]*keyState
	relays   int // in the fleet, this one included
}

var _ relay.Admitter = (*Manager)(nil)

// New returns a Manager. Run must be called for leases to be renewed.
func New(o Options) *Manager {
	if o.TTL == 0 {
		o.TTL = 30 * time.Second
	}
	if o.ColdWait == 0 {
		o.ColdWait = time.Second
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Logged == nil {
		o.Logged = func() uint64 { return math.MaxInt64 }
	}
	return &Manager{
		o: o, refill: make(chan *account, refillQueue), accounts: map[id.ID]*account{}, keys: map[id.ID]*keyState{}, relays: 1,
	}
}

// countRelays learns how many relays share the limits, for the time when the store cannot be asked.
func (m *Manager) countRelays(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	all, err := m.o.Store.Relays(ctx)
	if err != nil {
		return // the last number is the best one
	}
	now, n := m.o.Clock.Now(), 0
	for _, r := range all {
		if now.Sub(r.At) < aliveFor {
			n++
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.relays = max(n, 1)
}

func (m *Manager) fleet() int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return int64(m.relays)
}

// taken says what a reservation took of its key: limits may be set or lifted while it runs.
type taken struct {
	request, tokens bool
	budget          *budget // nil: none
}

// reservation is one request's part of everything.
type reservation struct {
	m      *Manager
	inside bool     // of a session that holds the slot
	acc    *account // nil when nothing is to be paid
	key    *keyState
	tokens int64
	amount money.Amount
	window time.Time
	took   taken
	parts  [maxParts]part
	n      int
	state  relay.Limits

	mu   sync.Mutex
	over bool
}

// Reserve sets limits, budget and credit aside, in this order. What was set aside goes back if a later step refuses.
func (m *Manager) Reserve(ctx context.Context, d relay.Demand) (relay.Reservation, error) {
	if d.Amount > usage.MaxAmount || d.Tokens > usage.MaxUnits {
		return nil, refusal("") // beyond what is counted exactly, and beyond what anybody has
	}
	r := &reservation{m: m, tokens: max(d.Tokens, 0), amount: max(d.Amount, 0), inside: d.Inside}
	rec := d.Key
	now := m.o.Clock.Now()
	if rec.RPM > 0 || rec.TPM > 0 || rec.Concurrency > 0 || rec.Budget > 0 {
		k, err := m.keyOf(rec)
		if err != nil {
			return nil, err
		}
		if err := k.take(ctx, rec, r, now); err != nil {
			return nil, err
		}
		r.key = k
	}
	if r.amount > 0 {
		acc, err := m.accountOf(rec.Tenant)
		if err == nil {
			err = acc.take(ctx, r, now)
		}
		if err != nil {
			if r.key != nil {
				r.key.giveBack(r, 0, 0, true)
			}
			return nil, err
		}
		r.acc = acc
	}
	return r, nil
}

// Hold returns the slice that (the first part of) the money came from.
func (r *reservation) Hold() id.ID {
	if r.n == 0 {
		return id.Nil
	}
	return r.parts[0].from.hold
}

// Limits returns the state of the key's limits after the reservation.
func (r *reservation) Limits() relay.Limits { return r.state }

// Settle takes what the request cost and gives the rest back. Only the first of Settle and Release counts.
func (r *reservation) Settle(actual money.Amount, tokens int64) {
	r.end(max(actual, 0), max(tokens, 0), false)
}

// Release gives everything back. A request that was admitted and never ran does not count against the limits.
func (r *reservation) Release() { r.end(0, 0, true) }

func (r *reservation) end(actual money.Amount, tokens int64, unused bool) {
	r.mu.Lock()
	over := r.over
	r.over = true
	r.mu.Unlock()
	if over {
		return
	}
	if r.key != nil {
		r.key.giveBack(r, actual, tokens, unused)
	}
	if r.acc != nil {
		r.acc.settle(r, actual)
	}
}

func (m *Manager) accountOf(tenant id.ID) (*account, error) {
	m.mu.RLock()
	a := m.accounts[tenant]
	m.mu.RUnlock()
	if a != nil {
		return a, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if a := m.accounts[tenant]; a != nil {
		return a, nil
	}
	if len(m.accounts) >= maxRemembers {
		return nil, errBusy()
	}
	a = &account{m: m, tenant: tenant}
	m.accounts[tenant] = a
	return a, nil
}

func errBusy() error {
	return apperr.New(apperr.NoCapacity, "No capacity at the moment.").WithRetryAfter(retryAfter)
}

func errUnreachable(cause error) error {
	return apperr.Wrap(cause, apperr.NoCapacity, "Credit and limits cannot be checked at the moment.").WithRetryAfter(retryAfter)
}

// wait sleeps unless ctx ends first.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
