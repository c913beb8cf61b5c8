package redisserver

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
)

// unpacked returns the server that fetchDebian left in home.
func unpacked(ctx context.Context, home string) (Binary, error) {
	libs, err := libraryDirs(home)
	if err != nil {
		return Binary{}, err
	}
	return inspect(ctx, Binary{Path: filepath.Join(home, "usr/bin/redis-server"), Source: "Debian's package, unpacked", Libs: libs})
}

// fetchDebian downloads redis-server and those of its libraries that the machine lacks, as an ordinary user would,
// and unpacks them into home. It reads the machine's list of sources and dpkg's status and writes nothing outside home.
func fetchDebian(ctx context.Context, home string) error {
	parent := filepath.Dir(home)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return fmt.Errorf("cache folder: %w", err)
	}
	tmp, err := os.MkdirTemp(parent, "redis-tmp-")
	if err != nil {
		return fmt.Errorf("cache folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	a := apt{dir: filepath.Join(tmp, "apt"), root: filepath.Join(tmp, "root")}
	for _, dir := range []string{a.root, filepath.Join(a.dir, "lists/partial"), filepath.Join(a.dir, "cache/archives/partial")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("cache folder: %w", err)
		}
	}
	if err := a.fetchAll(ctx, "redis-server"); err != nil {
		return err
	}
	_ = os.RemoveAll(home)
	if err := os.Rename(a.root, home); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cache folder: %w", err)
	}
	return nil
}

// apt is a download area of our own: lists and archives in dir, packages unpacked below root.
type apt struct {
	dir, root string
	ownLists  bool
}

func (a *apt) fetchAll(ctx context.Context, first string) error {
	seen := map[string]bool{}
	for queue := []string{first}; len(queue) > 0; queue = queue[1:] {
		name := queue[0]
		if seen[name] || (name != first && installed(ctx, name)) {
			continue
		}
		seen[name] = true
		deb, err := a.download(ctx, name)
		if err != nil {
			return err
		}
		if _, err := output(ctx, a.dir, "dpkg-deb", "-x", deb, a.root); err != nil {
			return err
		}
		fields, err := output(ctx, a.dir, "dpkg-deb", "-f", deb, "Pre-Depends", "Depends")
		if err != nil {
			return err
		}
		queue = append(queue, libraries(fields)...)
	}
	return nil
}

// download fetches one package with the machine's package lists, and with fresh lists of our own if that fails
// (a new machine has none, an old one names versions that the archive has replaced).
func (a *apt) download(ctx context.Context, name string) (string, error) {
	dir := filepath.Join(a.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	_, err := output(ctx, dir, "apt-get", a.options("download", "-q", name)...)
	if err != nil && !a.ownLists {
		a.ownLists = true
		if _, updateErr := output(ctx, dir, "apt-get", a.options("update", "-q")...); updateErr != nil {
			return "", errors.Join(err, updateErr)
		}
		_, err = output(ctx, dir, "apt-get", a.options("download", "-q", name)...)
	}
	if err != nil {
		return "", err
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(debs) == 0 {
		return "", fmt.Errorf("apt-get download %s left no package", name)
	}
	return debs[0], nil
}

func (a *apt) options(args ...string) []string {
	opts := []string{
		"-o", "Dir::Cache=" + filepath.Join(a.dir, "cache"),
		"-o", "APT::Sandbox::User=", // our folder is closed to apt's own user
		"-o", "Acquire::Languages=none",
	}
	if a.ownLists {
		opts = append(opts, "-o", "Dir::State::Lists="+filepath.Join(a.dir, "lists"))
	}
	return append(opts, args...)
}

func installed(ctx context.Context, name string) bool {
	out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${db:Status-Status}", name).Output()
	return err == nil && strings.TrimSpace(string(out)) == "installed"
}

// libraries picks from Depends fields the names that a bare program needs: libraries and the package with the program itself.
func libraries(fields string) []string {
	var names []string
	for _, line := range strings.Split(fields, "\n") {
		_, list, ok := strings.Cut(line, ":")
		if !ok {
			list = line
		}
		for _, dep := range strings.Split(list, ",") {
			first, _, _ := strings.Cut(dep, "|")
			name, _, _ := strings.Cut(strings.TrimSpace(first), " ")
			name, _, _ = strings.Cut(name, ":")
			if strings.HasPrefix(name, "lib") || strings.HasPrefix(name, "lua") || name == "redis-tools" || name == "valkey-tools" {
				names = append(names, name)
			}
		}
	}
	return names
}

func libraryDirs(home string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(home, "usr/bin/redis-server")); err != nil {
		return nil, ErrNotFound
	}
	dirs := map[string]bool{}
	var list []string
	err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if dir := filepath.Dir(path); !d.IsDir() && strings.Contains(d.Name(), ".so") && !dirs[dir] {
			dirs[dir] = true
			list = append(list, dir)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("libraries of the unpacked Redis: %w", err)
	}
	return list, nil
}

func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &problems
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(problems.String()), "\n")
		return "", fmt.Errorf("%s %s: %w: %s", name, args[len(args)-1], err, strings.Join(lines[max(0, len(lines)-2):], " | "))
	}
	return out.String(), nil
}
