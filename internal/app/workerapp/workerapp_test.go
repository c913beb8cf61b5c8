package workerapp

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"starlane/internal/billing/credit"
	"starlane/internal/billing/ledger"
	"starlane/internal/billing/money"
	"starlane/internal/platform/config"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/testkit/pgtest"
	"starlane/internal/testkit/redistest"
	"starlane/internal/usage"
	"starlane/internal/usage/allowance"
)

func testConfig(t testing.TB, db *pgtest.DB, rds *redistest.Redis) *config.Config {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	return &config.Config{
		DatabaseURL: secret.New(db.WorkerDSN), RedisURL: secret.New(rds.URL), LogLevel: "debug",
		Worker: config.WorkerConfig{PrivateListen: addr, ID: "worker-t", BatchSize: 2000, Linger: 250 * time.Millisecond},
	}
}

// startApp runs a worker until the test ends or stop is called.
func startApp(t testing.TB, cfg *config.Config) (a *App, stop func()) {
	t.Helper()
	a, err := open(t.Context(), cfg, testLog{t})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.serve(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("worker: %v", err)
		}
		a.close()
	}
	t.Cleanup(stop)
	return a, stop
}

type testLog struct{ testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.Helper()
	l.Logf("%s", p)
	return len(p), nil
}

var _ io.Writer = testLog{}

// eventually polls until ok or the time is over.
func eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		timer := time.NewTimer(5 * time.Millisecond)
		<-timer.C
	}
}

func seedTenant(t testing.TB, db *pgtest.DB) id.ID {
	t.Helper()
	tenant := id.New()
	var version int64
	for _, step := range []func() error{
		func() error {
			_, err := db.Pool.Exec(t.Context(), `insert into starlane.tenant (id, name) values ($1, $2)`, tenant, tenant.String())
			return err
		},
		func() error {
			return db.Pool.QueryRow(t.Context(), `
				insert into starlane.price_version (tenant_id, book_id, model_name, valid_from, proposed_by)
				values ($1, 1, 'demo/echo', '2020-01-01', 'test') returning id`, id.Nil).Scan(&version)
		},
		func() error {
			_, err := db.Pool.Exec(t.Context(), `
				insert into starlane.price_rate (tenant_id, version_id, class, nano_per_million)
				values ($1, $2, 'in_text', 1000000000), ($1, $2, 'out_text', 2000000000)`, id.Nil, version)
			return err
		},
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return tenant
}

func event(tenant, hold id.ID, seq uint64) usage.Event {
	e := usage.Event{
		ID: id.New(), Tenant: tenant, Project: id.New(), Key: id.New(), Hold: hold, OccurredAt: time.Now(), Capability: "chat", Provider: "sim",
		RequestedModel: "demo/echo", ServedModel: "demo/echo", ServiceTier: "standard", Outcome: usage.OK, HTTPStatus: 200, TTFTMillis: 1,
		Relay: "relay-1", Boot: 1, Seq: seq,
	}
	e.Counts.Set(usage.InText, 1000, usage.Reported)
	e.Counts.Set(usage.OutText, 500, usage.Reported)
	return e
}

// A tenant with a dollar: a cold relay asks for credit and gets it in milliseconds; an event is in the ledger within two
// seconds, charged to the hold; the relay hears that its log may forget it.
func TestFromWishToLedger(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	a, stop := startApp(t, testConfig(t, db, rds))
	tenant := seedTenant(t, db)
	if _, _, err := a.credit.Grant(t.Context(), credit.Grant{Tenant: tenant, Source: credit.Promo, SourceRef: "promo:1", Amount: money.USD, Actor: "test"}); err != nil {
		t.Fatal(err)
	}

	if err := a.redis.PushWanted(t.Context(), allowance.Wanted{Tenant: tenant}); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	var reply allowance.LeaseReply
	eventually(t, 2*time.Second, "a lease", func() bool {
		var err error
		reply, err = a.redis.Lease(t.Context(), allowance.LeaseRequest{Tenant: tenant, Relay: "relay-1", Want: 10_000_000, Need: 1, TTL: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return len(reply.Leases) > 0
	})
	t.Logf("a lease after %v", time.Since(asked))
	eventually(t, 2*time.Second, "the word of what is left", func() bool { // it follows the slice
		r, err := a.redis.Lease(t.Context(), allowance.LeaseRequest{Tenant: tenant, Relay: "relay-1", TTL: 30 * time.Second, Renew: []id.ID{reply.Leases[0].Hold}})
		if err != nil {
			t.Fatal(err)
		}
		return r.AvailKnown && r.Avail == money.USD/2
	})

	e := event(tenant, reply.Leases[0].Hold, 1)
	sent := time.Now()
	if err := a.redis.AddEvents(t.Context(), []usage.Event{e, e}); err != nil {
		t.Fatal(err)
	}
	const charge = 2_000_000
	eventually(t, 2*time.Second, "the charge in the ledger", func() bool {
		got, err := a.ledger.Balance(t.Context(), ledger.EscrowOf(tenant))
		return err == nil && got == -(money.USD/2-charge)
	})
	t.Logf("in the ledger after %v", time.Since(sent))
	eventually(t, 2*time.Second, "the watermark", func() bool {
		marks, err := a.redis.Committed(t.Context(), "relay-1", []int64{1})
		return err == nil && marks[1] == 1
	})
	eventually(t, 2*time.Second, "all entries acknowledged", func() bool {
		lags, err := a.redis.Lags(t.Context(), []int{id.Shard(tenant)})
		return err == nil && lags[0].Pending == 0 && lags[0].Undelivered == 0
	})
	stop()
}
