package postgres

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"

	"starlane/internal/platform/secret"
	"starlane/internal/testkit/pgtest"
)

// Several processes bring an empty database up to date at once: one does the work.
func TestMigrate(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	name := db.Name + "_empty"
	if _, err := db.Pool.Exec(t.Context(), "create database "+name+" template template0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Pool.Exec(context.WithoutCancel(t.Context()), "drop database "+name+" with (force)"); err != nil {
			t.Error(err)
		}
	})
	dsn := func(raw string) secret.String {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		u.Path = "/" + name
		return secret.New(u.String())
	}
	worker, err := Open(t.Context(), dsn(db.WorkerDSN), Worker)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(worker.Close)
	if err := Migrated(t.Context(), worker); err == nil || !strings.Contains(err.Error(), "api migrate") {
		t.Errorf("empty database: err = %v, want a hint to migrate", err)
	}
	ran := make([]int, 3)
	var wg sync.WaitGroup
	for i := range ran {
		wg.Go(func() {
			var err error
			if ran[i], err = Migrate(t.Context(), dsn(db.DSN)); err != nil {
				t.Errorf("Migrate: %v", err)
			}
		})
	}
	wg.Wait()
	if total := ran[0] + ran[1] + ran[2]; total < 5 || (ran[0] != total && ran[1] != total && ran[2] != total) {
		t.Errorf("migrations run: %v; want all by one", ran)
	}
	if err := Migrated(t.Context(), worker); err != nil {
		t.Errorf("after Migrate: %v", err)
	}
}

func TestOpenDoesNotShowThePassword(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), secret.New("postgres://me:hunter2@host:port/x"), API)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("err = %v; want one without the password", err)
	}
}
