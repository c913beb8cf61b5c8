package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"starlane/internal/billing/statement"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
)

const selectInvoice = `
	select i.id, i.number, i.month, i.period_start, i.period_end, i.state, i.usage_nano, i.credit_nano, i.carry_in_nano,
		i.billed_cents, i.carry_out_nano, i.tax_cents, i.hosted_url,
		(select count(*) from invoice_line l where l.tenant_id = i.tenant_id and l.invoice_id = i.id),
		i.created_at, i.finalized_at, i.paid_at
	from invoice i where i.tenant_id = $1 `

// Invoices lists invoices, newest first.
func (s *Statements) Invoices(ctx context.Context, t id.ID, ask page.Ask) (page.List[statement.Invoice], error) {
	after, err := afterID(ask)
	if err != nil {
		return page.List[statement.Invoice]{}, err
	}
	var rows []statement.Invoice
	err = tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		got, err := tx.Query(ctx, selectInvoice+`and ($2::uuid is null or i.id < $2) order by i.id desc limit $3`, t, after, ask.Fetch())
		if err != nil {
			return err
		}
		rows, err = pgx.CollectRows(got, pgx.RowToStructByPos[statement.Invoice])
		return err
	})
	if err != nil {
		return page.List[statement.Invoice]{}, fmt.Errorf("list invoices: %w", err)
	}
	return page.Cut(ask, rows, func(i *statement.Invoice) string { return i.ID.String() }), nil
}

// Invoice finds an invoice.
func (s *Statements) Invoice(ctx context.Context, t, invoice id.ID) (statement.Invoice, error) {
	var out statement.Invoice
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		var err error
		out, err = oneInvoice(ctx, tx, t, invoice)
		return err
	})
	return out, err
}

func oneInvoice(ctx context.Context, tx pgx.Tx, t, invoice id.ID) (statement.Invoice, error) {
	rows, err := tx.Query(ctx, selectInvoice+`and i.id = $2`, t, invoice)
	if err != nil {
		return statement.Invoice{}, fmt.Errorf("read invoice: %w", err)
	}
	out, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[statement.Invoice])
	return out, found(err, "invoice")
}

// Lines lists the lines of an invoice by position.
func (s *Statements) Lines(ctx context.Context, t, invoice id.ID, ask page.Ask) (page.List[statement.Line], error) {
	after := -1
	if ask.After != "" {
		var err error
		if after, err = strconv.Atoi(ask.After); err != nil {
			return page.List[statement.Line]{}, badCursor()
		}
	}
	var rows []statement.Line
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		if _, err := oneInvoice(ctx, tx, t, invoice); err != nil {
			return err
		}
		got, err := tx.Query(ctx, `
			select position, kind, model, class, units, amount_nano, amount_cents
			from invoice_line
			where tenant_id = $1 and invoice_id = $2 and position > $3
			order by position limit $4`, t, invoice, after, ask.Fetch())
		if err != nil {
			return fmt.Errorf("list invoice lines: %w", err)
		}
		rows, err = pgx.CollectRows(got, pgx.RowToStructByPos[statement.Line])
		return err
	})
	return page.Cut(ask, rows, func(l *statement.Line) string { return strconv.Itoa(l.Position) }), err
}
