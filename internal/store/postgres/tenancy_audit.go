package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/once"
)

// Audit lists the log of a tenant, newest first.
func (s *Tenancy) Audit(ctx context.Context, t id.ID, f audit.Filter, ask page.Ask) (page.List[audit.Entry], error) {
	after, err := afterID(ask)
	if err != nil {
		return page.List[audit.Entry]{}, err
	}
	var list []audit.Entry
	err = tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select l.id, l.at, l.actor,
				coalesce(address_of(case when l.actor like 'user:%' then substr(l.actor, 6)::uuid end), k.name, case when l.actor like 'token:%' then 'platform staff' else '' end),
				l.action, l.target, l.detail
			from audit_log l
			left join api_token k on k.tenant_id = l.tenant_id and k.id = case when l.actor like 'token:%' then substr(l.actor, 7)::uuid end
			where l.tenant_id = $1 and ($2::uuid is null or l.id < $2)
				and ($3 = '' or l.action = $3 or starts_with(l.action, $3 || '.')) and ($4 = '' or l.actor = $4)
			order by l.id desc
			limit $5`, t, after, f.Action, string(f.Actor), ask.Fetch())
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[audit.Entry])
		return err
	})
	if err != nil {
		return page.List[audit.Entry]{}, fmt.Errorf("list audit log: %w", err)
	}
	return page.Cut(ask, list, func(e *audit.Entry) string { return e.ID.String() }), nil
}

// BeginOnce claims an idempotency key. ok tells that this call is the first; otherwise the answer of the first is returned.
func (s *Tenancy) BeginOnce(ctx context.Context, t id.ID, key string, hash []byte, now time.Time) (first once.Answer, ok bool, err error) {
	err = tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from idempotency where tenant_id = $1 and key = $2 and created_at < $3`, t, key, now.Add(-once.Life))
		if err != nil {
			return fmt.Errorf("forget old key: %w", err)
		}
		tag, err := tx.Exec(ctx, `
			insert into idempotency (tenant_id, key, request_hash, created_at) values ($1, $2, $3, $4)
			on conflict do nothing`, t, key, hash, now)
		if err != nil {
			return fmt.Errorf("claim key: %w", err)
		}
		if ok = tag.RowsAffected() == 1; ok {
			return nil
		}
		var status *int
		err = tx.QueryRow(ctx, `select request_hash, status, body from idempotency where tenant_id = $1 and key = $2`, t, key).
			Scan(&first.RequestHash, &status, &first.Body)
		if status != nil {
			first.Status = *status
		}
		return err
	})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return once.Answer{}, false, fmt.Errorf("idempotency: %w", err)
	}
	return first, ok, nil
}

// EndOnce keeps the answer of the first call; a nil body gives the key back, so that the call may be repeated.
func (s *Tenancy) EndOnce(ctx context.Context, t id.ID, key string, status int, body []byte) error {
	return tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		if body == nil {
			_, err := tx.Exec(ctx, `delete from idempotency where tenant_id = $1 and key = $2 and status is null`, t, key)
			return err
		}
		_, err := tx.Exec(ctx, `update idempotency set status = $3, body = $4 where tenant_id = $1 and key = $2 and status is null`, t, key, status, body)
		return err
	})
}

// Note writes an entry for an act whose own record is elsewhere, such as the ledger.
func (s *Tenancy) Note(ctx context.Context, by audit.Actor, t id.ID, action, target string, detail audit.Detail) error {
	return tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error { return write(ctx, tx, t, by, action, target, detail) })
}
