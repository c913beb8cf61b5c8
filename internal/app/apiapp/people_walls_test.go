package apiapp

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"starlane/internal/platform/secret"
	"starlane/internal/tenancy/identity"
)

// setting is what a transaction works for.
type setting struct{ name, value string }

// inWall runs f as the api's role in a transaction that is undone.
func (in *installation) inWall(s setting, f func(tx pgx.Tx)) {
	in.t.Helper()
	tx, err := in.app.pool.Begin(in.t.Context())
	if err != nil {
		in.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(in.t.Context())) }()
	if s.name != "" {
		if _, err := tx.Exec(in.t.Context(), `select set_config($1, $2, true)`, s.name, s.value); err != nil {
			in.t.Fatal(err)
		}
	}
	f(tx)
}

// TestPeopleAndTenantsHaveTheirWalls: a transaction that works for a tenant, for a person, or for nobody finds and changes
// only the tenant, the people and the sessions that are its own.
func TestPeopleAndTenantsHaveTheirWalls(t *testing.T) {
	t.Parallel()
	in := start(t)
	a, b := in.newOrg("Acme"), in.newOrg("Bolt")
	for _, o := range []org{a, b} {
		session := identity.DigestOf(secret.New(o.ownerID.String()))
		if _, err := in.db.Pool.Exec(t.Context(), `insert into starlane.session (digest, user_id, csrf_token, expires_at) values ($1, $2, 'x', now() + interval '1 hour')`,
			session[:], o.ownerID); err != nil {
			t.Fatal(err)
		}
	}
	nobody, tenant := setting{}, setting{"starlane.tenant", a.id.String()}
	person, operator := setting{"starlane.person", a.ownerID.String()}, setting{"starlane.operator", "on"}
	for _, tc := range []struct {
		name     string
		as       setting
		sql      string
		own, all int // rows touched that belong to Acme, and in all; -1: refused outright
	}{
		{"nobody reads tenants", nobody, `select id from tenant`, 0, 0},
		{"nobody reads people", nobody, `select id from app_user`, 0, 0},
		{"nobody reads sessions", nobody, `select user_id from session`, 0, 0},
		{"a tenant reads tenants", tenant, `select id from tenant`, 1, 1},
		{"a tenant reads people", tenant, `select id from app_user`, 1, 1},
		{"a tenant reads sessions", tenant, `select user_id from session`, 0, 0},
		{"a tenant changes tenants", tenant, `update tenant set name = 'x' returning id`, 1, 1},
		{"a tenant becomes another", tenant, `update tenant set id = '00000000-0000-0000-0000-00000000000a' where id = '` + a.id.String() + `' returning id`, -1, -1},
		{"a tenant changes people", tenant, `update app_user set name = 'x' returning id`, 0, 0},
		{"a tenant ends sessions", tenant, `delete from session returning user_id`, 0, 0},
		{"a tenant reads password hashes", tenant, `select password_hash from app_user`, -1, -1},
		{"a person reads tenants", person, `select id from tenant`, 0, 0},
		{"a person reads people", person, `select id from app_user`, 1, 1},
		{"a person changes people", person, `update app_user set name = 'x' returning id`, 1, 1},
		{"a person becomes another", person, `update app_user set id = '00000000-0000-0000-0000-00000000000a' returning id`, -1, -1},
		{"a person ends sessions", person, `delete from session returning user_id`, 1, 1},
		{"a person signs another in", person, `insert into session (digest, user_id, csrf_token, expires_at) values ('x', '` + b.ownerID.String() + `', 'x', now()) returning user_id`, -1, -1},
		{"a person reads session tokens", person, `select csrf_token from session`, -1, -1},
		{"an operator changes people", operator, `update app_user set name = 'x' returning id`, 0, 0},
		{"an operator ends sessions", operator, `delete from session returning user_id`, 0, 0},
		{"an operator reads tenants", operator, `select id from tenant where name in ('Acme', 'Bolt')`, 1, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in.inWall(tc.as, func(tx pgx.Tx) {
				own, all := -1, -1
				rows, err := tx.Query(t.Context(), tc.sql)
				if err == nil {
					var ids [][16]byte
					if ids, err = pgx.CollectRows(rows, pgx.RowTo[[16]byte]); err == nil {
						own, all = 0, len(ids)
						for _, v := range ids {
							if v == [16]byte(a.id) || v == [16]byte(a.ownerID) {
								own++
							}
						}
					}
				}
				if own != tc.own || all != tc.all {
					t.Errorf("%s: %d rows, %d of them Acme's (%v); want %d, %d", tc.sql, all, own, err, tc.all, tc.own)
				}
			})
		})
	}
}

// TestWorkerKnowsNobody: what people sign in with is no business of the worker's, which only clears ended sessions away.
func TestWorkerKnowsNobody(t *testing.T) {
	t.Parallel()
	in := start(t)
	worker, err := pgx.Connect(t.Context(), in.db.WorkerDSN+"&search_path=starlane")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = worker.Close(context.WithoutCancel(t.Context())) }()
	for _, sql := range []string{
		`select id from app_user`, `select digest from session`, `select csrf_token from session`,
		`select * from person_by_email('op@platform.test')`, `select * from session_by_digest('x')`, `update session set expires_at = now() + interval '1 year'`,
	} {
		if _, err := worker.Exec(t.Context(), sql); err == nil {
			t.Errorf("the worker may %s", sql)
		}
	}
	if _, err := worker.Exec(t.Context(), `delete from session where expires_at < now()`); err != nil {
		t.Errorf("clear ended sessions: %v", err)
	}
}
