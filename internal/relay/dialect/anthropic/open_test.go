package anthropic

import (
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/body"
)

// TestToolsThatFillThePrompt: a prompt is open where the vendor itself brings in what its tools find, which no byte of the request shows.
func TestToolsThatFillThePrompt(t *testing.T) {
	t.Parallel()
	for more, open := range map[string]bool{
		``: false, `,"tools":[{"name":"web_fetch","input_schema":{"type":"object"}}]`: false, `,"mcp_servers":null`: false,
		`,"tools":[{"name":"web_fetch","type":"web_fetch_20250910"}]`:            true,
		`,"tools":[{"type":"mcp_toolset","mcp_server_name":"s"}]`:                true,
		`,"mcp_servers":[{"type":"url","url":"https://example.com","name":"s"}]`: true,
	} {
		r, err := New().DecodeRequest(body.Copy([]byte(`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"}]` + more + `}`)))
		require.NoError(t, err)
		require.Equal(t, open, New().MeasurePrompt(r).Open, more)
	}
}
