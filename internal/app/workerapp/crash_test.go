package workerapp

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"starlane/internal/billing/metering"
	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/store/postgres"
	"starlane/internal/testkit/pgtest"
	"starlane/internal/testkit/redistest"
	"starlane/internal/usage"
	"starlane/internal/worker"
)

// dying is a stream whose worker dies between commit and acknowledgement, every n-th time.
type dying struct {
	stream
	every  int64
	acks   atomic.Int64
	deaths atomic.Int64
	kill   context.CancelFunc
}

var errDied = errors.New("died before the acknowledgement")

func (d *dying) Ack(ctx context.Context, messages []metering.Message) error {
	if d.acks.Add(1)%d.every == 0 {
		d.deaths.Add(1)
		d.kill()
		return errDied
	}
	return d.stream.Ack(ctx, messages)
}

// silent keeps its shards when it stops, as a killed process does.
type silent struct{ *postgres.Leases }

func (silent) Drop(context.Context, string, []int) error { return nil }

func runConsumer(ctx context.Context, t testing.TB, a *App, owner string, s worker.Stream, shards worker.Shards) error {
	t.Helper()
	meter := metering.New(postgres.NewMetering(a.ledger, 0), postgres.NewPrices(a.pool, a.clock))
	c := worker.NewConsumer(worker.Config{Owner: owner, Batch: 100, Linger: 10 * time.Millisecond, LeaseTTL: time.Second}, worker.Deps{
		Stream: s, Notices: stream{a.redis}, Meter: meter, Shards: shards, Watcher: a.slicer,
		Metrics: worker.NewMetrics(prometheus.NewRegistry()), Log: a.log, Clock: a.clock,
	})
	return c.Run(ctx)
}

func usageOf(tenants []id.ID, n int) []usage.Event {
	out := make([]usage.Event, n)
	for i := range out {
		out[i] = event(tenants[i%len(tenants)], id.Nil, uint64(i+1))
	}
	return out
}

const eventCharge = 2_000_000 * money.Nano // of event

func charged(t testing.TB, db *pgtest.DB) (events int, sum money.Amount) {
	t.Helper()
	err := db.Pool.QueryRow(t.Context(), `
		select (select count(*) from starlane.usage_event),
			(select coalesce(sum(e.amount_nano), 0)::bigint from starlane.ledger_entry e join starlane.account a on a.id = e.account_id where a.kind = 'receivable')`).
		Scan(&events, &sum)
	if err != nil {
		t.Fatal(err)
	}
	return events, sum
}

func openApp(t testing.TB, db *pgtest.DB, rds *redistest.Redis, owner string) *App {
	t.Helper()
	cfg := testConfig(t, db, rds)
	cfg.Worker.ID = owner
	a, err := open(t.Context(), cfg, testLog{t})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	return a
}

// A worker that dies again and again after its commit and before the acknowledgement bills nothing twice and nothing never;
// the next life takes over at once what the last has left.
func TestDeathBetweenCommitAndAck(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	a := openApp(t, db, rds, "worker-1")
	tenants := []id.ID{seedTenant(t, db), seedTenant(t, db), seedTenant(t, db)}
	const n = 3000
	if err := a.redis.EnsureGroups(t.Context(), allShards()); err != nil {
		t.Fatal(err)
	}
	events := usageOf(tenants, n)
	for len(events) > 0 {
		k := min(250, len(events))
		if err := a.redis.AddEvents(t.Context(), events[:k]); err != nil {
			t.Fatal(err)
		}
		events = events[k:]
	}
	deaths := 0
	for life := 0; ; life++ {
		ctx, cancel := context.WithCancel(t.Context())
		s := &dying{stream: stream{a.redis}, every: 3, kill: cancel}
		go func() { // a life that is not cut short ends when all is done
			for ctx.Err() == nil {
				lags, err := a.redis.Lags(ctx, allShards())
				left := int64(0)
				for _, lag := range lags {
					left += lag.Undelivered + lag.Pending
				}
				if err == nil && left == 0 {
					cancel()
				}
				pauseTest(ctx)
			}
		}()
		if err := runConsumer(ctx, t, a, "worker-1", s, silent{a.leases}); err != nil {
			t.Fatal(err)
		}
		cancel()
		deaths += int(s.deaths.Load())
		if s.deaths.Load() == 0 {
			break
		}
		if life > n {
			t.Fatal("no end")
		}
	}
	if got, sum := charged(t, db); got != n || sum != n*eventCharge || deaths < 5 {
		t.Errorf("%d events for %v after %d deaths; want %d for %v after at least 5", got, sum, deaths, n, n*eventCharge)
	}
	if err := a.checkBooks(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func pauseTest(ctx context.Context) {
	timer := time.NewTimer(20 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Workers come and go while events flow; they share the streams, each event is billed once.
func TestWorkersShareTheStreams(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	first := openApp(t, db, rds, "worker-1")
	var tenants []id.ID
	for range 20 {
		tenants = append(tenants, seedTenant(t, db))
	}
	const n = 4000
	events := usageOf(tenants, n)
	sent := make(chan error, 1)
	go func() {
		for i := 0; i < n; i += 50 {
			// Every event twice: relays send again what they are not sure of.
			for range 2 {
				if err := first.redis.AddEvents(context.WithoutCancel(t.Context()), events[i:i+50]); err != nil {
					sent <- err
					return
				}
			}
		}
		sent <- nil
	}()
	type life struct {
		stop context.CancelFunc
		done chan error
	}
	begin := func(a *App, owner string, shards worker.Shards) life {
		ctx, cancel := context.WithCancel(t.Context())
		l := life{cancel, make(chan error, 1)}
		go func() { l.done <- runConsumer(ctx, t, a, owner, stream{a.redis}, shards) }()
		return l
	}
	end := func(l life) {
		t.Helper()
		l.stop()
		if err := <-l.done; err != nil {
			t.Error(err)
		}
	}
	one := begin(first, "worker-1", first.leases)
	shares := func() map[string]int {
		out := map[string]int{}
		rows, err := db.Pool.Query(t.Context(), `select owner, count(*) from starlane.shard_lease where expires_at > now() group by 1`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var owner string
			var count int
			if err := rows.Scan(&owner, &count); err != nil {
				t.Fatal(err)
			}
			out[owner] = count
		}
		return out
	}
	eventually(t, 10*time.Second, "one worker has all streams", func() bool { return shares()["worker-1"] == id.Shards })
	second := openApp(t, db, rds, "worker-2")
	two := begin(second, "worker-2", silent{second.leases})
	eventually(t, 10*time.Second, "two workers share the streams", func() bool {
		s := shares()
		return s["worker-1"] == id.Shards/2 && s["worker-2"] == id.Shards/2
	})
	end(two) // it says nothing, so its leases have to run out
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "all events", func() bool { got, _ := charged(t, db); return got == n })
	eventually(t, 10*time.Second, "the first has all again", func() bool { return shares()["worker-1"] == id.Shards })
	end(one)
	if got, sum := charged(t, db); got != n || sum != n*eventCharge {
		t.Errorf("%d events for %v; want %d for %v", got, sum, n, n*eventCharge)
	}
	if got := fmt.Sprint(shares()); got != "map[]" {
		t.Errorf("leases after an orderly end: %s; want none", got)
	}
	var deadlocks int
	if err := db.Pool.QueryRow(t.Context(), `select deadlocks from pg_stat_database where datname = current_database()`).Scan(&deadlocks); err != nil || deadlocks != 0 {
		t.Errorf("deadlocks = %d, %v; want none", deadlocks, err)
	}
	if err := first.checkBooks(t.Context()); err != nil {
		t.Fatal(err)
	}
}
