// Package pgtest gives each test a Postgres database of its own, with the product's schema in it.
//
// All test binaries share one real server (see testcluster) and one template database per state of the migrations;
// a test's database is a clone of it. STARLANE_TEST_DATABASE_URL (a superuser's connection string) names another server to use.
package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"starlane/internal/devstack/testcluster"
	"starlane/migrations"
)

const (
	newTimeout = 4 * time.Minute // the first use on a machine may download Postgres
	dropAfter  = 30 * time.Second
	poolSize   = 10
)

// The roles that the product's processes work as. In tests they can log in, so that nothing can step back out of them.
const (
	apiRole    = "starlane_api"
	workerRole = "starlane_worker"
)

// DB is a database that lives as long as its test.
type DB struct {
	Pool      *pgxpool.Pool // as the owner of everything
	DSN       string        // as the owner of everything
	AppDSN    string        // as starlane_api
	WorkerDSN string        // as starlane_worker
	Name      string
}

// New clones the migrated template and drops the clone when the test ends. Without a server the test fails: there is no substitute.
func New(t testing.TB) *DB {
	t.Helper()
	return newFrom(t, migrations.FS)
}

func newFrom(t testing.TB, schema fs.FS) *DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), newTimeout)
	defer cancel()
	admin, err := adminDSN(ctx)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		t.Fatalf("pgtest: connect: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	template, err := ensureTemplate(ctx, conn, admin, schema)
	if err != nil {
		t.Fatalf("pgtest: template: %v", err)
	}
	name := fmt.Sprintf("%s%d_%s", clonePrefix, os.Getpid(), hex.EncodeToString(randomBytes()))
	if _, err := conn.Exec(ctx, "create database "+name+" template "+template+" strategy "+cloneStrategy); err != nil {
		t.Fatalf("pgtest: clone: %v", err)
	}
	t.Cleanup(func() { drop(t, admin, name) })
	return open(ctx, t, admin, name)
}

func adminDSN(ctx context.Context) (string, error) {
	if dsn := os.Getenv("STARLANE_TEST_DATABASE_URL"); dsn != "" {
		return dsn, nil
	}
	cluster, err := testcluster.Shared()
	if err != nil {
		return "", err
	}
	return cluster.Attach(ctx)
}

func open(ctx context.Context, t testing.TB, admin, name string) *DB {
	t.Helper()
	db := &DB{Name: name}
	var err error
	for _, d := range []struct {
		into *string
		role string
	}{{&db.DSN, ""}, {&db.AppDSN, apiRole}, {&db.WorkerDSN, workerRole}} {
		if *d.into, err = as(admin, name, d.role); err != nil {
			t.Fatalf("pgtest: %v", err)
		}
	}
	cfg, err := pgxpool.ParseConfig(db.DSN)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	cfg.MaxConns = poolSize
	cfg.ConnConfig.RuntimeParams["search_path"] = "starlane,public"
	if db.Pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		t.Fatalf("pgtest: open: %v", err)
	}
	t.Cleanup(db.Pool.Close)
	return db
}

func drop(t testing.TB, admin, name string) {
	t.Helper()
	// The test's own context is over by now.
	ctx, cancel := context.WithTimeout(context.Background(), dropAfter)
	defer cancel()
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		t.Errorf("pgtest: connect to drop %s: %v", name, err)
		return
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "drop database if exists "+name+" with (force)"); err != nil {
		t.Errorf("pgtest: drop %s: %v", name, err)
	}
}

// as rewrites the administrator's connection string for a database and, unless role is empty, one of the product's roles.
func as(admin, database, role string) (string, error) {
	u, err := url.Parse(admin)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("STARLANE_TEST_DATABASE_URL must look like postgres://user:password@host:5432/postgres?sslmode=disable")
	}
	if role != "" {
		u.User = url.UserPassword(role, rolePassword(u, role))
	}
	u.Path = "/" + database
	return u.String(), nil
}

// rolePassword is the same for every process that knows the administrator's password, so that it need not be kept anywhere.
func rolePassword(admin *url.URL, role string) string {
	secret, _ := admin.User.Password()
	sum := sha256.Sum256([]byte("starlane test role\x00" + role + "\x00" + secret))
	return hex.EncodeToString(sum[:16])
}

func randomBytes() []byte {
	id := uuid.New()
	return id[:6]
}

func pidOf(database string) (int, bool) {
	rest, ok := cutPrefixes(database, clonePrefix)
	if !ok {
		return 0, false
	}
	pid, err := strconv.Atoi(rest)
	return pid, err == nil
}
