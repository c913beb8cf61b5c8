package adminapi

import (
	"context"
	"time"

	"starlane/internal/adminapi/gen"
	"starlane/internal/catalog/registry"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/tenant"
)

// ModelStore keeps models.
type ModelStore interface {
	Models(ctx context.Context, t id.ID, all bool, text string, now time.Time, ask page.Ask) (page.List[registry.Model], error)
	Model(ctx context.Context, t id.ID, all bool, name string, now time.Time) (registry.Model, error)
	CreateModel(ctx context.Context, by audit.Actor, m registry.Model, now time.Time) (registry.Model, error)
	UpdateModel(ctx context.Context, by audit.Actor, name string, now time.Time, edit func(registry.Model) registry.Model) (registry.Model, error)
}

func modelToAPI(m *registry.Model) gen.Model {
	out := gen.Model{
		Name: m.Name, DisplayName: m.DisplayName, Description: m.Description, Capabilities: append([]string{}, m.Capabilities...),
		Features: append([]string{}, m.Features...), ContextLength: m.ContextLength, MaxOutput: m.MaxOutput, Tokenizer: m.Tokenizer,
		State: gen.ModelState(m.State), Aliases: append([]string{}, m.Aliases...), Available: m.Available, Simulated: m.Simulated, CreatedAt: m.CreatedAt.UTC(),
	}
	if p := m.Price; p != nil {
		out.Price = &gen.ModelPrice{VersionId: p.Version, ValidFrom: p.ValidFrom.UTC(), Contract: p.Contract, Rates: ratesToAPI(p.Rates)}
	}
	return out
}

// ListModels lists models with what they cost the tenant.
func (s *Server) ListModels(ctx context.Context, r gen.ListModelsRequestObject) (gen.ListModelsResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	p := from(ctx)
	list, err := s.Models.Models(ctx, p.tenant, p.can(tenant.CatalogRead), val(r.Params.Q), s.Clock.Now(), a)
	if err != nil {
		return nil, err
	}
	return gen.ListModels200JSONResponse{Items: each(list.Items, modelToAPI), NextCursor: next(list.Next)}, nil
}

// GetModel reads a model.
func (s *Server) GetModel(ctx context.Context, r gen.GetModelRequestObject) (gen.GetModelResponseObject, error) {
	p := from(ctx)
	m, err := s.Models.Model(ctx, p.tenant, p.can(tenant.CatalogRead), r.Name, s.Clock.Now())
	if err != nil {
		return nil, err
	}
	return gen.GetModel200JSONResponse(modelToAPI(&m)), nil
}

// CreateModel adds a model.
func (s *Server) CreateModel(ctx context.Context, r gen.CreateModelRequestObject) (gen.CreateModelResponseObject, error) {
	b := r.Body
	m := registry.Model{
		Name: b.Name, DisplayName: b.DisplayName, Description: val(b.Description), Capabilities: texts(&b.Capabilities), Features: texts(b.Features),
		ContextLength: b.ContextLength, MaxOutput: b.MaxOutput, Tokenizer: "o200k_base", State: "active",
	}
	if b.Tokenizer != nil {
		m.Tokenizer = string(*b.Tokenizer)
	}
	if b.State != nil {
		m.State = string(*b.State)
	}
	made, err := s.Models.CreateModel(ctx, from(ctx).Actor, m, s.Clock.Now())
	if err != nil {
		return nil, err
	}
	return gen.CreateModel201JSONResponse(modelToAPI(&made)), nil
}

// UpdateModel changes a model.
func (s *Server) UpdateModel(ctx context.Context, r gen.UpdateModelRequestObject) (gen.UpdateModelResponseObject, error) {
	b := r.Body
	m, err := s.Models.UpdateModel(ctx, from(ctx).Actor, r.Name, s.Clock.Now(), func(m registry.Model) registry.Model {
		if b.DisplayName != nil {
			m.DisplayName = *b.DisplayName
		}
		if b.Description != nil {
			m.Description = *b.Description
		}
		if b.Capabilities != nil {
			m.Capabilities = texts(b.Capabilities)
		}
		if b.Features != nil {
			m.Features = texts(b.Features)
		}
		if b.ContextLength != nil {
			m.ContextLength = *b.ContextLength
		}
		if b.MaxOutput != nil {
			m.MaxOutput = *b.MaxOutput
		}
		if b.Tokenizer != nil {
			m.Tokenizer = string(*b.Tokenizer)
		}
		if b.State != nil {
			m.State = string(*b.State)
		}
		return m
	})
	if err != nil {
		return nil, err
	}
	return gen.UpdateModel200JSONResponse(modelToAPI(&m)), nil
}
