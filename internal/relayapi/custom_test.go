package relayapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCustomToolsGoRound has chat clients call a tool whose input is free text, and a function in the form of old, over two turns
// with models of other vendors.
func TestCustomToolsGoRound(t *testing.T) {
	t.Parallel()
	type call struct {
		ID, Type string
		Custom   struct{ Name, Input string }
	}
	type said struct {
		Choices []struct {
			Message struct {
				Calls    []call                            `json:"tool_calls"`
				Function *struct{ Name, Arguments string } `json:"function_call"`
			}
			Delta struct {
				Calls    []call                            `json:"tool_calls"`
				Function *struct{ Name, Arguments string } `json:"function_call"`
			}
			Finish string `json:"finish_reason"`
		}
	}
	const tool = `,"tools":[{"type":"custom","custom":{"name":"run_shell","description":"Runs it."}}]`
	const function = `,"functions":[{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}]`
	for _, model := range []string{"claude/echo", "gemini/echo"} {
		w := newWorld(t)
		ask := func(messages, more string) answer {
			a := w.post(t, "/v1/chat/completions", `{"model":"`+model+`","messages":[`+messages+`]`+more+`}`)
			require.Equal(t, http.StatusOK, a.status, a.body)
			return a
		}
		const question = `{"role":"user","content":"run_shell"}`
		whole := parse[said](t, ask(question, tool).body).Choices[0]
		require.Equal(t, "tool_calls", whole.Finish)
		first := whole.Message.Calls[0]
		require.Equal(t, "custom", first.Type)
		require.Equal(t, "run_shell", first.Custom.Name)
		require.NotContains(t, first.Custom.Input, "{")
		var input string
		for _, data := range events(t, ask(question, tool+`,"stream":true`).body) {
			if data == "[DONE]" {
				continue
			}
			for _, c := range parse[said](t, data).Choices[0].Delta.Calls {
				input += c.Custom.Input
			}
		}
		require.Equal(t, first.Custom.Input, input)
		history := question + `,{"role":"assistant","tool_calls":[{"id":"` + first.ID + `","type":"custom","custom":{"name":"run_shell","input":"` + input + `"}}]},{"role":"tool","tool_call_id":"` + first.ID + `","content":"done so"}`
		require.Contains(t, ask(history, tool).body, "done so")

		a := ask(`{"role":"user","content":"get_weather"}`, function)
		old := parse[said](t, a.body).Choices[0]
		require.Equal(t, "function_call", old.Finish)
		require.Equal(t, "get_weather", old.Message.Function.Name)
		require.Contains(t, old.Message.Function.Arguments, `"city"`)
		arguments := strings.ReplaceAll(old.Message.Function.Arguments, `"`, `\"`)
		turn := `,{"role":"assistant","content":null,"function_call":{"name":"get_weather","arguments":"` + arguments + `"}},{"role":"function","name":"get_weather","content":"sunny there"}`
		require.Contains(t, ask(`{"role":"user","content":"get_weather"}`+turn, function).body, "sunny there")
	}
}
