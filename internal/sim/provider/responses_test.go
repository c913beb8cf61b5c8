package provider_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/sim/provider"
)

type responseItem struct {
	ID        string          `json:"id,omitempty"`
	Type      string          `json:"type"`
	Status    string          `json:"status,omitempty"`
	Role      string          `json:"role,omitempty"`
	Content   []responsePart  `json:"content,omitempty"`
	Summary   *[]responsePart `json:"summary,omitempty"`
	Encrypted string          `json:"encrypted_content,omitempty"`
	CallID    string          `json:"call_id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Namespace string          `json:"namespace,omitempty"`
	Arguments string          `json:"arguments,omitempty"`
	Input     string          `json:"input,omitempty"`
}

type responsePart struct {
	Type     string            `json:"type"`
	Text     string            `json:"text"`
	Logprobs []json.RawMessage `json:"logprobs,omitempty"`
}

type response struct {
	ID         string         `json:"id"`
	Object     string         `json:"object"`
	Status     string         `json:"status"`
	Output     []responseItem `json:"output"`
	Incomplete *struct {
		Reason string `json:"reason"`
	} `json:"incomplete_details"`
	Error *struct {
		Code string `json:"code"`
	} `json:"error"`
	Store bool `json:"store"`
	Usage *struct {
		Input   int `json:"input_tokens"`
		Details struct {
			Cached int `json:"cached_tokens"`
		} `json:"input_tokens_details"`
		Output  int `json:"output_tokens"`
		Reasons struct {
			Reasoning int `json:"reasoning_tokens"`
		} `json:"output_tokens_details"`
		Total int `json:"total_tokens"`
	} `json:"usage"`
}

// follow reads a streamed response, rebuilds its items from the deltas alone and fails on whatever a strict client
// would not take.
func follow(t testing.TB, body []byte) response {
	t.Helper()
	var last response
	var built []responseItem
	open, ended := -1, false
	for i, e := range readEvents(t, body) {
		var v struct {
			Type     string        `json:"type"`
			Serial   int           `json:"sequence_number"`
			Response *response     `json:"response"`
			Index    int           `json:"output_index"`
			ItemID   string        `json:"item_id"`
			Item     *responseItem `json:"item"`
			Delta    string        `json:"delta"`
			Text     string        `json:"text"`
			Arg      string        `json:"arguments"`
			Part     *responsePart `json:"part"`
		}
		require.NoError(t, json.Unmarshal([]byte(e.data), &v))
		require.Equal(t, e.name, v.Type)
		require.Equal(t, i, v.Serial, "numbers are dense")
		require.False(t, ended, "event after the end")
		if v.ItemID != "" {
			require.Equal(t, open, v.Index)
			require.Equal(t, built[open].ID, v.ItemID, "delta of an item that nobody announced")
		}
		switch v.Type {
		case "response.created", "response.in_progress":
			require.Equal(t, "in_progress", v.Response.Status)
			require.Empty(t, v.Response.Output)
			require.Nil(t, v.Response.Usage)
		case "response.output_item.added":
			require.Equal(t, -1, open)
			require.Equal(t, len(built), v.Index)
			open = v.Index
			built = append(built, *v.Item)
		case "response.content_part.added":
			built[open].Content = append(built[open].Content, *v.Part)
		case "response.reasoning_summary_part.added":
			*built[open].Summary = append(*built[open].Summary, *v.Part)
		case "response.output_text.delta":
			built[open].Content[0].Text += v.Delta
		case "response.output_text.done":
			require.Equal(t, built[open].Content[0].Text, v.Text)
		case "response.reasoning_summary_text.delta":
			(*built[open].Summary)[0].Text += v.Delta
		case "response.reasoning_summary_text.done":
			require.Equal(t, (*built[open].Summary)[0].Text, v.Text)
		case "response.function_call_arguments.delta":
			built[open].Arguments += v.Delta
		case "response.function_call_arguments.done":
			require.Equal(t, built[open].Arguments, v.Arg)
		case "response.custom_tool_call_input.delta":
			built[open].Input += v.Delta
		case "response.custom_tool_call_input.done", "response.content_part.done", "response.reasoning_summary_part.done":
		case "response.output_item.done":
			require.Equal(t, open, v.Index)
			built[open].Status, built[open].Encrypted = v.Item.Status, v.Item.Encrypted
			if len(v.Item.Content) > 0 {
				built[open].Content[0].Logprobs = v.Item.Content[0].Logprobs
			}
			require.Equal(t, built[open], *v.Item)
			open = -1
		case "response.completed", "response.incomplete", "response.failed":
			require.Equal(t, "response."+v.Response.Status, v.Type)
			require.Equal(t, built, v.Response.Output)
			last, ended = *v.Response, true
		default:
			require.Fail(t, "unknown event "+v.Type)
		}
	}
	require.True(t, ended)
	return last
}

func decodeResponse(t testing.TB, r reply) response {
	t.Helper()
	require.NoError(t, r.err)
	require.Equal(t, http.StatusOK, r.status, string(r.body))
	var v response
	require.NoError(t, json.Unmarshal(r.body, &v), string(r.body))
	require.Equal(t, "response", v.Object)
	return v
}

func (s sim) respond(t testing.TB, body string, header ...string) reply {
	t.Helper()
	return s.post(t, "/v1/responses", body, header...)
}

// answer sends the same request with and without a stream, and gives the response that both agree on.
func (s sim) answer(t testing.TB, body string, header ...string) response {
	t.Helper()
	whole := decodeResponse(t, s.respond(t, body, header...))
	r := s.respond(t, strings.TrimSuffix(body, "}")+`,"stream":true}`, header...)
	require.NoError(t, r.err)
	streamed := follow(t, r.body)
	require.Equal(t, whole.Status, streamed.Status)
	require.Equal(t, whole.Usage.Output, streamed.Usage.Output)
	require.Len(t, streamed.Output, len(whole.Output))
	for i, it := range whole.Output {
		it.ID, it.Encrypted = streamed.Output[i].ID, streamed.Output[i].Encrypted
		require.Equal(t, it, streamed.Output[i])
	}
	return whole
}

func respondBody(input, more string) string {
	return `{"model":"demo-echo","input":` + quoted(input) + more + `}`
}

const responseTools = `,"tools":[
	{"type":"function","name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}},"strict":true},
	{"type":"custom","name":"shell"},
	{"type":"namespace","name":"files","tools":[{"type":"function","name":"read_file","parameters":{"type":"object"}}]},
	{"type":"web_search"}]`

func TestResponses(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	long := strings.TrimSpace(strings.Repeat("word ", 20))
	tests := []struct {
		name, body, text, status, reason string
		input, output                    int
	}{
		{"text", respondBody("Héllo <b>", ""), "Héllo <b>", "completed", "", 12, 6},
		{"items", `{"model":"demo-echo","instructions":"brief","input":[{"role":"developer","content":"x"},{"type":"message","role":"user","content":[{"type":"input_text","text":"a b"}]}]}`, "a b", "completed", "", 16, 2},
		{"limit", respondBody(long, `,"max_output_tokens":16`), strings.TrimSpace(strings.Repeat("word ", 16)), "incomplete", "max_output_tokens", 26, 16},
		{"json object", respondBody("q", `,"text":{"format":{"type":"json_object"}}`), `{"echo":"q"}`, "completed", "", 7, 9},
		{"json schema", respondBody("q", `,"text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object","properties":{"z":{"type":"string"}}}}}`), `{"z":"q"}`, "completed", "", 7, 9},
		{"filtered", respondBody("a b", `,"metadata":{"x-sim-finish":"content_filter"}`), "a b", "incomplete", "content_filter", 8, 2},
		{"logprobs", respondBody("a b", `,"include":["message.output_text.logprobs"]`), "a b", "completed", "", 8, 2},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := s.answer(t, tc.body)
			require.Len(t, r.Output, 1)
			require.Equal(t, tc.text, r.Output[0].Content[0].Text)
			require.Equal(t, tc.status, r.Status)
			require.Equal(t, tc.status, r.Output[0].Status)
			if tc.reason != "" {
				require.Equal(t, tc.reason, r.Incomplete.Reason)
			}
			require.Equal(t, tc.input, r.Usage.Input)
			require.Equal(t, tc.output, r.Usage.Output)
			require.Equal(t, tc.input+tc.output, r.Usage.Total)
			require.Equal(t, strings.Contains(tc.name, "logprobs"), len(r.Output[0].Content[0].Logprobs) > 0)
		})
	}
	failed := s.answer(t, respondBody("a", ""), "x-sim-finish", "failed")
	require.Equal(t, "failed", failed.Status)
	require.Equal(t, "server_error", failed.Error.Code)
}

func TestResponseTools(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	r := s.answer(t, respondBody("get_weather, shell, read_file", responseTools))
	require.Len(t, r.Output, 3)
	weather, shell, file := r.Output[0], r.Output[1], r.Output[2]
	require.Equal(t, "function_call", weather.Type)
	require.JSONEq(t, `{"city":"get_weather, shell, read_file"}`, weather.Arguments)
	require.True(t, strings.HasPrefix(weather.ID, "fc_"))
	require.True(t, strings.HasPrefix(weather.CallID, "call_"))
	require.Equal(t, "custom_tool_call", shell.Type)
	require.Equal(t, "get_weather, shell, read_file", shell.Input)
	require.Equal(t, "files", file.Namespace)

	history := []any{
		map[string]string{"role": "user", "content": "get_weather"},
		weather,
		map[string]string{"type": "function_call_output", "call_id": weather.CallID, "output": "42"},
	}
	next := s.answer(t, `{"model":"demo-echo","store":false,"input":`+encoded(t, history)+responseTools+`}`)
	require.Equal(t, "The tool answered: 42", next.Output[0].Content[0].Text)

	choices := []struct {
		choice string
		names  []string
	}{
		{`"none"`, nil},
		{`"required"`, []string{"get_weather"}},
		{`{"type":"function","name":"read_file"}`, []string{"read_file"}},
		{`{"type":"allowed_tools","mode":"required","tools":[{"type":"custom","name":"shell"}]}`, []string{"shell"}},
	}
	for _, tc := range choices {
		var names []string
		for _, it := range s.answer(t, respondBody("hello", responseTools+`,"tool_choice":`+tc.choice)).Output {
			if it.Name != "" {
				names = append(names, it.Name)
			}
		}
		require.Equal(t, tc.names, names, tc.choice)
	}
}

func TestResponseReasoning(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	const thinking = `,"store":false,"reasoning":{"effort":"low","summary":"auto"},"include":["reasoning.encrypted_content"]`
	r := s.answer(t, respondBody("get_weather", responseTools+thinking))
	require.False(t, r.Store)
	require.Len(t, r.Output, 2)
	reasoning, call := r.Output[0], r.Output[1]
	require.NotEmpty(t, (*reasoning.Summary)[0].Text)
	require.NotEmpty(t, reasoning.Encrypted)
	require.Equal(t, 64, r.Usage.Reasons.Reasoning)

	plain := s.answer(t, respondBody("hi", `,"reasoning":{"effort":"low"}`)).Output[0]
	require.Empty(t, *plain.Summary)
	require.Empty(t, plain.Encrypted)

	next := func(first responseItem, rest ...any) reply {
		history := append([]any{map[string]string{"role": "user", "content": "x"}, first}, rest...)
		return s.respond(t, `{"model":"demo-echo","store":false,"input":`+encoded(t, history)+`}`)
	}
	output := map[string]string{"type": "function_call_output", "call_id": call.CallID, "output": "1"}
	decodeResponse(t, next(reasoning, call, output))
	nameless := reasoning
	nameless.ID = ""
	decodeResponse(t, next(nameless, call, output))

	changed, minted, bare := reasoning, reasoning, reasoning
	changed.Encrypted += "AA"
	minted.ID = "rs_0000000000000000"
	bare.Encrypted = ""
	tests := []struct {
		name    string
		reply   reply
		status  int
		message string
	}{
		{"changed", next(changed, call, output), 400, "could not be decrypted"},
		{"another id", next(minted, call, output), 400, "item_id did not match"},
		{"no content", next(bare, call, output), 404, "not found. Items are not persisted"},
		{"nothing after it", next(reasoning), 400, "without its required following item"},
	}
	for _, tc := range tests {
		require.Equal(t, tc.status, tc.reply.status, tc.name)
		require.Contains(t, string(tc.reply.body), tc.message)
	}
	require.Contains(t, string(tests[0].reply.body), `"code":"invalid_encrypted_content"`)
}

func TestStoredResponses(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	const streaming = `,"stream":true`
	first := follow(t, s.respond(t, respondBody("get_weather", responseTools+`,"reasoning":{"effort":"low"}`+streaming)).body)
	require.True(t, first.Store)
	next := func(id, input, key string) reply {
		return s.respond(t, `{"model":"demo-echo","previous_response_id":"`+id+`","input":`+input+`}`, "Authorization", "Bearer "+key)
	}
	output := `[{"type":"function_call_output","call_id":"` + first.Output[1].CallID + `","output":"42"}]`
	second := decodeResponse(t, next(first.ID, output, testKey))
	require.Equal(t, "The tool answered: 42", second.Output[0].Content[0].Text)
	// Four items: the question, the reasoning, the call, its output.
	texts := 2*provider.CountTokens("get_weather") + provider.CountTokens(first.Output[1].Arguments) + provider.CountTokens("42")
	require.Equal(t, 4*3+3+texts, second.Usage.Input)
	require.Contains(t, string(next(first.ID, `"x"`, testKey).body), "No tool output found for function call")

	item := `[{"type":"item_reference","id":"` + second.Output[0].ID + `"},{"role":"user","content":"x"}]`
	decodeResponse(t, s.respond(t, `{"model":"demo-echo","input":`+item+`}`))

	forgotten := decodeResponse(t, s.respond(t, respondBody("x", `,"store":false`)))
	for _, r := range []reply{
		next(first.ID, output, "sk-sim-other"), next(forgotten.ID, `"x"`, testKey), next("resp_nope", `"x"`, testKey),
	} {
		require.Equal(t, http.StatusBadRequest, r.status)
		require.Contains(t, string(r.body), "previous_response_not_found")
	}
	url := s.url + "/v1/responses/" + second.ID
	require.Equal(t, second, decodeResponse(t, send(t, t.Context(), http.MethodGet, url, "")))
	require.Equal(t, http.StatusOK, send(t, t.Context(), http.MethodDelete, url, "").status)
	require.Equal(t, http.StatusNotFound, send(t, t.Context(), http.MethodGet, url, "").status)
	require.Equal(t, http.StatusNotFound, send(t, t.Context(), http.MethodGet, s.url+"/v1/responses/"+forgotten.ID, "").status)
}

func TestResponseRefusals(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	items := func(list string) string { return `{"model":"demo-echo","input":[` + list + `]}` }
	tests := []struct{ name, body, code, param string }{
		{"no model", `{"input":"x"}`, "missing_required_parameter", "model"},
		{"no input", `{"model":"demo-echo"}`, "missing_required_parameter", "input"},
		{"chat member", respondBody("x", `,"max_tokens":5`), "unsupported_parameter", "max_tokens"},
		{"chat only", respondBody("x", `,"stop":"a"`), "unsupported_parameter", "stop"},
		{"chat tool", respondBody("x", `,"tools":[{"type":"function","function":{"name":"a"}}]`), "missing_required_parameter", "tools[0].name"},
		{"small limit", respondBody("x", `,"max_output_tokens":5`), "integer_below_min_value", "max_output_tokens"},
		{"include", respondBody("x", `,"include":["all"]`), "invalid_value", "include[0]"},
		{"effort", respondBody("x", `,"reasoning":{"effort":"huge"}`), "invalid_value", "reasoning.effort"},
		{"temperature", respondBody("x", `,"temperature":3`), "decimal_above_max_value", "temperature"},
		{"chat part", items(`{"role":"user","content":[{"type":"text","text":"a"}]}`), "invalid_value", "input[0].content[0].type"},
		{"part of the wrong side", items(`{"role":"assistant","content":[{"type":"input_text","text":"a"}]}`), "invalid_value", "input[0].content[0].type"},
		{"role", items(`{"role":"tool","content":"a"}`), "invalid_value", "input[0].role"},
		{"id", items(`{"type":"function_call","id":"call_1","call_id":"c","name":"n","arguments":"{}"}`), "invalid_value", "input[0].id"},
		{"call without output", items(`{"type":"function_call","call_id":"c","name":"n","arguments":"{}"}`), "", "input"},
		{"output without call", items(`{"type":"function_call_output","call_id":"c","output":"x"}`), "", "input"},
		{"unknown model", `{"model":"gpt-9","input":"x"}`, "model_not_found", ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := s.respond(t, tc.body)
			require.GreaterOrEqual(t, r.status, 400, string(r.body))
			var e struct {
				Error struct {
					Type        string
					Param, Code *string
				}
			}
			require.NoError(t, json.Unmarshal(r.body, &e))
			require.Equal(t, "invalid_request_error", e.Error.Type)
			require.Equal(t, tc.code, deref(e.Error.Code), string(r.body))
			require.Equal(t, tc.param, deref(e.Error.Param))
		})
	}
}

func TestResponseFaults(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	ask := func(fault, more string) reply {
		return s.respond(t, respondBody("a b c d e", more), "x-sim-fault", fault)
	}
	const streaming = `,"stream":true`
	for fault, status := range map[string]int{"rate_limit:2500": 429, "quota": 429, "server_error": 500, "overloaded": 503, "bad_key": 401} {
		require.Equal(t, status, ask(fault, streaming).status, fault)
	}
	r := ask("error_event:2", streaming)
	require.NoError(t, r.err)
	events := readEvents(t, r.body)
	require.Equal(t, "error", events[len(events)-2].name)
	require.Equal(t, "response.failed", events[len(events)-1].name)
	require.Equal(t, 2, strings.Count(string(r.body), "event: response.output_text.delta"))

	r = ask("cut:2", streaming)
	require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)
	require.Equal(t, 2, strings.Count(string(r.body), "event: response.output_text.delta"))
	r = ask("cut", "")
	require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)
	r = ask("garbage:1", streaming)
	require.Contains(t, string(r.body), "not json")
	require.Contains(t, string(r.body), "response.completed")
	r = ask("no_done:3", streaming)
	require.NoError(t, r.err)
	require.NotContains(t, string(r.body), "response.completed")
	require.Nil(t, follow(t, ask("no_usage", streaming).body).Usage)
	require.Nil(t, decodeResponse(t, ask("no_usage", "")).Usage)
}

func TestResponseTokensAndCache(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	body := respondBody(strings.Repeat("word ", 1300), `,"instructions":"be brief"`+responseTools)
	first := decodeResponse(t, s.respond(t, body))
	require.Zero(t, first.Usage.Details.Cached)
	require.Equal(t, 1280, decodeResponse(t, s.respond(t, body)).Usage.Details.Cached)
	var n struct {
		Input int `json:"input_tokens"`
	}
	require.NoError(t, json.Unmarshal(s.post(t, "/v1/responses/input_tokens", body).body, &n))
	require.Equal(t, first.Usage.Input, n.Input)
}
