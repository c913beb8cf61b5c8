package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"starlane/internal/sim/provider"
)

// A user's steps are taken one a turn, in each API, whatever their words mention; then the model tells what the last tool said.
func TestSteps(t *testing.T) {
	t.Parallel()
	s := start(t, provider.Config{Echo: &provider.Pace{}})
	const text = `"Read and write.\nstep: write {\"a\": 1}\nstep: read {\"b\":[2]}\nstep: write no JSON"`
	for _, c := range []struct{ path, opening, call, result, tools string }{
		{
			"/v1/chat/completions", `{"role":"user","content":` + text + `}`,
			`{"role":"assistant","tool_calls":[{"id":"ID","type":"function","function":{"name":"write","arguments":"{}"}}]}`,
			`{"role":"tool","tool_call_id":"ID","content":"done"}`,
			`"messages":[HISTORY],"tools":[{"type":"function","function":{"name":"write"}},{"type":"function","function":{"name":"read"}}]`,
		},
		{
			"/v1/responses", `{"role":"user","content":` + text + `}`,
			`{"type":"function_call","call_id":"ID","name":"write","arguments":"{}"}`, `{"type":"function_call_output","call_id":"ID","output":"done"}`,
			`"input":[HISTORY],"tools":[{"type":"function","name":"write","parameters":{}},{"type":"function","name":"read","parameters":{}}]`,
		},
		{
			"/v1/messages", `{"role":"user","content":` + text + `}`,
			`{"role":"assistant","content":[{"type":"tool_use","id":"ID","name":"write","input":{}}]}`,
			`{"role":"user","content":[{"type":"tool_result","tool_use_id":"ID","content":"done"},{"type":"text","text":"Go on."}]}`,
			`"max_tokens":100,"messages":[HISTORY],"tools":[{"name":"write","input_schema":{"type":"object"}},{"name":"read","input_schema":{"type":"object"}}]`,
		},
	} {
		ask := func(turns int) string {
			history := c.opening
			for n := range turns {
				history += strings.ReplaceAll(","+c.call+","+c.result, "ID", "id"+string(rune('0'+n)))
			}
			res := s.post(t, c.path, `{"model":"demo-echo",`+strings.Replace(c.tools, "HISTORY", history, 1)+`}`, "X-Api-Key", testKey, "Anthropic-Version", "2023-06-01")
			if res.status != http.StatusOK {
				t.Fatalf("%s: %s", c.path, res.body)
			}
			return strings.NewReplacer(`\"`, `"`, " ", "").Replace(string(res.body))
		}
		for turns, want := range []string{`{"a":1}`, `{"b":[2]}`, "Thetoolanswered:done"} {
			if got := ask(turns); !strings.Contains(got, want) {
				t.Errorf("%s, turn %d: %s, want %s in it", c.path, turns, got, want)
			}
		}
	}
}
