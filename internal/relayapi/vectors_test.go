package relayapi_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/billing/pricing"
	"starlane/internal/catalog"
	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

// specialists are models that do one thing each, behind the simulator.
func specialists(s *settings) {
	s.vendors = func(simulator string, _ *provider.Server) []otherVendor {
		key := provider.KeyPrefix + "s"
		return []otherVendor{
			{model: "gemini/embed", dialect: "gemini", base: simulator + "/v1beta", secret: key, upstream: provider.ModelEmbed, capability: "embeddings"},
			{model: "demo/moderation", dialect: "openai", base: simulator + "/v1", secret: key, upstream: provider.ModelModeration, capability: "moderation", rates: pricing.RatesByName{"request": 0}},
			{model: "omni-moderation-latest", dialect: "openai", base: simulator + "/v1", secret: key, upstream: provider.ModelModeration, capability: "moderation", rates: pricing.RatesByName{"request": 2_000_000_000}},
			{model: "demo/unpriced", dialect: "openai", base: simulator + "/v1", secret: key, upstream: provider.ModelModeration, capability: "moderation"},
			{model: "jina/rerank", dialect: "openai", base: simulator + "/v1", secret: key, upstream: provider.ModelRerank, capability: "rerank", rates: pricing.RatesByName{"in_text": 1_000_000_000}},
			{model: "cohere/rerank", dialect: "openai", base: simulator + "/v2", secret: key, upstream: provider.ModelRerank, capability: "rerank", rates: pricing.RatesByName{"search_query": 2_000_000_000_000}},
			{model: "lost/rerank", dialect: "openai", base: simulator + "/v2", secret: key, upstream: provider.ModelRerank, capability: "rerank", rates: pricing.RatesByName{"out_text": 1}},
		}
	}
}

type openaiVectors struct {
	Object string
	Model  string
	Data   []struct {
		Object    string
		Index     int
		Embedding any
	}
	Usage struct {
		Prompt int64 `json:"prompt_tokens"`
		Total  int64 `json:"total_tokens"`
	}
}

// floats reads a vector in either of the two ways to write it.
func floats(t testing.TB, v any) (out []float32) {
	t.Helper()
	if text, ok := v.(string); ok {
		raw, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		for i := 0; i < len(raw); i += 4 {
			out = append(out, math.Float32frombits(binary.LittleEndian.Uint32(raw[i:])))
		}
		return out
	}
	for _, f := range v.([]any) {
		out = append(out, float32(f.(float64)))
	}
	return out
}

// TestVectorsFromOpenAI asks both kinds of upstreams in every form of the API: one text has one vector, however it travels.
func TestVectorsFromOpenAI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specialists)
	var want []float32
	for n, ask := range []struct{ model, format string }{{"demo/embed", ""}, {"demo/embed", "base64"}, {"gemini/embed", ""}, {"gemini/embed", "float"}, {"gemini/embed", "base64"}} {
		body := `{"model":"` + ask.model + `","input":["one \"two\" é","three"],"dimensions":8`
		if ask.format != "" {
			body += `,"encoding_format":"` + ask.format + `"`
		}
		a := w.post(t, "/v1/embeddings", body+`}`)
		require.Equal(t, http.StatusOK, a.status, a.body)
		got := parse[openaiVectors](t, a.body)
		require.Equal(t, "list", got.Object)
		require.Len(t, got.Data, 2)
		require.Equal(t, []any{"embedding", 1}, []any{got.Data[1].Object, got.Data[1].Index})
		_, packed := got.Data[0].Embedding.(string)
		require.Equal(t, ask.format == "base64", packed)
		vector := floats(t, got.Data[0].Embedding)
		require.Len(t, vector, 8)
		if want == nil {
			want = vector
		}
		require.Equal(t, want, vector, "%v", ask)
		e := w.event(t, n)
		require.Equal(t, got.Usage.Prompt, e.Counts.Units[usage.InText], "the client is told what is billed")
		require.Equal(t, ask.model == "demo/embed", e.Counts.From[usage.InText] == usage.Reported, "Gemini does not report")
		require.Equal(t, e.Estimate.String(), a.header.Get("X-Starlane-Cost-Usd"))
		require.Positive(t, e.Estimate)
	}
	a := w.post(t, "/v1/embeddings", `{"model":"gemini/embed","input":"a","user":"u1"}`)
	require.Equal(t, "drop:user", a.header.Get("X-Starlane-Warnings"))
	require.Equal(t, http.StatusOK, w.post(t, "/v1/embeddings", `{"model":"demo/embed","input":[1,2,3]}`).status)
	a = w.post(t, "/v1/embeddings", `{"model":"gemini/embed","input":[1,2,3]}`)
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Equal(t, "unsupported_parameter", errorCode(t, a.body))
	require.Contains(t, a.body, `"param":"input"`)
	a = w.post(t, "/v1/embeddings", `{"model":"gemini/embed","input":"a","dimensions":0}`)
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Contains(t, a.body, "output_dimensionality", "in the upstream's words and the client's format")
	require.Equal(t, "invalid_request", errorCode(t, a.body))
}

type geminiVectors struct {
	Embedding  *struct{ Values []float32 }
	Embeddings []struct{ Values []float32 }
	Usage      struct {
		Prompt int64 `json:"promptTokenCount"`
	} `json:"usageMetadata"`
}

// TestVectorsFromGemini asks both kinds of upstreams by both methods, at each address that the vendor's clients know.
func TestVectorsFromGemini(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specialists)
	ask := func(base, model, method, body string) answer {
		return w.post(t, base+"/models/"+model+":"+method, body, "Authorization", "", "X-Goog-Api-Key", w.key)
	}
	want := floats(t, parse[openaiVectors](t, w.post(t, "/v1/embeddings", `{"model":"demo/embed","input":"one two","dimensions":8}`).body).Data[0].Embedding)
	content := `"content":{"parts":[{"text":"one two"}]},"outputDimensionality":8`
	for _, model := range []string{"gemini/embed", "demo/embed"} {
		for _, base := range []string{"/v1beta", "/v1"} {
			a := ask(base, model, "embedContent", `{`+content+`}`)
			require.Equal(t, http.StatusOK, a.status, a.body)
			require.Equal(t, want, parse[geminiVectors](t, a.body).Embedding.Values)
			a = ask(base, model, "batchEmbedContents", `{"requests":[{"model":"models/`+model+`",`+content+`},{"model":"models/`+model+`","content":{"parts":[{"text":"three"}]},"output_dimensionality":8}]}`)
			require.Equal(t, http.StatusOK, a.status, a.body)
			got := parse[geminiVectors](t, a.body)
			require.Len(t, got.Embeddings, 2)
			require.Equal(t, want, got.Embeddings[0].Values)
			require.Equal(t, model == "demo/embed", got.Usage.Prompt > 0)
		}
	}
	for n := 1; n < 9; n++ {
		e := w.event(t, n)
		require.Equal(t, "embeddings", e.Capability)
		require.Equal(t, int64(2+1-n%2), e.Counts.Units[usage.InText], "event %d", n)
		require.Positive(t, e.Estimate)
	}
	a := ask("/v1beta", "demo/embed", "embedContent", `{"model":"models/demo/embed","taskType":"CLUSTERING","title":"t",`+content+`}`)
	require.Equal(t, "drop:taskType, drop:title", a.header.Get("X-Starlane-Warnings"))
	a = ask("/v1beta", "gemini/embed", "embedContent", `{"model":"models/gemini/embed","taskType":"CLUSTERING",`+content+`}`)
	require.Empty(t, a.header.Get("X-Starlane-Warnings"))
	recent := w.sim.Report().Recent
	require.Contains(t, recent[len(recent)-1].Body, `{"model":"models/demo-embed","taskType":"CLUSTERING",`)

	for body, status := range map[string]int{
		`{}`: 400, `{"content":"a"}`: 400, `{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}}`: 400,
		`{"model":"models/other",` + content + `}`: 400, `{` + content + `,"output_dimensionality":4}`: 400,
	} {
		a := ask("/v1beta", "demo/embed", "embedContent", body)
		require.Equal(t, status, a.status, a.body)
		require.Contains(t, a.body, `"status":"INVALID_ARGUMENT"`, "Gemini's errors for Gemini's paths: %s", body)
	}
	a = ask("/v1beta", "no/such", "batchEmbedContents", `{"requests":[]}`)
	require.Equal(t, http.StatusNotFound, a.status)
	require.Contains(t, a.body, `"status":"NOT_FOUND"`)
	a = ask("/v1beta", "demo/echo", "embedContent", `{`+content+`}`)
	require.Contains(t, a.body, "cannot be used for embeddings")
	a = ask("/v1beta", "demo/embed", "batchEmbedContents", `{"requests":[`+strings.TrimSuffix(strings.Repeat(`{"content":{"parts":[{"text":""}]}},`, 2), ",")+`]}`)
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Contains(t, a.body, "must not be an empty string", "in the upstream's words")
	require.Contains(t, a.body, `"status":"INVALID_ARGUMENT"`)
}

// TestVectorsFail: an answer that is none is not passed on, nor billed; one with too few vectors is none.
func TestVectorsFail(t *testing.T) {
	t.Parallel()
	for _, kind := range []provider.Kind{provider.Garbage, provider.Cut, provider.ServerError, provider.RateLimit} {
		w := newWorld(t, specialists)
		require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: kind}}))
		for _, a := range []answer{
			w.post(t, "/v1/embeddings", `{"model":"gemini/embed","input":"a"}`),
			w.post(t, "/v1beta/models/demo/embed:embedContent", `{"content":{"parts":[{"text":"a"}]}}`),
		} {
			require.GreaterOrEqual(t, a.status, 429, "%s: %s", kind, a.body)
		}
		require.Equal(t, usage.UpstreamError, w.event(t, 1).Outcome)
	}
	w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(rw, `{"data":[{"index":0,"embedding":[1]}],"usage":{"prompt_tokens":1,"total_tokens":1}}`)
	}))
	a := w.post(t, "/v1beta/models/demo/embed:batchEmbedContents", `{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}]}`)
	require.Equal(t, http.StatusBadGateway, a.status, a.body)
}

// TestVectorsOfVertex asks for vectors of models at Vertex AI in every format, and in Vertex AI's own for those of others.
func TestVectorsOfVertex(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) {
		specialists(s)
		others := s.vendors
		s.vendors = func(simulator string, sim *provider.Server) []otherVendor {
			at := catalog.Place{Region: "europe-west1", Project: "p"}
			return append(others(simulator, sim), otherVendor{model: "vertex/embed", dialect: catalog.VertexGemini, base: simulator, secret: sim.ServiceAccount(simulator), place: at, upstream: provider.ModelEmbed, capability: "embeddings"})
		}
	})
	want := floats(t, parse[openaiVectors](t, w.post(t, "/v1/embeddings", `{"model":"demo/embed","input":"one two","dimensions":8}`).body).Data[0].Embedding)
	a := w.post(t, "/v1/embeddings", `{"model":"vertex/embed","input":["three","one two"],"dimensions":8,"encoding_format":"base64"}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, want, floats(t, parse[openaiVectors](t, a.body).Data[1].Embedding))
	e := w.event(t, 1)
	require.Equal(t, "in_text:3", counts(e))
	require.Equal(t, usage.Reported, e.Counts.From[usage.InText])
	a = w.post(t, "/v1beta/models/vertex/embed:embedContent", `{"content":{"parts":[{"text":"one two"}]},"outputDimensionality":8,"taskType":"CLUSTERING"}`)
	require.Equal(t, want, parse[geminiVectors](t, a.body).Embedding.Values)
	require.Empty(t, a.header.Get("X-Starlane-Warnings"))

	for _, model := range []string{"vertex/embed", "gemini/embed", "demo/embed"} {
		ask := func(body string) answer {
			return w.post(t, "/v1/projects/p/locations/l/publishers/google/models/"+model+":predict", body)
		}
		a := ask(`{"instances":[{"content":"one two","task_type":"CLUSTERING"}],"parameters":{"outputDimensionality":8}}`)
		require.Equal(t, http.StatusOK, a.status, a.body)
		got := parse[struct {
			Predictions []struct {
				Embeddings struct {
					Values     []float32
					Statistics struct {
						Tokens int `json:"token_count"`
					}
				}
			}
		}](t, a.body)
		require.Equal(t, want, got.Predictions[0].Embeddings.Values)
		require.Equal(t, 2, got.Predictions[0].Embeddings.Statistics.Tokens)
		require.Equal(t, map[string]string{"demo/embed": "drop:instances.task_type"}[model], a.header.Get("X-Starlane-Warnings"))
		for _, body := range []string{`{}`, `{"instances":[{"image":{}}]}`, `{"instances":[{"content":"a"}],"parameters":{"outputDimensionality":0}}`} {
			a := ask(body)
			require.Equal(t, http.StatusBadRequest, a.status, a.body)
			require.Contains(t, a.body, `"status":"INVALID_ARGUMENT"`, body)
		}
	}
}
