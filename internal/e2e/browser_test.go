package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"starlane/internal/devstack/toolcache"
	"starlane/internal/testkit/browser"
)

const (
	jsClients      = "internal/e2e/clients/js"
	actTimeout     = 3 * time.Minute // all pages, on a busy machine
	installTimeout = 5 * time.Minute
)

// jsModules installs what the programs of clients/js need.
func jsModules(t testing.TB) {
	t.Helper()
	npmModules(t, jsClients)
}

// npmModules installs what a workspace needs, at the locked versions, unless it is there.
func npmModules(t testing.TB, workspace string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), installTimeout)
	defer cancel()
	dir := filepath.Join(checkout(t), workspace)
	cache, err := toolcache.Dir("starlane")
	if err != nil {
		t.Fatal(err)
	}
	where := sha256.Sum256([]byte(dir))
	release, err := toolcache.Lock(ctx, filepath.Join(cache, "modules-"+hex.EncodeToString(where[:6])+".lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	stamp, want := filepath.Join(dir, "node_modules", ".ready"), hex.EncodeToString(sum[:])
	if have, err := os.ReadFile(stamp); err == nil && string(have) == want {
		return
	}
	cmd := exec.CommandContext(ctx, "npm", append([]string{"ci", "--no-audit", "--no-fund"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci in %s: %v\n%s", workspace, err, out)
	}
	if err := os.WriteFile(stamp, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

// visitor is clients/js/journey.mjs: people at the console in a real browser, and their programs.
type visitor struct {
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *bytes.Buffer
	stop   context.CancelFunc
	done   bool
}

func newVisitor(t *testing.T, s *stack) *visitor {
	t.Helper()
	jsModules(t)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, "node", "journey.mjs")
	cmd.Dir = filepath.Join(checkout(t), jsClients)
	cmd.Env = s.environ("CHROMIUM_PATH=" + browser.Find(t))
	v := &visitor{stderr: &bytes.Buffer{}, stop: cancel}
	cmd.Stderr = v.stderr
	var err error
	if v.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	v.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !v.done && t.Failed() {
			v.finish(t)
		}
		_ = v.in.Close()
		cancel()
		_ = cmd.Wait()
	})
	return v
}

// do lets the visitor do one thing and decodes what came of it into result, if any. args are names and values in turn.
func (v *visitor) do(t *testing.T, act string, result any, args ...string) {
	t.Helper()
	order := map[string]any{"act": act}
	for i := 0; i+1 < len(args); i += 2 {
		order[args[i]] = args[i+1]
	}
	v.order(t, result, order)
}

func (v *visitor) order(t *testing.T, result any, order map[string]any) {
	t.Helper()
	act := order["act"]
	line, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(actTimeout, v.stop)
	defer timer.Stop()
	if _, err := v.in.Write(append(line, '\n')); err != nil {
		t.Fatalf("%s: %v\n%s", act, err, v.stderr)
	}
	reply, err := v.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("%s: the browser's program ended or took longer than %s: %v\n%s", act, actTimeout, err, v.stderr)
	}
	var answer struct {
		Result  json.RawMessage `json:"result"`
		Error   string          `json:"error"`
		At      string          `json:"at"`
		Picture string          `json:"picture"`
	}
	if err := json.Unmarshal(reply, &answer); err != nil {
		t.Fatalf("%s: %v in %s", act, err, reply)
	}
	if answer.Error != "" {
		t.Fatalf("%s at %s: %s\n%s", act, answer.At, answer.Error, answer.Picture)
	}
	if result != nil {
		if err := json.Unmarshal(answer.Result, result); err != nil {
			t.Fatalf("%s: %v in %s", act, err, answer.Result)
		}
	}
}

// finish closes the browser and fails the test with everything that the browser complained about.
func (v *visitor) finish(t *testing.T) {
	t.Helper()
	v.done = true
	var end struct {
		Faults []string `json:"faults"`
	}
	v.do(t, "finish", &end)
	for _, fault := range end.Faults {
		t.Error(fault)
	}
}

// millis is a moment of the visitor's clock, which is this machine's.
type millis int64

func (m millis) time() time.Time { return time.UnixMilli(int64(m)) }
