package ways

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// way is the way from a client's format to an upstream's.
func way(client, upstream string) dialect.Egress {
	return New().Registry(nil)[dialect.Key{Client: client, Upstream: upstream, Capability: dialect.Chat}]
}

// decoded is a client's request as the relay takes it.
func decoded(t *testing.T, client, request string) *llm.Request {
	t.Helper()
	formats := New()
	in := map[string]dialect.Ingress{"openai": formats.Chat, "anthropic": formats.Messages, "openai_responses": formats.Responses}[client]
	r, err := in.DecodeRequest(body.Copy([]byte(request)))
	require.NoError(t, err)
	return r
}

// upstreamBody is what the upstream is sent.
func upstreamBody(t *testing.T, r *llm.Request, upstream, model string) map[string]json.RawMessage {
	t.Helper()
	m, err := way(r.Original.Dialect, upstream).EncodeRequest(r, dialect.Target{Model: model, MaxOutput: 64_000})
	require.NoError(t, err)
	text, err := io.ReadAll(m.Reader())
	require.NoError(t, err)
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &members), string(text))
	return members
}

// A type of a picture that closes its quotes would write members of the client's choice, dear ones, into the upstream's request.
func TestMediaTypesStayInTheirQuotes(t *testing.T) {
	t.Parallel()
	const address = `data:x\"}}]}]\u002c\"speed\":\"fast\"\u002c\"z\":[{\"a\":[{\"b\":{\"c\":\"d;base64,AAAA`
	for _, part := range []string{`{"type":"image_url","image_url":{"url":"` + address + `"}}`, `{"type":"file","file":{"file_data":"` + address + `"}}`} {
		r := decoded(t, "openai", `{"model":"m","messages":[{"role":"user","content":[`+part+`]}]}`)
		require.NotContains(t, upstreamBody(t, r, "anthropic", "claude-sonnet-4-5"), "speed")
	}
}

// repeated is text once for each number below n, with commas between.
func repeated(n int, text func(i int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = text(i)
	}
	return strings.Join(all, ",")
}

// The largest requests that the guard lets through take no longer than their size.
func TestLargeRequestsTakeNoLongerThanTheirSize(t *testing.T) {
	t.Parallel()
	const odd = "!#$%&'()*+./:;<=>?@[]^`{|}~" // all become the same in the name of a call
	cases := map[string]string{
		"turns of one role": `{"model":"m","messages":[` + repeated(33_000, func(int) string { return `{"role":"user","content":"x"}` }) + `]}`,
		"ids that are alike": `{"model":"m","messages":[` + repeated(20_000, func(i int) string {
			id := []byte{odd[i%27], odd[i/27%27], odd[i/27/27%27], odd[i/27/27/27%27]}
			return `{"role":"tool","tool_call_id":"` + string(id) + `","content":"x"}`
		}) + `]}`,
		"unknown members": `{"model":"m","messages":[],` + repeated(99_000, func(i int) string { return fmt.Sprintf(`"k%d":1`, i) }) + `}`,
	}
	for name, request := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			r := decoded(t, "openai", request)
			upstreamBody(t, r, "anthropic", "claude-sonnet-4-5")
			require.Less(t, time.Since(begin), 5*time.Second)
			require.Less(t, len(r.Notes.Header()), 8<<10)
		})
	}
}

func TestCallsKeepNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 70)
	ids := []string{"a!", "a?", "a_", "a__2", "a!", "a;", long + "1", long + "2"}
	r := decoded(t, "openai", `{"model":"m","messages":[`+repeated(len(ids), func(i int) string {
		return `{"role":"tool","tool_call_id":"` + ids[i] + `","content":"x"}`
	})+`]}`)
	var turns []struct {
		Content []struct {
			ID string `json:"tool_use_id"`
		}
	}
	require.NoError(t, json.Unmarshal(upstreamBody(t, r, "anthropic", "claude")["messages"], &turns))
	names := map[string]string{}
	for i, b := range turns[0].Content {
		require.LessOrEqual(t, len(b.ID), 64)
		for id, name := range names {
			require.Equal(t, id == ids[i], name == b.ID, "%q and %q", id, ids[i])
		}
		names[ids[i]] = b.ID
	}
}

// follow feeds a tap with events and returns what the client gets.
func follow(t *testing.T, tap dialect.Tap, events ...string) (out string, last dialect.Step) {
	t.Helper()
	for _, e := range events {
		seen := tap.Event([]byte(e))
		require.False(t, seen.Step == dialect.Pass && seen.Out == nil, "the upstream's own event goes to the client: %s", e)
		out += string(seen.Out)
		last = seen.Step
	}
	return out, last
}

func TestOddStreams(t *testing.T) {
	t.Parallel()
	const start = `{"type":"message_start","message":{"id":"m","usage":{"input_tokens":3,"output_tokens":1}}}`
	tap := func(client, upstream string) dialect.Tap {
		return way(client, upstream).NewTap(&llm.Request{Model: "m"}, wordMeter{})
	}
	t.Run("a block far out", func(t *testing.T) {
		t.Parallel()
		_, step := follow(t, tap("openai", "anthropic"), start, `{"type":"content_block_start","index":900000000000000,"content_block":{"type":"text","text":""}}`)
		require.Equal(t, dialect.Garbage, step)
	})
	t.Run("a ping before all else", func(t *testing.T) {
		t.Parallel()
		out, _ := follow(t, tap("openai", "anthropic"), `{"type":"ping"}`)
		require.Empty(t, out)
	})
	t.Run("more behind the reason to stop", func(t *testing.T) {
		t.Parallel()
		out, step := follow(t, tap("anthropic", "openai"), `{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}`, `{"choices":[{"delta":{"content":"b"}}]}`, `[DONE]`)
		require.Equal(t, dialect.End, step)
		wellFormed(t, out)
	})
}

// Nothing that an upstream may read as a part of the prompt is left out of the measure, by which credit is set aside.
func TestTheMeasureHidesNothing(t *testing.T) {
	t.Parallel()
	const picture = "iVBORw0KGgoAAAANSUhEUgAA"
	long := strings.Repeat("0", 50_000)
	for name, tc := range map[string]struct {
		client, block string
		most          usage.Tokens
	}{
		"a block that is new":      {"anthropic", `{"type":"x_result","x_content":"` + long + `"}`, 60_000},
		"no picture, though named": {"anthropic", `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + long + `"}}`, 60_000},
		"a picture":                {"anthropic", `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + picture + long + `"}}`, 2_000},
		"a part that is new":       {"openai", `{"type":"x_part","x_content":"` + long + `"}`, 60_000},
		"an input with a picture":  {"openai_responses", `{"type":"input_image","image_url":"data:image/png;base64,` + long + `"}`, 2_000},
		"an input that is new":     {"openai_responses", `{"type":"x_input","x_content":"` + long + `"}`, 60_000},
		"a part with a picture":    {"openai", `{"type":"image_url","image_url":{"url":"data:image/png;base64,` + long + `"}}`, 2_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := map[string]string{"openai_responses": "input"}[tc.client]
			r := decoded(t, tc.client, `{"model":"m","max_tokens":9,"`+cmp.Or(list, "messages")+`":[{"role":"user","content":[`+tc.block+`]}]}`)
			size := way(tc.client, "anthropic").MeasurePrompt(r)
			require.Less(t, size.Most, tc.most)
			require.Greater(t, size.Most*2, tc.most)
		})
	}
}

// What is marked for a cache is set aside at its own price where the upstream bills it, whichever format marks it.
func TestCacheMarksAreSetAside(t *testing.T) {
	t.Parallel()
	ask := func(client, mark string) *llm.Request {
		return decoded(t, client, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"a",`+mark+`}]}]}`)
	}
	hour, short := []usage.Class{usage.CacheWrite1h}, []usage.Class{usage.CacheWrite5m}
	for _, tc := range []struct {
		client, upstream, mark string
		also                   []usage.Class
	}{
		{"openai", "anthropic", `"cache_control":{"type":"ephemeral","ttl":"1h"}`, hour},
		{"openai", "anthropic", `"prompt_cache_breakpoint":{"mode":"explicit"}`, short},
		{"openai", "openai", `"cache_control":{"type":"ephemeral","ttl":"1h"}`, nil},
		{"anthropic", "anthropic", `"cache_control":{"type":"ephemeral","ttl":"1h"}`, hour},
		{"anthropic", "openai", `"cache_control":{"type":"ephemeral","ttl":"1h"}`, nil},
	} {
		require.Equal(t, tc.also, way(tc.client, tc.upstream).MeasurePrompt(ask(tc.client, tc.mark)).Also, "%v", tc)
	}
	input := decoded(t, "openai_responses", `{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"a","prompt_cache_breakpoint":{"mode":"explicit","ttl":"12h"}}]}]}`)
	require.Equal(t, hour, way("openai_responses", "anthropic").MeasurePrompt(input).Also)
	require.Empty(t, way("openai_responses", "openai").MeasurePrompt(input).Also)
	tool := decoded(t, "openai", `{"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"f"},"cache_control":{"type":"ephemeral","ttl":"1h"}}]}`)
	require.Equal(t, hour, way("openai", "anthropic").MeasurePrompt(tool).Also)
}

// What a usage leaves out or says at odds with itself is not given away.
func TestReportsWithHoles(t *testing.T) {
	t.Parallel()
	const text = `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"one two three four"}}`
	const stop = `{"type":"message_delta","delta":{"stop_reason":"end_turn"}`
	start := func(usage string) string {
		return `{"type":"message_start","message":{"id":"m","usage":{` + usage + `}}}`
	}
	for name, tc := range map[string]struct {
		events []string
		want   map[usage.Class]usage.Tokens
	}{
		"no usage at the end": {
			[]string{start(`"input_tokens":7,"output_tokens":1`), text, stop + `}`, `{"type":"message_stop"}`},
			map[usage.Class]usage.Tokens{usage.InText: 7, usage.OutText: 4},
		},
		"a split without its total": {
			[]string{start(`"input_tokens":7,"cache_creation":{"ephemeral_5m_input_tokens":30,"ephemeral_1h_input_tokens":50}`), text, stop + `,"usage":{"output_tokens":5}}`, `{"type":"message_stop"}`},
			map[usage.Class]usage.Tokens{usage.InText: 7, usage.CacheWrite5m: 30, usage.CacheWrite1h: 50, usage.OutText: 5},
		},
		"a total that grew": {
			[]string{start(`"input_tokens":7,"cache_creation_input_tokens":80,"cache_creation":{"ephemeral_5m_input_tokens":30,"ephemeral_1h_input_tokens":50}`), text, stop + `,"usage":{"output_tokens":5,"cache_creation_input_tokens":100}}`, `{"type":"message_stop"}`},
			map[usage.Class]usage.Tokens{usage.InText: 7, usage.CacheWrite5m: 50, usage.CacheWrite1h: 50, usage.OutText: 5},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tap := way("openai", "anthropic").NewTap(&llm.Request{Model: "m", WantsUsage: true}, wordMeter{})
			follow(t, tap, tc.events...)
			got := map[usage.Class]usage.Tokens{}
			for class, n := range tap.Answer().Counts.Units {
				if n > 0 {
					got[usage.Class(class)] = n
				}
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// An account without credit is not the client's mistake, though the API says so.
func TestAnAccountsTroublesAreOurs(t *testing.T) {
	t.Parallel()
	fault := func(message string) *llm.Fault {
		c := body.Copy([]byte(`{"type":"error","error":{"type":"invalid_request_error","message":"` + message + `"}}`))
		return way("anthropic", "anthropic").ReadFault(400, nil, c)
	}
	f := fault("Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.")
	require.Equal(t, llm.Exhausted, f.Kind)
	require.Zero(t, f.Answer.Len())
	require.Equal(t, llm.Caller, fault("max_tokens: 1 is too little").Kind)
}

func TestRequestsThatTheAPITakes(t *testing.T) {
	t.Parallel()
	encode := func(client, request, upstream, model string) (string, error) {
		r := decoded(t, client, request)
		m, err := way(client, upstream).EncodeRequest(r, dialect.Target{Model: model, MaxOutput: 64_000})
		if err != nil {
			return "", err //nolint:wrapcheck // what is looked at
		}
		text, err := io.ReadAll(m.Reader())
		require.NoError(t, err)
		return string(text), nil
	}
	const called = `{"role":"assistant","content":"\n\n","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]%s},{"role":"tool","tool_call_id":"c","content":"x"}`
	history := func(more string) string {
		return `{"model":"m","max_tokens":5000,"reasoning_effort":"high","tools":[{"type":"function","function":{"name":"f"}}],"messages":[{"role":"user","content":"a"},` + fmt.Sprintf(called, more) + `]}`
	}
	t.Run("white space alone is left out", func(t *testing.T) {
		t.Parallel()
		text, err := encode("openai", history(""), "anthropic", "claude-sonnet-4-5")
		require.NoError(t, err)
		require.NotContains(t, text, `\n`)
	})
	t.Run("no budget of thoughts where the thought before is lost", func(t *testing.T) {
		t.Parallel()
		text, err := encode("openai", history(""), "anthropic", "claude-sonnet-4-5")
		require.NoError(t, err)
		require.NotContains(t, text, "budget_tokens")
		text, err = encode("openai", history(`,"reasoning_details":[{"type":"reasoning.text","text":"b","signature":"sl1.anthropic.s.S"}]`), "anthropic", "claude-sonnet-4-5")
		require.NoError(t, err)
		require.Contains(t, text, `"budget_tokens":3000}`, "a part of what the client allows, so that there is room to answer")
	})
	t.Run("a schema that the model cannot be held to", func(t *testing.T) {
		t.Parallel()
		_, err := encode("openai", `{"model":"m","messages":[],"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"array"}}}}`, "anthropic", "claude-3-7-sonnet")
		require.ErrorContains(t, err, "response_format")
	})
	t.Run("a schema that is missing", func(t *testing.T) {
		t.Parallel()
		_, err := encode("anthropic", `{"model":"m","max_tokens":9,"messages":[],"output_config":{"format":{"type":"json_schema"}}}`, "openai", "gpt")
		require.ErrorContains(t, err, "schema: Field required")
	})
}

// An answer with the probabilities of a thousand tokens has more keys than a request may have.
func TestAnswersMayBeLong(t *testing.T) {
	t.Parallel()
	token := `{"token":"a","logprob":-0.1,"bytes":[97],"top_logprobs":[` + repeated(20, func(int) string { return `{"token":"a","logprob":-0.1,"bytes":[97]}` }) + `]}`
	answer := `{"choices":[{"message":{"content":"a"},"finish_reason":"stop","logprobs":{"content":[` + repeated(2_000, func(int) string { return token }) + `]}}],"usage":{"prompt_tokens":3,"completion_tokens":2000}}`
	r := decoded(t, "openai", `{"model":"m","messages":[]}`)
	a, err := way("openai", "openai").ReadAnswer(r, body.Copy([]byte(answer)), wordMeter{})
	require.NoError(t, err)
	require.EqualValues(t, 2_000, a.Counts.Output())
}

// What passes through to Anthropic costs what the price book says: searches, machines and regions have prices that it has not.
func TestWhatHasNoPriceDoesNotPass(t *testing.T) {
	t.Parallel()
	for more, refused := range map[string]string{
		`"tools":[{"type":"web_search_20250305","name":"web_search"}]`: "tools.web_search",
		`"tools":[{"name":"a"},{"type":"code_execution_20250825"}]`:    "tools.code_execution",
		`"tools":[{"name":"web_search","input_schema":{}}]`:            "",
		`"tools":[{"type":"bash_20250124","name":"bash"}]`:             "",
		`"inference_geo":"us"`:                    "inference_geo",
		`"inference_geo":"global","fallbacks":[]`: "",
		`"fallbacks":[{"model":"dear"}]`:          "fallbacks",
	} {
		r := decoded(t, "anthropic", `{"model":"m","max_tokens":9,"messages":[],`+more+`}`)
		_, err := way("anthropic", "anthropic").EncodeRequest(r, dialect.Target{Model: "claude"})
		if refused == "" {
			require.NoError(t, err, more)
			continue
		}
		require.ErrorContains(t, err, refused)
	}
}
