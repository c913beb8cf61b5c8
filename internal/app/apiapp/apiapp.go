// Package apiapp puts the api together: stores, Redis, Stripe, the admin API and the publisher meet here and nowhere else.
package apiapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"starlane/internal/adminapi"
	"starlane/internal/catalog/publish"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/config"
	"starlane/internal/platform/httpserver"
	"starlane/internal/platform/obs"
	"starlane/internal/platform/secret"
	"starlane/internal/store/postgres"
	redisstore "starlane/internal/store/redis"
	"starlane/internal/tenancy/identity"
	"starlane/internal/tenancy/vkey"
	"starlane/web"
)

const (
	drain      = 10 * time.Second
	startLimit = time.Minute // for Postgres and Redis to come up
)

// codeNoRole is what Postgres says when it does not know the role of the api, which the first migration makes.
const codeNoRole = "22023"

// App is an api with its connections open.
type App struct {
	cfg   *config.Config
	log   *slog.Logger
	clock clock.Clock

	pool     *postgres.Pool
	redis    *redisstore.Store
	payments *processor
	tenancy  *postgres.Tenancy
}

// Run serves until ctx ends.
func Run(ctx context.Context, cfg *config.Config) error {
	a, err := open(ctx, cfg, os.Stderr)
	if err != nil {
		return err
	}
	defer a.close()
	return a.serve(ctx)
}

func open(ctx context.Context, cfg *config.Config, logTo io.Writer) (*App, error) {
	a := &App{cfg: cfg, log: obs.Logger(logTo, cfg.LogLevel, "api"), clock: clock.System{}}
	var err error
	if a.pool, err = postgres.Open(ctx, cfg.DatabaseURL, postgres.API); err != nil {
		return nil, err
	}
	if a.redis, err = redisstore.Open(cfg.RedisURL, redisstore.Options{Name: "api"}); err != nil {
		a.pool.Close()
		return nil, err
	}
	a.tenancy = postgres.NewTenancy(a.pool)
	if a.payments, err = newProcessor(cfg, a.log); err == nil {
		err = a.wait(ctx)
	}
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// wait lets Postgres and Redis come up, as all may be started at once, and refuses a schema that is older than this binary.
func (a *App) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := a.pool.Ping(ctx)
		if err == nil {
			break
		}
		if postgres.Code(err) == codeNoRole {
			return errors.New("the database has no schema yet: run `api migrate`")
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	if err := postgres.Migrated(ctx, a.pool); err != nil {
		return err
	}
	return a.redis.Wait(ctx)
}

func (a *App) close() {
	a.pool.Close()
	if a.payments != nil {
		a.payments.close()
	}
	if err := a.redis.Close(); err != nil {
		a.log.Warn("redis connection did not close", "error", err.Error())
	}
}

func (a *App) serve(ctx context.Context) error {
	reg := obs.NewRegistry()
	health := httpserver.NewHealth(map[string]httpserver.Check{"postgres": a.pool.Ping, "redis": a.redis.Ping})
	handler, err := a.handler(ctx, health, reg)
	if err != nil {
		return err
	}
	publisher := publish.New(postgres.NewSnapshots(a.pool), a.redis, a.log)
	a.log.InfoContext(ctx, "api is up", "listen", a.cfg.API.Listen, "private", a.cfg.API.PrivateListen, "payments", a.payments.on())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return httpserver.Serve(ctx, health, drain,
			httpserver.Listener{Name: "api", Addr: a.cfg.API.Listen, Handler: handler},
			httpserver.Listener{Name: "private", Addr: a.cfg.API.PrivateListen, Handler: httpserver.Private(reg, health)})
	})
	group.Go(func() error { return publisher.Run(ctx) })
	group.Go(func() error { return a.payments.keepEndpoint(ctx) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (a *App) identity(ctx context.Context) (*identity.Service, *identity.Hasher, *identity.Issuer, error) {
	hasher, err := identity.NewHasher(ctx, runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("passwords: %w", err)
	}
	issuer, err := identity.NewIssuer(a.cfg.API.JWTKey, a.clock)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("STARLANE_JWT_KEY: %w", err)
	}
	service, err := identity.New(identity.Deps{Store: a.tenancy, Hasher: hasher, Issuer: issuer, Clock: a.clock, SessionTTL: a.cfg.API.SessionTTL})
	return service, hasher, issuer, err
}

func (a *App) handler(ctx context.Context, health *httpserver.Health, reg prometheus.Registerer) (http.Handler, error) {
	service, hasher, issuer, err := a.identity(ctx)
	if err != nil {
		return nil, err
	}
	box, err := secret.NewBox(a.cfg.MasterKey)
	if err != nil {
		return nil, fmt.Errorf("STARLANE_MASTER_KEY: %w", err)
	}
	keys, err := vkey.NewHasher(a.cfg.KeyPepper)
	if err != nil {
		return nil, fmt.Errorf("STARLANE_KEY_PEPPER: %w", err)
	}
	registry, statements := postgres.NewRegistry(a.pool), postgres.NewStatements(a.pool)
	console, built := web.Dist()
	if !built {
		a.log.WarnContext(ctx, "this binary carries no console; build it with the tag console")
	}
	server, err := adminapi.New(adminapi.Deps{
		Identity: service, Hasher: hasher, Issuer: issuer, Keys: keys, Box: box,
		People: a.tenancy, Tenants: a.tenancy, Projects: a.tenancy, Members: a.tenancy, VKeys: a.tenancy, Tokens: a.tenancy, Audit: a.tenancy, Once: a.tenancy,
		Registry: registry, Routing: registry, Prices: registry, Models: registry,
		Statements: statements, Invoices: statements, Operations: statements,
		Fleet: fleet{a.redis}, Credit: &creditDesk{app: a, store: postgres.NewCredit(postgres.NewLedger(a.pool))}, Webhook: &webhookDesk{a.payments, statements},
		Health: health, Console: console, Clock: a.clock, Log: a.log, Metrics: adminapi.NewMetrics(reg),
		PublicURL: a.cfg.API.PublicURL, RelayURL: a.cfg.API.RelayURL, Proxies: a.cfg.API.Proxies, Version: version(), Demo: a.cfg.DemoMode,
	})
	if err != nil {
		return nil, err
	}
	return server.Handler() //nolint:contextcheck // each request brings its own context
}

// version is the one that the build was made from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
