// Package crash kills the real binaries while they work and looks whether the books are still right.
package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"starlane/internal/billing/credit"
	"starlane/internal/billing/money"
	"starlane/internal/catalog"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/sim/provider"
	"starlane/internal/store/postgres"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/testkit/pgtest"
	"starlane/internal/testkit/redistest"
)

const (
	pepper    = "crash-test-pepper-0123456789"
	masterKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	model     = "demo/echo"
	// 12 words, 4 ms apart, the first after 10 ms: long enough that a kill often hits the middle of an answer.
	upstreamModel = provider.BenchPrefix + "12x4x10"
	readyTimeout  = time.Minute
)

// builder makes the binaries once for the package, if a test asks for them, and removes them at the end.
type builder struct {
	once sync.Once
	dir  string
	err  error
}

func (b *builder) binaries() (string, error) {
	b.once.Do(func() {
		if b.dir, b.err = os.MkdirTemp("", "starlane-crash-"); b.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-o", b.dir+string(filepath.Separator), "./cmd/relay", "./cmd/worker")
		cmd.Dir = filepath.Join("..", "..", "..")
		if out, err := cmd.CombinedOutput(); err != nil {
			b.err = fmt.Errorf("build: %w\n%s", err, out)
		}
	})
	return b.dir, b.err
}

var built builder

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// world is a small installation: real Postgres, Redis, relay and worker, a simulated provider, one tenant.
type world struct {
	db     *pgtest.DB
	redis  *redistest.Redis
	relay  *process
	worker *process
	spool  string
	url    string // of the relay
	key    string // virtual key
	tenant id.ID
}

func newWorld(t *testing.T, funds money.Amount) *world {
	t.Helper()
	bin, err := built.binaries()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{db: pgtest.New(t), redis: redistest.New(t), spool: filepath.Join(t.TempDir(), "spool"), tenant: id.New()}
	upstream := httptest.NewServer(provider.New(provider.Config{}))
	t.Cleanup(upstream.Close)
	w.seed(t, upstream.URL+"/v1")
	w.grant(t, "promo:first", funds)

	ports := freePorts(t, 3)
	w.url = "http://" + ports[0]
	w.relay = &process{
		path: filepath.Join(bin, "relay"), ready: "http://" + ports[1] + "/readyz", log: &logBuffer{},
		env: []string{
			"REDIS_URL=" + w.redis.URL, "STARLANE_KEY_PEPPER=" + pepper, "STARLANE_MASTER_KEY=" + masterKey,
			"STARLANE_RELAY_LISTEN=" + ports[0], "STARLANE_RELAY_PRIVATE_LISTEN=" + ports[1], "STARLANE_SPOOL_DIR=" + w.spool,
			"STARLANE_ALLOW_PRIVATE_UPSTREAMS=true", "STARLANE_LOG_LEVEL=warn",
		},
	}
	w.worker = &process{
		path: filepath.Join(bin, "worker"), ready: "http://" + ports[2] + "/readyz", log: &logBuffer{},
		env: []string{
			"DATABASE_URL=" + w.db.WorkerDSN, "REDIS_URL=" + w.redis.URL, "STARLANE_WORKER_PRIVATE_LISTEN=" + ports[2],
			"STARLANE_WORKER_LINGER=20ms", "STARLANE_LOG_LEVEL=warn",
		},
	}
	w.worker.start(t)
	w.relay.start(t)
	t.Cleanup(func() {
		w.relay.kill(t)
		w.worker.kill(t)
		if t.Failed() {
			t.Logf("relay:\n%s\nworker:\n%s", w.relay.log, w.worker.log)
		}
	})
	return w
}

// seed makes a provider with one deployment, a price, and a tenant with a key.
func (w *world) seed(t *testing.T, upstream string) {
	t.Helper()
	box, err := secret.NewBox(secret.New(masterKey))
	check(t, err)
	hasher, err := vkey.NewHasher(secret.New(pepper))
	check(t, err)
	key, publicID, err := vkey.Generate()
	check(t, err)
	w.key = key.Reveal()
	digest := hasher.Digest(w.key)
	vendor, account, upKey, project, user := id.New(), id.New(), id.New(), id.New(), id.New()
	sealed, err := box.Seal(secret.New(provider.KeyPrefix+"crash-test"), catalog.SealContext(upKey))
	check(t, err)

	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := w.db.Pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatalf("seed: %v\n%s", err, sql)
		}
	}
	exec(`insert into starlane.provider (id, slug, name, dialect, simulated) values ($1, 'sim', 'Simulated', 'openai', true)`, vendor)
	exec(`insert into starlane.provider_account (id, provider_id, name, base_url) values ($1, $2, 'main', $3)`, account, vendor, upstream)
	exec(`insert into starlane.upstream_key (id, account_id, name, sealed, hint) values ($1, $2, 'main', $3, 'test')`, upKey, account, sealed)
	exec(`insert into starlane.model (name, display_name, capabilities, context_length, max_output) values ($1, 'Echo', '{chat}', 100000, 4096)`, model)
	exec(`insert into starlane.deployment (id, model_name, account_id, upstream_model) values ($1, $2, $3, $4)`, id.New(), model, account, upstreamModel)
	var version int64
	check(t, w.db.Pool.QueryRow(t.Context(), `
		insert into starlane.price_version (tenant_id, book_id, model_name, valid_from, proposed_by)
		values ($1, 1, $2, '2020-01-01', 'test') returning id`, id.Nil, model).Scan(&version))
	exec(`insert into starlane.price_rate (tenant_id, version_id, class, nano_per_million)
		values ($1, $2, 'in_text', 1000000000), ($1, $2, 'in_cached', 100000000), ($1, $2, 'out_text', 2000000000), ($1, $2, 'out_reasoning', 2000000000)`,
		id.Nil, version)
	exec(`insert into starlane.tenant (id, name) values ($1, 'Crash test')`, w.tenant)
	exec(`insert into starlane.project (tenant_id, id, name) values ($1, $2, 'default')`, w.tenant, project)
	exec(`insert into starlane.virtual_key (tenant_id, id, project_id, name, public_id, digest, created_by)
		values ($1, $2, $3, 'k', $4, $5, $6)`, w.tenant, id.New(), project, publicID, digest[:], user)
	exec(`insert into starlane.config_change (kind, tenant_id, ref) values ('catalog', $1, 'seed'), ('virtual_key', $2, $3)`, id.Nil, w.tenant, publicID)
}

// grant gives the tenant credit.
func (w *world) grant(t *testing.T, ref string, amount money.Amount) {
	t.Helper()
	pool, err := postgres.Open(t.Context(), secret.New(w.db.WorkerDSN), postgres.Worker)
	check(t, err)
	defer pool.Close()
	_, _, err = postgres.NewCredit(postgres.NewLedger(pool)).Grant(t.Context(), credit.Grant{
		Tenant: w.tenant, Source: credit.Promo, SourceRef: ref, Amount: amount, Actor: "test",
	})
	check(t, err)
}

// process is one of our binaries, which can be killed and started again.
type process struct {
	path, ready string
	env         []string
	log         *logBuffer
	cmd         *exec.Cmd
}

// start runs it and waits until it says ready.
func (p *process) start(t testing.TB) {
	t.Helper()
	p.cmd = exec.Command(p.path, "serve")
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = append(os.Environ(), p.env...), p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.path, err)
	}
	eventually(t, readyTimeout, filepath.Base(p.path)+" is ready", func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.ready, nil)
		if err != nil {
			return fmt.Errorf("ready: %w", err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return fmt.Errorf("ready: %w\n%s", err, p.log)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("ready: %s\n%s", resp.Status, p.log)
		}
		return nil
	})
}

// kill ends it as a crash would.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if p.cmd == nil {
		return
	}
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("kill %s: %v", p.path, err)
	}
	_ = p.cmd.Wait() // says that it was killed
	p.cmd = nil
}

// stop ends it in the orderly way, which must succeed.
func (p *process) stop(t testing.TB) {
	t.Helper()
	check(t, p.cmd.Process.Signal(syscall.SIGTERM))
	watchdog := time.AfterFunc(readyTimeout, func() { _ = p.cmd.Process.Kill() })
	defer watchdog.Stop()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%s does not stop cleanly: %v\n%s", filepath.Base(p.path), err, p.log)
	}
	p.cmd = nil
}

func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var addrs []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		defer func() { check(t, l.Close()) }() // all at the end, so that none is given twice
		addrs = append(addrs, l.Addr().String())
	}
	return addrs
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t testing.TB, within time.Duration, what string, ok func() error) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(within)
	for {
		err := ok()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("not within %v: %s: %v", within, what, err)
		}
	}
}

// logBuffer keeps the end of what a process says.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const maxLog = 64 << 10

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Write(p)
	if over := l.buf.Len() - maxLog; over > 0 {
		l.buf.Next(over)
	}
	return len(p), nil
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
