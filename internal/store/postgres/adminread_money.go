package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"starlane/internal/billing/statement"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
)

// Balance reads what a tenant has.
func (s *Statements) Balance(ctx context.Context, t id.ID) (statement.Balance, error) {
	var b statement.Balance
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		var err error
		b, err = balanceIn(ctx, tx, t)
		return err
	})
	return b, err
}

func balanceIn(ctx context.Context, tx pgx.Tx, t id.ID) (statement.Balance, error) {
	var b statement.Balance
	err := tx.QueryRow(ctx, `
		select t.credit_limit_nano, t.billing_mode, now(),
			coalesce(-sum(b.posted_nano) filter (where a.kind = 'credit' and (l.expires_at is null or l.expires_at > now())), 0)::bigint,
			coalesce(-sum(b.posted_nano) filter (where a.kind = 'escrow'), 0)::bigint,
			coalesce(sum(b.posted_nano) filter (where a.kind = 'receivable'), 0)::bigint
		from tenant t
		left join account a on a.tenant_id = t.id
		left join balance b on b.tenant_id = a.tenant_id and b.account_id = a.id
		left join credit_lot l on l.tenant_id = a.tenant_id and l.id = a.lot_id
		where t.id = $1
		group by t.id`, t).Scan(&b.CreditLimit, &b.Mode, &b.AsOf, &b.Credit, &b.Escrow, &b.Receivable)
	if err != nil {
		return b, found(err, "tenant")
	}
	b.Spendable = b.Credit + b.Escrow - b.Receivable
	return b, nil
}

// selectLot ends with what is left: the balance of the lot's account.
const selectLot = `
	select l.id, l.source, l.source_ref, l.amount_nano, coalesce(-b.posted_nano, 0)::bigint, l.effective_at, l.expires_at
	from credit_lot l
	left join account a on a.tenant_id = l.tenant_id and a.kind = 'credit' and a.lot_id = l.id
	left join balance b on b.tenant_id = a.tenant_id and b.account_id = a.id
	where l.tenant_id = $1 `

// lotsShown bounds the lots of one answer; used-up and expired ones are left out first.
const lotsShown = 200

// Credits reads balance, lots in the order in which they are spent, and holds.
func (s *Statements) Credits(ctx context.Context, t id.ID) (statement.Balance, []statement.Lot, statement.Holds, error) {
	var b statement.Balance
	var lots []statement.Lot
	var h statement.Holds
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		var err error
		if b, err = balanceIn(ctx, tx, t); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, selectLot+`
			order by coalesce(b.posted_nano, 0) = 0, coalesce(l.expires_at <= now(), false), l.priority, l.expires_at nulls last, l.id
			limit $2`, t, lotsShown)
		if err != nil {
			return fmt.Errorf("read credit lots: %w", err)
		}
		if lots, err = pgx.CollectRows(rows, pgx.RowToStructByPos[statement.Lot]); err != nil {
			return fmt.Errorf("read credit lots: %w", err)
		}
		return tx.QueryRow(ctx, `
			select count(*), coalesce(sum(amount_nano), 0)::bigint, coalesce(sum(settled_nano), 0)::bigint
			from hold where tenant_id = $1 and state <> 'released'`, t).Scan(&h.Count, &h.Amount, &h.Settled)
	})
	return b, lots, h, err
}

// Lot finds a credit lot.
func (s *Statements) Lot(ctx context.Context, t, lot id.ID) (statement.Lot, error) {
	var out statement.Lot
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectLot+`and l.id = $2`, t, lot)
		if err != nil {
			return fmt.Errorf("read credit lot: %w", err)
		}
		out, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[statement.Lot])
		return found(err, "credit lot")
	})
	return out, err
}

// People are named by their address, as in the audit log.
const selectTopup = `select id, amount_nano, state, checkout_url,
	coalesce(address_of(case when created_by like 'user:%' then substr(created_by, 6)::uuid end), created_by), created_at, credited_at
	from topup where tenant_id = $1 `

// Topups lists purchases of credit, newest first.
func (s *Statements) Topups(ctx context.Context, t id.ID, ask page.Ask) (page.List[statement.Topup], error) {
	after, err := afterID(ask)
	if err != nil {
		return page.List[statement.Topup]{}, err
	}
	var rows []statement.Topup
	err = tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		got, err := tx.Query(ctx, selectTopup+`and ($2::uuid is null or id < $2) order by id desc limit $3`, t, after, ask.Fetch())
		if err != nil {
			return err
		}
		rows, err = pgx.CollectRows(got, pgx.RowToStructByPos[statement.Topup])
		return err
	})
	if err != nil {
		return page.List[statement.Topup]{}, fmt.Errorf("list top-ups: %w", err)
	}
	return page.Cut(ask, rows, func(x *statement.Topup) string { return x.ID.String() }), nil
}

// Topup finds a purchase of credit.
func (s *Statements) Topup(ctx context.Context, t, topup id.ID) (statement.Topup, error) {
	var out statement.Topup
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectTopup+`and id = $2`, t, topup)
		if err != nil {
			return fmt.Errorf("read top-up: %w", err)
		}
		out, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[statement.Topup])
		return found(err, "top-up")
	})
	return out, err
}
