package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// BudgetTenants lists the tenants that have keys with a budget.
func (c *Credit) BudgetTenants(ctx context.Context) ([]id.ID, error) {
	out, err := c.q.TenantsWithBudgets(ctx, c.ledger.pool)
	if err != nil {
		return nil, fmt.Errorf("find tenants with budgets: %w", err)
	}
	return out, nil
}

// Posted returns, for boots of relays ("instance:boot"), up to which event of their logs everything is posted. Boots of which
// nothing is posted are left out.
func (c *Credit) Posted(ctx context.Context, boots []string) (map[string]uint64, error) {
	var relays []string
	var starts []int64
	for _, name := range boots {
		// A name of another form has no watermark, so nothing is ever posted of it.
		at := strings.LastIndexByte(name, ':')
		if start, err := strconv.ParseInt(name[at+1:], 10, 64); at > 0 && err == nil {
			relays, starts = append(relays, name[:at]), append(starts, start)
		}
	}
	rows, err := c.ledger.pool.Query(ctx, `
		select distinct w.relay_id || ':' || w.boot, w.seq
		from relay_watermark w
		join unnest($1::text[], $2::bigint[]) as u (r, b) on w.relay_id = u.r and w.boot = u.b`, relays, starts)
	if err != nil {
		return nil, fmt.Errorf("read watermarks of relays: %w", err)
	}
	out := map[string]uint64{}
	var name string
	var seq int64
	_, err = pgx.ForEachRow(rows, []any{&name, &seq}, func() error {
		out[name] = uint64(seq)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read watermarks of relays: %w", err)
	}
	return out, nil
}

// KeyUses is KeyUse for several keys, in their order.
func (c *Credit) KeyUses(ctx context.Context, tenant id.ID, keys []id.ID, since []time.Time) ([]money.Amount, error) {
	days := make([]time.Time, len(since))
	for i, t := range since {
		if days[i] = t.UTC(); t.IsZero() {
			days[i] = time.Unix(0, 0).UTC()
		}
	}
	rows, err := c.ledger.pool.Query(ctx, `
		select (
			select coalesce(sum(r.charge_nano), 0)::bigint
			from usage_rollup r
			where r.tenant_id = $1 and r.key_id = u.k and r.day >= u.s::date
		)
		from unnest($2::uuid[], $3::timestamp[]) with ordinality as u (k, s, n)
		order by u.n`, tenant, keys, days)
	if err != nil {
		return nil, fmt.Errorf("use of keys: %w", err)
	}
	sums, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("use of keys: %w", err)
	}
	out := make([]money.Amount, len(sums))
	for i, n := range sums {
		out[i] = money.Amount(n)
	}
	return out, nil
}
