package provider_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/sim/provider"
)

// wireCase is how one API asks a model to echo a text in a stream.
type wireCase struct {
	name   string
	path   func(model string) string
	body   func(model, text string) string
	header []string
}

func wires() []wireCase {
	at := func(path string) func(string) string { return func(string) string { return path } }
	return []wireCase{
		{
			"chat", at("/v1/chat/completions"),
			func(model, text string) string { return chatBody(model, text, `,"stream":true`) }, nil,
		},
		{
			"responses", at("/v1/responses"),
			func(model, text string) string {
				return `{"model":"` + model + `","stream":true,"input":` + quoted(text) + `}`
			}, nil,
		},
		{
			"messages", at("/v1/messages"),
			func(model, text string) string {
				return strings.Replace(claudeBody(text, `,"stream":true`), "demo-echo", model, 1)
			}, claudeHeaders(),
		},
		{
			"gemini events", func(model string) string { return "/v1beta/models/" + model + ":streamGenerateContent?alt=sse" },
			func(_, text string) string { return geminiBody(text, "") }, geminiHeaders(),
		},
		{
			"gemini array", func(model string) string { return "/v1beta/models/" + model + ":streamGenerateContent" },
			func(_, text string) string { return geminiBody(text, "") }, geminiHeaders(),
		},
	}
}

func (w wireCase) ask(t testing.TB, s sim, model, text string, header ...string) reply {
	t.Helper()
	return s.post(t, w.path(model), w.body(model, text), append(append([]string(nil), w.header...), header...)...)
}

func TestEveryWireIsPaced(t *testing.T) {
	t.Parallel()
	for _, w := range wires() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, fast())
			began := time.Now()
			require.Equal(t, http.StatusOK, w.ask(t, s, "demo-echo", "a", "x-sim-fault", "slow:40").status)
			require.GreaterOrEqual(t, time.Since(began), 40*time.Millisecond)
			began = time.Now()
			require.Equal(t, http.StatusOK, w.ask(t, s, "demo-bench-5x10x20", "a").status)
			require.GreaterOrEqual(t, time.Since(began), 60*time.Millisecond)
			require.Equal(t, 5, s.Report().Recent[1].CompletionTokens)
			require.Equal(t, 5, s.Report().Recent[1].Chunks)
		})
	}
}

// A stalled stream has sent what came before, and ends when its client leaves.
func TestEveryWireStalls(t *testing.T) {
	t.Parallel()
	for _, w := range wires() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, fast())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+w.path("demo-echo"), strings.NewReader(w.body("demo-echo", "a bbb c")))
			require.NoError(t, err)
			req.Header.Set("Authorization", "Bearer "+testKey)
			for i := 0; i < len(w.header); i += 2 {
				req.Header.Set(w.header[i], w.header[i+1])
			}
			req.Header.Set("X-Sim-Fault", "stall_stream:2")
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			defer func() { _ = resp.Body.Close() }()
			var seen strings.Builder
			buf := make([]byte, 4096)
			for !strings.Contains(seen.String(), `" bbb"`) {
				n, err := resp.Body.Read(buf)
				require.NoError(t, err)
				seen.Write(buf[:n])
			}
			require.NotContains(t, seen.String(), `" c"`)
			cancel()
			_, err = io.ReadAll(resp.Body)
			require.ErrorIs(t, err, context.Canceled)
			require.Eventually(t, func() bool { return s.Report().Total.Cancelled == 1 }, waitFor, tick)
		})
	}
}

func TestEveryWireFollowsTheSeed(t *testing.T) {
	t.Parallel()
	for _, w := range wires() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			run := func() (statuses []int, bodies []string) {
				cfg := fast()
				cfg.FlakyFaults = []provider.Rule{
					{Kind: provider.RateLimit, Probability: 0.2},
					{Kind: provider.ServerError, Probability: 0.2},
					{Kind: provider.Overloaded, Probability: 0.2},
					{Kind: provider.Cut, Probability: 0.2, AfterChunks: 1},
				}
				s := start(t, cfg)
				for range 30 {
					r := w.ask(t, s, "demo-flaky", "a b c")
					statuses = append(statuses, r.status)
					if r.err != nil {
						bodies = append(bodies, "cut")
					}
				}
				return statuses, bodies
			}
			statuses, bodies := run()
			again, bodiesAgain := run()
			require.Equal(t, statuses, again)
			require.Equal(t, bodies, bodiesAgain)
			require.NotEmpty(t, bodies)
			require.Contains(t, statuses, http.StatusTooManyRequests)
			require.Contains(t, statuses, http.StatusInternalServerError)
			require.Contains(t, statuses, http.StatusOK)
		})
	}
}

func TestEveryWireAnswersTheSame(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	const text = "one two three"
	for _, w := range wires() {
		w.ask(t, s, "demo-echo", text)
	}
	for _, rec := range s.Report().Recent {
		require.Equal(t, provider.CountTokens(text)+6, rec.PromptTokens, rec.Path)
		require.Equal(t, 3, rec.CompletionTokens, rec.Path)
	}
}

func TestEveryWireBoundsTheBody(t *testing.T) {
	t.Parallel()
	cfg := fast()
	cfg.MaxBody = 256
	s := start(t, cfg)
	statuses := map[string]int{"messages": http.StatusRequestEntityTooLarge, "chat": http.StatusRequestEntityTooLarge, "responses": http.StatusRequestEntityTooLarge}
	words := map[string]string{"messages": `"request_too_large"`, "gemini events": `"INVALID_ARGUMENT"`, "gemini array": `"INVALID_ARGUMENT"`}
	for _, w := range wires() {
		r := w.ask(t, s, "demo-echo", strings.Repeat("x", 300))
		want := statuses[w.name]
		if want == 0 {
			want = http.StatusBadRequest // Google's status for it
		}
		require.Equal(t, want, r.status, w.name)
		require.Contains(t, string(r.body), words[w.name])
	}
}

// A reason that the API does not have is a mistake of the test that asks for it.
func TestEveryWireRefusesUnknownEnds(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	for _, w := range wires()[1:] {
		require.Equal(t, http.StatusBadRequest, w.ask(t, s, "demo-echo", "a", "x-sim-finish", "boredom").status, w.name)
	}
}
