package ledger

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

func valid(tenant id.ID) Transaction {
	return Transaction{
		Tenant: tenant, IdemKey: "k", Kind: TxnUsage, EffectiveAt: time.Unix(1, 0), SourceRef: "s", Actor: "a",
		Entries: []Entry{{EscrowOf(tenant), 7}, {RevenueShard(3), -7}},
	}
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	tenant := id.New()
	if txn := valid(tenant); txn.Normalize() != nil || txn.Validate() != nil {
		t.Fatalf("the sound one is refused: %v", txn.Validate())
	}
	for name, change := range map[string]func(*Transaction){
		"not zero":          func(t *Transaction) { t.Entries[0].Amount++ },
		"one entry":         func(t *Transaction) { t.Entries = t.Entries[:1] },
		"nothing left":      func(t *Transaction) { t.Entries[1] = Entry{EscrowOf(t.Tenant), -7} },
		"no key":            func(t *Transaction) { t.IdemKey = "" },
		"no time":           func(t *Transaction) { t.EffectiveAt = time.Time{} },
		"no actor":          func(t *Transaction) { t.Actor = "" },
		"other tenant":      func(t *Transaction) { t.Entries[0].Account = EscrowOf(id.New()) },
		"credit, no lot":    func(t *Transaction) { t.Entries[0].Account = Account{Tenant: t.Tenant, Kind: Credit} },
		"lot, not credit":   func(t *Transaction) { t.Entries[0].Account.Lot = id.New() },
		"above ten million": func(t *Transaction) { t.Entries[0].Amount, t.Entries[1].Amount = money.MaxEntry+1, -money.MaxEntry-1 },
		"negative burn":     func(t *Transaction) { t.Burns = []Burn{{id.New(), -1}} },
		"burn of nothing":   func(t *Transaction) { t.Burns = []Burn{{id.Nil, 1}} },
	} {
		txn := valid(tenant)
		change(&txn)
		if err := txn.Normalize(); err != nil {
			t.Errorf("%s: Normalize: %v", name, err)
		}
		if err := txn.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: err = %v, want ErrInvalid", name, err)
		}
	}
}

// The order and the splitting of entries do not matter, everything else does.
func TestHash(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tenant := id.ID{1}
		txn := valid(tenant)
		parts := rapid.Int64Range(1, 6).Draw(t, "part")
		txn.Entries = []Entry{{RevenueShard(3), -7}, {EscrowOf(tenant), money.Amount(parts)}, {EscrowOf(tenant), money.Amount(7 - parts)}}
		want := valid(tenant)
		for _, x := range []*Transaction{&txn, &want} {
			if err := x.Normalize(); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(txn.Hash(), want.Hash()) {
			t.Fatal("the same transaction has two hashes")
		}
		other := want
		switch rapid.IntRange(0, 3).Draw(t, "change") {
		case 0:
			other.SourceRef += "x"
		case 1:
			other.Entries = []Entry{{EscrowOf(tenant), 8}, {RevenueShard(3), -8}}
		case 2:
			other.Burns = []Burn{{id.ID{2}, 7}}
		case 3:
			other.Kind = TxnTopup
		}
		if bytes.Equal(other.Hash(), want.Hash()) {
			t.Fatal("two transactions have one hash")
		}
	})
}

func TestNormalizeOverflows(t *testing.T) {
	t.Parallel()
	txn := valid(id.New())
	const big = money.Amount(1 << 62)
	txn.Entries = []Entry{{EscrowOf(txn.Tenant), big}, {EscrowOf(txn.Tenant), big}}
	if err := txn.Normalize(); !errors.Is(err, money.ErrOverflow) {
		t.Errorf("err = %v, want ErrOverflow", err)
	}
}

func TestReverseIsItsOwnInverse(t *testing.T) {
	t.Parallel()
	txn := valid(id.New())
	if err := txn.Normalize(); err != nil {
		t.Fatal(err)
	}
	back := txn.Reverse("undo:k", "b")
	if err := back.Validate(); err != nil {
		t.Fatal(err)
	}
	for i, e := range back.Entries {
		if e.Amount != -txn.Entries[i].Amount || e.Account != txn.Entries[i].Account {
			t.Errorf("entry %d = %+v; want the opposite of %+v", i, e, txn.Entries[i])
		}
	}
}
