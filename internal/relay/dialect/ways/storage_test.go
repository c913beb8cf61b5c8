package ways

import (
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/gemini"
)

// TestStorageOfTheAccount: Vertex AI reads files in Google's storage with the rights of the operator's account, so that no client may
// name one, in whatever format and way it is written.
func TestStorageOfTheAccount(t *testing.T) {
	t.Parallel()
	formats := New()
	all := formats.Registry(nil)
	content := &gemini.Contents{Model: "m"}
	for _, c := range []struct {
		in         dialect.Ingress
		client     string
		capability string
		before     string
		after      string
	}{
		{content, gemini.Dialect, dialect.Chat, `{"contents":[{"parts":[{"fileData":{"mimeType":"image/png","fileUri":"`, `"}}]}]}`},
		{content, gemini.Dialect, dialect.Chat, `{"contents":[{"role":"user","parts":[{"file_data":{"file_uri":"`, `"}}]}]}`},
		{content, gemini.Dialect, dialect.Chat, `{"contents":[{"parts":[{"text":"a"}]}],"system_instruction":{"parts":[{"fileData":{"fileUri":"`, `"}}]}}`},
		{content, gemini.Dialect, dialect.Chat, `{"contents":[{"parts":[{"functionResponse":{"name":"f","response":{},"parts":[{"fileData":{"fileUri":"`, `"}}]}}]}]}`},
		{formats.Chat, "openai", dialect.Chat, `{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"`, `"}}]}]}`},
		{formats.Messages, "anthropic", dialect.Chat, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"`, `"}}]}]}`},
		{&gemini.Predict{Embeddings: gemini.Embeddings{Model: "m"}}, gemini.PredictDialect, dialect.Embeddings, `{"instances":[{"image":{"gcsUri":"`, `"}}]}`},
	} {
		way := all[dialect.Key{Client: c.client, Upstream: "vertex_gemini", Capability: c.capability}]
		require.NotNil(t, way, "%s %s", c.client, c.capability)
		encode := func(address string) error {
			r, err := c.in.DecodeRequest(body.Copy([]byte(c.before + address + c.after)))
			require.NoError(t, err)
			_, err = way.EncodeRequest(r, dialect.Target{Model: "gemini-3-pro"})
			return err
		}
		for _, address := range []string{"gs://bucket/secret.png", `g\u0073://bucket/secret.png`, "projects/p/files/f", ""} {
			require.Equal(t, apperr.UnsupportedParam, apperr.From(encode(address)).Code, "%s%s", c.before, address)
		}
		if c.capability == dialect.Chat {
			require.NoError(t, encode("https://example.com/a.png"), c.before)
		}
	}
	r, err := content.DecodeRequest(body.Copy([]byte(`{"contents":[{"parts":[{"functionCall":{"name":"f","args":{"fileUri":"gs://x"}}}]}]}`)))
	require.NoError(t, err)
	_, err = all[dialect.Key{Client: gemini.Dialect, Upstream: "vertex_gemini", Capability: dialect.Chat}].EncodeRequest(r, dialect.Target{Model: "gemini-3-pro"})
	require.NoError(t, err, "what a tool does with its own storage is its own matter")
}
