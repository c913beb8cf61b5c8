package adminapi

import (
	"context"
	"strings"

	"starlane/internal/adminapi/gen"
	"starlane/internal/catalog"
	"starlane/internal/catalog/credential"
	"starlane/internal/catalog/registry"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/platform/secret"
	"starlane/internal/tenancy/audit"
)

// RegistryStore keeps vendors, our accounts there and their credentials.
type RegistryStore interface {
	Providers(ctx context.Context, ask page.Ask) (page.List[registry.Provider], error)
	Provider(ctx context.Context, provider id.ID) (registry.Provider, error)
	CreateProvider(ctx context.Context, by audit.Actor, p registry.Provider) (registry.Provider, error)
	UpdateProvider(ctx context.Context, by audit.Actor, provider id.ID, name string, vendor *string) (registry.Provider, error)
	Accounts(ctx context.Context, provider id.ID, ask page.Ask) (page.List[registry.Account], error)
	Account(ctx context.Context, account id.ID) (registry.Account, error)
	CreateAccount(ctx context.Context, by audit.Actor, a registry.Account) (registry.Account, error)
	UpdateAccount(ctx context.Context, by audit.Actor, account id.ID, p registry.AccountPatch) (registry.Account, error)
	UpstreamKeys(ctx context.Context, account id.ID, ask page.Ask) (page.List[registry.UpstreamKey], error)
	CreateUpstreamKey(ctx context.Context, by audit.Actor, k registry.UpstreamKey, sealed []byte) (registry.UpstreamKey, error)
	UpdateUpstreamKey(ctx context.Context, by audit.Actor, key id.ID, name, state *string, weight *int) (registry.UpstreamKey, error)
	RevokeUpstreamKey(ctx context.Context, by audit.Actor, key id.ID) error
}

const defaultWeight = 100

func providerToAPI(p *registry.Provider) gen.Provider {
	return gen.Provider{Id: p.ID, Slug: p.Slug, Name: p.Name, Dialect: gen.Dialect(p.Dialect), Vendor: gen.Vendor(p.Vendor), Simulated: p.Simulated, CreatedAt: p.CreatedAt.UTC()}
}

// ListProviders lists vendors.
func (s *Server) ListProviders(ctx context.Context, r gen.ListProvidersRequestObject) (gen.ListProvidersResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Registry.Providers(ctx, a)
	if err != nil {
		return nil, err
	}
	return gen.ListProviders200JSONResponse{Items: each(list.Items, providerToAPI), NextCursor: next(list.Next)}, nil
}

// CreateProvider adds a vendor.
func (s *Server) CreateProvider(ctx context.Context, r gen.CreateProviderRequestObject) (gen.CreateProviderResponseObject, error) {
	b := r.Body
	p, err := s.Registry.CreateProvider(ctx, from(ctx).Actor, registry.Provider{
		ID: id.New(), Slug: b.Slug, Name: b.Name, Dialect: string(b.Dialect), Vendor: string(val(b.Vendor)), Simulated: val(b.Simulated),
	})
	if err != nil {
		return nil, err
	}
	return gen.CreateProvider201JSONResponse(providerToAPI(&p)), nil
}

// UpdateProvider renames a provider, or says whose dialect it speaks.
func (s *Server) UpdateProvider(ctx context.Context, r gen.UpdateProviderRequestObject) (gen.UpdateProviderResponseObject, error) {
	p, err := s.Registry.UpdateProvider(ctx, from(ctx).Actor, r.ProviderId, r.Body.Name, (*string)(r.Body.Vendor))
	if err != nil {
		return nil, err
	}
	return gen.UpdateProvider200JSONResponse(providerToAPI(&p)), nil
}

func accountToAPI(a *registry.Account) gen.Account {
	return gen.Account{
		Id: a.ID, ProviderId: a.Provider, Name: a.Name, BaseUrl: a.BaseURL, Region: a.Region, Project: a.Project, ApiVersion: a.APIVersion,
		State: gen.AccountState(a.State), CreatedAt: a.CreatedAt.UTC(),
	}
}

// ListAccounts lists accounts at vendors.
func (s *Server) ListAccounts(ctx context.Context, r gen.ListAccountsRequestObject) (gen.ListAccountsResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Registry.Accounts(ctx, idOf(r.Params.ProviderId), a)
	if err != nil {
		return nil, err
	}
	return gen.ListAccounts200JSONResponse{Items: each(list.Items, accountToAPI), NextCursor: next(list.Next)}, nil
}

// CreateAccount adds an account.
func (s *Server) CreateAccount(ctx context.Context, r gen.CreateAccountRequestObject) (gen.CreateAccountResponseObject, error) {
	b := r.Body
	p, err := s.Registry.Provider(ctx, b.ProviderId)
	if err != nil {
		return nil, dangling(err, "account")
	}
	place := catalog.Place{Region: val(b.Region), Project: val(b.Project), APIVersion: val(b.ApiVersion)}
	if err := place.Check(p.Dialect); err != nil {
		return nil, err
	}
	a, err := s.Registry.CreateAccount(ctx, from(ctx).Actor, registry.Account{ID: id.New(), Provider: b.ProviderId, Name: b.Name, BaseURL: b.BaseUrl, Place: place})
	if err != nil {
		return nil, err
	}
	return gen.CreateAccount201JSONResponse(accountToAPI(&a)), nil
}

// UpdateAccount changes or pauses an account.
func (s *Server) UpdateAccount(ctx context.Context, r gen.UpdateAccountRequestObject) (gen.UpdateAccountResponseObject, error) {
	b := r.Body
	have, err := s.Registry.Account(ctx, r.AccountId)
	if err != nil {
		return nil, err
	}
	p := registry.AccountPatch{Name: b.Name, BaseURL: b.BaseUrl, State: (*string)(b.State), Region: b.Region, Project: b.Project, APIVersion: b.ApiVersion}
	if b.Region != nil || b.Project != nil || b.ApiVersion != nil {
		if err := p.Apply(have).Check(have.Dialect); err != nil {
			return nil, err
		}
	}
	a, err := s.Registry.UpdateAccount(ctx, from(ctx).Actor, r.AccountId, p)
	if err != nil {
		return nil, err
	}
	return gen.UpdateAccount200JSONResponse(accountToAPI(&a)), nil
}

func upstreamToAPI(k *registry.UpstreamKey) gen.UpstreamKey {
	return gen.UpstreamKey{Id: k.ID, AccountId: k.Account, Name: k.Name, Hint: k.Hint, State: gen.UpstreamKeyState(k.State), Weight: k.Weight, CreatedAt: k.CreatedAt.UTC()}
}

// ListUpstreamKeys lists credentials without the credentials.
func (s *Server) ListUpstreamKeys(ctx context.Context, r gen.ListUpstreamKeysRequestObject) (gen.ListUpstreamKeysResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Registry.UpstreamKeys(ctx, idOf(r.Params.AccountId), a)
	if err != nil {
		return nil, err
	}
	return gen.ListUpstreamKeys200JSONResponse{Items: each(list.Items, upstreamToAPI), NextCursor: next(list.Next)}, nil
}

const hintLen = 4

// dangling says that what is to be made names something that does not exist.
func dangling(err error, what string) error {
	if apperr.Is(err, apperr.NotFound) {
		return apperr.Wrap(err, apperr.Unprocessable, "The %s names something that does not exist.", what)
	}
	return err
}

// CreateUpstreamKey seals a credential and stores it.
func (s *Server) CreateUpstreamKey(ctx context.Context, r gen.CreateUpstreamKeyRequestObject) (gen.CreateUpstreamKeyResponseObject, error) {
	b, plain := r.Body, strings.TrimSpace(val(r.Body.Secret))
	a, err := s.Registry.Account(ctx, b.AccountId)
	if err != nil {
		return nil, dangling(err, "upstream key")
	}
	if err := credential.Check(a.Dialect, plain); err != nil {
		return nil, err
	}
	k := registry.UpstreamKey{ID: id.New(), Account: b.AccountId, Name: b.Name, Hint: hint(a.Dialect, plain), Weight: defaultWeight}
	if b.Weight != nil {
		k.Weight = *b.Weight
	}
	sealed, err := s.Box.Seal(secret.New(plain), catalog.SealContext(k.ID))
	if err != nil {
		return nil, err
	}
	made, err := s.Registry.CreateUpstreamKey(ctx, from(ctx).Actor, k, sealed)
	if err != nil {
		return nil, err
	}
	return gen.CreateUpstreamKey201JSONResponse(upstreamToAPI(&made)), nil
}

// UpdateUpstreamKey renames, pauses or weighs a credential.
func (s *Server) UpdateUpstreamKey(ctx context.Context, r gen.UpdateUpstreamKeyRequestObject) (gen.UpdateUpstreamKeyResponseObject, error) {
	b := r.Body
	k, err := s.Registry.UpdateUpstreamKey(ctx, from(ctx).Actor, r.UpstreamKeyId, b.Name, (*string)(b.State), b.Weight)
	if err != nil {
		return nil, err
	}
	return gen.UpdateUpstreamKey200JSONResponse(upstreamToAPI(&k)), nil
}

// RevokeUpstreamKey ends the use of a credential.
func (s *Server) RevokeUpstreamKey(ctx context.Context, r gen.RevokeUpstreamKeyRequestObject) (gen.RevokeUpstreamKeyResponseObject, error) {
	if err := s.Registry.RevokeUpstreamKey(ctx, from(ctx).Actor, r.UpstreamKeyId); err != nil {
		return nil, err
	}
	return gen.RevokeUpstreamKey204Response{}, nil
}

// hint is what tells a key from others: its last characters, or what is no secret of it.
func hint(dialect, plain string) string {
	if strings.HasPrefix(dialect, "vertex") {
		if c, err := credential.ReadServiceAccount(plain); err == nil && len(c.PrivateKeyID) >= hintLen {
			return c.PrivateKeyID[len(c.PrivateKeyID)-hintLen:]
		}
	}
	if k, err := credential.ReadAWS(plain); strings.HasPrefix(dialect, "bedrock") && err == nil && len(k.AccessKeyID) >= hintLen {
		return k.AccessKeyID[len(k.AccessKeyID)-hintLen:]
	}
	return plain[len(plain)-hintLen:]
}
