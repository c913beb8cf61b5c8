package lease

import (
	"context"
	"fmt"
	"sync"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/relay"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/usage/allowance"
)

const (
	sharePart  = 20 // a relay borrows a twentieth of a limit at a time: three seconds' worth
	budgetPart = 50 // and a fiftieth of a budget, if several requests do not need more
	minSlots   = 4

	// What a refusal names.
	paramRequests = "requests_per_minute"
	paramTokens   = "tokens_per_minute" //nolint:gosec // the name of a limit
	paramSlots    = "concurrency"
	paramBudget   = "budget"
)

// bucket is this relay's share of a limit a minute.
type bucket struct {
	have     int64 // may be negative: a request used more than it had reserved
	left     int64 // in the store after the last call
	at       time.Time
	fallback time.Time // local refill while the store is away; zero: the store answers
}

// denial remembers a refusal for a moment, so that a client who does not wait costs no call to the store each time.
type denial struct {
	err    error
	until  time.Time
	tokens int64        // requests of fewer tokens may still pass
	slots  bool         // requests inside of sessions may still pass
	amount money.Amount // and cheaper ones
}

func (f *denial) applies(r *reservation, now time.Time) bool {
	return f.err != nil && now.Before(f.until) && r.tokens >= f.tokens && r.amount >= f.amount && (!f.slots || !r.inside)
}

// keyState is what the relay holds for a virtual key with limits or a budget.
type keyState struct {
	m      *Manager
	tenant id.ID
	key    id.ID

	mu       sync.Mutex
	requests bucket
	tokens   bucket
	slots    int64 // requests at once that this relay may run
	slotsEnd time.Time
	running  int64
	budget   *budget // never nil
	former   *budget // of the window before; nil: none
	used     time.Time
	call     chan struct{}
	denied   denial
	record   *vkey.Record // the newest seen
}

func (m *Manager) keyOf(rec *vkey.Record) (*keyState, error) {
	m.mu.RLock()
	k := m.keys[rec.Key]
	m.mu.RUnlock()
	if k != nil {
		return k, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.keys[rec.Key]; k != nil {
		return k, nil
	}
	if len(m.keys) >= maxRemembers {
		return nil, errBusy()
	}
	k = &keyState{m: m, tenant: rec.Tenant, key: rec.Key, record: rec, budget: &budget{}}
	m.keys[rec.Key] = k
	return k, nil
}

// take sets a slot, a request, tokens and budget aside, from memory if it can.
func (k *keyState) take(ctx context.Context, rec *vkey.Record, r *reservation, now time.Time) error {
	if rec.TPM > 0 && r.tokens > rec.TPM {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.overLimit(rec, now, apperr.New(apperr.RateLimitExceeded,
			"This request needs up to %d tokens; the key may use %d a minute.", r.tokens, rec.TPM).WithParam(paramTokens))
	}
	r.window = windowStart(rec.BudgetWindow, now)
	for {
		k.mu.Lock()
		k.used, k.record = now, rec
		lacksShare, lacksBudget := k.lacks(rec, r, now)
		if !lacksShare && !lacksBudget {
			k.subtract(rec, r, now)
			k.mu.Unlock()
			return nil
		}
		if k.denied.applies(r, now) {
			err := k.denied.err
			k.mu.Unlock()
			return err
		}
		if call := k.call; call != nil {
			k.mu.Unlock()
			select {
			case <-ctx.Done():
				return errUnreachable(ctx.Err())
			case <-call:
				now = k.m.o.Clock.Now()
				continue
			}
		}
		k.call = make(chan struct{})
		k.mu.Unlock()
		taken, err := k.refill(ctx, rec, r, lacksShare)
		if taken || err != nil {
			return err
		}
	}
}

// refill asks the store for what the request lacks and takes it before anybody else can.
func (k *keyState) refill(ctx context.Context, rec *vkey.Record, r *reservation, lacksShare bool) (taken bool, err error) {
	defer func() {
		k.mu.Lock()
		if err == nil {
			now := k.m.o.Clock.Now()
			if share, budget := k.lacks(rec, r, now); !share && !budget {
				k.subtract(rec, r, now)
				taken = true
			}
		} else {
			k.remember(err, r)
		}
		close(k.call)
		k.call = nil
		k.mu.Unlock()
	}()
	if lacksShare {
		if err := k.borrow(ctx, rec, r.tokens, !r.inside); err != nil {
			return false, err
		}
	}
	k.mu.Lock()
	_, lacksBudget := k.lacks(rec, r, k.m.o.Clock.Now())
	k.mu.Unlock()
	if lacksBudget {
		return false, k.leaseBudget(ctx, rec, r)
	}
	return false, nil
}

// remember keeps a refusal that the next request would meet as well. The caller holds the lock.
func (k *keyState) remember(err error, r *reservation) {
	e := apperr.From(err)
	if e.Code != apperr.RateLimitExceeded && e.Code != apperr.BudgetExceeded {
		return
	}
	k.denied = denial{err: err, until: k.m.o.Clock.Now().Add(deniedFor)}
	switch e.Param {
	case paramTokens:
		k.denied.tokens = r.tokens
	case paramSlots:
		k.denied.slots = true
	case paramBudget:
		k.denied.amount = r.amount
	}
	if e.RetryAfter > 0 && e.RetryAfter < deniedFor {
		k.denied.until = k.m.o.Clock.Now().Add(e.RetryAfter)
	}
}

// lacks says what memory cannot give. The caller holds the lock.
func (k *keyState) lacks(rec *vkey.Record, r *reservation, now time.Time) (share, budget bool) {
	share = rec.RPM > 0 && k.requests.have < 1 ||
		rec.TPM > 0 && k.tokens.have < r.tokens ||
		rec.Concurrency > 0 && !r.inside && (k.running >= k.slots || !now.Before(k.slotsEnd))
	if rec.Budget > 0 && r.amount > 0 {
		budget = !k.budget.covers(r, now)
	}
	return share, budget
}

func (k *keyState) subtract(rec *vkey.Record, r *reservation, now time.Time) {
	if !r.inside {
		k.running++
	}
	r.took = taken{request: rec.RPM > 0, tokens: rec.TPM > 0}
	if r.took.request {
		k.requests.have--
	}
	if r.took.tokens {
		k.tokens.have -= r.tokens
	}
	if rec.Budget > 0 && r.amount > 0 {
		r.took.budget = k.budget
		k.budget.take(r.amount)
	}
	r.state = k.limits(rec, now)
}

// limits is the state of the limits a minute. The caller holds the lock.
func (k *keyState) limits(rec *vkey.Record, now time.Time) relay.Limits {
	return relay.Limits{Requests: k.requests.state(rec.RPM, now), Tokens: k.tokens.state(rec.TPM, now)}
}

// overLimit puts the state of the limits to a refusal. The caller holds the lock.
func (k *keyState) overLimit(rec *vkey.Record, now time.Time, refusal error) error {
	return &relay.OverLimit{Limits: k.limits(rec, now), Err: refusal}
}

// giveBack ends the key's side of a reservation. The caller does not hold the lock.
func (k *keyState) giveBack(r *reservation, actual money.Amount, tokens int64, unused bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !r.inside {
		k.running--
	}
	k.denied = denial{} // there may be room now
	if r.took.request && unused {
		k.requests.have++
	}
	if r.took.tokens {
		k.tokens.have += r.tokens - tokens
	}
	if r.took.budget != nil {
		r.took.budget.settle(r.amount, actual)
	}
}

// state is what the x-ratelimit headers say: what this relay has and what was last seen in the store.
func (b *bucket) state(limit int64, now time.Time) relay.Limit {
	if limit <= 0 {
		return relay.Limit{}
	}
	gained := int64(now.Sub(b.at)/time.Millisecond) * limit / 60_000
	remaining := min(max(b.have, 0)+max(b.left+gained, 0), limit)
	missing := limit - remaining
	return relay.Limit{Limit: limit, Remaining: remaining, Reset: time.Duration(missing) * time.Minute / time.Duration(limit)}
}

// borrow gets shares of the limits, for a request of so many tokens that needs a slot or not.
func (k *keyState) borrow(ctx context.Context, rec *vkey.Record, tokens int64, slot bool) error {
	k.mu.Lock()
	req := allowance.LimitRequest{
		Tenant: k.tenant, Key: k.key, Relay: k.m.o.Relay, Slots: rec.Concurrency, WantSlots: max(2*k.running, k.running+minSlots), TTL: k.m.o.TTL,
		Requests: k.requests.ask(rec.RPM, 1), Tokens: k.tokens.ask(rec.TPM, tokens),
	}
	k.mu.Unlock()
	asked := k.m.o.Clock.Now()
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	reply, err := k.m.o.Store.BorrowLimits(callCtx, req)
	if err != nil {
		if ctx.Err() != nil {
			return errUnreachable(ctx.Err())
		}
		return k.borrowAlone(rec, tokens, slot, asked)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.slots, k.slotsEnd = reply.Slots, asked.Add(k.m.o.TTL)
	k.requests.got(rec.RPM, req.Requests, reply.Requests, asked)
	k.tokens.got(rec.TPM, req.Tokens, reply.Tokens, asked)
	return k.refuse(rec, tokens, slot, asked, reply.Requests.Wait, reply.Tokens.Wait)
}

// refuse names the limit that is used up, if one is. The caller holds the lock.
func (k *keyState) refuse(rec *vkey.Record, tokens int64, slot bool, now time.Time, requestsWait, tokensWait time.Duration) error {
	refusal := func(name string, limit int64, what string, after time.Duration) error {
		return k.overLimit(rec, now, apperr.New(apperr.RateLimitExceeded, "This key may %s.", fmt.Sprintf(what, limit)).
			WithParam(name).WithRetryAfter(max(after, time.Millisecond)))
	}
	switch {
	case rec.RPM > 0 && k.requests.have < 1:
		return refusal(paramRequests, rec.RPM, "make %d requests a minute", requestsWait)
	case rec.TPM > 0 && k.tokens.have < tokens:
		return refusal(paramTokens, rec.TPM, "use %d tokens a minute", tokensWait)
	case rec.Concurrency > 0 && slot && k.running >= k.slots:
		return refusal(paramSlots, rec.Concurrency, "make %d requests at once", retryAfter)
	}
	return nil
}

// ask prepares a call: debts are paid on the way.
func (b *bucket) ask(limit, need int64) allowance.Bucket {
	if limit <= 0 || b.have >= need {
		return allowance.Bucket{Limit: limit}
	}
	debt := max(-b.have, 0)
	short := need - max(b.have, 0)
	return allowance.Bucket{Limit: limit, Want: max(short, limit/sharePart), Need: short, Used: debt}
}

func (b *bucket) got(limit int64, asked allowance.Bucket, s allowance.Share, at time.Time) {
	if limit <= 0 {
		return
	}
	b.have += asked.Used + s.Granted
	b.left, b.at, b.fallback = s.Left, at, time.Time{}
}

// borrowAlone replaces the store while it is away: four fifths of this relay's part of the limit, refilled by time.
func (k *keyState) borrowAlone(rec *vkey.Record, tokens int64, slot bool, now time.Time) error {
	fleet := k.m.fleet()
	own := func(limit int64) int64 { return max(limit*4/5/fleet, 1) }
	k.mu.Lock()
	defer k.mu.Unlock()
	if rec.Concurrency > 0 {
		k.slots, k.slotsEnd = own(rec.Concurrency), now.Add(tendEvery)
	}
	k.requests.alone(own(rec.RPM), rec.RPM, now)
	k.tokens.alone(own(rec.TPM), rec.TPM, now)
	return k.refuse(rec, tokens, slot, now, retryAfter, retryAfter)
}

func (b *bucket) alone(own, limit int64, now time.Time) {
	if limit <= 0 {
		return
	}
	b.left, b.at = 0, now
	if b.fallback.IsZero() {
		b.fallback = now.Add(-time.Minute / sharePart) // three seconds' worth to begin with
	}
	if n := int64(now.Sub(b.fallback)) / (int64(time.Minute) / own); n > 0 {
		b.have = min(b.have+n, max(own/sharePart, 1))
		b.fallback = now
	}
}

// tend keeps slots and budget alive and gives back what an idle key holds. It returns true when the key can be forgotten.
func (k *keyState) tend(ctx context.Context) (forget bool) {
	k.mu.Lock()
	now := k.m.o.Clock.Now()
	idle := k.running == 0 && now.Sub(k.used) > idleAfter
	dying := func(end time.Time) bool { return end.Sub(now) < k.m.o.TTL/2 }
	renewSlots := !idle && k.slots > 0 && dying(k.slotsEnd)
	renewBudget := !idle && k.budget.leased() && dying(k.budget.end)
	holds := k.slots > 0 || k.requests.have != 0 || k.tokens.have != 0 || k.budget.free != 0 || k.budget.leased()
	rec, busy := k.record, k.call != nil
	work := (idle && holds || renewSlots || renewBudget) && !busy
	if work {
		k.call = make(chan struct{}) // what we say of the budget must not cross with what a request says
	}
	k.mu.Unlock()
	if !work {
		return idle && !holds && now.Sub(k.used) > forgetAfter
	}
	if idle {
		k.giveBackAll(ctx)
	}
	if renewSlots {
		_ = k.borrow(ctx, rec, 0, false) // a refusal concerns the next request, not us
	}
	if renewBudget {
		k.renewBudget(ctx)
	}
	k.mu.Lock()
	close(k.call)
	k.call = nil
	k.mu.Unlock()
	return false
}

// giveBackAll returns everything that no request holds. Nobody else may be in a call for the key.
func (k *keyState) giveBackAll(ctx context.Context) {
	k.mu.Lock()
	rec := k.record
	req := allowance.LimitRequest{
		Tenant: k.tenant, Key: k.key, Relay: k.m.o.Relay, Slots: rec.Concurrency, WantSlots: k.running, TTL: k.m.o.TTL,
		Requests: allowance.Bucket{Limit: rec.RPM, Used: -k.requests.have}, Tokens: allowance.Bucket{Limit: rec.TPM, Used: -k.tokens.have},
	}
	k.requests.have, k.tokens.have, k.slots = 0, 0, 0
	k.mu.Unlock()
	if rec.RPM > 0 || rec.TPM > 0 || rec.Concurrency > 0 {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		if _, err := k.m.o.Store.BorrowLimits(ctx, req); err != nil {
			k.m.o.Logger.Debug("shares of limits are not returned", "error", err)
		}
	}
	k.returnBudget(ctx, k.budget)
}

func (k *keyState) quiet() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.running == 0 && k.call == nil && k.m.o.Clock.Now().Sub(k.used) > forgetAfter
}
