package credit

import (
	"context"
	"fmt"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// What the shelf counts as used of a budget is what relays have leased of it and not given back. A relay that dies gives
// nothing back, a call that was lost on its way leaves the shelf with more than the relay got, and what a request cost in
// the end may differ from what the relay had thought. So the number is corrected to what the books say, again and again.
//
// The invariant: what the shelf counts as used is never less than what was spent in the window, posted or not yet, and what
// relays that live may still spend of it. It may be more for a while, never less, so no race can make a key spend beyond its
// budget. A correction keeps it:
//
//   - Every relay says what it holds, and up to which event of its log everything that it spent and holds no longer is
//     written down. Only when these events are posted is a budget corrected. What was spent is then the sum of what is in the
//     books, and of what the relays may have spent out of what they held; the sum of both is a bound on it from above.
//   - The correction is a difference, computed from one view of the shelf. What is leased and returned after that moment
//     moves the same number by itself. What is spent after it was held then, so it is counted already; if it is also posted
//     by now it is counted twice until the next correction.
//   - A correction is dropped if another one was faster or the shelf was emptied since.
//   - A relay that was silent for longer than any lease and any request can last (ReleaseGrace, as for credit) is taken for
//     dead. If it is not, it finds its lease gone and starts over with nothing. What a dead relay has spent and nobody has
//     heard of, because its log waits on a machine that is down, is bounded by what it held, and counts once it is posted.

// oldWindow is longer than any window with an end: the shelf need not remember what began before.
const oldWindow = 32 * 24 * time.Hour

// Budget is what the shelf counts as used of a key's budget in a window, spent or leased.
type Budget struct {
	Key    id.ID
	Since  time.Time // start of the window; zero for a budget without one
	Used   money.Amount
	Leases []BudgetLease
	Seen   any // what the shelf needs to know the budget again
}

// BudgetLease is what a relay has last said of its part.
type BudgetLease struct {
	Relay  string // instance and boot, joined by a colon
	Held   money.Amount
	Over   time.Duration // since the lease ran out; negative while it runs
	Logged uint64        // what it spent and does not hold is in its log up to this event
}

// Correction moves what is counted as used and removes leases, given by their places in the budget.
type Correction struct {
	Budget *Budget
	By     money.Amount
	Over   []int
}

// BudgetBooks says what was really spent.
type BudgetBooks interface {
	// BudgetTenants lists the tenants that have keys with a budget.
	BudgetTenants(ctx context.Context) ([]id.ID, error)
	// Posted returns, for boots of relays ("instance:boot"), up to which event of their logs everything is posted.
	Posted(ctx context.Context, boots []string) (map[string]uint64, error)
	// KeyUses is KeyUse for several keys, in their order.
	KeyUses(ctx context.Context, tenant id.ID, keys []id.ID, since []time.Time) ([]money.Amount, error)
}

// BudgetShelf is where relays take parts of budgets from.
type BudgetShelf interface {
	Budgets(ctx context.Context, tenant id.ID) ([]Budget, error)
	// CorrectBudget does nothing and returns false if the budget was corrected or made anew since it was read.
	CorrectBudget(ctx context.Context, tenant id.ID, c Correction) (bool, error)
	ForgetBudgets(ctx context.Context, tenant id.ID, over []Budget) error
}

// CorrectBudgets compares what the shelf counts as used of all budgets with the books, and corrects it.
func (s *Slicer) CorrectBudgets(ctx context.Context) error {
	tenants, err := s.store.BudgetTenants(ctx)
	if err != nil {
		return fmt.Errorf("find tenants with budgets: %w", err)
	}
	for _, t := range tenants {
		if err := s.correctTenant(ctx, t); err != nil {
			return fmt.Errorf("correct budgets: %w", err)
		}
	}
	return nil
}

func (s *Slicer) correctTenant(ctx context.Context, tenant id.ID) error {
	all, err := s.shelf.Budgets(ctx, tenant)
	if err != nil {
		return err
	}
	var current, over []Budget
	for _, b := range all {
		if !b.Since.IsZero() && s.clock.Now().Sub(b.Since) > oldWindow {
			over = append(over, b)
		} else {
			current = append(current, b)
		}
	}
	if len(over) > 0 {
		if err := s.shelf.ForgetBudgets(ctx, tenant, over); err != nil {
			return err
		}
	}
	if len(current) == 0 {
		return nil
	}
	var boots []string
	keys, since := make([]id.ID, len(current)), make([]time.Time, len(current))
	for i := range current {
		keys[i], since[i] = current[i].Key, current[i].Since
		for _, l := range current[i].Leases {
			boots = append(boots, l.Relay)
		}
	}
	// The order counts: first the shelf, then how far the books are, then what they say.
	posted, err := s.store.Posted(ctx, boots)
	if err != nil {
		return err
	}
	spent, err := s.store.KeyUses(ctx, tenant, keys, since)
	if err != nil {
		return err
	}
	for i := range current {
		c, ok := current[i].correction(spent[i], posted)
		if !ok {
			continue
		}
		if _, err := s.shelf.CorrectBudget(ctx, tenant, c); err != nil {
			return err
		}
	}
	return nil
}

// correction computes what has to change, given what was spent by the books and how far they are. ok is false if nothing has
// to, or if the books are not far enough to tell.
func (b *Budget) correction(spent money.Amount, posted map[string]uint64) (c Correction, ok bool) {
	c.Budget = b
	var held money.Amount
	for i, l := range b.Leases {
		switch {
		case l.Over >= ReleaseGrace:
			c.Over = append(c.Over, i) // dead
		case posted[l.Relay] < l.Logged:
			return Correction{}, false
		case l.Held == 0 && l.Over > 0:
			c.Over = append(c.Over, i) // given back, and all of it is in the books
		default:
			held += l.Held
		}
	}
	c.By = spent + held - b.Used
	return c, c.By != 0 || len(c.Over) > 0
}
