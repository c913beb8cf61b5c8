// Package redisstore is everything that Starlane keeps in Redis: the usage streams, the slices of credit that relays lease,
// budgets and limits, published snapshots, watermarks and heartbeats. Redis is a transport and a cache, never the truth:
// all of it can be lost without losing money (the relays' logs and Postgres hold it).
//
// What must be atomic is a script under scripts/. Amounts are whole nano-USD; a script's numbers are doubles, exact up to
// 2⁵³, and usage.MaxAmount keeps every amount below that.
package redisstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
)

//go:embed scripts/*.lua
var scriptFiles embed.FS

// ErrUnavailable marks a failure to reach Redis, as opposed to an answer that refuses.
var ErrUnavailable = errors.New("redis is unavailable")

// Store is safe for use by many goroutines.
type Store struct {
	rdb     redis.UniversalClient
	scripts map[string]*redis.Script
}

// Options of a connection. The zero value suits api and worker.
type Options struct {
	Name     string        // shown in CLIENT LIST
	PoolSize int           // connections at most; 0: ten per processor
	Timeout  time.Duration // of a read or write; 0: 3 s
}

// Open prepares a client; it does not wait for the server, which may come later. See Ping. The URL may name several
// addresses (?addr=host:port) for a Redis Cluster.
func Open(url secret.String, o Options) (*Store, error) {
	if clusterURL(url.Reveal()) {
		opts, err := redis.ParseClusterURL(url.Reveal())
		if err != nil {
			return nil, errors.New("REDIS_URL: not a Redis address") // the cause could show the password
		}
		opts.ClientName, opts.PoolSize, opts.ReadTimeout, opts.WriteTimeout = o.Name, o.PoolSize, o.Timeout, o.Timeout
		return New(redis.NewClusterClient(opts))
	}
	opts, err := redis.ParseURL(url.Reveal())
	if err != nil {
		return nil, errors.New("REDIS_URL: not a Redis address")
	}
	opts.ClientName, opts.PoolSize, opts.ReadTimeout, opts.WriteTimeout = o.Name, o.PoolSize, o.Timeout, o.Timeout
	// A reply that did not come in time is not asked for again by the client: callers decide, on a deadline of theirs.
	opts.ContextTimeoutEnabled = true
	return New(redis.NewClient(opts))
}

func clusterURL(url string) bool { return strings.Contains(url, "addr=") }

// New wraps a client.
func New(rdb redis.UniversalClient) (*Store, error) {
	s := &Store{rdb: rdb, scripts: map[string]*redis.Script{}}
	files, err := scriptFiles.ReadDir("scripts")
	if err != nil {
		return nil, fmt.Errorf("read scripts: %w", err)
	}
	for _, f := range files {
		b, err := scriptFiles.ReadFile("scripts/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("read script %s: %w", f.Name(), err)
		}
		s.scripts[strings.TrimSuffix(f.Name(), ".lua")] = redis.NewScript(string(b))
	}
	return s, nil
}

// Close ends all connections.
func (s *Store) Close() error { return s.rdb.Close() }

// Ping tells whether Redis answers and has finished loading its data.
func (s *Store) Ping(ctx context.Context) error { return wrap("ping", s.rdb.Ping(ctx).Err()) }

// Wait pings until Redis answers or ctx ends. It is for the start of a process.
func (s *Store) Wait(ctx context.Context) error {
	delay := 20 * time.Millisecond
	for {
		err := s.Ping(ctx)
		if err == nil || !errors.Is(err, ErrUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(delay):
			delay = min(2*delay, time.Second)
		}
	}
}

// RunID names this life of the server process: it changes when Redis restarts or fails over. The worker then opens a new
// epoch, because grants of the last moments may be missing from what the new process knows.
func (s *Store) RunID(ctx context.Context) (string, error) {
	info, err := s.rdb.Info(ctx, "server").Result()
	if err != nil {
		return "", wrap("run id", err)
	}
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(line, "run_id:"); ok {
			return strings.TrimSpace(v), nil
		}
	}
	return "", errors.New("run id: missing in the server's answer")
}

// Generation names the state of what Redis holds: it changes when the server restarts, fails over, or is emptied. What
// was sent under another generation may be lost.
func (s *Store) Generation(ctx context.Context) (string, error) {
	pipe := s.rdb.Pipeline()
	pipe.SetNX(ctx, keyGeneration, id.New().String(), 0)
	marker := pipe.Get(ctx, keyGeneration)
	if _, err := pipe.Exec(ctx); err != nil {
		return "", wrap("generation", err)
	}
	if _, cluster := s.rdb.(*redis.ClusterClient); cluster {
		return marker.Val(), nil // every call would reach another node
	}
	run, err := s.RunID(ctx)
	return marker.Val() + "/" + run, err
}

func (s *Store) run(ctx context.Context, name string, keys []string, args ...any) *redis.Cmd {
	return s.scripts[name].Run(ctx, s.rdb, keys, args...)
}

// wrap says what we were doing and tells apart an error of the server from a server that cannot be reached.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	var reply redis.Error
	if errors.As(err, &reply) && !transient(reply.Error()) {
		return fmt.Errorf("redis: %s: %w", doing, err)
	}
	return fmt.Errorf("redis: %s: %w: %w", doing, ErrUnavailable, err)
}

func transient(reply string) bool {
	for _, prefix := range []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY ", "OOM", "MISCONF"} {
		if strings.HasPrefix(reply, prefix) {
			return true
		}
	}
	return false
}

// RouteDriverLog sends what the driver reports on its own account (a connection lost, an address that does not answer) to
// a logger, at debug level: every failure that matters also comes back as an error. Call it once, before the first Open.
func RouteDriverLog(log *slog.Logger) { redis.SetLogger(driverLog{log}) }

type driverLog struct{ log *slog.Logger }

func (d driverLog) Printf(ctx context.Context, format string, v ...any) {
	d.log.DebugContext(ctx, "redis driver", "report", fmt.Sprintf(format, v...))
}
