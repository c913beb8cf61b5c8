package ways

import (
	"encoding/json"
	"io"
	"testing"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/gemini"
)

// FuzzTexts feeds requests of any kind to the formats beside the conversations: what is taken becomes JSON for each upstream, and is
// weighed without trouble; and so are answers of any kind.
func FuzzTexts(f *testing.F) {
	f.Add(`{"model":"m","prompt":["a",[1]],"n":2,"echo":true,"stream":true,"stream_options":{},"usage":{"include":true}}`, `{"choices":[{"text":"a"}],"usage":{"prompt_tokens":1}}`)
	f.Add(`{"model":null,"input":[{"type":"text"}],"encoding_format":"base64","dimensions":1}`, `{"results":[],"embeddings":[{"values":[1e400]}]}`)
	f.Add(`{"query":"a","documents":[{"image":1},"b"],"model":"m"}`, `{"data":[{"index":99999999,"embedding":"AA=="}],"meta":{"billed_units":{"search_units":1e18}}}`)
	f.Add(`{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"},{"text":1}]}},{"model":"m"},null]}`, `{"embedding":{"values":null},"usageMetadata":{"promptTokenCount":1}}`)
	f.Add(`{"instances":[{"content":"a","task_type":"T"},{"image":{}}],"parameters":{"outputDimensionality":1}}`, `{"predictions":[{"embeddings":{"values":[1],"statistics":{"token_count":-1}}}]}`)
	formats := New()
	ways := formats.Registry(nil)
	f.Fuzz(func(t *testing.T, src, answer string) {
		for _, c := range []struct {
			in         dialect.Ingress
			capability string
		}{
			{formats.Completions, dialect.Completions},
			{formats.Completions, dialect.Chat},
			{formats.Embeddings, dialect.Embeddings},
			{formats.Moderations, dialect.Moderation},
			{formats.Rerank, dialect.Rerank},
			{&gemini.Embeddings{Model: "m"}, dialect.Embeddings},
			{&gemini.Embeddings{Model: "m", Batch: true}, dialect.Embeddings},
			{&gemini.Predict{Embeddings: gemini.Embeddings{Model: "m"}}, dialect.Embeddings},
		} {
			for key, way := range ways {
				r, err := c.in.DecodeRequest(body.Copy([]byte(src)))
				if err != nil {
					break
				}
				if key.Client != r.Original.Dialect || key.Capability != c.capability {
					continue
				}
				if c.in == formats.Completions { // nothing else is bounded
					r.Bound = 7
				}
				if size := way.MeasurePrompt(r); size.Most < 0 || size.Prompts < 0 {
					t.Fatalf("%+v measures %+v: %q", key, size, src)
				}
				way.EstimatePrompt(r, wordMeter{}.Count)
				if m, err := way.EncodeRequest(r, dialect.Target{Model: "x", MaxOutput: 1000}); err == nil {
					out, err := io.ReadAll(m.Reader())
					if err != nil || !json.Valid(out) {
						t.Fatalf("%+v: no JSON: %q", key, out)
					}
				}
				if a, err := way.ReadAnswer(r, body.Copy([]byte(answer)), wordMeter{}); err == nil && a.Body != nil && !json.Valid(a.Body) {
					t.Fatalf("%+v: no JSON: %q", key, a.Body)
				}
			}
		}
	})
}
