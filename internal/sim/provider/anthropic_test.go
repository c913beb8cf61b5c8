package provider_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/clock"
	"starlane/internal/sim/provider"
)

const claudeTools = `,"tools":[
	{"name":"get_weather","description":"looks","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}},
	{"name":"now","input_schema":{"type":"object"}},
	{"type":"web_search_20250305","name":"web_search"}]`

func TestMessages(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	tests := []struct {
		name, body, text, stop, sequence string
		input, output                    int
	}{
		{"echo", claudeBody("Héllo, 世界 <b>\n", ""), "Héllo, 世界 <b>\n", "end_turn", "", 16, 10},
		{"limit", `{"model":"demo-echo","max_tokens":2,"messages":[{"role":"user","content":"a b c"}]}`, "a b", "max_tokens", "", 9, 2},
		{"stop sequence", claudeBody("a b c", `,"stop_sequences":["x"," b"]`), "a", "stop_sequence", " b", 9, 1},
		{"system text", claudeBody("hi", `,"system":"be brief"`), "hi", "end_turn", "", 12, 1},
		{"system blocks", claudeBody("hi", `,"system":[{"type":"text","text":"be"},{"type":"text","text":"brief"}]`), "hi", "end_turn", "", 12, 1},
		{"blocks", `{"model":"demo-echo","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}`, "a\nb", "end_turn", "", 8, 3},
		{"turns of one role", `{"model":"demo-echo","max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}`, "a\nb", "end_turn", "", 8, 3},
		{"system in the middle", `{"model":"demo-echo","max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"system","content":"b"}]}`, "a", "end_turn", "", 11, 1},
		{"prefill", `{"model":"demo-echo","max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}`, "a", "end_turn", "", 11, 1},
		{"schema", claudeBody("q", `,"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"z":{"type":"string"}}}}}`), `{"z":"q"}`, "end_turn", "", 7, 9},
		{"no tools wanted", claudeBody("get_weather", claudeTools+`,"tool_choice":{"type":"none"}`), "get_weather", "end_turn", "", 0, 3},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := s.ask(t, tc.body)
			require.Len(t, m.Content, 1)
			require.Equal(t, "text", m.Content[0].Type)
			require.Equal(t, tc.text, m.Content[0].Text)
			require.Equal(t, tc.stop, *m.StopReason)
			require.Equal(t, tc.sequence, deref(m.StopSequence))
			require.Equal(t, tc.output, m.Usage.Output)
			if tc.input > 0 {
				require.Equal(t, tc.input, m.Usage.Input)
			}
		})
	}
}

func TestMessageStopReasons(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	for _, reason := range []string{"pause_turn", "model_context_window_exceeded"} {
		m := s.ask(t, claudeBody("hi", ""), "x-sim-finish", reason)
		require.Equal(t, reason, *m.StopReason)
		require.Len(t, m.Content, 1)
	}
	m := s.ask(t, claudeBody("hi", `,"metadata":{"user_id":"u","x-sim-finish":"refusal"}`))
	require.Equal(t, "refusal", *m.StopReason)
	require.Empty(t, m.Content)
	require.Equal(t, "refusal", m.StopDetails.Type)

	warmed := decodeMessage(t, s.messages(t, strings.Replace(claudeBody("hi", ""), "4096", "0", 1)))
	require.Equal(t, "max_tokens", *warmed.StopReason)
	require.Zero(t, warmed.Usage.Output)
}

func TestMessageTools(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	m := s.ask(t, claudeBody("get_weather and now", claudeTools))
	require.Equal(t, "tool_use", *m.StopReason)
	require.Len(t, m.Content, 2)
	require.JSONEq(t, `{"city":"get_weather and now"}`, string(m.Content[0].Input))
	require.JSONEq(t, `{}`, string(m.Content[1].Input))
	require.True(t, strings.HasPrefix(m.Content[0].ID, "toolu_"))
	require.NotEqual(t, m.Content[0].ID, m.Content[1].ID)

	raw := string(s.messages(t, claudeBody("now", claudeTools+`,"stream":true`)).body)
	require.Equal(t, 1, strings.Count(raw, "input_json_delta"), "a call without arguments has one empty fragment")

	choices := []struct {
		text, choice string
		names        []string
	}{
		{"use a tool", `{"type":"auto"}`, []string{"get_weather", "now"}},
		{"use a tool", `{"type":"auto","disable_parallel_tool_use":true}`, []string{"get_weather"}},
		{"hello", `{"type":"auto"}`, nil},
		{"hello", `{"type":"any"}`, []string{"get_weather"}},
		{"hello", `{"type":"tool","name":"now"}`, []string{"now"}},
	}
	for _, tc := range choices {
		var names []string
		for _, b := range s.ask(t, claudeBody(tc.text, claudeTools+`,"tool_choice":`+tc.choice)).Content {
			if b.Type == "tool_use" {
				names = append(names, b.Name)
			}
		}
		require.Equal(t, tc.names, names, tc.choice)
	}
	results := `[{"type":"tool_result","tool_use_id":"` + m.Content[0].ID + `","content":"42"},
		{"type":"tool_result","tool_use_id":"` + m.Content[1].ID + `","content":[{"type":"text","text":"noon"}]}]`
	next := s.ask(t, `{"model":"demo-echo","max_tokens":99,"messages":[{"role":"user","content":"use a tool"},{"role":"assistant","content":`+
		encoded(t, m.Content)+`},{"role":"user","content":`+results+`}]`+claudeTools+`}`)
	require.Equal(t, "The tool answered: 42; noon", next.Content[0].Text)
}

func TestThinking(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	tests := []struct {
		name, thinking, kind string
		reasoning            int
		shown                bool
	}{
		{"budget", `,"thinking":{"type":"enabled","budget_tokens":2048},"temperature":1`, "thinking", 256, true},
		{"adaptive", `,"thinking":{"type":"adaptive"},"top_p":0.95`, "thinking", 512, true},
		{"effort", `,"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}`, "thinking", 64, true},
		{"omitted", `,"thinking":{"type":"adaptive","display":"omitted"}`, "thinking", 512, false},
		{"redacted", `,"thinking":{"type":"adaptive"},"metadata":{"x-sim-thinking":"redacted"}`, "redacted_thinking", 512, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := s.ask(t, claudeBody("get_weather now", claudeTools+tc.thinking))
			require.Len(t, m.Content, 3)
			require.Equal(t, tc.kind, m.Content[0].Type)
			require.Equal(t, tc.shown, m.Content[0].Thinking != "")
			require.Equal(t, tc.reasoning, m.Usage.Details.Thinking)
			require.Greater(t, m.Usage.Output, tc.reasoning)
			next := func(first claudeBlock) reply {
				content := append([]claudeBlock{first}, m.Content[1:]...)
				return s.messages(t, `{"model":"demo-echo","max_tokens":4096,"messages":[{"role":"user","content":"go"},{"role":"assistant","content":`+
					encoded(t, content)+`},{"role":"user","content":[{"type":"tool_result","tool_use_id":"`+m.Content[1].ID+
					`"},{"type":"tool_result","tool_use_id":"`+m.Content[2].ID+`"}]}]`+claudeTools+tc.thinking+`}`)
			}
			decodeMessage(t, next(m.Content[0]))
			wrong := m.Content[0]
			wrong.Thinking += "!"
			wrong.Data += "!"
			r := next(wrong)
			require.Equal(t, http.StatusBadRequest, r.status)
			require.Contains(t, string(r.body), "messages.1.content.0: Invalid `")
			if tc.kind == "thinking" {
				wrong = m.Content[0]
				wrong.Signature = ""
				r = next(wrong)
				require.Equal(t, http.StatusBadRequest, r.status)
				require.Contains(t, string(r.body), "messages.1.content.0.thinking.signature: Field required")
			}
		})
	}
	// The vendor's published text for tests hides the thinking too.
	m := s.ask(t, claudeBody("x ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB", `,"thinking":{"type":"adaptive"}`))
	require.Equal(t, "redacted_thinking", m.Content[0].Type)

	other := start(t, provider.Config{Seed: 8, Echo: &provider.Pace{}})
	m = s.ask(t, claudeBody("hi", `,"thinking":{"type":"adaptive"}`))
	r := other.messages(t, `{"model":"demo-echo","max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":`+
		encoded(t, m.Content)+`},{"role":"user","content":"b"}]}`)
	require.Equal(t, http.StatusBadRequest, r.status, "another vendor's signature")
}

func TestMessageRefusals(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	turns := func(messages string) string {
		return `{"model":"demo-echo","max_tokens":4096,"messages":[` + messages + `]` + claudeTools + `}`
	}
	call := `{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"now","input":{}}]}`
	result := `{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1"}]}`
	budget := `,"thinking":{"type":"enabled","budget_tokens":1024}`
	tests := []struct{ name, body, message string }{
		{"no model", `{"max_tokens":1,"messages":[]}`, "model: Field required"},
		{"no limit", `{"model":"demo-echo","messages":[{"role":"user","content":"a"}]}`, "max_tokens: Field required"},
		{"no messages", `{"model":"demo-echo","max_tokens":1}`, "messages: Field required"},
		{"empty messages", `{"model":"demo-echo","max_tokens":1,"messages":[]}`, "at least one message"},
		{"unknown member", claudeBody("a", `,"n":2`), "n: Extra inputs are not permitted"},
		{"metadata", claudeBody("a", `,"metadata":{"a":"b"}`), "metadata.a: Extra"},
		{"wrong type", claudeBody("a", `,"stream":1`), "stream: Input should be a valid boolean"},
		{"not JSON", `{"model"`, "not valid JSON"},
		{"temperature", claudeBody("a", `,"temperature":1.5`), "temperature: Input should be less"},
		{"temperature and top_p", claudeBody("a", `,"temperature":0.5,"top_p":0.5`), "cannot both be specified"},
		{"role", turns(`{"role":"tool","content":"a"}`), "messages.0.role: Input should be"},
		{"assistant first", turns(`{"role":"assistant","content":"a"}`), "first message must use"},
		{"system first", turns(`{"role":"system","content":"a"}`), "messages.0: role 'system'"},
		{"empty text", turns(`{"role":"user","content":[{"type":"text","text":""}]}`), "text content blocks must be non-empty"},
		{"empty content", turns(`{"role":"user","content":""}`), "messages.0: all messages must have non-empty content"},
		{"block", turns(`{"role":"user","content":[{"type":"image_url"}]}`), "messages.0.content.0: Input tag 'image_url'"},
		{"trailing space", turns(`{"role":"user","content":"a"},{"role":"assistant","content":"b "}`), "trailing whitespace"},
		{"no result", turns(call + `,{"role":"user","content":"b"}`), "without `tool_result` blocks immediately after: t1"},
		{"result after text", turns(call + `,{"role":"user","content":[{"type":"text","text":"x"},{"type":"tool_result","tool_use_id":"t1"}]}`), "without `tool_result`"},
		{"result of nothing", turns(`{"role":"user","content":"a"},` + result), "unexpected `tool_use_id`"},
		{"call id", turns(`{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"a:0","name":"now","input":{}}]}`), "should match pattern"},
		{"call input", turns(`{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"now","input":"{}"}]}`), "valid dictionary"},
		{"tool schema", claudeBody("a", `,"tools":[{"name":"x"}]`), "tools.0.custom.input_schema: Field required"},
		{"tool name", claudeBody("a", `,"tools":[{"name":"x.y","input_schema":{"type":"object"}}]`), "tools.0.custom.name"},
		{"tool twice", claudeBody("a", `,"tools":[{"name":"x","input_schema":{"type":"object"}},{"name":"x","input_schema":{"type":"object"}}]`), "must be unique"},
		{"choice without tools", claudeBody("a", `,"tool_choice":{"type":"any"}`), "while providing tools"},
		{"small budget", claudeBody("a", `,"thinking":{"type":"enabled","budget_tokens":100}`), "greater than or equal to 1024"},
		{"large budget", claudeBody("a", `,"thinking":{"type":"enabled","budget_tokens":4096}`), "`max_tokens` must be greater than"},
		{"thinking and temperature", claudeBody("a", budget+`,"temperature":0.5`), "`temperature` may only be set to 1"},
		{"thinking and top_k", claudeBody("a", budget+`,"top_k":5`), "`top_k` must be unset"},
		{"thinking and forced tool", claudeBody("a", budget+claudeTools+`,"tool_choice":{"type":"any"}`), "forces tool use"},
		{"thinking left out", strings.TrimSuffix(turns(call+","+result), "}") + budget + "}", "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`"},
		{"white stop", claudeBody("a", `,"stop_sequences":["\n"]`), "non-whitespace"},
		{"five marks", claudeBody("a", `,"system":[`+strings.Repeat(`{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},`, 4)+`{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]`), "maximum of 4 blocks"},
		{"ttl order", claudeBody("a", `,"system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}}]`), "must not come after"},
		{"image type", turns(`{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/jpg","data":"AAAA"}}]}`), "base64.media_type"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := s.messages(t, tc.body)
			require.Equal(t, http.StatusBadRequest, r.status, string(r.body))
			require.Contains(t, claudeError(t, r, "invalid_request_error"), tc.message)
		})
	}
	adaptive := strings.TrimSuffix(turns(call+","+result), "}") + `,"thinking":{"type":"adaptive"}}`
	decodeMessage(t, s.messages(t, adaptive))
}

// The version of October 2026 takes no sampling parameters, and is stricter on what stands where.
func TestMessageVersions(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	turns := func(user, assistant string) string {
		return `{"model":"demo-echo","max_tokens":99,"messages":[{"role":"user","content":[` + user + `]},{"role":"assistant","content":[` +
			assistant + `]},{"role":"user","content":"x"}]}`
	}
	const said, document = `{"type":"text","text":"a"}`, `{"type":"document","source":{"type":"text","media_type":"text/plain","data":"a b"}}`
	const cited = `{"type":"text","text":"a","citations":[{"type":"char_location"}]}`
	tests := []struct{ name, body, message string }{
		{"temperature", claudeBody("a", `,"temperature":1`), "temperature: Extra inputs are not permitted"},
		{"top_k", claudeBody("a", `,"top_k":1`), "top_k: Extra inputs are not permitted"},
		{"document of the model", turns(said, document), "messages.1.content.0"},
		{"citations of the user", turns(cited, said), "messages.0.content.0.text.citations"},
		{"citations in a search result", turns(`{"type":"search_result","source":"https://a","title":"t","content":[`+cited+`]}`, said), "messages.0.content.0.search_result.content.0"},
		{"citations of the model", turns(said, cited), ""},
		{"document of the user", turns(document, said), ""},
		{"citations switched on", turns(strings.Replace(document, "{", `{"citations":{"enabled":true},`, 1), said), ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			decodeMessage(t, s.messages(t, tc.body))
			r := s.messages(t, tc.body, "anthropic-version", "2026-10-21")
			if tc.message == "" {
				decodeMessage(t, r)
				return
			}
			require.Equal(t, http.StatusBadRequest, r.status, string(r.body))
			require.Contains(t, claudeError(t, r, "invalid_request_error"), tc.message)
		})
	}
}

// claudeError checks an error's envelope and gives its message.
func claudeError(t testing.TB, r reply, kind string) string {
	t.Helper()
	var e struct {
		Type      string
		Error     struct{ Type, Message string }
		RequestID string `json:"request_id"`
	}
	require.NoError(t, json.Unmarshal(r.body, &e), string(r.body))
	require.Equal(t, "error", e.Type)
	require.Equal(t, kind, e.Error.Type)
	require.Equal(t, r.header.Get("request-id"), e.RequestID)
	require.True(t, strings.HasPrefix(e.RequestID, "req_"))
	return e.Error.Message
}

func TestMessageStatuses(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	tests := []struct {
		name, body string
		header     []string
		status     int
		kind       string
	}{
		{"no key", "", []string{"x-api-key", ""}, 401, "authentication_error"},
		{"bad key", "", []string{"x-api-key", "sk-ant-nope"}, 401, "authentication_error"},
		{"bearer", "", []string{"x-api-key", "", "Authorization", "Bearer " + testKey}, 200, ""},
		{"both headers", "", []string{"Authorization", "Bearer sk-ant-nope"}, 200, ""},
		{"no version", "", []string{"anthropic-version", ""}, 400, "invalid_request_error"},
		{"unknown version", "", []string{"anthropic-version", "2024-01-01"}, 400, "invalid_request_error"},
		{"unknown model", strings.Replace(claudeBody("a", ""), "demo-echo", "claude-9", 1), nil, 404, "not_found_error"},
		{"rate limit", "", []string{"x-sim-fault", "rate_limit:2500"}, 429, "rate_limit_error"},
		{"quota", "", []string{"x-sim-fault", "quota"}, 400, "invalid_request_error"},
		{"server error", "", []string{"x-sim-fault", "server_error"}, 500, "api_error"},
		{"overloaded", "", []string{"x-sim-fault", "overloaded"}, 529, "overloaded_error"},
		{"revoked", "", []string{"x-sim-fault", "bad_key"}, 401, "authentication_error"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.body == "" {
				tc.body = claudeBody("a", "")
			}
			r := s.messages(t, tc.body, tc.header...)
			require.Equal(t, tc.status, r.status, string(r.body))
			require.NotEmpty(t, r.header.Get("request-id"))
			if tc.kind != "" {
				require.NotEmpty(t, claudeError(t, r, tc.kind))
			}
			if tc.status == http.StatusTooManyRequests {
				require.Equal(t, "3", r.header.Get("retry-after"))
				require.Equal(t, "0", r.header.Get("anthropic-ratelimit-requests-remaining"))
				_, err := time.Parse(time.RFC3339, r.header.Get("anthropic-ratelimit-requests-reset"))
				require.NoError(t, err)
			}
		})
	}
	r := s.post(t, "/v1/nothing", "{}", claudeHeaders()...)
	require.Equal(t, http.StatusNotFound, r.status)
	require.Contains(t, string(r.body), `"not_found_error"`)
	require.Equal(t, http.StatusOK, send(t, t.Context(), http.MethodHead, s.url+"/", "").status)
}

func TestMessageStreamFaults(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	ask := func(fault, more string) reply {
		return s.messages(t, claudeBody("a b c d e", more), "x-sim-fault", fault)
	}
	const streaming = `,"stream":true`

	r := ask("error_event:2", streaming)
	require.NoError(t, r.err)
	events := readEvents(t, r.body)
	last := events[len(events)-1]
	require.Equal(t, "error", last.name)
	require.Contains(t, last.data, `"overloaded_error"`)
	require.Equal(t, 2, strings.Count(string(r.body), "text_delta"))

	r = ask("cut:2", streaming)
	require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)
	require.Equal(t, 2, strings.Count(string(r.body), "text_delta"))
	require.Contains(t, string(r.body), "message_start")

	r = ask("cut", "")
	require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)

	r = ask("garbage:1", streaming)
	require.NoError(t, r.err)
	require.Contains(t, string(r.body), "not json")
	require.Contains(t, string(r.body), "message_stop")

	r = ask("no_done:3", streaming)
	require.NoError(t, r.err)
	require.Equal(t, 3, strings.Count(string(r.body), "text_delta"))
	require.NotContains(t, string(r.body), "message_stop")

	require.NotContains(t, string(ask("no_usage", streaming).body), "usage")
	require.NotContains(t, string(ask("no_usage", "").body), "usage")
	require.Equal(t, "a b c d e", decodeMessage(t, ask("stall:5", "")).Content[0].Text)
}

func TestMessageCaching(t *testing.T) {
	t.Parallel()
	now := clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	cfg := fast()
	cfg.Clock = now
	s := start(t, cfg)
	long := func(word string) string { return strings.TrimSpace(strings.Repeat(word+" ", 1100)) }
	system := func(marks ...string) string {
		var blocks []string
		for i, mark := range marks {
			blocks = append(blocks, `{"type":"text","text":"`+long(string(rune('a'+i)))+`"`+mark+`}`)
		}
		return `,"system":[` + strings.Join(blocks, ",") + `]`
	}
	const short, hour = `,"cache_control":{"type":"ephemeral"}`, `,"cache_control":{"type":"ephemeral","ttl":"1h"}`
	ask := func(key, text, more string) claudeUsage {
		return *decodeMessage(t, s.messages(t, claudeBody(text, more), "x-api-key", key)).Usage
	}
	type figures struct{ input, read, short, long int }
	see := func(u claudeUsage) figures {
		require.Equal(t, u.Creation, u.ByTTL.Short+u.ByTTL.Long)
		return figures{u.Input, u.Read, u.ByTTL.Short, u.ByTTL.Long}
	}
	// The system prompt's frame belongs to its first block; the message costs 4, the priming 3.
	steps := []struct {
		name, key, text, more string
		after                 time.Duration
		want                  figures
	}{
		{"unmarked", "sk-sim-a", "x", system("", ""), 0, figures{2210, 0, 0, 0}},
		{"written for an hour and for five minutes", "sk-sim-a", "x", system(hour, short), 0, figures{7, 0, 1100, 1103}},
		{"read", "sk-sim-a", "x y", system(hour, short), 4 * time.Minute, figures{8, 2203, 0, 0}},
		{"reading keeps it alive", "sk-sim-a", "x", system(hour, short), 4 * time.Minute, figures{7, 2203, 0, 0}},
		{"the short one expires", "sk-sim-a", "x", system(hour, short), 6 * time.Minute, figures{7, 1103, 1100, 0}},
		{"another key", "sk-sim-b", "x", system(hour, short), 0, figures{7, 0, 1100, 1103}},
		{"too short to be kept", "sk-sim-a", "x", `,"system":[{"type":"text","text":"brief"` + short + `}]`, 0, figures{11, 0, 0, 0}},
		{"the whole request", "sk-sim-a", "x", system("", "") + short, 0, figures{3, 2203, 4, 0}},
	}
	prompts, written := 0, 0
	for _, tc := range steps {
		now.Advance(tc.after)
		require.Equal(t, tc.want, see(ask(tc.key, tc.text, tc.more)), tc.name)
		prompts += tc.want.input + tc.want.read + tc.want.short + tc.want.long
		written += tc.want.short + tc.want.long
	}
	require.Equal(t, prompts, s.Report().Total.PromptTokens)
	require.Equal(t, written, s.Report().Total.CacheWriteTokens)
	m := assemble(t, s.messages(t, claudeBody("x", system(hour, short)+`,"stream":true`), "x-api-key", "sk-sim-c").body)
	require.Equal(t, figures{7, 0, 1100, 1103}, see(*m.Usage), "message_delta repeats what message_start told")
}

func TestCountMessageTokens(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	body := `{"model":"demo-echo","messages":[{"role":"user","content":"a b c"}]` + claudeTools + `}`
	var n struct {
		Input int `json:"input_tokens"`
	}
	r := s.post(t, "/v1/messages/count_tokens", body, claudeHeaders()...)
	require.Equal(t, http.StatusOK, r.status, string(r.body))
	require.NoError(t, json.Unmarshal(r.body, &n))
	asked := s.ask(t, strings.Replace(body, `"messages"`, `"max_tokens":9,"messages"`, 1))
	require.Equal(t, asked.Usage.Input, n.Input)
	require.Equal(t, http.StatusBadRequest, s.post(t, "/v1/messages/count_tokens", `{"model":"demo-echo"}`, claudeHeaders()...).status)
}

func TestMessageImages(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	var file bytes.Buffer
	require.NoError(t, png.Encode(&file, image.NewGray(image.Rect(0, 0, 150, 100))))
	data := base64.StdEncoding.EncodeToString(file.Bytes())
	with := func(media string) reply {
		return s.messages(t, `{"model":"demo-echo","max_tokens":9,"messages":[{"role":"user","content":[
			{"type":"image","source":{"type":"base64","media_type":"`+media+`","data":"`+data+`"}},{"type":"text","text":"what"}]}]}`)
	}
	require.Equal(t, 20+1+6, decodeMessage(t, with("image/png")).Usage.Input)
	r := with("image/jpeg")
	require.Equal(t, http.StatusBadRequest, r.status)
	require.Contains(t, string(r.body), "appears to be a image/png image")
}

func TestAnthropicModels(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	get := func(path string) reply {
		return send(t, t.Context(), http.MethodGet, s.url+path, "", claudeHeaders()...)
	}
	var list struct {
		Data    []struct{ Type, ID string }
		HasMore bool   `json:"has_more"`
		FirstID string `json:"first_id"`
		LastID  string `json:"last_id"`
	}
	require.NoError(t, json.Unmarshal(get("/v1/models?limit=2").body, &list))
	require.Len(t, list.Data, 2)
	require.True(t, list.HasMore)
	require.Equal(t, "demo-slow", list.LastID)
	require.NoError(t, json.Unmarshal(get("/v1/models?after_id=demo-slow").body, &list))
	require.Equal(t, "demo-flaky", list.FirstID)
	require.False(t, list.HasMore)
	require.Equal(t, http.StatusOK, get("/v1/models/demo-bench-3x0").status)
	claudeError(t, get("/v1/models/demo-embed"), "not_found_error")
}
