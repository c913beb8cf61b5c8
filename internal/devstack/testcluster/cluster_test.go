package testcluster

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/devstack/pgserver"
	"starlane/internal/devstack/proc"
)

func cluster(t *testing.T) Cluster {
	t.Helper()
	// Not t.TempDir: its removal would race with the server that is still stopping.
	dir, err := os.MkdirTemp("", "starlane-testcluster-") //nolint:usetesting // see above
	require.NoError(t, err)
	c := Cluster{Dir: dir, IdleSeconds: 5}
	t.Cleanup(func() {
		if st, err := c.read("server.json"); err == nil {
			_ = syscall.Kill(st.Watchdog, syscall.SIGKILL)
			c.end(context.Background(), st)
		}
		c.wipe()
		_ = os.RemoveAll(dir)
	})
	return c
}

func gone(t *testing.T, pid int, limit time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	err := proc.WaitFor(ctx, 50*time.Millisecond, func() bool {
		// A detached child of ours stays as a zombie until somebody asks for it.
		var ws syscall.WaitStatus
		_, _ = syscall.Wait4(pid, &ws, syscall.WNOHANG, nil)
		return !proc.Alive(pid)
	})
	if err != nil {
		t.Fatalf("process %d still runs after %s", pid, limit)
	}
}

func TestManyUsersShareOneServer(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	dsns := make([]string, 4)
	var wg sync.WaitGroup
	for i := range dsns {
		wg.Go(func() {
			dsn, err := c.Attach(t.Context())
			if err != nil {
				t.Errorf("attach: %v", err)
			}
			dsns[i] = dsn
		})
	}
	wg.Wait()
	for _, d := range dsns {
		if d != dsns[0] || d == "" {
			t.Fatalf("connection strings differ: %v", dsns)
		}
	}
}

func TestServerStopsWhenNobodyIsLeft(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	_, err := c.Attach(t.Context())
	require.NoError(t, err)
	st, err := c.read("server.json")
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(c.Dir, "users", strconv.Itoa(os.Getpid()))))
	gone(t, st.PID, 30*time.Second)
	dsn, err := c.Attach(t.Context())
	require.NoError(t, err, "after it has stopped")
	require.NoError(t, pgserver.Ping(t.Context(), dsn))
}

func TestAttachAfterACrash(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	_, err := c.Attach(t.Context())
	require.NoError(t, err)
	st, err := c.read("server.json")
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(st.Watchdog, syscall.SIGKILL))
	require.NoError(t, syscall.Kill(st.PID, syscall.SIGKILL))
	gone(t, st.PID, 10*time.Second)
	dsn, err := c.Attach(t.Context())
	require.NoError(t, err)
	require.NoError(t, pgserver.Ping(t.Context(), dsn))
}

func TestAttachReplacesALostWatchdog(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	_, err := c.Attach(t.Context())
	require.NoError(t, err)
	st, err := c.read("server.json")
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(st.Watchdog, syscall.SIGKILL))
	gone(t, st.Watchdog, 10*time.Second)
	_, err = c.Attach(t.Context())
	require.NoError(t, err)
	again, err := c.read("server.json")
	require.NoError(t, err)
	if again.Watchdog == st.Watchdog || !proc.Alive(again.Watchdog) {
		t.Errorf("watchdog = %d, want a new one", again.Watchdog)
	}
}
