package lease

import (
	"context"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/apperr"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/usage/allowance"
)

// budget is this relay's part of a key's budget in one window. A relay that is not heard of for long enough loses its part:
// the worker then gives back to the key what was not spent. Therefore a part is used only while its lease runs, and whatever
// is said of it is said in turn, by one call at a time. Its fields belong to the lock of the key.
type budget struct {
	window   time.Time
	free     money.Amount // negative: a request cost more than it had set aside, or the lease was lost while it ran
	inFlight money.Amount // set aside for requests that run
	end      time.Time    // of the lease; zero: there is none
}

func (b *budget) leased() bool { return !b.end.IsZero() }

func (b *budget) covers(r *reservation, now time.Time) bool {
	return b.window.Equal(r.window) && now.Before(b.end) && b.free >= r.amount
}

func (b *budget) take(amount money.Amount) {
	b.free -= amount
	b.inFlight += amount
}

func (b *budget) settle(amount, actual money.Amount) {
	b.inFlight -= amount
	b.free += amount - actual
}

// lose starts over with nothing. What running requests have set aside is not ours any more; it is leased anew with whatever
// is leased next.
func (b *budget) lose() { b.free, b.end = -b.inFlight, time.Time{} }

// part is what is said of a budget; the caller holds the lock. All that was spent and is not held any more is in the log by
// now, because the log is asked last.
func (k *keyState) part(b *budget) allowance.BudgetPart {
	return allowance.BudgetPart{
		Tenant: k.tenant, Key: k.key, Window: b.window, Relay: k.m.o.Relay, Held: max(b.free, 0) + b.inFlight,
		Turn: k.m.turn.Add(1), TTL: k.m.o.TTL, Logged: k.m.o.Logged(),
	}
}

// leaseBudget gets a part of the key's budget; the caller of it holds the call, not the lock.
func (k *keyState) leaseBudget(ctx context.Context, rec *vkey.Record, r *reservation) error {
	k.mu.Lock()
	old := k.budget
	turned := !old.window.Equal(r.window)
	if turned {
		// Requests that run settle with the part that they took from. Around the turn of a window both may be asked for.
		next := k.former
		if next == nil || !next.window.Equal(r.window) {
			next = &budget{window: r.window}
		}
		k.former, k.budget = old, next
	}
	k.mu.Unlock()
	if turned {
		k.returnBudget(ctx, old)
	}
	deadline := k.m.o.Clock.Now().Add(k.m.o.ColdWait)
	for poll := pollFirst; ; poll = min(2*poll, pollMost) {
		reply, enough, err := k.askBudget(ctx, rec.Budget, r.amount)
		if err == nil && !reply.Known {
			err = k.wantBudget(ctx)
		}
		switch {
		case err != nil:
			return errUnreachable(err)
		case enough:
			return nil
		case reply.Lost:
			continue // the next call starts over
		case reply.Known:
			return k.overBudget(rec, r.amount)
		case !k.m.o.Clock.Now().Before(deadline):
			return errBusy()
		}
		if err := wait(ctx, poll); err != nil {
			return errUnreachable(err)
		}
	}
}

// overBudget refuses a request; the next window helps only one that the whole budget covers.
func (k *keyState) overBudget(rec *vkey.Record, amount money.Amount) error {
	e := apperr.New(apperr.BudgetExceeded, "The %s budget of key %q, %s USD, does not cover this request.", windowName(rec.BudgetWindow), rec.Name, rec.Budget).
		WithParam(paramBudget)
	if amount > rec.Budget {
		return e
	}
	return e.WithRetryAfter(windowEnd(rec.BudgetWindow, k.m.o.Clock.Now()))
}

// askBudget leases what amount lacks and something more, or only renews if it lacks nothing.
func (k *keyState) askBudget(ctx context.Context, limit, amount money.Amount) (reply allowance.BudgetReply, enough bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	k.mu.Lock()
	b := k.budget
	need := max(amount-b.free, 0)
	ask := allowance.BudgetRequest{BudgetPart: k.part(b), Leased: b.leased(), Limit: limit, Need: need}
	if need > 0 {
		ask.Want = max(need, min(4*need, limit/budgetPart))
	}
	asked := k.m.o.Clock.Now()
	k.mu.Unlock()
	if reply, err = k.m.o.Store.LeaseBudget(ctx, ask); err != nil {
		return reply, false, err //nolint:wrapcheck // the caller says what was tried
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if reply.Lost || !reply.Known {
		b.lose()
		return reply, false, nil
	}
	b.free += reply.Granted
	b.end = asked.Add(k.m.o.TTL)
	return reply, reply.Granted >= need, nil
}

func (k *keyState) wantBudget(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	k.mu.Lock()
	window := k.budget.window
	k.mu.Unlock()
	return k.m.o.Store.PushWanted(ctx, allowance.Wanted{Tenant: k.tenant, Key: k.key, Window: window}) //nolint:wrapcheck // see askBudget
}

// renewBudget keeps the lease alive and says what is still held.
func (k *keyState) renewBudget(ctx context.Context) {
	if _, _, err := k.askBudget(ctx, 0, 0); err != nil && ctx.Err() == nil {
		k.m.o.Logger.Debug("budget is not renewed", "error", err)
	}
}

// returnBudget gives back what no request holds of a part.
func (k *keyState) returnBudget(ctx context.Context, b *budget) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	k.mu.Lock()
	if !b.leased() {
		if b.inFlight == 0 {
			b.free = 0 // a debt of a lost lease; the worker knows what was spent
		}
		k.mu.Unlock()
		return
	}
	back := allowance.BudgetReturn{Unspent: b.free}
	b.free = 0
	if b.inFlight == 0 {
		b.end = time.Time{}
	}
	back.BudgetPart = k.part(b)
	k.mu.Unlock()
	if err := k.m.o.Store.ReturnBudget(ctx, back); err != nil {
		k.m.o.Logger.Debug("budget is not returned; the worker gives it back", "error", err)
	}
}
