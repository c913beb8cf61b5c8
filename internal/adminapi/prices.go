package adminapi

import (
	"context"

	"starlane/internal/adminapi/gen"
	"starlane/internal/billing/money"
	"starlane/internal/catalog/registry"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
	"starlane/internal/usage"
)

// PriceStore keeps price books and their versions.
type PriceStore interface {
	PriceBooks(ctx context.Context, ask page.Ask) (page.List[registry.PriceBook], error)
	CreateContract(ctx context.Context, by audit.Actor, t id.ID, name string) (registry.PriceBook, error)
	PriceVersions(ctx context.Context, book int64, model string, ask page.Ask) (page.List[registry.PriceVersion], error)
	CreatePriceVersion(ctx context.Context, by audit.Actor, v registry.PriceVersion) (registry.PriceVersion, error)
}

func bookToAPI(b *registry.PriceBook) gen.PriceBook {
	return gen.PriceBook{Id: b.ID, Kind: gen.PriceBookKind(b.Kind), Name: b.Name, TenantId: b.Tenant, TenantName: b.TenantName, Currency: b.Currency}
}

func ratesToAPI(in map[string]money.Price) gen.Rates {
	out := gen.Rates{}
	for class, p := range in {
		out[class] = p.String()
	}
	return out
}

func versionToAPI(v *registry.PriceVersion) gen.PriceVersion {
	return gen.PriceVersion{
		Id: v.ID, PriceBookId: v.Book, Model: v.Model, ValidFrom: v.ValidFrom.UTC(), RecordedAt: v.RecordedAt.UTC(), Source: v.Source,
		ProposedBy: v.ProposedBy, Rates: ratesToAPI(v.Rates),
	}
}

// ListPriceBooks lists price books.
func (s *Server) ListPriceBooks(ctx context.Context, r gen.ListPriceBooksRequestObject) (gen.ListPriceBooksResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Prices.PriceBooks(ctx, a)
	if err != nil {
		return nil, err
	}
	return gen.ListPriceBooks200JSONResponse{Items: each(list.Items, bookToAPI), NextCursor: next(list.Next)}, nil
}

// CreatePriceBook adds the contract book of a tenant.
func (s *Server) CreatePriceBook(ctx context.Context, r gen.CreatePriceBookRequestObject) (gen.CreatePriceBookResponseObject, error) {
	if r.Body.TenantId == id.Nil {
		return nil, apperr.New(apperr.Unprocessable, "The platform has no contract with itself.").WithParam("/tenant_id")
	}
	b, err := s.Prices.CreateContract(ctx, from(ctx).Actor, r.Body.TenantId, r.Body.Name)
	if err != nil {
		return nil, err
	}
	return gen.CreatePriceBook201JSONResponse(bookToAPI(&b)), nil
}

// ListPriceVersions shows the history of prices.
func (s *Server) ListPriceVersions(ctx context.Context, r gen.ListPriceVersionsRequestObject) (gen.ListPriceVersionsResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Prices.PriceVersions(ctx, r.PriceBookId, val(r.Params.Model), a)
	if err != nil {
		return nil, err
	}
	return gen.ListPriceVersions200JSONResponse{Items: each(list.Items, versionToAPI), NextCursor: next(list.Next)}, nil
}

// CreatePriceVersion sets the prices of a model from a time on.
func (s *Server) CreatePriceVersion(ctx context.Context, r gen.CreatePriceVersionRequestObject) (gen.CreatePriceVersionResponseObject, error) {
	b, p := r.Body, from(ctx)
	v := registry.PriceVersion{Book: r.PriceBookId, Model: b.Model, ValidFrom: s.Clock.Now(), Source: val(b.Source), Rates: map[string]money.Price{}}
	if b.ValidFrom != nil {
		v.ValidFrom = *b.ValidFrom
	}
	if len(b.Rates) == 0 {
		return nil, apperr.New(apperr.InvalidRequest, "Give at least one rate; a free class is one with the rate 0.").WithParam("/rates")
	}
	for class, text := range b.Rates {
		at := "/rates/" + class
		if _, ok := usage.ParseClass(class); !ok {
			return nil, apperr.New(apperr.InvalidRequest, "%q is no token class.", class).WithParam(at)
		}
		price, err := money.ParsePrice(text)
		if err != nil {
			return nil, apperr.Wrap(err, apperr.InvalidRequest, "%q is not a price in USD per million units.", text).WithParam(at)
		}
		v.Rates[class] = price
	}
	made, err := s.Prices.CreatePriceVersion(ctx, p.Actor, v)
	if err != nil {
		return nil, err
	}
	return gen.CreatePriceVersion201JSONResponse(versionToAPI(&made)), nil
}
