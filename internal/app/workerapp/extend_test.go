package workerapp

import (
	"testing"
	"time"

	"starlane/internal/billing/credit"
	"starlane/internal/billing/money"
	"starlane/internal/testkit/pgtest"
	"starlane/internal/testkit/redistest"
)

// A tenant whose last forty cents are all in one hold: they stay within reach for as long as they are accounted for.
func TestHoldsInUseAreExtended(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	a := openApp(t, db, rds, "worker-1")
	tenant := seedTenant(t, db)
	give(t, a, tenant, "promo:1", 40*money.Cent)
	serve(t, a, tenant)

	nearlyOver := func() {
		t.Helper()
		soon := time.Now().Add(time.Minute)
		if _, err := db.Pool.Exec(t.Context(), `update starlane.hold set expires_at = $2 where tenant_id = $1`, tenant, soon); err != nil {
			t.Fatal(err)
		}
		if err := a.slicer.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	end := func() (until time.Time) {
		t.Helper()
		if err := db.Pool.QueryRow(t.Context(), `select expires_at from starlane.hold where tenant_id = $1`, tenant).Scan(&until); err != nil {
			t.Fatal(err)
		}
		return until
	}
	nearlyOver()
	if left := time.Until(end()); left < 10*time.Minute {
		t.Errorf("the hold ends in %v, want another term", left)
	}
	if e := escrow(t, a, tenant); len(e.Holds) != 1 || e.Holds[0].ExpiresAt.Sub(end()).Abs() > time.Second {
		t.Errorf("shelf: %+v; want the same end as in Postgres, %v", e.Holds, end())
	}

	// With a relay it still counts; with a relay that died, and its lease with it, it does not.
	lease(t, a, tenant, 30*money.Cent, 1)
	nearlyOver()
	if left := time.Until(end()); left < 10*time.Minute {
		t.Errorf("with a lease out the hold ends in %v, want another term", left)
	}
	hold := escrow(t, a, tenant).Holds[0].ID
	if _, err := a.redis.ReturnLease(t.Context(), tenant, "r:1", hold, 0, true); err != nil {
		t.Fatal(err)
	}
	nearlyOver()
	if left := time.Until(end()); left > 2*time.Minute {
		t.Errorf("after a lost lease the hold ends in %v, want it to be left to end", left)
	}
}

func TestHoldsEndWithTheirLot(t *testing.T) {
	t.Parallel()
	db, rds := pgtest.New(t), redistest.New(t)
	a := openApp(t, db, rds, "worker-1")
	tenant := seedTenant(t, db)
	lotEnd := time.Now().Add(8 * time.Minute)
	if _, _, err := a.credit.Grant(t.Context(), credit.Grant{
		Tenant: tenant, Source: credit.Promo, SourceRef: "promo:1", Amount: money.USD, Actor: "test", ExpiresAt: &lotEnd,
	}); err != nil {
		t.Fatal(err)
	}
	serve(t, a, tenant)
	if _, err := db.Pool.Exec(t.Context(), `update starlane.hold set expires_at = $2 where tenant_id = $1`, tenant, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds nothing more to move
		if err := a.slicer.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var until time.Time
	if err := db.Pool.QueryRow(t.Context(), `select max(expires_at) from starlane.hold where tenant_id = $1`, tenant).Scan(&until); err != nil {
		t.Fatal(err)
	}
	if until.Sub(lotEnd).Abs() > time.Millisecond {
		t.Errorf("the hold ends %v, want the end of its lot, %v", until, lotEnd)
	}
}
