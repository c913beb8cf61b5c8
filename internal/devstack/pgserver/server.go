package pgserver

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"starlane/internal/devstack/proc"
)

const (
	superuser    = "postgres"
	startTimeout = 60 * time.Second
	startTries   = 3
)

// Config says which cluster to run and how.
type Config struct {
	Binaries Binaries
	// Dir holds the cluster (Dir/data), its password (Dir/state.json, 0600) and its log.
	Dir string
	// ForTests trades durability for speed: the cluster may be lost when the machine stops.
	ForTests bool
	// Detached lets the server live on when this process ends.
	Detached bool
	// MaxConnections is 100 when 0.
	MaxConnections int
	// KeepPort starts on the port of the last time or not at all: other processes know it already.
	KeepPort bool
}

// Server is a running private cluster that listens on 127.0.0.1 alone.
type Server struct {
	Port     int
	Password string
	proc     *proc.Process
}

type state struct {
	Password string `json:"password"`
	Port     int    `json:"port"`
}

// DataMajor returns the major version that made the cluster in dir, 0 when there is none.
func DataMajor(dir string) int {
	data, err := os.ReadFile(filepath.Join(dir, "data", "PG_VERSION"))
	if err != nil {
		return 0
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	return major
}

// Start makes the cluster if it does not exist, starts it and waits until it answers.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("postgres folder: %w", err)
	}
	drop, err := proc.Unprivileged(ctx)
	if err != nil {
		return nil, err
	}
	at, err := home(cfg.Dir, drop)
	if err != nil {
		return nil, err
	}
	if cfg.Binaries, err = cfg.Binaries.within(ctx, drop); err != nil {
		return nil, err
	}
	if err := endLeftover(ctx, at); err != nil {
		return nil, err
	}
	if DataMajor(cfg.Dir) == 0 {
		if err := initialise(ctx, cfg, at, drop); err != nil {
			return nil, err
		}
	}
	st, err := readState(cfg.Dir)
	if err != nil {
		return nil, err
	}
	var last error
	for range startTries {
		if !cfg.KeepPort && (st.Port == 0 || !proc.PortFree("127.0.0.1", st.Port)) {
			if st.Port, err = proc.FreePort(); err != nil {
				return nil, err
			}
		}
		s, err := launch(ctx, cfg, at, st, drop)
		if err == nil {
			return s, writeState(cfg.Dir, st)
		}
		last = err
		if cfg.KeepPort || ctx.Err() != nil {
			break
		}
		st.Port = 0
	}
	return nil, last
}

// endLeftover stops a server on the same data whose owner was killed. The folder is private, so the server is ours.
func endLeftover(ctx context.Context, dir string) error {
	content, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		return nil // no server has been left
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil || !proc.Alive(pid) || !proc.RunsWith(pid, filepath.Join(dir, "data")) {
		return nil // Postgres itself judges the file
	}
	_ = syscall.Kill(pid, syscall.SIGINT)
	if err := proc.WaitFor(ctx, 25*time.Millisecond, func() bool { return !proc.Alive(pid) }); err != nil {
		return fmt.Errorf("an earlier Postgres (pid %d) on %s does not stop: %w", pid, dir, err)
	}
	return nil
}

func initialise(ctx context.Context, cfg Config, at string, drop *proc.Identity) error {
	password := make([]byte, 24)
	if _, err := rand.Read(password); err != nil {
		return fmt.Errorf("password: %w", err)
	}
	st := state{Password: hex.EncodeToString(password)}
	// initdb writes into a folder beside and the rename makes it count: an interrupted initdb leaves no half cluster.
	tmp, data := filepath.Join(at, "data.new"), filepath.Join(at, "data")
	for _, dir := range []string{tmp, data} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("clear %s: %w", dir, err)
		}
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return fmt.Errorf("postgres folder: %w", err)
	}
	pwFile := filepath.Join(at, "password.new")
	if err := os.WriteFile(pwFile, []byte(st.Password+"\n"), 0o600); err != nil {
		return fmt.Errorf("password file: %w", err)
	}
	defer func() { _ = os.Remove(pwFile) }()
	for _, path := range []string{tmp, pwFile} {
		if err := drop.Own(path); err != nil {
			return err
		}
	}
	args := []string{"-D", tmp, "-U", superuser, "--pwfile", pwFile, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"}
	if cfg.ForTests {
		args = append(args, "--no-sync")
	}
	logPath := filepath.Join(cfg.Dir, "initdb.log")
	p, err := proc.Start(proc.Spec{Name: "initdb", Path: filepath.Join(cfg.Binaries.Dir, "initdb"), Args: args, LogPath: logPath, Drop: drop})
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		_ = p.Stop(ctx, syscall.SIGTERM)
		return fmt.Errorf("initdb: %w", ctx.Err())
	}
	if p.Err() != nil {
		return fmt.Errorf("initdb: %w: %s", p.Err(), tail(logPath))
	}
	if err := writeState(cfg.Dir, st); err != nil {
		return err
	}
	if err := os.Rename(tmp, data); err != nil {
		return fmt.Errorf("postgres folder: %w", err)
	}
	return nil
}

func launch(ctx context.Context, cfg Config, at string, st state, drop *proc.Identity) (*Server, error) {
	logPath := filepath.Join(cfg.Dir, "postgres.log")
	args := []string{
		"-D", filepath.Join(at, "data"), "-p", strconv.Itoa(st.Port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "shared_buffers=64MB",
		"-c", "max_connections=" + strconv.Itoa(max(cfg.MaxConnections, 100)), "-c", "timezone=UTC", "-c", "log_timezone=UTC",
		"-c", "logging_collector=off", "-c", "dynamic_shared_memory_type=posix",
	}
	if cfg.ForTests {
		// A worker of autovacuum in the template would hold up every clone.
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "autovacuum=off",
			"-c", "max_wal_size=4GB", "-c", "checkpoint_timeout=1h", "-c", "jit=off")
	}
	p, err := proc.Start(proc.Spec{
		Name: "postgres", Path: filepath.Join(cfg.Binaries.Dir, "postgres"), Args: args, LogPath: logPath,
		OnParentDeath: syscall.SIGINT, Detached: cfg.Detached, Drop: drop,
	})
	if err != nil {
		return nil, err
	}
	s := &Server{Port: st.Port, Password: st.Password, proc: p}
	if err := s.waitReady(ctx); err != nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = p.Stop(stopCtx, syscall.SIGINT)
		return nil, fmt.Errorf("postgres did not start: %w: %s", err, tail(logPath))
	}
	return s, nil
}

func (s *Server) waitReady(ctx context.Context) error {
	var last error
	exited := false
	err := proc.WaitFor(ctx, 25*time.Millisecond, func() bool {
		if exited = s.proc.Exited(); exited {
			return true
		}
		last = Ping(ctx, s.DSN(superuser))
		return last == nil
	})
	switch {
	case exited:
		return fmt.Errorf("it ended at once")
	case err != nil:
		return fmt.Errorf("%w (%w)", err, last)
	}
	return nil
}

// Ping connects once and runs an empty query.
func Ping(ctx context.Context, dsn string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return conn.Ping(ctx)
}

// DSN is the superuser's connection string for a database.
func (s *Server) DSN(database string) string { return DSN(superuser, s.Password, s.Port, database) }

// DSN builds a connection string for a cluster on this machine.
func DSN(user, password string, port int, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(user, password),
		Host: "127.0.0.1:" + strconv.Itoa(port), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// PID is the postmaster's process id.
func (s *Server) PID() int { return s.proc.PID() }

// Done is closed when the server has ended (never, if it was started detached).
func (s *Server) Done() <-chan struct{} { return s.proc.Done() }

// Stop ends all sessions by a signal of Postgres: SIGINT writes everything out first, SIGQUIT leaves that to the next start.
func (s *Server) Stop(ctx context.Context, sig syscall.Signal) error { return s.proc.Stop(ctx, sig) }

func readState(dir string) (state, error) {
	var st state
	data, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		return st, fmt.Errorf("password of the private Postgres (start over with --reset if it is lost): %w", err)
	}
	if err := json.Unmarshal(data, &st); err != nil {
		return st, fmt.Errorf("state of the private Postgres: %w", err)
	}
	return st, nil
}

func writeState(dir string, st state) error {
	data, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("state of the private Postgres: %w", err)
	}
	path := filepath.Join(dir, "state.json")
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return fmt.Errorf("state of the private Postgres: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("state of the private Postgres: %w", err)
	}
	return nil
}

func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return lastLines(string(bytes.TrimSpace(data)), 3)
}

// Superuser is the name of the cluster's owner role.
func Superuser() string { return superuser }
