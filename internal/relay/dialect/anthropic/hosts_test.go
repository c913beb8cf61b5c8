package anthropic

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
)

// TestBetas: what a client turns on by a header stands in the body at Bedrock, as far as Bedrock knows it.
func TestBetas(t *testing.T) {
	t.Parallel()
	m := New()
	for _, c := range []struct {
		name, body, header, want, warnings string
		host                               *Hosted
		strict                             bool
	}{
		{
			name: "known and unknown", header: "context-1m-2025-08-07, files-api-2025-04-14,interleaved-thinking-2025-05-14", host: OnBedrock(m),
			body:     `{"model":"m","max_tokens":1,"messages":[]}`,
			want:     `{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["interleaved-thinking-2025-05-14"],"max_tokens":1,"messages":[]}`,
			warnings: "drop:anthropic-beta:context-1m-2025-08-07, drop:anthropic-beta:files-api-2025-04-14",
		},
		{
			name: "the body's own stay", header: "context-1m-2025-08-07", host: OnBedrock(m),
			body: `{"max_tokens":1,"anthropic_beta":["x"],"messages":[],"stream":true,"model":"m"}`,
			want: `{"max_tokens":1,"anthropic_beta":["x"],"messages":[],"anthropic_version":"bedrock-2023-05-31"}`,
		},
		{
			name: "the body's own that cost more", host: OnBedrock(m),
			body:     `{"max_tokens":1,"anthropic_beta":["x", "context-1m-2025-08-07"],"messages":[],"model":"m"}`,
			want:     `{"max_tokens":1,"anthropic_beta":["x"],"messages":[],"anthropic_version":"bedrock-2023-05-31"}`,
			warnings: "drop:anthropic-beta:context-1m-2025-08-07",
		},
		{
			name: "none", host: OnBedrock(m),
			body: `{"stream":true ,"model":"m","max_tokens":1,"messages":[]}`, want: `{"anthropic_version":"bedrock-2023-05-31","max_tokens":1,"messages":[]}`,
		},
		{
			name: "a strict client hears of it", header: "files-api-2025-04-14", host: OnBedrock(m), strict: true,
			body: `{"model":"m","max_tokens":1,"messages":[]}`,
		},
		{
			name: "Vertex takes the header", header: "files-api-2025-04-14", host: OnVertex(m),
			body: `{"model":"m","max_tokens":1,"messages":[],"stream":true}`, want: `{"anthropic_version":"vertex-2023-10-16","max_tokens":1,"messages":[],"stream":true}`,
		},
		{
			name: "but for what costs more", header: "compact-2026-01-12,files-api-2025-04-14", host: OnVertex(m),
			body:     `{"model":"m","max_tokens":1,"messages":[]}`,
			want:     `{"anthropic_version":"vertex-2023-10-16","max_tokens":1,"messages":[]}`,
			warnings: "drop:anthropic-beta:compact-2026-01-12",
		},
	} {
		r, err := m.DecodeRequest(body.Copy([]byte(c.body)))
		require.NoError(t, err, c.name)
		r.Notes.Strict = c.strict
		if c.header != "" {
			r.Header = http.Header{"Anthropic-Beta": {c.header}}
		}
		sent, err := c.host.Direct().EncodeRequest(r, dialect.Target{Model: "vendor-model"})
		if c.strict {
			require.Error(t, err, c.name)
			continue
		}
		require.NoError(t, err, c.name)
		got, err := io.ReadAll(sent.Reader())
		require.NoError(t, err)
		require.Equal(t, c.want, string(got), c.name)
		require.Equal(t, c.warnings, r.Notes.Header(), c.name)
	}
}

func TestHostsPaths(t *testing.T) {
	t.Parallel()
	m := New()
	const arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
	require.Equal(t, "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke", OnBedrock(m).Path(false, arn))
	require.Equal(t, "/model/m/invoke-with-response-stream", OnBedrock(m).Path(true, "m"))
	require.Equal(t, "/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict", OnVertex(m).Path(false, "claude-sonnet-4-5@20250929"))
	require.Equal(t, "/publishers/anthropic/models/m:streamRawPredict", OnVertex(m).Path(true, "m"))
}
