package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"starlane/internal/catalog/registry"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
)

// selectDeployment reads from a relation named d, so that a changed row can be shown with its account.
const selectDeployment = `
	select d.id, d.model_name, d.account_id, a.name, p.slug, d.upstream_model, d.region, d.state, d.weight, d.created_at
	from d join provider_account a on a.id = d.account_id join provider p on p.id = a.provider_id `

func deploymentID(d *registry.Deployment) string { return d.ID.String() }

func tellDeployment(d *registry.Deployment) (string, audit.Detail) {
	return d.ID.String(), audit.Detail{"model": d.Model, "account": d.AccountName, "upstream_model": d.UpstreamModel, "region": d.Region, "state": d.State, "weight": d.Weight}
}

// Deployments lists deployments; of one model unless it is empty, at one account unless it is Nil.
func (r *Registry) Deployments(ctx context.Context, model string, account id.ID, ask page.Ask) (page.List[registry.Deployment], error) {
	after, err := afterID(ask)
	if err != nil {
		return page.List[registry.Deployment]{}, err
	}
	return list(ctx, r, "deployments", ask, deploymentID, `
		with d as (
			select id, model_name, account_id, upstream_model, region, state, weight, created_at from deployment)`+selectDeployment+`
		where ($1 = '' or d.model_name = $1) and ($2::uuid is null or d.account_id = $2) and ($3::uuid is null or d.id > $3)
		order by d.id limit $4`, model, orNil(account), after, ask.Fetch())
}

// CreateDeployment adds a deployment.
func (r *Registry) CreateDeployment(ctx context.Context, by audit.Actor, d registry.Deployment) (registry.Deployment, error) {
	return change(ctx, r, by, "deployment", "deployment.create", tellDeployment, `
		with d as (
			insert into deployment (id, model_name, account_id, upstream_model, region, weight) values ($1, $2, $3, $4, $5, $6)
			returning id, model_name, account_id, upstream_model, region, state, weight, created_at)`+selectDeployment,
		d.ID, d.Model, d.Account, d.UpstreamModel, d.Region, d.Weight)
}

// UpdateDeployment changes what is not nil.
func (r *Registry) UpdateDeployment(ctx context.Context, by audit.Actor, deployment id.ID, state *string, weight *int) (registry.Deployment, error) {
	return change(ctx, r, by, "deployment", "deployment.update", tellDeployment, `
		with d as (
			update deployment set state = coalesce($2, state), weight = coalesce($3, weight) where id = $1
			returning id, model_name, account_id, upstream_model, region, state, weight, created_at)`+selectDeployment,
		deployment, state, weight)
}

const selectRoute = `
	select r.alias, r.description, array(select c.model_name from route_candidate c where c.alias = r.alias order by c.position), r.created_at
	from route r `

// Routes lists routes by alias.
func (r *Registry) Routes(ctx context.Context, ask page.Ask) (page.List[registry.Route], error) {
	return list(ctx, r, "routes", ask, func(x *registry.Route) string { return x.Alias },
		selectRoute+`where r.alias > $1 order by r.alias limit $2`, ask.After, ask.Fetch())
}

// CreateRoute adds a route. Its alias may not be the name of a model.
func (r *Registry) CreateRoute(ctx context.Context, by audit.Actor, n registry.Route) (registry.Route, error) {
	return r.saveRoute(ctx, by, "route.create", n, func(tx pgx.Tx) error {
		if err := unused(ctx, tx, `select exists (select from model where name = $1)`, n.Alias, "model"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into route (alias, description) values ($1, $2)`, n.Alias, n.Description)
		return refused(err, "route")
	})
}

// ReplaceRoute changes the models of a route, and its description unless that is nil.
func (r *Registry) ReplaceRoute(ctx context.Context, by audit.Actor, alias string, description *string, models []string) (registry.Route, error) {
	return r.saveRoute(ctx, by, "route.update", registry.Route{Alias: alias, Models: models}, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update route set description = coalesce($2, description) where alias = $1`, alias, description)
		if err == nil && tag.RowsAffected() == 0 {
			return found(pgx.ErrNoRows, "route")
		}
		if err != nil {
			return fmt.Errorf("update route: %w", err)
		}
		_, err = tx.Exec(ctx, `delete from route_candidate where alias = $1`, alias)
		return err
	})
}

func (r *Registry) saveRoute(ctx context.Context, by audit.Actor, act string, n registry.Route, head func(pgx.Tx) error) (registry.Route, error) {
	var out registry.Route
	err := operatorTx(ctx, r.pool, func(tx pgx.Tx) error {
		if err := head(tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			insert into route_candidate (alias, position, model_name)
			select $1, n - 1, name from unnest($2::text[]) with ordinality as x (name, n)`, n.Alias, n.Models)
		if err != nil {
			return refused(err, "route")
		}
		rows, err := tx.Query(ctx, selectRoute+`where r.alias = $1`, n.Alias)
		if err != nil {
			return fmt.Errorf("read route: %w", err)
		}
		if out, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[registry.Route]); err != nil {
			return found(err, "route")
		}
		if err := write(ctx, tx, id.Nil, by, act, n.Alias, audit.Detail{"models": out.Models, "description": out.Description}); err != nil {
			return err
		}
		return configChanged(ctx, tx, changeCatalog, id.Nil, n.Alias)
	})
	return out, err
}

// DeleteRoute removes a route; its models stay.
func (r *Registry) DeleteRoute(ctx context.Context, by audit.Actor, alias string) error {
	return operatorTx(ctx, r.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `delete from route where alias = $1`, alias)
		if err != nil {
			return fmt.Errorf("delete route: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return found(pgx.ErrNoRows, "route")
		}
		if err := write(ctx, tx, id.Nil, by, "route.delete", alias, nil); err != nil {
			return err
		}
		return configChanged(ctx, tx, changeCatalog, id.Nil, alias)
	})
}
