package provider_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/sim/provider"
)

const testKey = "sk-sim-test-0001"

func fast() provider.Config {
	p := &provider.Pace{}
	return provider.Config{Seed: 7, Echo: p, Slow: p, Flaky: p}
}

type sim struct {
	*provider.Server
	url string
}

func start(t testing.TB, cfg provider.Config) sim {
	t.Helper()
	s := provider.New(cfg)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return sim{s, srv.URL}
}

type reply struct {
	status int
	header http.Header
	body   []byte
	err    error
}

func (s sim) post(t testing.TB, path, body string, header ...string) reply {
	t.Helper()
	return send(t, t.Context(), http.MethodPost, s.url+path, body, header...)
}

func send(t testing.TB, ctx context.Context, method, url, body string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, b, err}
}

// chunk mirrors a chat.completion.chunk or chat.completion as a client decodes it.
type chunk struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Model   string `json:"model"`
	Choices []struct {
		Index   int      `json:"index"`
		Delta   delta    `json:"delta"`
		Message delta    `json:"message"`
		Finish  *string  `json:"finish_reason"`
		Logs    *logprob `json:"logprobs"`
	} `json:"choices"`
	Usage *usage `json:"usage"`
}

type logprob struct {
	Content []struct {
		Token string `json:"token"`
	} `json:"content"`
}

type delta struct {
	Role      string  `json:"role"`
	Content   *string `json:"content"`
	ToolCalls []struct {
		Index    int    `json:"index"`
		ID       string `json:"id"`
		Type     string `json:"type"`
		Function struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
	PD         struct {
		Cached int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	CD struct {
		Reasoning int `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

type stream struct {
	chunks []chunk
	raw    []string
	done   bool
}

// readStream decodes events strictly: each is one data line and a blank line.
func readStream(t testing.TB, body []byte) stream {
	t.Helper()
	var s stream
	sc := bufio.NewScanner(bytes.NewReader(body))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		line := sc.Text()
		if line == "" {
			continue
		}
		data, ok := strings.CutPrefix(line, "data: ")
		require.True(t, ok, "line %q", line)
		require.False(t, s.done, "event after [DONE]")
		if data == "[DONE]" {
			s.done = true
			continue
		}
		var c chunk
		require.NoError(t, json.Unmarshal([]byte(data), &c), "event %q", data)
		require.Equal(t, "chat.completion.chunk", c.Object)
		s.chunks = append(s.chunks, c)
		s.raw = append(s.raw, data)
	}
	return s
}

func (s stream) text(index int) string {
	var b strings.Builder
	for _, c := range s.chunks {
		for _, ch := range c.Choices {
			if ch.Index == index && ch.Delta.Content != nil {
				b.WriteString(*ch.Delta.Content)
			}
		}
	}
	return b.String()
}

func (s stream) finish(index int) string {
	for _, c := range s.chunks {
		for _, ch := range c.Choices {
			if ch.Index == index && ch.Finish != nil {
				return *ch.Finish
			}
		}
	}
	return ""
}

func decode(t testing.TB, r reply) chunk {
	t.Helper()
	require.NoError(t, r.err)
	require.Equal(t, http.StatusOK, r.status, string(r.body))
	var c chunk
	require.NoError(t, json.Unmarshal(r.body, &c), string(r.body))
	return c
}

func chatBody(model, text, more string) string {
	b, _ := json.Marshal(text)
	return `{"model":"` + model + `","messages":[{"role":"user","content":` + string(b) + `}]` + more + `}`
}

func TestStreamHasOpenAIShape(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	text := "Hello, wide world: \"quotes\" \\ \n tab\t héllo 世界 👩‍🚀!"
	r := s.post(t, "/v1/chat/completions", chatBody("demo-echo", text, `,"stream":true,"stream_options":{"include_usage":true}`))
	require.NoError(t, r.err)
	require.Equal(t, "text/event-stream; charset=utf-8", r.header.Get("Content-Type"))
	got := readStream(t, r.body)
	require.True(t, got.done)
	require.Equal(t, text, got.text(0))
	require.Equal(t, "stop", got.finish(0))
	first, last := got.chunks[0], got.chunks[len(got.chunks)-1]
	require.Equal(t, "assistant", first.Choices[0].Delta.Role)
	require.Empty(t, last.Choices)
	require.NotNil(t, last.Usage)
	require.Contains(t, got.raw[len(got.raw)-1], `"choices":[]`)
	for i, raw := range got.raw[:len(got.raw)-1] {
		require.Contains(t, raw, `"usage":null`)
		require.Nil(t, got.chunks[i].Usage)
		require.Equal(t, first.ID, got.chunks[i].ID)
	}
	content := len(got.chunks) - 3
	require.Equal(t, content, last.Usage.Completion)
	require.Equal(t, provider.CountTokens(text)+6, last.Usage.Prompt)
	require.Equal(t, last.Usage.Prompt+last.Usage.Completion, last.Usage.Total)
}

func TestStreamWithoutUsage(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	r := s.post(t, "/v1/chat/completions", chatBody("demo-slow", "a b", `,"stream":true`))
	got := readStream(t, r.body)
	require.True(t, got.done)
	require.NotContains(t, string(r.body), "usage")
}

func TestJSONAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	schema := `,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{
		"z":{"type":"string"},"a":{"type":"array","items":{"$ref":"#/$defs/n"}},"e":{"enum":["red","blue"]}},
		"$defs":{"n":{"type":"integer","minimum":3}}}}}`
	tests := []struct {
		name, text, more, want, finish string
		completion, reasoning          int
	}{
		{"echo", "one two", "", "one two", "stop", 2, 0},
		{"max tokens", "one two three", `,"max_tokens":2`, "one two", "length", 2, 0},
		{"max completion tokens wins if lower", "one two three", `,"max_tokens":3,"max_completion_tokens":1`, "one", "length", 1, 0},
		{"limit equal to the answer", "one two", `,"max_tokens":2`, "one two", "stop", 2, 0},
		{"stop string", "one two three", `,"stop":" two"`, "one", "stop", 1, 0},
		{"first of several stops", "one two three", `,"stop":["three"," two"]`, "one", "stop", 1, 0},
		{"reasoning", "one", `,"reasoning_effort":"low"`, "one", "stop", 65, 64},
		{"reasoning eats the limit", "one", `,"reasoning_effort":"high","max_tokens":100`, "", "length", 100, 100},
		{"json object", `say "x"`, `,"response_format":{"type":"json_object"}`, `{"echo":"say \"x\""}`, "stop", 14, 0},
		{"json schema", "q", schema, `{"z":"q","a":[3],"e":"red"}`, "stop", 25, 0},
		{"number of tokens by metadata", "q", `,"metadata":{"x-sim-tokens":"5"}`, "", "stop", 5, 0},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := decode(t, s.post(t, "/v1/chat/completions", chatBody("demo-echo", tc.text, tc.more)))
			require.Equal(t, "chat.completion", c.Object)
			require.Len(t, c.Choices, 1)
			if !strings.Contains(tc.more, "x-sim-tokens") {
				require.Equal(t, tc.want, *c.Choices[0].Message.Content)
			}
			require.Equal(t, tc.finish, *c.Choices[0].Finish)
			require.Equal(t, tc.completion, c.Usage.Completion)
			require.Equal(t, tc.reasoning, c.Usage.CD.Reasoning)
		})
	}
}

func TestContentPartsAndTools(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	body := `{"model":"demo-echo","messages":[{"role":"system","content":"be brief"},{"role":"user","content":[
		{"type":"text","text":"first"},{"type":"image_url","image_url":{"url":"data:,"}},{"type":"text","text":"second"}]}]}`
	c := decode(t, s.post(t, "/v1/chat/completions", body))
	require.Equal(t, "first\nsecond", *c.Choices[0].Message.Content)

	tools := `,"stream":true,"tools":[
		{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}}}}},
		{"type":"function","function":{"name":"get_time","parameters":{"type":"object","properties":{"zone":{"enum":["UTC"]}}}}}]`
	got := readStream(t, s.post(t, "/v1/chat/completions", chatBody("demo-echo", "use your tools", tools)).body)
	names, args := map[int]string{}, map[int]string{}
	for _, ch := range got.chunks {
		for _, choice := range ch.Choices {
			for _, call := range choice.Delta.ToolCalls {
				names[call.Index] += call.Function.Name
				args[call.Index] += call.Function.Arguments
			}
		}
	}
	require.Equal(t, map[int]string{0: "get_weather", 1: "get_time"}, names)
	require.JSONEq(t, `{"city":"use your tools","days":14}`, args[0])
	require.JSONEq(t, `{"zone":"UTC"}`, args[1])
	require.Equal(t, "tool_calls", got.finish(0))

	c = decode(t, s.post(t, "/v1/chat/completions", chatBody("demo-echo", "use your tools",
		strings.Replace(tools, `"stream":true`, `"tool_choice":{"type":"function","function":{"name":"get_time"}}`, 1))))
	require.Len(t, c.Choices[0].Message.ToolCalls, 1)
	require.Equal(t, "get_time", c.Choices[0].Message.ToolCalls[0].Function.Name)
	require.Nil(t, c.Choices[0].Message.Content)

	c = decode(t, s.post(t, "/v1/chat/completions", chatBody("demo-echo", "just talk", strings.Replace(tools, `"stream":true`, `"n":1`, 1))))
	require.Empty(t, c.Choices[0].Message.ToolCalls)

	c = decode(t, s.post(t, "/v1/chat/completions", `{"model":"demo-echo","messages":[{"role":"user","content":"go"},
		{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"c","content":"42"}]}`))
	require.Equal(t, "The tool answered: 42", *c.Choices[0].Message.Content)
}

func TestSeveralChoicesAndLogprobs(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	got := readStream(t, s.post(t, "/v1/chat/completions", chatBody("demo-echo", "a b", `,"n":3,"logprobs":true,"stream":true`)).body)
	for i := range 3 {
		require.Equal(t, "a b", got.text(i))
		require.Equal(t, "stop", got.finish(i))
	}
	c := decode(t, s.post(t, "/v1/chat/completions", chatBody("demo-echo", "a b", `,"n":2,"logprobs":true`)))
	require.Len(t, c.Choices, 2)
	require.Equal(t, 4, c.Usage.Completion)
	require.Equal(t, " b", c.Choices[1].Logs.Content[1].Token)
}

func TestPrefixCacheIsPerKeyAndInSteps(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	long := strings.Repeat("word ", 1300)
	ask := func(text, key string) int {
		return decode(t, s.post(t, "/v1/chat/completions", chatBody("demo-echo", text, `,"max_tokens":1`),
			"Authorization", "Bearer "+key)).Usage.PD.Cached
	}
	require.Zero(t, ask(long, "sk-sim-a"))
	require.Equal(t, 1280, ask(long, "sk-sim-a"))
	require.Equal(t, 1280, ask(long+" and something else after it", "sk-sim-a"))
	require.Zero(t, ask(long, "sk-sim-b"))
	require.Zero(t, ask("other "+long, "sk-sim-a"))
	require.Zero(t, ask(strings.Repeat("word ", 500), "sk-sim-a"))
}

func TestBenchModels(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	body := chatBody("demo-bench-100x0x0", "hi", `,"stream":true,"stream_options":{"include_usage":true}`)
	first := readStream(t, s.post(t, "/v1/chat/completions", body).body)
	require.True(t, first.done)
	require.Len(t, first.chunks, 103)
	require.Equal(t, 100, first.chunks[102].Usage.Completion)
	second := readStream(t, s.post(t, "/v1/chat/completions", body).body)
	require.Equal(t, first.text(0), second.text(0), "same seed and request")
	require.NotEqual(t, first.chunks[0].ID, second.chunks[0].ID)

	began := time.Now()
	r := s.post(t, "/v1/chat/completions", chatBody("demo-bench-4x10x30", "hi", `,"stream":true`))
	require.NoError(t, r.err)
	require.GreaterOrEqual(t, time.Since(began), 60*time.Millisecond)

	c := decode(t, s.post(t, "/v1/chat/completions", chatBody("demo-bench-2x0x0", "hi", "")))
	require.Equal(t, 2, c.Usage.Completion)
	for _, bad := range []string{"demo-bench-", "demo-bench-1", "demo-bench-1x2x3x4", "demo-bench--1x0", "demo-bench-9999999x0"} {
		require.Equal(t, http.StatusNotFound, s.post(t, "/v1/chat/completions", chatBody(bad, "hi", "")).status, bad)
	}
	// A body that the quick look cannot take goes the careful way and gives the same model.
	c = decode(t, s.post(t, "/v1/chat/completions", strings.Replace(chatBody("demo-bench-2x0x0", "hi", ""), "demo", `\u0064emo`, 1)))
	require.Equal(t, 2, c.Usage.Completion)
}

func TestErrors(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	ok := chatBody("demo-echo", "x", "")
	tests := []struct {
		name, body, key           string
		status                    int
		code, param, messagePiece string
	}{
		{"no key", ok, "-", 401, "", "", "didn't provide"},
		{"bad key", ok, "sk-live-abcdefghijklmn", 401, "invalid_api_key", "", "sk-live****klmn"},
		{"unknown model", chatBody("gpt-9", "x", ""), "", 404, "model_not_found", "", "`gpt-9`"},
		{"embedding model", chatBody("demo-embed", "x", ""), "", 404, "model_not_found", "", ""},
		{"no JSON", `{"model"`, "", 400, "", "", "parse"},
		{"no model", `{"messages":[{"role":"user","content":"x"}]}`, "", 400, "", "", "model parameter"},
		{"no messages", `{"model":"demo-echo"}`, "", 400, "missing_required_parameter", "messages", ""},
		{"empty messages", `{"model":"demo-echo","messages":[]}`, "", 400, "empty_array", "messages", ""},
		{"wrong type", chatBody("demo-echo", "x", `,"temperature":"hot"`), "", 400, "invalid_type", "temperature", "expected a decimal, but got a string"},
		{"wrong integer", chatBody("demo-echo", "x", `,"n":1.5`), "", 400, "invalid_type", "n", "expected an integer"},
		{"range", chatBody("demo-echo", "x", `,"temperature":3`), "", 400, "decimal_above_max_value", "temperature", "<= 2"},
		{"role", `{"model":"demo-echo","messages":[{"role":"king","content":"x"}]}`, "", 400, "invalid_value", "messages[0].role", ""},
		{"five stops", chatBody("demo-echo", "x", `,"stop":["1","2","3","4","5"]`), "", 400, "array_above_max_length", "stop", ""},
		{"negative limit", chatBody("demo-echo", "x", `,"max_tokens":0`), "", 400, "integer_below_min_value", "max_tokens", ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			key := "Bearer " + testKey
			if tc.key == "-" {
				key = ""
			} else if tc.key != "" {
				key = "Bearer " + tc.key
			}
			r := s.post(t, "/v1/chat/completions", tc.body, "Authorization", key)
			require.Equal(t, tc.status, r.status, string(r.body))
			var e struct {
				Error struct {
					Message, Type string
					Param, Code   *string
				}
			}
			require.NoError(t, json.Unmarshal(r.body, &e))
			require.Equal(t, "invalid_request_error", e.Error.Type)
			require.Equal(t, tc.code, deref(e.Error.Code))
			require.Equal(t, tc.param, deref(e.Error.Param))
			require.Contains(t, e.Error.Message, tc.messagePiece)
			require.NotEmpty(t, r.header.Get("x-request-id"))
		})
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// waitFor and tick bound the wait for the server to notice what a client did.
const (
	waitFor = 10 * time.Second
	tick    = 2 * time.Millisecond
)
