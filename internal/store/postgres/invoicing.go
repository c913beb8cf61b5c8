package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"starlane/internal/billing/invoicing"
	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/store/postgres/pgdb"
)

// Invoicing keeps periods and invoices. It is safe for concurrent use.
type Invoicing struct {
	ledger *Ledger
	q      *pgdb.Queries
}

// NewInvoicing posts through the ledger.
func NewInvoicing(l *Ledger) *Invoicing { return &Invoicing{ledger: l, q: pgdb.New()} }

// Period reads a month; one that nobody has asked to close is open.
func (s *Invoicing) Period(ctx context.Context, month string) (invoicing.Period, error) {
	row, err := s.q.GetPeriod(ctx, s.ledger.pool, month)
	if isNoRows(err) {
		return invoicing.Period{Month: month, State: invoicing.PeriodOpen}, nil
	}
	if err != nil {
		return invoicing.Period{}, fmt.Errorf("read period: %w", err)
	}
	return invoicing.Period{Month: row.Month, State: row.State, Force: row.Force}, nil
}

// ClosingPeriods lists months that are to be closed.
func (s *Invoicing) ClosingPeriods(ctx context.Context) ([]invoicing.Period, error) {
	rows, err := s.q.ClosingPeriods(ctx, s.ledger.pool)
	if err != nil {
		return nil, fmt.Errorf("read periods: %w", err)
	}
	out := make([]invoicing.Period, len(rows))
	for i, r := range rows {
		out[i] = invoicing.Period{Month: r.Month, State: r.State, Force: r.Force}
	}
	return out, nil
}

// SetClosing notes that a month is being closed.
func (s *Invoicing) SetClosing(ctx context.Context, month string, force bool, by string) error {
	if err := s.q.SetClosing(ctx, s.ledger.pool, month, force, by); err != nil {
		return fmt.Errorf("set period: %w", err)
	}
	return nil
}

// EndClose notes how closing a month ended. From closed there is no way back.
func (s *Invoicing) EndClose(ctx context.Context, month, state string, cut *time.Time, problem string) error {
	err := s.q.EndClose(ctx, s.ledger.pool, pgdb.EndCloseParams{State: state, Cut: cut, Problem: problem, Month: month})
	if err != nil {
		return fmt.Errorf("set period: %w", err)
	}
	return nil
}

// OpenLetters counts dead letters that wait.
func (s *Invoicing) OpenLetters(ctx context.Context, before time.Time) (int64, error) {
	n, err := s.q.OpenLetters(ctx, s.ledger.pool, before)
	if err != nil {
		return 0, fmt.Errorf("count dead letters: %w", err)
	}
	return n, nil
}

// EarlierOpen names the first month before the given one that has usage and is not closed.
func (s *Invoicing) EarlierOpen(ctx context.Context, month time.Time) (string, error) {
	var found *string
	err := s.ledger.pool.QueryRow(ctx, `
		select min(m.month)
		from (select distinct to_char(day, 'YYYY-MM') as month from usage_rollup where day < $1::date) m
		where not exists (select from period p where p.month = m.month and p.state = 'closed')`, month).Scan(&found)
	if err != nil {
		return "", fmt.Errorf("read open months: %w", err)
	}
	if found == nil {
		return "", nil
	}
	return *found, nil
}

// Cut waits for the postings that are under way and keeps new ones out for the moment in which it reads the clock.
func (s *Invoicing) Cut(ctx context.Context, until time.Time) (time.Time, error) {
	var cut time.Time
	err := operatorTx(ctx, s.ledger.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(postingLock)); err != nil {
			return fmt.Errorf("stop postings: %w", err)
		}
		now, err := s.ledger.now(ctx, tx)
		if err != nil {
			return err
		}
		cut = until
		if now.Before(until) {
			cut = now
		}
		return nil
	})
	if err != nil {
		return time.Time{}, err
	}
	return cut, nil
}

// Billable lists tenants with postings that an invoice may have to tell of.
func (s *Invoicing) Billable(ctx context.Context, start, cut time.Time) ([]id.ID, error) {
	rows, err := s.ledger.pool.Query(ctx, `
		select distinct t.tenant_id
		from ledger_txn t
		where t.posted_at >= $1 and t.posted_at < $2 and t.kind in ('usage', 'settle')
		order by 1`, start, cut)
	if err != nil {
		return nil, fmt.Errorf("find tenants: %w", err)
	}
	tenants, err := pgx.CollectRows(rows, pgx.RowTo[id.ID])
	if err != nil {
		return nil, fmt.Errorf("find tenants: %w", err)
	}
	return tenants, nil
}

// BillTenant makes the invoice of a tenant from the end of its last one up to the cut. The lock on the tenant keeps credit
// from paying meanwhile for what goes on the invoice.
func (s *Invoicing) BillTenant(ctx context.Context, tenant id.ID, month string, start, cut time.Time) (bool, error) {
	made := false
	err := operatorTx(ctx, s.ledger.pool, func(tx pgx.Tx) error {
		made = false
		row, err := s.q.LockCreditTenant(ctx, tx, tenant)
		if err != nil {
			return fmt.Errorf("lock tenant: %w", err)
		}
		a := invoicing.Account{Tenant: tenant, Month: month, Start: start, End: cut, Postpaid: row.BillingMode == postpaid}
		last, err := s.q.LastInvoice(ctx, tx, tenant)
		if err != nil && !isNoRows(err) {
			return fmt.Errorf("read last invoice: %w", err)
		}
		if err == nil {
			a.Start, a.CarryIn = last.PeriodEnd.UTC(), money.Amount(last.CarryOutNano)
		}
		if !a.Start.Before(cut) {
			return nil
		}
		if err := s.readAccount(ctx, tx, &a); err != nil {
			return err
		}
		if len(a.Uses) == 0 && a.Credit == 0 && a.Usage == 0 {
			return nil
		}
		inv, err := invoicing.Bill(a)
		if err != nil {
			return err
		}
		made = true
		return s.insert(ctx, tx, &inv)
	})
	if err != nil {
		return false, fmt.Errorf("bill tenant: %w", err)
	}
	return made, nil
}

// readAccount reads what was used, by model and class, and what the ledger says of it.
func (s *Invoicing) readAccount(ctx context.Context, tx pgx.Tx, a *invoicing.Account) error {
	err := tx.QueryRow(ctx, `
		select coalesce(sum(e.amount_nano) filter (where t.kind = 'usage'), 0)::bigint,
			(coalesce(sum(e.amount_nano) filter (where t.kind = 'usage' and a.kind in ('escrow', 'credit')), 0)
				- coalesce(sum(e.amount_nano) filter (where t.kind = 'settle' and a.kind = 'receivable'), 0))::bigint
		from ledger_txn t
		join ledger_entry e on e.tenant_id = t.tenant_id and e.posted_at = t.posted_at and e.txn_id = t.id
		join account a on a.tenant_id = e.tenant_id and a.id = e.account_id
		where t.tenant_id = $1 and t.posted_at >= $2 and t.posted_at < $3 and t.kind in ('usage', 'settle')`,
		a.Tenant, a.Start, a.End).Scan(&a.Usage, &a.Credit)
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	if a.Uses, err = s.readUses(ctx, tx, a); err != nil {
		return err
	}
	return s.checkRollup(ctx, tx, a)
}

// readUses sums events. The roll-up would be shorter to read but knows whole days only; checkRollup compares the two.
func (s *Invoicing) readUses(ctx context.Context, tx pgx.Tx, a *invoicing.Account) ([]invoicing.Use, error) {
	rows, err := tx.Query(ctx, `
		select coalesce(nullif(e.served_model, ''), e.requested_model), c.key,
			sum((e.units ->> c.key)::bigint)::bigint, sum(c.value::bigint)::bigint
		from usage_event e
		cross join lateral jsonb_each_text(e.charges) c
		where e.tenant_id = $1 and e.posted_at >= $2 and e.posted_at < $3
		group by 1, 2
		order by 1, 2`, a.Tenant, a.Start, a.End)
	if err != nil {
		return nil, fmt.Errorf("sum usage: %w", err)
	}
	uses, err := pgx.CollectRows(rows, pgx.RowToStructByPos[invoicing.Use])
	if err != nil {
		return nil, fmt.Errorf("sum usage: %w", err)
	}
	return uses, nil
}

// checkRollup compares the whole days of an account in the roll-up with the events, because people are shown the roll-up.
func (s *Invoicing) checkRollup(ctx context.Context, tx pgx.Tx, a *invoicing.Account) error {
	const day = 24 * time.Hour
	from, to := a.Start.Truncate(day), a.End.Truncate(day)
	if from.Before(a.Start) {
		from = from.Add(day)
	}
	if !from.Before(to) {
		return nil
	}
	rows, err := tx.Query(ctx, `
		select model, class, sum(units)::bigint, sum(charge_nano)::bigint
		from usage_rollup
		where tenant_id = $1 and day >= $2::date and day < $3::date and class <> $4
		group by 1, 2
		order by 1, 2`, a.Tenant, from, to, rollupClass)
	if err != nil {
		return fmt.Errorf("sum roll-up: %w", err)
	}
	rolled, err := pgx.CollectRows(rows, pgx.RowToStructByPos[invoicing.Use])
	if err != nil {
		return fmt.Errorf("sum roll-up: %w", err)
	}
	events := a.Uses
	if !from.Equal(a.Start) || !to.Equal(a.End) {
		days := *a
		days.Start, days.End = from, to
		if events, err = s.readUses(ctx, tx, &days); err != nil {
			return err
		}
	}
	if !slices.Equal(rolled, events) {
		return fmt.Errorf("%w: roll-up and events differ between %s and %s", invoicing.ErrMismatch, from.Format(time.DateOnly), to.Format(time.DateOnly))
	}
	return nil
}

func (s *Invoicing) insert(ctx context.Context, tx pgx.Tx, inv *invoicing.Invoice) error {
	count, err := s.q.CountInvoices(ctx, tx, inv.Month)
	if err != nil {
		return fmt.Errorf("number invoice: %w", err)
	}
	inv.Number = fmt.Sprintf("SL-%s-%05d", inv.Month, count+1)
	now, err := s.ledger.now(ctx, tx)
	if err != nil {
		return err
	}
	row := pgdb.AddInvoiceParams{
		TenantID: inv.Tenant, ID: inv.ID, Number: inv.Number, Month: inv.Month, PeriodStart: inv.Start, PeriodEnd: inv.End, State: inv.State,
		UsageNano: int64(inv.Usage), CreditNano: int64(inv.Credit), CarryInNano: int64(inv.CarryIn), BilledCents: inv.BilledCents,
		CarryOutNano: int64(inv.CarryOut), CreatedAt: now,
	}
	if inv.State == invoicing.Finalized {
		row.FinalizedAt = &now
	}
	if err := s.q.AddInvoice(ctx, tx, row); err != nil {
		return fmt.Errorf("add invoice: %w", err)
	}
	return insertLines(ctx, tx, inv)
}

func insertLines(ctx context.Context, tx pgx.Tx, inv *invoicing.Invoice) error {
	n := len(inv.Lines)
	kinds, models, classes := make([]string, n), make([]string, n), make([]string, n)
	units, amounts, cents := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, l := range inv.Lines {
		kinds[i], models[i], classes[i], units[i], amounts[i], cents[i] = l.Kind, l.Model, l.Class, l.Units, int64(l.Amount), l.Cents
	}
	_, err := tx.Exec(ctx, `
		insert into invoice_line (tenant_id, invoice_id, position, kind, model, class, units, amount_nano, amount_cents)
		select $1, $2, u.n, k, m, c, un, a, ce
		from unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[]) with ordinality as u (k, m, c, un, a, ce, n)`,
		inv.Tenant, inv.ID, kinds, models, classes, units, amounts, cents)
	if err != nil {
		return fmt.Errorf("add invoice lines: %w", err)
	}
	return nil
}
