package adminapi

import (
	"context"

	"starlane/internal/adminapi/gen"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/tenant"
)

// ProjectStore keeps projects.
type ProjectStore interface {
	Projects(ctx context.Context, t id.ID, archived bool, ask page.Ask) (page.List[tenant.Project], error)
	Project(ctx context.Context, t, project id.ID) (tenant.Project, error)
	CreateProject(ctx context.Context, by audit.Actor, t id.ID, name string) (tenant.Project, error)
	UpdateProject(ctx context.Context, by audit.Actor, t, project id.ID, c tenant.ProjectChange) (tenant.Project, error)
}

func projectToAPI(p *tenant.Project) gen.Project {
	return gen.Project{Id: p.ID, Name: p.Name, Archived: p.Archived, ActiveKeys: p.ActiveKeys, CreatedAt: p.CreatedAt.UTC()}
}

// ListProjects lists the projects of the tenant.
func (s *Server) ListProjects(ctx context.Context, r gen.ListProjectsRequestObject) (gen.ListProjectsResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Projects.Projects(ctx, from(ctx).tenant, val(r.Params.Archived), a)
	if err != nil {
		return nil, err
	}
	return gen.ListProjects200JSONResponse{Items: each(list.Items, projectToAPI), NextCursor: next(list.Next)}, nil
}

// GetProject reads a project.
func (s *Server) GetProject(ctx context.Context, r gen.GetProjectRequestObject) (gen.GetProjectResponseObject, error) {
	p, err := s.Projects.Project(ctx, from(ctx).tenant, r.ProjectId)
	if err != nil {
		return nil, err
	}
	return gen.GetProject200JSONResponse(projectToAPI(&p)), nil
}

// CreateProject makes a project.
func (s *Server) CreateProject(ctx context.Context, r gen.CreateProjectRequestObject) (gen.CreateProjectResponseObject, error) {
	p := from(ctx)
	made, err := s.Projects.CreateProject(ctx, p.Actor, p.tenant, r.Body.Name)
	if err != nil {
		return nil, err
	}
	return gen.CreateProject201JSONResponse(projectToAPI(&made)), nil
}

// UpdateProject renames, archives or restores a project.
func (s *Server) UpdateProject(ctx context.Context, r gen.UpdateProjectRequestObject) (gen.UpdateProjectResponseObject, error) {
	p := from(ctx)
	changed, err := s.Projects.UpdateProject(ctx, p.Actor, p.tenant, r.ProjectId, tenant.ProjectChange{Name: r.Body.Name, Archived: r.Body.Archived})
	if err != nil {
		return nil, err
	}
	return gen.UpdateProject200JSONResponse(projectToAPI(&changed)), nil
}
