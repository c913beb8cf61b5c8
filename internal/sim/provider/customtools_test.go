package provider_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// A custom tool is called with one text, as the user said it, whole and in pieces.
func TestChatCustomTools(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	type calls []struct {
		ID, Type string
		Custom   struct{ Name, Input string }
		Function *struct{}
	}
	const tools = `,"tools":[{"type":"custom","custom":{"name":"shell"}},{"type":"function","function":{"name":"f"}}]`
	for _, choice := range []string{``, `,"tool_choice":{"type":"custom","custom":{"name":"shell"}}`} {
		var whole struct {
			Choices []struct {
				Message struct {
					ToolCalls calls `json:"tool_calls"`
				}
			}
		}
		require.NoError(t, json.Unmarshal(s.post(t, "/v1/chat/completions", chatBody("demo-echo", "shell: ls -l", tools+choice)).body, &whole))
		made := whole.Choices[0].Message.ToolCalls
		require.NotEmpty(t, made)
		require.Equal(t, "custom", made[0].Type)
		require.Nil(t, made[0].Function)
		require.Equal(t, "shell", made[0].Custom.Name)
		require.Equal(t, "shell: ls -l", made[0].Custom.Input)

		var name, input string
		lines := bufio.NewScanner(bytes.NewReader(s.post(t, "/v1/chat/completions", chatBody("demo-echo", "shell: ls -l", `,"stream":true`+tools+choice)).body))
		for lines.Scan() {
			var chunk struct {
				Choices []struct {
					Delta struct {
						ToolCalls calls `json:"tool_calls"`
					}
				}
			}
			data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: {"))
			if !ok {
				continue
			}
			require.NoError(t, json.Unmarshal(append([]byte("{"), data...), &chunk))
			for _, c := range chunk.Choices {
				for _, call := range c.Delta.ToolCalls {
					name += call.Custom.Name
					input += call.Custom.Input
				}
			}
		}
		require.Equal(t, "shell", name)
		require.Equal(t, "shell: ls -l", input)
	}
}
