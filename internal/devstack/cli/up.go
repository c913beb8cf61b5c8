package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"starlane/internal/devstack/proc"
	"starlane/internal/devstack/stack"
)

type upFlags struct {
	reset, yes, noWeb, noSeed, open, quiet, detach, iKnow bool
	port                                                  int
	host                                                  string
}

func (a *app) upCommand() *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start everything, prove that it works, and keep it running until Ctrl-C",
		Long: "Finds or fetches a real Postgres and a real Redis, builds and starts relay, api, worker, console and the simulators,\n" +
			"makes a demo tenant, sends one real request through the relay and waits until it is billed.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.lastEvent(a.up(cmd.Context(), f)) },
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.reset, "reset", false, "delete the data of this stack first (asks)")
	fl.BoolVar(&f.yes, "yes", false, "do not ask")
	fl.BoolVar(&f.noWeb, "no-web", false, "leave the console out")
	fl.BoolVar(&f.noSeed, "no-seed", false, "make no demo tenant")
	fl.IntVar(&f.port, "port", 0, "port of the relay, the others follow it (default $STARLANE_PORT_BASE or 8080)")
	fl.StringVar(&f.host, "host", "127.0.0.1", "address that relay and console listen on")
	fl.BoolVar(&f.iKnow, "i-know", false, "really listen beyond this machine; there will be no demo login")
	fl.BoolVar(&f.open, "open", false, "open the console in a browser")
	fl.BoolVar(&f.quiet, "quiet", false, "print the result only")
	fl.BoolVar(&f.detach, "detach", false, "return when everything is ready; `starlane down` stops it")
	return cmd
}

// lastEvent makes a failure the last of the JSON events, so that who reads them learns how the start ended and why.
func (a *app) lastEvent(err error) error {
	if err == nil || errors.Is(err, errSilent) || !a.asJSON {
		return err
	}
	_ = json.NewEncoder(a.out).Encode(map[string]string{"event": "error", "detail": err.Error()})
	return errSilent
}

func (a *app) up(ctx context.Context, f upFlags) error {
	dir, checkout, err := a.data()
	if err != nil {
		return err
	}
	if checkout == "" {
		return errors.New("`starlane up` builds the programs, so it must be run inside a Starlane checkout")
	}
	base, err := portBase(f.port)
	if err != nil {
		return err
	}
	beyond := !stack.IsLoopback(f.host)
	if beyond && !f.iKnow {
		return fmt.Errorf("--host %s opens relay and console to other machines; add --i-know if that is what you want (there will be no demo login)", f.host)
	}
	report := stack.NewReporter(a.out, a.asJSON, f.quiet, time.Now)
	if _, running := dir.Running(); running && f.reset {
		return fmt.Errorf("%w, so nothing was deleted; stop it first: starlane down", stack.ErrRunning)
	}
	if running, err := a.showRunning(ctx, dir, report); running || err != nil {
		return err
	}
	if f.reset {
		if err := a.confirmedReset(dir, f.yes); err != nil {
			return err
		}
	}
	if f.detach {
		return a.upDetached(ctx, dir, f)
	}
	ctx, hurry, stop := stopSignals(ctx)
	defer stop()
	opts := stack.Options{
		Checkout: checkout, DataDir: dir.Root, PortBase: base, Host: f.host, Web: !f.noWeb, Seed: !f.noSeed && !beyond, Report: report,
		DatabaseURL: os.Getenv("DATABASE_URL"), RedisURL: os.Getenv("REDIS_URL"), Hurry: hurry,
	}
	if f.open {
		opts.OnReady = func(s *stack.Summary) { openBrowser(ctx, s.Console) }
	}
	return stack.Up(ctx, opts)
}

// showRunning prints the summary of a stack that runs in the folder already, waiting for it if it is just being started.
func (a *app) showRunning(ctx context.Context, dir stack.DataDir, report *stack.Reporter) (bool, error) {
	run, ok := dir.Running()
	if !ok {
		return false, nil
	}
	if run.State != stack.Ready {
		report.Event(fmt.Sprintf("a stack is being started in %s (pid %d), waiting for it …", dir.Root, run.PID))
		err := proc.WaitFor(ctx, 100*time.Millisecond, func() bool {
			run, ok = dir.Running()
			return !ok || run.State == stack.Ready
		})
		if err != nil {
			return true, errSilent
		}
		if !ok {
			return true, fmt.Errorf("the other start in %s failed; try again", dir.Root)
		}
	}
	report.Object(run.Summary, run.Summary.Text())
	report.Event(fmt.Sprintf("(already running, pid %d)", run.PID))
	return true, nil
}

// stopSignals ends the context at the first signal, or when `go run` or make above us is gone; the second signal closes hurry.
func stopSignals(parent context.Context) (ctx context.Context, hurry <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	fast := make(chan struct{})
	ended := make(chan struct{})
	ticker := time.NewTicker(500 * time.Millisecond)
	launchers := proc.FindLaunchers()
	var look <-chan time.Time
	if launchers.Any() {
		look = ticker.C
	}
	go func() {
		defer ticker.Stop()
		for n := 0; n < 2; {
			select {
			case <-signals:
				cancel()
				n++
			case <-look:
				if launchers.Gone() {
					cancel()
					look = nil
				}
			case <-ended:
				return
			}
		}
		close(fast)
	}()
	return ctx, fast, func() { signal.Stop(signals); close(ended); cancel() }
}

// upDetached starts this program again without a terminal and shows its progress until it is ready.
func (a *app) upDetached(ctx context.Context, dir stack.DataDir, f upFlags) error {
	if err := dir.Open(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	args := []string{"up", "--data-dir", dir.Root, "--port", strconv.Itoa(f.port), "--host", f.host}
	for name, on := range map[string]bool{"no-web": f.noWeb, "no-seed": f.noSeed, "i-know": f.iKnow, "open": f.open, "quiet": f.quiet, "json": a.asJSON} {
		if on {
			args = append(args, "--"+name)
		}
	}
	logPath := dir.Path("logs", "up.log")
	_ = os.Remove(logPath)
	p, err := proc.Start(proc.Spec{Name: "starlane up", Path: self, Args: args, LogPath: logPath, Detached: true})
	if err != nil {
		return err
	}
	log, err := os.Open(filepath.Clean(logPath))
	if err != nil {
		return fmt.Errorf("progress: %w", err)
	}
	defer func() { _ = log.Close() }()
	ended := false
	err = proc.WaitFor(ctx, 100*time.Millisecond, func() bool {
		if ended = p.Exited(); ended {
			return true
		}
		_, _ = io.Copy(a.out, log)
		run, err := dir.ReadRun()
		return err == nil && run.PID == p.PID() && run.State == stack.Ready
	})
	_, _ = io.Copy(a.out, log)
	switch {
	case err != nil:
		_ = p.Signal(syscall.SIGTERM)
		return errors.New("interrupted; the start is being undone")
	case ended:
		return errSilent // its log has been shown
	}
	if !a.asJSON && !f.quiet {
		_, _ = fmt.Fprintln(a.out, "  Running in the background; stop with `make down` (or `starlane down`).")
	}
	return nil
}

func openBrowser(ctx context.Context, url string) {
	name := "xdg-open"
	if runtime.GOOS == "darwin" {
		name = "open"
	}
	_ = exec.CommandContext(ctx, name, url).Start()
}
