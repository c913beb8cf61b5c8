package web

import (
	"io/fs"
	"strings"
	"testing"
)

func TestDistAlwaysHasAnIndexPage(t *testing.T) {
	t.Parallel()

	files, built := Dist()
	page, err := fs.ReadFile(files, "index.html")
	if err != nil {
		t.Fatalf("read index.html: %v", err)
	}
	if !strings.Contains(string(page), "<title>Starlane") {
		t.Errorf("index.html (built=%v) has no Starlane title", built)
	}
	if built && !strings.Contains(string(page), "/assets/") {
		t.Error("built console's index.html names no asset")
	}
}
