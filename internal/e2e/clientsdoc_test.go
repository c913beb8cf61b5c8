package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documented are the blocks of docs/clients.md in a language, in their order.
func documented(t testing.TB, language string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(checkout(t), "docs", "clients.md"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, found := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllSubmatch(text, -1) {
		blocks = append(blocks, string(found[1]))
	}
	if len(blocks) == 0 {
		t.Fatalf("docs/clients.md has no block in %s", language)
	}
	return blocks
}

// configured is a documented file of settings with more members.
func configured(t testing.TB, documented, more string) string {
	t.Helper()
	members := map[string]any{}
	for _, text := range []string{documented, more} {
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	file, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(file)
}

// sayHello runs the programs of docs/clients.md as they stand there. Each says hello to the demo model, which says it back.
func (s *stack) sayHello(t *testing.T) {
	t.Helper()
	run := func(block, dir, name string, args ...string) {
		t.Helper()
		for line := range strings.Lines(string(s.client(t, nil, dir, name, args...))) {
			if strings.TrimSpace(line) != "hello" {
				t.Errorf("a program of docs/clients.md printed %q, want hello:\n%s", line, block)
			}
		}
	}
	for _, block := range documented(t, "js") {
		run(block, jsClients, "node", "--input-type=module", "--eval", block)
	}
	for _, block := range documented(t, "go") {
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
		run(block, "internal/e2e/clients/go", "go", "run", file)
	}
}
