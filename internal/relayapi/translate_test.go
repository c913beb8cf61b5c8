package relayapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/id"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

const (
	weatherTool  = `{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}`
	weatherInput = `{"name":"get_weather","input_schema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}`
)

// message is what tests read of an Anthropic answer.
type message struct {
	Type    string
	Content []struct {
		Type, Text, Thinking, Signature, ID, Name string
		Input                                     json.RawMessage
	}
	StopReason string `json:"stop_reason"`
	Usage      struct {
		Input  int64 `json:"input_tokens"`
		Output int64 `json:"output_tokens"`
		Read   int64 `json:"cache_read_input_tokens"`
		Write  int64 `json:"cache_creation_input_tokens"`
	}
}

func (w *world) messages(t testing.TB, model, more string) answer {
	t.Helper()
	return w.post(t, "/v1/messages", `{"model":"`+model+`","max_tokens":4000`+more+`}`, "Anthropic-Version", "2023-06-01")
}

func parse[T any](t testing.TB, text string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	return v
}

// TestEveryPairAnswers asks in each client format for a model of each vendor, in one piece and as a stream.
func TestEveryPairAnswers(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"demo/echo", "claude/echo"} {
		for _, stream := range []string{"false", "true"} {
			t.Run(model+"/"+stream, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				turn := `,"stream":` + stream + `,"messages":[{"role":"user","content":"one \"two\" é three"}]`
				chat := w.post(t, "/v1/chat/completions", `{"model":"`+model+`","stream_options":{"include_usage":true}`+turn+`}`)
				require.Equal(t, http.StatusOK, chat.status, chat.body)
				msg := w.messages(t, model, turn)
				require.Equal(t, http.StatusOK, msg.status, msg.body)
				if stream == "true" {
					require.Contains(t, chat.body, `[DONE]`)
					require.Contains(t, msg.body, `"type":"message_stop"`)
				} else {
					require.Contains(t, chat.body, `"content":"one \"two\" é three"`)
					m := parse[message](t, msg.body)
					require.Equal(t, `one "two" é three`, m.Content[0].Text)
					require.Equal(t, "end_turn", m.StopReason)
					counts := w.event(t, 1).Counts
					require.Equal(t, counts.Output(), m.Usage.Output, "the client is told what is billed")
				}
				for n := range 2 {
					e := w.event(t, n)
					require.Equal(t, usage.OK, e.Outcome)
					require.Positive(t, e.Counts.Output())
					require.Positive(t, e.Counts.Input())
					require.NotEmpty(t, e.UpstreamRequestID)
				}
			})
		}
	}
}

// TestThoughtsGoRound has a chat client give back what a model of Anthropic thought: the simulator refuses a turn whose
// signatures are missing or changed.
func TestThoughtsGoRound(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprint(stream), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ask := func(history string) answer {
				return w.post(t, "/v1/chat/completions", fmt.Sprintf(`{"model":"claude/echo","reasoning_effort":"high","stream":%v,"tools":[%s],"messages":[{"role":"user","content":"use get_weather"}%s]}`, stream, weatherTool, history))
			}
			first := ask("")
			require.Equal(t, http.StatusOK, first.status, first.body)
			said := assembled(t, first.body, stream)
			require.NotEmpty(t, said["reasoning_content"])
			require.NotEmpty(t, said["reasoning_details"])
			calls := parse[[]struct{ ID string }](t, string(said["tool_calls"]))
			turn, err := json.Marshal(said)
			require.NoError(t, err)
			second := ask("," + string(turn) + `,{"role":"tool","tool_call_id":"` + calls[0].ID + `","content":"sunny"}`)
			require.Equal(t, http.StatusOK, second.status, second.body)
			require.Empty(t, second.header.Get("X-Starlane-Warnings"))

			details := string(said["reasoning_details"])
			said["reasoning_details"] = json.RawMessage(strings.Replace(details, "sl1.anthropic.s.", "sl1.anthropic.s.x", 1))
			turn, err = json.Marshal(said)
			require.NoError(t, err)
			spoilt := ask("," + string(turn) + `,{"role":"tool","tool_call_id":"` + calls[0].ID + `","content":"sunny"}`)
			require.Equal(t, http.StatusBadRequest, spoilt.status, "the simulator takes a changed signature: the test shows nothing")
			require.Equal(t, usage.ClientError, w.event(t, 2).Outcome)
		})
	}
}

// assembled is the assistant's message of an answer, as a client puts it into its history.
func assembled(t testing.TB, text string, stream bool) map[string]json.RawMessage {
	t.Helper()
	if !stream {
		a := parse[struct {
			Choices []struct{ Message map[string]json.RawMessage }
		}](t, text)
		return a.Choices[0].Message
	}
	var content, reasoning string
	var details []json.RawMessage
	type call struct {
		Index    int `json:"-"`
		ID       string
		Type     string
		Function struct{ Name, Arguments string }
		Extra    json.RawMessage
	}
	var calls []call
	for _, data := range events(t, text) {
		if data == "[DONE]" {
			continue
		}
		c := parse[struct {
			Choices []struct {
				Delta struct {
					Content, Reasoning string
					ReasoningContent   string            `json:"reasoning_content"`
					Details            []json.RawMessage `json:"reasoning_details"`
					Calls              []struct {
						Index    int
						ID       string
						Function struct{ Name, Arguments string }
						Extra    json.RawMessage `json:"extra_content"`
					} `json:"tool_calls"`
				}
			}
		}](t, data)
		for _, choice := range c.Choices {
			content += choice.Delta.Content
			reasoning += choice.Delta.ReasoningContent
			details = append(details, choice.Delta.Details...)
			for _, d := range choice.Delta.Calls {
				for len(calls) <= d.Index {
					calls = append(calls, call{Type: "function"})
				}
				calls[d.Index].ID += d.ID
				calls[d.Index].Extra = append(calls[d.Index].Extra, d.Extra...)
				calls[d.Index].Function.Name += d.Function.Name
				calls[d.Index].Function.Arguments += d.Function.Arguments
			}
		}
	}
	out := map[string]json.RawMessage{}
	put := func(name string, v any) {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		out[name] = b
	}
	put("role", "assistant")
	put("content", content)
	put("reasoning_content", reasoning)
	put("reasoning_details", details)
	var lower []map[string]any
	for _, c := range calls {
		lower = append(lower, map[string]any{"id": c.ID, "type": c.Type, "function": map[string]string{"name": c.Function.Name, "arguments": c.Function.Arguments}})
		if c.Extra != nil {
			lower[len(lower)-1]["extra_content"] = c.Extra
		}
	}
	put("tool_calls", lower)
	return out
}

// TestToolsGoRoundForMessages has a Messages client use a tool of a model of OpenAI over two turns.
func TestToolsGoRoundForMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.messages(t, "demo/echo", `,"tools":[`+weatherInput+`],"messages":[{"role":"user","content":"use get_weather"}]`)
	require.Equal(t, http.StatusOK, first.status, first.body)
	m := parse[message](t, first.body)
	require.Equal(t, "tool_use", m.StopReason)
	use := m.Content[len(m.Content)-1]
	require.Equal(t, "get_weather", use.Name)
	second := w.messages(t, "demo/echo", fmt.Sprintf(`,"tools":[%s],"messages":[{"role":"user","content":"use get_weather"},{"role":"assistant","content":[{"type":"tool_use","id":%q,"name":"get_weather","input":%s}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":%q,"content":"sunny"},{"type":"text","text":"and now?"}]}]`,
		weatherInput, use.ID, use.Input, use.ID))
	require.Equal(t, http.StatusOK, second.status, second.body)
}

// TestFaultsSpeakTheClientsFormat: before the answer an error with a status, in the middle of it an event, never an end as if
// all were well.
func TestFaultsSpeakTheClientsFormat(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"demo/echo", "claude/echo"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.Overloaded}}))
			a := w.messages(t, model, `,"messages":[{"role":"user","content":"a"}]`)
			require.Equal(t, 529, a.status, a.body)
			require.Contains(t, a.body, `"type":"overloaded_error"`)
			require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.Cut, AfterChunks: 3}}))
			a = w.messages(t, model, `,"stream":true,"messages":[{"role":"user","content":"one two three four five six seven eight"}]`)
			require.NotContains(t, a.body, "message_stop")
			require.Contains(t, a.body, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"")
			e := w.event(t, 1)
			require.Equal(t, usage.Cut, e.Outcome)
			require.Positive(t, e.Counts.Output(), "what was delivered is billed")
			a = w.post(t, "/v1/chat/completions", `{"model":"`+model+`","stream":true,"messages":[{"role":"user","content":"one two three four five six seven eight"}]}`)
			require.NotContains(t, a.body, "[DONE]")
			require.Contains(t, a.body, `"error":{`)
		})
	}
	w := newWorld(t)
	a := w.post(t, "/v1/messages", `{"model":"demo/echo","messages":[]}`)
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Contains(t, a.body, `{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens`)
	a = w.get(t, "/v1/messages")
	require.Equal(t, http.StatusMethodNotAllowed, a.status)
	require.Contains(t, a.body, `"type":"error"`)
}

func TestStrictClientsHearOfEachLoss(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"model":"claude/echo","seed":7,"messages":[{"role":"user","content":"a"}]}`
	a := w.post(t, "/v1/chat/completions", body)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "drop:seed", a.header.Get("X-Starlane-Warnings"))
	a = w.post(t, "/v1/chat/completions", body, "X-Starlane-Strict", "1")
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Contains(t, a.body, `"param":"seed","code":"unsupported_parameter"`)
	a = w.post(t, "/v1/chat/completions", strings.Replace(body, `"seed":7`, `"logprobs":true`, 1))
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Contains(t, a.body, `"param":"logprobs"`)
	a = w.post(t, "/v1/chat/completions", strings.Replace(body, `"seed":7`, `"logprobs":true`, 1), "X-Starlane-Compat", "lenient")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "drop:logprobs", a.header.Get("X-Starlane-Warnings"))
}

// What no upstream can do is the client's mistake: it is on record as that, and neither a log nor an error repeats what the client
// made up.
func TestWhatNobodyCanDoIsTheClientsMistake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.post(t, "/v1/chat/completions", `{"model":"claude/echo","my secret plan":7,"messages":[]}`, "X-Starlane-Strict", "1")
	require.Equal(t, http.StatusBadRequest, a.status)
	require.NotContains(t, a.body+w.logs.String(), "secret")
	require.Equal(t, usage.ClientError, w.event(t, 0).Outcome)
	require.Empty(t, w.logs.String())
	require.Equal(t, 1, w.released)
}

func TestCountTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.post(t, "/v1/messages/count_tokens", `{"model":"claude/echo","system":"be kind","messages":[{"role":"user","content":"one two three"}]}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.JSONEq(t, `{"input_tokens":9}`, a.body)
	require.Equal(t, http.StatusBadRequest, w.post(t, "/v1/messages/count_tokens", `{"model":"claude/echo"}`).status)
	a = w.post(t, "/v1/messages/count_tokens", `{"model":"none","messages":[]}`)
	require.Equal(t, http.StatusNotFound, a.status)
	require.Contains(t, a.body, `"type":"not_found_error"`)
	require.Zero(t, w.sim.Report().Total.Received, "nobody is asked")
}

func TestModelsInTheClientsShape(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	get := func(path string) answer {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, nil)
		require.NoError(t, err)
		req.Header.Set("X-Api-Key", w.key)
		req.Header.Set("Anthropic-Version", "2023-06-01")
		return do(t, req)
	}
	a := get("/v1/models?limit=1000")
	list := parse[struct {
		Data []struct {
			Type, ID  string
			CreatedAt string `json:"created_at"`
		}
		HasMore bool   `json:"has_more"`
		LastID  string `json:"last_id"`
	}](t, a.body)
	require.NotEmpty(t, list.Data)
	require.Equal(t, "model", list.Data[0].Type)
	require.Equal(t, list.Data[len(list.Data)-1].ID, list.LastID)
	require.Contains(t, get("/v1/models/claude/echo").body, `{"type":"model","id":"claude/echo"`)
	require.Contains(t, get("/v1/models/none").body, `"type":"not_found_error"`)
}

// TestSignsOfLife has an upstream that falls silent in the middle of its answer. Its client hears that it goes on, once the
// answer has begun and not before, in events that its SDK bears.
func TestSignsOfLife(t *testing.T) {
	t.Parallel()
	const comment, ping = ": keep-alive\n\n", "event: ping\ndata: {\"type\":\"ping\"}\n\n"
	chat := [2]string{`{"choices":[{"delta":{"content":"one"},"finish_reason":null}]}`, `{"choices":[{"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]"}
	item := `{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"one","annotations":[]}]}`
	responses := [2]string{
		`{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"msg_1","role":"assistant","status":"in_progress","content":[]}}` + "\n\n" +
			`data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"one"}`,
		`{"type":"response.completed","response":{"id":"resp_1","object":"response","status":"completed","output":[` + item + `]}}`,
	}
	for path, of := range map[string]struct {
		sign   string
		stream [2]string
	}{"/v1/chat/completions": {comment, chat}, "/v1/messages": {ping, chat}, "/v1/responses": {comment, responses}} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			heard := make(chan struct{})
			w := newWorld(t, func(s *settings) { s.timeouts.Heartbeat = 5 * time.Millisecond }, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
				rw.Header().Set("Content-Type", "text/event-stream")
				_ = http.NewResponseController(rw).Flush()
				select { // the head of the answer alone begins nothing
				case <-time.After(50 * time.Millisecond):
				case <-r.Context().Done():
				}
				_, _ = io.WriteString(rw, "data: "+of.stream[0]+"\n\n")
				_ = http.NewResponseController(rw).Flush()
				select {
				case <-heard:
				case <-r.Context().Done():
				}
				_, _ = io.WriteString(rw, "data: "+of.stream[1]+"\n\n")
			}))
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, strings.NewReader(`{"model":"demo/echo","max_tokens":9,"stream":true,"messages":[],"input":"x"}`))
			require.NoError(t, err)
			req.Header.Set("Authorization", "Bearer "+w.key)
			res, err := http.DefaultTransport.RoundTrip(req)
			require.NoError(t, err)
			defer func() { _ = res.Body.Close() }()
			var got strings.Builder
			for told := false; ; {
				piece := make([]byte, 4<<10)
				n, err := res.Body.Read(piece)
				got.Write(piece[:n])
				if !told && strings.Count(got.String(), of.sign) >= 2 {
					told = true
					close(heard)
				}
				if err != nil {
					require.ErrorIs(t, err, io.EOF)
					break
				}
			}
			text := got.String()
			require.Less(t, strings.Index(text, "one"), strings.Index(text, of.sign), "a sign of life before the answer")
			require.Equal(t, usage.OK, w.event(t, 0).Outcome)
			require.Less(t, strings.LastIndex(text, of.sign), len(text)-len(of.sign), "a sign of life behind the end")
		})
	}
}

// shelf is a vault of one test.
type shelf struct {
	mu   sync.Mutex
	kept map[string]dialect.Kept
}

func (s *shelf) Keep(tenant id.ID, call llm.Text, k dialect.Kept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[tenant.String()+string(call)] = k
}

func (s *shelf) Find(tenant id.ID, call llm.Text) (dialect.Kept, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.kept[tenant.String()+string(call)]
	return k, ok
}

// TestThoughtsOfForgetfulClients has clients that do not give back what a model thought before it called a tool.
func TestThoughtsOfForgetfulClients(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprint(stream), func(t *testing.T) {
			t.Parallel()
			shelf := &shelf{kept: map[string]dialect.Kept{}}
			w := newWorld(t, func(s *settings) { s.keeper = shelf })
			ask := func(history string) answer {
				return w.post(t, "/v1/chat/completions", fmt.Sprintf(`{"model":"claude/echo","reasoning_effort":"high","stream":%v,"tools":[%s],"messages":[{"role":"user","content":"use get_weather"}%s]}`, stream, weatherTool, history))
			}
			first := ask("")
			require.Equal(t, http.StatusOK, first.status, first.body)
			said := assembled(t, first.body, stream)
			calls := parse[[]struct{ ID string }](t, string(said["tool_calls"]))
			delete(said, "reasoning_details")
			delete(said, "reasoning_content")
			turn, err := json.Marshal(said)
			require.NoError(t, err)
			second := ask("," + string(turn) + `,{"role":"tool","tool_call_id":"` + calls[0].ID + `","content":"sunny"}`)
			require.Equal(t, http.StatusOK, second.status, second.body)
			recent := w.sim.Report().Recent
			require.Contains(t, string(recent[len(recent)-1].Body), `"signature":"`, "the vendor did not get its thoughts back")
			third := ask("," + string(turn) + `,{"role":"tool","tool_call_id":"` + calls[0].ID + `","content":"sunny"},{"role":"assistant","content":"Sunny."},{"role":"user","content":"Thanks."}`)
			require.Equal(t, http.StatusOK, third.status, third.body)
			recent = w.sim.Report().Recent
			require.NotContains(t, string(recent[len(recent)-1].Body), `"signature":"`, "thoughts of a turn that is over")
		})
	}
}

// A model that hides its thoughts is silent for long, and then signs them with more than the relay holds back.
func TestHiddenThoughtsAreAnAnswer(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/v1/messages", "/v1/chat/completions"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			began := make(chan struct{})
			w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
				_ = readAll(t, r.Body)
				rw.Header().Set("Content-Type", "text/event-stream")
				say := func(events ...string) {
					for _, e := range events {
						_, _ = fmt.Fprintf(rw, "data: %s\n\n", e)
					}
					rw.(http.Flusher).Flush()
				}
				say(`{"type":"message_start","message":{"id":"m","usage":{"input_tokens":3,"output_tokens":1}}}`,
					`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`)
				select {
				case <-began:
				case <-r.Context().Done():
					return
				}
				say(`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"` + strings.Repeat("s", 100_000) + `"}}`)
				say(`{"type":"content_block_stop","index":0}`, `{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}`,
					`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"done"}}`, `{"type":"content_block_stop","index":1}`,
					`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":90}}`, `{"type":"message_stop"}`)
			}))
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, strings.NewReader(`{"model":"claude/echo","max_tokens":4000,"stream":true,"messages":[{"role":"user","content":"a"}]}`))
			require.NoError(t, err)
			req.Header.Set("X-Api-Key", w.key)
			res, err := http.DefaultTransport.RoundTrip(req)
			require.NoError(t, err)
			defer func() { _ = res.Body.Close() }()
			require.Equal(t, http.StatusOK, res.StatusCode)
			close(began)
			require.Contains(t, readAll(t, res.Body), "done")
			require.Equal(t, "in_text:3 out_text:90", counts(w.event(t, 0)))
		})
	}
}

// TestWhoCannotIsNotTried: a model that cannot do what is asked costs no attempt.
func TestWhoCannotIsNotTried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.ServerError, Times: 1}}))
	a := w.post(t, "/v1/chat/completions", `{"model":"demo/any","logprobs":true,"messages":[{"role":"user","content":"a"}]}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	e := w.event(t, 0)
	require.Equal(t, "demo/echo", e.ServedModel)
	require.Len(t, e.Attempts, 2)
	require.NotEmpty(t, e.Attempts[0].Fault)
}

// TestCostInsideATranslatedAnswer: it stands in the answer that the client gets, not in the upstream's.
func TestCostInsideATranslatedAnswer(t *testing.T) {
	t.Parallel()
	for _, model := range strings.Fields(echoes) {
		w := newWorld(t)
		a := w.post(t, "/v1/chat/completions", `{"model":"`+model+`","messages":[{"role":"user","content":"one two"}],"usage":{"include":true}}`)
		require.Equal(t, http.StatusOK, a.status, a.body)
		got := parse[struct {
			Object string
			Usage  struct{ Cost json.Number }
		}](t, a.body)
		require.Equal(t, "chat.completion", got.Object)
		require.Equal(t, w.event(t, 0).Estimate.String(), got.Usage.Cost.String())
	}
}
