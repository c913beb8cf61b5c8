package relayapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/dialect"
)

// TestGeminiCallsGoRound has a client of Gemini use a tool over two turns, with thoughts: the simulator refuses a turn whose
// signatures are missing or changed.
func TestGeminiCallsGoRound(t *testing.T) {
	t.Parallel()
	for _, model := range strings.Fields(echoes) {
		for _, form := range []string{"whole", "events", "array"} {
			t.Run(model+"/"+form, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				ask := func(more ...any) answer {
					history := []any{gemContent{Role: "user", Parts: []json.RawMessage{json.RawMessage(`{"text":"use get_weather"}`)}}}
					b, err := json.Marshal(append(history, more...))
					require.NoError(t, err)
					return w.gemini(t, model, form, `{"contents":`+string(b)+`,`+weatherDeclare+`,"generationConfig":{"thinkingConfig":{"includeThoughts":true,"thinkingLevel":"HIGH"}}}`)
				}
				turn, parts, last := folded(t, ask())
				require.Equal(t, "STOP", last.Candidates[0].Finish)
				var call gemPart
				signed := 0
				for i, p := range parts {
					if p.Call != nil {
						call = p
					}
					if p.Signature != "" {
						signed = i
					}
				}
				require.NotNil(t, call.Call)
				require.NotEmpty(t, call.Call.ID)
				require.JSONEq(t, `{"city":"use get_weather"}`, string(call.Call.Args))
				if model != "demo/echo" { // whose thoughts OpenAI's chat format does not show
					_, thoughts := said(parts)
					require.NotEmpty(t, thoughts)
					require.NotEmpty(t, parts[signed].Signature)
				}
				answered := gemContent{Role: "user", Parts: []json.RawMessage{json.RawMessage(
					`{"functionResponse":{"name":"get_weather","id":"` + call.Call.ID + `","response":{"result":"sunny"}}}`)}}
				second := ask(turn, answered)
				_, parts, _ = folded(t, second)
				text, _ := said(parts)
				require.Equal(t, "The tool answered: sunny", text)
				require.Empty(t, second.header.Get("X-Starlane-Warnings"))
				if model == "demo/echo" {
					return
				}
				changed := parse[map[string]any](t, string(turn.Parts[signed]))
				changed["thoughtSignature"] = spoiltSeal(changed["thoughtSignature"].(string))
				turn.Parts[signed], _ = json.Marshal(changed)
				spoilt := ask(turn, answered)
				require.Equal(t, http.StatusBadRequest, spoilt.status, "the simulator takes a changed signature: the test shows nothing")
			})
		}
	}
}

// spoiltSeal changes a signature, the vendor's own or another's inside of what carries it.
func spoiltSeal(text string) string {
	raw, err := base64.StdEncoding.DecodeString(text)
	if mark := "sl1.anthropic.s."; err == nil && strings.HasPrefix(string(raw), mark) {
		return base64.StdEncoding.EncodeToString([]byte(mark + "AAAA" + string(raw[len(mark):])))
	}
	return "AAAA" + text
}

// TestGeminiSignaturesGoRound has clients of the other formats use a tool of a model of Gemini over two turns.
func TestGeminiSignaturesGoRound(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprint("chat/", stream), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ask := func(history string) answer {
				return w.post(t, "/v1/chat/completions", fmt.Sprintf(`{"model":"gemini/echo","reasoning_effort":"high","stream":%v,"tools":[%s],"messages":[{"role":"user","content":"use get_weather"}%s]}`, stream, weatherTool, history))
			}
			first := ask("")
			require.Equal(t, http.StatusOK, first.status, first.body)
			turn := assembled(t, first.body, stream)
			require.NotEmpty(t, turn["reasoning_content"])
			if stream { // the helper leaves out what is not OpenAI's
				turn["tool_calls"] = signedCalls(t, first.body)
			}
			calls := parse[[]struct{ ID string }](t, string(turn["tool_calls"]))
			history := func() string {
				b, err := json.Marshal(turn)
				require.NoError(t, err)
				return "," + string(b) + `,{"role":"tool","tool_call_id":"` + calls[0].ID + `","content":"sunny"}`
			}
			second := ask(history())
			require.Equal(t, http.StatusOK, second.status, second.body)
			require.Empty(t, second.header.Get("X-Starlane-Warnings"))
			require.Contains(t, w.sim.Report().Recent[1].Header, "X-Goog-Api-Key")

			turn["tool_calls"] = json.RawMessage(strings.Replace(string(turn["tool_calls"]), `"thought_signature":"`, `"thought_signature":"AAAA`, 1))
			require.Equal(t, http.StatusBadRequest, ask(history()).status, "the simulator takes a changed signature: the test shows nothing")
			lost := parse[[]map[string]json.RawMessage](t, string(turn["tool_calls"]))
			delete(lost[0], "extra_content")
			turn["tool_calls"], _ = json.Marshal(lost)
			third := ask(history())
			require.Equal(t, http.StatusOK, third.status, third.body)
			require.Equal(t, "approx:tool_calls.extra_content", third.header.Get("X-Starlane-Warnings"))
		})
		t.Run(fmt.Sprint("messages/", stream), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ask := func(history string) answer {
				return w.messages(t, "gemini/echo", fmt.Sprintf(`,"thinking":{"type":"adaptive"},"output_config":{"effort":"high"},"stream":%v,"tools":[%s],"messages":[{"role":"user","content":"use get_weather"}%s]`, stream, weatherInput, history))
			}
			first := ask("")
			require.Equal(t, http.StatusOK, first.status, first.body)
			blocks := blocksOf(t, first.body, stream)
			use := blocks[len(blocks)-1]
			require.Equal(t, "tool_use", use["type"])
			require.Equal(t, "thinking", blocks[0]["type"])
			require.NotEmpty(t, blocks[0]["thinking"])
			history := func() string {
				b, err := json.Marshal(blocks)
				require.NoError(t, err)
				return fmt.Sprintf(`,{"role":"assistant","content":%s},{"role":"user","content":[{"type":"tool_result","tool_use_id":%q,"content":"sunny"}]}`, b, use["id"])
			}
			second := ask(history())
			require.Equal(t, http.StatusOK, second.status, second.body)
			require.Empty(t, second.header.Get("X-Starlane-Warnings"))
			before := blocks[len(blocks)-2]
			before["signature"] = strings.Replace(before["signature"].(string), "sl1.gemini.s.", "sl1.gemini.s.AAAA", 1)
			require.Equal(t, http.StatusBadRequest, ask(history()).status, "the simulator takes a changed signature: the test shows nothing")
		})
	}
}

// TestModelsChangeInTheMiddle: what the vendor before sealed is left out, by name, and the conversation goes on.
func TestModelsChangeInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ask := func(model string, more ...any) answer {
		b, err := json.Marshal(append([]any{gemContent{Role: "user", Parts: []json.RawMessage{json.RawMessage(`{"text":"use get_weather"}`)}}}, more...))
		require.NoError(t, err)
		return w.gemini(t, model, "whole", `{"contents":`+string(b)+`,`+weatherDeclare+`,"generationConfig":{"thinkingConfig":{"includeThoughts":true,"thinkingLevel":"HIGH"}}}`)
	}
	for from, to := range map[string]string{"claude/echo": "gemini/echo", "gemini/echo": "claude/echo"} {
		turn, parts, _ := folded(t, ask(from))
		call := parts[len(parts)-1]
		require.NotNil(t, call.Call)
		a := ask(to, turn, gemContent{Role: "user", Parts: []json.RawMessage{json.RawMessage(`{"functionResponse":{"name":"get_weather","response":{"result":"sunny"}}}`)}})
		require.Equal(t, http.StatusOK, a.status, a.body)
		_, parts, _ = folded(t, a)
		text, _ := said(parts)
		require.Equal(t, "The tool answered: sunny", text)
		if to == "gemini/echo" {
			require.Equal(t, "drop:parts.thoughtSignature, approx:parts.thoughtSignature", a.header.Get("X-Starlane-Warnings"))
		}
	}
	use := func(model, history string) answer {
		return w.messages(t, model, `,"thinking":{"type":"adaptive"},"output_config":{"effort":"high"},"tools":[`+weatherInput+`],"messages":[{"role":"user","content":"use get_weather"}`+history+`]`)
	}
	for from, to := range map[string]string{"claude/echo": "gemini/echo", "gemini/echo": "claude/echo"} {
		first := use(from, "")
		require.Equal(t, http.StatusOK, first.status, first.body)
		blocks := blocksOf(t, first.body, false)
		b, err := json.Marshal(blocks)
		require.NoError(t, err)
		a := use(to, fmt.Sprintf(`,{"role":"assistant","content":%s},{"role":"user","content":[{"type":"tool_result","tool_use_id":%q,"content":"sunny"}]}`, b, blocks[len(blocks)-1]["id"]))
		require.Equal(t, http.StatusOK, a.status, "from %s to %s: %s", from, to, a.body)
	}
}

// TestGeminiServesResponses has a client of the Responses API use a tool of a model of Gemini over two turns.
func TestGeminiServesResponses(t *testing.T) {
	t.Parallel()
	const tool = `,"tools":[{"type":"function","name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}],"reasoning":{"effort":"high","summary":"auto"}`
	for _, stream := range []bool{false, true} {
		w := newWorld(t)
		r := answered(t, w.respond(t, "gemini/echo", `[{"role":"user","content":"use get_weather"}]`, tool+streaming(stream)), stream)
		require.Equal(t, "completed", r.Status)
		items := r.items(t)
		call := items[len(items)-1]
		require.Equal(t, "function_call", call.Type)
		require.NotEmpty(t, items[0].Summary)
		history := func(output string) string {
			return `[{"role":"user","content":"use get_weather"},` + output + `,{"type":"function_call_output","call_id":"` + call.CallID + `","output":"sunny"}]`
		}
		output := string(bytes.Join(asBytes(r.Output), []byte(",")))
		a := w.respond(t, "gemini/echo", history(output), tool+streaming(stream))
		said := ""
		for _, it := range answered(t, a, stream).items(t) {
			for _, part := range it.Content {
				said += part.Text
			}
		}
		require.Equal(t, "The tool answered: sunny", said)
		require.Empty(t, a.header.Get("X-Starlane-Warnings"))
		spoilt := w.respond(t, "gemini/echo", history(strings.Replace(output, "sl1.gemini.s.", "sl1.gemini.s.AAAA", 1)), tool)
		require.Equal(t, http.StatusBadRequest, spoilt.status, "the simulator takes a changed signature: the test shows nothing")
	}
}

// TestGeminiSignaturesOfForgetfulClients: what a client does not give back is in the vault.
func TestGeminiSignaturesOfForgetfulClients(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		shelf := &shelf{kept: map[string]dialect.Kept{}}
		w := newWorld(t, func(s *settings) { s.keeper = shelf })
		ask := func(history string) answer {
			return w.post(t, "/v1/chat/completions", fmt.Sprintf(`{"model":"gemini/echo","stream":%v,"tools":[%s],"messages":[{"role":"user","content":"use get_weather"}%s]}`, stream, weatherTool, history))
		}
		first := ask("")
		require.Equal(t, http.StatusOK, first.status, first.body)
		said := assembled(t, first.body, stream)
		calls := parse[[]map[string]json.RawMessage](t, string(said["tool_calls"]))
		delete(calls[0], "extra_content")
		b, err := json.Marshal(calls)
		require.NoError(t, err)
		second := ask(`,{"role":"assistant","tool_calls":` + string(b) + `},{"role":"tool","tool_call_id":` + string(calls[0]["id"]) + `,"content":"sunny"}`)
		require.Equal(t, http.StatusOK, second.status, second.body)
		require.Empty(t, second.header.Get("X-Starlane-Warnings"))
		recent := w.sim.Report().Recent
		sent := string(recent[len(recent)-1].Body)
		require.Contains(t, sent, `"thoughtSignature":"`)
		require.NotContains(t, sent, "skip_thought_signature_validator")
	}
}

// signedCalls are the calls of a streamed chat answer with all that came with them.
func signedCalls(t testing.TB, stream string) json.RawMessage {
	t.Helper()
	calls := map[int]map[string]any{}
	for _, data := range events(t, stream) {
		if data == "[DONE]" {
			continue
		}
		c := parse[struct {
			Choices []struct {
				Delta struct {
					Calls []map[string]any `json:"tool_calls"`
				}
			}
		}](t, data)
		for _, d := range c.Choices[0].Delta.Calls {
			at := int(d["index"].(float64))
			delete(d, "index")
			if calls[at] == nil {
				calls[at] = d
				continue
			}
			f := calls[at]["function"].(map[string]any)
			f["arguments"] = f["arguments"].(string) + d["function"].(map[string]any)["arguments"].(string)
		}
	}
	var list []any
	for i := range len(calls) {
		list = append(list, calls[i])
	}
	b, err := json.Marshal(list)
	require.NoError(t, err)
	return b
}

// blocksOf are the blocks of a Messages answer.
func blocksOf(t testing.TB, text string, stream bool) (blocks []map[string]any) {
	t.Helper()
	if !stream {
		return parse[struct{ Content []map[string]any }](t, text).Content
	}
	input := ""
	for _, data := range events(t, text) {
		e := parse[struct {
			Type  string
			Block map[string]any    `json:"content_block"`
			Delta map[string]string `json:"-"`
			Raw   json.RawMessage   `json:"delta"`
		}](t, data)
		switch e.Type {
		case "content_block_start":
			blocks, input = append(blocks, e.Block), ""
		case "content_block_delta":
			d := parse[map[string]string](t, string(e.Raw))
			b := blocks[len(blocks)-1]
			for _, member := range []string{"text", "thinking", "signature"} {
				if more, ok := d[member]; ok {
					b[member] = b[member].(string) + more
				}
			}
			if more, ok := d["partial_json"]; ok {
				input += more
				if json.Valid([]byte(input)) {
					b["input"] = json.RawMessage(input)
				}
			}
		}
	}
	return blocks
}
