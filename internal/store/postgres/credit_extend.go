package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"starlane/internal/billing/credit"
	"starlane/internal/platform/id"
)

// EndingHolds returns open holds of active tenants that end within a time and whose lots last longer.
func (c *Credit) EndingHolds(ctx context.Context, within time.Duration) ([]credit.Hold, error) {
	var out []credit.Hold
	err := operatorTx(ctx, c.ledger.pool, func(tx pgx.Tx) error {
		out = nil
		at, err := c.ledger.now(ctx, tx)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			select h.tenant_id, h.id, h.amount_nano, h.settled_nano, h.epoch, h.expires_at
			from hold h
			join tenant t on t.id = h.tenant_id
			left join credit_lot l on l.tenant_id = h.tenant_id and l.id = h.lot_id
			where h.state = 'open' and h.expires_at > $1 and h.expires_at <= $2
			  and t.status = 'active' and (l.expires_at is null or l.expires_at > h.expires_at)
			order by h.expires_at
			limit 500`, at, at.Add(within))
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (credit.Hold, error) {
			var h credit.Hold
			return h, row.Scan(&h.Tenant, &h.ID, &h.Amount, &h.Settled, &h.Epoch, &h.ExpiresAt)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find holds that end soon: %w", err)
	}
	return out, nil
}

// ExtendHold moves the end of an open hold to a time from now, or to the end of its lot if that is sooner.
func (c *Credit) ExtendHold(ctx context.Context, tenant, hold id.ID, by time.Duration) (until time.Time, ok bool, err error) {
	err = operatorTx(ctx, c.ledger.pool, func(tx pgx.Tx) error {
		ok = false
		at, err := c.ledger.now(ctx, tx)
		if err != nil {
			return err
		}
		// least() ignores the null of a lot without an end and of a post-paid hold.
		err = tx.QueryRow(ctx, `
			update hold h
			set expires_at = n.until
			from (
			  select least($3::timestamptz, l.expires_at) as until
			  from hold o
			  left join credit_lot l on l.tenant_id = o.tenant_id and l.id = o.lot_id
			  where o.tenant_id = $1 and o.id = $2
			) n
			where h.tenant_id = $1 and h.id = $2 and h.state = 'open' and n.until > h.expires_at
			returning h.expires_at`, tenant, hold, at.Add(by)).Scan(&until)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		ok = err == nil
		return err
	})
	if err != nil {
		return time.Time{}, false, fmt.Errorf("extend hold: %w", err)
	}
	return until, ok, nil
}
