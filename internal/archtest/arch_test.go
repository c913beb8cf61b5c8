// Package archtest holds the architecture to its word: which package may import which, and what must never be linked into
// a binary. docs/architecture.md draws the same rules.
package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "starlane"

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	GoFiles    []string
	Dir        string
}

func load(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps,GoFiles,Dir"}, args...)...)
	cmd.Dir = filepath.Join("..", "..")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module+"/")
		pkgs = append(pkgs, p)
	}
	return pkgs
}

// under tells whether path is one of the folders or lies below one.
func under(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}

// forbidden lists import edges of the product that must not exist: nothing below from may import anything below to.
var forbidden = []struct {
	from, to []string
	except   []string // importers that may
	why      string
}{
	{
		from: []string{"internal/relay"}, to: []string{"internal/store", "internal/adminapi", "internal/worker", "internal/relayapi", "internal/app", "web"},
		why: "the hot path knows ports, not adapters or edges",
	},
	{
		from: []string{"internal/relay"}, to: []string{"internal/billing/ledger", "internal/billing/invoicing", "internal/billing/payments", "internal/billing/metering", "internal/billing/credit"},
		why: "the relay estimates, the worker decides; both meet in package usage",
	},
	{from: []string{"internal/billing"}, to: []string{"internal/relay", "internal/relayapi", "internal/adminapi"}, why: "billing knows events, not requests"},
	{
		from: []string{"internal/billing", "internal/tenancy", "internal/catalog", "internal/usage"}, to: []string{"internal/store", "internal/app", "internal/worker", "internal/adminapi"},
		why: "domain packages declare what they need; stores implement it",
	},
	{from: []string{"internal/store"}, to: []string{"internal/app", "internal/adminapi", "internal/relayapi", "internal/worker", "internal/relay"}, why: "adapters never import an edge"},
	{from: []string{"internal/store/postgres"}, to: []string{"internal/store/redis"}, why: "adapters never import each other"},
	{from: []string{"internal/store/redis"}, to: []string{"internal/store/postgres"}, why: "adapters never import each other"},
	{from: []string{"internal/platform"}, to: []string{"internal/relay", "internal/billing", "internal/tenancy", "internal/catalog", "internal/store", "internal/usage"}, why: "the platform is below everything"},
	{from: []string{"internal/billing/money"}, to: []string{"internal"}, why: "arithmetic depends on nothing"},
	{from: []string{"cmd/relay", "cmd/api", "cmd/worker"}, to: []string{"internal/devstack", "internal/testkit", "internal/sim"}, why: "production binaries carry no simulators and no first-run tools"},
	{from: []string{"internal"}, to: []string{"cmd"}, why: "commands are imported by nothing"},
	{from: []string{"internal", "cmd"}, to: []string{"internal/app"}, except: []string{"cmd", "internal/app", "internal/e2e", "internal/archtest"}, why: "wiring happens in the commands"},
	{from: []string{"internal", "cmd"}, to: []string{"internal/testkit"}, except: []string{"internal/testkit", "internal/e2e", "internal/cmd"}, why: "test helpers stay in tests"},
}

func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range load(t, "./...") {
		for _, imp := range p.Imports {
			imp, ours := strings.CutPrefix(imp, module+"/")
			if !ours {
				continue
			}
			for _, rule := range forbidden {
				if under(p.ImportPath, rule.from...) && under(imp, rule.to...) && !under(p.ImportPath, rule.except...) && !under(imp, "internal/billing/money") {
					t.Errorf("%s imports %s: %s", p.ImportPath, imp, rule.why)
				}
			}
		}
	}
}

// homes says which packages may import a library directly.
var homes = map[string][]string{
	"github.com/gin-gonic/gin":      {"internal/relayapi", "internal/adminapi", "internal/platform/httpserver"},
	"github.com/jackc/pgx":          {"internal/store/postgres", "internal/testkit", "internal/devstack", "internal/e2e", "internal/cmd"},
	"github.com/redis/go-redis":     {"internal/store/redis", "internal/testkit", "internal/devstack", "internal/e2e", "internal/cmd"},
	"github.com/stripe/stripe-go":   {"internal/billing/payments"},
	"github.com/golang-jwt/jwt":     {"internal/tenancy/identity"},
	"github.com/pressly/goose":      {"internal/store/postgres", "internal/testkit"},
	"github.com/spf13/cobra":        {"cmd/starlane", "internal/devstack"},
	"github.com/caarlos0/env":       {"internal/platform/config"},
	"github.com/getkin/kin-openapi": {"internal/adminapi"},
	"github.com/tiktoken-go":        {"internal/relay/tokencount"},
	"github.com/coder/websocket":    {"internal/relay/socket", "internal/sim/provider"},
	"github.com/shopspring/decimal": {},
	"github.com/alicebob/miniredis": {},
	"github.com/tidwall":            {},
	"math/big":                      {},
	"github.com/sirupsen/logrus":    {},
	"log":                           {},
	"github.com/stretchr/testify":   {"internal/testkit"},
	"pgregory.net/rapid":            {"internal/testkit"},
	"github.com/openai/openai-go":   {},
	"github.com/aws/aws-sdk-go-v2":  {"internal/relay/upstream", "internal/relay/awsstream", "internal/sim/provider"},
	"golang.org/x/oauth2":           {"internal/relay/upstream", "internal/catalog/credential"},
	"github.com/compose-spec":       {},
	"github.com/moby/buildkit":      {},
}

func TestLibrariesStayAtHome(t *testing.T) {
	t.Parallel()
	for _, p := range load(t, "./...") {
		for _, imp := range p.Imports {
			for library, home := range homes {
				below := library != "log" && strings.HasPrefix(imp, library+"/") // log/slog is what we use instead of log
				if (imp == library || below) && !under(p.ImportPath, home...) {
					t.Errorf("%s imports %s, whose home is %v", p.ImportPath, imp, home)
				}
			}
		}
	}
}

func TestRelayLinksNoDatabaseAndNoConsole(t *testing.T) {
	t.Parallel()
	banned := []string{
		"github.com/jackc/pgx", "github.com/stripe/stripe-go", "github.com/pressly/goose", "github.com/getkin/kin-openapi",
		module + "/internal/adminapi", module + "/internal/store/postgres", module + "/internal/billing/ledger",
		module + "/internal/billing/payments", module + "/internal/billing/invoicing", module + "/web", module + "/internal/sim",
		module + "/internal/devstack", module + "/internal/testkit",
		// Signing and framing are libraries of their own; the vendors' clients are not needed and large.
		"github.com/aws/aws-sdk-go-v2/service", "github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2/feature",
		"cloud.google.com/go", "google.golang.org/api", "google.golang.org/genai", "github.com/Azure", "github.com/anthropics",
		"github.com/openai",
	}
	for _, dep := range load(t, "./cmd/relay")[0].Deps {
		if under(dep, banned...) {
			t.Errorf("cmd/relay links %s", dep)
		}
	}
}

// contentOpeners are the packages that may look at prompts and answers.
var contentOpeners = []string{
	"internal/relay/body", "internal/relay/guard", "internal/relay/dialect", "internal/relay/sse", "internal/relay/upstream",
	"internal/relay/tokencount",
	"internal/relay/responsestore", // of tenants that have it stored, encrypted (docs/adr/0018)
}

func TestContentIsOpenedByFew(t *testing.T) {
	t.Parallel()
	for _, p := range load(t, "./...") {
		if under(p.ImportPath, contentOpeners...) {
			continue
		}
		for _, name := range p.GoFiles {
			src, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(src, []byte("body.Open(")) || bytes.Contains(src, []byte("body.Bytes(")) {
				t.Errorf("%s/%s opens request or answer content", p.ImportPath, name)
			}
		}
	}
}

func TestFilesStaySmall(t *testing.T) {
	t.Parallel()
	for _, p := range load(t, "./...") {
		for _, name := range p.GoFiles {
			src, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			generated := bytes.HasPrefix(src, []byte("// Code generated")) || bytes.Contains(src[:min(len(src), 400)], []byte("DO NOT EDIT"))
			if n := bytes.Count(src, []byte("\n")); n > 500 && !generated {
				t.Errorf("%s/%s has %d lines, want at most 500", p.ImportPath, name, n)
			}
		}
	}
}

func TestMoneyHasNoFloats(t *testing.T) {
	t.Parallel()
	for _, p := range load(t, "./internal/billing/...", "./internal/usage/...") {
		for _, name := range p.GoFiles {
			src, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(src, []byte("float64")) || bytes.Contains(src, []byte("float32")) {
				t.Errorf("%s/%s uses floating point", p.ImportPath, name)
			}
		}
	}
}
