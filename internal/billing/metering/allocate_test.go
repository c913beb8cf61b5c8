package metering

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"starlane/internal/billing/ledger"
	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

func drawFunds(t *rapid.T, tenant id.ID) Funds {
	f := Funds{Holds: map[id.ID]*Hold{}}
	for i := range rapid.IntRange(0, 4).Draw(t, "lots") {
		lot := Lot{ID: id.ID{9, byte(i)}, Priority: int16(rapid.IntRange(0, 2).Draw(t, "priority")), Left: money.Amount(rapid.Int64Range(-5, 1000).Draw(t, "left"))}
		if rapid.Bool().Draw(t, "expires") {
			at := time.Unix(rapid.Int64Range(0, 3).Draw(t, "at"), 0)
			lot.ExpiresAt = &at
		}
		f.Lots = append(f.Lots, lot)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "holds") {
		h := &Hold{ID: id.ID{7, byte(i)}, Tenant: tenant, Room: money.Amount(rapid.Int64Range(0, 1000).Draw(t, "room"))}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0: // on the credit line
		case 1:
			h.Tenant = id.ID{66} // somebody else's
			h.Lot = id.ID{9, 77}
		default:
			h.Lot = id.ID{9, byte(rapid.IntRange(0, 5).Draw(t, "lot"))}
		}
		f.Holds[h.ID] = h
	}
	return f
}

// Whatever the funds: everything is charged, once; no hold or lot gives more than it has; lots are emptied in order; what is
// burnt is what left lots and holds.
func TestAllocateProperties(t *testing.T) {
	t.Parallel()
	tenant := id.ID{1}
	rapid.Check(t, func(t *rapid.T) {
		funds := drawFunds(t, tenant)
		before := slices.Clone(funds.Lots)
		slices.SortFunc(before, CompareLots)
		var uses []Use
		var total money.Amount
		for range rapid.IntRange(0, 10).Draw(t, "uses") {
			u := Use{Hold: id.ID{7, byte(rapid.IntRange(0, 5).Draw(t, "hold"))}, Charge: money.Amount(rapid.Int64Range(1, 700).Draw(t, "charge"))}
			uses = append(uses, u)
			total += u.Charge
		}
		short := Shortfall(uses, own(funds.Holds, tenant))
		a, err := Allocate(tenant, uses, funds, ledger.RevenueShard(0))
		if err != nil {
			t.Fatal(err)
		}
		if a.Overflow != short {
			t.Fatalf("overflow %v, foreseen %v", a.Overflow, short)
		}
		sums := map[ledger.Account]money.Amount{}
		var sum money.Amount
		for _, e := range a.Entries {
			sums[e.Account] += e.Amount
			sum += e.Amount
		}
		if sum != 0 || sums[ledger.RevenueShard(0)] != -total {
			t.Fatalf("entries sum to %d, revenue %d; want 0 and %d", sum, sums[ledger.RevenueShard(0)], -total)
		}
		var fromHolds, onLine money.Amount
		for hold, amount := range a.Settled {
			h := funds.Holds[hold]
			if amount <= 0 || amount > h.Room || h.Tenant != tenant {
				t.Fatalf("hold %+v gave %d", h, amount)
			}
			if h.Lot == id.Nil {
				onLine += amount
			} else {
				fromHolds += amount
			}
		}
		if sums[ledger.EscrowOf(tenant)] != fromHolds {
			t.Fatalf("escrow moved by %d, holds by %d", sums[ledger.EscrowOf(tenant)], fromHolds)
		}
		checkLots(t, before, sums, tenant, sums[ledger.ReceivableOf(tenant)]-onLine)
		var burnt, lotsMoved money.Amount
		for _, b := range a.Burns {
			burnt += b.Amount
		}
		for account, amount := range sums {
			if account.Kind == ledger.Credit {
				lotsMoved += amount
			}
		}
		if burnt != lotsMoved+fromHolds {
			t.Fatalf("burnt %d, but lots gave %d and holds %d", burnt, lotsMoved, fromHolds)
		}
	})
}

func own(holds map[id.ID]*Hold, tenant id.ID) map[id.ID]*Hold {
	out := map[id.ID]*Hold{}
	for k, h := range holds {
		if h.Tenant == tenant {
			out[k] = h
		}
	}
	return out
}

// checkLots: a lot is touched only when those before it are empty, and something is owed only when all are.
func checkLots(t *rapid.T, lots []Lot, sums map[ledger.Account]money.Amount, tenant id.ID, owed money.Amount) {
	empty := true
	for _, lot := range lots {
		took := sums[ledger.CreditOf(tenant, lot.ID)]
		if took < 0 || (took > 0 && (took > lot.Left || !empty)) {
			t.Fatalf("lot %+v gave %d, those before it empty: %v", lot, took, empty)
		}
		empty = empty && took >= lot.Left
	}
	if owed < 0 || (owed > 0 && !empty) {
		t.Fatalf("owed %d while lots have credit", owed)
	}
}

func TestPrepareKeepsMarksOfUnreadable(t *testing.T) {
	t.Parallel()
	list := []Message{
		{Ref: "a", Err: fmt.Errorf("broken"), Fields: map[string]any{"relay": "r", "boot": "5", "seq": "9"}},
		{Ref: "b", Err: fmt.Errorf("broken"), Fields: map[string]any{"relay": "r", "boot": "5", "seq": "-1"}},
		{Ref: "c", Err: fmt.Errorf("broken"), Fields: map[string]any{"long": string(make([]byte, 5000)), "n": 7}},
	}
	b := prepare(list, Facts{})
	if len(b.Letters) != 3 || len(b.Marks) != 1 || b.Marks[0] != (Mark{"r", 5, 9}) {
		t.Errorf("letters %d, marks %+v; want 3 and one", len(b.Letters), b.Marks)
	}
	if got := b.Letters[2].Fields["long"]; len([]rune(got)) != maxLetterValue || got[0] == 0 {
		t.Errorf("a long field is kept with %d characters; want %d and no zero bytes", len(got), maxLetterValue)
	}
}
