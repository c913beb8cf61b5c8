package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"starlane/internal/billing/money"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/quota"
	"starlane/internal/tenancy/vkey"
)

// selectKey takes the present time as $2. Budget windows begin at midnight UTC, as roll-ups do.
const selectKey = `
	select k.id, k.project_id, p.name, k.name, k.public_id, k.state, k.allowed_models, k.rpm, k.tpm, k.concurrency,
		k.budget_nano, k.budget_window, k.expires_at, k.created_by, k.created_at, k.revoked_at,
		(select e.occurred_at from usage_event e where e.tenant_id = k.tenant_id and e.key_id = k.id order by e.event_id desc limit 1),
		coalesce((
			select sum(r.charge_nano) from usage_rollup r
			where r.tenant_id = k.tenant_id and r.key_id = k.id and r.day >= case k.budget_window
				when 'total' then '-infinity'::date
				when 'day' then ($2::timestamptz)::date
				when 'week' then date_trunc('week', $2::timestamptz)::date
				else date_trunc('month', $2::timestamptz)::date end
		), 0)::bigint
	from virtual_key k join project p on p.tenant_id = k.tenant_id and p.id = k.project_id
	where k.tenant_id = $1 `

func scanKey(now time.Time) pgx.RowToFunc[vkey.Key] {
	return func(row pgx.CollectableRow) (vkey.Key, error) {
		var k vkey.Key
		var budget *money.Amount
		var window *quota.Window
		err := row.Scan(&k.ID, &k.ProjectID, &k.ProjectName, &k.Name, &k.PublicID, &k.State, &k.Models, &k.Limits.RPM, &k.Limits.TPM,
			&k.Limits.Concurrency, &budget, &window, &k.ExpiresAt, &k.CreatedBy, &k.CreatedAt, &k.RevokedAt, &k.LastUsedAt, &k.Spent)
		span := quota.Month
		if budget != nil && window != nil {
			k.Limits.Budget = &quota.Budget{Amount: *budget, Window: *window}
			span = *window
		}
		k.SpentSince = span.Start(now, k.CreatedAt)
		return k, err
	}
}

// Keys lists virtual keys, newest first.
func (s *Tenancy) Keys(ctx context.Context, t id.ID, f vkey.Filter, now time.Time, ask page.Ask) (page.List[vkey.Key], error) {
	after, err := afterID(ask)
	if err != nil {
		return page.List[vkey.Key]{}, err
	}
	var list []vkey.Key
	err = tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectKey+`
				and ($3::uuid is null or k.project_id = $3) and ($4 = '' or k.state = $4) and ($5 = '' or k.name ilike $5)
				and ($6::uuid is null or k.id < $6)
			order by k.id desc
			limit $7`, t, now, orNil(f.Project), string(f.State), like(f.Text), after, ask.Fetch())
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scanKey(now))
		return err
	})
	if err != nil {
		return page.List[vkey.Key]{}, fmt.Errorf("list keys: %w", err)
	}
	return page.Cut(ask, list, func(k *vkey.Key) string { return k.ID.String() }), nil
}

// Key finds a virtual key.
func (s *Tenancy) Key(ctx context.Context, t, key id.ID, now time.Time) (vkey.Key, error) {
	var out vkey.Key
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		var err error
		out, err = oneKey(ctx, tx, t, key, now)
		return err
	})
	return out, err
}

func oneKey(ctx context.Context, tx pgx.Tx, t, key id.ID, now time.Time) (vkey.Key, error) {
	rows, err := tx.Query(ctx, selectKey+`and k.id = $3`, t, now, key)
	if err != nil {
		return vkey.Key{}, fmt.Errorf("read key: %w", err)
	}
	out, err := pgx.CollectExactlyOneRow(rows, scanKey(now))
	return out, found(err, "key")
}

func budgetColumns(b *quota.Budget) (amount *money.Amount, window *quota.Window) {
	if b == nil {
		return nil, nil
	}
	return &b.Amount, &b.Window
}

func keyDetail(k *vkey.Key) audit.Detail {
	d := audit.Detail{"name": k.Name, "state": k.State, "allowed_models": k.Models, "rpm": k.Limits.RPM, "tpm": k.Limits.TPM, "concurrency": k.Limits.Concurrency, "expires_at": k.ExpiresAt}
	if b := k.Limits.Budget; b != nil {
		d["budget"] = b.Amount.String() + "/" + string(b.Window)
	}
	return d
}

// CreateKey stores a key by its digest. Without a project it goes into the tenant's oldest.
func (s *Tenancy) CreateKey(ctx context.Context, by audit.Actor, t id.ID, n vkey.NewKey, now time.Time) (vkey.Key, error) {
	var out vkey.Key
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		var archived bool
		err := tx.QueryRow(ctx, `
			select id, archived_at is not null from project
			where tenant_id = $1 and (id = $2 or ($2 is null and archived_at is null))
			order by id limit 1`, t, orNil(n.ProjectID)).Scan(&n.ProjectID, &archived)
		if err != nil {
			return found(err, "project")
		}
		if archived {
			return apperr.New(apperr.Conflict, "The project is archived.").WithParam("/project_id")
		}
		amount, window := budgetColumns(n.Limits.Budget)
		models := n.Models
		if models == nil {
			models = []string{}
		}
		_, err = tx.Exec(ctx, `
			insert into virtual_key (tenant_id, id, project_id, name, public_id, digest, allowed_models, rpm, tpm, concurrency,
				budget_nano, budget_window, expires_at, created_by, created_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
			t, n.ID, n.ProjectID, n.Name, n.PublicID, n.Digest[:], models, n.Limits.RPM, n.Limits.TPM, n.Limits.Concurrency,
			amount, window, n.ExpiresAt, n.CreatedBy, now)
		if err != nil {
			return refused(err, "key")
		}
		if out, err = oneKey(ctx, tx, t, n.ID, now); err != nil {
			return err
		}
		if err := write(ctx, tx, t, by, "key.create", n.ID.String(), keyDetail(&out)); err != nil {
			return err
		}
		return configChanged(ctx, tx, changeKey, t, n.ID.String())
	})
	return out, err
}

// UpdateKey changes a key to what change makes of it. A revoked key stays as it is.
func (s *Tenancy) UpdateKey(ctx context.Context, by audit.Actor, t, key id.ID, now time.Time, change func(vkey.Key) (vkey.Change, error)) (vkey.Key, error) {
	var out vkey.Key
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		old, err := lockKey(ctx, tx, t, key, now)
		if err != nil {
			return err
		}
		if old.State == vkey.Revoked {
			return apperr.New(apperr.Conflict, "The key is revoked.")
		}
		c, err := change(old)
		if err != nil {
			return err
		}
		amount, window := budgetColumns(c.Limits.Budget)
		_, err = tx.Exec(ctx, `
			update virtual_key
			set name = $3, state = $4, allowed_models = $5, rpm = $6, tpm = $7, concurrency = $8, budget_nano = $9, budget_window = $10, expires_at = $11
			where tenant_id = $1 and id = $2`,
			t, key, c.Name, c.State, c.Models, c.Limits.RPM, c.Limits.TPM, c.Limits.Concurrency, amount, window, c.ExpiresAt)
		if err != nil {
			return refused(err, "key")
		}
		if out, err = oneKey(ctx, tx, t, key, now); err != nil {
			return err
		}
		if err := write(ctx, tx, t, by, "key.update", key.String(), keyDetail(&out)); err != nil {
			return err
		}
		return configChanged(ctx, tx, changeKey, t, key.String())
	})
	return out, err
}

// RevokeKey ends a key for good. Repeating it does nothing.
func (s *Tenancy) RevokeKey(ctx context.Context, by audit.Actor, t, key id.ID, now time.Time) error {
	return tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		old, err := lockKey(ctx, tx, t, key, now)
		if err != nil || old.State == vkey.Revoked {
			return err
		}
		_, err = tx.Exec(ctx, `update virtual_key set state = 'revoked', revoked_at = $3 where tenant_id = $1 and id = $2`, t, key, now)
		if err != nil {
			return fmt.Errorf("revoke key: %w", err)
		}
		if err := write(ctx, tx, t, by, "key.revoke", key.String(), audit.Detail{"name": old.Name}); err != nil {
			return err
		}
		return configChanged(ctx, tx, changeKey, t, key.String())
	})
}

func lockKey(ctx context.Context, tx pgx.Tx, t, key id.ID, now time.Time) (vkey.Key, error) {
	if _, err := tx.Exec(ctx, `select from virtual_key where tenant_id = $1 and id = $2 for update`, t, key); err != nil {
		return vkey.Key{}, fmt.Errorf("lock key: %w", err)
	}
	return oneKey(ctx, tx, t, key, now)
}
