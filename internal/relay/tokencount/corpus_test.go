package tokencount

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// realText gathers text of a kind from the Go tree, which every builder of this project has: the comments of its
// sources are prose, the sources are code.
func realText(b *testing.B, kind string, size int) []byte {
	b.Helper()
	root := filepath.Join(runtime.GOROOT(), "src", "net") //nolint:staticcheck // a benchmark runs where it was built
	var out []byte
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		if len(out) >= size {
			return fs.SkipAll
		}
		src, err := os.ReadFile(path)
		if kind == "code" {
			out = append(out, src...)
			return err
		}
		for line := range bytes.Lines(src) {
			if text, ok := bytes.CutPrefix(line, []byte("// ")); ok {
				out = append(out, text...)
			}
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	for len(out) < size {
		out = append(out, out...)
	}
	return out[:size]
}
