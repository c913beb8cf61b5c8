package pgserver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"starlane/internal/devstack/proc"
	"starlane/internal/devstack/toolcache"
)

const elsewherePrefix = "starlane-postgres-data-"

// home is where a cluster's files are: the folder that was asked for, unless the user who must run Postgres for root cannot
// get there. Then they are in a folder of the system that he can reach, and dir/data is a link to them.
func home(dir string, drop *proc.Identity) (string, error) {
	if drop == nil || drop.UID == 0 {
		return dir, nil
	}
	data := filepath.Join(dir, "data")
	st, err := os.Lstat(data)
	madeHere := err == nil && st.IsDir()
	if drop.Reaches(dir) || madeHere {
		return dir, drop.Own(dir)
	}
	elsewhere := filepath.Join(systemDir(), elsewherePrefix+nameOf(dir))
	if err := os.MkdirAll(elsewhere, 0o700); err != nil {
		return "", fmt.Errorf("folder for Postgres: %w", err)
	}
	// The name can be guessed, and the temporary folder is everybody's.
	if st, err := os.Lstat(elsewhere); err != nil || !st.IsDir() || !drop.Owns(st) {
		return "", fmt.Errorf("%s belongs to somebody else", elsewhere)
	}
	if err := os.Symlink(filepath.Join(elsewhere, "data"), data); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("folder for Postgres: %w", err)
	}
	return elsewhere, drop.Own(elsewhere)
}

// within makes the binaries reachable for the user who must run them: fetched ones are in root's own cache.
func (b Binaries) within(ctx context.Context, drop *proc.Identity) (Binaries, error) {
	if drop == nil || drop.UID == 0 || drop.Reaches(filepath.Join(b.Dir, "postgres")) {
		return b, nil
	}
	from := filepath.Dir(b.Dir) // bin, lib and share belong together
	to := filepath.Join(systemDir(), "starlane-postgres-programs-"+b.Version+"-"+nameOf(from))
	unlock, err := toolcache.Lock(ctx, to+".lock")
	if err != nil {
		return b, err
	}
	defer unlock()
	if _, err := os.Stat(filepath.Join(to, "complete")); err == nil {
		b.Dir = filepath.Join(to, "bin")
		return b, nil
	}
	if err := os.RemoveAll(to); err != nil {
		return b, fmt.Errorf("copy of Postgres: %w", err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return b, fmt.Errorf("copy of Postgres: %w", err)
	}
	err = filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o755)
		}
		return err
	})
	if err != nil {
		return b, fmt.Errorf("copy of Postgres: %w", err)
	}
	b.Dir = filepath.Join(to, "bin")
	return b, os.WriteFile(filepath.Join(to, "complete"), nil, 0o600)
}

// Wipe deletes a cluster and its password, wherever its files are.
func Wipe(dir string) error {
	var problems []error
	if target, err := os.Readlink(filepath.Join(dir, "data")); err == nil {
		if away := filepath.Dir(target); strings.HasPrefix(filepath.Base(away), elsewherePrefix) {
			problems = append(problems, os.RemoveAll(away))
		}
	}
	for _, name := range []string{"data", "data.new", "state.json", "postgres.log"} {
		problems = append(problems, os.RemoveAll(filepath.Join(dir, name)))
	}
	return errors.Join(problems...)
}

func systemDir() string {
	const lasting = "/var/lib"
	if probe, err := os.MkdirTemp(lasting, "starlane-probe-"); err == nil {
		_ = os.Remove(probe)
		return lasting
	}
	return os.TempDir()
}

func nameOf(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:6])
}
