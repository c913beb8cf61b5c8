package relayapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

const responseTools = `,"tools":[
	{"type":"function","name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]},"strict":false},
	{"type":"custom","name":"note_down","description":"Keeps a text."},
	{"type":"namespace","name":"files","description":"Files.","tools":[{"type":"function","name":"read_file","parameters":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]},"strict":false}]},
	{"type":"web_search"}]`

// responseItem is an item of an answer.
type responseItem struct {
	ID, Type, Status, Name, Namespace, Arguments, Input string

	CallID    string `json:"call_id"`
	Encrypted string `json:"encrypted_content"`
	Content   []struct{ Type, Text, Refusal string }
	Summary   []struct{ Type, Text string }
}

// responseObject is what tests read of an answer.
type responseObject struct {
	ID, Object, Status, Model string

	Store  bool
	Output []json.RawMessage
	Error  *struct{ Code, Message string }
	Usage  *struct {
		Input  int64 `json:"input_tokens"`
		Output int64 `json:"output_tokens"`
	}
}

func (r responseObject) items(t testing.TB) (out []responseItem) {
	t.Helper()
	for _, raw := range r.Output {
		out = append(out, parse[responseItem](t, string(raw)))
	}
	return out
}

func (w *world) respond(t testing.TB, model, input, more string) answer {
	t.Helper()
	return w.post(t, "/v1/responses", `{"model":"`+model+`","input":`+input+more+`}`)
}

// answered is the response of an answer, read as its client would.
func answered(t testing.TB, a answer, stream bool) responseObject {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	if stream {
		r, last := follow(t, a.body)
		require.Contains(t, []string{"response.completed", "response.incomplete"}, last)
		return r
	}
	r := parse[responseObject](t, a.body)
	require.Equal(t, "response", r.Object)
	return r
}

// responseEvent is an event of a stream.
type responseEvent struct {
	Type     string
	Serial   int             `json:"sequence_number"`
	Index    int             `json:"output_index"`
	Part     int             `json:"content_index"`
	ItemID   string          `json:"item_id"`
	Item     json.RawMessage // whole
	Delta    string
	Response *responseObject
}

// follow reads a stream and holds it to the format: numbers without a gap, nothing about an item that was not announced, deltas
// that come to the whole, and at the end the items that were streamed.
func follow(t testing.TB, body string) (r responseObject, last string) {
	t.Helper()
	var items []json.RawMessage
	ids, said := map[string]int{}, map[string]string{}
	for n, data := range events(t, body) {
		e := parse[responseEvent](t, data)
		require.Equal(t, n, e.Serial, "the numbers of events have a gap before %s", data)
		if e.ItemID != "" {
			require.Contains(t, ids, e.ItemID, "%s is about an item that was not announced", e.Type)
			require.Equal(t, ids[e.ItemID], e.Index)
		}
		switch {
		case e.Type == "response.output_item.added":
			it := parse[responseItem](t, string(e.Item))
			require.NotEmpty(t, it.ID)
			require.Equal(t, len(ids), e.Index)
			ids[it.ID] = e.Index
		case strings.HasSuffix(e.Type, ".delta"):
			said[e.ItemID] += e.Delta
		case e.Type == "response.output_item.done":
			it := parse[responseItem](t, string(e.Item))
			require.Equal(t, len(items), e.Index)
			items = append(items, e.Item)
			whole := it.Arguments + it.Input
			for _, p := range it.Content {
				whole += p.Text + p.Refusal
			}
			for _, p := range it.Summary {
				whole += p.Text
			}
			require.Equal(t, whole, said[it.ID], "the deltas are not the whole")
		}
		if last = e.Type; e.Response != nil {
			r = *e.Response
		}
	}
	if last == "response.completed" {
		require.Equal(t, string(bytes.Join(asBytes(items), []byte(","))), string(bytes.Join(asBytes(r.Output), []byte(","))))
	}
	return r, last
}

func asBytes(raw []json.RawMessage) [][]byte {
	out := make([][]byte, len(raw))
	for i := range raw {
		out[i] = raw[i]
	}
	return out
}

// eachResponse runs a test with a model of each vendor, in one piece and as a stream.
func eachResponse(t *testing.T, run func(t *testing.T, w *world, model string, stream bool)) {
	t.Helper()
	for _, model := range []string{"demo/echo", "claude/echo"} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprint(model, " ", stream), func(t *testing.T) {
				t.Parallel()
				run(t, newWorld(t), model, stream)
			})
		}
	}
}

func streaming(on bool) string { return fmt.Sprintf(`,"stream":%v`, on) }

func TestResponses(t *testing.T) {
	t.Parallel()
	eachResponse(t, func(t *testing.T, w *world, model string, stream bool) {
		r := answered(t, w.respond(t, model, `"one \"two\" é three"`, streaming(stream)), stream)
		require.Equal(t, "completed", r.Status)
		require.False(t, r.Store, "the vendor was asked to keep the answer")
		items := r.items(t)
		require.Len(t, items, 1)
		require.Equal(t, "completed", items[0].Status)
		require.Equal(t, `one "two" é three`, items[0].Content[0].Text)
		e := w.event(t, 0)
		require.Equal(t, usage.OK, e.Outcome)
		require.Equal(t, e.Counts.Input(), r.Usage.Input, "the client is told what is billed")
		require.Equal(t, e.Counts.Output(), r.Usage.Output)
		require.Equal(t, usage.Reported, e.Counts.From[usage.OutText])

		cut := answered(t, w.respond(t, model, `"a b c d e f g h i j k l m n o p q r s t u v w"`, `,"max_output_tokens":16`+streaming(stream)), stream)
		require.Equal(t, "incomplete", cut.Status)
		require.Equal(t, "incomplete", cut.items(t)[0].Status)
	})
}

// TestResponsesTools lets the model call, answers, and lets it go on.
func TestResponsesTools(t *testing.T) {
	t.Parallel()
	eachResponse(t, func(t *testing.T, w *world, model string, stream bool) {
		question := `{"role":"user","content":"get_weather note_down read_file files__read_file"}`
		a := w.respond(t, model, "["+question+"]", responseTools+streaming(stream))
		require.Contains(t, a.header.Get("X-Starlane-Warnings"), "drop:tools.web_search")
		r := answered(t, a, stream)
		items := r.items(t)
		require.Len(t, items, 3)
		require.Equal(t, []string{"function_call", "custom_tool_call", "function_call"}, []string{items[0].Type, items[1].Type, items[2].Type})
		require.Equal(t, "get_weather", items[0].Name)
		require.True(t, json.Valid([]byte(items[0].Arguments)), items[0].Arguments)
		require.Equal(t, "get_weather note_down read_file files__read_file", items[1].Input, "free text, not JSON")
		require.Equal(t, "read_file", items[2].Name)
		require.Equal(t, "files", items[2].Namespace)

		history := question + "," + string(bytes.Join(asBytes(r.Output), []byte(",")))
		for i, it := range items {
			kind := strings.TrimSuffix(it.Type, "_call") + "_call_output"
			history += fmt.Sprintf(`,{"type":%q,"call_id":%q,"output":"result %d"}`, kind, it.CallID, i)
		}
		next := answered(t, w.respond(t, model, "["+history+"]", responseTools+streaming(stream)), stream)
		require.Equal(t, "The tool answered: result 0; result 1; result 2", next.items(t)[0].Content[0].Text)
	})
}

// TestResponsesReasoning gives back what the model thought: the simulators refuse what is missing, changed or under another id.
func TestResponsesReasoning(t *testing.T) {
	t.Parallel()
	eachResponse(t, func(t *testing.T, w *world, model string, stream bool) {
		const question = `{"role":"user","content":"get_weather"}`
		more := responseTools + `,"reasoning":{"effort":"high","summary":"auto"}` + streaming(stream)
		r := answered(t, w.respond(t, model, "["+question+"]", more), stream)
		items := r.items(t)
		require.Equal(t, "reasoning", items[0].Type)
		require.NotEmpty(t, items[0].Summary[0].Text)
		require.NotEmpty(t, items[0].Encrypted, "without a store the thought has to travel")
		call := items[len(items)-1]
		back := func(thought string) answer {
			return w.respond(t, model, fmt.Sprintf(`[%s,%s,%s,{"type":"function_call_output","call_id":%q,"output":"sunny"}]`,
				question, thought, r.Output[len(items)-1], call.CallID), more)
		}
		a := back(string(r.Output[0]))
		require.NotContains(t, a.header.Get("X-Starlane-Warnings"), "reasoning")
		next := answered(t, a, stream).items(t)
		require.Equal(t, "The tool answered: sunny", next[len(next)-1].Content[0].Text)

		changed := back(strings.Replace(string(r.Output[0]), items[0].Encrypted, items[0].Encrypted[:len(items[0].Encrypted)-6]+"AAAAAA", 1))
		require.Equal(t, http.StatusBadRequest, changed.status, "the simulator takes a changed thought: the test shows nothing")
	})
}

// TestResponsesThoughtsOfAnotherVendor: in the middle of a conversation the client goes on with another model.
func TestResponsesThoughtsOfAnotherVendor(t *testing.T) {
	t.Parallel()
	models := [...]string{"demo/echo", "claude/echo"}
	for i, from := range models {
		t.Run("from "+from, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			const question = `{"role":"user","content":"hello"}`
			const more = `,"reasoning":{"effort":"high","summary":"auto"}`
			r := answered(t, w.respond(t, from, "["+question+"]", more), false)
			history := question + "," + string(bytes.Join(asBytes(r.Output), []byte(","))) + `,{"role":"user","content":"again"}`
			a := w.respond(t, models[1-i], "["+history+"]", more)
			require.Equal(t, http.StatusOK, a.status, a.body)
			require.Contains(t, a.header.Get("X-Starlane-Warnings"), "drop:")
			require.Contains(t, a.header.Get("X-Starlane-Warnings"), "reasoning")
			sent := w.sim.Report().Recent
			require.NotContains(t, sent[len(sent)-1].Body, r.items(t)[0].Encrypted)
		})
	}
}

// TestResponsesPassThrough: what an upstream of the same format is sent differs from what the client sent in nothing but the model
// and what keeps tenants apart.
func TestResponsesPassThrough(t *testing.T) {
	t.Parallel()
	const encrypted = `"include":["reasoning.encrypted_content"],`
	for name, tc := range map[string]struct{ sent, want string }{
		"unsaid":       {`{ "model" : "demo/echo", "input" : "a",  "x":1 }`, `{"store":false, "model" : "demo-echo", "input" : "a",  "x":1 }`},
		"null":         {`{"model":"demo/echo","store":null,"input":"a"}`, `{"model":"demo-echo","store":false,"input":"a"}`},
		"false":        {`{"model":"demo/echo","store":false,"input":"a","reasoning":{"effort":"low"}}`, `{"model":"demo-echo","store":false,"input":"a","reasoning":{"effort":"low"}}`},
		"thinks":       {`{"model":"demo/echo","input":"a","reasoning":{"effort":"low"}}`, `{"store":false,` + encrypted + `"model":"demo-echo","input":"a","reasoning":{"effort":"low"}}`},
		"includes":     {`{"model":"demo/echo","input":"a","reasoning":{"summary":"auto"},"include":[]}`, `{"store":false,"model":"demo-echo","input":"a","reasoning":{"summary":"auto"},"include":["reasoning.encrypted_content"]}`},
		"does not":     {`{"model":"demo/echo","input":"a","reasoning":{"effort":"none"}}`, `{"store":false,"model":"demo-echo","input":"a","reasoning":{"effort":"none"}}`},
		"search":       {`{"model":"demo/echo","store":false,"tools":[{"type":"web_search"}, {"type":"function","name":"f", "parameters":{}}],"input":"a"}`, `{"model":"demo-echo","store":false,"tools":[{"type":"function","name":"f", "parameters":{}}],"input":"a"}`},
		"lost thought": {`{"model":"demo/echo","store":false,"input":[{"type":"reasoning","id":"rs_1","summary":[]},{"role":"user","content":"a"}]}`, `{"model":"demo-echo","store":false,"input":[{"role":"user","content":"a"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.post(t, "/v1/responses", tc.sent)
			require.Equal(t, http.StatusOK, a.status, a.body)
			require.Equal(t, tc.want, w.sim.Report().Recent[0].Body)
			require.Equal(t, "/v1/responses", w.sim.Report().Recent[0].Path)
		})
	}
}

// TestResponsesNeedNoStore refuses what would need answers that are kept, and names it.
func TestResponsesNeedNoStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for more, param := range map[string]string{
		`,"store":true`:                       "store",
		`,"background":true`:                  "background",
		`,"previous_response_id":"resp_1"`:    "previous_response_id",
		`,"conversation":"conv_1"`:            "conversation",
		`,"conversation":{"id":"conv_1"}`:     "conversation",
		`,"prompt":{"id":"pmpt_1"}`:           "prompt",
		`,"service_tier":"priority"`:          "service_tier",
		`,"tools":[{"type":"file_search"}]`:   "tools.file_search",
		`,"stream":"yes"`:                     "stream",
		`,"max_output_tokens":0`:              "max_output_tokens",
		`,"store":"no"`:                       "store",
		`,"tools":[{"type":"mcp"}],"store":0`: "store",
	} {
		for _, model := range []string{"demo/echo", "claude/echo"} {
			a := w.respond(t, model, `"a"`, more)
			require.Equal(t, http.StatusBadRequest, a.status, more)
			e := parse[struct{ Error struct{ Param, Type string } }](t, a.body)
			require.Equal(t, param, e.Error.Param, a.body)
			require.Equal(t, "invalid_request_error", e.Error.Type)
		}
	}
	a := w.respond(t, "demo/echo", `[{"role":"user","content":"a"},{"type":"item_reference","id":"msg_1"}]`, "")
	require.Contains(t, a.body, `"param":"input[1]"`)
	require.Contains(t, w.respond(t, "demo/echo", `5`, "").body, `"param":"input"`)
	require.Zero(t, w.sim.Report().Total.Received, "the upstream was called")
	for _, harmless := range []string{`,"store":false`, `,"store":null`, `,"background":false`, `,"previous_response_id":null`, `,"prompt":null`} {
		require.Equal(t, http.StatusOK, w.respond(t, "claude/echo", `"a"`, harmless).status, harmless)
	}
}

func TestResponsesFaultsBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	for kind, status := range map[provider.Kind]int{
		provider.RateLimit: 429, provider.Quota: 503, provider.ServerError: 502, provider.Overloaded: 503, provider.BadKey: 502, provider.Cut: 502,
		provider.Garbage: 502, provider.ErrorEvent: 502,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			for _, model := range []string{"demo/echo", "claude/echo"} {
				for _, stream := range []bool{false, true} {
					if kind == provider.ErrorEvent && !stream {
						continue
					}
					w := newWorld(t)
					require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: kind}}))
					a := w.respond(t, model, `"a b c"`, streaming(stream))
					require.Equal(t, status, a.status, a.body)
					require.NotEmpty(t, errorCode(t, a.body))
					require.Equal(t, usage.UpstreamError, w.event(t, 0).Outcome)
				}
			}
		})
	}
	w := newWorld(t)
	require.NoError(t, w.sim.SetFaults([]provider.Rule{{Key: provider.KeyPrefix + "a", Kind: provider.ErrorEvent}}))
	for range 6 {
		answered(t, w.respond(t, "demo/echo", `"a b c"`, streaming(true)), true)
	}
}

// TestResponsesSpoiltInTheMiddle: clients act on one of two events only, so there are both, with numbers that go on.
func TestResponsesSpoiltInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, kind := range []provider.Kind{provider.Cut, provider.Garbage, provider.ErrorEvent, provider.NoDone} {
		for _, model := range []string{"demo/echo", "claude/echo"} {
			t.Run(string(kind)+" "+model, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: kind, AfterChunks: 2}}))
				a := w.respond(t, model, `"one two three four five"`, `,"metadata":{"x-sim-chunk-ms":"5"}`+streaming(true))
				require.Equal(t, http.StatusOK, a.status)
				r, last := follow(t, a.body)
				require.Equal(t, "response.failed", last)
				require.Equal(t, "failed", r.Status)
				require.Equal(t, "upstream_error", r.Error.Code)
				evs := events(t, a.body)
				require.Equal(t, "upstream_error", errorCode(t, evs[len(evs)-2]))
				require.Equal(t, "error", parse[responseEvent](t, evs[len(evs)-2]).Type)
				require.NotContains(t, a.body, "response.completed")
				require.Equal(t, r.ID, parse[responseEvent](t, evs[0]).Response.ID, "one answer has one id")
				e := w.event(t, 0)
				require.Equal(t, usage.Cut, e.Outcome)
				require.Equal(t, usage.Estimated, e.Counts.From[usage.OutText])
				require.Equal(t, int64(2), e.Counts.Output(), "what had come is billed")
			})
		}
	}
}

// TestResponsesMistakeOfTheClient is told in the words of the upstream.
func TestResponsesMistakeOfTheClient(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"demo/echo", "claude/echo"} {
		w := newWorld(t)
		a := w.respond(t, model, `[{"role":"user","content":"a"},{"type":"function_call_output","call_id":"call_1","output":"x"}]`, "")
		require.Equal(t, http.StatusBadRequest, a.status, a.body)
		require.NotEmpty(t, parse[struct{ Error struct{ Message string } }](t, a.body).Error.Message)
		require.Equal(t, usage.ClientError, w.event(t, 0).Outcome)
	}
}

// TestResponsesThatRepeatALongRequest: the first two events of a stream hold the instructions and the tools again, which may be more
// than is kept back before the first content otherwise.
func TestResponsesThatRepeatALongRequest(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"demo/echo", "claude/echo"} {
		w := newWorld(t)
		a := w.respond(t, model, `"hello"`, `,"instructions":"`+strings.Repeat("word ", 20_000)+`"`+streaming(true))
		require.Equal(t, "completed", answered(t, a, true).Status)
	}
}
