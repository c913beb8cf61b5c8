// Package reconcile checks the identities of the books. Each is one query that lists the rows that break it; a sound book
// has none.
package reconcile

import (
	"context"
	"fmt"
)

// Identity is a statement about the books that must always hold.
type Identity struct {
	Name  string
	Says  string
	Query string // lists what breaks it: a name and the difference
}

// Identities are the ones that every installation checks.
func Identities() []Identity {
	return []Identity{
		{
			Name: "zero_sum", Says: "The entries of every transaction sum to zero.",
			Query: `
select txn_id::text as what, sum(amount_nano)::text as off_by_nano
from starlane.ledger_entry
group by posted_at, txn_id
having sum(amount_nano) <> 0`,
		},
		{
			Name: "balance", Says: "The balance of every account is the sum of its entries.",
			Query: `
select coalesce(b.account_id, e.account_id)::text as what, (coalesce(b.posted_nano, 0) - coalesce(e.total, 0))::text as off_by_nano
from starlane.balance b
full join (select account_id, sum(amount_nano) as total from starlane.ledger_entry group by account_id) e on e.account_id = b.account_id
where coalesce(b.posted_nano, 0) <> coalesce(e.total, 0)`,
		},
		{
			Name: "invoice", Says: "On every invoice, usage − credit + carried in = billed + carried out; lines sum to the bill; and usage is what the ledger charged in its period.",
			Query: `
select i.number as what,
  (i.usage_nano - i.credit_nano + i.carry_in_nano - i.billed_cents * 10000000 - i.carry_out_nano
    + abs(l.nano - i.billed_cents * 10000000) + abs(l.cents - i.billed_cents) + abs(u.nano - i.usage_nano))::text as off_by_nano
from starlane.invoice i
cross join lateral (
  select coalesce(sum(amount_nano), 0) as nano, coalesce(sum(amount_cents), 0) as cents
  from starlane.invoice_line where tenant_id = i.tenant_id and invoice_id = i.id) l
cross join lateral (
  select coalesce(sum(e.amount_nano), 0) as nano
  from starlane.ledger_txn t
  join starlane.ledger_entry e on e.tenant_id = t.tenant_id and e.posted_at = t.posted_at and e.txn_id = t.id
  where t.tenant_id = i.tenant_id and t.kind = 'usage' and t.posted_at >= i.period_start and t.posted_at < i.period_end) u
where i.state <> 'void'
  and (i.usage_nano - i.credit_nano + i.carry_in_nano <> i.billed_cents * 10000000 + i.carry_out_nano
    or l.nano <> i.billed_cents * 10000000 or l.cents <> i.billed_cents or u.nano <> i.usage_nano)`,
		},
	}
}

// Break is a row that breaks an identity.
type Break struct {
	What    string // transaction, account or invoice
	OffNano string // a decimal number: sums may be larger than an amount
}

// Books runs a query of an identity, at most so many rows.
type Books interface {
	Breaks(ctx context.Context, query string, most int) ([]Break, error)
}

// mostBreaks is how many breaks are listed; one is bad enough.
const mostBreaks = 100

// Result of checking an identity.
type Result struct {
	Identity Identity
	Breaks   []Break
}

// Check runs all identities.
func Check(ctx context.Context, books Books) ([]Result, error) {
	var out []Result
	for _, identity := range Identities() {
		breaks, err := books.Breaks(ctx, identity.Query, mostBreaks)
		if err != nil {
			return nil, fmt.Errorf("check %s: %w", identity.Name, err)
		}
		out = append(out, Result{identity, breaks})
	}
	return out, nil
}
