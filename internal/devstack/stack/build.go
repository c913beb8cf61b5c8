package stack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"starlane/internal/devstack/toolcache"
)

// FindCheckout returns the folder with the product's go.mod, at or above dir.
func FindCheckout(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("current folder: %w", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		data, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && bytes.HasPrefix(data, []byte("module starlane\n")) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not inside a Starlane checkout, from which `starlane up` builds the programs", dir)
		}
	}
}

// buildGo compiles packages of the checkout and puts the commands among them into bin. Go's own cache makes a second time quick. The version-control stamp
// is left out: it would link everything anew after each commit, and git refuses a checkout owned by somebody else.
func buildGo(ctx context.Context, checkout, bin, tags string, packages ...string) error {
	args := []string{"build", "-buildvcs=false", "-o", bin + string(filepath.Separator)}
	if tags != "" {
		args = append(args, "-tags", tags)
	}
	args = append(args, packages...)
	if err := os.MkdirAll(bin, dirMode); err != nil {
		return fmt.Errorf("folder of the programs: %w", err)
	}
	return runTool(ctx, checkout, "go", args...)
}

// console is the web console of a checkout.
type console struct{ dir string }

// errNoNode tells that the console cannot be built on this machine.
var errNoNode = errors.New("no npm on this machine")

// build makes web/dist when the sources have changed since the last time, and tells whether it had to.
func (c console) build(ctx context.Context, note func(string)) (rebuilt bool, err error) {
	if _, err := exec.LookPath("npm"); err != nil {
		return false, errNoNode
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	sum, err := c.sourceHash()
	if err != nil {
		return false, err
	}
	stamp := filepath.Join(c.dir, "node_modules", ".starlane-dist-hash")
	old, _ := os.ReadFile(stamp) // a missing stamp is an old one
	_, distErr := os.Stat(filepath.Join(c.dir, "dist", "index.html"))
	if distErr == nil && string(old) == sum {
		return false, nil
	}
	if !c.installed() {
		note("npm ci")
		if err := c.install(ctx); err != nil {
			return false, err
		}
	}
	note("npm run build")
	if err := runTool(ctx, c.dir, "npm", "run", "build"); err != nil {
		return false, err
	}
	if err := os.WriteFile(stamp, []byte(sum), 0o600); err != nil {
		return true, fmt.Errorf("remember the console's build: %w", err)
	}
	return true, nil
}

// lock keeps two stacks of one checkout from building at once.
func (c console) lock(ctx context.Context) (func(), error) {
	cache, err := toolcache.Dir("starlane")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(c.dir))
	return toolcache.Lock(ctx, filepath.Join(cache, "console-"+hex.EncodeToString(sum[:6])+".lock"))
}

// install puts exactly the locked versions in place. An npm that finds the lock file wanting still takes its versions from it.
func (c console) install(ctx context.Context) error {
	err := runTool(ctx, c.dir, "npm", "ci", "--no-audit", "--no-fund")
	if err == nil || ctx.Err() != nil {
		return err
	}
	if again := runTool(ctx, c.dir, "npm", "install", "--no-save", "--no-audit", "--no-fund"); again != nil {
		return errors.Join(err, again)
	}
	return nil
}

// installed tells whether npm finished an installation of the current lock file.
func (c console) installed() bool {
	lock, err := os.Stat(filepath.Join(c.dir, "package-lock.json"))
	if err != nil {
		return false
	}
	done, err := os.Stat(filepath.Join(c.dir, "node_modules", ".package-lock.json"))
	return err == nil && !done.ModTime().Before(lock.ModTime())
}

func (c console) sourceHash() (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "node_modules" || name == "dist" {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".go") || !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(c.dir, path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(h, "%s\x00%d\x00%s", rel, len(data), data)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read the console's sources: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// runTool runs a build tool; its output is shown only when it fails.
func runTool(ctx context.Context, dir, name string, args ...string) error {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, indent(strings.Join(lines[max(0, len(lines)-25):], "\n")))
	}
	return nil
}
