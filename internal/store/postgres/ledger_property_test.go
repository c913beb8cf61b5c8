package postgres

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"starlane/internal/billing/ledger"
	"starlane/internal/billing/money"
	"starlane/internal/billing/reconcile"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/testkit/pgtest"
)

// soundBooks fails the test if an identity is broken.
func soundBooks(ctx context.Context, t interface{ Fatalf(string, ...any) }, l *Ledger) {
	results, err := reconcile.Check(ctx, l)
	if err != nil {
		t.Fatalf("check the books: %v", err)
	}
	for _, r := range results {
		if len(r.Breaks) > 0 {
			t.Fatalf("%s: broken by %+v", r.Identity.Name, r.Breaks)
		}
	}
}

// Random transactions, some of them sent twice and some under a used key, against a map in memory.
func TestLedgerProperties(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	l := NewLedger(workerPool(t, db))
	tenants := []id.ID{addTenant(t, db, "prepaid", 0), addTenant(t, db, "postpaid", 0)}
	lots := []id.ID{id.New(), id.New()}
	model := map[ledger.Account]money.Amount{}
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		tenant := rapid.SampledFrom(tenants).Draw(rt, "tenant")
		accounts := []ledger.Account{
			ledger.EscrowOf(tenant), ledger.ReceivableOf(tenant), ledger.CreditOf(tenant, lots[0]), ledger.CreditOf(tenant, lots[1]),
			ledger.Platform(ledger.Cash), ledger.RevenueShard(int16(rapid.IntRange(0, 2).Draw(rt, "shard"))),
		}
		txn := ledger.Transaction{Tenant: tenant, IdemKey: fmt.Sprintf("k%d", n), Kind: "test", EffectiveAt: time.Now(), SourceRef: "test", Actor: "test"}
		var sum money.Amount
		for range rapid.IntRange(1, 6).Draw(rt, "entries") {
			amount := money.Amount(rapid.Int64Range(-1e12, 1e12).Draw(rt, "amount"))
			txn.Entries = append(txn.Entries, ledger.Entry{Account: rapid.SampledFrom(accounts[1:]).Draw(rt, "account"), Amount: amount})
			sum += amount
		}
		txn.Entries = append(txn.Entries, ledger.Entry{Account: accounts[0], Amount: -sum})
		check := txn
		if err := check.Normalize(); err != nil {
			rt.Fatal(err)
		}
		first, err := l.Post(t.Context(), txn)
		if check.Validate() != nil {
			if err == nil {
				rt.Fatalf("posted what is not valid: %+v", check)
			}
			return
		}
		if err != nil {
			rt.Fatal(err)
		}
		for _, e := range txn.Entries {
			model[e.Account] += e.Amount
		}
		if again, err := l.Post(t.Context(), txn); err != nil || again != first {
			rt.Fatalf("repeat: %+v, %v; want %+v", again, err, first)
		}
		other := txn
		other.SourceRef = "another"
		if _, err := l.Post(t.Context(), other); err == nil {
			rt.Fatal("the key was taken for another transaction")
		}
	})
	for account, want := range model {
		if got, err := l.Balance(t.Context(), account); err != nil || got != want {
			t.Errorf("balance of %+v = %v, %v; want %v", account, got, err, want)
		}
	}
	soundBooks(t.Context(), t, l)
}

func TestReverseRestoresBalances(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	l := NewLedger(workerPool(t, db))
	tenant, lot := addTenant(t, db, "prepaid", 0), id.New()
	txn := grantTxn(tenant, lot, 7*money.USD, "promo:r")
	if _, err := l.Post(t.Context(), txn); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Post(t.Context(), txn.Reverse("undo:promo:r", "test")); err != nil {
		t.Fatal(err)
	}
	for _, a := range []ledger.Account{ledger.CreditOf(tenant, lot), ledger.Platform(ledger.PromoExpense)} {
		if got, err := l.Balance(t.Context(), a); err != nil || got != 0 {
			t.Errorf("balance of %s = %v, %v; want 0", a.Kind, got, err)
		}
	}
}

// What neither the worker nor the api may do, whatever their code says.
func TestTamper(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	worker := workerPool(t, db)
	api, err := Open(t.Context(), secret.New(db.AppDSN), API)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	l := NewLedger(worker)
	tenant, lot := addTenant(t, db, "prepaid", 0), id.New()
	posted, err := l.Post(t.Context(), grantTxn(tenant, lot, money.USD, "promo:t"))
	if err != nil {
		t.Fatal(err)
	}
	child := posted.At.Format("2006_01")
	attacks := map[string]string{
		"change an entry":        `update ledger_entry set amount_nano = amount_nano + 1`,
		"remove an entry":        `delete from ledger_entry`,
		"empty the entries":      `truncate ledger_entry`,
		"empty a partition":      `truncate ledger_entry_` + child,
		"insert into partition":  `insert into ledger_entry_` + child + ` select * from ledger_entry`,
		"change a transaction":   `update ledger_txn set kind = 'x'`,
		"remove a key":           `delete from ledger_idem`,
		"change a lot":           `update credit_lot set amount_nano = 1`,
		"change an event":        `update usage_event set charge_nano = 0`,
		"remove events":          `delete from usage_event`,
		"change a price":         `update price_rate set nano_per_million = 0`,
		"disable a trigger":      `alter table ledger_entry disable trigger all`,
		"drop a partition":       `drop table ledger_entry_` + child,
		"detach a partition":     `alter table ledger_entry detach partition ledger_entry_` + child,
		"switch the wall off":    `alter table ledger_entry no force row level security`,
		"become the owner":       `set role starlane_owner`,
		"bypass triggers":        `set session_replication_role = replica`,
		"remove a balance":       `delete from balance`,
		"replace the zero check": `create or replace function starlane.check_zero_sum() returns trigger language plpgsql as $$ begin return null; end $$`,
		"one-legged entry": `insert into ledger_entry (tenant_id, posted_at, txn_id, account_id, amount_nano)
			select tenant_id, now(), 999999, id, 5 from account limit 1`,
		"entry to another tenant's account": `insert into ledger_entry (tenant_id, posted_at, txn_id, account_id, amount_nano)
			select '00000000-0000-0000-0000-000000000000', now(), 999999, id, 5 from account where tenant_id <> '00000000-0000-0000-0000-000000000000' limit 1`,
	}
	for role, pool := range map[string]*pgxpool.Pool{"worker": worker, "api": api} {
		for name, sql := range attacks {
			t.Run(role+" "+name, func(t *testing.T) {
				tx, err := pool.Begin(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
				if _, err := tx.Exec(t.Context(), `select set_config('starlane.operator', 'on', true)`); err != nil {
					t.Fatal(err)
				}
				if tag, err := tx.Exec(t.Context(), sql); err == nil {
					t.Errorf("%s went through: %s", sql, tag)
				}
			})
		}
	}
	soundBooks(t.Context(), t, l)
}

// Every table with a tenant has it NOT NULL and first in its primary key, and forces row-level security.
func TestEveryTenantTableHasItsWall(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rows, err := db.Pool.Query(t.Context(), `
		select c.relname, a.attnotnull,
			coalesce((select i.indkey[0] = a.attnum from pg_index i where i.indrelid = c.oid and i.indisprimary), false),
			c.relrowsecurity and c.relforcerowsecurity
		from pg_class c
		join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'starlane'
		join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
		where c.relkind in ('r', 'p') and not c.relispartition
		order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	// Changes for relays are numbered over all tenants and hold names of rows only; relays' publisher reads them all.
	platform := map[string]bool{"config_change": true}
	seen := 0
	for rows.Next() {
		var table string
		var notNull, first, forced bool
		if err := rows.Scan(&table, &notNull, &first, &forced); err != nil {
			t.Fatal(err)
		}
		seen++
		if !notNull || (!platform[table] && (!first || !forced)) {
			t.Errorf("%s: tenant not null %v, first in primary key %v, row-level security forced %v; want all true", table, notNull, first, forced)
		}
	}
	if rows.Err() != nil || seen < 20 {
		t.Errorf("looked at %d tables, %v; want at least 20", seen, rows.Err())
	}
}

// Every other table is one that tenants share by its nature, or has a wall of its own.
func TestEveryTableIsSharedOrHasAWall(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rows, err := db.Pool.Query(t.Context(), `
		select c.relname
		from pg_class c
		join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'starlane'
		where c.relkind in ('r', 'p') and not c.relispartition and not (c.relrowsecurity and c.relforcerowsecurity)
		order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"config_change", "dead_letter", "deployment", "leader_lease", "model", "period", "provider", "provider_account", "relay_ahead", "relay_watermark",
		"route", "route_candidate", "shard_lease", "stripe_event", "upstream_key",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tables without a wall (-want +got):\n%s", diff)
	}
}

// A tenant sees its own legs of a transaction and nobody else's.
func TestTenantWall(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	l := NewLedger(workerPool(t, db))
	mine, other := addTenant(t, db, "prepaid", 0), addTenant(t, db, "prepaid", 0)
	for i, tenant := range []id.ID{mine, other} {
		if _, err := l.Post(t.Context(), grantTxn(tenant, id.New(), money.USD, fmt.Sprintf("promo:%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	api, err := Open(t.Context(), secret.New(db.AppDSN), API)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	for _, tc := range []struct {
		name, setting, value string
		want                 int
	}{
		{"nobody", "starlane.tenant", "", 0},
		{"tenant", "starlane.tenant", mine.String(), 1},
		{"operator", "starlane.operator", "on", 4},
	} {
		tx, err := api.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if _, err := tx.Exec(t.Context(), "select set_config($1, $2, true)", tc.setting, tc.value); err != nil {
			t.Fatal(err)
		}
		if err := tx.QueryRow(t.Context(), "select count(*) from ledger_entry").Scan(&n); err != nil || n != tc.want {
			t.Errorf("%s sees %d entries, %v; want %d", tc.name, n, err, tc.want)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
