// Package browser finds a Chromium for tests of the console.
package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"starlane/internal/devstack/debian"
	"starlane/internal/devstack/toolcache"
)

const (
	installTimeout = 10 * time.Minute // a few hundred megabytes over a slow line
	advice         = "install it (Debian: apt-get install chromium) or set CHROMIUM_PATH"
)

// names are looked for on PATH in this order.
var names = [...]string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// Find returns the path of a Chromium: CHROMIUM_PATH, or one on PATH. On Debian root gets the package installed, and others
// have it unpacked in their cache, once, which is printed. Otherwise the test fails and says what to do.
func Find(t testing.TB) string {
	t.Helper()
	cache, err := toolcache.Dir("starlane")
	if err != nil {
		t.Fatalf("browser: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), installTimeout)
	defer cancel()
	path, err := finder{
		given: os.Getenv("CHROMIUM_PATH"), path: os.Getenv("PATH"), lock: filepath.Join(cache, "apt.lock"),
		installable: installable(), install: aptInstall,
		fetch: func(ctx context.Context) (string, error) { return fetch(ctx, filepath.Join(cache, "chromium-debian")) },
	}.find(ctx)
	if err != nil {
		t.Fatalf("browser: %v", err)
	}
	return path
}

type finder struct {
	given, path string // CHROMIUM_PATH and PATH
	lock        string // file that keeps two test binaries from installing at once
	installable bool
	install     func(context.Context) error
	fetch       func(context.Context) (string, error) // where nothing can be installed
}

func (f finder) find(ctx context.Context) (string, error) {
	if f.given != "" {
		if err := executable(f.given); err != nil {
			return "", fmt.Errorf("CHROMIUM_PATH: %w", err)
		}
		return f.given, nil
	}
	if found := f.onPath(); found != "" {
		return found, nil
	}
	if !f.installable {
		path, err := f.fetch(ctx)
		switch {
		case errors.Is(err, debian.ErrUnavailable):
			return "", errors.New("no Chromium on PATH; " + advice)
		case err != nil:
			return "", fmt.Errorf("no Chromium on PATH and it could not be fetched; %s: %w", advice, err)
		}
		return path, nil
	}
	release, err := toolcache.Lock(ctx, f.lock)
	if err != nil {
		return "", fmt.Errorf("wait for another installation: %w", err)
	}
	defer release()
	if found := f.onPath(); found != "" { // the other one has done it
		return found, nil
	}
	if err := f.install(ctx); err != nil {
		return "", fmt.Errorf("no Chromium on PATH and its installation failed; %s: %w", advice, err)
	}
	if found := f.onPath(); found != "" {
		return found, nil
	}
	return "", errors.New("the package chromium is installed but not on PATH; set CHROMIUM_PATH")
}

func (f finder) onPath() string {
	for _, dir := range filepath.SplitList(f.path) {
		for _, name := range names {
			if path := filepath.Join(dir, name); executable(path) == nil {
				return path
			}
		}
	}
	return ""
}

func executable(path string) error {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !st.Mode().IsRegular() || st.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("%s: %w", path, fs.ErrPermission)
	}
	return nil
}

// installable tells whether apt-get may be asked: as root, on Debian or what is made from it.
func installable() bool {
	if os.Geteuid() != 0 {
		return false
	}
	if _, err := os.Stat("/etc/debian_version"); err != nil {
		return false
	}
	_, err := exec.LookPath("apt-get")
	return err == nil
}

// aptInstall installs Debian's package; a machine that has no package lists yet gets them first.
func aptInstall(ctx context.Context) error {
	fmt.Fprintln(os.Stderr, "browser: no Chromium on this machine; installing Debian's package chromium with apt-get")
	err := aptGet(ctx, "install", "--yes", "--no-install-recommends", "chromium")
	if err == nil || ctx.Err() != nil {
		return err
	}
	if err := aptGet(ctx, "update"); err != nil {
		return err
	}
	return aptGet(ctx, "install", "--yes", "--no-install-recommends", "chromium")
}

// aptGet waits for another apt on the machine instead of failing.
func aptGet(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"--quiet=2", "-o", "DPkg::Lock::Timeout=300"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	if err != nil {
		lines := strings.Split(string(bytes.TrimSpace(out)), "\n")
		return fmt.Errorf("apt-get %s: %w: %s", strings.Join(args, " "), err, lines[len(lines)-1])
	}
	return nil
}
