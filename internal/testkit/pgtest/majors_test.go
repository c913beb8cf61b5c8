package pgtest

import (
	"context"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"starlane/internal/devstack/pgserver"
	"starlane/internal/devstack/toolcache"
	"starlane/migrations"
)

// The oldest and the newest supported Postgres are the ones that first runs meet: Debian's, and the one from npm.
func TestSchemaLoadsOnTheNewestMajor(t *testing.T) {
	t.Parallel()
	cache, err := toolcache.Dir("starlane")
	require.NoError(t, err)
	bin, err := pgserver.Finder{Cache: cache, Fetch: true}.Find(t.Context(), 18)
	require.NoError(t, err)
	server, err := pgserver.Start(t.Context(), pgserver.Config{Binaries: bin, Dir: t.TempDir(), ForTests: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop(context.Background(), syscall.SIGINT) })
	conn, err := pgx.Connect(t.Context(), server.DSN("postgres"))
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	name, err := ensureTemplate(t.Context(), conn, server.DSN("postgres"), migrations.FS)
	require.NoError(t, err)
	var version string
	require.NoError(t, conn.QueryRow(t.Context(), "show server_version").Scan(&version))
	t.Logf("Postgres %s, template %s", version, name)
}
