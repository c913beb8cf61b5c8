package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/tenant"
)

const selectProject = `
	select p.id, p.name, p.archived_at is not null,
		(select count(*) from virtual_key k where k.tenant_id = p.tenant_id and k.project_id = p.id and k.state = 'active'), p.created_at
	from project p `

// Projects lists projects, oldest first.
func (s *Tenancy) Projects(ctx context.Context, t id.ID, archived bool, ask page.Ask) (page.List[tenant.Project], error) {
	after, err := afterID(ask)
	if err != nil {
		return page.List[tenant.Project]{}, err
	}
	var list []tenant.Project
	err = tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectProject+`
			where p.tenant_id = $1 and ($2 or p.archived_at is null) and ($3::uuid is null or p.id > $3)
			order by p.id
			limit $4`, t, archived, after, ask.Fetch())
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[tenant.Project])
		return err
	})
	if err != nil {
		return page.List[tenant.Project]{}, fmt.Errorf("list projects: %w", err)
	}
	return page.Cut(ask, list, func(p *tenant.Project) string { return p.ID.String() }), nil
}

// Project finds a project.
func (s *Tenancy) Project(ctx context.Context, t, project id.ID) (tenant.Project, error) {
	var out tenant.Project
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		var err error
		out, err = oneProject(ctx, tx, t, project)
		return err
	})
	return out, err
}

func oneProject(ctx context.Context, tx pgx.Tx, t, project id.ID) (tenant.Project, error) {
	rows, err := tx.Query(ctx, selectProject+`where p.tenant_id = $1 and p.id = $2`, t, project)
	if err != nil {
		return tenant.Project{}, fmt.Errorf("read project: %w", err)
	}
	out, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[tenant.Project])
	return out, found(err, "project")
}

// CreateProject makes a project.
func (s *Tenancy) CreateProject(ctx context.Context, by audit.Actor, t id.ID, name string) (tenant.Project, error) {
	out := tenant.Project{ID: id.New(), Name: name}
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `insert into project (tenant_id, id, name) values ($1, $2, $3) returning created_at`, t, out.ID, name).Scan(&out.CreatedAt)
		if err != nil {
			return refused(err, "project")
		}
		return write(ctx, tx, t, by, "project.create", out.ID.String(), audit.Detail{"name": name})
	})
	return out, err
}

// UpdateProject renames, archives or restores a project.
func (s *Tenancy) UpdateProject(ctx context.Context, by audit.Actor, t, project id.ID, c tenant.ProjectChange) (tenant.Project, error) {
	var out tenant.Project
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		old, err := oneProject(ctx, tx, t, project)
		if err != nil {
			return err
		}
		out = old
		if c.Name != nil {
			out.Name = *c.Name
		}
		if c.Archived != nil {
			out.Archived = *c.Archived
		}
		if out.Archived && out.ActiveKeys > 0 {
			return apperr.New(apperr.Conflict, "The project still has %d active keys. Revoke or disable them first.", out.ActiveKeys)
		}
		_, err = tx.Exec(ctx, `
			update project set name = $3, archived_at = case when $4 then coalesce(archived_at, now()) end
			where tenant_id = $1 and id = $2`, t, project, out.Name, out.Archived)
		if err != nil {
			return refused(err, "project")
		}
		return write(ctx, tx, t, by, "project.update", project.String(), audit.Detail{"name": out.Name, "archived": out.Archived})
	})
	return out, err
}
