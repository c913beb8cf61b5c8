package ways

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/sim/provider"
)

// TestMessagesByResponses has a client of Messages ask a strict upstream of Responses over two turns, with a tool and with thoughts:
// the simulator refuses members that the API does not have, and thoughts that are changed or under another id.
func TestMessagesByResponses(t *testing.T) {
	t.Parallel()
	sim := httptest.NewServer(provider.New(provider.Config{RejectUnknown: true, Echo: &provider.Pace{}}))
	defer sim.Close()
	formats := New()
	way := &dialect.Bridge{Client: formats.Messages, Upstream: formats.Responses}
	ask := func(messages string, stream bool) (status int, out string) {
		request := `{"model":"m","max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":2000},"metadata":{"user_id":"u"},"system":"s",` +
			`"tools":[{"name":"get_weather","input_schema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}],"messages":[` + messages + `]`
		if stream {
			request += `,"stream":true`
		}
		r, err := formats.Messages.DecodeRequest(body.Copy([]byte(request + `}`)))
		require.NoError(t, err)
		m, err := way.EncodeRequest(r, dialect.Target{Model: provider.ModelEcho})
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sim.URL+"/v1"+way.Path(r, provider.ModelEcho), m.Reader())
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+provider.KeyPrefix+"a")
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		if res.StatusCode != http.StatusOK {
			return res.StatusCode, string(answer)
		}
		if stream {
			out, _ = followed(t, way, r, string(answer))
			return res.StatusCode, out
		}
		a, err := way.ReadAnswer(r, body.Copy(answer), wordMeter{})
		require.NoError(t, err)
		return res.StatusCode, string(a.Body)
	}
	const question = `{"role":"user","content":"get_weather"}`
	status, out := ask(question, false)
	require.Equal(t, http.StatusOK, status, out)
	var first struct {
		Content json.RawMessage
		Stop    string `json:"stop_reason"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &first))
	require.Equal(t, "tool_use", first.Stop)
	var blocks []struct{ Type, ID, Thinking, Signature string }
	require.NoError(t, json.Unmarshal(first.Content, &blocks))
	require.Equal(t, "thinking", blocks[0].Type)
	require.NotEmpty(t, blocks[0].Thinking)
	history := func(content []byte) string {
		return question + `,{"role":"assistant","content":` + string(content) + `},{"role":"user","content":[{"type":"tool_result","tool_use_id":"` + blocks[1].ID + `","content":"sunny"}]}`
	}
	for _, stream := range []bool{false, true} {
		status, out = ask(history(first.Content), stream)
		require.Equal(t, http.StatusOK, status, out)
		require.Contains(t, out, "sunny")
		require.Equal(t, stream, strings.HasSuffix(out, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"))
	}
	changed := bytes.Replace(first.Content, []byte("sl1.openai_responses.x.rs_"), []byte("sl1.openai_responses.x.rs_0"), 1)
	status, out = ask(history(changed), false)
	require.Equal(t, http.StatusBadRequest, status, "the simulator takes a changed thought: the test shows nothing")
	require.Contains(t, out, "item_id did not match")
}
