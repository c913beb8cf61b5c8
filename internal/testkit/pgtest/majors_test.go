package pgtest

import (
	"context"
	"net/url"
	"strconv"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"starlane/internal/devstack/pgserver"
	"starlane/internal/devstack/toolcache"
	"starlane/migrations"
)

// The oldest and the newest supported Postgres are the ones that first runs meet: the machine's, often Debian's 15, and the
// one from npm. Managed servers give out no superuser, so the schema must load without one.
func TestSchemaLoadsWithoutASuperuser(t *testing.T) {
	t.Parallel()
	cache, err := toolcache.Dir("starlane")
	require.NoError(t, err)
	for _, major := range []int{0, 18} {
		t.Run(strconv.Itoa(major), func(t *testing.T) {
			t.Parallel()
			bin, err := pgserver.Finder{Cache: cache, Fetch: true}.Find(t.Context(), major)
			require.NoError(t, err)
			dir := t.TempDir()
			t.Cleanup(func() { _ = pgserver.Wipe(dir) })
			server, err := pgserver.Start(t.Context(), pgserver.Config{Binaries: bin, Dir: dir, ForTests: true})
			require.NoError(t, err)
			t.Cleanup(func() { _ = server.Stop(context.Background(), syscall.SIGINT) })
			conn, err := pgx.Connect(t.Context(), server.DSN("postgres"))
			require.NoError(t, err)
			defer func() { _ = conn.Close(t.Context()) }()
			for _, sql := range []string{"create role operator login createrole password 'x'", "create database product owner operator"} {
				_, err := conn.Exec(t.Context(), sql)
				require.NoError(t, err)
			}
			dsn, err := url.Parse(server.DSN("product"))
			require.NoError(t, err)
			dsn.User = url.UserPassword("operator", "x")
			require.NoError(t, migrate(t.Context(), dsn.String(), "product", migrations.FS), "Postgres %s", bin.Version)
			for _, role := range []string{apiRole, workerRole} {
				as, err := pgx.Connect(t.Context(), dsn.String()+"&role="+role)
				require.NoError(t, err, "work as %s on Postgres %s", role, bin.Version)
				require.NoError(t, as.Close(t.Context()))
			}
		})
	}
}
