package anthropic

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/body"
	"starlane/internal/usage"
)

// TestToolsThatAreKnownByName are JSON Schema for other models, and weigh in a prompt though the request hardly mentions them.
func TestToolsThatAreKnownByName(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"bash_20250124", "text_editor_20250124", "text_editor_20250728", "memory_20250818"} {
		require.True(t, json.Valid([]byte(statedTool(kind).takes)), kind)
	}
	require.Nil(t, statedTool("web_search_20250305"))
	require.Nil(t, statedTool(""))
	m := New()
	size := func(tools string) usage.Tokens {
		r, err := m.DecodeRequest(body.Copy([]byte(`{"model":"m","max_tokens":1,"messages":[],"tools":[` + tools + `]}`)))
		require.NoError(t, err)
		return m.MeasurePrompt(r).Most
	}
	const tool = `{"type":"bash_20250124","name":"bash"}`
	require.EqualValues(t, len(tool)+perStated, size(tool)-size(""))
}
