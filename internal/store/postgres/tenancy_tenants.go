package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/tenant"
)

// selectTenant ends with the spendable balance: credit in lots that have not expired, and escrow, less what is owed.
const selectTenant = `
	select t.id, t.name, t.status, t.billing_mode, t.credit_limit_nano, t.billing_email, t.demo, t.created_at,
	t.response_epoch is not null, t.response_hours, coalesce((
		select -sum(b.posted_nano)
		from account a
		join balance b on b.tenant_id = a.tenant_id and b.account_id = a.id
		left join credit_lot l on l.tenant_id = a.tenant_id and l.id = a.lot_id
		where a.tenant_id = t.id and (a.kind in ('escrow', 'receivable') or (a.kind = 'credit' and (l.expires_at is null or l.expires_at > now())))
	), 0)::bigint
	from tenant t `

// Tenant finds a tenant.
func (s *Tenancy) Tenant(ctx context.Context, t id.ID) (tenant.Tenant, error) {
	var out tenant.Tenant
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		var err error
		out, err = oneTenant(ctx, tx, t)
		return err
	})
	return out, err
}

func oneTenant(ctx context.Context, tx pgx.Tx, t id.ID) (tenant.Tenant, error) {
	rows, err := tx.Query(ctx, selectTenant+`where t.id = $1`, t)
	if err != nil {
		return tenant.Tenant{}, fmt.Errorf("read tenant: %w", err)
	}
	out, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[tenant.Tenant])
	return out, found(err, "tenant")
}

// tenantKey is the position in the list of tenants, which is ordered by name.
type tenantKey struct {
	Name string `json:"n"`
	ID   id.ID  `json:"i"`
}

// Tenants lists all tenants but the platform, by name.
func (s *Tenancy) Tenants(ctx context.Context, f tenant.Filter, ask page.Ask) (page.List[tenant.Tenant], error) {
	var after tenantKey
	if ask.After != "" && json.Unmarshal([]byte(ask.After), &after) != nil {
		return page.List[tenant.Tenant]{}, badCursor()
	}
	var list []tenant.Tenant
	err := operatorTx(ctx, s.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectTenant+`
			where t.id <> $1 and (t.name, t.id) > ($2, $3)
				and ($4 = '' or t.name ilike $4 or t.billing_email ilike $4) and ($5 = '' or t.status = $5)
			order by t.name, t.id
			limit $6`, id.Nil, after.Name, after.ID, like(f.Text), string(f.Status), ask.Fetch())
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[tenant.Tenant])
		return err
	})
	if err != nil {
		return page.List[tenant.Tenant]{}, fmt.Errorf("list tenants: %w", err)
	}
	return page.Cut(ask, list, func(t *tenant.Tenant) string {
		b, _ := json.Marshal(tenantKey{t.Name, t.ID}) // a string and an id always encode
		return string(b)
	}), nil
}

// FirstProject is the name of the project that every tenant starts with.
const FirstProject = "Default"

// CreateTenant makes a tenant with a first project and, if given, an owner.
func (s *Tenancy) CreateTenant(ctx context.Context, by audit.Actor, t tenant.Tenant, owner *tenant.NewPerson) (tenant.Tenant, *tenant.Member, bool, error) {
	var member *tenant.Member
	var fresh bool
	err := tenantTx(ctx, s.pool, t.ID, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			insert into tenant (id, name, status, billing_mode, credit_limit_nano, billing_email, demo)
			values ($1, $2, $3, $4, $5, $6, $7) returning created_at, response_hours`,
			t.ID, t.Name, t.Status, t.BillingMode, t.CreditLimit, t.BillingEmail, t.Demo).Scan(&t.CreatedAt, &t.ResponseHours)
		if err != nil {
			return refused(err, "tenant")
		}
		if _, err := tx.Exec(ctx, `insert into project (tenant_id, id, name) values ($1, $2, $3)`, t.ID, id.New(), FirstProject); err != nil {
			return fmt.Errorf("create first project: %w", err)
		}
		if owner != nil {
			m, isNew, err := addPerson(ctx, tx, t.ID, *owner)
			if err != nil {
				return err
			}
			member, fresh = &m, isNew
		}
		return write(ctx, tx, t.ID, by, "tenant.create", t.ID.String(), audit.Detail{"name": t.Name, "billing_mode": t.BillingMode})
	})
	return t, member, fresh, err
}

// UpdateTenant changes a tenant if check accepts it as it is now, and tells relays when its keys are concerned.
func (s *Tenancy) UpdateTenant(ctx context.Context, by audit.Actor, t id.ID, c tenant.Change, check func(tenant.Tenant) error) (tenant.Tenant, error) {
	var out tenant.Tenant
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select from tenant where id = $1 for update`, t); err != nil {
			return fmt.Errorf("lock tenant: %w", err)
		}
		old, err := oneTenant(ctx, tx, t)
		if err != nil {
			return err
		}
		if err := check(old); err != nil {
			return err
		}
		if old.Status == tenant.Closed {
			return apperr.New(apperr.Conflict, "The tenant is closed.")
		}
		out = c.Apply(old)
		_, err = tx.Exec(ctx, `
			update tenant set name = $2, status = $3, billing_mode = $4, credit_limit_nano = $5, billing_email = $6,
				response_epoch = case when $7 then coalesce(response_epoch, gen_random_uuid()) end, response_hours = $8
			where id = $1`,
			t, out.Name, out.Status, out.BillingMode, out.CreditLimit, out.BillingEmail, out.StoresResponses, out.ResponseHours)
		if err != nil {
			return refused(err, "tenant")
		}
		detail := audit.Detail{
			"name": out.Name, "status": out.Status, "billing_mode": out.BillingMode, "credit_limit": out.CreditLimit.String(), "billing_email": out.BillingEmail,
			"stores_responses": out.StoresResponses, "response_hours": out.ResponseHours,
		}
		if err := write(ctx, tx, t, by, "tenant.update", t.String(), detail); err != nil {
			return err
		}
		if out.Status != old.Status || out.BillingMode != old.BillingMode || out.StoresResponses != old.StoresResponses || out.ResponseHours != old.ResponseHours {
			return configChanged(ctx, tx, changeTenant, t, t.String())
		}
		return nil
	})
	return out, err
}
