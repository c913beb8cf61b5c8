// Package debian fetches packages of Debian's archive as an ordinary user and unpacks them into a folder of one's own.
// It reads the machine's sources and dpkg's status; it installs nothing and runs none of the packages' scripts.
package debian

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"

	"starlane/internal/devstack/toolcache"
)

// Tree is a folder that holds packages, unpacked, with those of their dependencies that the machine lacks.
type Tree struct {
	What, Size string // for people: "Redis", "about 2 MB"
	Packages   []string
	Dir        string // replaced as a whole, so it is there completely or not at all

	// Check tells quickly whether the tree at root can be used.
	Check func(ctx context.Context, root string) error
	// Complete adds what the packages lack, and may prove more than Check, before a new tree gets its name. Nil is nothing.
	Complete func(ctx context.Context, root string) error
	// Say receives one line when a fetch begins, and more while it lasts. Nil is silent.
	Say func(string)

	options []string // of apt-get, for an archive other than the machine's
}

// ErrUnavailable tells that the machine has not the programs of Debian that a fetch needs.
var ErrUnavailable = errors.New("not a Debian")

// Available returns ErrUnavailable unless this machine can fetch packages.
func Available() error {
	for _, name := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	return nil
}

// Ensure fetches the tree unless it is there and passes Check.
func (t Tree) Ensure(ctx context.Context) error {
	if t.Check(ctx, t.Dir) == nil {
		return nil
	}
	if err := Available(); err != nil {
		return err
	}
	t.say(fmt.Sprintf("fetching %s from Debian's archive (once, %s; nothing is installed)", t.What, t.Size))
	if err := os.MkdirAll(filepath.Dir(t.Dir), 0o700); err != nil {
		return fmt.Errorf("cache folder: %w", err)
	}
	stop := t.report(func() string { return "waiting for another process that fetches " + t.What })
	release, err := toolcache.Lock(ctx, t.Dir+".lock")
	stop()
	if err != nil {
		return err
	}
	defer release()
	if t.Check(ctx, t.Dir) == nil {
		return nil // another process was quicker
	}
	return t.replace(ctx)
}

// replace makes the tree beside its place and renames it. The lock is held.
func (t Tree) replace(ctx context.Context) error {
	// A killed process leaves hundreds of megabytes. The name is new each time: its apt-get may still be writing there.
	pattern := t.Dir + "-tmp-"
	abandoned, err := filepath.Glob(pattern + "*")
	if err != nil {
		return fmt.Errorf("cache folder: %w", err)
	}
	for _, dir := range abandoned {
		_ = os.RemoveAll(dir)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(t.Dir), filepath.Base(pattern))
	if err != nil {
		return fmt.Errorf("cache folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	root := filepath.Join(tmp, "root")
	if err := t.fetch(ctx, filepath.Join(tmp, "apt"), root); err != nil {
		return err
	}
	if t.Complete != nil {
		if err := t.Complete(ctx, root); err != nil {
			return err
		}
	}
	if err := t.Check(ctx, root); err != nil {
		return err
	}
	if err := os.RemoveAll(t.Dir); err != nil {
		return fmt.Errorf("cache folder: %w", err)
	}
	if err := os.Rename(root, t.Dir); err != nil {
		return fmt.Errorf("cache folder: %w", err)
	}
	return nil
}

// library is the name of a file that the dynamic linker looks for.
var library = regexp.MustCompile(`^lib.*\.so(\.\d+)*$`)

// Libraries returns the folders of the tree at root in which the dynamic linker finds libraries, for LD_LIBRARY_PATH.
func Libraries(root string) ([]string, error) {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if dir := filepath.Dir(path); !d.IsDir() && library.MatchString(d.Name()) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("libraries of the unpacked packages: %w", err)
	}
	return dirs, nil
}
