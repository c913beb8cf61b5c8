package debian

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// archive builds real packages and an index of them, each given as name and further lines of its control file. A package
// holds one file, usr/share/NAME. The options let apt-get know this archive alone.
func archive(t *testing.T, packages [][2]string) (options []string) {
	t.Helper()
	dir := t.TempDir()
	var index strings.Builder
	for _, p := range packages {
		src, deb := filepath.Join(dir, p[0]), p[0]+".deb"
		control := "Package: " + p[0] + "\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: for a test\n" + p[1]
		write(t, filepath.Join(src, "usr/share", p[0]), p[0])
		write(t, filepath.Join(src, "DEBIAN/control"), control)
		require.NoError(t, os.Chmod(filepath.Join(src, "DEBIAN"), 0o755)) // as dpkg-deb wants it
		out, err := exec.CommandContext(t.Context(), "dpkg-deb", "--build", src, filepath.Join(dir, deb)).CombinedOutput()
		require.NoError(t, err, "%s", out)
		data, err := os.ReadFile(filepath.Join(dir, deb))
		require.NoError(t, err)
		fmt.Fprintf(&index, "%sFilename: ./%s\nSize: %d\nSHA256: %x\n\n", control, deb, len(data), sha256.Sum256(data))
	}
	write(t, filepath.Join(dir, "Packages"), index.String())
	list := filepath.Join(dir, "sources.list")
	write(t, list, "deb [trusted=yes] copy:"+dir+" ./\n")
	return []string{"-o", "Dir::Etc::sourcelist=" + list, "-o", "Dir::Etc::sourceparts=/dev/null"}
}

// tree is one that fetches the test's package; ok is false on a machine that is no Debian, after it was told so.
func tree(t *testing.T) (tr Tree, ok bool) {
	t.Helper()
	tr = Tree{
		What: "a test", Size: "nothing", Packages: []string{"starlane-program"}, Dir: filepath.Join(t.TempDir(), "tree"),
		Check: func(_ context.Context, root string) error {
			_, err := os.Stat(filepath.Join(root, "usr/share/starlane-program"))
			return err
		},
	}
	if Available() != nil {
		if err := tr.Ensure(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("error = %v, want %v", err, ErrUnavailable)
		}
		return tr, false
	}
	tr.options = archive(t, [][2]string{
		{"starlane-program", "Depends: dpkg, starlane-library (>= 1) | starlane-other\nRecommends: starlane-extra\n"},
		{"starlane-library", ""},
		{"starlane-other", ""},
		{"starlane-extra", ""},
	})
	return tr, true
}

func TestFetchesAPackageAndWhatTheMachineLacksOfItsDependencies(t *testing.T) {
	t.Parallel()
	tr, ok := tree(t)
	if !ok {
		return
	}
	var said []string
	tr.Say = func(line string) { said = append(said, line) }
	write(t, tr.Dir+"-tmp-1/root/of/a/killed/process", "")
	for range 2 {
		require.NoError(t, tr.Ensure(t.Context()))
	}
	for path, want := range map[string]bool{"starlane-program": true, "starlane-library": true, "starlane-other": false, "starlane-extra": false, "dpkg": false} {
		if got := exists(filepath.Join(tr.Dir, "usr/share", path)); got != want {
			t.Errorf("%s unpacked = %t, want %t", path, got, want)
		}
	}
	if len(said) == 0 || slices.Contains(said[1:], said[0]) || !strings.Contains(said[0], "fetching a test") {
		t.Errorf("said %q, want one line about one fetch", said)
	}
	left, err := filepath.Glob(tr.Dir + "-tmp-*")
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, %v; want nothing", left, err)
	}
}

func TestConcurrentProcessesFetchOnce(t *testing.T) {
	t.Parallel()
	tr, ok := tree(t)
	if !ok {
		return
	}
	var made atomic.Int32
	tr.Complete = func(context.Context, string) error {
		made.Add(1)
		return nil
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := tr.Ensure(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d trees, want 1", made.Load())
	}
}

func TestATreeThatDoesNotWorkIsNotUsed(t *testing.T) {
	t.Parallel()
	tr, ok := tree(t)
	if !ok {
		return
	}
	write(t, filepath.Join(tr.Dir, "old"), "")
	broken := errors.New("does not start")
	tr.Complete = func(context.Context, string) error { return broken }
	if err := tr.Ensure(t.Context()); !errors.Is(err, broken) {
		t.Errorf("error = %v, want %v", err, broken)
	}
	if !exists(filepath.Join(tr.Dir, "old")) || exists(filepath.Join(tr.Dir, "usr")) {
		t.Error("the old tree was replaced by one that does not work")
	}
}

func TestUnknownPackageIsTold(t *testing.T) {
	t.Parallel()
	tr, ok := tree(t)
	if !ok {
		return
	}
	tr.Packages = []string{"starlane-missing"}
	if err := tr.Ensure(t.Context()); err == nil || !strings.Contains(err.Error(), "starlane-missing") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error = %v, want one line with the package", err)
	}
}

func TestLibraries(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, path := range []string{
		"lib/x/libc.so.6", "usr/lib/x/liblzf.so.1.5", "usr/lib/x/liblzf.so.1", "usr/lib/program/libEGL.so",
		"usr/lib/systemd/dbus.socket", "usr/share/man/pam.so.8", "usr/share/libs/libc.so.html",
	} {
		write(t, filepath.Join(root, path), "")
	}
	got, err := Libraries(root)
	require.NoError(t, err)
	want := []string{filepath.Join(root, "lib/x"), filepath.Join(root, "usr/lib/program"), filepath.Join(root, "usr/lib/x")}
	if !slices.Equal(got, want) {
		t.Errorf("folders = %v, want %v", got, want)
	}
}
