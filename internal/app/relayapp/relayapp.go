// Package relayapp puts the relay together: it is the only place where its stores, its log, its upstreams and its routes meet.
package relayapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"starlane/internal/platform/clock"
	"starlane/internal/platform/config"
	"starlane/internal/platform/httpserver"
	"starlane/internal/platform/obs"
	"starlane/internal/platform/secret"
	"starlane/internal/relay"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/ways"
	"starlane/internal/relay/lease"
	"starlane/internal/relay/media"
	"starlane/internal/relay/responsestore"
	"starlane/internal/relay/snapshot"
	"starlane/internal/relay/spool"
	"starlane/internal/relay/tokencount"
	"starlane/internal/relay/upstream"
	"starlane/internal/relay/vault"
	"starlane/internal/relayapi"
	redisstore "starlane/internal/store/redis"
	"starlane/internal/tenancy/vkey"
)

const (
	redisTimeout = 2 * time.Second
	settleLimit  = 5 * time.Second  // for calls to settle once their connections are closed
	staleAfter   = 15 * time.Second // without news from Redis the relay is not ready
)

// app is a relay with its log and its connections open.
type app struct {
	cfg      *config.Config
	log      *slog.Logger
	reg      *prometheus.Registry
	redis    *redisstore.Store
	spool    *spool.Log
	leases   *lease.Manager
	watcher  *snapshot.Watcher
	sender   *upstream.Client
	pipeline *relay.Pipeline
	bodies   *body.Pool
	formats  *ways.Formats
	vault    *vault.Vault // nil if nothing is kept
	stored   *responsestore.Store
}

// Run serves until ctx ends, lets running calls finish, and returns when all of them are settled and logged.
func Run(ctx context.Context, cfg *config.Config, logTo io.Writer) error {
	a := &app{cfg: cfg, log: obs.Logger(logTo, cfg.LogLevel, "relay"), reg: obs.NewRegistry()}
	if err := a.open(); err != nil {
		return errors.Join(err, a.close())
	}
	return errors.Join(a.serve(ctx), a.close())
}

func (a *app) open() error {
	limitMemory(a.log)
	redisstore.RouteDriverLog(a.log)
	var err error
	rc := &a.cfg.Relay
	if a.redis, err = redisstore.Open(a.cfg.RedisURL, redisstore.Options{Name: "relay:" + rc.ID, Timeout: redisTimeout}); err != nil {
		return err
	}
	if a.spool, err = spool.Open(spool.Options{
		Dir: rc.SpoolDir, Relay: rc.ID, MaxBytes: rc.SpoolMaxBytes, SyncEvery: rc.SpoolSync, Clock: clock.System{}, Logger: a.log, Streams: a.redis,
	}); err != nil {
		return err
	}
	a.leases = lease.New(lease.Options{
		Relay: fmt.Sprintf("%s:%d", rc.ID, a.spool.Boot()), Clock: clock.System{}, Logger: a.log, Store: a.redis, Logged: a.spool.Logged,
	})
	a.watcher = snapshot.New(snapshot.Options{Source: a.redis, Path: filepath.Join(rc.SpoolDir, "snapshot.json"), Clock: clock.System{}, Logger: a.log})
	a.spool.Register(a.reg)
	a.watcher.Register(a.reg)
	a.bodies = body.NewPool(rc.MaxBodiesBytes, rc.MaxBodyBytes)
	a.formats = ways.New()
	return a.buildPipeline()
}

func (a *app) buildPipeline() error {
	box, err := secret.NewBox(a.cfg.MasterKey)
	if err != nil {
		return err
	}
	hasher, err := vkey.NewHasher(a.cfg.KeyPepper)
	if err != nil {
		return err
	}
	rc := &a.cfg.Relay
	a.sender = upstream.New(box, rc.AllowPrivate)
	a.stored = responsestore.New(responsestore.Options{Backend: a.redis, Box: box, PerTenant: rc.ResponsesMaxBytes, Logger: a.log})
	a.pipeline, err = relay.New(relay.Deps{
		Keys: a.watcher, Hasher: hasher, Admitter: a.leases, Log: a.spool, Catalog: a.watcher.Catalog, Sender: a.sender, Dialer: a.sender, Bodies: a.bodies,
		Tokens: tokencount.Named{Counter: tokencount.New()}, Clock: clock.System{}, Logger: a.log, Metrics: relay.NewMetrics(a.reg, a.bodies),
		Timeouts: relay.Timeouts{
			Request: rc.RequestTimeout, Header: rc.UpstreamTimeout, Idle: rc.IdleTimeout, Heartbeat: rc.Heartbeat,
			Session: rc.SessionTime, Quiet: rc.SessionIdle,
		},
		Egress: a.formats.Registry(a.keeper(box)), Media: a.media(),
	})
	return err
}

// media gets what stands at addresses, or nobody does.
func (a *app) media() relay.MediaFetcher {
	if a.cfg.Relay.MediaFetch == "off" {
		return nil
	}
	return media.New(a.bodies, false) // whatever upstreams may be private
}

// keeper is the vault, or none where nothing may be kept.
func (a *app) keeper(box *secret.Box) dialect.Keeper {
	if a.cfg.Relay.VaultTTL <= 0 {
		return nil
	}
	a.vault = vault.New(vault.Options{Store: a.redis, Box: box, TTL: a.cfg.Relay.VaultTTL, Clock: clock.System{}, Logger: a.log})
	return a.vault
}

func (a *app) health() *httpserver.Health {
	return httpserver.NewHealth(map[string]httpserver.Check{
		"catalog": a.watcher.Ready,
		"redis": func(context.Context) error {
			if a.watcher.Age() > staleAfter {
				return errors.New("nothing was heard from Redis for a while")
			}
			return nil
		},
		"usage_log": func(context.Context) error {
			if a.spool.Stats().Failing {
				return errors.New("the disk does not take usage records")
			}
			return nil
		},
	})
}

// serve runs the background work for as long as calls run: it ends after the last of them is settled.
func (a *app) serve(ctx context.Context) error {
	rc := &a.cfg.Relay
	health := a.health()
	public := relayapi.New(relayapi.Deps{ //nolint:contextcheck // each request brings its own context
		Pipeline: a.pipeline, Catalog: a.watcher.Catalog, Chat: a.formats.Chat, Embeddings: a.formats.Embeddings, Messages: a.formats.Messages, Responses: a.formats.Responses, Stored: a.stored, Bodies: a.bodies, MaxBody: rc.MaxBodyBytes,
		Completions: a.formats.Completions, Moderations: a.formats.Moderations, Rerank: a.formats.Rerank,
		Health: health, CORSOrigins: rc.CORSOrigins, Clock: clock.System{}, Logger: a.log,
	})
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, background := errgroup.WithContext(background)
	duties := []func(context.Context) error{a.spool.Run, a.leases.Run, a.watcher.Run}
	if a.vault != nil {
		duties = append(duties, a.vault.Run)
	}
	for _, run := range duties {
		group.Go(func() error { return run(background) })
	}
	a.log.InfoContext(ctx, "relay is up", "id", rc.ID, "public", rc.Listen, "private", rc.PrivateListen, "boot", a.spool.Boot())
	// Connections of sessions are no longer the server's: they are told beside it, and have the same time.
	undo := context.AfterFunc(ctx, func() { a.pipeline.Drain(rc.DrainTimeout) })
	defer undo()
	err := httpserver.Serve(ctx, health, rc.DrainTimeout,
		httpserver.Listener{Name: "relay", Addr: rc.Listen, Handler: public},
		httpserver.Listener{Name: "private", Addr: rc.PrivateListen, Handler: httpserver.Private(a.reg, health)})
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), rc.DrainTimeout+settleLimit)
	defer cancel()
	if waited := a.pipeline.Wait(settle); waited != nil {
		err = errors.Join(err, errors.New("some calls did not settle; the next start settles them as estimates"))
	}
	stop()
	err = errors.Join(err, group.Wait())
	a.log.InfoContext(ctx, "relay has stopped")
	return err
}

func (a *app) close() error {
	var errs []error
	if a.sender != nil {
		a.sender.Close()
	}
	if a.spool != nil {
		errs = append(errs, a.spool.Close())
	}
	if a.redis != nil {
		errs = append(errs, a.redis.Close())
	}
	return errors.Join(errs...)
}
