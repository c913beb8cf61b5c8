package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"starlane/internal/billing/credit"
	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/store/postgres/pgdb"
)

// Customer reads what the payment processor needs to know of a tenant.
func (c *Credit) Customer(ctx context.Context, tenant id.ID) (credit.Customer, error) {
	var row pgdb.CreditTenantRow
	err := tenantTx(ctx, c.ledger.pool, tenant, func(tx pgx.Tx) error {
		var err error
		row, err = c.q.CreditTenant(ctx, tx, tenant)
		return err
	})
	if isNoRows(err) {
		return credit.Customer{}, credit.ErrUnknownTenant
	}
	if err != nil {
		return credit.Customer{}, fmt.Errorf("read tenant: %w", err)
	}
	return credit.Customer{Tenant: tenant, ID: row.StripeCustomerID.String, Name: row.Name, Email: row.BillingEmail}, nil
}

// SetCustomer keeps the processor's name of a tenant. It never changes once it is set.
func (c *Credit) SetCustomer(ctx context.Context, tenant id.ID, customer string) error {
	var n int64
	err := tenantTx(ctx, c.ledger.pool, tenant, func(tx pgx.Tx) error {
		var err error
		n, err = c.q.SetCustomer(ctx, tx, optional(customer), tenant)
		return err
	})
	if err != nil {
		return fmt.Errorf("set customer: %w", err)
	}
	if n == 0 {
		return errors.New("set customer: the tenant has another one")
	}
	return nil
}

// AddTopup writes a purchase down before anybody is asked for money.
func (c *Credit) AddTopup(ctx context.Context, t credit.Topup) error {
	return tenantTx(ctx, c.ledger.pool, t.Tenant, func(tx pgx.Tx) error {
		err := c.q.AddTopup(ctx, tx, pgdb.AddTopupParams{
			TenantID: t.Tenant, ID: t.ID, AmountNano: int64(t.Amount), CreatedBy: t.CreatedBy, CreatedAt: t.CreatedAt,
		})
		if err != nil {
			return fmt.Errorf("add top-up: %w", err)
		}
		return nil
	})
}

// OpenTopup notes the payment page of a purchase. A payment may have been faster: its state stays.
func (c *Credit) OpenTopup(ctx context.Context, tenant, topup id.ID, session, url string) error {
	return tenantTx(ctx, c.ledger.pool, tenant, func(tx pgx.Tx) error {
		n, err := c.q.OpenTopup(ctx, tx, pgdb.OpenTopupParams{
			SessionID: optional(session), CheckoutURL: optional(url), TenantID: tenant, ID: topup,
		})
		if err != nil {
			return fmt.Errorf("open top-up: %w", err)
		}
		if n == 0 {
			return credit.ErrUnknownTopup
		}
		return nil
	})
}

// Topup reads a purchase. Error: credit.ErrUnknownTopup.
func (c *Credit) Topup(ctx context.Context, tenant, topup id.ID) (credit.Topup, error) {
	out := credit.Topup{ID: topup, Tenant: tenant}
	err := tenantTx(ctx, c.ledger.pool, tenant, func(tx pgx.Tx) error {
		row, err := c.q.LockTopup(ctx, tx, tenant, topup)
		out.Amount, out.State, out.Session, out.CreatedBy = money.Amount(row.AmountNano), row.State, row.StripeSessionID.String, row.CreatedBy
		return err
	})
	if isNoRows(err) {
		return credit.Topup{}, credit.ErrUnknownTopup
	}
	if err != nil {
		return credit.Topup{}, fmt.Errorf("read top-up: %w", err)
	}
	return out, nil
}

// CreditTopup adds the lot of a paid purchase and ends it, in one transaction and once.
func (c *Credit) CreditTopup(ctx context.Context, tenant, topup id.ID, p credit.Page, tax money.Amount) (bool, error) {
	known, err := c.Topup(ctx, tenant, topup)
	if err != nil {
		return false, err
	}
	grant := credit.Grant{
		Tenant: tenant, Source: credit.Purchase, SourceRef: "topup:" + topup.String(), Amount: known.Amount, Tax: tax, Actor: "system:stripe",
	}
	lotID := id.New()
	if err := c.ensureFor(ctx, grant, lotID); err != nil {
		return false, fmt.Errorf("credit top-up: %w", err)
	}
	var fresh bool
	err = c.ledger.posting(ctx, func(tx pgx.Tx, at time.Time) error {
		fresh = false
		// Grants lock the tenant first; so does this, or two payments of a tenant could wait for each other.
		if _, err := c.q.LockCreditTenant(ctx, tx, tenant); err != nil {
			return fmt.Errorf("lock tenant: %w", err)
		}
		row, err := c.q.LockTopup(ctx, tx, tenant, topup)
		if err != nil {
			return fmt.Errorf("lock top-up: %w", err)
		}
		if row.State == credit.TopupCredited || row.State == credit.TopupQuarantined {
			return nil
		}
		if _, fresh, err = c.grantIn(ctx, tx, at, grant, lotID); err != nil {
			return err
		}
		return c.q.EndTopup(ctx, tx, pgdb.EndTopupParams{
			State: credit.TopupCredited, SessionID: optional(p.ID), PaymentIntentID: optional(p.PaymentIntent), CreditedAt: &at, TenantID: tenant, ID: topup,
		})
	})
	if err != nil {
		return false, fmt.Errorf("credit top-up: %w", err)
	}
	return fresh, nil
}

// EndTopup ends a purchase that brought nothing. One that is credited stays so.
func (c *Credit) EndTopup(ctx context.Context, tenant, topup id.ID, session, state, note string) error {
	err := operatorTx(ctx, c.ledger.pool, func(tx pgx.Tx) error {
		row, err := c.q.LockTopup(ctx, tx, tenant, topup)
		if isNoRows(err) {
			return credit.ErrUnknownTopup
		}
		if err != nil || row.State == credit.TopupCredited || row.State == credit.TopupQuarantined {
			return err
		}
		return c.q.EndTopup(ctx, tx, pgdb.EndTopupParams{State: state, Note: note, SessionID: optional(session), TenantID: tenant, ID: topup})
	})
	if err != nil {
		return fmt.Errorf("end top-up: %w", err)
	}
	return nil
}

// StaleTopups lists purchases made before a time that have no end.
func (c *Credit) StaleTopups(ctx context.Context, before time.Time) ([]credit.Stale, error) {
	var out []credit.Stale
	err := operatorTx(ctx, c.ledger.pool, func(tx pgx.Tx) error {
		rows, err := c.q.StaleTopups(ctx, tx, before)
		for _, r := range rows {
			out = append(out, credit.Stale{Tenant: r.TenantID, Topup: r.ID, Session: r.StripeSessionID.String, Customer: r.StripeCustomerID.String})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find stale top-ups: %w", err)
	}
	return out, nil
}

// optional turns an empty text into NULL.
func optional(s string) pgtype.Text { return pgtype.Text{String: s, Valid: s != ""} }
