package adminapi

import (
	"context"

	"starlane/internal/adminapi/gen"
	"starlane/internal/catalog/registry"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
)

// RoutingStore keeps deployments and routes.
type RoutingStore interface {
	Deployments(ctx context.Context, model string, account id.ID, ask page.Ask) (page.List[registry.Deployment], error)
	CreateDeployment(ctx context.Context, by audit.Actor, d registry.Deployment) (registry.Deployment, error)
	UpdateDeployment(ctx context.Context, by audit.Actor, deployment id.ID, state *string, weight *int) (registry.Deployment, error)
	Routes(ctx context.Context, ask page.Ask) (page.List[registry.Route], error)
	CreateRoute(ctx context.Context, by audit.Actor, n registry.Route) (registry.Route, error)
	ReplaceRoute(ctx context.Context, by audit.Actor, alias string, description *string, models []string) (registry.Route, error)
	DeleteRoute(ctx context.Context, by audit.Actor, alias string) error
}

const defaultRegion = "global"

func deploymentToAPI(d *registry.Deployment) gen.Deployment {
	return gen.Deployment{
		Id: d.ID, Model: d.Model, AccountId: d.Account, AccountName: d.AccountName, ProviderSlug: d.ProviderSlug, UpstreamModel: d.UpstreamModel,
		Region: d.Region, State: gen.DeploymentState(d.State), Weight: d.Weight, CreatedAt: d.CreatedAt.UTC(),
	}
}

// ListDeployments lists deployments.
func (s *Server) ListDeployments(ctx context.Context, r gen.ListDeploymentsRequestObject) (gen.ListDeploymentsResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Routing.Deployments(ctx, val(r.Params.Model), idOf(r.Params.AccountId), a)
	if err != nil {
		return nil, err
	}
	return gen.ListDeployments200JSONResponse{Items: each(list.Items, deploymentToAPI), NextCursor: next(list.Next)}, nil
}

// CreateDeployment adds a deployment.
func (s *Server) CreateDeployment(ctx context.Context, r gen.CreateDeploymentRequestObject) (gen.CreateDeploymentResponseObject, error) {
	b := r.Body
	d := registry.Deployment{ID: id.New(), Model: b.Model, Account: b.AccountId, UpstreamModel: b.UpstreamModel, Region: defaultRegion, Weight: defaultWeight}
	if b.Region != nil {
		d.Region = *b.Region
	}
	if b.Weight != nil {
		d.Weight = *b.Weight
	}
	made, err := s.Routing.CreateDeployment(ctx, from(ctx).Actor, d)
	if err != nil {
		return nil, err
	}
	return gen.CreateDeployment201JSONResponse(deploymentToAPI(&made)), nil
}

// UpdateDeployment drains, restores or weighs a deployment.
func (s *Server) UpdateDeployment(ctx context.Context, r gen.UpdateDeploymentRequestObject) (gen.UpdateDeploymentResponseObject, error) {
	d, err := s.Routing.UpdateDeployment(ctx, from(ctx).Actor, r.DeploymentId, (*string)(r.Body.State), r.Body.Weight)
	if err != nil {
		return nil, err
	}
	return gen.UpdateDeployment200JSONResponse(deploymentToAPI(&d)), nil
}

func routeToAPI(x *registry.Route) gen.Route {
	return gen.Route{Alias: x.Alias, Description: x.Description, Models: append([]string{}, x.Models...), CreatedAt: x.CreatedAt.UTC()}
}

// ListRoutes lists routes.
func (s *Server) ListRoutes(ctx context.Context, r gen.ListRoutesRequestObject) (gen.ListRoutesResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Routing.Routes(ctx, a)
	if err != nil {
		return nil, err
	}
	return gen.ListRoutes200JSONResponse{Items: each(list.Items, routeToAPI), NextCursor: next(list.Next)}, nil
}

// CreateRoute adds a route.
func (s *Server) CreateRoute(ctx context.Context, r gen.CreateRouteRequestObject) (gen.CreateRouteResponseObject, error) {
	b := r.Body
	x, err := s.Routing.CreateRoute(ctx, from(ctx).Actor, registry.Route{Alias: b.Alias, Description: val(b.Description), Models: texts(&b.Models)})
	if err != nil {
		return nil, err
	}
	return gen.CreateRoute201JSONResponse(routeToAPI(&x)), nil
}

// ReplaceRoute changes a route.
func (s *Server) ReplaceRoute(ctx context.Context, r gen.ReplaceRouteRequestObject) (gen.ReplaceRouteResponseObject, error) {
	x, err := s.Routing.ReplaceRoute(ctx, from(ctx).Actor, r.Alias, r.Body.Description, texts(&r.Body.Models))
	if err != nil {
		return nil, err
	}
	return gen.ReplaceRoute200JSONResponse(routeToAPI(&x)), nil
}

// DeleteRoute removes a route.
func (s *Server) DeleteRoute(ctx context.Context, r gen.DeleteRouteRequestObject) (gen.DeleteRouteResponseObject, error) {
	if err := s.Routing.DeleteRoute(ctx, from(ctx).Actor, r.Alias); err != nil {
		return nil, err
	}
	return gen.DeleteRoute204Response{}, nil
}
