package browser

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"starlane/internal/devstack/debian"
)

func program(t *testing.T, dir, name string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGivenPathWins(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program(t, dir, "chromium", 0o755)
	mine := program(t, t.TempDir(), "mine", 0o755)
	if got, err := (finder{given: mine, path: dir}).find(t.Context()); err != nil || got != mine {
		t.Fatalf("found %q, %v; want CHROMIUM_PATH", got, err)
	}
	if _, err := (finder{given: filepath.Join(dir, "missing"), path: dir}).find(t.Context()); err == nil || !strings.Contains(err.Error(), "CHROMIUM_PATH") {
		t.Fatalf("a wrong CHROMIUM_PATH gives %v, want an error that names it", err)
	}
}

func TestFoundOnPath(t *testing.T) {
	t.Parallel()
	first, second := t.TempDir(), t.TempDir()
	program(t, first, "chromium", 0o644) // not a program
	want := program(t, second, "google-chrome", 0o755)
	got, err := finder{path: first + string(os.PathListSeparator) + second}.find(t.Context())
	if err != nil || got != want {
		t.Fatalf("found %q, %v; want %q", got, err, want)
	}
}

func TestWithoutABrowserTheErrorNamesTheCure(t *testing.T) {
	t.Parallel()
	fetch := func(context.Context) (string, error) { return "", debian.ErrUnavailable }
	_, err := finder{path: t.TempDir(), fetch: fetch}.find(t.Context())
	if err == nil || !strings.Contains(err.Error(), "apt-get install chromium") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("error = %v, want one line with the remedy", err)
	}
}

func TestInstallsOnce(t *testing.T) {
	t.Parallel()
	dir, installs := t.TempDir(), 0
	f := finder{path: dir, lock: filepath.Join(t.TempDir(), "lock"), installable: true, install: func(context.Context) error {
		installs++
		program(t, dir, "chromium", 0o755)
		return nil
	}}
	for range 2 {
		if got, err := f.find(t.Context()); err != nil || got != filepath.Join(dir, "chromium") {
			t.Fatalf("found %q, %v", got, err)
		}
	}
	if installs != 1 {
		t.Fatalf("installed %d times, want once", installs)
	}
}

func TestFailedInstallationIsTold(t *testing.T) {
	t.Parallel()
	offline := errors.New("no network")
	_, err := finder{
		path: t.TempDir(), lock: filepath.Join(t.TempDir(), "lock"), installable: true,
		install: func(context.Context) error { return offline },
	}.find(t.Context())
	if !errors.Is(err, offline) || !strings.Contains(err.Error(), "CHROMIUM_PATH") {
		t.Fatalf("error = %v, want the cause and the remedy", err)
	}
}

func TestFailedFetchIsTold(t *testing.T) {
	t.Parallel()
	offline := errors.New("no network")
	fetch := func(context.Context) (string, error) { return "", offline }
	_, err := finder{path: t.TempDir(), fetch: fetch}.find(t.Context())
	if !errors.Is(err, offline) || !strings.Contains(err.Error(), "CHROMIUM_PATH") {
		t.Fatalf("error = %v, want the cause and the remedy", err)
	}
}

func TestTheOneOfThisMachineShowsAPage(t *testing.T) {
	t.Parallel()
	if err := prove(t.Context(), Find(t)); err != nil {
		t.Fatal(err)
	}
}
