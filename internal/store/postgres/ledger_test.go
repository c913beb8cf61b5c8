package postgres

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"starlane/internal/billing/ledger"
	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/testkit/pgtest"
)

// workerPool opens the database as the worker does.
func workerPool(t testing.TB, db *pgtest.DB) *pgxpool.Pool {
	t.Helper()
	pool, err := Open(t.Context(), secret.New(db.WorkerDSN), Worker)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func addTenant(t testing.TB, db *pgtest.DB, mode string, limit money.Amount) id.ID {
	t.Helper()
	tenant := id.New()
	_, err := db.Pool.Exec(t.Context(), `insert into starlane.tenant (id, name, billing_mode, credit_limit_nano) values ($1, $2, $3, $4)`,
		tenant, "Tenant "+tenant.String(), mode, limit)
	if err != nil {
		t.Fatal(err)
	}
	return tenant
}

func grantTxn(tenant, lot id.ID, amount money.Amount, key string) ledger.Transaction {
	return ledger.Transaction{
		Tenant: tenant, IdemKey: key, Kind: ledger.TxnPromo, EffectiveAt: time.Now(), SourceRef: "test", Actor: "test",
		Entries: []ledger.Entry{{Account: ledger.Platform(ledger.PromoExpense), Amount: amount}, {Account: ledger.CreditOf(tenant, lot), Amount: -amount}},
	}
}

func TestPostIsIdempotent(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	l := NewLedger(workerPool(t, db))
	tenant, lot := addTenant(t, db, "prepaid", 0), id.New()
	first, err := l.Post(t.Context(), grantTxn(tenant, lot, 5*money.USD, "promo:1"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := l.Post(t.Context(), grantTxn(tenant, lot, 5*money.USD, "promo:1"))
	if err != nil || again != first {
		t.Errorf("repeat = %+v, %v; want %+v", again, err, first)
	}
	if _, err := l.Post(t.Context(), grantTxn(tenant, lot, 6*money.USD, "promo:1")); !errors.Is(err, ledger.ErrIdemConflict) {
		t.Errorf("same key, other content: err = %v, want ErrIdemConflict", err)
	}
	got, err := l.Balance(t.Context(), ledger.CreditOf(tenant, lot))
	if err != nil || got != -5*money.USD {
		t.Errorf("balance = %v, %v; want -5.00", got, err)
	}
}
