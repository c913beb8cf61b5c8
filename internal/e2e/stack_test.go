// Package e2e drives the whole product from outside: the processes that `make up` starts, real Postgres and Redis, the
// official SDKs and a real browser.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const startTimeout = 8 * time.Minute // a cold start builds everything and may have to fetch Postgres and Redis

// stack is a running Starlane with a data folder and ports of its own.
type stack struct {
	dir  string
	env  map[string]string // demo.env
	pids map[string]int
	db   *pgxpool.Pool
	logs *logBuffer
}

// checkout is the root of the repository.
func checkout(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// build makes the starlane command.
func build(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "starlane")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", path, "./cmd/starlane")
	cmd.Dir = checkout(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build starlane: %v\n%s", err, out)
	}
	return path
}

// startStack runs `starlane up` and waits until it says ready. It stops with the test.
func startStack(t *testing.T, extra ...string) *stack {
	t.Helper()
	bin := build(t)
	s := &stack{dir: t.TempDir(), logs: &logBuffer{}}
	args := append([]string{"up", "--json", "--quiet", "--data-dir=" + s.dir, fmt.Sprintf("--port=%d", freePorts(t))}, extra...)
	cmd := exec.Command(bin, args...)
	cmd.Dir = checkout(t)
	// Whoever has sourced demo.env does not lend the stores of that stack to the tests.
	cmd.Env = append(os.Environ(), "DATABASE_URL=", "REDIS_URL=")
	cmd.Stderr = s.logs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(s.logs, out)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Errorf("starlane up did not stop within a minute of Ctrl-C")
			_ = cmd.Process.Signal(syscall.SIGKILL)
			<-done
		}
	})
	s.waitReady(t, done)
	return s
}

func (s *stack) waitReady(t *testing.T, done <-chan struct{}) {
	t.Helper()
	deadline := time.Now().Add(startTimeout)
	for !s.readState() {
		select {
		case <-done:
			t.Fatalf("starlane up ended before it was ready:\n%s", s.logs.String())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("starlane up is not ready after %s:\n%s", startTimeout, s.logs.String())
		}
	}
	db, err := pgxpool.New(context.Background(), s.env["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	s.db = db
	t.Cleanup(db.Close)
}

// readState reads run.json and demo.env; it is false until the stack is ready.
func (s *stack) readState() bool {
	var run struct {
		State    string         `json:"state"`
		Services map[string]int `json:"services"`
	}
	b, err := os.ReadFile(filepath.Join(s.dir, "run.json"))
	if err != nil || json.Unmarshal(b, &run) != nil || run.State != "ready" {
		return false
	}
	b, err = os.ReadFile(filepath.Join(s.dir, "demo.env"))
	if err != nil {
		return false
	}
	s.pids, s.env = run.Services, map[string]string{}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			s.env[name] = strings.Trim(value, `'"`)
		}
	}
	return true
}

// environ is the environment that a user has after sourcing demo.env.
func (s *stack) environ(extra ...string) []string {
	env := os.Environ()
	for name, value := range s.env {
		env = append(env, name+"="+value)
	}
	return append(env, extra...)
}

// freePorts finds a base whose block of ports nobody uses.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 50 {
		base := 20000 + 20*rand.IntN(500)
		free := true
		for _, offset := range []int{0, 1, 2, 3, 10, 11, 12} {
			ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+offset))
			if err != nil {
				free = false
				break
			}
			_ = ln.Close()
		}
		if free {
			return base
		}
	}
	t.Fatal("no free block of ports")
	return 0
}

// logBuffer collects what a process prints.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// api calls the admin API with a bearer token and decodes the answer into out, if any.
func (s *stack) api(t testing.TB, method, path, token string, in, out any) {
	t.Helper()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, s.env["STARLANE_API_URL"]+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 20 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s %s: status %d: %s (%v)", method, path, res.StatusCode, b, err)
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
}

// scalar runs a query that gives one number.
func (s *stack) scalar(t testing.TB, query string, args ...any) int64 {
	t.Helper()
	var n int64
	if err := s.db.QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// eventually waits until check is satisfied and fails with its last complaint.
func eventually(t testing.TB, within time.Duration, what string, check func() error) time.Duration {
	t.Helper()
	start := time.Now()
	for {
		err := check()
		if err == nil {
			return time.Since(start)
		}
		if time.Since(start) > within {
			t.Fatalf("%s: not within %s: %v", what, within, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// runClient runs a program of internal/e2e/clients and decodes the last line it prints.
func (s *stack) runClient(t testing.TB, into any, env []string, dir, name string, args ...string) {
	t.Helper()
	out := s.client(t, env, dir, name, args...)
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], into); err != nil {
		t.Fatalf("%s: %v in %s", name, err, out)
	}
}

// client runs a program with the variables of demo.env, and returns what it printed.
func (s *stack) client(t testing.TB, env []string, dir, name string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = filepath.Join(checkout(t), dir)
	cmd.Env = s.environ(env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return out
}
