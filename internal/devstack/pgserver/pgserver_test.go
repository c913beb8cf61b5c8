package pgserver

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"starlane/internal/devstack/toolcache"
)

func find(t *testing.T) Binaries {
	t.Helper()
	cache, err := toolcache.Dir("starlane")
	require.NoError(t, err)
	b, err := Finder{Cache: cache, Fetch: true}.Find(t.Context(), 0)
	require.NoError(t, err)
	return b
}

// clusterDir is wiped too, as a cluster may have had to go elsewhere.
func clusterDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { _ = Wipe(dir) })
	return dir
}

func execute(t *testing.T, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}

func TestClusterKeepsDataAndSecretAcrossStarts(t *testing.T) {
	t.Parallel()
	cfg := Config{Binaries: find(t), Dir: clusterDir(t), ForTests: true}
	s, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	execute(t, s.DSN("postgres"), "create table kept (n int); insert into kept values (42)")
	require.NoError(t, s.Stop(t.Context(), syscall.SIGINT))

	again, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = again.Stop(context.Background(), syscall.SIGINT) })
	if again.Password != s.Password {
		t.Error("the password changed")
	}
	execute(t, again.DSN("postgres"), "do $$ begin assert (select n from kept) = 42; end $$")

	st, err := os.Stat(filepath.Join(cfg.Dir, "state.json"))
	require.NoError(t, err)
	if st.Mode().Perm() != 0o600 {
		t.Errorf("mode of the password's file = %o, want 600", st.Mode().Perm())
	}
	if got, want := DataMajor(cfg.Dir), cfg.Binaries.Major; got != want {
		t.Errorf("DataMajor = %d, want %d", got, want)
	}
	err = Ping(t.Context(), DSN("postgres", "wrong", again.Port, "postgres"))
	if err == nil {
		t.Error("a wrong password is let in")
	}
}

func TestStartTakesOverFromAServerWhoseOwnerWasKilled(t *testing.T) {
	t.Parallel()
	cfg := Config{Binaries: find(t), Dir: clusterDir(t), ForTests: true, Detached: true} // detached: nobody stops it
	old, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	cfg.Detached = false
	s, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Stop(context.Background(), syscall.SIGINT) })
	if s.PID() == old.PID() {
		t.Error("the old server still runs")
	}
	execute(t, s.DSN("postgres"), "select 1")
}

func TestStartSaysWhatPostgresSays(t *testing.T) {
	t.Parallel()
	cfg := Config{Binaries: find(t), Dir: clusterDir(t), ForTests: true}
	s, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, s.Stop(t.Context(), syscall.SIGINT))
	require.NoError(t, os.Remove(filepath.Join(cfg.Dir, "data", "global", "pg_control")))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := Start(ctx, cfg); err == nil || !strings.Contains(err.Error(), "pg_control") {
		t.Errorf("error = %v, want Postgres's own words about pg_control", err)
	}
}

func TestFindRefusesAnotherMajorForOldData(t *testing.T) {
	t.Parallel()
	_, err := Finder{Cache: t.TempDir()}.Find(t.Context(), 9)
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "--reset") {
		t.Errorf("error = %v, want ErrNotFound that says what to do", err)
	}
}

func TestRelink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lib := filepath.Join(dir, "native", "lib")
	require.NoError(t, os.MkdirAll(lib, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(lib, "libx.so.1.2"), []byte("x"), 0o600))
	links := `[{"source":"native/lib/libx.so.1.2","target":"native/lib/libx.so.1"}]`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "native", "pg-symlinks.json"), []byte(links), 0o600))
	for range 2 { // a second time changes nothing
		require.NoError(t, relink(dir))
	}
	data, err := os.ReadFile(filepath.Join(lib, "libx.so.1"))
	require.NoError(t, err)
	if string(data) != "x" {
		t.Errorf("link leads to %q", data)
	}
	evil := `[{"source":"native/lib/libx.so.1.2","target":"../../outside"}]`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "native", "pg-symlinks.json"), []byte(evil), 0o600))
	if err := relink(dir); err == nil {
		t.Error("a link that leads outside the package is made")
	}
}
