package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/devstack/proc"
)

func TestOpenRefusesAFolderOfSomebodyElse(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "thesis.txt"), nil, 0o600))
	d := DataDir{root}
	if err := d.Open(); err == nil || !strings.Contains(err.Error(), "thesis.txt") {
		t.Errorf("Open = %v, want a refusal that names the file", err)
	}
	if err := d.Reset(); err == nil {
		t.Error("Reset deletes a folder that is not ours")
	}
	if _, err := os.Stat(filepath.Join(root, "thesis.txt")); err != nil {
		t.Errorf("the file is gone: %v", err)
	}
}

func TestResetKeepsPrograms(t *testing.T) {
	t.Parallel()
	d := DataDir{filepath.Join(t.TempDir(), "var")}
	require.NoError(t, d.Open())
	for _, name := range []string{"bin/api", "postgres/data/PG_VERSION", "secrets.json"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(d.Path(name)), 0o700))
		require.NoError(t, os.WriteFile(d.Path(name), []byte("x"), 0o600))
	}
	require.NoError(t, d.Reset())
	for name, want := range map[string]bool{"bin/api": true, markerName: true, "postgres": false, "secrets.json": false} {
		if _, err := os.Stat(d.Path(name)); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
}

func TestLockTellsWhoRuns(t *testing.T) {
	t.Parallel()
	d := DataDir{t.TempDir()}
	if _, ok := d.Running(); ok {
		t.Error("a stack runs in an empty folder")
	}
	require.NoError(t, d.Open())
	release, ok, err := d.Lock()
	require.NoError(t, err)
	require.True(t, ok)
	if _, again, err := d.Lock(); again || err != nil {
		t.Errorf("second lock = %v, %v, want refused", again, err)
	}
	require.NoError(t, d.writeJSON("run.json", Run{PID: 7, State: Ready}))
	if run, ok := d.Running(); !ok || run.PID != 7 || run.State != Ready {
		t.Errorf("Running = %+v, %v", run, ok)
	}
	release()
	if _, ok := d.Running(); ok {
		t.Error("a leftover run.json counts as a running stack")
	}
}

func TestSecretsAreRandomPrivateAndKept(t *testing.T) {
	t.Parallel()
	a, b := DataDir{t.TempDir()}, DataDir{t.TempDir()}
	first, err := a.secrets()
	require.NoError(t, err)
	again, err := a.secrets()
	require.NoError(t, err)
	other, err := b.secrets()
	require.NoError(t, err)
	if *first != *again {
		t.Error("secrets change from start to start")
	}
	if first.MasterKey == other.MasterKey || first.Demo.OwnerPassword == other.Demo.OwnerPassword || first.RedisPassword == other.RedisPassword {
		t.Error("two folders share a secret")
	}
	st, err := os.Stat(a.Path("secrets.json"))
	require.NoError(t, err)
	if st.Mode().Perm() != 0o600 {
		t.Errorf("mode = %o, want 600", st.Mode().Perm())
	}
}

func TestPortCheckNamesPortOwnerAndVariable(t *testing.T) {
	t.Parallel()
	base := freeBase(t)
	l, err := net.Listen("tcp", local(base+1))
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	err = Ports{base}.Check(t.Context(), "127.0.0.1", 0)
	if err == nil {
		t.Fatal("a taken port is not noticed")
	}
	for _, want := range []string{fmt.Sprint(base + 1), "api and console", fmt.Sprintf("pid %d", os.Getpid()), "STARLANE_PORT_BASE="} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not contain %q: %v", want, err)
		}
	}
	require.NoError(t, l.Close())
	require.NoError(t, Ports{base}.Check(t.Context(), "127.0.0.1", 0))
	require.Error(t, Ports{80}.Check(t.Context(), "127.0.0.1", 0), "a system port")
}

// freeBase finds a base whose ports are all free at the moment.
func freeBase(t *testing.T) int {
	t.Helper()
	for range 50 {
		// Below the ports that the system gives to outgoing connections.
		base := 11000 + 20*rand.IntN(400)
		if len((Ports{base}).taken("127.0.0.1")) == 0 {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

func TestSourcedDemoEnvIsNotTakenForAnotherServer(t *testing.T) {
	t.Parallel()
	u := &up{secrets: &Secrets{DatabasePassword: "ours", RedisPassword: "ours too"}}
	for given, want := range map[string]bool{
		"postgres://postgres:ours@127.0.0.1:41873/starlane": true,
		"postgres://app:theirs@db:5432/app":                 false,
		"postgres://db/app":                                 false,
	} {
		if got := u.ownDatabase(given); got != want {
			t.Errorf("ownDatabase(%s) = %v, want %v", given, got, want)
		}
	}
	if (&up{secrets: &Secrets{}}).ownDatabase("postgres://db/app") {
		t.Error("before there is a password everything counts as ours")
	}
}

func TestOnlyApiAndWorkerLearnTheDatabase(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://somebody:else@db/app")
	t.Setenv("STARLANE_LOG_LEVEL", "debug")
	u := &up{Options: Options{Host: "127.0.0.1", Seed: true}, dir: DataDir{"/d"}, ports: Ports{9000}, secrets: &Secrets{}, databaseURL: "postgres://private", redisURL: "redis://private"}
	has := func(env []string, kv string) bool {
		for _, e := range env {
			if e == kv {
				return true
			}
		}
		return false
	}
	relay, api := u.environ(false), u.environ(true)
	for _, e := range relay {
		if strings.HasPrefix(e, "DATABASE_URL=") {
			t.Errorf("the relay is given %s", e)
		}
	}
	if !has(api, "DATABASE_URL=postgres://private") || has(api, "DATABASE_URL=postgres://somebody:else@db/app") {
		t.Error("the api is not given the stack's database")
	}
	for _, want := range []string{"REDIS_URL=redis://private", "STARLANE_RELAY_LISTEN=127.0.0.1:9000", "STARLANE_RELAY_PRIVATE_LISTEN=127.0.0.1:9010", "STARLANE_LOG_LEVEL=debug"} {
		if !has(relay, want) {
			t.Errorf("the relay's environment has no %s", want)
		}
	}
}

func TestReporterSpeaksToPeopleAndPrograms(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	clock := func() time.Time { now = now.Add(1500 * time.Millisecond); return now }
	var text, lines, quiet bytes.Buffer
	NewReporter(&text, false, false, clock).Begin("redis").Done("7.0.15")
	NewReporter(&lines, true, false, clock).Begin("redis").Done("7.0.15")
	NewReporter(&quiet, false, true, clock).Begin("redis").Done("7.0.15")
	if got := text.String(); !strings.HasPrefix(got, "[3/7] redis") || !strings.HasSuffix(got, "1.5s\n") {
		t.Errorf("text = %q", got)
	}
	var obj map[string]any
	require.NoError(t, json.Unmarshal(lines.Bytes(), &obj))
	if obj["step"] != "redis" || obj["seconds"] != 1.5 {
		t.Errorf("JSON = %v", obj)
	}
	if quiet.Len() != 0 {
		t.Errorf("quiet prints %q", quiet.String())
	}
}

func TestDemoTrafficIsSentOnce(t *testing.T) {
	t.Parallel()
	plan := demoTraffic()
	count, models, first := map[string]int{}, map[string]int{}, map[string]bool{}
	for i := range plan {
		r := &plan[i]
		if !first[r.client] && r.fails {
			t.Errorf("the first request of %s, which tells that its key works, may fail", r.client)
		}
		first[r.client] = true
		count[r.client]++
		models[r.model()]++
		if tokens, ok := r.body["max_tokens"].(int); strings.HasSuffix(r.path, "completions") && (!ok || tokens > 40) {
			t.Errorf("%s may answer with %v tokens, which takes too long", r.model(), r.body["max_tokens"])
		}
	}
	if len(plan) != 48 || len(models) != 8 || models["demo/slow"] > 5 {
		t.Errorf("%d requests to %v, want 48 to all eight, few to the slow one", len(plan), models)
	}
	if left := remaining(plan, nil); len(left) != len(plan) {
		t.Errorf("%d are left of a start that has sent none", len(left))
	}
	if left := remaining(plan, map[string]int{webApp: count[webApp] - 1, nightlyBatch: 100}); len(left) != 1 || left[0].client != webApp {
		t.Errorf("left = %v, want the last of the web app", left)
	}
	u := &up{secrets: &Secrets{Demo: Demo{TenantID: "t", VirtualKey: "k"}}}
	if n, err := u.traffic(t.Context()); n != 0 || err != nil {
		t.Errorf("a later start sends %d requests, %v", n, err)
	}
}

func TestConsoleHashFollowsItsSources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	hash := func() string {
		sum, err := console{dir}.sourceHash()
		require.NoError(t, err)
		return sum
	}
	write("src/app.tsx", "a")
	first := hash()
	for _, name := range []string{"node_modules/x/index.js", "dist/index.html", "embed.go"} {
		write(name, "built")
	}
	if hash() != first {
		t.Error("what the build leaves behind changes the hash")
	}
	write("src/app.tsx", "b")
	if hash() == first {
		t.Error("a changed source does not change the hash")
	}
}

// recorder notes in which order services end.
type recorder struct {
	mu    sync.Mutex
	order []string
}

func sleeper(name string, r *recorder) service {
	return service{
		name: name, grace: 5 * time.Second,
		start: func(context.Context) (child, error) {
			return proc.Start(proc.Spec{Name: name, Path: "/bin/sleep", Args: []string{"600"}})
		},
		stop: func(ctx context.Context, c child, hurry bool) error {
			r.mu.Lock()
			r.order = append(r.order, name)
			r.mu.Unlock()
			return stopWith(syscall.SIGTERM, syscall.SIGKILL)(ctx, c, hurry)
		},
	}
}

func TestSupervisorRestartsAndStopsInReverse(t *testing.T) {
	t.Parallel()
	events := make(chan string, 10)
	r := &recorder{}
	s := &supervisor{life: t.Context(), event: func(e string) { events <- e }}
	for _, name := range []string{"first", "second", "third"} {
		require.NoError(t, s.start(t.Context(), sleeper(name, r)))
	}
	victim := s.pids()["second"]
	require.NoError(t, syscall.Kill(victim, syscall.SIGKILL))
	if e := <-events; !strings.Contains(e, "second") {
		t.Errorf("event = %q, want it to name the service", e)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.NoError(t, proc.WaitFor(ctx, 10*time.Millisecond, func() bool {
		pid := s.pids()["second"]
		return pid != victim && proc.Alive(pid)
	}), "it is started again")
	pids := s.pids()
	require.NoError(t, s.stopAll(nil))
	if got, want := strings.Join(r.order, " "), "third second first"; got != want {
		t.Errorf("stop order = %s, want %s", got, want)
	}
	for name, pid := range pids {
		if proc.Alive(pid) {
			t.Errorf("%s (pid %d) still runs", name, pid)
		}
	}
}

func TestServiceThatEndsAtOnceShowsItsLog(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "x.log")
	s := &supervisor{life: t.Context(), event: func(string) {}}
	err := s.start(t.Context(), service{
		name: "broken", log: log, grace: time.Second,
		start: func(context.Context) (child, error) {
			return proc.Start(proc.Spec{Name: "broken", Path: "/bin/sh", Args: []string{"-c", "echo STARLANE_X: missing >&2; exit 1"}, LogPath: log})
		},
		ready: func(context.Context) error { return fs.ErrNotExist },
		stop:  stopWith(syscall.SIGTERM, syscall.SIGKILL),
	})
	if err == nil || !strings.Contains(err.Error(), "STARLANE_X: missing") {
		t.Errorf("error = %v, want the end of its log in it", err)
	}
	require.NoError(t, s.stopAll(nil))
}
