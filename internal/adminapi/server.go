// Package adminapi is the HTTP edge of the console and of automation: the contract in openapi.yaml, the server generated
// from it (gen), thin handlers by tag, and beside them the console's files, the reference page and the webhook of the
// payment processor.
package adminapi

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"starlane/internal/adminapi/gen"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/httpserver"
	"starlane/internal/platform/secret"
	"starlane/internal/tenancy/identity"
	"starlane/internal/tenancy/vkey"
)

//go:generate sh -c "cd ../.. && go tool -modfile=internal/tools/go.mod oapi-codegen -config internal/adminapi/gen/oapi-codegen.yaml internal/adminapi/openapi.yaml"

// Base is the path that all operations of the contract are under.
const Base = "/api/v1"

// maxBody bounds the bodies of the admin API.
const maxBody = 1 << 20

// Deps is everything that the edge works with. All of it is needed.
type Deps struct {
	Identity   *identity.Service
	Hasher     *identity.Hasher
	Issuer     *identity.Issuer
	Keys       *vkey.Hasher
	Box        *secret.Box // seals upstream keys and kept answers
	People     PeopleStore
	Tenants    TenantStore
	Projects   ProjectStore
	Members    MemberStore
	VKeys      KeyStore
	Tokens     TokenStore
	Audit      AuditStore
	Once       OnceStore
	Registry   RegistryStore
	Routing    RoutingStore
	Prices     PriceStore
	Models     ModelStore
	Statements StatementStore
	Invoices   InvoiceStore
	Operations OperationStore
	Fleet      Fleet
	Credit     Credit
	Webhook    Webhook
	Health     *httpserver.Health
	Console    fs.FS
	Clock      clock.Clock
	Log        *slog.Logger
	Metrics    *Metrics
	PublicURL  string   // where browsers reach the console
	RelayURL   string   // where clients reach the relay, without /v1
	Proxies    []string // networks whose X-Forwarded-For is believed
	Version    string
	Demo       bool
}

// Server answers the operations of the contract.
type Server struct {
	Deps
	spec   *spec
	origin string
	secure bool // cookies only over TLS
}

var _ gen.StrictServerInterface = (*Server)(nil)

// New checks the dependencies and the contract.
func New(d Deps) (*Server, error) {
	for _, ok := range []bool{
		d.Identity != nil, d.Hasher != nil, d.Issuer != nil, d.Keys != nil, d.Box != nil, d.People != nil, d.Tenants != nil, d.Projects != nil,
		d.Members != nil, d.VKeys != nil, d.Tokens != nil, d.Audit != nil, d.Once != nil, d.Registry != nil, d.Routing != nil, d.Prices != nil,
		d.Models != nil, d.Statements != nil, d.Invoices != nil, d.Operations != nil, d.Fleet != nil, d.Credit != nil, d.Webhook != nil,
		d.Health != nil, d.Console != nil, d.Clock != nil, d.Log != nil, d.Metrics != nil,
	} {
		if !ok {
			return nil, errors.New("admin api: a dependency is missing")
		}
	}
	sp, err := loadSpec()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(d.PublicURL)
	if err != nil || u.Host == "" {
		return nil, errors.New("admin api: the console's address is not one")
	}
	return &Server{Deps: d, spec: sp, origin: u.Scheme + "://" + u.Host, secure: u.Scheme == "https"}, nil
}

// Handler returns the public surface.
func (s *Server) Handler() (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.ContextWithFallback = true // handlers see the request's context through gin's
	e.UseRawPath = true          // names of models hold slashes, encoded as %2F
	e.UnescapePathValues = true
	e.HandleMethodNotAllowed = true // gin then also says in Allow what the path takes
	if err := e.SetTrustedProxies(s.Proxies); err != nil {
		return nil, fmt.Errorf("STARLANE_TRUSTED_PROXIES: %w", err)
	}
	e.Use(s.observe, s.recover, securityHeaders)
	e.GET("/healthz", gin.WrapF(s.Health.Live))
	e.GET("/readyz", gin.WrapF(s.Health.Ready))
	e.GET("/api/openapi.yaml", s.serveSpec)
	if err := s.mountDocs(e); err != nil {
		return nil, err
	}
	e.POST("/webhooks/stripe", s.stripeWebhook)

	api := e.Group(Base, limitBody, s.authenticate, s.validate, s.once)
	strict := gen.NewStrictHandlerWithOptions(s, []gen.StrictMiddlewareFunc{s.authorize}, gen.StrictGinServerOptions{
		RequestErrorHandlerFunc:  func(c *gin.Context, err error) { s.problem(c, badBody(err)) },
		HandlerErrorFunc:         s.problem,
		ResponseErrorHandlerFunc: s.problem,
	})
	gen.RegisterHandlersWithOptions(api, strict, gen.GinServerOptions{
		ErrorHandler: func(c *gin.Context, err error, _ int) { s.problem(c, badParam(err)) },
	})
	console, err := newConsole(s.Console, s.RelayURL)
	if err != nil {
		return nil, err
	}
	e.NoRoute(func(c *gin.Context) {
		if p := c.Request.URL.Path; strings.HasPrefix(p, "/api/") || strings.HasPrefix(p, "/webhooks/") {
			s.problem(c, noSuchPath())
			return
		}
		console.serve(c)
	})
	e.NoMethod(func(c *gin.Context) {
		s.refuse(c, http.StatusMethodNotAllowed, noSuchMethod(), nil)
	})
	return e, nil
}

func limitBody(c *gin.Context) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBody)
}

func securityHeaders(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	if strings.HasPrefix(c.Request.URL.Path, "/api/") {
		h.Set("Cache-Control", "no-store")
	}
}
