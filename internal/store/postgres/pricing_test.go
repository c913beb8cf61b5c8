package postgres

import (
	"testing"
	"time"

	"starlane/internal/billing/metering"
	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/testkit/pgtest"
	"starlane/internal/usage"
)

func addVersion(t testing.TB, db *pgtest.DB, owner id.ID, book int64, from time.Time, price int64) int64 {
	t.Helper()
	var version int64
	err := db.Pool.QueryRow(t.Context(), `
		with v as (
			insert into starlane.price_version (tenant_id, book_id, model_name, valid_from, proposed_by) values ($1, $2, $3, $4, 'test') returning id
		)
		insert into starlane.price_rate (tenant_id, version_id, class, nano_per_million) select $1, id, 'in_text', $5 from v returning version_id`,
		owner, book, testModel, from, price).Scan(&version)
	if err != nil {
		t.Fatal(err)
	}
	return version
}

// An event is priced by what was in force when it occurred, whenever it comes; a new version counts at once; a contract goes
// before the list.
func TestPriceInForceWhenItOccurred(t *testing.T) {
	t.Parallel()
	r := newMeterRig(t)
	tenant := addTenant(t, r.db, "postpaid", money.USD)
	seq := uint64(0)
	charge := func(at time.Time) (money.Amount, int64) {
		t.Helper()
		e := testEvent(tenant, testModel, 1_000_000, 0)
		e.OccurredAt = at
		seq++
		e.Seq = seq
		if got, err := r.meter.Process(t.Context(), messagesOf(e), r.fence); err != nil || got.New != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		var nano, version int64
		if err := r.db.Pool.QueryRow(t.Context(), `select charge_nano, sell_version from starlane.usage_event where event_id = $1`, e.ID).Scan(&nano, &version); err != nil {
			t.Fatal(err)
		}
		return money.Amount(nano), version
	}
	now := time.Now()
	if got, _ := charge(now); got != money.USD {
		t.Errorf("list price = %v, want 1.00", got)
	}
	raised := addVersion(t, r.db, id.Nil, 1, now.Add(-time.Hour), 3_000_000_000)
	if got, version := charge(now); got != 3*money.USD || version != raised {
		t.Errorf("after a new version: %v by version %d; want 3.00 by %d", got, version, raised)
	}
	if got, _ := charge(now.Add(-2 * time.Hour)); got != money.USD {
		t.Errorf("an event from before = %v, want 1.00", got)
	}
	addVersion(t, r.db, id.Nil, 1, now.Add(time.Hour), 9_000_000_000)
	if got, _ := charge(now); got != 3*money.USD {
		t.Errorf("with a version to come = %v, want 3.00", got)
	}
	_, err := r.db.Pool.Exec(t.Context(), `insert into starlane.price_book (tenant_id, id, kind, name) values ($1, 77, 'contract', 'Contract')`, tenant)
	if err != nil {
		t.Fatal(err)
	}
	addVersion(t, r.db, tenant, 77, now.Add(-time.Hour), 500_000_000)
	if got, _ := charge(now); got != money.USD/2 {
		t.Errorf("by contract = %v, want 0.50", got)
	}
}

// What brought no usable answer is recorded and costs nothing, also where there is no price.
func TestFailuresAreFree(t *testing.T) {
	t.Parallel()
	r := newMeterRig(t)
	tenant := addTenant(t, r.db, "postpaid", money.USD)
	failed, gone := testEvent(tenant, "", 100, 5), testEvent(tenant, "odd", 0, 0)
	refused, early := testEvent(tenant, "", 100, 0), testEvent(tenant, testModel, 100, 0)
	failed.RequestedModel, failed.Outcome = "demo/auto", usage.UpstreamError
	gone.Outcome, gone.Counts, gone.Seq = usage.ClientGone, usage.Counts{}, 2
	refused.Outcome, refused.Seq = usage.ClientError, 3
	early.Outcome, early.Seq = usage.ClientGone, 4 // before anything was said
	got, err := r.meter.Process(t.Context(), messagesOf(failed, gone, refused, early), r.fence)
	if err != nil || got.New != 4 || len(got.Letters) != 0 || len(got.Charged) != 0 {
		t.Fatalf("Process = %+v, %v; want four free events", got, err)
	}
	var charges, txns, requests, lost, rolled int64
	err = r.db.Pool.QueryRow(t.Context(), `
		select (select sum(charge_nano) from starlane.usage_event), (select count(*) from starlane.ledger_txn),
			(select sum(units) from starlane.usage_rollup where class = 'requests'),
			(select coalesce(sum(units), 0) from starlane.usage_rollup where class <> 'requests'),
			(select (units ->> 'in_text')::bigint from starlane.usage_event where event_id = $1)`, early.ID).Scan(&charges, &txns, &requests, &rolled, &lost)
	if err != nil || charges != 0 || txns != 0 || requests != 4 || rolled != 0 || lost != 100 {
		t.Errorf("charges %d, transactions %d, requests %d, units in rollups %d, prompt on record %d, %v; want 0, 0, 4, 0, 100",
			charges, txns, requests, rolled, lost, err)
	}
}

var _ metering.Source = (*Prices)(nil)
