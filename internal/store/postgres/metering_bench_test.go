package postgres

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"starlane/internal/billing/metering"
	"starlane/internal/billing/money"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/usage"
)

// BenchmarkMeter posts batches of new events of 1,000 tenants, most of them of a few. Wall time depends on the neighbours;
// the figure to watch is CPU per event: ours and that of the Postgres backend.
func BenchmarkMeter(b *testing.B) {
	for _, size := range []int{1, 100, 500, 2000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) { benchmarkMeter(b, size) })
	}
}

func benchmarkMeter(b *testing.B, size int) {
	r := newMeterRig(b)
	cfg := r.ledger.pool.Config()
	cfg.MaxConns, cfg.MinConns = 1, 1
	pool, err := pgxpool.NewWithConfig(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	credit := NewCredit(r.ledger)
	var tenants, holds []id.ID
	for range 1000 {
		tenant := addTenant(b, r.db, "postpaid", 1_000_000*money.USD)
		h, _, err := credit.Slice(b.Context(), tenant, 1, 100_000*money.USD)
		if err != nil {
			b.Fatal(err)
		}
		tenants, holds = append(tenants, tenant), append(holds, h.ID)
	}
	// With one connection the accounts have to be there: they are made on a second one.
	l := NewLedger(pool)
	r.ledger.accounts.Range(func(k, v any) bool { l.accounts.Store(k, v); return true })
	for _, tenant := range tenants {
		if err := (&Metering{ledger: r.ledger, revenue: NewMetering(l, 0).revenue}).ensure(b.Context(), []metering.Item{chargedItem(tenant)}); err != nil {
			b.Fatal(err)
		}
	}
	r.ledger.accounts.Range(func(k, v any) bool { l.accounts.Store(k, v); return true })
	meter := metering.New(NewMetering(l, 0), NewPrices(pool, clock.System{}))
	var backend int
	if err := pool.QueryRow(b.Context(), "select pg_backend_pid()").Scan(&backend); err != nil {
		b.Fatal(err)
	}

	rng := rand.New(rand.NewPCG(5, 6))
	zipf := rand.NewZipf(rng, 1.1, 1, 999)
	seq := uint64(0)
	next := func() []metering.Message {
		events := make([]usage.Event, size)
		for i := range events {
			n := int(zipf.Uint64())
			events[i] = testEvent(tenants[n], testModel, 1000, 300)
			events[i].Hold = holds[n]
			seq++
			events[i].Seq = seq
		}
		return messagesOf(events...)
	}
	if _, err := meter.Process(b.Context(), next(), r.fence); err != nil {
		b.Fatal(err)
	}
	var own, theirs time.Duration
	for b.Loop() {
		b.StopTimer()
		messages := next()
		b.StartTimer()
		own0, theirs0 := processCPU(b), backendCPU(b, backend)
		got, err := meter.Process(b.Context(), messages, r.fence)
		own, theirs = own+processCPU(b)-own0, theirs+backendCPU(b, backend)-theirs0
		if err != nil || got.New != size {
			b.Fatalf("%+v, %v", got, err)
		}
	}
	events := float64(b.N * size)
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(own.Microseconds())/events, "go-cpu-µs/event")
	b.ReportMetric(float64(theirs.Microseconds())/events, "pg-cpu-µs/event")
}

func chargedItem(tenant id.ID) metering.Item {
	item := metering.Item{Event: usage.Event{Tenant: tenant}}
	item.Charge.Total = 1
	return item
}

func processCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// backendCPU reads the CPU time of the Postgres process that serves us, in steps of 10 ms; 0 where /proc does not show it.
func backendCPU(b *testing.B, pid int) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}
