package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	f, err := os.Open(filepath.Join(root, "deploy/Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	ast, err := parser.Parse(f)
	if err != nil {
		t.Fatalf("deploy/Dockerfile does not parse: %v", err)
	}
	for _, w := range ast.Warnings {
		t.Errorf("warning: %s", w.Short)
	}
	lint := linter.New(&linter.Config{
		Warn: func(rule, description, _, message string, location []parser.Range) {
			line := 0
			if len(location) > 0 {
				line = location[0].Start.Line
			}
			t.Errorf("line %d: %s: %s (%s)", line, rule, message, description)
		},
	})
	all, _, err := instructions.Parse(ast.AST, lint)
	if err != nil {
		t.Fatalf("deploy/Dockerfile: %v", err)
	}
	return all
}

func TestDockerfileParsesWithoutWarnings(t *testing.T) {
	if got := len(stages(t)); got < 6 {
		t.Errorf("stages = %d, want the console, the build, a base and one per program", got)
	}
}

func TestDockerfileHasATargetForEveryBuild(t *testing.T) {
	names := map[string]bool{}
	for _, s := range stages(t) {
		names[s.Name] = true
	}
	for service, s := range project(t).Services {
		if s.Build == nil {
			continue
		}
		if got := filepath.ToSlash(s.Build.Dockerfile); !strings.HasSuffix(got, "deploy/Dockerfile") {
			t.Errorf("%s is built from %s", service, got)
		}
		if !names[s.Build.Target] {
			t.Errorf("%s wants the target %q, which does not exist", service, s.Build.Target)
		}
	}
}

func TestDockerfileRunsNobodyAsRoot(t *testing.T) {
	user := map[string]string{} // by stage: the last USER, inherited along FROM
	for _, s := range stages(t) {
		current := user[s.BaseName]
		entry := false
		for _, c := range s.Commands {
			switch c := c.(type) {
			case *instructions.UserCommand:
				current = c.User
			case *instructions.EntrypointCommand:
				entry = true
			case *instructions.AddCommand:
				t.Errorf("stage %s uses ADD, which unpacks and downloads; use COPY", s.Name)
			}
		}
		user[s.Name] = current
		if entry && (current == "" || strings.HasPrefix(current, "0") || strings.HasPrefix(current, "root")) {
			t.Errorf("stage %s runs as %q", s.Name, current)
		}
	}
}

func TestDockerfileShipsNoToolchain(t *testing.T) {
	for _, s := range stages(t) {
		switch s.Name {
		case "relay", "api", "worker", "starlane":
			if s.BaseName != "base" {
				t.Errorf("stage %s is made from %s, want base", s.Name, s.BaseName)
			}
		}
	}
}
