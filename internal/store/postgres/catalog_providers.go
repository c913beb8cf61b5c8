package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"starlane/internal/catalog/registry"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
)

// Registry keeps what can be called and what it costs. Only operators change it, in the name of the platform.
type Registry struct{ pool *pgxpool.Pool }

// NewRegistry needs a pool of the api role.
func NewRegistry(pool *pgxpool.Pool) *Registry { return &Registry{pool: pool} }

// list reads a page in one transaction of the platform.
func list[T any](ctx context.Context, r *Registry, what string, ask page.Ask, key func(*T) string, sql string, args ...any) (page.List[T], error) {
	var rows []T
	err := operatorTx(ctx, r.pool, func(tx pgx.Tx) error {
		found, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		rows, err = pgx.CollectRows(found, pgx.RowToStructByPos[T])
		return err
	})
	if err != nil {
		return page.List[T]{}, fmt.Errorf("list %s: %w", what, err)
	}
	return page.Cut(ask, rows, key), nil
}

// one reads a row in a transaction of the platform.
func one[T any](ctx context.Context, r *Registry, what, sql string, args ...any) (T, error) {
	var out T
	err := operatorTx(ctx, r.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[T])
		return found(err, what)
	})
	return out, err
}

// change runs a statement that returns one row, writes the audit log and tells relays.
func change[T any](ctx context.Context, r *Registry, by audit.Actor, what, act string, tell func(*T) (target string, detail audit.Detail), sql string, args ...any) (T, error) {
	var out T
	err := operatorTx(ctx, r.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return refused(err, what)
		}
		if out, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[T]); err != nil {
			return refused(found(err, what), what)
		}
		target, detail := tell(&out)
		if err := write(ctx, tx, id.Nil, by, act, target, detail); err != nil {
			return err
		}
		return configChanged(ctx, tx, changeCatalog, id.Nil, target)
	})
	return out, err
}

const providerColumns = `id, slug, name, dialect, vendor, simulated, created_at`

func providerID(p *registry.Provider) string { return p.ID.String() }

func tellProvider(p *registry.Provider) (string, audit.Detail) {
	return p.ID.String(), audit.Detail{"slug": p.Slug, "name": p.Name, "dialect": p.Dialect, "vendor": p.Vendor, "simulated": p.Simulated}
}

// Providers lists vendors, oldest first.
func (r *Registry) Providers(ctx context.Context, ask page.Ask) (page.List[registry.Provider], error) {
	after, err := afterID(ask)
	if err != nil {
		return page.List[registry.Provider]{}, err
	}
	return list(ctx, r, "providers", ask, providerID, `
		select `+providerColumns+` from provider where $1::uuid is null or id > $1 order by id limit $2`, after, ask.Fetch())
}

// CreateProvider adds a vendor.
func (r *Registry) CreateProvider(ctx context.Context, by audit.Actor, p registry.Provider) (registry.Provider, error) {
	return change(ctx, r, by, "provider", "provider.create", tellProvider, `
		insert into provider (id, slug, name, dialect, vendor, simulated) values ($1, $2, $3, $4, $5, $6) returning `+providerColumns,
		p.ID, p.Slug, p.Name, p.Dialect, p.Vendor, p.Simulated)
}

// UpdateProvider changes the shown name and, if it is not nil, the vendor.
func (r *Registry) UpdateProvider(ctx context.Context, by audit.Actor, provider id.ID, name string, vendor *string) (registry.Provider, error) {
	return change(ctx, r, by, "provider", "provider.update", tellProvider, `
		update provider set name = $2, vendor = coalesce($3, vendor) where id = $1 returning `+providerColumns, provider, name, vendor)
}

// Provider reads one vendor.
func (r *Registry) Provider(ctx context.Context, provider id.ID) (registry.Provider, error) {
	return one[registry.Provider](ctx, r, "provider", `select `+providerColumns+` from provider where id = $1`, provider)
}

const accountColumns = `id, provider_id, name, base_url, state, created_at,
	(select dialect from provider p where p.id = provider_id), region, project, api_version`

func accountID(a *registry.Account) string { return a.ID.String() }

func tellAccount(a *registry.Account) (string, audit.Detail) {
	return a.ID.String(), audit.Detail{
		"name": a.Name, "base_url": a.BaseURL, "state": a.State, "provider": a.Provider,
		"region": a.Region, "project": a.Project, "api_version": a.APIVersion,
	}
}

// Accounts lists accounts; of one provider unless it is Nil.
func (r *Registry) Accounts(ctx context.Context, provider id.ID, ask page.Ask) (page.List[registry.Account], error) {
	after, err := afterID(ask)
	if err != nil {
		return page.List[registry.Account]{}, err
	}
	return list(ctx, r, "accounts", ask, accountID, `
		select `+accountColumns+` from provider_account
		where ($1::uuid is null or provider_id = $1) and ($2::uuid is null or id > $2) order by id limit $3`,
		orNil(provider), after, ask.Fetch())
}

// CreateAccount adds an account.
func (r *Registry) CreateAccount(ctx context.Context, by audit.Actor, a registry.Account) (registry.Account, error) {
	return change(ctx, r, by, "account", "account.create", tellAccount, `
		insert into provider_account (id, provider_id, name, base_url, region, project, api_version)
		values ($1, $2, $3, $4, $5, $6, $7) returning `+accountColumns,
		a.ID, a.Provider, a.Name, a.BaseURL, a.Region, a.Project, a.APIVersion)
}

// UpdateAccount changes what is not nil.
func (r *Registry) UpdateAccount(ctx context.Context, by audit.Actor, account id.ID, p registry.AccountPatch) (registry.Account, error) {
	return change(ctx, r, by, "account", "account.update", tellAccount, `
		update provider_account set name = coalesce($2, name), base_url = coalesce($3, base_url), state = coalesce($4, state),
			region = coalesce($5, region), project = coalesce($6, project), api_version = coalesce($7, api_version)
		where id = $1 returning `+accountColumns, account, p.Name, p.BaseURL, p.State, p.Region, p.Project, p.APIVersion)
}

// Account reads one account.
func (r *Registry) Account(ctx context.Context, account id.ID) (registry.Account, error) {
	return one[registry.Account](ctx, r, "account", `select `+accountColumns+` from provider_account where id = $1`, account)
}

const upstreamColumns = `id, account_id, name, hint, state, weight, created_at`

func upstreamID(k *registry.UpstreamKey) string { return k.ID.String() }

func tellUpstream(k *registry.UpstreamKey) (string, audit.Detail) {
	return k.ID.String(), audit.Detail{"name": k.Name, "state": k.State, "weight": k.Weight, "hint": k.Hint, "account": k.Account}
}

// UpstreamKeys lists credentials without the credentials; of one account unless it is Nil.
func (r *Registry) UpstreamKeys(ctx context.Context, account id.ID, ask page.Ask) (page.List[registry.UpstreamKey], error) {
	after, err := afterID(ask)
	if err != nil {
		return page.List[registry.UpstreamKey]{}, err
	}
	return list(ctx, r, "upstream keys", ask, upstreamID, `
		select `+upstreamColumns+` from upstream_key
		where ($1::uuid is null or account_id = $1) and ($2::uuid is null or id > $2) order by id limit $3`,
		orNil(account), after, ask.Fetch())
}

// CreateUpstreamKey stores a credential that is already sealed for catalog.SealContext(k.ID).
func (r *Registry) CreateUpstreamKey(ctx context.Context, by audit.Actor, k registry.UpstreamKey, sealed []byte) (registry.UpstreamKey, error) {
	return change(ctx, r, by, "upstream key", "upstream_key.create", tellUpstream, `
		insert into upstream_key (id, account_id, name, sealed, hint, weight) values ($1, $2, $3, $4, $5, $6) returning `+upstreamColumns,
		k.ID, k.Account, k.Name, sealed, k.Hint, k.Weight)
}

// UpdateUpstreamKey changes what is not nil. A revoked key stays revoked.
func (r *Registry) UpdateUpstreamKey(ctx context.Context, by audit.Actor, key id.ID, name, state *string, weight *int) (registry.UpstreamKey, error) {
	k, err := change(ctx, r, by, "upstream key", "upstream_key.update", tellUpstream, `
		update upstream_key set name = coalesce($2, name), state = coalesce($3, state), weight = coalesce($4, weight)
		where id = $1 and state <> 'revoked' returning `+upstreamColumns, key, name, state, weight)
	return k, err
}

// RevokeUpstreamKey ends the use of a credential and forgets it. Repeating it does nothing.
func (r *Registry) RevokeUpstreamKey(ctx context.Context, by audit.Actor, key id.ID) error {
	_, err := change(ctx, r, by, "upstream key", "upstream_key.revoke", tellUpstream, `
		update upstream_key set state = 'revoked', sealed = '' where id = $1 and state <> 'revoked' returning `+upstreamColumns, key)
	if !apperr.Is(err, apperr.NotFound) {
		return err
	}
	var there bool
	if err := r.pool.QueryRow(ctx, `select exists (select from upstream_key where id = $1)`, key).Scan(&there); err != nil {
		return fmt.Errorf("revoke upstream key: %w", err)
	}
	if there {
		return nil
	}
	return found(pgx.ErrNoRows, "upstream key")
}
