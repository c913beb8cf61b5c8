package pgtest

import (
	"context"
	"fmt"
	"io/fs"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestNewGivesTheMigratedSchema(t *testing.T) {
	t.Parallel()
	db := New(t)
	var tables int
	require.NoError(t, db.Pool.QueryRow(t.Context(), "select count(*) from pg_tables where schemaname = 'starlane'").Scan(&tables))
	if tables < 10 {
		t.Errorf("tables of the product = %d, want at least 10", tables)
	}
}

func TestRolesLogInAsThemselves(t *testing.T) {
	t.Parallel()
	db := New(t)
	for dsn, want := range map[string]string{db.AppDSN: apiRole, db.WorkerDSN: workerRole} {
		conn, err := pgx.Connect(t.Context(), dsn)
		require.NoError(t, err)
		var session string
		var super bool
		err = conn.QueryRow(t.Context(), "select session_user, rolsuper from pg_roles where rolname = current_user").Scan(&session, &super)
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
		if session != want || super {
			t.Errorf("logged in as %s (superuser %v), want %s", session, super, want)
		}
	}
}

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	schema := fstest.MapFS{"00001_notes.sql": &fstest.MapFile{Data: []byte("-- +goose Up\ncreate table note (body text);\n")}}
	a, b := newFrom(t, schema), newFrom(t, schema)
	_, err := a.Pool.Exec(t.Context(), "insert into note values ('only in a')")
	require.NoError(t, err)
	var n int
	require.NoError(t, b.Pool.QueryRow(t.Context(), "select count(*) from note").Scan(&n))
	if n != 0 {
		t.Errorf("rows in the other database = %d, want 0", n)
	}
}

func TestManyAtOnceMakeOneTemplate(t *testing.T) {
	t.Parallel()
	// A schema nobody has used yet, so that all of them find no template.
	sql := "-- +goose Up\ncreate table seen (at text default '" + time.Now().Format(time.RFC3339Nano) + "');\n"
	schema := fstest.MapFS{"00001_seen.sql": &fstest.MapFile{Data: []byte(sql)}}
	t.Cleanup(func() { dropTemplate(t, schema) }) // nobody will want it again
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			db := newFrom(t, schema)
			if _, err := db.Pool.Exec(t.Context(), "insert into seen default values"); err != nil {
				t.Errorf("insert: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestDatabaseIsDroppedAtTheEnd(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("user", func(t *testing.T) { name = New(t).Name })
	ctx := context.Background()
	dsn, err := adminDSN(ctx)
	require.NoError(t, err)
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	var there bool
	require.NoError(t, conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", name).Scan(&there))
	if there {
		t.Errorf("database %s is still there", name)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		New(b)
	}
}

func dropTemplate(t *testing.T, schema fs.FS) {
	t.Helper()
	ctx := context.Background()
	sum, err := digest(schema)
	require.NoError(t, err)
	dsn, err := adminDSN(ctx)
	require.NoError(t, err)
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range []string{"alter database %s with is_template false", "drop database %s with (force)"} {
		_, err := conn.Exec(ctx, fmt.Sprintf(sql, templatePrefix+sum))
		require.NoError(t, err)
	}
}
