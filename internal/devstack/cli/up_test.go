package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/devstack/proc"
	"starlane/internal/devstack/stack"
)

const (
	coldStart = 8 * time.Minute // builds everything, and may fetch Postgres and Redis
	// secondStart is what a person is promised; the test grants a busy machine more.
	secondStart = 40 * time.Second
)

// launched is `starlane up` as its own process.
type launched struct {
	cmd   *exec.Cmd
	lines chan map[string]any
	err   bytes.Buffer
}

func launch(t *testing.T, bin, dir string, port int, extra ...string) *launched {
	t.Helper()
	args := append([]string{"up", "--json", "--no-web", "--data-dir", dir, "--port", fmt.Sprint(port)}, extra...)
	l := &launched{cmd: exec.Command(bin, args...), lines: make(chan map[string]any, 200)}
	l.cmd.Dir = filepath.Join("..", "..", "..")
	l.cmd.Stderr = &l.err
	out, err := l.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, l.cmd.Start())
	go func() {
		defer close(l.lines)
		sc := bufio.NewScanner(out)
		for sc.Scan() {
			var m map[string]any
			if json.Unmarshal(sc.Bytes(), &m) == nil {
				l.lines <- m
			}
		}
	}()
	t.Cleanup(func() {
		_ = l.cmd.Process.Signal(os.Interrupt)
		_ = l.cmd.Wait()
	})
	return l
}

// ready returns what the steps reported, and the summary.
func (l *launched) ready(t *testing.T, limit time.Duration) (steps map[string]string, summary map[string]any) {
	t.Helper()
	steps = map[string]string{}
	timeout := time.After(limit)
	for {
		select {
		case m, ok := <-l.lines:
			switch {
			case !ok:
				_ = l.cmd.Wait()
				t.Fatalf("up ended before it was ready: %s", l.err.String())
			case m["event"] == "error":
				t.Fatalf("up failed: %v", m["detail"])
			case m["event"] == "step":
				steps[fmt.Sprint(m["step"])] = fmt.Sprint(m["detail"])
			case m["event"] == "ready":
				return steps, m
			}
		case <-timeout:
			t.Fatalf("not ready after %s; steps so far: %v", limit, steps)
		}
	}
}

func buildStarlane(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "starlane")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", bin, "./cmd/starlane")
	cmd.Dir = filepath.Join("..", "..", "..")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return bin
}

func freeBase(t *testing.T) int {
	t.Helper()
	for range 50 {
		// Below the ports that the system gives to outgoing connections.
		base := 11000 + 20*rand.IntN(400)
		if (stack.Ports{Base: base}).Check(t.Context(), "127.0.0.1", 0) == nil {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

func TestUpFromNothingToKilledAndBack(t *testing.T) {
	bin, base := buildStarlane(t), freeBase(t)
	dir := filepath.Join(t.TempDir(), "var")
	data := stack.DataDir{Root: dir}

	first := launch(t, bin, dir, base)
	steps, summary := first.ready(t, coldStart)
	if len(steps) != 7 {
		t.Errorf("steps = %v, want 7", steps)
	}
	proof, _ := summary["proof"].(map[string]any)
	if proof["charge_usd"] == nil || proof["charge_usd"] == "0" || proof["balance_usd"] == nil {
		t.Errorf("proof = %v, want a charge and a balance", proof)
	}
	if got := steps["migrate+seed"]; !strings.HasSuffix(got, ", demo tenant, 48 requests") {
		t.Errorf("migrate+seed: %s, want 48 requests", got)
	}
	checkDemoTraffic(t, dir)
	checkSQL(t, dir, fmt.Sprintf(`select (25000000000 - sum(charge_nano)) / 1000000000.0 = %v as true_balance from usage_event`, proof["balance_usd"]), " t (1 row)")
	env := demoEnv(t, dir)
	chat(t, env)
	checkTools(t, dir)

	t.Run("a second up on the same folder", func(t *testing.T) {
		out, err := exec.Command(bin, "up", "--data-dir", dir, "--port", fmt.Sprint(base)).CombinedOutput()
		require.NoError(t, err, "%s", out)
		if !strings.Contains(string(out), "already running") || !strings.Contains(string(out), env["STARLANE_CONSOLE_URL"]) {
			t.Errorf("output = %s, want the running addresses", out)
		}
	})
	t.Run("a reset of the running stack", func(t *testing.T) {
		out, err := exec.Command(bin, "up", "--reset", "--yes", "--data-dir", dir, "--port", fmt.Sprint(base)).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "starlane down") {
			t.Errorf("error %v, output %s, want a refusal that says how to stop it", err, out)
		}
		chat(t, env)
	})
	t.Run("another folder on the same ports", func(t *testing.T) {
		cmd := exec.Command(bin, "up", "--data-dir", filepath.Join(t.TempDir(), "other"), "--port", fmt.Sprint(base))
		cmd.Dir = filepath.Join("..", "..", "..")
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Fatal("it starts on taken ports")
		}
		for _, want := range []string{fmt.Sprintf("port %d (relay) is in use by relay", base), "STARLANE_PORT_BASE="} {
			if !strings.Contains(string(out), want) {
				t.Errorf("output has no %q: %s", want, out)
			}
		}
	})

	run, ok := data.Running()
	require.True(t, ok)
	require.NoError(t, first.cmd.Process.Kill())
	_ = first.cmd.Wait()
	noOrphans(t, run)

	began := time.Now()
	again := launch(t, bin, dir, base)
	steps, _ = again.ready(t, secondStart)
	t.Logf("second start: %s", time.Since(began).Round(100*time.Millisecond))
	after := demoEnv(t, dir)
	if after["OPENAI_API_KEY"] != env["OPENAI_API_KEY"] || after["STARLANE_OWNER_PASSWORD"] != env["STARLANE_OWNER_PASSWORD"] {
		t.Error("key or password changed with the restart")
	}
	if got := steps["migrate+seed"]; !strings.HasSuffix(got, ", demo tenant") {
		t.Errorf("migrate+seed of the second start: %s, want no requests", got)
	}
	checkDemoTraffic(t, dir)
	chat(t, after)

	run, ok = data.Running()
	require.True(t, ok)
	if code, out, problems := starlane("", "--data-dir", dir, "down"); code != 0 {
		t.Errorf("down: %d %s %s", code, out, problems)
	}
	if err := again.cmd.Wait(); err != nil {
		t.Errorf("up, stopped by down, ends with %v", err)
	}
	noOrphans(t, run)
}

func demoEnv(t *testing.T, dir string) map[string]string {
	t.Helper()
	path := filepath.Join(dir, "demo.env")
	st, err := os.Stat(path)
	require.NoError(t, err)
	if st.Mode().Perm() != 0o600 {
		t.Errorf("mode of demo.env = %o, want 600", st.Mode().Perm())
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	env := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	for _, name := range []string{
		"OPENAI_BASE_URL", "OPENAI_API_KEY", "STARLANE_MODEL", "STARLANE_CONSOLE_URL", "STARLANE_API_URL", "STARLANE_OWNER_EMAIL",
		"STARLANE_OWNER_PASSWORD", "STARLANE_OPERATOR_EMAIL", "STARLANE_OPERATOR_PASSWORD", "STARLANE_OPERATOR_TOKEN",
		"STARLANE_SIM_PROVIDER_URL", "STARLANE_SIM_STRIPE_URL", "DATABASE_URL", "REDIS_URL",
	} {
		if env[name] == "" {
			t.Errorf("demo.env has no %s", name)
		}
	}
	return env
}

// chat does what the printed curl line does.
func chat(t *testing.T, env map[string]string) {
	t.Helper()
	body := `{"model":"` + env["STARLANE_MODEL"] + `","messages":[{"role":"user","content":"hi"}]}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, env["OPENAI_BASE_URL"]+"/chat/completions", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+env["OPENAI_API_KEY"])
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	if res.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"usage"`)) {
		t.Errorf("chat: %d %s", res.StatusCode, answer)
	}
}

func checkTools(t *testing.T, dir string) {
	t.Helper()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"status"}, "relay"},
		{[]string{"credentials"}, "sk-sl-"},
		{[]string{"logs", "-n", "5"}, "api"},
		{[]string{"doctor"}, "all entries sum to 0"},
		{[]string{"sql", "select sum(amount_nano) as sum, count(*) > 0 as some from ledger_entry"}, "0 | t"},
	} {
		code, out, problems := starlane("", append([]string{"--data-dir", dir}, c.args...)...)
		if code != 0 || !strings.Contains(out, c.want) {
			t.Errorf("starlane %v: code %d, want 0 and %q in:\n%s%s", c.args, code, c.want, out, problems)
		}
	}
}

// checkDemoTraffic wants the requests of both clients in the ledger, once.
func checkDemoTraffic(t *testing.T, dir string) {
	t.Helper()
	checkSQL(t, dir, `
		select k.name, count(*), count(distinct e.requested_model), k.budget_nano is not null
		from usage_event e join virtual_key k on k.tenant_id = e.tenant_id and k.id = e.key_id
		where k.name <> 'demo' group by k.name, k.budget_nano order by k.name`, "nightly batch | 20 | 3 | t web app | 28 | 6 | f (2 rows)")
}

func checkSQL(t *testing.T, dir, query, want string) {
	t.Helper()
	code, out, problems := starlane("", "--data-dir", dir, "sql", query)
	if got := strings.Join(strings.Fields(out), " "); code != 0 || !strings.HasSuffix(got, want) {
		t.Errorf("%s: code %d, got %s%s, want %s", query, code, got, problems, want)
	}
}

// noOrphans waits until every process of a run is gone and its ports are free.
func noOrphans(t *testing.T, run stack.Run) {
	t.Helper()
	if len(run.Services) < 7 {
		t.Errorf("services = %v, want Postgres, Redis, two simulators and three processes", run.Services)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	for name, pid := range run.Services {
		if err := proc.WaitFor(ctx, 20*time.Millisecond, func() bool { return !proc.Alive(pid) }); err != nil {
			t.Errorf("%s (pid %d) is left behind", name, pid)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if err := (stack.Ports{Base: run.PortBase}).Check(ctx, "127.0.0.1", 5*time.Second); err != nil {
		t.Errorf("ports: %v", err)
	}
}
