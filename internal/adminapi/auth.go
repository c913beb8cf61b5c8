package adminapi

import (
	"context"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/obs"
	"starlane/internal/platform/secret"
	"starlane/internal/tenancy/identity"
	"starlane/internal/tenancy/tenant"
)

const (
	sessionCookie = "starlane_session"
	csrfHeader    = "X-Csrf-Token"
	tenantHeader  = "X-Starlane-Tenant"
)

// principal is a caller in the tenant it has chosen.
type principal struct {
	*identity.Caller
	tenant id.ID
	role   tenant.Role
	staff  tenant.Role // role in the platform tenant; empty for most
}

// can tells whether the caller may do something here. Staff keep their abilities in a tenant where they have a role too.
func (p *principal) can(a tenant.Ability) bool { return p.role.Can(a) || p.staff.Can(a) }

// in moves the caller to another tenant; to one that it does not belong to there is no way.
func (p *principal) in(t id.ID) (*principal, error) {
	role, ok := p.Role(t)
	if !ok {
		return nil, noTenant()
	}
	return &principal{Caller: p.Caller, tenant: t, role: role, staff: p.staff}, nil
}

func noTenant() error { return apperr.New(apperr.NotFound, "There is no such tenant.") }

type principalKey struct{}

// from returns who calls. The generated server leaves the context as the only way from the middleware to a handler; this
// is its only use.
func from(ctx context.Context) *principal {
	p, _ := ctx.Value(principalKey{}).(*principal)
	return p
}

// needs tells what the contract says of authentication: whether a caller may be anonymous, and whether only.
func needs(op *openapi3.Operation) (optional, none bool) {
	if op.Security == nil {
		return false, false
	}
	if len(*op.Security) == 0 {
		return true, true
	}
	return slices.ContainsFunc(*op.Security, func(r openapi3.SecurityRequirement) bool { return len(r) == 0 }), false
}

// authenticate finds out who calls and for which tenant.
func (s *Server) authenticate(c *gin.Context) {
	route := s.spec.route(c)
	if route == nil {
		s.problem(c, noSuchPath())
		return
	}
	optional, none := needs(route.Operation)
	if none {
		if !s.sameOrigin(c.Request) {
			s.problem(c, crossSite())
		}
		return
	}
	caller, err := s.caller(c)
	if err != nil {
		s.problem(c, err)
		return
	}
	if caller == nil {
		if !optional {
			s.problem(c, apperr.New(apperr.Unauthorized, "Sign in, or send an API token or access token."))
		}
		return
	}
	p, err := s.choose(c, caller)
	if err != nil {
		s.problem(c, err)
		return
	}
	ctx := context.WithValue(c.Request.Context(), principalKey{}, p)
	c.Request = c.Request.WithContext(obs.With(ctx, slog.String("tenant", p.tenant.String()), slog.String("actor", string(p.Actor))))
}

// caller proves the caller by header or by cookie; nil means that there is neither. A cookie comes along by itself, so what
// changes something must also show that it was meant.
func (s *Server) caller(c *gin.Context) (*identity.Caller, error) {
	if h := c.GetHeader("Authorization"); h != "" {
		scheme, token, ok := strings.Cut(h, " ")
		if !ok || !strings.EqualFold(scheme, "Bearer") {
			return nil, apperr.New(apperr.Unauthorized, "The Authorization header must read: Bearer, a space, and the token.")
		}
		return s.Identity.Bearer(c.Request.Context(), secret.New(strings.TrimSpace(token)))
	}
	cookie, err := c.Request.Cookie(sessionCookie)
	if err != nil || cookie.Value == "" {
		return nil, nil // nobody is a case of its own
	}
	caller, err := s.Identity.Session(c.Request.Context(), secret.New(cookie.Value))
	if err != nil {
		return nil, err
	}
	switch c.Request.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return caller, nil
	}
	if !s.sameOrigin(c.Request) {
		return nil, crossSite()
	}
	if subtle.ConstantTimeCompare([]byte(c.GetHeader(csrfHeader)), []byte(caller.CSRF)) != 1 {
		return nil, apperr.New(apperr.Forbidden, "The x-csrf-token header is missing or out of date; read it from /me.")
	}
	return caller, nil
}

func crossSite() error {
	return apperr.New(apperr.Forbidden, "Another site may not make this call in your name.")
}

// sameOrigin accepts calls without an Origin (not a browser, or a plain navigation) and those of the console itself.
func (s *Server) sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" || origin == s.origin {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == r.Host
}

func (s *Server) choose(c *gin.Context, caller *identity.Caller) (*principal, error) {
	p := &principal{Caller: caller}
	if role, ok := caller.Role(id.Nil); ok && role.Staff() {
		p.staff = role
	}
	if wanted := c.GetHeader(tenantHeader); wanted != "" {
		t, err := id.Parse(wanted)
		if err != nil {
			return nil, &invalid{message: "X-Starlane-Tenant is not an id.", parts: []part{{tenantHeader, "want a UUID"}}}
		}
		return p.in(t)
	}
	t, ok := caller.Default()
	if !ok {
		return nil, apperr.New(apperr.Forbidden, "You do not belong to any tenant.")
	}
	return p.in(t)
}

// sessionHeader is the Set-Cookie value that opens a session, or ends it when the value is empty.
func (s *Server) sessionHeader(value secret.String, expires time.Time) string {
	c := http.Cookie{ //nolint:gosec // Secure follows the address that browsers use: plain http works on loopback only
		Name: sessionCookie, Value: value.Reveal(), Path: "/", HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode, Expires: expires,
	}
	if value.Empty() {
		c.MaxAge = -1
	}
	return c.String()
}
