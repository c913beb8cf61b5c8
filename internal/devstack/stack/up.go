package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"starlane/internal/devstack/toolcache"
)

// leftoversMayTake bounds the wait for ports that the processes of a killed stack are about to let go.
const leftoversMayTake = 3 * time.Second

// Options say what to run and where.
type Options struct {
	Checkout string
	DataDir  string
	Cache    string // fetched programs; empty: the user's cache
	PortBase int
	Host     string // where relay and api listen
	Web      bool   // build the console
	Seed     bool   // make the demo tenant
	Report   *Reporter
	// DatabaseURL and RedisURL name servers to use instead of private ones.
	DatabaseURL, RedisURL string
	// Hurry, when closed, shortens the stop.
	Hurry <-chan struct{}
	// OnReady, if set, is called once with the summary.
	OnReady func(*Summary)
}

// ErrRunning tells that a stack already runs in the data folder.
var ErrRunning = errors.New("a stack already runs in this data folder")

type up struct {
	Options
	dir     DataDir
	ports   Ports
	sup     *supervisor
	secrets *Secrets
	// ownerToken is the demo owner's, for the length of a start.
	ownerToken string
	client     *http.Client

	mu  sync.Mutex // guards run
	run Run

	databaseURL, redisURL string
	consoleBuilt          bool
}

// Up starts the stack, proves that it works, reports the summary, and then keeps it running until ctx ends. When it returns,
// everything that it started has stopped.
func Up(ctx context.Context, o Options) (err error) {
	u := &up{Options: o, dir: DataDir{o.DataDir}, ports: Ports{o.PortBase}, client: &http.Client{Timeout: 30 * time.Second}}
	defer u.client.CloseIdleConnections()
	if u.Cache == "" {
		if u.Cache, err = toolcache.Dir("starlane"); err != nil {
			return err
		}
	}
	if err := u.dir.Open(); err != nil {
		return err
	}
	release, ok, err := u.dir.Lock()
	if err != nil {
		return err
	}
	if !ok {
		return ErrRunning
	}
	defer release()
	defer func() { _ = os.Remove(u.dir.Path("run.json")) }()

	// The services outlive ctx: they are stopped in order, not all at once.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	u.sup = &supervisor{life: life, event: o.Report.Event, changed: u.servicesChanged}
	summary, err := u.startAll(ctx)
	if err == nil {
		err = u.keep(ctx, summary)
	}
	if ctx.Err() != nil {
		err = nil // asked to stop
		o.Report.Event("stopping …")
	}
	return errors.Join(err, u.sup.stopAll(o.Hurry)) //nolint:contextcheck // stopping begins when the context has ended
}

func (u *up) keep(ctx context.Context, summary *Summary) error {
	u.mu.Lock()
	u.run.State, u.run.Summary = Ready, summary
	err := u.dir.writeJSON("run.json", u.run)
	u.mu.Unlock()
	if err != nil {
		return err
	}
	u.Report.Object(summary, summary.Text())
	if u.OnReady != nil {
		u.OnReady(summary)
	}
	<-ctx.Done()
	return nil
}

func (u *up) servicesChanged(pids map[string]int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.run.Services = pids
	if err := u.dir.writeJSON("run.json", u.run); err != nil {
		u.Report.Event(err.Error())
	}
}

// startAll runs the steps; ctx ends the start, not what it has started.
func (u *up) startAll(ctx context.Context) (*Summary, error) {
	if err := u.checks(ctx); err != nil {
		return nil, err
	}
	var err error
	if u.secrets, err = u.dir.secrets(); err != nil {
		return nil, err
	}
	if !IsLoopback(u.Host) && u.secrets.Demo.TenantID != "" {
		return nil, fmt.Errorf("%s holds the demo login, which must not be open to other machines; use another --data-dir, or --reset", u.dir.Root)
	}
	u.run = Run{PID: os.Getpid(), State: Starting, StartedAt: time.Now(), PortBase: u.PortBase, Host: u.Host}
	if err := u.dir.writeJSON("run.json", u.run); err != nil {
		return nil, err
	}
	u.rotateLogs()
	if err := u.prepare(ctx); err != nil {
		return nil, err
	}
	if err := u.dir.writeJSON("secrets.json", u.secrets); err != nil {
		return nil, err
	}
	u.mu.Lock()
	u.run.DatabaseURL, u.run.RedisURL = u.databaseURL, u.redisURL
	u.mu.Unlock()
	if err := u.startProduct(ctx); err != nil {
		return nil, err
	}
	return u.proveAndSum(ctx)
}

// prepare starts the data stores and builds, side by side.
func (u *up) prepare(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return u.postgres(gctx) })
	g.Go(func() error { return u.redis(gctx) })
	g.Go(func() error { return u.build(gctx) })
	return g.Wait()
}

// build makes the programs; the api waits for the console, which is a part of it, but its packages need not.
func (u *up) build(ctx context.Context) error {
	step := u.Report.Begin("build")
	bin := u.dir.Path("bin")
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return u.buildConsole(gctx) })
	g.Go(func() error {
		return buildGo(gctx, u.Checkout, bin, "", "./cmd/relay", "./cmd/worker", "./cmd/starlane", "./internal/app/apiapp")
	})
	if err := g.Wait(); err != nil {
		return err
	}
	tags := ""
	if u.consoleBuilt {
		tags = "console"
	}
	if err := buildGo(ctx, u.Checkout, bin, tags, "./cmd/api"); err != nil {
		return err
	}
	step.Done("relay api worker starlane")
	return nil
}

func (u *up) buildConsole(ctx context.Context) error {
	step := u.Report.Begin("console")
	if !u.Web {
		step.Done("left out (--no-web)")
		return nil
	}
	rebuilt, err := console{filepath.Join(u.Checkout, "web")}.build(ctx, step.Note)
	switch {
	case errors.Is(err, errNoNode):
		step.Done("left out: " + err.Error())
		return nil
	case err != nil:
		return fmt.Errorf("console: %w", err)
	}
	u.consoleBuilt = true
	detail := "unchanged since the last build"
	if rebuilt {
		detail = "built"
	}
	step.Done(detail)
	return nil
}

// checks reports everything that is wrong with the machine at once.
func (u *up) checks(ctx context.Context) error {
	step := u.Report.Begin("checks")
	var found []string
	var problems []error
	if out, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output(); err == nil {
		found = append(found, "go "+strings.TrimPrefix(strings.TrimSpace(string(out)), "go"))
	} else {
		problems = append(problems, fmt.Errorf("go: not found; install Go 1.26 or newer from https://go.dev/dl"))
	}
	if out, err := exec.CommandContext(ctx, "node", "--version").Output(); err == nil {
		found = append(found, "node "+strings.TrimPrefix(strings.TrimSpace(string(out)), "v"))
	} else if u.Web {
		found = append(found, "no node (the console is left out)")
	}
	leaving := time.Duration(0)
	if _, err := u.dir.ReadRun(); err == nil {
		leaving = leftoversMayTake // the last stack did not stop, it was killed
	}
	if err := u.ports.Check(ctx, u.Host, leaving); err != nil {
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	step.Done(strings.Join(append(found, fmt.Sprintf("ports %d-%d free", u.ports.Relay(), u.ports.SimStripe())), ", "))
	return nil
}

// rotateLogs keeps one older generation of each log that has grown large.
func (u *up) rotateLogs() {
	const large = 20 << 20
	files, err := filepath.Glob(u.dir.Path("logs", "*.log"))
	if err != nil {
		return
	}
	for _, f := range files {
		if st, err := os.Stat(f); err == nil && st.Size() > large {
			_ = os.Rename(f, f+".1")
		}
	}
}
