package provider_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/sim/provider"
)

const streaming = `,"stream":true,"stream_options":{"include_usage":true}`

func TestStatusFaults(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	tests := []struct {
		fault  string
		status int
		code   string
	}{
		{"rate_limit:2500", 429, "rate_limit_exceeded"},
		{"quota", 429, "insufficient_quota"},
		{"server_error", 500, ""},
		{"overloaded", 503, ""},
		{"bad_key", 401, "invalid_api_key"},
		{"nonsense", 400, "invalid_value"},
	}
	for _, tc := range tests {
		t.Run(tc.fault, func(t *testing.T) {
			t.Parallel()
			r := s.post(t, "/v1/chat/completions", chatBody("demo-echo", "x", streaming), "x-sim-fault", tc.fault)
			require.Equal(t, tc.status, r.status)
			var e struct{ Error struct{ Code *string } }
			require.NoError(t, json.Unmarshal(r.body, &e))
			require.Equal(t, tc.code, deref(e.Error.Code))
			if strings.HasPrefix(tc.fault, "rate_limit") {
				require.Equal(t, "3", r.header.Get("Retry-After"))
				require.Equal(t, "2500", r.header.Get("Retry-After-Ms"))
				require.Equal(t, "0", r.header.Get("x-ratelimit-remaining-requests"))
			}
		})
	}
}

func TestStreamFaults(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	ask := func(t *testing.T, fault, more string) reply {
		t.Helper()
		return s.post(t, "/v1/chat/completions", chatBody("demo-echo", "a b c d e", more), "x-sim-fault", fault)
	}
	t.Run("cut after two chunks", func(t *testing.T) {
		t.Parallel()
		r := ask(t, "cut:2", streaming)
		require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)
		got := readStream(t, r.body)
		require.Equal(t, "a b", got.text(0))
		require.False(t, got.done)
	})
	t.Run("cut of a JSON answer", func(t *testing.T) {
		t.Parallel()
		r := ask(t, "cut", "")
		require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)
		require.NotEmpty(t, r.body)
	})
	t.Run("garbage", func(t *testing.T) {
		t.Parallel()
		r := ask(t, "garbage:1", streaming)
		require.NoError(t, r.err)
		require.Contains(t, string(r.body), "not json")
		require.Contains(t, string(r.body), "[DONE]")
		r = ask(t, "garbage", "")
		require.Equal(t, http.StatusOK, r.status)
		require.False(t, json.Valid(r.body))
	})
	t.Run("error event", func(t *testing.T) {
		t.Parallel()
		r := ask(t, "error_event:1", streaming)
		require.NoError(t, r.err)
		require.Contains(t, string(r.body), `data: {"error":{`)
		require.NotContains(t, string(r.body), "[DONE]")
	})
	t.Run("no usage", func(t *testing.T) {
		t.Parallel()
		got := readStream(t, ask(t, "no_usage", streaming).body)
		require.True(t, got.done)
		require.NotEmpty(t, got.chunks[len(got.chunks)-1].Choices)
	})
	t.Run("no done", func(t *testing.T) {
		t.Parallel()
		r := ask(t, "no_done:3", streaming)
		require.NoError(t, r.err)
		got := readStream(t, r.body)
		require.False(t, got.done)
		require.Equal(t, "a b c", got.text(0))
	})
	t.Run("short stall goes on", func(t *testing.T) {
		t.Parallel()
		c := decode(t, ask(t, "stall:5", ""))
		require.Equal(t, "a b c d e", *c.Choices[0].Message.Content)
	})
}

// A stalled stream has sent what came before, and ends when its client leaves.
func TestStallMidStream(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/chat/completions",
		strings.NewReader(chatBody("demo-echo", "a b c", streaming)))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+testKey)
	req.Header.Set("X-Sim-Fault", "stall_stream:2")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	var seen strings.Builder
	buf := make([]byte, 512)
	for !strings.Contains(seen.String(), `" b"`) {
		n, err := resp.Body.Read(buf)
		require.NoError(t, err)
		seen.Write(buf[:n])
	}
	require.Equal(t, 1, s.Report().Total.Open)
	cancel()
	_, err = io.ReadAll(resp.Body)
	require.ErrorIs(t, err, context.Canceled)
	require.Eventually(t, func() bool { return s.Report().Total.Cancelled == 1 }, waitFor, tick)
	require.Zero(t, s.Report().Total.Open)
}

func TestPlan(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	set := func(plan string) reply { return s.post(t, "/_sim/faults", plan) }
	ask := func(key, model string) int {
		return s.post(t, "/v1/chat/completions", chatBody(model, "x", ""), "Authorization", "Bearer "+key).status
	}
	require.Equal(t, http.StatusOK, set(`[{"key":"sk-sim-a","model":"demo-e*","kind":"overloaded","times":2},
		{"model":"demo-slow","kind":"server_error","every_nth":2},{"model":"demo-bench-*","kind":"quota"}]`).status)
	require.Equal(t, []int{503, 503, 200}, []int{ask("sk-sim-a", "demo-echo"), ask("sk-sim-a", "demo-echo"), ask("sk-sim-a", "demo-echo")})
	require.Equal(t, 200, ask("sk-sim-b", "demo-echo"))
	require.Equal(t, []int{200, 500, 200, 500}, []int{
		ask("sk-sim-b", "demo-slow"), ask("sk-sim-b", "demo-slow"),
		ask("sk-sim-b", "demo-slow"), ask("sk-sim-b", "demo-slow"),
	})
	require.Equal(t, 429, ask("sk-sim-b", "demo-bench-1x0x0"))

	require.Equal(t, http.StatusBadRequest, set(`[{"kind":"earthquake"}]`).status)
	require.Equal(t, http.StatusBadRequest, set(`[{"kind":"cut","probability":2}]`).status)
	require.Equal(t, http.StatusOK, set(`{"faults":[]}`).status)
	require.Equal(t, 200, ask("sk-sim-b", "demo-bench-1x0x0"))
}

func TestFaultsFollowTheSeed(t *testing.T) {
	t.Parallel()
	run := func() []int {
		cfg := fast()
		cfg.FlakyFaults = []provider.Rule{{Kind: provider.RateLimit, Probability: 0.3}, {Kind: provider.ServerError, Probability: 0.3}}
		s := start(t, cfg)
		var out []int
		for range 40 {
			out = append(out, s.post(t, "/v1/chat/completions", chatBody("demo-flaky", "x", "")).status)
		}
		return out
	}
	first := run()
	require.Equal(t, first, run())
	require.Contains(t, first, 200)
	require.Contains(t, first, 429)
	require.Contains(t, first, 500)
}

func TestReportCountsAndForgets(t *testing.T) {
	t.Parallel()
	cfg := fast()
	cfg.RecordBodies = true
	s := start(t, cfg)
	s.post(t, "/v1/chat/completions", chatBody("demo-echo", "a b", ""))
	s.post(t, "/v1/chat/completions", chatBody("demo-echo", "a b", streaming))
	s.post(t, "/v1/chat/completions", chatBody("demo-echo", "a b", streaming), "x-sim-fault", "cut:1")
	s.post(t, "/v1/chat/completions", chatBody("demo-slow", "secret", ""), "x-sim-fault", "overloaded")
	r := send(t, t.Context(), http.MethodGet, s.url+"/_sim/requests", "")
	require.Equal(t, http.StatusOK, r.status)
	require.Eventually(t, func() bool { return s.Report().Total.Broken == 1 }, waitFor, tick)
	rep := s.Report()
	require.Equal(t, 4, rep.Total.Received)
	require.Equal(t, 2, rep.Total.Completed)
	require.Equal(t, 1, rep.Total.Failed)
	require.Equal(t, 2, rep.Total.Faults)
	require.Equal(t, 4, rep.Total.CompletionTokens)
	require.Len(t, rep.ByKeyModel, 2)
	require.Equal(t, testKey, rep.ByKeyModel[0].Key)
	require.Contains(t, rep.Recent[0].Body, "a b")
	require.Equal(t, http.StatusNoContent, s.post(t, "/_sim/reset", "").status)
	require.Zero(t, s.Report().Total.Received)
}

func TestReportKeepsNoContent(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	s.post(t, "/v1/chat/completions", chatBody("demo-echo", "very secret words", ""))
	r := send(t, t.Context(), http.MethodGet, s.url+"/_sim/requests", "")
	require.NotContains(t, string(r.body), "secret")
}

func TestLimits(t *testing.T) {
	t.Parallel()
	cfg := fast()
	cfg.LimitRequests, cfg.EnforceLimits, cfg.RejectUnknown = 2, true, true
	s := start(t, cfg)
	r := s.post(t, "/v1/chat/completions", chatBody("demo-echo", "a", `,"frobnicate":1`))
	require.Equal(t, http.StatusBadRequest, r.status)
	require.Contains(t, string(r.body), "unknown_parameter")
	require.Equal(t, "1", r.header.Get("x-ratelimit-remaining-requests"))
	require.Equal(t, "2", r.header.Get("x-ratelimit-limit-requests"))
	require.NotEmpty(t, r.header.Get("openai-processing-ms"))
	s.post(t, "/v1/chat/completions", chatBody("demo-echo", "a", ""))
	r = s.post(t, "/v1/chat/completions", chatBody("demo-echo", "a", ""))
	require.Equal(t, http.StatusTooManyRequests, r.status)
	require.NotEmpty(t, r.header.Get("Retry-After"))
}

func TestBodyTooLarge(t *testing.T) {
	t.Parallel()
	cfg := fast()
	cfg.MaxBody = 64
	s := start(t, cfg)
	r := s.post(t, "/v1/chat/completions", chatBody("demo-echo", strings.Repeat("x", 100), ""))
	require.Equal(t, http.StatusRequestEntityTooLarge, r.status)
}

func TestEmbeddings(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	type answer struct {
		Data []struct {
			Index     int
			Embedding json.RawMessage
		}
		Usage usage
	}
	ask := func(body string) answer {
		r := s.post(t, "/v1/embeddings", body)
		require.Equal(t, http.StatusOK, r.status, string(r.body))
		var a answer
		require.NoError(t, json.Unmarshal(r.body, &a))
		return a
	}
	floats := ask(`{"model":"demo-embed","input":["a red fox","a red dog","xyzzy"],"dimensions":64}`)
	require.Equal(t, 7, floats.Usage.Prompt)
	require.Len(t, floats.Data, 3)
	vectors := make([][]float32, 3)
	for i, d := range floats.Data {
		require.NoError(t, json.Unmarshal(d.Embedding, &vectors[i]))
		require.InDelta(t, 1, dot(vectors[i], vectors[i]), 1e-4)
	}
	require.Greater(t, dot(vectors[0], vectors[1]), dot(vectors[0], vectors[2]))

	packed := ask(`{"model":"demo-embed","input":"a red fox","dimensions":64,"encoding_format":"base64"}`)
	var text string
	require.NoError(t, json.Unmarshal(packed.Data[0].Embedding, &text))
	raw, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	for i, want := range vectors[0] {
		require.Equal(t, math.Float32bits(want), binary.LittleEndian.Uint32(raw[4*i:]))
	}
	require.Equal(t, 5, ask(`{"model":"demo-embed","input":[[1,2,3],[4,5]]}`).Usage.Prompt)
	for _, bad := range []string{
		`{"model":"demo-embed"}`, `{"model":"demo-embed","input":[]}`, `{"model":"demo-embed","input":""}`,
		`{"model":"demo-embed","input":5}`, `{"model":"demo-embed","input":"x","dimensions":0}`,
		`{"model":"demo-embed","input":"x","encoding_format":"hex"}`, `{"model":"demo-embed","input":[{}]}`,
	} {
		require.Equal(t, http.StatusBadRequest, s.post(t, "/v1/embeddings", bad).status, bad)
	}
}

func dot(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func TestModels(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	get := func(path string) reply { return send(t, t.Context(), http.MethodGet, s.url+path, "") }
	var list struct{ Data []struct{ ID, Object string } }
	require.NoError(t, json.Unmarshal(get("/v1/models").body, &list))
	require.Len(t, list.Data, 8)
	require.Equal(t, "demo-echo", list.Data[0].ID)
	require.Equal(t, http.StatusOK, get("/v1/models/demo-bench-3x0").status)
	require.Equal(t, http.StatusNotFound, get("/v1/models/gpt-9").status)
	require.Equal(t, http.StatusNotFound, get("/v1/nothing").status)
}

func TestRunStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addr := make(chan string, 1)
	cfg := fast()
	cfg.Addr, cfg.Ready = "127.0.0.1:0", func(a string) { addr <- a }
	ended := make(chan error, 1)
	go func() { ended <- provider.Run(ctx, cfg) }()
	url := "http://" + <-addr
	require.Equal(t, http.StatusOK, send(t, t.Context(), http.MethodGet, url+"/healthz", "").status)

	busy := cfg
	busy.Addr, busy.Ready = strings.TrimPrefix(url, "http://"), nil
	require.Error(t, provider.Run(t.Context(), busy))

	answered := make(chan reply, 1)
	go func() {
		answered <- send(t, t.Context(), http.MethodPost, url+"/v1/chat/completions", chatBody("demo-bench-3x20x50", "x", `,"stream":true`))
	}()
	require.Eventually(t, func() bool {
		r := send(t, t.Context(), http.MethodGet, url+"/_sim/requests", "")
		return strings.Contains(string(r.body), `"open":1`)
	}, waitFor, tick)
	cancel()
	r := <-answered
	require.NoError(t, r.err, "an open answer finishes while the server drains")
	require.Contains(t, string(r.body), "[DONE]")
	require.NoError(t, <-ended)
	r = send(t, context.Background(), http.MethodGet, url+"/healthz", "")
	require.Error(t, r.err)
	require.NotErrorIs(t, r.err, context.Canceled)
}
