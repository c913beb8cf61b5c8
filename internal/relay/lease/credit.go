package lease

import (
	"context"
	"sync"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/usage/allowance"
)

// maxParts is how many holds one reservation may draw on: the last cents of a lot and the first of the next.
const maxParts = 3

// grant is money of one hold that this relay may spend.
type grant struct {
	hold    id.ID
	free    money.Amount // may be negative for a moment: a request cost more than it had reserved
	expires time.Time    // by our own, monotonic clock
	dead    bool         // out of the list: what comes back is lost until the hold is released in Postgres
}

type part struct {
	from   *grant
	amount money.Amount
}

// account is what the relay holds for a tenant.
type account struct {
	m      *Manager
	tenant id.ID

	mu       sync.Mutex
	grants   []*grant     // oldest hold first
	inFlight money.Amount // reserved by running requests
	waiting  money.Amount // asked for by requests that found too little
	used     time.Time    // last reservation
	queued   bool         // a refill is under way or queued
	dryUntil time.Time    // the store had nothing more; no refill before
	call     chan struct{}
	denied   error // remembered refusal
	deniedAt time.Time
	deniedOf money.Amount
}

// take moves money into r, from memory if it can.
func (a *account) take(ctx context.Context, r *reservation, now time.Time) error {
	a.mu.Lock()
	if a.subtract(r, now) {
		a.mu.Unlock()
		return nil
	}
	a.waiting += r.amount
	a.mu.Unlock()
	err := a.acquire(ctx, r)
	a.mu.Lock()
	a.waiting -= r.amount
	a.mu.Unlock()
	return err
}

// subtract takes the amount out of one grant, or out of several if none has it all. The caller holds the lock.
func (a *account) subtract(r *reservation, now time.Time) bool {
	a.dropExpired(now)
	a.used = now
	var total money.Amount
	single := -1
	for i, g := range a.grants {
		if g.free >= r.amount && single < 0 {
			single = i
		}
		total += max(g.free, 0)
	}
	switch {
	case single >= 0:
		r.parts[0], r.n = part{a.grants[single], r.amount}, 1
		a.grants[single].free -= r.amount
	case total >= r.amount && a.split(r):
	default:
		return false
	}
	a.inFlight += r.amount
	if total -= r.amount; total < a.target(r.amount)/10*lowTenths && !a.queued && now.After(a.dryUntil) {
		select {
		case a.m.refill <- a:
			a.queued = true
		default: // all refillers are busy; the next request tries again
		}
	}
	return true
}

func (a *account) split(r *reservation) bool {
	left, n := r.amount, 0
	var parts [maxParts]part
	for _, g := range a.grants {
		if g.free <= 0 || left == 0 {
			continue
		}
		if n == maxParts {
			return false
		}
		parts[n] = part{g, min(g.free, left)}
		left -= parts[n].amount
		n++
	}
	if left > 0 {
		return false
	}
	for _, p := range parts[:n] {
		p.from.free -= p.amount
	}
	r.parts, r.n = parts, n
	return true
}

// target is how much should be free: as much again as is in flight, so that twice the load finds it.
func (a *account) target(amount money.Amount) money.Amount {
	return max(2*amount, a.inFlight) + a.waiting
}

func (a *account) dropExpired(now time.Time) {
	kept := a.grants[:0]
	for _, g := range a.grants {
		if now.Before(g.expires) {
			kept = append(kept, g)
		} else {
			g.dead = true
		}
	}
	clear(a.grants[len(kept):])
	a.grants = kept
}

// settle ends a reservation: actual is spent, the rest is free again.
func (a *account) settle(r *reservation, actual money.Amount) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inFlight -= r.amount
	for _, p := range r.parts[:r.n] {
		spent := min(actual, p.amount)
		actual -= spent
		if !p.from.dead {
			p.from.free += p.amount - spent
		}
	}
	if actual > 0 && len(a.grants) > 0 { // cost more than was reserved: the bound in the package comment
		a.grants[0].free -= actual
	}
}

// acquire gets money from the store and, if that has none, from the worker.
func (a *account) acquire(ctx context.Context, r *reservation) error {
	deadline := a.m.o.Clock.Now().Add(a.m.o.ColdWait)
	poll := pollFirst
	for first := true; ; first = false {
		a.mu.Lock()
		now := a.m.o.Clock.Now()
		if a.subtract(r, now) {
			a.mu.Unlock()
			return nil
		}
		if a.denied != nil && now.Sub(a.deniedAt) < deniedFor && r.amount >= a.deniedOf {
			err := a.denied
			a.mu.Unlock()
			return err
		}
		if call := a.call; call != nil { // somebody is asking
			a.mu.Unlock()
			select {
			case <-ctx.Done():
				return errUnreachable(ctx.Err())
			case <-call:
				continue
			}
		}
		a.call = make(chan struct{})
		a.mu.Unlock()

		reply, err := a.ask(ctx, r.amount)
		a.mu.Lock()
		got := a.subtract(r, a.m.o.Clock.Now())
		if !got && err == nil && !first {
			err = a.judge(reply, r.amount)
		} else if !got && err != nil {
			err = errUnreachable(err)
		}
		close(a.call)
		a.call = nil
		a.mu.Unlock()
		if got || err != nil {
			return ignoreIf(got, err)
		}
		if !a.m.o.Clock.Now().Before(deadline) {
			return a.timeout(reply, r.amount)
		}
		if err := wait(ctx, poll); err != nil {
			return errUnreachable(err)
		}
		poll = min(2*poll, pollMost)
	}
}

func ignoreIf(ok bool, err error) error {
	if ok {
		return nil
	}
	return err
}

// ask leases from the store and calls the worker if the store has too little.
func (a *account) ask(ctx context.Context, amount money.Amount) (allowance.LeaseReply, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	a.mu.Lock()
	free, target := a.free(), a.target(amount)
	a.mu.Unlock()
	need := amount - free
	if need <= 0 {
		need = amount // there is enough, but in too many parts
	}
	reply, err := a.lease(ctx, max(target-free, need), need)
	if err != nil {
		return reply, err
	}
	if reply.More {
		err = a.m.o.Store.PushWanted(ctx, allowance.Wanted{Tenant: a.tenant})
	}
	return reply, err
}

// free is what can be reserved at once. The caller holds the lock.
func (a *account) free() money.Amount {
	var sum money.Amount
	for _, g := range a.grants {
		sum += max(g.free, 0)
	}
	return sum
}

// lease calls the store, renewing what we have, and takes the result over.
func (a *account) lease(ctx context.Context, want, need money.Amount) (allowance.LeaseReply, error) {
	a.mu.Lock()
	asked := a.m.o.Clock.Now()
	a.dropExpired(asked)
	renew := make([]id.ID, len(a.grants))
	for i, g := range a.grants {
		renew[i] = g.hold
	}
	a.mu.Unlock()
	reply, err := a.m.o.Store.Lease(ctx, allowance.LeaseRequest{
		Tenant: a.tenant, Relay: a.m.o.Relay, Want: want, Need: need, TTL: a.m.o.TTL, Renew: renew,
	})
	if err != nil {
		return reply, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range reply.Leases {
		g := a.grantOf(l.Hold)
		g.free += l.Amount
		g.expires = asked.Add(l.For)
	}
	return reply, nil
}

func (a *account) grantOf(hold id.ID) *grant {
	for _, g := range a.grants {
		if g.hold == hold {
			return g
		}
	}
	g := &grant{hold: hold}
	a.grants = append(a.grants, g)
	return g
}

// judge turns the worker's fresh word into a refusal, or nil while it is worth waiting. The caller holds the lock.
func (a *account) judge(reply allowance.LeaseReply, amount money.Amount) error {
	if !reply.Answered || !reply.AvailKnown {
		return nil
	}
	if reply.State != allowance.CreditSuspended && reply.Avail+reply.Free+a.free() >= amount {
		return nil
	}
	a.denied, a.deniedAt, a.deniedOf = refusal(reply.State), a.m.o.Clock.Now(), amount
	return a.denied
}

func (a *account) timeout(reply allowance.LeaseReply, amount money.Amount) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if reply.AvailKnown && (reply.State == allowance.CreditSuspended || reply.Avail+reply.Free+a.free() < amount) {
		return refusal(reply.State)
	}
	return errBusy()
}

func refusal(state string) error {
	if state == allowance.CreditSuspended {
		return apperr.New(apperr.InsufficientCredit, "Spending is suspended for this organisation.")
	}
	return apperr.New(apperr.InsufficientCredit, "The credit of this organisation does not cover this request. Top up in the console.")
}
