package adminapi

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"starlane/internal/adminapi/gen"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/identity"
	"starlane/internal/tenancy/tenant"
)

// source is the network address that failed sign-ins are counted for.
func source(ctx context.Context) string {
	c, ok := ctx.(*gin.Context)
	if !ok {
		return ""
	}
	return c.ClientIP()
}

// Login opens a session.
func (s *Server) Login(ctx context.Context, r gen.LoginRequestObject) (gen.LoginResponseObject, error) {
	caller, cookie, expires, err := s.Identity.Login(ctx, r.Body.Email, secret.New(val(r.Body.Password)), source(ctx))
	if err != nil {
		return nil, err
	}
	t, ok := caller.Default()
	if !ok {
		return nil, apperr.New(apperr.Forbidden, "You do not belong to any tenant.")
	}
	me, err := s.me(ctx, caller, t)
	if err != nil {
		return nil, err
	}
	return gen.Login200JSONResponse{Body: me, Headers: gen.Login200ResponseHeaders{SetCookie: ptr(s.sessionHeader(cookie, expires))}}, nil
}

// Logout ends the session.
func (s *Server) Logout(ctx context.Context, _ gen.LogoutRequestObject) (gen.LogoutResponseObject, error) {
	p := from(ctx)
	if p.Method != identity.ByCookie {
		return nil, apperr.New(apperr.InvalidRequest, "Only a session can be ended; revoke an API token instead.")
	}
	if err := s.Identity.Logout(ctx, p.Caller); err != nil {
		return nil, err
	}
	return gen.Logout204Response{Headers: gen.Logout204ResponseHeaders{SetCookie: ptr(s.sessionHeader(secret.String{}, time.Unix(1, 0)))}}, nil
}

// CreateAccessToken signs a short-lived token for a person or for the caller.
func (s *Server) CreateAccessToken(ctx context.Context, r gen.CreateAccessTokenRequestObject) (gen.CreateAccessTokenResponseObject, error) {
	var caller *identity.Caller
	if r.Body != nil && (r.Body.Email != nil || r.Body.Password != nil) {
		var err error
		if caller, err = s.Identity.Password(ctx, val(r.Body.Email), secret.New(val(r.Body.Password)), source(ctx)); err != nil {
			return nil, err
		}
	} else {
		p := from(ctx)
		if p == nil {
			return nil, apperr.New(apperr.Unauthorized, "Send email and password, or your session or API token.")
		}
		if p.Method == identity.ByAccess {
			return nil, apperr.New(apperr.Forbidden, "An access token cannot make another one.")
		}
		caller = p.Caller
	}
	token, expires, err := s.Issuer.Issue(caller)
	if err != nil {
		return nil, err
	}
	return gen.CreateAccessToken200JSONResponse{
		AccessToken: token.Reveal(), TokenType: gen.Bearer, ExpiresIn: int(identity.AccessTTL.Seconds()), ExpiresAt: expires,
	}, nil
}

// PeopleStore changes what people say of themselves.
type PeopleStore interface {
	SetUserName(ctx context.Context, by audit.Actor, home, user id.ID, name string) error
	Tenant(ctx context.Context, t id.ID) (tenant.Tenant, error)
}

// me describes a caller in a tenant.
func (s *Server) me(ctx context.Context, caller *identity.Caller, t id.ID) (gen.Me, error) {
	p := &principal{Caller: caller}
	if role, ok := caller.Role(id.Nil); ok && role.Staff() {
		p.staff = role
	}
	p, err := p.in(t)
	if err != nil {
		return gen.Me{}, err
	}
	at, err := s.People.Tenant(ctx, t)
	if err != nil {
		return gen.Me{}, err
	}
	me := gen.Me{
		User:         gen.User{Id: caller.User.ID, Email: caller.User.Email, Name: caller.User.Name},
		Memberships:  each(caller.Memberships, membershipToAPI),
		Tenant:       tenantToAPI(&at),
		Role:         gen.Role(p.role),
		Operator:     p.staff != "",
		Abilities:    []gen.Ability{},
		RelayBaseUrl: s.RelayURL + "/v1",
		ConsoleUrl:   s.PublicURL,
		Demo:         s.Demo,
		Version:      s.Version,
	}
	for _, a := range tenant.Abilities() {
		if p.can(a) {
			me.Abilities = append(me.Abilities, gen.Ability(a))
		}
	}
	if caller.Method == identity.ByCookie {
		me.CsrfToken = &caller.CSRF
	}
	return me, nil
}

func membershipToAPI(m *tenant.Membership) gen.Membership {
	return gen.Membership{TenantId: m.TenantID, TenantName: m.TenantName, TenantStatus: gen.TenantStatus(m.TenantStatus), Role: gen.Role(m.Role)}
}

// GetMe describes the caller.
func (s *Server) GetMe(ctx context.Context, _ gen.GetMeRequestObject) (gen.GetMeResponseObject, error) {
	p := from(ctx)
	me, err := s.me(ctx, p.Caller, p.tenant)
	if err != nil {
		return nil, err
	}
	return gen.GetMe200JSONResponse(me), nil
}

// UpdateMe renames the caller.
func (s *Server) UpdateMe(ctx context.Context, r gen.UpdateMeRequestObject) (gen.UpdateMeResponseObject, error) {
	p := from(ctx)
	if err := s.People.SetUserName(ctx, p.Actor, p.tenant, p.User.ID, r.Body.Name); err != nil {
		return nil, err
	}
	p.User.Name = r.Body.Name
	me, err := s.me(ctx, p.Caller, p.tenant)
	if err != nil {
		return nil, err
	}
	return gen.UpdateMe200JSONResponse(me), nil
}

// ChangePassword replaces the caller's password. A token cannot: whoever finds one must not become its owner.
func (s *Server) ChangePassword(ctx context.Context, r gen.ChangePasswordRequestObject) (gen.ChangePasswordResponseObject, error) {
	p := from(ctx)
	if p.Method != identity.ByCookie {
		return nil, apperr.New(apperr.Forbidden, "Sign in to change the password.")
	}
	err := s.Identity.ChangePassword(ctx, p.Caller, secret.New(val(r.Body.CurrentPassword)), secret.New(val(r.Body.NewPassword)))
	if err != nil {
		return nil, err
	}
	return gen.ChangePassword204Response{}, nil
}
