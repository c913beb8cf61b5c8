// Package pgserver finds or fetches a real Postgres and runs a private cluster of it.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// The majors that the schema supports.
const (
	minMajor = 15
	maxMajor = 18
)

// Binaries is an installed Postgres.
type Binaries struct {
	Dir     string // holds initdb and postgres
	Version string // such as "15.18"
	Major   int
	Source  string // for people: where it came from
}

// Finder says where Postgres may be looked for.
type Finder struct {
	// Cache is the folder that holds what was fetched, and receives what will be.
	Cache string
	// Fetch allows to download.
	Fetch bool
	// Say receives one line about slow acts. Nil is silent.
	Say func(string)
}

// ErrNotFound tells that no suitable Postgres is on the machine and none could be fetched.
var ErrNotFound = errors.New("no Postgres found")

// Find returns binaries of the wanted major (0: the newest supported ones), in this order: $PGBIN, the machine's, the fetched ones, npm.
func (f Finder) Find(ctx context.Context, major int) (Binaries, error) {
	if dir := os.Getenv("PGBIN"); dir != "" {
		b, err := inspect(ctx, dir, "$PGBIN")
		if err != nil {
			return Binaries{}, fmt.Errorf("PGBIN: %w", err)
		}
		if b.fits(major) {
			return b, nil
		}
	}
	var found []Binaries
	for _, dir := range machineDirs() {
		if b, err := inspect(ctx, dir, "this machine"); err == nil && b.fits(major) {
			found = append(found, b)
		}
	}
	if len(found) > 0 {
		sort.SliceStable(found, func(i, j int) bool { return found[i].Major > found[j].Major })
		return found[0], nil
	}
	if major != 0 && major != npmMajor {
		return Binaries{}, fmt.Errorf("%w of major %d, which made the data; install it (Debian: apt-get install postgresql-%d), or start over with --reset", ErrNotFound, major, major)
	}
	return f.fromNPM(ctx)
}

func (b Binaries) fits(major int) bool {
	if major != 0 {
		return b.Major == major
	}
	return b.Major >= minMajor && b.Major <= maxMajor
}

func machineDirs() []string {
	var dirs []string
	if p, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		if m, err := filepath.Glob(pattern); err == nil {
			dirs = append(dirs, m...)
		}
	}
	return dirs
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)[.\w]*)`)

func inspect(ctx context.Context, dir, source string) (Binaries, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return Binaries{}, fmt.Errorf("%s holds no initdb", dir)
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").CombinedOutput()
	if err != nil {
		return Binaries{}, fmt.Errorf("%s/postgres --version: %w: %s", dir, err, strings.TrimSpace(string(out)))
	}
	m := versionPattern.FindStringSubmatch(string(out))
	if m == nil {
		return Binaries{}, fmt.Errorf("%s/postgres --version says %q", dir, strings.TrimSpace(string(out)))
	}
	major, err := strconv.Atoi(m[2])
	if err != nil {
		return Binaries{}, fmt.Errorf("version %q: %w", m[1], err)
	}
	return Binaries{Dir: dir, Version: m[1], Major: major, Source: source}, nil
}
