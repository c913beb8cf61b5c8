// Package redisserver finds or fetches a real Redis (or Valkey) and runs a private one.
package redisserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"starlane/internal/devstack/debian"
)

// Binary is an installed server program.
type Binary struct {
	Path    string
	Version string
	Source  string   // for people: where it came from
	Libs    []string // folders for the dynamic linker; empty for an installed server
}

// Finder says where Redis may be looked for.
type Finder struct {
	// Cache is the folder that holds what was fetched, and receives what will be.
	Cache string
	// Fetch allows to download.
	Fetch bool
	// Say receives one line about slow acts. Nil is silent.
	Say func(string)
}

// ErrNotFound tells that no suitable Redis is on the machine and none could be fetched.
var ErrNotFound = errors.New("no Redis found")

// minMajor has XAUTOCLAIM with deleted ids and functions; older ones lose entries of a consumer group.
const minMajor = 7

// Find returns a server: $REDIS_SERVER, the machine's redis-server or valkey-server, the fetched one, or Debian's package
// unpacked into the cache. Nothing is installed and no running server is touched.
func (f Finder) Find(ctx context.Context) (Binary, error) {
	if path := os.Getenv("REDIS_SERVER"); path != "" {
		return inspect(ctx, Binary{Path: path, Source: "$REDIS_SERVER"})
	}
	for _, name := range []string{"redis-server", "valkey-server"} {
		for _, path := range candidates(name) {
			if b, err := inspect(ctx, Binary{Path: path, Source: "this machine"}); err == nil {
				return b, nil
			}
		}
	}
	home := filepath.Join(f.Cache, "redis-debian")
	if b, err := unpacked(ctx, home); err == nil {
		return b, nil
	}
	if !f.Fetch {
		return Binary{}, ErrNotFound
	}
	tree := debian.Tree{
		What: "Redis", Size: "about 2 MB", Packages: []string{"redis-server"}, Dir: home, Say: f.Say,
		Check: func(ctx context.Context, root string) error {
			_, err := unpacked(ctx, root)
			return err
		},
	}
	switch err := tree.Ensure(ctx); {
	case errors.Is(err, debian.ErrUnavailable):
		return Binary{}, fmt.Errorf("%w; %s", ErrNotFound, installHint())
	case err != nil:
		return Binary{}, fmt.Errorf("%w, and it could not be fetched: %w; %s", ErrNotFound, err, installHint())
	}
	return unpacked(ctx, home)
}

// unpacked returns the server of Debian's package that was unpacked at root.
func unpacked(ctx context.Context, root string) (Binary, error) {
	path := filepath.Join(root, "usr/bin/redis-server")
	if _, err := os.Stat(path); err != nil {
		return Binary{}, ErrNotFound
	}
	libs, err := debian.Libraries(root)
	if err != nil {
		return Binary{}, err
	}
	return inspect(ctx, Binary{Path: path, Source: "Debian's package, unpacked", Libs: libs})
}

func candidates(name string) []string {
	var paths []string
	if p, err := exec.LookPath(name); err == nil {
		paths = append(paths, p)
	}
	for _, dir := range []string{"/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"} {
		paths = append(paths, filepath.Join(dir, name))
	}
	return paths
}

var versionPattern = regexp.MustCompile(`v=((\d+)\.[\w.]+)`)

func inspect(ctx context.Context, b Binary) (Binary, error) {
	cmd := exec.CommandContext(ctx, b.Path, "--version")
	cmd.Env = b.environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return Binary{}, fmt.Errorf("%s --version: %w: %s", b.Path, err, strings.TrimSpace(string(out)))
	}
	m := versionPattern.FindStringSubmatch(string(out))
	if m == nil {
		return Binary{}, fmt.Errorf("%s --version says %q", b.Path, strings.TrimSpace(string(out)))
	}
	if major, err := strconv.Atoi(m[2]); err != nil || major < minMajor {
		return Binary{}, fmt.Errorf("%s is version %s, %d or newer is needed", b.Path, m[1], minMajor)
	}
	b.Version = m[1]
	return b, nil
}

func (b Binary) environ() []string {
	env := os.Environ()
	if len(b.Libs) > 0 {
		env = append(env, "LD_LIBRARY_PATH="+strings.Join(b.Libs, ":"))
	}
	return env
}

func installHint() string {
	if runtime.GOOS == "darwin" {
		return "install one with: brew install redis; or set REDIS_URL"
	}
	return "install one with: apt-get install redis-server (Debian, Ubuntu) or dnf install valkey (Fedora); or set REDIS_URL"
}
