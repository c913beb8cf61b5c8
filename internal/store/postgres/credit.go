package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"starlane/internal/billing/credit"
	"starlane/internal/billing/ledger"
	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/store/postgres/pgdb"
)

const postpaid = "postpaid"

// Credit keeps lots and holds. It is safe for concurrent use.
type Credit struct {
	ledger *Ledger
	q      *pgdb.Queries
}

// NewCredit posts through the ledger.
func NewCredit(l *Ledger) *Credit { return &Credit{ledger: l, q: pgdb.New()} }

// Grant adds a lot, once for each source; fresh is false for a repeat. What the tenant owed beyond its credit is settled
// from the new lot at once. Error: credit.ErrSourceConflict.
func (c *Credit) Grant(ctx context.Context, g credit.Grant) (lot credit.Lot, fresh bool, err error) {
	lotID := id.New()
	if err := c.ensureFor(ctx, g, lotID); err != nil {
		return credit.Lot{}, false, fmt.Errorf("grant credit: %w", err)
	}
	err = c.ledger.posting(ctx, func(tx pgx.Tx, at time.Time) error {
		var err error
		lot, fresh, err = c.grantIn(ctx, tx, at, g, lotID)
		return err
	})
	if err != nil {
		return credit.Lot{}, false, fmt.Errorf("grant credit: %w", err)
	}
	return lot, fresh, nil
}

// ensureFor makes the accounts of a grant ahead of its transaction, unless the grant is a repeat.
func (c *Credit) ensureFor(ctx context.Context, g credit.Grant, lot id.ID) error {
	if g.Amount <= 0 || g.Amount > money.MaxEntry/2 || g.Tax < 0 || g.Tax > g.Amount || g.SourceRef == "" {
		return fmt.Errorf("%w: amount %v, tax %v", ledger.ErrInvalid, g.Amount, g.Tax)
	}
	_, against, _, err := sourceTerms(g)
	if err != nil {
		return err
	}
	var repeat bool
	err = operatorTx(ctx, c.ledger.pool, func(tx pgx.Tx) error {
		_, err := c.q.CreditTenant(ctx, tx, g.Tenant)
		if isNoRows(err) {
			return credit.ErrUnknownTenant
		}
		if err != nil {
			return fmt.Errorf("read tenant: %w", err)
		}
		_, err = c.q.LotBySource(ctx, tx, g.Tenant, g.SourceRef)
		repeat = err == nil
		if err != nil && !isNoRows(err) {
			return fmt.Errorf("read lot: %w", err)
		}
		return nil
	})
	if err != nil || repeat {
		return err
	}
	return c.ledger.ensure(ctx, grantAccounts(g, against, lot))
}

func grantAccounts(g credit.Grant, against ledger.Kind, lot id.ID) []ledger.Account {
	return []ledger.Account{
		ledger.Platform(against), ledger.Platform(ledger.TaxPayable), ledger.CreditOf(g.Tenant, lot), ledger.ReceivableOf(g.Tenant),
	}
}

func (c *Credit) grantIn(ctx context.Context, tx pgx.Tx, at time.Time, g credit.Grant, lotID id.ID) (credit.Lot, bool, error) {
	tenant, err := c.q.LockCreditTenant(ctx, tx, g.Tenant)
	if isNoRows(err) {
		return credit.Lot{}, false, credit.ErrUnknownTenant
	}
	if err != nil {
		return credit.Lot{}, false, fmt.Errorf("lock tenant: %w", err)
	}
	lot := credit.Lot{
		ID: lotID, Tenant: g.Tenant, Source: g.Source, SourceRef: g.SourceRef, Amount: g.Amount, EffectiveAt: g.EffectiveAt, ExpiresAt: g.ExpiresAt,
	}
	if lot.EffectiveAt.IsZero() {
		lot.EffectiveAt = at
	}
	kind, against, priority, err := sourceTerms(g)
	if err != nil {
		return credit.Lot{}, false, err
	}
	n, err := c.q.AddLot(ctx, tx, pgdb.AddLotParams{
		TenantID: g.Tenant, ID: lot.ID, Source: g.Source, SourceRef: g.SourceRef, Priority: priority, AmountNano: int64(g.Amount),
		EffectiveAt: lot.EffectiveAt, ExpiresAt: g.ExpiresAt,
	})
	if err != nil {
		return credit.Lot{}, false, fmt.Errorf("add lot: %w", err)
	}
	if n == 0 {
		return c.granted(ctx, tx, g)
	}
	// All at once, in the order of accounts, what this and the settlement touch.
	if err := c.ledger.lock(ctx, tx, grantAccounts(g, against, lot.ID)); err != nil {
		return credit.Lot{}, false, err
	}
	_, _, err = c.ledger.postIn(ctx, tx, at, ledger.Transaction{
		Tenant: g.Tenant, IdemKey: g.SourceRef, Kind: kind, EffectiveAt: lot.EffectiveAt, SourceRef: g.SourceRef, Actor: g.Actor,
		Entries: []ledger.Entry{
			{Account: ledger.Platform(against), Amount: g.Amount + g.Tax},
			{Account: ledger.CreditOf(g.Tenant, lot.ID), Amount: -g.Amount},
			{Account: ledger.Platform(ledger.TaxPayable), Amount: -g.Tax},
		},
	})
	if err != nil {
		return credit.Lot{}, false, err
	}
	return lot, true, c.settleIn(ctx, tx, at, tenant.BillingMode, g.Tenant, lot.ID, g.SourceRef)
}

// sourceTerms says what pays for credit of a source, and when it is burnt.
func sourceTerms(g credit.Grant) (kind string, against ledger.Kind, priority int16, err error) {
	switch g.Source {
	case credit.Purchase:
		kind, against, priority = ledger.TxnTopup, ledger.Cash, credit.PriorityPurchase
	case credit.Promo:
		kind, against, priority = ledger.TxnPromo, ledger.PromoExpense, credit.PriorityPromo
	case credit.Adjustment:
		kind, against, priority = ledger.TxnAdjustment, ledger.Adjustment, credit.PriorityAdjustment
	default:
		return "", "", 0, fmt.Errorf("%w: source %q", ledger.ErrInvalid, g.Source)
	}
	if g.Priority != 0 {
		priority = g.Priority
	}
	return kind, against, priority, nil
}

func (c *Credit) granted(ctx context.Context, tx pgx.Tx, g credit.Grant) (credit.Lot, bool, error) {
	row, err := c.q.LotBySource(ctx, tx, g.Tenant, g.SourceRef)
	if err != nil {
		return credit.Lot{}, false, fmt.Errorf("read lot: %w", err)
	}
	if row.AmountNano != int64(g.Amount) || row.Source != g.Source {
		return credit.Lot{}, false, fmt.Errorf("%w: %s", credit.ErrSourceConflict, g.SourceRef)
	}
	return credit.Lot{
		ID: row.ID, Tenant: g.Tenant, Source: row.Source, SourceRef: g.SourceRef, Amount: g.Amount, EffectiveAt: row.EffectiveAt.UTC(), ExpiresAt: row.ExpiresAt,
	}, false, nil
}

// settleIn lets credit pay what a prepaid tenant owes for use beyond its credit. What is on an invoice is paid by invoice.
// The caller has locked the tenant, so that no invoice comes into being meanwhile, and the balances.
func (c *Credit) settleIn(ctx context.Context, tx pgx.Tx, at time.Time, mode string, tenant, lot id.ID, cause string) error {
	if mode == postpaid {
		return nil
	}
	owed, err := postedIn(ctx, tx, ledger.ReceivableOf(tenant))
	if err != nil || owed <= 0 {
		return err
	}
	cents, err := c.q.UnpaidInvoices(ctx, tx, tenant)
	if err != nil {
		return fmt.Errorf("read unpaid invoices: %w", err)
	}
	invoiced, err := money.FromCents(cents)
	if err != nil {
		return err
	}
	left, err := postedIn(ctx, tx, ledger.CreditOf(tenant, lot))
	if err != nil {
		return err
	}
	amount := min(owed-invoiced, -left)
	if amount <= 0 {
		return nil
	}
	_, _, err = c.ledger.postIn(ctx, tx, at, ledger.Transaction{
		Tenant: tenant, IdemKey: "settle:" + cause, Kind: ledger.TxnSettle, EffectiveAt: at, SourceRef: cause, Actor: "system:credit",
		Entries: []ledger.Entry{{Account: ledger.CreditOf(tenant, lot), Amount: amount}, {Account: ledger.ReceivableOf(tenant), Amount: -amount}},
		Burns:   []ledger.Burn{{Lot: lot, Amount: amount}},
	})
	return err
}

// balanceIn reads a balance and locks it; an account that does not exist has none.
func postedIn(ctx context.Context, tx pgx.Tx, a ledger.Account) (money.Amount, error) {
	var sum money.Amount
	err := tx.QueryRow(ctx, `
		select b.posted_nano
		from account a join balance b on b.tenant_id = a.tenant_id and b.account_id = a.id
		where a.tenant_id = $1 and a.kind = $2 and a.lot_id is not distinct from $3 and a.shard = $4`, a.Tenant, a.Kind, nullable(a.Lot), a.Shard).Scan(&sum)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("balance of %s: %w", a.Kind, err)
	}
	return sum, nil
}

// Standing reads a tenant's credit without locking it. Error: credit.ErrUnknownTenant.
func (c *Credit) Standing(ctx context.Context, tenant id.ID) (credit.Standing, error) {
	var st credit.Standing
	err := operatorTx(ctx, c.ledger.pool, func(tx pgx.Tx) error {
		at, err := c.ledger.now(ctx, tx)
		if err != nil {
			return err
		}
		row, err := c.q.CreditTenant(ctx, tx, tenant)
		if isNoRows(err) {
			return credit.ErrUnknownTenant
		}
		if err != nil {
			return fmt.Errorf("read tenant: %w", err)
		}
		st = credit.Standing{Active: row.Status == "active", Postpaid: row.BillingMode == postpaid, At: at}
		if st.Epoch, err = c.q.HighestEpoch(ctx, tx, tenant); err != nil {
			return fmt.Errorf("read epoch: %w", err)
		}
		holds, err := c.q.LiveHolds(ctx, tx, tenant)
		if err != nil {
			return fmt.Errorf("read holds: %w", err)
		}
		for _, h := range holds {
			if h.State == "open" {
				st.Holds = append(st.Holds, credit.Hold{
					ID: h.ID, Tenant: tenant, Amount: money.Amount(h.AmountNano), Settled: money.Amount(h.SettledNano), Epoch: h.Epoch, ExpiresAt: h.ExpiresAt.UTC(),
				})
			}
		}
		st.Avail, err = c.available(ctx, tx, at, tenant, row.BillingMode, row.CreditLimitNano)
		return err
	})
	return st, err
}

// available is what could be set aside: the lots that can be burnt, and for a post-paid tenant the room under its limit.
func (c *Credit) available(ctx context.Context, tx pgx.Tx, at time.Time, tenant id.ID, mode string, limit int64) (money.Amount, error) {
	lots, err := openLots(ctx, tx, []id.ID{tenant}, at)
	if err != nil {
		return 0, err
	}
	var sum money.Amount
	for _, lot := range lots[tenant] {
		if sum, err = money.Add(sum, lot.Left); err != nil {
			return 0, fmt.Errorf("available credit: %w", err)
		}
	}
	if mode != postpaid {
		return sum, nil
	}
	room, err := c.room(ctx, tx, tenant, limit)
	if err != nil {
		return 0, err
	}
	if sum, err = money.Add(sum, max(room, 0)); err != nil {
		return 0, fmt.Errorf("available credit: %w", err)
	}
	return sum, nil
}

// room is how much a post-paid tenant may still come to owe, less what its holds may.
func (c *Credit) room(ctx context.Context, tx pgx.Tx, tenant id.ID, limit int64) (money.Amount, error) {
	owed, err := postedIn(ctx, tx, ledger.ReceivableOf(tenant))
	if err != nil {
		return 0, err
	}
	inUse, err := c.q.LineInUse(ctx, tx, tenant)
	if err != nil {
		return 0, fmt.Errorf("read line in use: %w", err)
	}
	room, err := money.Sum(money.Amount(limit), -owed, -money.Amount(inUse))
	if err != nil {
		return 0, fmt.Errorf("room under the credit limit: %w", err)
	}
	return room, nil
}

// Slice sets up to amount aside and returns the hold and what is still available. Error: credit.ErrNoCredit.
func (c *Credit) Slice(ctx context.Context, tenant id.ID, epoch int64, amount money.Amount) (credit.Hold, money.Amount, error) {
	// Ahead of the transaction, which would otherwise wait for a second connection.
	if err := c.ledger.ensure(ctx, []ledger.Account{ledger.EscrowOf(tenant)}); err != nil {
		return credit.Hold{}, 0, fmt.Errorf("slice credit: %w", err)
	}
	var hold credit.Hold
	var left money.Amount
	err := c.ledger.posting(ctx, func(tx pgx.Tx, at time.Time) error {
		row, err := c.q.LockCreditTenant(ctx, tx, tenant)
		if err != nil {
			return fmt.Errorf("lock tenant: %w", err)
		}
		if row.Status != "active" || amount <= 0 {
			return credit.ErrNoCredit
		}
		hold = credit.Hold{ID: id.New(), Tenant: tenant, Epoch: epoch, ExpiresAt: at.Add(credit.HoldTTL)}
		lot, err := c.sliceLot(ctx, tx, at, &hold, amount)
		if err != nil {
			return err
		}
		if hold.Amount == 0 && row.BillingMode == postpaid {
			room, err := c.room(ctx, tx, tenant, row.CreditLimitNano)
			if err != nil {
				return err
			}
			hold.Amount = max(min(amount, room), 0)
		}
		if hold.Amount == 0 {
			return credit.ErrNoCredit
		}
		err = c.q.AddHold(ctx, tx, pgdb.AddHoldParams{
			TenantID: tenant, ID: hold.ID, LotID: uuid.NullUUID{UUID: lot, Valid: lot != id.Nil}, AmountNano: int64(hold.Amount),
			Epoch: epoch, CreatedAt: at, ExpiresAt: hold.ExpiresAt,
		})
		if err != nil {
			return fmt.Errorf("add hold: %w", err)
		}
		left, err = c.available(ctx, tx, at, tenant, row.BillingMode, row.CreditLimitNano)
		return err
	})
	if err != nil {
		return credit.Hold{}, 0, fmt.Errorf("slice credit: %w", err)
	}
	return hold, left, nil
}

// sliceLot moves credit of the first lot in order that has some into escrow. A hold does not outlive its lot.
func (c *Credit) sliceLot(ctx context.Context, tx pgx.Tx, at time.Time, hold *credit.Hold, amount money.Amount) (id.ID, error) {
	lots, err := openLots(ctx, tx, []id.ID{hold.Tenant}, at)
	if err != nil {
		return id.Nil, err
	}
	for _, lot := range lots[hold.Tenant] {
		// Lock in the order of accounts: escrow and lot together, as batches do.
		accounts := []ledger.Account{ledger.EscrowOf(hold.Tenant), ledger.CreditOf(hold.Tenant, lot.ID)}
		if err := c.ledger.ensure(ctx, accounts); err != nil {
			return id.Nil, err
		}
		balances, err := lockBalances(ctx, tx, c.ledger.idsOf(accounts))
		if err != nil {
			return id.Nil, err
		}
		take := min(amount, -balances[c.ledger.accountID(accounts[1])])
		if take <= 0 {
			continue // a batch has burnt it meanwhile
		}
		hold.Amount = take
		if lot.ExpiresAt != nil && lot.ExpiresAt.Before(hold.ExpiresAt) {
			hold.ExpiresAt = *lot.ExpiresAt
		}
		_, _, err = c.ledger.postIn(ctx, tx, at, ledger.Transaction{
			Tenant: hold.Tenant, IdemKey: "hold:" + hold.ID.String(), Kind: ledger.TxnHold, EffectiveAt: at, SourceRef: "hold:" + hold.ID.String(),
			Actor:   "system:credit",
			Entries: []ledger.Entry{{Account: accounts[1], Amount: take}, {Account: accounts[0], Amount: -take}},
		})
		return lot.ID, err
	}
	return id.Nil, nil
}

// CloseHolds closes open holds of epochs before the given one.
func (c *Credit) CloseHolds(ctx context.Context, tenant id.ID, before int64) ([]id.ID, error) {
	var closed []id.ID
	err := operatorTx(ctx, c.ledger.pool, func(tx pgx.Tx) error {
		at, err := c.ledger.now(ctx, tx)
		if err != nil {
			return err
		}
		closed, err = c.q.CloseTenantHolds(ctx, tx, pgdb.CloseTenantHoldsParams{
			TenantID: tenant, BeforeEpoch: min(before, math.MaxInt64), At: at, GraceSeconds: credit.ReleaseGrace.Seconds(),
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("close holds: %w", err)
	}
	return closed, nil
}

// CloseExpired closes holds whose time is over.
func (c *Credit) CloseExpired(ctx context.Context) ([]credit.Hold, error) {
	var out []credit.Hold
	err := operatorTx(ctx, c.ledger.pool, func(tx pgx.Tx) error {
		out = nil
		at, err := c.ledger.now(ctx, tx)
		if err != nil {
			return err
		}
		rows, err := c.q.CloseExpiredHolds(ctx, tx, at, credit.ReleaseGrace.Seconds())
		for _, r := range rows {
			out = append(out, credit.Hold{ID: r.ID, Tenant: r.TenantID})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("close expired holds: %w", err)
	}
	return out, nil
}

// StoppedTenants lists tenants that may not spend and have open holds.
func (c *Credit) StoppedTenants(ctx context.Context) ([]id.ID, error) {
	return c.q.StoppedTenantsWithHolds(ctx, c.ledger.pool)
}

// OpenTenants lists tenants with open holds.
func (c *Credit) OpenTenants(ctx context.Context) ([]id.ID, error) {
	return c.q.TenantsWithOpenHolds(ctx, c.ledger.pool)
}

// KeyUse sums what a virtual key was charged since the start of a budget window, which is the start of a UTC day.
func (c *Credit) KeyUse(ctx context.Context, tenant, key id.ID, since time.Time) (money.Amount, error) {
	if since.IsZero() {
		since = time.Unix(0, 0)
	}
	sum, err := c.q.KeyUse(ctx, c.ledger.pool, tenant, key, pgtype.Date{Time: since.UTC(), Valid: true})
	if err != nil {
		return 0, fmt.Errorf("use of a key: %w", err)
	}
	return money.Amount(sum), nil
}
