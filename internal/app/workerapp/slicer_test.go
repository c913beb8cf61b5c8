package workerapp

import (
	"testing"
	"time"

	"starlane/internal/billing/credit"
	"starlane/internal/billing/ledger"
	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	redisstore "starlane/internal/store/redis"
	"starlane/internal/testkit/pgtest"
	"starlane/internal/testkit/redistest"
	"starlane/internal/usage/allowance"
)

func lease(t testing.TB, a *App, tenant id.ID, want, need money.Amount) allowance.LeaseReply {
	t.Helper()
	reply, err := a.redis.Lease(t.Context(), allowance.LeaseRequest{Tenant: tenant, Relay: "r:1", Want: want, Need: need, TTL: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func granted(r allowance.LeaseReply) money.Amount {
	var sum money.Amount
	for _, l := range r.Leases {
		sum += l.Amount
	}
	return sum
}

func escrow(t testing.TB, a *App, tenant id.ID) redisstore.Escrow {
	t.Helper()
	e, err := a.redis.Escrow(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func serve(t testing.TB, a *App, tenant id.ID) {
	t.Helper()
	if err := a.slicer.Serve(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
}

func give(t testing.TB, a *App, tenant id.ID, ref string, amount money.Amount) {
	t.Helper()
	if _, _, err := a.credit.Grant(t.Context(), credit.Grant{Tenant: tenant, Source: credit.Promo, SourceRef: ref, Amount: amount, Actor: "test"}); err != nil {
		t.Fatal(err)
	}
}

// What is on the shelf is always what the books have in escrow, less what was leased.
func TestSlicing(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	a := openApp(t, db, rds, "worker-1")
	tenant := seedTenant(t, db)

	serve(t, a, tenant)
	if e := escrow(t, a, tenant); e.State != allowance.CreditExhausted || e.Avail != 0 {
		t.Errorf("without credit: %+v; want exhausted", e)
	}
	give(t, a, tenant, "promo:1", 3*money.USD)
	give(t, a, tenant, "promo:2", 3*money.USD)
	serve(t, a, tenant)
	e := escrow(t, a, tenant)
	if len(e.Holds) != 1 || e.Holds[0].Free != credit.SliceFloor || e.Avail != 6*money.USD-credit.SliceFloor || e.State != allowance.CreditOK {
		t.Errorf("first slice: %+v; want the floor of 0.50 from 6.00", e)
	}
	serve(t, a, tenant)
	if again := escrow(t, a, tenant); len(again.Holds) != 1 {
		t.Errorf("served twice: %d holds; want one", len(again.Holds))
	}

	// A relay that needs more than there is says so, and gets it, from two lots if one is not enough.
	if got := lease(t, a, tenant, 4*money.USD, 4*money.USD); !got.More {
		t.Errorf("lease of more than there is: %+v; want a call for more", got)
	}
	serve(t, a, tenant)
	more := lease(t, a, tenant, 4*money.USD, 3*money.USD)
	if got := granted(more); got < 3*money.USD {
		t.Errorf("granted %v after the call; want at least 3.00", got)
	}
	books, err := a.ledger.Balance(t.Context(), ledger.EscrowOf(tenant))
	if err != nil {
		t.Fatal(err)
	}
	e = escrow(t, a, tenant)
	var free money.Amount
	for _, h := range e.Holds {
		free += h.Free
	}
	if -books != free+e.Leased {
		t.Errorf("escrow in the books %v; on the shelf %v free and %v leased", -books, free, e.Leased)
	}
	if err := a.checkBooks(t.Context()); err != nil {
		t.Error(err)
	}
}

// When Redis forgets, nothing that was set aside is granted again: the old holds are closed and a new epoch begins.
func TestShelfIsEmptied(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	a := openApp(t, db, rds, "worker-1")
	tenant := seedTenant(t, db)
	give(t, a, tenant, "promo:1", 4*money.USD)
	serve(t, a, tenant)
	lease(t, a, tenant, money.Cent, money.Cent)
	before := escrow(t, a, tenant)
	if err := rds.Client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	serve(t, a, tenant)
	after := escrow(t, a, tenant)
	if after.Epoch <= before.Epoch || len(after.Holds) != 1 || after.Holds[0].ID == before.Holds[0].ID {
		t.Errorf("after the loss: %+v; want a new epoch with a hold of its own (before: %+v)", after, before)
	}
	var states string
	err := db.Pool.QueryRow(t.Context(), `select string_agg(state, ' ' order by created_at) from starlane.hold where tenant_id = $1`, tenant).Scan(&states)
	if err != nil || states != "closing open" {
		t.Errorf("holds are %q, %v; want closing open", states, err)
	}
}

// A worker that died between its commit and Redis: the hold is put on the shelf later, once.
func TestHoldIsPutBack(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	a := openApp(t, db, rds, "worker-1")
	tenant := seedTenant(t, db)
	give(t, a, tenant, "promo:1", 4*money.USD)
	serve(t, a, tenant)
	lost, _, err := a.credit.Slice(t.Context(), tenant, escrow(t, a, tenant).Epoch, money.USD)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, a, tenant)
	serve(t, a, tenant)
	found := false
	e := escrow(t, a, tenant)
	for _, h := range e.Holds {
		found = found || h.ID == lost.ID && h.Free == money.USD
	}
	if !found || len(e.Holds) != 2 {
		t.Errorf("shelf: %+v; want the lost hold on it", e.Holds)
	}
}

func TestSuspendedTenant(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	a := openApp(t, db, rds, "worker-1")
	tenant := seedTenant(t, db)
	give(t, a, tenant, "promo:1", 4*money.USD)
	serve(t, a, tenant)
	if _, err := db.Pool.Exec(t.Context(), `update starlane.tenant set status = 'suspended' where id = $1`, tenant); err != nil {
		t.Fatal(err)
	}
	serve(t, a, tenant)
	if e := escrow(t, a, tenant); len(e.Holds) != 0 || e.State != allowance.CreditSuspended {
		t.Errorf("shelf: %+v; want it empty and suspended", e)
	}
	if got := granted(lease(t, a, tenant, money.Cent, money.Cent)); got != 0 {
		t.Errorf("granted %v to a suspended tenant", got)
	}
	if _, err := db.Pool.Exec(t.Context(), `update starlane.tenant set status = 'active' where id = $1`, tenant); err != nil {
		t.Fatal(err)
	}
	serve(t, a, tenant)
	if e := escrow(t, a, tenant); len(e.Holds) != 1 || e.State != allowance.CreditOK {
		t.Errorf("shelf after the suspension: %+v; want a hold", e)
	}
}

// A restarted server may have forgotten its last second, so every slice is cut anew.
func TestShelfServerIsReplaced(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	a := openApp(t, db, rds, "worker-1")
	tenant := seedTenant(t, db)
	give(t, a, tenant, "promo:1", 4*money.USD)
	serve(t, a, tenant)
	if err := a.slicer.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := escrow(t, a, tenant)
	rds.Restart(t)
	if err := a.redis.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.slicer.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := escrow(t, a, tenant)
	if after.Epoch != before.Epoch+1 || len(after.Holds) != 1 {
		t.Errorf("after the restart: %+v; want the next epoch (before: %+v)", after, before)
	}
}

// A budget that Redis does not know is seeded from the roll-up.
func TestBudgetWish(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	a, _ := startApp(t, testConfig(t, db, rds))
	tenant, key := seedTenant(t, db), id.New()
	day := time.Now().UTC().Truncate(24 * time.Hour)
	_, err := db.Pool.Exec(t.Context(), `
		insert into starlane.usage_rollup (tenant_id, day, project_id, key_id, model, class, units, charge_nano)
		values ($1, $2::date, $3, $3, 'm', 'in_text', 1, 77), ($1, $2::date - 1, $3, $3, 'm', 'in_text', 1, 1000)`, tenant, day, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.redis.PushWanted(t.Context(), allowance.Wanted{Tenant: tenant, Key: key, Window: day}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 3*time.Second, "the use of the key", func() bool {
		part := allowance.BudgetPart{Tenant: tenant, Key: key, Window: day, Relay: "r:1", Turn: 1, TTL: time.Minute}
		r, err := a.redis.LeaseBudget(t.Context(), allowance.BudgetRequest{BudgetPart: part, Limit: 1000, Want: 100, Need: 1})
		return err == nil && r.Known && r.Used == 77 && r.Granted == 100
	})
}

// What a relay that died had taken of a key's budget comes back to the key, less what it had spent; what relays that live
// hold stays with them.
func TestBudgetOfADeadRelayComesBack(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	a := openApp(t, db, rds, "worker-1")
	tenant, project, key := seedTenant(t, db), id.New(), id.New()
	day := time.Now().UTC().Truncate(24 * time.Hour)
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`insert into starlane.project (tenant_id, id, name) values ($1, $2, 'p')`, []any{tenant, project}},
		{`insert into starlane.virtual_key (tenant_id, id, project_id, name, public_id, digest, created_by, budget_nano, budget_window)
			values ($1, $2, $3, 'k', 'deadkey1', decode(repeat('00', 32), 'hex'), $1, 1000, 'day')`, []any{tenant, key, project}},
		{`insert into starlane.usage_rollup (tenant_id, day, project_id, key_id, model, class, units, charge_nano)
			values ($1, $2::date, $3, $4, 'm', 'in_text', 1, 77)`, []any{tenant, day, project, key}},
	} {
		if _, err := db.Pool.Exec(t.Context(), step.sql, step.args...); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.redis.SeedBudget(t.Context(), tenant, key, day, 0); err != nil {
		t.Fatal(err)
	}
	ask := func(relay string, turn int64, want money.Amount, ttl time.Duration) allowance.BudgetReply {
		t.Helper()
		part := allowance.BudgetPart{Tenant: tenant, Key: key, Window: day, Relay: relay, Turn: turn, TTL: ttl}
		r, err := a.redis.LeaseBudget(t.Context(), allowance.BudgetRequest{BudgetPart: part, Limit: 1000, Want: want, Need: 1})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	ask("dead:1", 1, 600, -credit.ReleaseGrace-time.Minute) // its lease ran out that long ago
	ask("alive:1", 1, 300, time.Minute)
	if err := a.slicer.CorrectBudgets(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := ask("new:1", 1, 1000, time.Minute); r.Used != 377 || r.Granted != 623 {
		t.Errorf("after the correction: used %d, granted %d; want 377 (77 spent, 300 held by the living) and the other 623", r.Used, r.Granted)
	}
}

// The end of a hold does not put credit out of reach that no relay has: the tenant's last forty cents can be spent on.
func TestEndedHoldComesBack(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	a := openApp(t, db, rds, "worker-1")
	tenant := seedTenant(t, db)
	give(t, a, tenant, "promo:1", 40*money.Cent)
	serve(t, a, tenant)
	lease(t, a, tenant, 10*money.Cent, 1)
	if _, err := db.Pool.Exec(t.Context(), `update starlane.hold set expires_at = now() - interval '1 second' where tenant_id = $1`, tenant); err != nil {
		t.Fatal(err)
	}
	if err := a.slicer.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	serve(t, a, tenant)
	if got := granted(lease(t, a, tenant, money.USD, 1)); got != 30*money.Cent {
		t.Errorf("granted %v, want all but the ten cents that are with a relay", got)
	}
	var escrowed, unsettled money.Amount
	err := db.Pool.QueryRow(t.Context(), `
		select (select -sum(b.posted_nano) from starlane.balance b join starlane.account a on a.id = b.account_id where a.kind = 'escrow')::bigint,
			(select sum(amount_nano - settled_nano) from starlane.hold where state <> 'released')::bigint`).Scan(&escrowed, &unsettled)
	if err != nil || escrowed != unsettled || escrowed != 40*money.Cent {
		t.Errorf("escrow %v, holds %v, %v; want 0.40 in both", escrowed, unsettled, err)
	}
}
