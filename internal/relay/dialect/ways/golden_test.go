package ways

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/catalog"
	"starlane/internal/catalog/vendor"
	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/fate"
	"starlane/internal/relay/dialect/gemini"
	"starlane/internal/relay/dialect/openaicompletions"
	"starlane/internal/relay/dialect/openaiembed"
	"starlane/internal/relay/dialect/openaiimages"
	"starlane/internal/relay/llm"
	"starlane/internal/relay/sse"
	"starlane/internal/usage"
)

var update = flag.Bool("update", false, "write the golden parts of the cases anew")

// A golden case is a file testdata/CLIENT-UPSTREAM/NAME.txt of parts, each behind a line "-- NAME --". What it gives:
//
//	about     a sentence, with the rows of the table of fates that it shows as [row], the rules of a vendor as {rule}, the pitfalls as
//	          (pitfall N)
//	model     the upstream's name of the model (vendor-model) and its longest answer in tokens
//	prices    search: a search in the web has a price
//	options   strict, lenient, or fetch, for media at addresses; array for a stream of Gemini that is one JSON array; batch for many
//	          texts to be embedded
//	request   what the client sends
//	stream    what the upstream streams, also where the client wants one piece
//	answer    what the upstream answers in one piece
//	fault     a status and the body of a refusal
//
// and what comes of it: upstream, warnings, refused, client_stream, client_answer, client_fault, counts.
type goldenCase struct {
	path  string
	order []string
	parts map[string]string
}

func readCase(t *testing.T, path string) *goldenCase {
	t.Helper()
	src, err := os.ReadFile(path)
	require.NoError(t, err)
	g := &goldenCase{path: path, parts: map[string]string{}}
	name := ""
	for line := range strings.Lines(string(src)) {
		if n, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "-- "); ok && strings.HasSuffix(n, " --") {
			name = strings.TrimSuffix(n, " --")
			g.order = append(g.order, name)
			continue
		}
		g.parts[name] += line
	}
	return g
}

func (g *goldenCase) get(name string) (string, bool) {
	text, ok := g.parts[name]
	return strings.TrimRight(text, "\n"), ok
}

var created = regexp.MustCompile(`"(created|created_at)":( ?)\d+`)

// want compares a golden part.
func (g *goldenCase) want(t *testing.T, name, got string) {
	t.Helper()
	got = created.ReplaceAllString(got, `"$1":${2}0`)
	if !strings.HasSuffix(got, "\n") {
		got += "\n"
	}
	if *update {
		if !slices.Contains(g.order, name) {
			g.order = append(g.order, name)
		}
		g.parts[name] = got
		return
	}
	require.Equal(t, g.parts[name], got, "%s of %s; -update writes it anew", name, g.path)
}

func (g *goldenCase) save(t *testing.T) {
	t.Helper()
	if !*update {
		return
	}
	var out strings.Builder
	for _, name := range g.order {
		fmt.Fprintf(&out, "-- %s --\n%s", name, g.parts[name])
	}
	require.NoError(t, os.WriteFile(g.path, []byte(out.String()), 0o600))
}

// wordMeter counts words and knows one price.
type wordMeter struct{}

func (wordMeter) Priced(usage.Class) bool { return true }

func (wordMeter) Count(text []byte) usage.Tokens { return usage.Tokens(len(bytes.Fields(text))) }
func (wordMeter) Cost(usage.Counts) string       { return "0.00125" }

// shelfOfMedia has something at every address of example.com.
type shelfOfMedia struct{}

// Fetch implements llm.Fetcher.
func (shelfOfMedia) Fetch(kind llm.BlockKind, m *llm.Media) error {
	if !strings.HasPrefix(string(m.URL), "https://example.com/") {
		return apperr.New(apperr.InvalidRequest, "%s could not be fetched: its address cannot be reached.", m.At).WithParam(m.At)
	}
	m.Type = map[llm.BlockKind]llm.Text{llm.Image: llm.Text("image/webp"), llm.Document: llm.Text("application/pdf"), llm.Audio: llm.Text("audio/mp3")}[kind]
	m.Data, m.URL = llm.Text("Ynl0ZXM="), nil
	return nil
}

func cases(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return paths
}

func TestGolden(t *testing.T) {
	t.Parallel()
	formats := New()
	ingress := map[string]dialect.Ingress{"openai": formats.Chat, "anthropic": formats.Messages, "openai_responses": formats.Responses, openaicompletions.Dialect: formats.Completions}
	ways := formats.Registry(nil)
	// Ways that no provider is registered for yet.
	ways[dialect.Key{Client: "openai", Upstream: "openai_responses", Capability: dialect.Chat}] = &dialect.Bridge{Client: formats.Chat, Upstream: formats.Responses}
	ways[dialect.Key{Client: "anthropic", Upstream: "openai_responses", Capability: dialect.Chat}] = &dialect.Bridge{Client: formats.Messages, Upstream: formats.Responses}
	for _, path := range cases(t) {
		pair := filepath.Base(filepath.Dir(path))
		client, upstream, _ := strings.Cut(pair, "-")
		t.Run(pair+"/"+strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			if vendor.Find(upstream) != nil {
				upstream = catalog.Way(upstream)
			}
			g, in := readCase(t, path), ingress[client]
			key := dialect.Key{Client: client, Upstream: upstream, Capability: dialect.Chat}
			options, _ := g.get("options")
			switch client {
			case gemini.Dialect:
				_, stream := g.get("stream")
				in = &gemini.Contents{Model: "m", Stream: stream, Array: options == "array"}
			case "openai_images":
				in, key.Client, key.Capability = openaiimages.Ingress{At: openaiimages.Edits}, openai, dialect.Images
			case openaiembed.Dialect:
				in, key.Client, key.Capability = formats.Embeddings, openai, dialect.Embeddings
			case gemini.EmbedDialect:
				in, key.Client, key.Capability = &gemini.Embeddings{Model: "m", Batch: options == "batch"}, gemini.Dialect, dialect.Embeddings
			case gemini.PredictDialect:
				in, key.Capability = &gemini.Predict{Embeddings: gemini.Embeddings{Model: "m"}}, dialect.Embeddings
			}
			way := ways[key]
			require.NotNil(t, way, "no way from %s to %s", client, upstream)
			run(t, g, in, way)
		})
	}
}

func run(t *testing.T, g *goldenCase, in dialect.Ingress, way dialect.Egress) {
	t.Helper()
	to := dialect.Target{Model: "vendor-model"}
	if text, ok := g.get("model"); ok {
		_, err := fmt.Sscan(text, &to.Model, &to.MaxOutput)
		require.NoError(t, err)
	}
	prices, _ := g.get("prices")
	to.Search = prices == "search"
	request, ok := g.get("request")
	require.True(t, ok, "a case needs a request")
	r, err := in.DecodeRequest(body.Copy([]byte(request)))
	if err != nil {
		g.refused(t, err)
		return
	}
	options, _ := g.get("options")
	r.Notes.Strict, r.Notes.Lenient = options == "strict", options == "lenient"
	if options == "fetch" {
		r.Fetcher = shelfOfMedia{}
	}
	m, err := way.EncodeRequest(r, to)
	if err != nil {
		g.refused(t, err)
		return
	}
	sent, err := io.ReadAll(m.Reader())
	require.NoError(t, err)
	require.True(t, json.Valid(sent), "%s", sent)
	g.want(t, "upstream", indented(t, sent))
	if _, whole := g.get("answer"); !whole {
		g.want(t, "warnings", r.Notes.Header())
	}
	if stream, ok := g.get("stream"); ok && r.Gather {
		a := gathered(t, way, r, stream)
		g.want(t, "client_answer", indented(t, a.Body))
		g.want(t, "counts", counted(a.Counts))
	} else if ok {
		out, counts := followed(t, way, r, stream)
		g.want(t, "client_stream", out)
		g.want(t, "counts", counts)
	}
	if text, ok := g.get("answer"); ok {
		a, err := way.ReadAnswer(r, body.Copy([]byte(text)), wordMeter{})
		require.NoError(t, err)
		out := a.Body
		if out == nil {
			out = []byte(text)
		}
		g.want(t, "client_answer", indented(t, out))
		g.want(t, "counts", counted(a.Counts))
		g.want(t, "warnings", r.Notes.Header()) // an answer may not be what was asked for
	}
	if text, ok := g.get("fault"); ok {
		var status int
		line, rest, _ := strings.Cut(text, "\n")
		_, err := fmt.Sscan(line, &status)
		require.NoError(t, err)
		f := way.ReadFault(status, nil, body.Copy([]byte(rest)))
		g.want(t, "client_fault", f.Kind.String()+" "+string(f.Answer.Open()))
	}
	g.save(t)
}

func (g *goldenCase) refused(t *testing.T, err error) {
	t.Helper()
	e := apperr.From(err)
	g.want(t, "refused", fmt.Sprintf("%s %s: %s", e.Code, e.Param, e.Message))
	g.save(t)
}

// indented lays JSON out for people without changing a token of it.
func indented(t *testing.T, src []byte) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, json.Indent(&out, src, "", "  "))
	return out.String()
}

// gathered puts a stream together for a client who wants one piece.
func gathered(t *testing.T, way dialect.Egress, r *llm.Request, stream string) llm.Answer {
	t.Helper()
	g := way.(dialect.Gatherer).NewGathering(r, wordMeter{})
	for event := range strings.SplitSeq(stream, "\n\n") {
		if _, data, ok := strings.Cut(event, "data: "); ok && g.Event([]byte(data)) != dialect.Pass {
			break
		}
	}
	a, err := g.Answer()
	require.NoError(t, err)
	return a
}

// followed does with a stream what the pipeline does: client's bytes, and the counts.
func followed(t *testing.T, way dialect.Egress, r *llm.Request, stream string) (out, counts string) {
	t.Helper()
	var pool sse.Pool
	reader := pool.Get(strings.NewReader(stream + "\n\n"))
	tap := way.NewTap(r, wordMeter{})
	defer tap.Close()
	ended := ""
	for err := error(nil); err == nil && ended == ""; {
		err = reader.Fill()
		for e, ok := reader.Next(); ok && ended == ""; e, ok = reader.Next() {
			if e.Data == nil {
				continue
			}
			s := tap.Event(e.Data)
			switch {
			case s.Out != nil:
				out += string(s.Out)
			case s.Step == dialect.Hide:
			case e.At >= 0 && s.Cut.To > s.Cut.From:
				out += string(e.Raw[:e.At+s.Cut.From]) + string(e.Raw[e.At+s.Cut.To:])
			default:
				out += string(e.Raw)
			}
			switch s.Step {
			case dialect.End:
				ended = "ended"
			case dialect.Failed:
				ended = "failed"
			case dialect.Garbage:
				ended = "garbage"
			case dialect.Pass, dialect.Hide:
			}
		}
	}
	if ended == "" {
		mark, finished := tap.Finish()
		out += string(mark)
		if ended = "cut"; finished {
			ended = "finished"
		}
	}
	return out, ended + " " + counted(tap.Answer().Counts)
}

func counted(c usage.Counts) string {
	var parts []string
	for class := range usage.NumClasses {
		if c.From[class] != usage.None {
			parts = append(parts, fmt.Sprintf("%s=%d(%s)", class, c.Units[class], c.From[class]))
		}
	}
	return strings.Join(parts, " ")
}

// TestEveryRowHasACase holds the table of fates to the cases: a row that no case shows is a claim.
func TestEveryRowHasACase(t *testing.T) {
	t.Parallel()
	shown := map[string]string{} // by pair
	for _, path := range cases(t) {
		about, _ := readCase(t, path).get("about")
		shown[filepath.Base(filepath.Dir(path))] += about
	}
	for _, row := range fate.Table() {
		for upstream := range row.To {
			require.Contains(t, shown[row.Client+"-"+upstream], "["+row.Field+"]", "%s to %s: no case shows %s", row.Client, upstream, row.Field)
		}
	}
}

// TestEveryRuleHasACase holds the vendors' rules to the cases, and each to where it is from.
func TestEveryRuleHasACase(t *testing.T) {
	t.Parallel()
	shown := map[string]string{} // by upstream
	for _, path := range cases(t) {
		about, _ := readCase(t, path).get("about")
		_, upstream, _ := strings.Cut(filepath.Base(filepath.Dir(path)), "-")
		shown[upstream] += about
	}
	for _, p := range vendor.All() {
		text, err := json.Marshal(p.Rules)
		require.NoError(t, err)
		var rules map[string]vendor.Rule[json.RawMessage]
		require.NoError(t, json.Unmarshal(text, &rules))
		require.NotEmpty(t, rules)
		for name, rule := range rules {
			require.Contains(t, shown[p.Name], "{"+name+"}", "%s: no case shows %s", p.Name, name)
			require.Regexp(t, `^https://`, rule.Source, "%s: %s", p.Name, name)
		}
	}
}
