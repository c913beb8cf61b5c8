package relayapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

func TestModerations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specialists)
	type moderations struct {
		ID, Model string
		Results   []struct {
			Flagged    bool
			Categories map[string]bool
			Applied    map[string][]string `json:"category_applied_input_types"`
		}
	}
	for n, input := range []string{
		`"some violence"`, `["fine","violence"]`, `[{"type":"text","text":"violence"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]`,
	} {
		body := `{"input":` + input + `,"model":"demo/moderation"}`
		a := w.post(t, "/v1/moderations", body)
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Equal(t, strings.Replace(body, "demo/moderation", "demo-moderation", 1), w.sim.Report().Recent[n].Body)
		got := parse[moderations](t, a.body)
		last := got.Results[len(got.Results)-1]
		require.True(t, last.Flagged && last.Categories["violence"], a.body)
		require.Len(t, got.Results, 1+n%2)
		require.Equal(t, "0.00", a.header.Get("X-Starlane-Cost-Usd"), "a price of zero is a price")
		e := w.event(t, n)
		require.Equal(t, usage.OK, e.Outcome)
		require.Equal(t, "moderation", e.Capability)
		require.Equal(t, "request:1", counts(e))
		require.Zero(t, e.Estimate)
	}
	for n, body := range []string{`{"input":"a"}`, `{"model":null,"input":"a"}`} { // the SDKs need not name a model
		a := w.post(t, "/v1/moderations", body)
		require.Equal(t, http.StatusOK, a.status, a.body)
		e := w.event(t, 3+n)
		require.Equal(t, "omni-moderation-latest", e.RequestedModel)
		require.Equal(t, "0.000002", e.Estimate.String())
		require.Equal(t, "0.000002", a.header.Get("X-Starlane-Cost-Usd"))
	}
	a := w.post(t, "/v1/moderations", `{"model":"demo/unpriced","input":"a"}`)
	require.Equal(t, http.StatusUnprocessableEntity, a.status, a.body)
	require.Equal(t, "model_unpriced", errorCode(t, a.body))
	require.Contains(t, a.body, "has no price for request")
	for body, param := range map[string]string{`{"model":"demo/moderation"}`: "input", `{"model":"demo/moderation","input":5}`: "input", `{"model":"","input":"a"}`: "model"} {
		a := w.post(t, "/v1/moderations", body)
		require.Equal(t, http.StatusBadRequest, a.status, a.body)
		require.Contains(t, a.body, `"param":"`+param+`"`)
	}
	a = w.post(t, "/v1/moderations", `{"model":"demo/moderation","input":[{"type":"audio"}]}`)
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Contains(t, a.body, "input[0]", "in the upstream's words")
	require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.Garbage}}))
	require.Equal(t, http.StatusBadGateway, w.post(t, "/v1/moderations", `{"model":"demo/moderation","input":"a"}`).status)
}

type ranking struct {
	ID      string
	Results []struct {
		Index    int
		Score    float64 `json:"relevance_score"`
		Document *struct{ Text string }
	}
	Message string
}

// TestRerank asks an upstream that bills tokens and one that bills searches.
func TestRerank(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specialists)
	for n, model := range []string{"jina/rerank", "cohere/rerank"} {
		body := `{"model":"` + model + `","query":"which river","documents":["a mountain","which river is it",{"title":"which river","text":"a lake"}],"top_n":2,"return_documents":true,"rank_fields":["title"]}`
		a := w.post(t, "/v"+[]string{"1", "2"}[n]+"/rerank", body)
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Equal(t, strings.Replace(body, model, "demo-rerank", 1), w.sim.Report().Recent[n].Body, "all else passes untouched")
		got := parse[ranking](t, a.body)
		require.Len(t, got.Results, 2)
		require.Equal(t, 1, got.Results[0].Index)
		require.Greater(t, got.Results[0].Score, got.Results[1].Score)
		require.Equal(t, "which river is it", got.Results[0].Document.Text)
		e := w.event(t, n)
		require.Equal(t, usage.OK, e.Outcome)
		require.Equal(t, "rerank", e.Capability)
		require.Equal(t, []string{"in_text:16", "search_query:1"}[n], counts(e))
		require.Equal(t, []string{"0.000016", "0.002"}[n], e.Estimate.String())
		require.Equal(t, e.Estimate.String(), a.header.Get("X-Starlane-Cost-Usd"))
		require.GreaterOrEqual(t, e.Reserved, e.Estimate)
	}
	a := w.post(t, "/v2/rerank", `{"model":"cohere/rerank","query":"a","documents":[`+strings.TrimSuffix(strings.Repeat(`"b",`, 250), ",")+`]}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	e := w.event(t, 2)
	require.Equal(t, "search_query:3", counts(e))
	require.Equal(t, e.Estimate, e.Reserved, "three searches were set aside")
	require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.NoUsage}}))
	w.post(t, "/v1/rerank", `{"model":"jina/rerank","query":"one two","documents":["three",{"text":"four"}]}`)
	e = w.event(t, 3)
	require.Equal(t, usage.Estimated, e.Counts.From[usage.InText])
	require.Equal(t, "in_text:6", counts(e), "the query counts for each document")
}

func TestRerankRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specialists)
	for body, param := range map[string]string{
		`{"query":"a","documents":["b"]}`: "model", `{"model":"jina/rerank","documents":["b"]}`: "query",
		`{"model":"jina/rerank","query":"a","documents":"b"}`: "documents", `{"model":"demo/echo","query":"a","documents":["b"]}`: "model",
		`{"model":"jina/rerank","query":"a","documents":["b"],"Documents":["c"]}`: "documents",
	} {
		a := w.post(t, "/v1/rerank", body)
		require.Equal(t, http.StatusBadRequest, a.status, a.body)
		require.Contains(t, a.body, `"param":"`+param+`"`)
		require.NotEmpty(t, errorCode(t, a.body))
		require.NotEmpty(t, parse[ranking](t, a.body).Message, "Cohere's clients read it there")
	}
	for _, model := range []string{"jina/rerank", "cohere/rerank"} {
		a := w.post(t, "/v1/rerank", `{"model":"`+model+`","query":"a","documents":["b"],"top_n":0}`)
		require.Equal(t, http.StatusBadRequest, a.status, a.body)
		require.Equal(t, "invalid request: top_n must be at least 1", parse[ranking](t, a.body).Message)
		require.Equal(t, "invalid_request", errorCode(t, a.body))
	}
	a := w.post(t, "/v1/rerank", `{"model":"lost/rerank","query":"a","documents":["b"]}`)
	require.Equal(t, http.StatusUnprocessableEntity, a.status, a.body)
	require.Contains(t, a.body, "has no price for search_query")
	require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.Quota}}))
	a = w.post(t, "/v1/rerank", `{"model":"cohere/rerank","query":"a","documents":["b"]}`)
	require.GreaterOrEqual(t, a.status, 429, a.body)
}

// TestEachModelIsListedAsWhatItIs in each format's list.
func TestEachModelIsListedAsWhatItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specialists)
	list := parse[modelsList](t, w.get(t, "/v1/models").body)
	for id, want := range map[string]string{"cohere/rerank": "scores", "demo/moderation": "scores", "gemini/embed": "embeddings", "demo/echo": "text"} {
		m := list.find(t, id)
		require.Equal(t, []string{want}, m.Architecture.Output, id)
	}
	require.Equal(t, "0.002", list.find(t, "cohere/rerank").Pricing["search"])
	require.Equal(t, "0", list.find(t, "demo/moderation").Pricing["request"])
	require.Equal(t, []string{"return_documents", "top_n"}, list.find(t, "jina/rerank").Parameters)
	require.Empty(t, list.find(t, "demo/moderation").Parameters)
	gemini := w.get(t, "/v1beta/models/gemini/embed").body
	require.Contains(t, gemini, `"supportedGenerationMethods":["embedContent","batchEmbedContents"]`)
	require.NotContains(t, w.get(t, "/v1beta/models").body, "rerank")
}

type modelsList struct {
	Data []listedModel
}

type listedModel struct {
	ID           string
	Architecture struct {
		Output []string `json:"output_modalities"`
	}
	Pricing    map[string]string
	Parameters []string `json:"supported_parameters"`
}

func (l *modelsList) find(t testing.TB, id string) listedModel {
	t.Helper()
	for _, m := range l.Data {
		if m.ID == id {
			return m
		}
	}
	t.Fatalf("%s is not listed", id)
	return listedModel{}
}
