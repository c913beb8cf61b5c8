// Package ledger is the double-entry book: accounts, and transactions whose entries sum to zero. It is pure; the store
// that keeps the book is in internal/store/postgres.
//
// Debits are positive, credits negative. What a tenant has bought is a liability, so its credit accounts are negative.
package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// Kind of an account.
type Kind string

// Accounts of a tenant.
const (
	Credit     Kind = "credit"     // liability, one for each credit lot
	Escrow     Kind = "escrow"     // liability, set aside for relays
	Receivable Kind = "receivable" // asset, what the tenant owes
)

// Accounts of the platform; their tenant is id.Nil.
const (
	Cash         Kind = "cash:stripe"
	Fees         Kind = "stripe_fees"
	Revenue      Kind = "revenue:usage" // split into RevenueShards, the balance is the sum over them
	PromoExpense Kind = "promo_expense"
	TaxPayable   Kind = "tax_payable"
	Adjustment   Kind = "adjustment"
)

// RevenueShards is how many accounts the platform's revenue is split into, so that workers do not wait for one row.
const RevenueShards = 16

// Kinds of transactions.
const (
	TxnUsage       = "usage"        // use of models
	TxnTopup       = "topup"        // credit bought
	TxnPromo       = "promo"        // credit given
	TxnAdjustment  = "adjustment"   // credit given to put something right
	TxnSettle      = "settle"       // credit pays what the tenant owed for use beyond its credit
	TxnHold        = "hold"         // credit set aside for relays
	TxnRelease     = "release"      // what a hold did not need goes back to its lot
	TxnInvoicePaid = "invoice_paid" // cash for an invoice
	TxnInvoiceTax  = "invoice_tax"  // tax that an invoice adds to what the tenant owes
)

// Account names an account. Two equal values are the same account.
type Account struct {
	Tenant id.ID // id.Nil for the platform's own
	Kind   Kind
	Lot    id.ID // for Credit only
	Shard  int16 // for Revenue only
}

// Tenant accounts and platform accounts by their parts.
func CreditOf(tenant, lot id.ID) Account { return Account{Tenant: tenant, Kind: Credit, Lot: lot} }
func EscrowOf(tenant id.ID) Account      { return Account{Tenant: tenant, Kind: Escrow} }
func ReceivableOf(tenant id.ID) Account  { return Account{Tenant: tenant, Kind: Receivable} }
func Platform(kind Kind) Account         { return Account{Kind: kind} }
func RevenueShard(shard int16) Account   { return Account{Kind: Revenue, Shard: shard} }
func (a Account) less(b Account) int     { return compareAccounts(a, b) }
func (a Account) valid() bool            { return a.Kind != "" && (a.Lot != id.Nil) == (a.Kind == Credit) }

func compareAccounts(a, b Account) int {
	return cmp.Or(slices.Compare(a.Tenant[:], b.Tenant[:]), cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Lot[:], b.Lot[:]),
		cmp.Compare(a.Shard, b.Shard))
}

// Entry is one leg: a debit if positive, a credit if negative, in nano-USD.
type Entry struct {
	Account Account
	Amount  money.Amount
}

// Burn says how much of a credit lot a transaction has used up.
type Burn struct {
	Lot    id.ID
	Amount money.Amount
}

// Transaction is posted whole or not at all.
type Transaction struct {
	Tenant      id.ID  // whom it is about; id.Nil for the platform itself
	IdemKey     string // unique for the tenant: posting the same again changes nothing
	Kind        string
	EffectiveAt time.Time // when it happened; the time of posting is the store's
	SourceRef   string    // what it stems from, for example "topup:<id>"
	Actor       string    // "system:metering", "user:<id>"
	Entries     []Entry   // one for each account
	Burns       []Burn    // one for each lot
}

// Posted is the result of posting, the same for every repeat.
type Posted struct {
	ID int64
	At time.Time
}

// ErrIdemConflict means that the key was used before for something else. It is always a bug of the caller.
var ErrIdemConflict = errors.New("idempotency key was used for another transaction")

// ErrInvalid is wrapped by everything that Validate refuses.
var ErrInvalid = errors.New("invalid ledger transaction")

// Normalize puts entries and burns of the same account or lot together, drops what cancels out, and sorts the rest, so that
// equal transactions have equal hashes. Error: money.ErrOverflow.
func (t *Transaction) Normalize() error {
	sums := make(map[Account]money.Amount, len(t.Entries))
	for _, e := range t.Entries {
		sum, err := money.Add(sums[e.Account], e.Amount)
		if err != nil {
			return fmt.Errorf("entries of %s: %w", e.Account.Kind, err)
		}
		sums[e.Account] = sum
	}
	entries := make([]Entry, 0, len(sums))
	for account, amount := range sums {
		if amount != 0 {
			entries = append(entries, Entry{account, amount})
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return compareAccounts(a.Account, b.Account) })
	lots := make(map[id.ID]money.Amount, len(t.Burns))
	for _, b := range t.Burns {
		sum, err := money.Add(lots[b.Lot], b.Amount)
		if err != nil {
			return fmt.Errorf("burns of a lot: %w", err)
		}
		lots[b.Lot] = sum
	}
	burns := make([]Burn, 0, len(lots))
	for lot, amount := range lots {
		burns = append(burns, Burn{lot, amount})
	}
	slices.SortFunc(burns, func(a, b Burn) int { return slices.Compare(a.Lot[:], b.Lot[:]) })
	t.Entries, t.Burns = entries, burns
	return nil
}

// Validate checks a normalised transaction: at least two entries, each within money.MaxEntry, summing to zero.
func (t *Transaction) Validate() error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
	}
	if t.IdemKey == "" || t.Kind == "" || t.SourceRef == "" || t.Actor == "" || t.EffectiveAt.IsZero() {
		return refuse("key, kind, source, actor and time must be set")
	}
	if len(t.Entries) < 2 {
		return refuse("%d entries, want at least two", len(t.Entries))
	}
	var sum money.Amount
	for i, e := range t.Entries {
		if !e.Account.valid() {
			return refuse("account of kind %q is not complete", e.Account.Kind)
		}
		if e.Account.Tenant != id.Nil && e.Account.Tenant != t.Tenant {
			return refuse("an entry belongs to another tenant")
		}
		if i > 0 && t.Entries[i-1].Account.less(e.Account) >= 0 {
			return refuse("entries are not normalised")
		}
		if e.Amount == 0 || e.Amount > money.MaxEntry || e.Amount < -money.MaxEntry {
			return refuse("entry of %v is out of bounds", e.Amount)
		}
		var err error
		if sum, err = money.Add(sum, e.Amount); err != nil {
			return refuse("%v", err)
		}
	}
	if sum != 0 {
		return refuse("entries sum to %v, want zero", sum)
	}
	for _, b := range t.Burns {
		if b.Amount <= 0 || b.Lot == id.Nil {
			return refuse("burn of %v from a lot", b.Amount)
		}
	}
	return nil
}

// Hash identifies the content of a normalised transaction for the check of repeats. Times and actor do not count: a repeat
// may come later and from somebody else.
func (t *Transaction) Hash() []byte {
	h := sha256.New()
	buf := make([]byte, 0, 512)
	text := func(s string) {
		buf = binary.AppendUvarint(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	buf = append(buf, t.Tenant[:]...)
	text(t.Kind)
	text(t.SourceRef)
	buf = binary.AppendUvarint(buf, uint64(len(t.Entries)))
	for _, e := range t.Entries {
		buf = append(buf, e.Account.Tenant[:]...)
		text(string(e.Account.Kind))
		buf = append(buf, e.Account.Lot[:]...)
		buf = binary.AppendVarint(buf, int64(e.Account.Shard))
		buf = binary.AppendVarint(buf, int64(e.Amount))
	}
	for _, b := range t.Burns {
		buf = append(buf, b.Lot[:]...)
		buf = binary.AppendVarint(buf, int64(b.Amount))
	}
	h.Write(buf)
	return h.Sum(nil)
}

// Reverse returns the transaction that undoes t, to be posted under a key of its own. Burns are not undone: what a reversal
// gives back to a lot is seen in its account.
func (t *Transaction) Reverse(idemKey, actor string) Transaction {
	r := *t
	r.IdemKey, r.Actor, r.SourceRef, r.Burns = idemKey, actor, "reverse:"+t.IdemKey, nil
	r.Entries = slices.Clone(t.Entries)
	for i := range r.Entries {
		r.Entries[i].Amount = -r.Entries[i].Amount
	}
	return r
}
