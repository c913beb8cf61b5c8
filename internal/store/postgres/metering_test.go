package postgres

import (
	"fmt"
	"testing"
	"time"

	"starlane/internal/billing/ledger"
	"starlane/internal/billing/metering"
	"starlane/internal/billing/money"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/testkit/pgtest"
	"starlane/internal/usage"
)

const testModel = "demo/echo"

// meterRig is a meter on a real database, with a price list: in 1 USD, out 2 USD, cached 0.10 USD per million, and one
// model with prices of odd fractions.
type meterRig struct {
	db     *pgtest.DB
	ledger *Ledger
	store  *Metering
	meter  *metering.Meter
	fence  metering.Fence
}

func newMeterRig(t testing.TB) *meterRig {
	t.Helper()
	db := pgtest.New(t)
	pool := workerPool(t, db)
	r := &meterRig{db: db, ledger: NewLedger(pool)}
	r.store = NewMetering(r.ledger, 0)
	r.meter = metering.New(r.store, NewPrices(pool, clock.System{}))
	addPrice(t, db, testModel, map[string]int64{"in_text": 1_000_000_000, "out_text": 2_000_000_000, "in_cached": 100_000_000})
	addPrice(t, db, "odd", map[string]int64{"in_text": 546_875_333, "out_text": 244_140_777, "request": 1_500_000})
	r.fence = takeAll(t, r, "worker-a")
	return r
}

// takeAll gives all shards to a worker and returns its fence.
func takeAll(t testing.TB, r *meterRig, owner string) metering.Fence {
	t.Helper()
	rows, err := r.db.Pool.Query(t.Context(), `
		insert into starlane.shard_lease (shard, owner, token, expires_at)
		select s, $1, 1, now() + interval '1 hour' from generate_series(0, 63) as s
		on conflict (shard) do update set owner = excluded.owner, token = shard_lease.token + 1
		returning shard, token`, owner)
	if err != nil {
		t.Fatal(err)
	}
	f := metering.Fence{Owner: owner, Tokens: map[int]int64{}}
	for rows.Next() {
		var shard int
		var token int64
		if err := rows.Scan(&shard, &token); err != nil {
			t.Fatal(err)
		}
		f.Tokens[shard] = token
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return f
}

func addPrice(t testing.TB, db *pgtest.DB, model string, rates map[string]int64) int64 {
	t.Helper()
	var version int64
	err := db.Pool.QueryRow(t.Context(), `
		insert into starlane.price_version (tenant_id, book_id, model_name, valid_from, proposed_by, approved_by)
		values ($1, 1, $2, '2020-01-01', 'test', 'other') returning id`, id.Nil, model).Scan(&version)
	if err != nil {
		t.Fatal(err)
	}
	for class, price := range rates {
		_, err := db.Pool.Exec(t.Context(), `insert into starlane.price_rate (tenant_id, version_id, class, nano_per_million) values ($1, $2, $3, $4)`,
			id.Nil, version, class, price)
		if err != nil {
			t.Fatal(err)
		}
	}
	return version
}

func testEvent(tenant id.ID, model string, in, out int64) usage.Event {
	e := usage.Event{
		ID: id.New(), Tenant: tenant, Project: id.New(), Key: id.New(), OccurredAt: time.Now().UTC(), Capability: "chat", Provider: "sim",
		RequestedModel: model, ServedModel: model, ServiceTier: "standard", Outcome: usage.OK, HTTPStatus: 200, TTFTMillis: 5, DurationMillis: 20,
		Relay: "relay-1", Boot: 1, Seq: 1, Deployment: id.New(), Attempts: []usage.Attempt{{Deployment: id.New(), Status: 200, Millis: 19}},
	}
	e.Counts.Set(usage.InText, in, usage.Reported)
	e.Counts.Set(usage.OutText, out, usage.Reported)
	return e
}

func messagesOf(events ...usage.Event) []metering.Message {
	out := make([]metering.Message, len(events))
	for i, e := range events {
		fields := map[string]any{}
		pairs := e.AppendFields(nil)
		for j := 0; j < len(pairs); j += 2 {
			fields[pairs[j]] = pairs[j+1]
		}
		out[i] = metering.Message{Shard: id.Shard(e.Tenant), Ref: fmt.Sprintf("usage:{%s} %s-%d", id.Tag(id.Shard(e.Tenant)), e.ID, i), Fields: fields}
		out[i].Event, out[i].Err = usage.ParseFields(fields)
	}
	return out
}

func (r *meterRig) balance(t testing.TB, a ledger.Account) money.Amount {
	t.Helper()
	got, err := r.ledger.Balance(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestMeterChargesOnce(t *testing.T) {
	t.Parallel()
	r := newMeterRig(t)
	tenant := addTenant(t, r.db, "postpaid", money.USD)
	event := testEvent(tenant, testModel, 12, 7)
	for i, want := range []metering.Result{{New: 1}, {Duplicates: 1}} {
		got, err := r.meter.Process(t.Context(), messagesOf(event), r.fence)
		if err != nil || got.New != want.New || got.Duplicates != want.Duplicates || len(got.Letters) != 0 {
			t.Fatalf("round %d: %+v, %v; want %+v", i, got, err, want)
		}
	}
	if got := r.balance(t, ledger.ReceivableOf(tenant)); got != 26_000 {
		t.Errorf("receivable = %v, want 0.000026", got)
	}
}
