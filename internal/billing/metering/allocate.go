package metering

import (
	"fmt"
	"slices"
	"time"

	"starlane/internal/billing/ledger"
	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// Hold is credit set aside for relays, as far as charging needs it.
type Hold struct {
	ID     id.ID
	Tenant id.ID
	Lot    id.ID        // id.Nil: room under the credit limit of a post-paid tenant
	Room   money.Amount // not settled yet
}

// Lot is a credit lot that can be burnt.
type Lot struct {
	ID        id.ID
	Priority  int16
	ExpiresAt *time.Time
	Left      money.Amount
}

// CompareLots is the order in which lots are burnt: priority, then expiry with those that last for ever at the end, then id.
func CompareLots(a, b Lot) int {
	switch {
	case a.Priority != b.Priority:
		return int(a.Priority) - int(b.Priority)
	case a.ExpiresAt == nil && b.ExpiresAt != nil:
		return 1
	case a.ExpiresAt != nil && b.ExpiresAt == nil:
		return -1
	case a.ExpiresAt != nil && !a.ExpiresAt.Equal(*b.ExpiresAt):
		return a.ExpiresAt.Compare(*b.ExpiresAt)
	}
	return slices.Compare(a.ID[:], b.ID[:])
}

// Use is one charge of a tenant.
type Use struct {
	Hold   id.ID // id.Nil or unknown: none
	Charge money.Amount
}

// Funds is what a tenant can be charged to. Its rows are locked.
type Funds struct {
	Holds map[id.ID]*Hold
	Lots  []Lot
}

// Allocation is how the charges of a tenant are met.
type Allocation struct {
	Entries  []ledger.Entry
	Burns    []ledger.Burn
	Settled  map[id.ID]money.Amount // hold → taken from it
	Overflow bool                   // more was charged than the holds had
}

// Shortfall is what uses exceed their holds by: whether lots need to be looked at.
func Shortfall(uses []Use, holds map[id.ID]*Hold) bool {
	left := make(map[id.ID]money.Amount, len(holds))
	for _, u := range uses {
		h := holds[u.Hold]
		if h == nil {
			return true
		}
		room, ok := left[h.ID]
		if !ok {
			room = h.Room
		}
		if u.Charge > room {
			return true
		}
		left[h.ID] = room - u.Charge
	}
	return false
}

// Allocate charges each use to its hold, then to lots in order, then to what the tenant owes; revenue is the other side.
func Allocate(tenant id.ID, uses []Use, funds Funds, revenue ledger.Account) (Allocation, error) {
	a := Allocation{Settled: map[id.ID]money.Amount{}}
	slices.SortFunc(funds.Lots, CompareLots)
	var escrow, owed, total money.Amount
	burnt := map[id.ID]money.Amount{}
	for _, u := range uses {
		rest := u.Charge
		if h := funds.Holds[u.Hold]; h != nil && h.Tenant == tenant {
			if take := min(rest, h.Room-a.Settled[h.ID]); take > 0 {
				a.Settled[h.ID] += take
				rest -= take
				if h.Lot == id.Nil {
					owed += take
				} else {
					escrow += take
					burnt[h.Lot] += take
				}
			}
		}
		if rest > 0 {
			a.Overflow = true
		}
		for i := range funds.Lots {
			lot := &funds.Lots[i]
			if rest == 0 {
				break
			}
			take := min(rest, lot.Left)
			if take <= 0 {
				continue
			}
			lot.Left -= take
			rest -= take
			burnt[lot.ID] += take
			a.Entries = append(a.Entries, ledger.Entry{Account: ledger.CreditOf(tenant, lot.ID), Amount: take})
		}
		owed += rest
		var err error
		if total, err = money.Add(total, u.Charge); err != nil {
			return Allocation{}, fmt.Errorf("charges of a tenant: %w", err)
		}
	}
	if total == 0 {
		return a, nil
	}
	a.Entries = append(a.Entries,
		ledger.Entry{Account: ledger.EscrowOf(tenant), Amount: escrow},
		ledger.Entry{Account: ledger.ReceivableOf(tenant), Amount: owed},
		ledger.Entry{Account: revenue, Amount: -total})
	for lot, amount := range burnt {
		a.Burns = append(a.Burns, ledger.Burn{Lot: lot, Amount: amount})
	}
	return a, nil
}
