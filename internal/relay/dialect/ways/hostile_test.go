package ways

import (
	"encoding/json"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
)

// way is the way from a client's format to an upstream's.
func way(client, upstream string) dialect.Egress {
	return New().Registry(nil)[dialect.Key{Client: client, Upstream: upstream, Capability: dialect.Chat}]
}

// decoded is a client's request as the relay takes it.
func decoded(t *testing.T, client, request string) *llm.Request {
	t.Helper()
	formats := New()
	in := map[string]dialect.Ingress{"openai": formats.Chat, "anthropic": formats.Messages}[client]
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
