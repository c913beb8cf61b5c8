package relayapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/catalog/vendor"
	"starlane/internal/relay/dialect"
	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

// compatibles deploys the simulator's model at each vendor who speaks OpenAI's format with differences: there it refuses what the vendor
// would refuse.
func compatibles(s *settings) {
	s.vendors = func(simulator string, _ *provider.Server) (list []otherVendor) {
		for _, v := range vendor.All() {
			list = append(list, otherVendor{model: "at/" + v.Name, dialect: "openai", vendor: v.Name, base: simulator + "/vendors/" + v.Name + "/v1", secret: provider.KeyPrefix + v.Name})
		}
		return list
	}
}

func eachVendor(t *testing.T, run func(t *testing.T, w *world, model string, v *vendor.Profile)) {
	t.Helper()
	list := vendor.All()
	for i := range list {
		t.Run(list[i].Name, func(t *testing.T) {
			t.Parallel()
			run(t, newWorld(t, compatibles, func(s *settings) { s.keeper = &shelf{kept: map[string]dialect.Kept{}} }), "at/"+list[i].Name, &list[i])
		})
	}
}

// TestVendorsAnswerEachClient asks in each format, with what clients of it send every day, and in the client's words for all that
// vendors call otherwise.
func TestVendorsAnswerEachClient(t *testing.T) {
	t.Parallel()
	eachVendor(t, func(t *testing.T, w *world, model string, _ *vendor.Profile) {
		for n, stream := range []bool{false, true} {
			chat := w.post(t, "/v1/chat/completions", fmt.Sprintf(`{"usage":{"include":false},"model":%q,"stream":%v,"max_completion_tokens":100,"seed":7,"messages":[`+
				`{"role":"developer","content":"be brief"},{"role":"user","content":"one two"}]}`, model, stream))
			require.Equal(t, http.StatusOK, chat.status, chat.body+w.logs.String())
			require.Contains(t, chat.body, `"finish_reason":"stop"`)
			require.JSONEq(t, `"one two"`, text(t, chat.body, stream))
			msg := w.messages(t, model, fmt.Sprintf(`,"stream":%v,"top_k":5,"metadata":{"user_id":"u"},"system":[{"type":"text","text":"be brief"}],"messages":[`+
				`{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"system","content":"be polite"},{"role":"user","content":"one two"}]`, stream))
			require.Equal(t, http.StatusOK, msg.status, msg.body)
			require.Contains(t, msg.body, `"end_turn"`)
			res := w.respond(t, model, `"one two"`, fmt.Sprintf(`,"stream":%v`, stream))
			require.Equal(t, http.StatusOK, res.status, res.body)
			require.Equal(t, "completed", answered(t, res, stream).Status)
			method := map[bool]string{false: "generateContent", true: "streamGenerateContent?alt=sse"}[stream]
			gem := w.post(t, "/v1beta/models/"+model+":"+method, `{"contents":[{"parts":[{"text":"one two"}]}],"generationConfig":{"seed":7,"maxOutputTokens":1000}}`)
			require.Equal(t, http.StatusOK, gem.status, gem.body)
			require.Contains(t, gem.body, `"finishReason":"STOP"`)
			for i := range 4 {
				e := w.event(t, 4*n+i)
				require.Equal(t, usage.OK, e.Outcome)
				require.Positive(t, e.Counts.Output())
				require.NotEqual(t, usage.Estimated, e.Counts.From[usage.OutText])
			}
		}
	})
}

// text is the text of an answer, as JSON, whatever form its content has.
func text(t *testing.T, body string, stream bool) string {
	t.Helper()
	if stream {
		var said string
		for _, data := range events(t, body) {
			var c struct {
				Choices []struct {
					Delta struct{ Content json.RawMessage }
				}
			}
			if json.Unmarshal([]byte(data), &c) != nil {
				continue
			}
			for _, choice := range c.Choices {
				var piece string
				if json.Unmarshal(choice.Delta.Content, &piece) == nil {
					said += piece
				}
			}
		}
		b, err := json.Marshal(said)
		require.NoError(t, err)
		return string(b)
	}
	return string(assembled(t, body, false)["content"])
}

// TestVendorsCallTools has clients of each kind use a tool over two turns and go on, with thoughts: ids that the vendor did not make,
// results followed by the user's words, histories without the thoughts.
func TestVendorsCallTools(t *testing.T) {
	t.Parallel()
	eachVendor(t, func(t *testing.T, w *world, model string, v *vendor.Profile) {
		for _, stream := range []bool{false, true} {
			ask := func(history string) answer {
				return w.post(t, "/v1/chat/completions", fmt.Sprintf(`{"model":%q,"stream":%v,"tools":[%s],"messages":[{"role":"user","content":"use get_weather"}%s]}`, model, stream, weatherTool, history))
			}
			first := ask("")
			require.Equal(t, http.StatusOK, first.status, first.body)
			said := assembled(t, first.body, stream)
			calls := parse[[]struct{ ID string }](t, string(said["tool_calls"]))
			require.Len(t, calls, 1)
			forgetful := fmt.Sprintf(`,{"role":"assistant","tool_calls":%s},{"role":"tool","tool_call_id":%q,"content":"sunny"}`, said["tool_calls"], calls[0].ID)
			second := ask(forgetful)
			require.Equal(t, http.StatusOK, second.status, second.body)
			require.Contains(t, second.body, "sunny")
			if v.Rules.ThoughtsBack.Or("") == "reasoning_content" {
				recent := w.sim.Report().Recent
				require.Contains(t, recent[len(recent)-1].Body, `"reasoning_content":"`+thought(t, said)+`"`, "the vendor did not get its thoughts back")
			}
			foreign := strings.ReplaceAll(forgetful, calls[0].ID, "call_of_another_vendor_0123456789")
			third := ask(foreign + `,{"role":"user","content":"use get_weather"}`)
			require.Equal(t, http.StatusOK, third.status, third.body)

			msg := func(history string) answer {
				return w.messages(t, model, fmt.Sprintf(`,"stream":%v,"thinking":{"type":"enabled","budget_tokens":2000},"tools":[%s],"messages":[{"role":"user","content":"use get_weather"}%s]`, stream, weatherInput, history))
			}
			one := msg("")
			require.Equal(t, http.StatusOK, one.status, one.body)
			blocks, id := turnOf(t, one, stream)
			two := msg(fmt.Sprintf(`,{"role":"assistant","content":%s},{"role":"user","content":[{"type":"tool_result","tool_use_id":%q,"content":"sunny"},{"type":"text","text":"and now?"}]}`, blocks, id))
			require.Equal(t, http.StatusOK, two.status, two.body)
		}
	})
}

// thought is the text of the thoughts of an answer, as it stands in JSON.
func thought(t *testing.T, said map[string]json.RawMessage) string {
	t.Helper()
	b := strings.Trim(string(said["reasoning_content"]), `"`)
	require.NotEmpty(t, b)
	return b
}

// turnOf are the blocks of a message as its client gives them back, and the id of its call.
func turnOf(t *testing.T, a answer, stream bool) (blocks, id string) {
	t.Helper()
	if !stream {
		m := parse[struct{ Content json.RawMessage }](t, a.body)
		list := parse[[]struct{ Type, ID string }](t, string(m.Content))
		require.Equal(t, "tool_use", list[len(list)-1].Type)
		return string(m.Content), list[len(list)-1].ID
	}
	type block struct {
		Type      string          `json:"type"`
		Thinking  *string         `json:"thinking,omitempty"`
		Signature string          `json:"signature,omitempty"`
		ID        string          `json:"id,omitempty"`
		Name      string          `json:"name,omitempty"`
		Input     json.RawMessage `json:"input,omitempty"`
	}
	var list []block
	for _, data := range events(t, a.body) {
		e := parse[struct {
			Type  string
			Block block `json:"content_block"`
			Delta struct {
				Thinking, Signature string
				JSON                string `json:"partial_json"`
			}
		}](t, data)
		switch e.Type {
		case "content_block_start":
			if e.Block.Type == "tool_use" {
				e.Block.Input = nil
			}
			list = append(list, e.Block)
		case "content_block_delta":
			last := &list[len(list)-1]
			if last.Thinking != nil {
				*last.Thinking += e.Delta.Thinking
			}
			last.Signature += e.Delta.Signature
			last.Input = append(last.Input, e.Delta.JSON...)
		}
	}
	out, err := json.Marshal(list)
	require.NoError(t, err)
	return string(out), list[len(list)-1].ID
}

// TestVendorsBindAnswers: a schema is a bond where the vendor knows such, and an instruction where not.
func TestVendorsBindAnswers(t *testing.T) {
	t.Parallel()
	eachVendor(t, func(t *testing.T, w *world, model string, v *vendor.Profile) {
		a := w.post(t, "/v1/chat/completions", `{"model":"`+model+`","messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,`+
			`"schema":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}}}}`)
		require.Equal(t, http.StatusOK, a.status, a.body)
		warned := map[bool]string{true: "", false: "approx:response_format"}[v.Rules.JSONSchema.Or(true)]
		require.Equal(t, warned, a.header.Get("X-Starlane-Warnings"))
		strict := w.post(t, "/v1/chat/completions", `{"model":"`+model+`","messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}}`,
			"X-Starlane-Strict", "1")
		require.Equal(t, map[bool]int{true: http.StatusOK, false: http.StatusBadRequest}[warned == ""], strict.status, strict.body)
	})
}

// TestVendorsFail: refusals come in the client's form, whatever the vendor's is, and streams end with an error.
func TestVendorsFail(t *testing.T) {
	t.Parallel()
	eachVendor(t, func(t *testing.T, w *world, model string, _ *vendor.Profile) {
		a := w.post(t, "/v1/chat/completions", `{"model":"`+model+`","temperature":"hot","messages":[{"role":"user","content":"a"}]}`)
		require.Equal(t, http.StatusBadRequest, a.status, a.body)
		require.Contains(t, a.body, `{"error":{`)
		require.Contains(t, a.body, `temperature`)
		require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.RateLimit}}))
		a = w.messages(t, model, `,"messages":[{"role":"user","content":"a"}]`)
		require.Equal(t, http.StatusTooManyRequests, a.status, a.body)
		require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.ErrorEvent, AfterChunks: 2}}))
		a = w.messages(t, model, `,"stream":true,"messages":[{"role":"user","content":"one two three four"}]`)
		require.NotContains(t, a.body, "message_stop")
		require.Contains(t, a.body, "event: error")
	})
}
