// Package stack runs a whole Starlane on one machine for development and first looks: private Postgres and Redis, the three
// product binaries, the simulators and a demo tenant. The processes are the ones that production runs.
package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"starlane/internal/devstack/pgserver"
	"starlane/internal/devstack/toolcache"
)

const (
	markerName = ".starlane-data"
	markerText = "This folder belongs to a Starlane development stack. `starlane reset` may delete it.\n"
	// dirMode lets the user that runs Postgres for root pass through; every file with a secret is 0600 itself.
	dirMode = 0o711
)

// DataDir is the folder with everything private to one stack.
type DataDir struct{ Root string }

// Path joins names below the folder.
func (d DataDir) Path(names ...string) string {
	return filepath.Join(append([]string{d.Root}, names...)...)
}

// Open makes the folder, or checks that it is one of ours.
func (d DataDir) Open() error {
	if err := os.MkdirAll(d.Root, dirMode); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if d.marked() {
		return nil
	}
	entries, err := os.ReadDir(d.Root)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	for _, e := range entries {
		if e.Name() != "bin" && e.Name() != "logs" { // the build may have come first
			return fmt.Errorf("%s holds %q and is not a Starlane data folder; choose an empty one with --data-dir", d.Root, e.Name())
		}
	}
	if err := os.WriteFile(d.Path(markerName), []byte(markerText), 0o600); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}

func (d DataDir) marked() bool {
	_, err := os.Stat(d.Path(markerName))
	return err == nil
}

// Lock keeps other stacks away from the folder; ok is false when one runs.
func (d DataDir) Lock() (release func(), ok bool, err error) {
	return toolcache.TryLock(d.Path("up.lock"))
}

// Reset deletes the folder's data, but neither the built binaries nor a folder that is not ours.
func (d DataDir) Reset() error {
	if _, err := os.Stat(d.Root); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := d.Open(); err != nil {
		return err
	}
	if err := pgserver.Wipe(d.Path("postgres")); err != nil {
		return fmt.Errorf("delete the database: %w", err)
	}
	entries, err := os.ReadDir(d.Root)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	for _, e := range entries {
		switch e.Name() {
		case "bin", "up.lock", markerName:
			continue
		}
		if err := os.RemoveAll(d.Path(e.Name())); err != nil {
			return fmt.Errorf("delete %s: %w", e.Name(), err)
		}
	}
	return nil
}

// Run is what a running stack tells others about itself, in run.json.
type Run struct {
	PID       int            `json:"pid"`
	State     string         `json:"state"` // starting, ready
	StartedAt time.Time      `json:"started_at"`
	PortBase  int            `json:"port_base"`
	Host      string         `json:"host"`
	Services  map[string]int `json:"services"` // process ids
	Summary   *Summary       `json:"summary,omitempty"`
	// DatabaseURL and RedisURL hold passwords, as the file's mode says.
	DatabaseURL string `json:"database_url,omitempty"`
	RedisURL    string `json:"redis_url,omitempty"`
}

// The states of a run.
const (
	Starting = "starting"
	Ready    = "ready"
)

// ReadRun returns what the running stack wrote. Without one the error is fs.ErrNotExist.
func (d DataDir) ReadRun() (Run, error) {
	var r Run
	return r, d.readJSON("run.json", &r)
}

func (d DataDir) readJSON(name string, into any) error {
	data, err := os.ReadFile(d.Path(name))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", d.Path(name), err)
	}
	return nil
}

// writeJSON replaces a file of mode 0600 in one step.
func (d DataDir) writeJSON(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return d.writeFile(name, append(data, '\n'))
}

func (d DataDir) writeFile(name string, data []byte) error {
	path := d.Path(name)
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
