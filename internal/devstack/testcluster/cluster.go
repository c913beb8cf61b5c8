// Package testcluster keeps one Postgres for all test binaries of a user. The first user starts it detached, later ones find it,
// and a small watchdog stops it when nobody has used it for some minutes. Nothing in it survives a reboot.
package testcluster

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"starlane/internal/devstack/pgserver"
	"starlane/internal/devstack/proc"
	"starlane/internal/devstack/toolcache"
)

const (
	idleSeconds    = 300
	maxConnections = 500
	attachTimeout  = 3 * time.Minute // a first use may download Postgres
	stopWait       = 15 * time.Second
)

//go:embed watchdog.sh
var watchdogScript string

type serverState struct {
	Port     int    `json:"port"`
	Password string `json:"password"`
	PID      int    `json:"pid"`
	Watchdog int    `json:"watchdog"`
	Boot     string `json:"boot"`
}

// Cluster is the folder that the shared server lives in.
type Cluster struct {
	Dir         string
	IdleSeconds int
}

// Shared is the cluster of the current user.
func Shared() (Cluster, error) {
	dir, err := toolcache.Dir("starlane-test")
	if err != nil {
		return Cluster{}, err
	}
	return Cluster{Dir: filepath.Join(dir, "postgres"), IdleSeconds: idleSeconds}, nil
}

// Attach registers this process as a user, starts the server if need be, and returns the superuser's connection string of the database postgres.
func (c Cluster) Attach(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, attachTimeout)
	defer cancel()
	if err := c.register(); err != nil {
		return "", err
	}
	if st, err := c.read("server.json"); err == nil && c.usable(ctx, st) {
		return st.dsn(), nil
	}
	unlock, err := toolcache.Lock(ctx, filepath.Join(c.Dir, "start.lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if st, ok := c.settled(ctx); ok {
		return st.dsn(), nil
	}
	st, err := c.start(ctx)
	if err != nil {
		return "", fmt.Errorf("test Postgres in %s: %w", c.Dir, err)
	}
	return st.dsn(), nil
}

func (s serverState) dsn() string {
	return pgserver.DSN(pgserver.Superuser(), s.Password, s.Port, pgserver.Superuser())
}

// register leaves the file by which the watchdog knows us. It is written before the state is read, and the watchdog takes the
// state away before it looks for users, so one of the two always sees the other.
func (c Cluster) register() error {
	users := filepath.Join(c.Dir, "users")
	if err := os.MkdirAll(users, 0o700); err != nil {
		return fmt.Errorf("folder of the test Postgres: %w", err)
	}
	if err := os.WriteFile(filepath.Join(users, strconv.Itoa(os.Getpid())), nil, 0o600); err != nil {
		return fmt.Errorf("register with the test Postgres: %w", err)
	}
	return nil
}

func (c Cluster) read(name string) (serverState, error) {
	var st serverState
	data, err := os.ReadFile(filepath.Join(c.Dir, name))
	if err != nil {
		return st, err
	}
	return st, json.Unmarshal(data, &st)
}

func (c Cluster) usable(ctx context.Context, st serverState) bool {
	return st.Boot == bootID() && proc.Alive(st.Watchdog) && pgserver.Ping(ctx, st.dsn()) == nil
}

// settled waits while a server is being stopped and tells whether one is there to use in the end.
func (c Cluster) settled(ctx context.Context) (serverState, bool) {
	wait, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	var st serverState
	ready := false
	_ = proc.WaitFor(wait, 50*time.Millisecond, func() bool {
		var err error
		if st, err = c.read("server.json"); err == nil {
			ready = c.usable(ctx, st)
			return true
		}
		st, err = c.read("stopping.json")
		return err != nil || !c.ours(st)
	})
	if !ready && c.ours(st) {
		c.end(ctx, st)
	}
	return st, ready
}

// ours tells whether the recorded process is still our server and not another program that got its number.
func (c Cluster) ours(st serverState) bool {
	if st.PID == 0 || st.Boot != bootID() || !proc.Alive(st.PID) {
		return false
	}
	data, err := os.ReadFile(filepath.Join(c.Dir, "data", "postmaster.pid"))
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(string(data), "\n")
	return first == strconv.Itoa(st.PID)
}

func (c Cluster) end(ctx context.Context, st serverState) {
	wait, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	_ = syscall.Kill(st.PID, syscall.SIGQUIT)
	_ = proc.WaitFor(wait, 20*time.Millisecond, func() bool { return !proc.Alive(st.PID) })
}

func (c Cluster) start(ctx context.Context) (serverState, error) {
	old, err := c.read("server.json")
	if err != nil {
		old, err = c.read("stopping.json")
	}
	for _, name := range []string{"server.json", "stopping.json"} {
		_ = os.Remove(filepath.Join(c.Dir, name))
	}
	// Without fsync a cluster is good for one boot of the machine only.
	keep := err == nil && old.Boot == bootID()
	if !keep {
		c.wipe()
	}
	server, err := c.launch(ctx)
	if err != nil && keep && ctx.Err() == nil {
		c.wipe()
		server, err = c.launch(ctx)
	}
	if err != nil {
		return serverState{}, err
	}
	st := serverState{Port: server.Port, Password: server.Password, PID: server.PID(), Boot: bootID()}
	script := filepath.Join(c.Dir, "watchdog.sh")
	if err := os.WriteFile(script, []byte(watchdogScript), 0o600); err != nil {
		return st, fmt.Errorf("watchdog: %w", err)
	}
	dog, err := proc.Start(proc.Spec{
		Name: "watchdog", Path: "/bin/sh", Args: []string{script, strconv.Itoa(st.PID), strconv.Itoa(c.IdleSeconds)}, Dir: c.Dir,
		LogPath: filepath.Join(c.Dir, "watchdog.log"), Detached: true,
	})
	if err != nil {
		return st, err
	}
	st.Watchdog = dog.PID()
	data, err := json.Marshal(st)
	if err != nil {
		return st, fmt.Errorf("state of the test Postgres: %w", err)
	}
	path := filepath.Join(c.Dir, "server.json")
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return st, fmt.Errorf("state of the test Postgres: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return st, fmt.Errorf("state of the test Postgres: %w", err)
	}
	return st, nil
}

func (c Cluster) wipe() { _ = pgserver.Wipe(c.Dir) }

func (c Cluster) launch(ctx context.Context) (*pgserver.Server, error) {
	cache, err := toolcache.Dir("starlane")
	if err != nil {
		return nil, err
	}
	finder := pgserver.Finder{Cache: cache, Fetch: true}
	bin, err := finder.Find(ctx, 0)
	if err != nil {
		return nil, err
	}
	if major := pgserver.DataMajor(c.Dir); major != 0 && major != bin.Major {
		c.wipe()
	}
	return pgserver.Start(ctx, pgserver.Config{Binaries: bin, Dir: c.Dir, ForTests: true, Detached: true, MaxConnections: maxConnections})
}

// DropDead names the processes among pids that no longer live.
func DropDead(pids []int) []int {
	var dead []int
	for _, pid := range pids {
		if !proc.Alive(pid) {
			dead = append(dead, pid)
		}
	}
	return dead
}

func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if errors.Is(err, fs.ErrNotExist) {
		return "unknown"
	}
	return string(bytes.TrimSpace(data))
}
