package redisserver

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"starlane/internal/devstack/proc"
)

const (
	startTimeout = 30 * time.Second
	startTries   = 3
	pidFile      = "redis.pid"
)

// Config says which server to run and how.
type Config struct {
	Binary Binary
	// Dir holds the append-only file, the configuration with the password (0600) and the log.
	Dir string
	// Append keeps data in an append-only file, fsynced each second; else nothing survives a restart.
	Append bool
	// Password is made at random when empty.
	Password string
	// Port is the one to take if it is free; 0 takes any.
	Port int
	// KeepPort starts on Port or not at all: other processes know it already.
	KeepPort bool
}

// Server is a running private Redis that listens on 127.0.0.1 alone.
type Server struct {
	Port     int
	Password string
	proc     *proc.Process
}

// Start starts the server and waits until it answers (with a large append-only file that includes loading it).
func Start(ctx context.Context, cfg Config) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("redis folder: %w", err)
	}
	if err := endLeftover(ctx, cfg.Dir); err != nil {
		return nil, err
	}
	if cfg.Password == "" {
		cfg.Password = randomPassword()
	}
	wanted := cfg.Port
	var last error
	for range startTries {
		if !cfg.KeepPort && (wanted == 0 || !proc.PortFree("127.0.0.1", wanted)) {
			port, err := proc.FreePort()
			if err != nil {
				return nil, err
			}
			wanted = port
		}
		cfg.Port = wanted
		s, err := launch(ctx, cfg)
		if err == nil {
			return s, nil
		}
		last = err
		if cfg.KeepPort || ctx.Err() != nil {
			break
		}
		wanted = 0
	}
	return nil, last
}

// endLeftover stops a server in the same folder whose owner was killed. The folder is private, so the server is ours.
func endLeftover(ctx context.Context, dir string) error {
	content, err := os.ReadFile(filepath.Join(dir, pidFile))
	if err != nil {
		return nil // no server has been left
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil || !proc.Alive(pid) || !proc.RunsWith(pid, "127.0.0.1:"+lastPort(dir)) {
		return nil // the number belongs to another program by now
	}
	_ = syscall.Kill(pid, syscall.SIGTERM)
	if err := proc.WaitFor(ctx, 25*time.Millisecond, func() bool { return !proc.Alive(pid) }); err != nil {
		return fmt.Errorf("an earlier Redis (pid %d) in %s does not stop: %w", pid, dir, err)
	}
	return nil
}

// lastPort reads back the port that the last server was told; it stands in the server's process title.
func lastPort(dir string) string {
	conf, err := os.ReadFile(filepath.Join(dir, "redis.conf"))
	if err != nil {
		return "?"
	}
	for _, line := range strings.Split(string(conf), "\n") {
		if port, ok := strings.CutPrefix(line, "port "); ok {
			return port
		}
	}
	return "?"
}

// launch starts the server with a configuration file, because arguments are visible to every user of the machine.
func launch(ctx context.Context, cfg Config) (*Server, error) {
	conf := filepath.Join(cfg.Dir, "redis.conf")
	if err := os.WriteFile(conf, []byte(configuration(cfg)), 0o600); err != nil {
		return nil, fmt.Errorf("redis configuration: %w", err)
	}
	logPath := filepath.Join(cfg.Dir, "redis.log")
	p, err := proc.Start(proc.Spec{
		Name: "redis", Path: cfg.Binary.Path, Args: []string{conf}, Env: cfg.Binary.environ(), Dir: cfg.Dir, LogPath: logPath,
		OnParentDeath: syscall.SIGTERM,
	})
	if err != nil {
		return nil, err
	}
	s := &Server{Port: cfg.Port, Password: cfg.Password, proc: p}
	exited := false
	err = proc.WaitFor(ctx, 10*time.Millisecond, func() bool {
		exited = p.Exited()
		return exited || s.Ping(ctx) == nil
	})
	if err == nil && !exited {
		return s, nil
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	_ = p.Stop(stopCtx, syscall.SIGTERM)
	if exited {
		err = errors.New("it ended at once")
	}
	return nil, fmt.Errorf("redis did not start: %w: %s", err, tail(logPath))
}

func configuration(cfg Config) string {
	lines := []string{
		"bind 127.0.0.1", "protected-mode yes", "port " + strconv.Itoa(cfg.Port), "requirepass " + cfg.Password,
		"dir " + strconv.Quote(cfg.Dir), "daemonize no", "databases 16", `save ""`, "maxmemory-policy noeviction",
		"pidfile " + strconv.Quote(filepath.Join(cfg.Dir, pidFile)), "tcp-backlog 128", "loglevel notice",
	}
	if cfg.Append {
		lines = append(lines, "appendonly yes", "appendfsync everysec", "aof-load-truncated yes")
	} else {
		lines = append(lines, "appendonly no")
	}
	return strings.Join(lines, "\n") + "\n"
}

// Ping speaks the protocol itself, so that this package needs no client library: AUTH, then PING.
func (s *Server) Ping(ctx context.Context) error {
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(s.Port))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\nPING\r\n", s.Password); err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	for _, want := range []string{"+OK", "+PONG"} {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if got := strings.TrimSpace(line); got != want {
			return fmt.Errorf("redis answers %q", got)
		}
	}
	return nil
}

// URL is the connection string of a logical database.
func (s *Server) URL(db int) string {
	return fmt.Sprintf("redis://:%s@127.0.0.1:%d/%d", s.Password, s.Port, db)
}

// PID is the server's process id.
func (s *Server) PID() int { return s.proc.PID() }

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.proc.Done() }

// Stop ends the server: SIGTERM lets it write its file first, SIGKILL is a crash.
func (s *Server) Stop(ctx context.Context, sig syscall.Signal) error { return s.proc.Stop(ctx, sig) }

func randomPassword() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}

func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}
