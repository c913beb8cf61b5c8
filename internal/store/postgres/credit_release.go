package postgres

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"starlane/internal/billing/credit"
	"starlane/internal/billing/ledger"
	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/store/postgres/pgdb"
)

// ReleaseDue releases closed holds whose grace is over, each in a transaction of its own, and returns their tenants.
func (c *Credit) ReleaseDue(ctx context.Context) ([]id.ID, error) {
	var due []pgdb.DueReleasesRow
	err := operatorTx(ctx, c.ledger.pool, func(tx pgx.Tx) error {
		at, err := c.ledger.now(ctx, tx)
		if err != nil {
			return err
		}
		due, err = c.q.DueReleases(ctx, tx, &at)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find holds to release: %w", err)
	}
	var tenants []id.ID
	for _, d := range due {
		if err := c.release(ctx, d.TenantID, d.ID, math.MaxInt64); err != nil {
			return tenants, fmt.Errorf("release hold: %w", err)
		}
		tenants = append(tenants, d.TenantID)
	}
	return tenants, nil
}

// ReleaseFree gives back what of a closed hold no relay had a lease on, without waiting: nobody can charge it to the hold
// any more. What is out with relays waits for its grace.
func (c *Credit) ReleaseFree(ctx context.Context, tenant, hold id.ID, free money.Amount) error {
	if free <= 0 {
		return nil
	}
	if err := c.release(ctx, tenant, hold, free); err != nil {
		return fmt.Errorf("release what is free of a hold: %w", err)
	}
	return nil
}

// release gives up to most of what a closed hold has not settled back to its lot. When nothing is left the hold is over.
func (c *Credit) release(ctx context.Context, tenant, hold id.ID, most money.Amount) error {
	return c.ledger.posting(ctx, func(tx pgx.Tx, at time.Time) error {
		row, err := c.q.LockCreditTenant(ctx, tx, tenant)
		if err != nil {
			return fmt.Errorf("lock tenant: %w", err)
		}
		h, err := c.q.LockHold(ctx, tx, tenant, hold)
		if err != nil {
			return fmt.Errorf("lock hold: %w", err)
		}
		if h.State != "closing" {
			return nil // somebody was faster
		}
		left := money.Amount(h.AmountNano - h.SettledNano)
		back, key := min(left, most), "release:"+hold.String()
		part := back < left
		if early, err := posted(ctx, tx, tenant, key+":free"); err != nil || (early && most != math.MaxInt64) {
			return err // a repeat: what was free then has come back, and what is left is not free
		}
		switch {
		case part && !h.LotID.Valid:
			return nil // room under a credit limit comes back as a whole
		case part:
			key += ":free"
		default:
			if err := c.q.ReleaseHold(ctx, tx, tenant, hold); err != nil {
				return fmt.Errorf("end hold: %w", err)
			}
		}
		if back == 0 || !h.LotID.Valid {
			return nil
		}
		lot := ledger.CreditOf(tenant, h.LotID.UUID)
		if err := c.ledger.lock(ctx, tx, []ledger.Account{ledger.EscrowOf(tenant), lot, ledger.ReceivableOf(tenant)}); err != nil {
			return err
		}
		_, fresh, err := c.ledger.postIn(ctx, tx, at, ledger.Transaction{
			Tenant: tenant, IdemKey: key, Kind: ledger.TxnRelease, EffectiveAt: at, SourceRef: "hold:" + hold.String(), Actor: "system:credit",
			Entries: []ledger.Entry{{Account: ledger.EscrowOf(tenant), Amount: back}, {Account: lot, Amount: -back}},
		})
		if err != nil || !fresh {
			return err
		}
		if part {
			if err := c.q.ShrinkHold(ctx, tx, int64(back), tenant, hold); err != nil {
				return fmt.Errorf("shrink hold: %w", err)
			}
		}
		return c.settleIn(ctx, tx, at, row.BillingMode, tenant, h.LotID.UUID, key)
	})
}

// posted tells whether a key of the ledger was used.
func posted(ctx context.Context, tx pgx.Tx, tenant id.ID, key string) (bool, error) {
	var used bool
	err := tx.QueryRow(ctx, `select exists (select from ledger_idem where tenant_id = $1 and idem_key = $2)`, tenant, key).Scan(&used)
	if err != nil {
		return false, fmt.Errorf("look for a key: %w", err)
	}
	return used, nil
}

var _ credit.SliceStore = (*Credit)(nil)
