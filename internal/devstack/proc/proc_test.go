package proc

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary play the owner of a process, to be killed by the test.
func TestMain(m *testing.M) {
	if os.Getenv("PROC_TEST_OWNER") != "" {
		owner()
	}
	os.Exit(m.Run())
}

func owner() {
	p, err := Start(Spec{Name: "sleeper", Path: "/bin/sleep", Args: []string{"600"}})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("child", p.PID())
	select {}
}

func within(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := WaitFor(ctx, 10*time.Millisecond, ok); err != nil {
		t.Fatalf("not after %s: %s", d, what)
	}
}

func TestKilledOwnerLeavesNoOrphan(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "PROC_TEST_OWNER=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var pid int
	_, err = fmt.Fscanf(out, "child %d\n", &pid)
	require.NoError(t, err)
	if !Alive(pid) {
		t.Fatalf("child %d does not run", pid)
	}
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	within(t, 5*time.Second, "the child of a killed owner ends", func() bool {
		name, _ := Program(pid)
		return name != "sleep"
	})
}

func TestStopIsOrderlyThenHard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, script string
		wantErr      bool
	}{
		{"ends by itself", "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done", false},
		{"deaf to signals", "trap '' TERM; echo up; while :; do sleep 0.05; done", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := filepath.Join(t.TempDir(), "log")
			p, err := Start(Spec{Name: "sh", Path: "/bin/sh", Args: []string{"-c", c.script}, LogPath: log})
			require.NoError(t, err)
			within(t, 5*time.Second, "the trap is set", func() bool {
				data, _ := os.ReadFile(log)
				return strings.Contains(string(data), "up")
			})
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			err = p.Stop(ctx, syscall.SIGTERM)
			if (err != nil) != c.wantErr {
				t.Errorf("Stop = %v, want an error: %v", err, c.wantErr)
			}
			if !p.Exited() {
				t.Error("still running")
			}
		})
	}
}

func TestChildLeadsItsOwnGroup(t *testing.T) {
	t.Parallel()
	p, err := Start(Spec{Name: "sleep", Path: "/bin/sleep", Args: []string{"60"}})
	require.NoError(t, err)
	defer func() { _ = p.Stop(t.Context(), syscall.SIGKILL) }()
	group, err := syscall.Getpgid(p.PID())
	require.NoError(t, err)
	if group != p.PID() {
		t.Errorf("process group = %d, want its own, %d: Ctrl-C would reach it", group, p.PID())
	}
}

func TestUnprivilegedIsNotRootInside(t *testing.T) {
	t.Parallel()
	id, err := Unprivileged(t.Context())
	require.NoError(t, err)
	log := filepath.Join(t.TempDir(), "log")
	p, err := Start(Spec{Name: "id", Path: "/usr/bin/id", Args: []string{"-u"}, LogPath: log, Drop: id})
	require.NoError(t, err)
	<-p.Done()
	require.NoError(t, p.Err())
	data, err := os.ReadFile(log)
	require.NoError(t, err)
	if got := strings.TrimSpace(string(data)); got == "0" {
		t.Error("uid inside = 0, want anybody but root")
	}
}

func TestPortOwnerNamesUs(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	port := l.Addr().(*net.TCPAddr).Port
	if PortFree("127.0.0.1", port) {
		t.Errorf("port %d counts as free", port)
	}
	if got, want := PortOwner(t.Context(), port), "(pid "+strconv.Itoa(os.Getpid())+")"; !strings.Contains(got, want) {
		t.Errorf("PortOwner = %q, want it to contain %q", got, want)
	}
	free, err := FreePort()
	require.NoError(t, err)
	if !PortFree("127.0.0.1", free) {
		t.Errorf("FreePort gave %d, which is taken", free)
	}
}

func TestProgramAndParent(t *testing.T) {
	t.Parallel()
	name, parent := Program(os.Getpid())
	if name == "" || parent != os.Getppid() {
		t.Errorf("Program(self) = %q, %d, want our name and %d", name, parent, os.Getppid())
	}
	if name, parent := Program(1 << 30); name != "" || parent != 0 {
		t.Errorf("Program(nobody) = %q, %d", name, parent)
	}
}
