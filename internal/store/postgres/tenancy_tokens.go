package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/identity"
)

// Tokens lists the API tokens of a tenant, newest first; of one person unless owner is Nil.
func (s *Tenancy) Tokens(ctx context.Context, t, owner id.ID, ask page.Ask) (page.List[identity.APIToken], error) {
	after, err := afterID(ask)
	if err != nil {
		return page.List[identity.APIToken]{}, err
	}
	var list []identity.APIToken
	err = tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select k.id, k.tenant_id, k.user_id, address_of(k.user_id), k.name, k.created_at, k.expires_at, k.revoked_at, k.last_used_at
			from api_token k
			where k.tenant_id = $1 and ($2::uuid is null or k.user_id = $2) and ($3::uuid is null or k.id < $3)
			order by k.id desc
			limit $4`, t, orNil(owner), after, ask.Fetch())
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[identity.APIToken])
		return err
	})
	if err != nil {
		return page.List[identity.APIToken]{}, fmt.Errorf("list api tokens: %w", err)
	}
	return page.Cut(ask, list, func(k *identity.APIToken) string { return k.ID.String() }), nil
}

// CreateToken stores a token by its digest.
func (s *Tenancy) CreateToken(ctx context.Context, by audit.Actor, k identity.APIToken, d identity.Digest) error {
	return tenantTx(ctx, s.pool, k.Tenant, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into api_token (tenant_id, id, user_id, name, digest, created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7)`,
			k.Tenant, k.ID, k.UserID, k.Name, d[:], k.CreatedAt, k.ExpiresAt)
		if err != nil {
			return fmt.Errorf("create api token: %w", err)
		}
		return write(ctx, tx, k.Tenant, by, "token.create", k.ID.String(), audit.Detail{"name": k.Name})
	})
}

// RevokeToken ends a token; of one person unless owner is Nil. Repeating it does nothing.
func (s *Tenancy) RevokeToken(ctx context.Context, by audit.Actor, t, owner, token id.ID, now time.Time) error {
	return tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		var fresh bool
		err := tx.QueryRow(ctx, `
			select revoked_at is null from api_token
			where tenant_id = $1 and id = $2 and ($3::uuid is null or user_id = $3)
			for update`, t, token, orNil(owner)).Scan(&fresh)
		if err != nil || !fresh {
			return found(err, "token")
		}
		if _, err := tx.Exec(ctx, `update api_token set revoked_at = $3 where tenant_id = $1 and id = $2`, t, token, now); err != nil {
			return fmt.Errorf("revoke api token: %w", err)
		}
		return write(ctx, tx, t, by, "token.revoke", token.String(), nil)
	})
}
