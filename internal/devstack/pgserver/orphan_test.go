package pgserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/devstack/proc"
	"starlane/internal/devstack/toolcache"
)

// TestMain lets the test binary play the owner of a server, to be killed by the test.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PGSERVER_TEST_OWNER"); dir != "" {
		owner(dir)
	}
	os.Exit(m.Run())
}

func owner(dir string) {
	s, err := own(context.Background(), dir)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("server", s.PID(), s.Port)
	select {}
}

func own(ctx context.Context, dir string) (*Server, error) {
	cache, err := toolcache.Dir("starlane")
	if err != nil {
		return nil, err
	}
	b, err := Finder{Cache: cache, Fetch: true}.Find(ctx, 0)
	if err != nil {
		return nil, err
	}
	return Start(ctx, Config{Binaries: b, Dir: dir, ForTests: true})
}

func TestKilledOwnerLeavesNoServer(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "PGSERVER_TEST_OWNER="+clusterDir(t))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var pid, port int
	_, err = fmt.Fscanf(out, "server %d %d\n", &pid, &port)
	require.NoError(t, err)
	require.True(t, proc.Alive(pid), "the server runs")
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = proc.WaitFor(ctx, 20*time.Millisecond, func() bool { return !proc.Alive(pid) && proc.PortFree("127.0.0.1", port) })
	require.NoError(t, err, "the server of a killed owner ends")
}
