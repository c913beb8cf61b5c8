package workerapp

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"starlane/internal/billing/metering"
	"starlane/internal/platform/id"
	"starlane/internal/store/postgres"
	"starlane/internal/testkit/pgtest"
	"starlane/internal/testkit/redistest"
	"starlane/internal/worker"
)

func TestActs(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	cfg := testConfig(t, db, rds)
	a, stop := startApp(t, cfg)
	tenant := seedTenant(t, db)
	if err := a.redis.AddEvents(t.Context(), usageOf([]id.ID{tenant}, 10)); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "ten events", func() bool { n, _ := charged(t, db); return n == 10 })

	month := time.Now().UTC().Format("2006-01")
	var out bytes.Buffer
	if err := closePeriod(t.Context(), cfg, []string{month}, &out); err == nil || !strings.Contains(err.Error(), "not over") {
		t.Errorf("closing a month that is not over: %v; want a refusal", err)
	}
	for _, want := range []string{month + ": 1 invoices", month + ": 0 invoices"} {
		out.Reset()
		if err := closePeriod(t.Context(), cfg, []string{"--force", month}, &out); err != nil || !strings.HasPrefix(out.String(), want) {
			t.Errorf("close-period: %q, %v; want %q", out.String(), err, want)
		}
	}
	out.Reset()
	if err := checkIdentities(t.Context(), cfg, nil, &out); err != nil || strings.Count(out.String(), "holds") != 3 {
		t.Errorf("reconcile: %q, %v; want three that hold", out.String(), err)
	}
	if _, err := db.Pool.Exec(t.Context(), `update starlane.balance set posted_nano = posted_nano + 1`); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := checkIdentities(t.Context(), cfg, nil, &out); !errors.Is(err, errBroken) || !strings.Contains(out.String(), "off by 1 nano-USD") {
		t.Errorf("reconcile of a broken book: %q, %v; want it named", out.String(), err)
	}
	stop()
	if err := Main(t.Context(), []string{"dance"}, &out); err == nil {
		t.Error("an unknown act is no error")
	}
}

// The database breaks every connection again and again: nothing is acknowledged that is not posted, nothing is lost.
func TestDatabaseCutsConnections(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	a := openApp(t, db, rds, "worker-1")
	tenants := []id.ID{seedTenant(t, db), seedTenant(t, db)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- runConsumer(ctx, t, a, "worker-1", stream{a.redis}, a.leases) }()
	const n = 2000
	events := usageOf(tenants, n)
	for i := 0; i < n; i += 40 {
		if err := a.redis.AddEvents(t.Context(), events[i:i+40]); err != nil {
			t.Fatal(err)
		}
		if i%200 == 0 {
			_, err := db.Pool.Exec(t.Context(), `
				select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'starlane_worker'`)
			if err != nil {
				t.Fatal(err)
			}
			pauseTest(t.Context())
		}
	}
	eventually(t, 30*time.Second, "all events", func() bool { got, _ := charged(t, db); return got == n })
	eventually(t, 10*time.Second, "all acknowledged", func() bool {
		lags, err := a.redis.Lags(t.Context(), allShards())
		for _, lag := range lags {
			if lag.Pending+lag.Undelivered != 0 {
				return false
			}
		}
		return err == nil
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got, sum := charged(t, db); got != n || sum != n*eventCharge {
		t.Errorf("%d events for %v; want %d for %v", got, sum, n, n*eventCharge)
	}
	if err := a.checkBooks(t.Context()); err != nil {
		t.Error(err)
	}
}

var (
	_ worker.Stream  = stream{}
	_ worker.Notices = stream{}
	_ worker.Meter   = (*metering.Meter)(nil)
	_ worker.Shards  = (*postgres.Leases)(nil)
)
