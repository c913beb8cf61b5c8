package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"starlane/internal/billing/money"
	"starlane/internal/catalog/registry"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
)

// selectModel shows a model to a tenant ($1) at a time ($2). The price is the tenant's contract if it has one for the
// model, else the list; of several valid versions the one that began last counts, then the one recorded last. The same
// rule, compiled, is pricing.Book.Lookup.
const selectModel = `
	select m.name, m.display_name, m.description, m.capabilities, m.features, m.context_length, m.max_output, m.tokenizer, m.state,
		m.created_at,
		array(select c.alias from route_candidate c where c.model_name = m.name order by c.alias),
		exists (
			select from deployment d join provider_account a on a.id = d.account_id
			where d.model_name = m.name and d.state = 'active' and a.state = 'active'
				and exists (select from upstream_key k where k.account_id = a.id and k.state = 'active')),
		exists (select from deployment d where d.model_name = m.name) and not exists (
			select from deployment d join provider_account a on a.id = d.account_id join provider p on p.id = a.provider_id
			where d.model_name = m.name and not p.simulated),
		v.id, v.valid_from, v.kind = 'contract',
		(select json_object_agg(r.class, r.nano_per_million) from price_rate r where r.tenant_id = v.tenant_id and r.version_id = v.id)
	from model m
	left join lateral (
		select x.tenant_id, x.id, x.valid_from, b.kind
		from price_book b join price_version x on x.tenant_id = b.tenant_id and x.book_id = b.id
		where ((b.kind = 'contract' and b.tenant_id = $1) or b.kind = 'list') and x.model_name = m.name and x.valid_from <= $2
		order by b.kind = 'contract' desc, x.valid_from desc, x.id desc
		limit 1
	) v on true `

func scanModel(row pgx.CollectableRow) (registry.Model, error) {
	var m registry.Model
	var version *int64
	var from *time.Time
	var contract *bool
	var rates []byte
	err := row.Scan(&m.Name, &m.DisplayName, &m.Description, &m.Capabilities, &m.Features, &m.ContextLength, &m.MaxOutput, &m.Tokenizer,
		&m.State, &m.CreatedAt, &m.Aliases, &m.Available, &m.Simulated, &version, &from, &contract, &rates)
	if err != nil || version == nil {
		return m, err
	}
	m.Price = &registry.Price{Version: *version, ValidFrom: *from, Contract: *contract, Rates: map[string]money.Price{}}
	if rates == nil {
		return m, nil
	}
	return m, json.Unmarshal(rates, &m.Price.Rates)
}

// Models lists models by name as a tenant sees them; operators see hidden and retired ones too.
func (r *Registry) Models(ctx context.Context, t id.ID, all bool, text string, now time.Time, ask page.Ask) (page.List[registry.Model], error) {
	var rows []registry.Model
	err := tenantTx(ctx, r.pool, t, func(tx pgx.Tx) error {
		got, err := tx.Query(ctx, selectModel+`
			where m.name > $3 and ($4 or m.state = 'active') and ($5 = '' or m.name ilike $5 or m.display_name ilike $5)
			order by m.name
			limit $6`, t, now, ask.After, all, like(text), ask.Fetch())
		if err != nil {
			return err
		}
		rows, err = pgx.CollectRows(got, scanModel)
		return err
	})
	if err != nil {
		return page.List[registry.Model]{}, fmt.Errorf("list models: %w", err)
	}
	return page.Cut(ask, rows, func(m *registry.Model) string { return m.Name }), nil
}

// Model finds a model as a tenant sees it.
func (r *Registry) Model(ctx context.Context, t id.ID, all bool, name string, now time.Time) (registry.Model, error) {
	var out registry.Model
	err := tenantTx(ctx, r.pool, t, func(tx pgx.Tx) error {
		var err error
		out, err = oneModel(ctx, tx, t, all, name, now)
		return err
	})
	return out, err
}

func oneModel(ctx context.Context, tx pgx.Tx, t id.ID, all bool, name string, now time.Time) (registry.Model, error) {
	rows, err := tx.Query(ctx, selectModel+`where m.name = $3 and ($4 or m.state = 'active')`, t, now, name, all)
	if err != nil {
		return registry.Model{}, fmt.Errorf("read model: %w", err)
	}
	out, err := pgx.CollectExactlyOneRow(rows, scanModel)
	return out, found(err, "model")
}

func modelDetail(m *registry.Model) audit.Detail {
	return audit.Detail{
		"display_name": m.DisplayName, "capabilities": m.Capabilities, "features": m.Features, "context_length": m.ContextLength,
		"max_output": m.MaxOutput, "tokenizer": m.Tokenizer, "state": m.State,
	}
}

// CreateModel adds a model. Its name may not be an alias.
func (r *Registry) CreateModel(ctx context.Context, by audit.Actor, m registry.Model, now time.Time) (registry.Model, error) {
	var out registry.Model
	err := operatorTx(ctx, r.pool, func(tx pgx.Tx) error {
		if err := unused(ctx, tx, `select exists (select from route where alias = $1)`, m.Name, "alias"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			insert into model (name, display_name, description, capabilities, features, context_length, max_output, tokenizer, state)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			m.Name, m.DisplayName, m.Description, m.Capabilities, m.Features, m.ContextLength, m.MaxOutput, m.Tokenizer, m.State)
		if err != nil {
			return refused(err, "model")
		}
		return r.savedModel(ctx, tx, by, "model.create", m.Name, now, &out)
	})
	return out, err
}

// UpdateModel changes a model to what edit makes of it; the name stays.
func (r *Registry) UpdateModel(ctx context.Context, by audit.Actor, name string, now time.Time, edit func(registry.Model) registry.Model) (registry.Model, error) {
	var out registry.Model
	err := operatorTx(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select from model where name = $1 for update`, name); err != nil {
			return fmt.Errorf("lock model: %w", err)
		}
		old, err := oneModel(ctx, tx, id.Nil, true, name, now)
		if err != nil {
			return err
		}
		m := edit(old)
		_, err = tx.Exec(ctx, `
			update model set display_name = $2, description = $3, capabilities = $4, features = $5, context_length = $6, max_output = $7, tokenizer = $8, state = $9
			where name = $1`,
			name, m.DisplayName, m.Description, m.Capabilities, m.Features, m.ContextLength, m.MaxOutput, m.Tokenizer, m.State)
		if err != nil {
			return refused(err, "model")
		}
		return r.savedModel(ctx, tx, by, "model.update", name, now, &out)
	})
	return out, err
}

func (r *Registry) savedModel(ctx context.Context, tx pgx.Tx, by audit.Actor, act, name string, now time.Time, out *registry.Model) error {
	var err error
	if *out, err = oneModel(ctx, tx, id.Nil, true, name, now); err != nil {
		return err
	}
	if err := write(ctx, tx, id.Nil, by, act, name, modelDetail(out)); err != nil {
		return err
	}
	return configChanged(ctx, tx, changeCatalog, id.Nil, name)
}

// unused refuses a name that the other kind of name has taken: models and aliases share one space.
func unused(ctx context.Context, tx pgx.Tx, sql, name, other string) error {
	var taken bool
	if err := tx.QueryRow(ctx, sql, name).Scan(&taken); err != nil {
		return fmt.Errorf("look for %s: %w", other, err)
	}
	if taken {
		return apperr.New(apperr.Conflict, "%q is already the name of another %s.", name, other)
	}
	return nil
}
