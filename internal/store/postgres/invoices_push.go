package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"starlane/internal/billing/invoicing"
	"starlane/internal/billing/ledger"
	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/store/postgres/pgdb"
)

// Unpushed lists invoices that the processor does not have or that are not finalised there.
func (s *Invoicing) Unpushed(ctx context.Context) ([]invoicing.Pending, error) {
	var out []invoicing.Pending
	err := operatorTx(ctx, s.ledger.pool, func(tx pgx.Tx) error {
		out = nil
		rows, err := s.q.UnpushedInvoices(ctx, tx)
		if err != nil {
			return fmt.Errorf("read invoices: %w", err)
		}
		for _, r := range rows {
			inv := invoicing.Pending{
				Tenant: r.TenantID, ID: r.ID, Number: r.Number, Month: r.Month, Start: r.PeriodStart.UTC(), End: r.PeriodEnd.UTC(), State: r.State,
				BilledCents: r.BilledCents, Processor: r.StripeID.String, CreatedAt: r.CreatedAt.UTC(),
			}
			lines, err := s.q.InvoiceLines(ctx, tx, r.TenantID, r.ID)
			if err != nil {
				return fmt.Errorf("read invoice lines: %w", err)
			}
			for _, l := range lines {
				inv.Lines = append(inv.Lines, invoicing.Line{
					Kind: l.Kind, Model: l.Model, Class: l.Class, Units: l.Units, Amount: money.Amount(l.AmountNano), Cents: l.AmountCents,
				})
			}
			out = append(out, inv)
		}
		return nil
	})
	return out, err
}

// Verified notes the processor's draft.
func (s *Invoicing) Verified(ctx context.Context, tenant, invoice id.ID, processor string) error {
	if err := s.q.VerifyInvoice(ctx, s.ledger.pool, optional(processor), tenant, invoice); err != nil {
		return fmt.Errorf("verify invoice: %w", err)
	}
	return nil
}

// Finalized notes that the invoice is to be paid and books the tax that the processor has put on it.
func (s *Invoicing) Finalized(ctx context.Context, tenant, invoice id.ID, r invoicing.Remote) error {
	tax, err := money.FromCents(r.TaxCents)
	if err != nil {
		return err
	}
	err = s.ledger.posting(ctx, func(tx pgx.Tx, at time.Time) error {
		if _, err := s.q.LockCreditTenant(ctx, tx, tenant); err != nil {
			return fmt.Errorf("lock tenant: %w", err)
		}
		row, err := s.q.LockInvoice(ctx, tx, tenant, invoice)
		if err != nil {
			return fmt.Errorf("lock invoice: %w", err)
		}
		if row.State != invoicing.Verified {
			return nil
		}
		if tax > 0 {
			key := "invoice_tax:" + invoice.String()
			_, _, err = s.ledger.postIn(ctx, tx, at, ledger.Transaction{
				Tenant: tenant, IdemKey: key, Kind: ledger.TxnInvoiceTax, EffectiveAt: at, SourceRef: "invoice:" + invoice.String(), Actor: "system:invoicing",
				Entries: []ledger.Entry{{Account: ledger.ReceivableOf(tenant), Amount: tax}, {Account: ledger.Platform(ledger.TaxPayable), Amount: -tax}},
			})
			if err != nil {
				return err
			}
		}
		return s.q.FinalizeInvoice(ctx, tx, pgdb.FinalizeInvoiceParams{
			TaxCents: r.TaxCents, HostedURL: optional(r.URL), FinalizedAt: &at, TenantID: tenant, ID: invoice,
		})
	})
	if err != nil {
		return fmt.Errorf("finalize invoice: %w", err)
	}
	return nil
}

// Paid books the cash of an invoice, once. Errors: invoicing.ErrNotYet, invoicing.ErrMismatch.
func (s *Invoicing) Paid(ctx context.Context, tenant, invoice id.ID, r invoicing.Remote) error {
	paid, err := money.FromCents(r.PaidCents)
	if err != nil {
		return err
	}
	err = s.ledger.posting(ctx, func(tx pgx.Tx, at time.Time) error {
		if _, err := s.q.LockCreditTenant(ctx, tx, tenant); err != nil {
			return fmt.Errorf("lock tenant: %w", err)
		}
		row, err := s.q.LockInvoice(ctx, tx, tenant, invoice)
		if err != nil {
			return fmt.Errorf("lock invoice: %w", err)
		}
		switch {
		case row.State == invoicing.Paid:
			return nil
		case row.State != invoicing.Finalized:
			return invoicing.ErrNotYet
		case row.StripeID.String != r.ID || row.BilledCents+row.TaxCents != r.PaidCents:
			return fmt.Errorf("%w: %d cents were paid for invoice %s of %d and %d tax", invoicing.ErrMismatch, r.PaidCents, row.Number, row.BilledCents, row.TaxCents)
		}
		_, _, err = s.ledger.postIn(ctx, tx, at, ledger.Transaction{
			Tenant: tenant, IdemKey: "invoice_paid:" + invoice.String(), Kind: ledger.TxnInvoicePaid, EffectiveAt: at,
			SourceRef: "invoice:" + invoice.String(), Actor: "system:stripe",
			Entries: []ledger.Entry{{Account: ledger.Platform(ledger.Cash), Amount: paid}, {Account: ledger.ReceivableOf(tenant), Amount: -paid}},
		})
		if err != nil {
			return err
		}
		return s.q.PayInvoice(ctx, tx, &at, tenant, invoice)
	})
	if err != nil {
		return fmt.Errorf("book payment of invoice: %w", err)
	}
	return nil
}
