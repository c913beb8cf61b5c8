package provider_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func rpcMessage(t testing.TB, body []byte, status string) string {
	t.Helper()
	var e struct {
		Error struct {
			Code            int
			Message, Status string
		}
	}
	require.NoError(t, json.Unmarshal(body, &e), string(body))
	require.Equal(t, status, e.Error.Status)
	require.NotZero(t, e.Error.Code)
	return e.Error.Message
}

func TestGeminiRefusals(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	with := func(schema string) string {
		return geminiBody("a", `,"tools":[{"functionDeclarations":[{"name":"f","parameters":`+schema+`}]}]`)
	}
	tests := []struct{ name, body, message string }{
		{"not JSON", `{"contents"`, "Invalid JSON payload"},
		{"unknown member", geminiBody("a", `,"messages":[]`), `Unknown name "messages": Cannot find field`},
		{"unknown config", geminiBody("a", `,"generationConfig":{"max_tokens":1}`), `Unknown name "maxTokens" at 'generation_config'`},
		{"no contents", `{}`, "contents is not specified"},
		{"role", `{"contents":[{"role":"assistant","parts":[{"text":"a"}]}]}`, "valid role: user, model"},
		{"no parts", `{"contents":[{"role":"user","parts":[]}]}`, "contents[0].parts: contents.parts must not be empty"},
		{"empty part", `{"contents":[{"role":"user","parts":[{}]}]}`, "parts[0].data: required oneof field"},
		{"call first", `{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f"}}]}]}`, "comes immediately after a user turn"},
		{"response first", `{"contents":[{"parts":[{"functionResponse":{"name":"f","response":{}}}]}]}`, "immediately after a function call turn"},
		{"schema keyword", with(`{"type":"OBJECT","additionalProperties":false}`), `Unknown name "additionalProperties" at 'tools[0].function_declarations[0].parameters'`},
		{"nested keyword", with(`{"type":"OBJECT","properties":{"a":{"type":"STRING","const":"x"}}}`), `Unknown name "const"`},
		{"type list", with(`{"type":["object","null"]}`), "cannot start list"},
		{"function name", geminiBody("a", `,"tools":[{"functionDeclarations":[{"name":"1 f"}]}]`), "Invalid function name"},
		{"temperature", geminiBody("a", `,"generationConfig":{"temperature":3}`), "temperature must be in the range"},
		{"six stops", geminiBody("a", `,"generationConfig":{"stopSequences":["1","2","3","4","5","6"]}`), "stop_sequences"},
		{"budget and level", geminiBody("a", `,"generationConfig":{"thinkingConfig":{"thinkingBudget":1,"thinkingLevel":"LOW"}}`), "only set one of"},
		{"thoughts without thinking", geminiBody("a", `,"generationConfig":{"thinkingConfig":{"thinkingBudget":0,"includeThoughts":true}}`), "include_thoughts"},
		{"schema without JSON", geminiBody("a", `,"generationConfig":{"responseJsonSchema":{}}`), "response_mime_type"},
		{"allowed names in AUTO", geminiBody("a", geminiTools+`,"toolConfig":{"functionCallingConfig":{"allowedFunctionNames":["now"]}}`), "allowed_function_names"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := s.gemini(t, "generateContent", tc.body)
			require.Equal(t, http.StatusBadRequest, r.status, string(r.body))
			require.Contains(t, rpcMessage(t, r.body, "INVALID_ARGUMENT"), tc.message)
		})
	}
}

func TestGeminiStatuses(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	tests := []struct {
		name, path   string
		header       []string
		status       int
		code, detail string
	}{
		{"key in the query", "demo-echo:generateContent?key=" + testKey, []string{"x-goog-api-key", ""}, 200, "", ""},
		{"no key", "demo-echo:generateContent", []string{"x-goog-api-key", ""}, 403, "PERMISSION_DENIED", ""},
		{"bad key", "demo-echo:generateContent", []string{"x-goog-api-key", "AIza"}, 400, "INVALID_ARGUMENT", "API_KEY_INVALID"},
		{"unknown model", "gemini-9:generateContent", nil, 404, "NOT_FOUND", ""},
		{"unknown method", "demo-echo:sing", nil, 404, "NOT_FOUND", ""},
		{"rate limit", "demo-echo:generateContent", []string{"x-sim-fault", "rate_limit:2500"}, 429, "RESOURCE_EXHAUSTED", `"retryDelay":"3s"`},
		{"quota", "demo-echo:generateContent", []string{"x-sim-fault", "quota"}, 429, "RESOURCE_EXHAUSTED", "PerDay"},
		{"server error", "demo-echo:generateContent", []string{"x-sim-fault", "server_error"}, 500, "INTERNAL", ""},
		{"overloaded", "demo-echo:streamGenerateContent?alt=sse", []string{"x-sim-fault", "overloaded"}, 503, "UNAVAILABLE", ""},
		{"revoked", "demo-echo:generateContent", []string{"x-sim-fault", "bad_key"}, 400, "INVALID_ARGUMENT", "API_KEY_INVALID"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := s.post(t, "/v1beta/models/"+tc.path, geminiBody("a", ""), geminiHeaders(tc.header...)...)
			require.Equal(t, tc.status, r.status, string(r.body))
			require.Empty(t, r.header.Get("Retry-After"))
			if tc.code != "" {
				rpcMessage(t, r.body, tc.code)
				require.Contains(t, string(r.body), tc.detail)
			}
		})
	}
	r := s.gemini(t, "streamGenerateContent", geminiBody("a", ""), "x-sim-fault", "overloaded")
	var wrapped []json.RawMessage
	require.NoError(t, json.Unmarshal(r.body, &wrapped), "an error stands in an array where chunks would")
	rpcMessage(t, wrapped[0], "UNAVAILABLE")

	cfg := fast()
	cfg.LimitRequests, cfg.EnforceLimits = 1, true
	limited := start(t, cfg)
	limited.gemini(t, "generateContent", geminiBody("a", ""))
	r = limited.gemini(t, "generateContent", geminiBody("a", ""))
	require.Equal(t, http.StatusTooManyRequests, r.status)
	require.Regexp(t, `"retryDelay":"[1-9][0-9]*s"`, string(r.body))
}

func TestGeminiStreamFaults(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	for _, method := range []string{"streamGenerateContent?alt=sse", "streamGenerateContent"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			ask := func(fault string) reply {
				return s.gemini(t, method, geminiBody("a b c d e", ""), "x-sim-fault", fault)
			}
			r := ask("error_event:2")
			require.NoError(t, r.err)
			require.Contains(t, string(r.body), `"status":"UNAVAILABLE"`)
			require.Equal(t, 2, strings.Count(string(r.body), "candidates\":["))
			r = ask("cut:2")
			require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)
			require.Equal(t, 2, strings.Count(string(r.body), "candidates\":["))
			r = ask("cut")
			require.Equal(t, http.StatusOK, r.status, "the status comes before the cut")
			require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)
			r = ask("garbage:1")
			require.Contains(t, string(r.body), "not json")
			require.Contains(t, string(r.body), "finishReason")
			r = ask("no_done:3")
			require.NoError(t, r.err)
			require.NotContains(t, string(r.body), "finishReason")
			require.NotContains(t, string(ask("no_usage").body), "usageMetadata")
			require.Contains(t, string(ask("stall:5").body), "finishReason")
		})
	}
	r := s.gemini(t, "generateContent", geminiBody("a b", ""), "x-sim-fault", "cut")
	require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)
}
