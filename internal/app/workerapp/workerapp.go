// Package workerapp puts the worker together: it is the only place where its stores, Redis, Stripe and its loops meet.
package workerapp

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"starlane/internal/billing/credit"
	"starlane/internal/billing/ledger"
	"starlane/internal/billing/metering"
	"starlane/internal/billing/payments"
	"starlane/internal/catalog/publish"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/config"
	"starlane/internal/platform/httpserver"
	"starlane/internal/platform/obs"
	"starlane/internal/store/postgres"
	redisstore "starlane/internal/store/redis"
	"starlane/internal/worker"
)

const (
	drain      = 5 * time.Second // of the private listener
	wishers    = 2               // relays that are answered at once
	startLimit = time.Minute     // for Postgres and Redis to come up
)

// App is a worker with its connections open.
type App struct {
	cfg   *config.Config
	log   *slog.Logger
	reg   *prometheus.Registry
	clock clock.Clock

	pool    *postgres.Pool
	redis   *redisstore.Store
	ledger  *postgres.Ledger
	meters  *postgres.Metering
	credit  *postgres.Credit
	leases  *postgres.Leases
	slicer  *credit.Slicer
	metrics *worker.Metrics
	gateway *payments.Gateway // nil: payments are switched off
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
	a := &App{cfg: cfg, log: obs.Logger(logTo, cfg.LogLevel, "worker"), reg: obs.NewRegistry(), clock: clock.System{}}
	var err error
	if a.pool, err = postgres.Open(ctx, cfg.DatabaseURL, postgres.Worker); err != nil {
		return nil, err
	}
	if a.redis, err = redisstore.Open(cfg.RedisURL, redisstore.Options{Name: "worker:" + cfg.Worker.ID}); err != nil {
		a.pool.Close()
		return nil, err
	}
	if err := a.wait(ctx); err != nil {
		a.close()
		return nil, err
	}
	a.ledger = postgres.NewLedger(a.pool)
	a.meters = postgres.NewMetering(a.ledger, int(crc32.ChecksumIEEE([]byte(cfg.Worker.ID))%ledger.RevenueShards))
	a.credit = postgres.NewCredit(a.ledger)
	a.leases = postgres.NewLeases(a.pool)
	a.slicer = credit.NewSlicer(a.credit, shelf{a.redis}, a.clock, a.log)
	a.metrics = worker.NewMetrics(a.reg)
	return a, nil
}

// wait gives both stores time to come up, and stops with a clear message if the schema is not the one of this binary.
func (a *App) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := a.redis.Wait(ctx); err != nil {
		return fmt.Errorf("wait for Redis: %w", err)
	}
	for {
		err := a.pool.Ping(ctx)
		if err == nil {
			break
		}
		if postgres.Code(err) != "" && postgres.Code(err)[:2] != "57" {
			return fmt.Errorf("connect to Postgres: %w", err) // an answer that waiting does not change
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for Postgres: %w", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
	return postgres.Migrated(ctx, a.pool)
}

func (a *App) close() {
	a.pool.Close()
	if a.gateway != nil {
		a.gateway.Close()
	}
	if err := a.redis.Close(); err != nil {
		a.log.Warn("closing Redis", slog.Any("error", err))
	}
}

func (a *App) serve(ctx context.Context) error {
	duties, err := a.duties()
	if err != nil {
		return err
	}
	consumer := worker.NewConsumer(worker.Config{Owner: a.cfg.Worker.ID, Batch: a.cfg.Worker.BatchSize, Linger: a.cfg.Worker.Linger}, worker.Deps{
		Stream: stream{a.redis}, Notices: stream{a.redis}, Meter: metering.New(a.meters, postgres.NewPrices(a.pool, a.clock)),
		Shards: a.leases, Watcher: a.slicer, Metrics: a.metrics, Log: a.log, Clock: a.clock,
	})
	scheduler := worker.NewScheduler(a.cfg.Worker.ID, a.leases, a.metrics, a.log, a.clock, duties...)
	health := httpserver.NewHealth(map[string]httpserver.Check{
		"postgres": a.pool.Ping,
		"redis":    a.redis.Ping,
	})
	publisher := publish.New(postgres.NewSnapshots(a.pool), a.redis, a.log)

	a.log.InfoContext(ctx, "worker is up", slog.String("id", a.cfg.Worker.ID), slog.String("private", a.cfg.Worker.PrivateListen))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return httpserver.Serve(ctx, health, drain, httpserver.Listener{
			Name: "private", Addr: a.cfg.Worker.PrivateListen, Handler: httpserver.Private(a.reg, health),
		})
	})
	group.Go(func() error { return consumer.Run(ctx) })
	group.Go(func() error { return scheduler.Run(ctx) })
	group.Go(func() error { return publisher.Run(ctx) })
	group.Go(func() error { return a.slicer.RunRefresh(ctx) })
	for range wishers {
		group.Go(func() error { return a.slicer.Run(ctx) })
	}
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	a.log.Info("worker has stopped")
	return nil
}
