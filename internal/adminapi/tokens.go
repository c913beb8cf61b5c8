package adminapi

import (
	"context"
	"time"

	"starlane/internal/adminapi/gen"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/identity"
	"starlane/internal/tenancy/tenant"
)

// TokenStore keeps API tokens by their digests.
type TokenStore interface {
	Tokens(ctx context.Context, t, owner id.ID, ask page.Ask) (page.List[identity.APIToken], error)
	CreateToken(ctx context.Context, by audit.Actor, k identity.APIToken, d identity.Digest) error
	RevokeToken(ctx context.Context, by audit.Actor, t, owner, token id.ID, now time.Time) error
}

func tokenToAPI(k *identity.APIToken) gen.ApiToken {
	return gen.ApiToken{
		Id: k.ID, Name: k.Name, UserId: k.UserID, UserEmail: k.UserEmail, CreatedAt: k.CreatedAt.UTC(), ExpiresAt: utc(k.ExpiresAt),
		RevokedAt: utc(k.RevokedAt), LastUsedAt: utc(k.LastUsedAt),
	}
}

// scope is the person whose tokens the caller may touch; Nil: everybody's.
func (p *principal) scope() id.ID {
	if p.can(tenant.TokensAll) {
		return id.Nil
	}
	return p.User.ID
}

// ListApiTokens lists tokens.
func (s *Server) ListApiTokens(ctx context.Context, r gen.ListApiTokensRequestObject) (gen.ListApiTokensResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	p := from(ctx)
	list, err := s.Tokens.Tokens(ctx, p.tenant, p.scope(), a)
	if err != nil {
		return nil, err
	}
	return gen.ListApiTokens200JSONResponse{Items: each(list.Items, tokenToAPI), NextCursor: next(list.Next)}, nil
}

// CreateApiToken makes a token that acts as the caller in the tenant, and shows it once.
func (s *Server) CreateApiToken(ctx context.Context, r gen.CreateApiTokenRequestObject) (gen.CreateApiTokenResponseObject, error) {
	p := from(ctx)
	if err := s.expiry(r.Body.ExpiresAt); err != nil {
		return nil, err
	}
	if !p.member() {
		return nil, apperr.New(apperr.Unprocessable, "You are not a member of this tenant; make the token in the platform tenant.")
	}
	secret := identity.NewToken()
	k := identity.APIToken{
		ID: id.New(), Tenant: p.tenant, UserID: p.User.ID, UserEmail: p.User.Email, Name: r.Body.Name, CreatedAt: s.Clock.Now(), ExpiresAt: r.Body.ExpiresAt,
	}
	if err := s.Tokens.CreateToken(ctx, p.Actor, k, identity.DigestOf(secret)); err != nil {
		return nil, err
	}
	a := tokenToAPI(&k)
	return gen.CreateApiToken201JSONResponse{
		Id: a.Id, Name: a.Name, UserId: a.UserId, UserEmail: a.UserEmail, CreatedAt: a.CreatedAt, ExpiresAt: a.ExpiresAt, RevokedAt: a.RevokedAt,
		LastUsedAt: a.LastUsedAt, Secret: secret.Reveal(),
	}, nil
}

// member tells whether the caller belongs to the tenant itself, rather than acting there for the platform.
func (p *principal) member() bool {
	for _, m := range p.Memberships {
		if m.TenantID == p.tenant {
			return true
		}
	}
	return false
}

// RevokeApiToken ends a token.
func (s *Server) RevokeApiToken(ctx context.Context, r gen.RevokeApiTokenRequestObject) (gen.RevokeApiTokenResponseObject, error) {
	p := from(ctx)
	if err := s.Tokens.RevokeToken(ctx, p.Actor, p.tenant, p.scope(), r.TokenId, s.Clock.Now()); err != nil {
		return nil, err
	}
	return gen.RevokeApiToken204Response{}, nil
}
