package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"starlane/internal/sim/provider"
	"starlane/internal/testkit/pairwise"
)

// matrixTimeout bounds the cases of one library, on a busy machine.
const matrixTimeout = 5 * time.Minute

// library is a client as its users have it.
type library struct {
	name   string // of its program: a file of clients/js/matrix with a flavour, or a library of clients/go/matrix
	golang bool
	format string            // which it speaks
	ends   map[string]string // its words for the ends of an answer; nil: it does not tell
	quiet  bool              // it does not show what a model thought
	marks  bool              // its users can mark what a cache is to keep
	wraps  bool              // it wraps the results of tools
	drops  bool              // streaming, it drops the seal of a thought, which the relay's vault has to give back
	early  bool              // it adds what the start of a stream tells to what its end does
}

// Ends of an answer in each format's words.
var (
	chatEnds     = map[string]string{"stop": "stop", "tools": "tool_calls"}
	responseEnds = map[string]string{"stop": "completed", "tools": "completed"}
	messageEnds  = map[string]string{"stop": "end_turn", "tools": "tool_use"}
	contentEnds  = map[string]string{"stop": "STOP", "tools": "STOP"}
	vercelEnds   = map[string]string{"stop": "stop", "tools": "tool-calls"}
)

var libraries = []library{
	{name: "openai:chat", format: "openai", marks: true, ends: chatEnds},
	{name: "openai:responses", format: "openai_responses", ends: responseEnds},
	{name: "anthropic", format: "anthropic", marks: true, ends: messageEnds},
	{name: "genai", format: "gemini", ends: contentEnds},
	{name: "ai:chat", format: "openai", quiet: true, ends: vercelEnds},
	{name: "ai:responses", format: "openai_responses", ends: vercelEnds},
	{name: "ai:anthropic", format: "anthropic", marks: true, ends: vercelEnds},
	{name: "ai:google", format: "gemini", wraps: true, drops: true, ends: vercelEnds},
	{name: "agents:chat", format: "openai", quiet: true},
	{name: "agents:responses", format: "openai_responses"},
	{name: "langchain:openai", format: "openai", quiet: true, ends: chatEnds},
	{name: "langchain:anthropic", format: "anthropic", marks: true, early: true, ends: messageEnds},
	{name: "go-openai:chat", golang: true, format: "openai", quiet: true, ends: chatEnds},
	{name: "go-openai:responses", golang: true, format: "openai_responses", ends: responseEnds},
	{name: "go-anthropic", golang: true, format: "anthropic", marks: true, ends: messageEnds},
	{name: "go-genai", golang: true, format: "gemini", ends: contentEnds},
}

// bedrockLibraries speak to Amazon alone. They show that the simulator is one.
var bedrockLibraries = []library{
	{name: "ai:bedrock", format: "bedrock", marks: true, ends: vercelEnds},
	{name: "go-bedrock", golang: true, format: "bedrock", marks: true, ends: messageEnds},
}

// matrixCase is what a client's program is asked to do.
type matrixCase struct {
	Model   string            `json:"model"`
	Stream  bool              `json:"stream"`
	System  string            `json:"system,omitempty"`
	Texts   []string          `json:"texts"`
	Files   []matrixFile      `json:"files,omitempty"`
	Tools   []matrixTool      `json:"tools,omitempty"`
	Results map[string]string `json:"results,omitempty"`
	Schema  json.RawMessage   `json:"schema,omitempty"`
	Effort  string            `json:"effort,omitempty"`

	library library
	family  family
	feature string
}

type matrixFile struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Data []byte `json:"data"` // base64 in JSON
}

type matrixTool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
}

// Features that every client uses with every family of upstreams.
var features = []string{"answer", "stream", "tools", "tools-stream", "schema", "image", "pdf", "thinking", "thinking-stream", "cache", "refused", "broken"}

const (
	hello       = `say "hé" to the stars, 2 × \ twice`
	answerBound = `{"type":"object","properties":{"title":{"type":"string"},"count":{"type":"integer"},"tags":{"type":"array","items":{"type":"string"}}},"required":["title","count","tags"],"additionalProperties":false}`
	place       = `{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city","days"],"additionalProperties":false}`
	zone        = `{"type":"object","properties":{"zone":{"type":"string","enum":["UTC","CET"]},"exact":{"type":"boolean"}},"required":["zone","exact"],"additionalProperties":false}`
)

// newCase asks for a feature. number keeps the prompts of cases apart where a cache would remember them.
func newCase(l library, f family, feature string, number int) matrixCase {
	c := matrixCase{Model: "matrix/" + f.dialect, Texts: []string{hello}, library: l, family: f, feature: feature}
	c.Stream = strings.HasSuffix(feature, "stream")
	tools := []matrixTool{{"weather", "The weather of a city", json.RawMessage(place)}, {"clock", "The time of a zone", json.RawMessage(zone)}}
	results := map[string]string{"weather": "sunny", "clock": "noon"}
	switch strings.TrimSuffix(feature, "-stream") {
	case "tools": // two at once, one alone, none
		c.Tools, c.Results = tools, results
		c.Texts = []string{`ask weather and clock about "Ås"`, "ask the clock again", "thanks"}
	case "thinking":
		c.Tools, c.Results, c.Effort = tools, results, "high"
		c.Texts = []string{"think, then ask the weather", "thanks"}
	case "schema":
		c.Schema = json.RawMessage(answerBound)
	case "image":
		c.Files = []matrixFile{{"picture.png", "image/png", picture()}}
	case "pdf":
		c.Files = []matrixFile{{"paper.pdf", "application/pdf", []byte("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")}}
	case "cache":
		c.System = strings.Repeat(fmt.Sprintf("Rule %d of this house. ", number), 400)
		c.Texts = []string{"one", "two"}
	case "refused":
		c.Model += "-refused"
	case "broken":
		c.Model, c.Stream = c.Model+"-broken", true
	}
	return c
}

// picture costs more than a thousand tokens.
func picture() []byte {
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, 900, 900))); err != nil {
		panic(err) // a buffer takes all
	}
	return out.Bytes()
}

// Every client's library, every family of upstreams and every feature, combined so that each pair of them meets: what a user of
// the library sees is what the upstream said, and what they are told that it cost is what is billed.
func TestMatrix(t *testing.T) {
	t.Parallel()
	jsModules(t)
	golang := buildMatrix(t)
	s := startStack(t, "--no-web")
	families := s.seedMatrix(t)
	byLibrary := map[string][]matrixCase{}
	rows := pairwise.Cover(len(libraries), len(families), len(features))
	for n, row := range rows {
		l := libraries[row[0]]
		byLibrary[l.name] = append(byLibrary[l.name], newCase(l, families[row[1]], features[row[2]], n))
	}
	converse := families[slices.IndexFunc(families, func(f family) bool { return f.dialect == "bedrock" })]
	for _, l := range bedrockLibraries {
		for n, feature := range features {
			c := newCase(l, converse, feature, len(rows)+n)
			c.Model = converse.upstream(c.Model)
			byLibrary[l.name] = append(byLibrary[l.name], c)
		}
	}
	t.Logf("%d cases", len(rows))
	running := make(chan struct{}, 3) // programs at a time
	for _, l := range slices.Concat(libraries, bedrockLibraries) {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			running <- struct{}{}
			defer func() { <-running }()
			cases := byLibrary[l.name]
			for n, seen := range s.runMatrix(t, golang, l, cases) {
				t.Run(cases[n].family.dialect+"/"+cases[n].feature, func(t *testing.T) { s.checkCase(t, &cases[n], &seen) })
			}
		})
	}
}

// buildMatrix makes the program of the Go libraries. The first time that takes minutes: they are large.
func buildMatrix(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	path := filepath.Join(t.TempDir(), "matrix")
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", path, "./matrix")
	cmd.Dir = filepath.Join(checkout(t), "internal/e2e/clients/go")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the clients: %v\n%s", err, out)
	}
	return path
}

// runMatrix gives the program of a library its cases and takes what it saw.
func (s *stack) runMatrix(t *testing.T, golang string, l library, cases []matrixCase) []seenCase {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), matrixTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "matrix.mjs", l.name)
	cmd.Dir = filepath.Join(checkout(t), jsClients)
	if l.golang {
		cmd = exec.CommandContext(ctx, golang, l.name)
	}
	cmd.Env = s.environ("MATRIX_AWS_ACCESS_KEY_ID="+provider.AWSAccessKeyID, "MATRIX_AWS_SECRET_ACCESS_KEY="+provider.AWSSecretAccessKey)
	var orders, stderr bytes.Buffer
	for _, c := range cases {
		if err := json.NewEncoder(&orders).Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Stdin, cmd.Stderr = &orders, &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := make([]seenCase, 0, len(cases))
	answers := bufio.NewReader(out)
	for {
		line, err := answers.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		var one seenCase
		if err != nil || json.Unmarshal(line, &one) != nil {
			t.Fatalf("%s answered %q: %v\n%s", l.name, line, err, &stderr)
		}
		seen = append(seen, one)
	}
	if err := cmd.Wait(); err != nil || len(seen) != len(cases) {
		t.Fatalf("%s ended after %d of %d cases: %v\n%s", l.name, len(seen), len(cases), err, &stderr)
	}
	t.Logf("%s: %d cases in %s\n%s", l.name, len(cases), time.Since(start).Round(time.Millisecond), &stderr)
	return seen
}
