// Package redistest gives each test a real Redis of its own: nothing is shared, not even publish-subscribe channels.
//
// The server is found or fetched as the development stack does it, starts in some 30 ms, and dies with the test binary.
// STARLANE_TEST_REDIS_URL names a server to use instead; tests then get a logical database each and cannot restart it.
package redistest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"starlane/internal/devstack/redisserver"
	"starlane/internal/devstack/toolcache"
)

const (
	startTimeout = 3 * time.Minute // the first use on a machine may download Redis
	stopTimeout  = 10 * time.Second
	claimFor     = 15 * time.Minute
	databases    = 16 // what an unconfigured server has
)

// Redis lives as long as its test.
type Redis struct {
	URL    string
	Client *redis.Client

	server *redisserver.Server // nil for a given server
	config redisserver.Config
}

// New starts an empty server that keeps its data in an append-only file, as production does. Without Redis the test fails.
func New(t testing.TB) *Redis {
	t.Helper()
	if url := os.Getenv("STARLANE_TEST_REDIS_URL"); url != "" {
		return claim(t, url)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	cache, err := toolcache.Dir("starlane")
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	bin, err := redisserver.Finder{Cache: cache, Fetch: true}.Find(ctx)
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	r := &Redis{config: redisserver.Config{Binary: bin, Dir: t.TempDir(), Append: true}}
	if r.server, err = redisserver.Start(ctx, r.config); err != nil {
		t.Fatalf("redistest: %v", err)
	}
	// A restarted server is found under the same address.
	r.config.Port, r.config.Password, r.config.KeepPort = r.server.Port, r.server.Password, true
	t.Cleanup(func() { r.halt(t, syscall.SIGKILL) })
	r.URL = r.server.URL(0)
	r.Client = connect(t, r.URL)
	return r
}

func connect(t testing.TB, url string) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatalf("redistest: STARLANE_TEST_REDIS_URL: %v", err)
	}
	client := redis.NewClient(opts)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Errorf("redistest: close: %v", err)
		}
	})
	return client
}

// Restart stops the server in the orderly way and starts it again on the same address and data.
func (r *Redis) Restart(t testing.TB) {
	t.Helper()
	r.Stop(t)
	r.Start(t)
}

// Stop lets the server write its data and end; Start brings it back.
func (r *Redis) Stop(t testing.TB) {
	t.Helper()
	r.halt(t, syscall.SIGTERM)
}

// Kill ends the server as a crash would: what was not yet on disk is lost. Start brings it back.
func (r *Redis) Kill(t testing.TB) {
	t.Helper()
	r.halt(t, syscall.SIGKILL)
}

// Start starts a stopped server on the same address and data.
func (r *Redis) Start(t testing.TB) {
	t.Helper()
	r.mustBePrivate(t)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	server, err := redisserver.Start(ctx, r.config)
	if err != nil {
		t.Fatalf("redistest: start again: %v", err)
	}
	r.server = server
}

func (r *Redis) halt(t testing.TB, sig syscall.Signal) {
	t.Helper()
	r.mustBePrivate(t)
	// At cleanup the test's own context is over.
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := r.server.Stop(ctx, sig); err != nil {
		t.Errorf("redistest: stop: %v", err)
	}
}

func (r *Redis) mustBePrivate(t testing.TB) {
	t.Helper()
	if r.server == nil {
		t.Fatalf("redistest: this test stops and starts Redis, which it must not do to the server of STARLANE_TEST_REDIS_URL; unset it")
	}
}

// claim takes a logical database that no other test uses, empties it, and gives it back at the end.
func claim(t testing.TB, url string) *Redis {
	t.Helper()
	base, _, _ := strings.Cut(url, "?")
	if i := strings.Index(base, "://"); i >= 0 {
		if j := strings.IndexByte(base[i+3:], '/'); j >= 0 {
			base = base[:i+3+j]
		}
	}
	registry := connect(t, base+"/0")
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		for db := 1; db < databases; db++ {
			key := fmt.Sprintf("redistest:claim:%d", db)
			got, err := registry.SetNX(ctx, key, os.Getpid(), claimFor).Result()
			if err != nil {
				t.Fatalf("redistest: STARLANE_TEST_REDIS_URL: %v", err)
			}
			if !got {
				continue
			}
			t.Cleanup(func() { registry.Del(context.Background(), key) })
			dbURL := fmt.Sprintf("%s/%d", base, db)
			client := connect(t, dbURL)
			if err := client.FlushDB(ctx).Err(); err != nil {
				t.Fatalf("redistest: empty database %d: %v", db, err)
			}
			return &Redis{URL: dbURL, Client: client}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("redistest: all logical databases of STARLANE_TEST_REDIS_URL are in use")
		case <-tick.C:
		}
	}
}
