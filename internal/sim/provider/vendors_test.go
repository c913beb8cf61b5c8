package provider

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVendorsAreStrict: what the relay has to change for a vendor is refused as it is.
func TestVendorsAreStrict(t *testing.T) {
	t.Parallel()
	s := New(Config{Echo: &Pace{}})
	const calls = `{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"call_abc","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_abc","content":"b"}`
	const nine = `{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"abcdefgh1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"abcdefgh1","content":"b"}`
	for _, c := range []struct {
		vendor, members, messages string
		status                    int
		says                      string
	}{
		{"mistral", ``, calls, 400, "length of 9"},
		{"mistral", ``, nine, 200, ""},
		{"mistral", ``, nine + `,{"role":"user","content":"c"}`, 400, "Unexpected role 'user' after role 'tool'"},
		{"mistral", ``, `{"role":"user","content":"a"},{"role":"system","content":"b"}`, 400, "Unexpected role 'system'"},
		{"mistral", `,"seed":1`, ``, 422, "seed"},
		{"mistral", `,"max_completion_tokens":1`, ``, 422, "max_completion_tokens"},
		{"mistral", `,"stream_options":{}`, ``, 422, "stream_options"},
		{"deepseek", ``, calls, 400, "Missing `reasoning_content`"},
		{"deepseek", `,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}}`, ``, 400, "unavailable"},
		{"deepseek", `,"reasoning_effort":"medium"`, ``, 400, "reasoning_effort"},
		{"deepseek", ``, `{"role":"developer","content":"a"}`, 400, "developer"},
		{"moonshot", ``, `{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}`, 400, "image"},
		{"moonshot", `,"tool_choice":"required"`, ``, 400, "tool_choice"},
		{"groq", ``, `{"role":"user","name":"ada","content":"a"}`, 400, "name"},
		{"xai", `,"presence_penalty":1`, ``, 422, "presence_penalty"},
		{"zhipu", `,"stop":["a","b"]`, ``, 400, "stop"},
		{"openrouter", `,"top_k":5`, ``, 200, ""},
		{"ollama", `,"parallel_tool_calls":false`, ``, 422, "parallel_tool_calls"},
	} {
		messages := c.messages
		if messages == "" {
			messages = `{"role":"user","content":"a"}`
		}
		r := httptest.NewRequest(http.MethodPost, "/vendors/"+c.vendor+"/v1/chat/completions", strings.NewReader(`{"model":"demo-echo"`+c.members+`,"messages":[`+messages+`]}`))
		r.Header.Set("Authorization", "Bearer "+KeyPrefix+"a")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		require.Equal(t, c.status, w.Code, "%s%s: %s", c.vendor, c.members, w.Body)
		require.Contains(t, w.Body.String(), c.says, c.vendor)
	}
}
