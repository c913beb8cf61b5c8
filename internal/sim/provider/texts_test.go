package provider_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/sim/provider"
)

// refusal reads an error in OpenAI's terms.
func refusal(t *testing.T, r reply) (message, param string) {
	t.Helper()
	var e struct {
		Error struct{ Message, Param string }
	}
	require.NoError(t, json.Unmarshal(r.body, &e), "%s", r.body)
	return e.Error.Message, e.Error.Param
}

func TestCompletions(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	ask := func(body string) reply { return send(t, t.Context(), http.MethodPost, s.url+"/v1/completions", body) }
	r := ask(`{"model":"demo-instruct","prompt":"` + strings.Repeat("word ", 30) + `"}`)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.Contains(t, string(r.body), `"completion_tokens":16`, "the API's bound")
	require.Contains(t, string(r.body), `"finish_reason":"length"`)
	r = ask(`{"model":"demo-instruct","prompt":"one two","max_tokens":0,"echo":true,"logprobs":1}`)
	require.Contains(t, string(r.body), `"text":"one two"`)
	require.Contains(t, string(r.body), `"completion_tokens":0`)
	r = ask(`{"model":"demo-instruct","prompt":"one two three","stop":" three","stream":true}`)
	require.Equal(t, 4, strings.Count(string(r.body), "data: "), "two words, the end, and the mark: %s", r.body)
	for body, want := range map[string]string{
		`{"model":"demo-echo","prompt":"a"}`: "model", `{"model":"demo-instruct"}`: "prompt", `{"model":"demo-instruct","prompt":[]}`: "prompt",
		`{"model":"demo-instruct","prompt":"a","n":"b"}`: "n", `{"model":"demo-instruct","prompt":"a","logprobs":6}`: "logprobs",
		`{"model":"demo-instruct","prompt":"a","best_of":2,"n":3}`: "best_of", `{"model":"demo-instruct","prompt":"a","best_of":2,"stream":true}`: "best_of",
		`{"model":"demo-instruct","prompt":"a","stop":["a","b","c","d","e"]}`: "stop", `{"model":"demo-instruct","prompt":"a","temperature":3}`: "temperature",
	} {
		message, param := refusal(t, ask(body))
		require.Equal(t, want, param, body)
		require.NotEmpty(t, message)
	}
	message, _ := refusal(t, send(t, t.Context(), http.MethodPost, s.url+"/v1/chat/completions", `{"model":"demo-instruct","messages":[{"role":"user","content":"a"}]}`))
	require.Contains(t, message, "not a chat model")
}

func TestModerations(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	ask := func(body string) reply { return send(t, t.Context(), http.MethodPost, s.url+"/v1/moderations", body) }
	r := ask(`{"input":["fine","hate"]}`)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.Equal(t, 1, strings.Count(string(r.body), `"flagged":true`))
	require.Equal(t, 2, strings.Count(string(r.body), `"category_scores"`))
	for _, body := range []string{`{}`, `{"input":[]}`, `{"input":5}`, `{"input":[{"type":"image_url"}]}`} {
		_, param := refusal(t, ask(body))
		require.Equal(t, "input", param, body)
	}
	require.Equal(t, http.StatusNotFound, ask(`{"model":"demo-echo","input":"a"}`).status)
}

func TestRerank(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	ask := func(version, body string) reply {
		return send(t, t.Context(), http.MethodPost, s.url+"/"+version+"/rerank", body)
	}
	request := `{"model":"demo-rerank","query":"a river","documents":["a hill",{"text":"a river"}],"top_n":1}`
	r := ask("v1", request)
	require.Contains(t, string(r.body), `"results":[{"index":1,"relevance_score":1}]`)
	require.Contains(t, string(r.body), `"total_tokens":8`)
	r = ask("v2", request)
	require.Contains(t, string(r.body), `"billed_units":{"search_units":1}`)
	require.NotContains(t, string(r.body), "usage")
	for _, body := range []string{`{"model":"demo-rerank","documents":["a"]}`, `{"model":"demo-rerank","query":"a","documents":[]}`, `{"model":"demo-rerank","query":"a","documents":[1]}`, `{"model":"demo-rerank","query":"a","documents":["a"],"top_n":0}`} {
		message, param := refusal(t, ask("v1", body))
		require.NotEmpty(t, param, body)
		var e struct{ ID, Message string }
		require.NoError(t, json.Unmarshal(ask("v2", body).body, &e))
		require.Equal(t, message, e.Message, "Cohere's errors are but a message")
		require.NotEmpty(t, e.ID)
	}
	require.NoError(t, s.SetFaults([]provider.Rule{{Kind: provider.RateLimit}}))
	r = ask("v2", request)
	require.Equal(t, http.StatusTooManyRequests, r.status)
	require.NotContains(t, string(r.body), `"error"`)
}
