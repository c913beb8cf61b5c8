package relayapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/catalog"
	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

// instruct is a model that completes texts and does not converse.
func instruct(s *settings) {
	s.vendors = func(simulator string, _ *provider.Server) []otherVendor {
		return []otherVendor{{model: "demo/instruct", dialect: "openai", base: simulator + "/v1", secret: provider.KeyPrefix + "i", upstream: provider.ModelInstruct, capability: "completions"}}
	}
}

type textCompletion struct {
	ID, Object, Model string
	Choices           []struct {
		Text     string
		Index    int
		Logprobs *struct {
			Tokens []string
			Offset []int `json:"text_offset"`
		}
		Finish string `json:"finish_reason"`
	}
	Usage *struct {
		Prompt     int64 `json:"prompt_tokens"`
		Completion int64 `json:"completion_tokens"`
		Total      int64 `json:"total_tokens"`
		Cost       float64
	}
}

// streamed puts a stream of text_completion objects together.
func streamed(t testing.TB, a answer) (texts map[int]string, finish string, last textCompletion) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	all := events(t, a.body)
	require.Equal(t, "[DONE]", all[len(all)-1])
	texts = map[int]string{}
	for _, data := range all[:len(all)-1] {
		if strings.Contains(data, `"object":""`) {
			continue // what Azure's filter has to say
		}
		last = parse[textCompletion](t, data)
		require.Equal(t, "text_completion", last.Object)
		require.True(t, strings.HasPrefix(last.ID, "cmpl-"), last.ID)
		for _, c := range last.Choices {
			texts[c.Index] += c.Text
			if c.Finish != "" {
				finish = c.Finish
			}
		}
	}
	return texts, finish, last
}

// TestCompletionsPass has a model that completes texts: whatever a request asks for reaches it as it came.
func TestCompletionsPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t, instruct)
	sent := `{"x_new":[1,2],"model":"demo/instruct","prompt":["one two","three"],"echo":true,"suffix":"end","n":2,"best_of":3,"logprobs":2,"max_tokens":5}`
	a := w.post(t, "/v1/completions", sent)
	require.Equal(t, http.StatusOK, a.status, a.body)
	got := parse[textCompletion](t, a.body)
	require.Len(t, got.Choices, 4)
	require.Equal(t, "one twoone two", got.Choices[0].Text, "the echo, and what the simulator echoes")
	require.Equal(t, []string{"one two", "one", " two"}, got.Choices[0].Logprobs.Tokens)
	require.Equal(t, 3, got.Choices[3].Index)
	require.Equal(t, "stop", got.Choices[0].Finish)
	require.Equal(t, strings.Replace(sent, "demo/instruct", "demo-instruct", 1), w.sim.Report().Recent[0].Body)
	e := w.event(t, 0)
	require.Equal(t, "completions", e.Capability)
	require.Equal(t, "in_text:3 out_text:9", counts(e), "three are written to each prompt, two are shown")
	require.Equal(t, usage.Reported, e.Counts.From[usage.OutText])
	require.Equal(t, e.Estimate.String(), a.header.Get("X-Starlane-Cost-Usd"))

	texts, finish, last := streamed(t, w.post(t, "/v1/completions", `{"model":"demo/instruct","prompt":"one two three","stream":true,"max_tokens":2}`))
	require.Equal(t, map[int]string{0: "one two"}, texts)
	require.Equal(t, "length", finish)
	require.Nil(t, last.Usage, "it was asked for by the relay alone")
	require.NotContains(t, w.sim.Report().Recent[1].Body, `"usage"`)
	require.Contains(t, w.sim.Report().Recent[1].Body, `"include_usage":true`)
	require.Equal(t, "in_text:3 out_text:2", counts(w.event(t, 1)))

	texts, _, last = streamed(t, w.post(t, "/v1/completions", `{"model":"demo/instruct","prompt":[[1,2],[3]],"stream":true,"stream_options":{"include_usage":true},"usage":{"include":true}}`))
	require.Len(t, texts, 2)
	require.Equal(t, int64(3), last.Usage.Prompt, "a number is a token")
	require.Positive(t, last.Usage.Cost)
}

// TestCompletionsByConversation asks models that only converse, of every vendor.
func TestCompletionsByConversation(t *testing.T) {
	t.Parallel()
	for _, model := range strings.Fields(echoes) {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.post(t, "/v1/completions", `{"model":"`+model+`","prompt":"one \"two\" é","max_tokens":50,"usage":{"include":true}}`)
			require.Equal(t, http.StatusOK, a.status, a.body)
			got := parse[textCompletion](t, a.body)
			require.Equal(t, "text_completion", got.Object)
			require.Equal(t, model, got.Model)
			require.Equal(t, `one "two" é`, got.Choices[0].Text)
			require.Equal(t, "stop", got.Choices[0].Finish)
			e := w.event(t, 0)
			require.Equal(t, "completions", e.Capability)
			require.Equal(t, e.Counts.Input(), got.Usage.Prompt)
			require.Equal(t, e.Counts.Output(), got.Usage.Completion)
			require.Positive(t, got.Usage.Cost)

			texts, finish, last := streamed(t, w.post(t, "/v1/completions", `{"model":"`+model+`","prompt":"`+strings.Repeat("word ", 30)+`","stream":true,"stream_options":{"include_usage":true}}`))
			require.Len(t, strings.Fields(texts[0]), 16, "the API's own bound")
			require.Equal(t, "length", finish)
			require.Equal(t, int64(16), last.Usage.Completion)
			require.Contains(t, counts(w.event(t, 1)), "out_text:16")

			for param, member := range map[string]string{
				"suffix": `"suffix":"x"`, "echo": `"echo":true`, "best_of": `"best_of":2`, "n": `"n":2`, "logprobs": `"logprobs":0`,
				"logit_bias": `"logit_bias":{"1":1}`, "max_tokens": `"max_tokens":0`, "prompt": `"prompt":["a","b"]`,
			} {
				body := `{"model":"` + model + `","prompt":"a",` + member + `}`
				if param == "prompt" {
					body = `{"model":"` + model + `",` + member + `}`
				}
				a := w.post(t, "/v1/completions", body)
				require.Equal(t, http.StatusBadRequest, a.status, "%s: %s", param, a.body)
				require.Equal(t, "unsupported_parameter", errorCode(t, a.body))
				require.Contains(t, a.body, `"param":"`+param+`"`)
			}
			a = w.post(t, "/v1/completions", `{"model":"`+model+`","prompt":"a b","echo":true}`, "X-Starlane-Compat", "lenient")
			require.Equal(t, "drop:echo", a.header.Get("X-Starlane-Warnings"))
		})
	}
}

func TestCompletionsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, instruct)
	for body, param := range map[string]string{
		`{"prompt":"a"}`: "model", `{"model":"demo/instruct"}`: "prompt", `{"model":"demo/instruct","prompt":{}}`: "prompt",
		`{"model":"demo/instruct","prompt":"a","n":0}`: "n", `{"model":"demo/instruct","prompt":"a","best_of":1.5}`: "best_of",
		`{"model":"demo/instruct","prompt":"a","service_tier":"flex"}`: "service_tier", `{"model":"demo/embed","prompt":"a"}`: "model",
		`{"model":"demo/instruct","prompt":"a","stream":1}`: "stream", `{"model":"demo/instruct","prompt":"a","Prompt":"b"}`: "prompt",
	} {
		a := w.post(t, "/v1/completions", body)
		require.Equal(t, http.StatusBadRequest, a.status, "%s: %s", body, a.body)
		require.Equal(t, "invalid_request", errorCode(t, a.body))
		require.Contains(t, a.body, `"param":"`+param+`"`)
	}
	a := w.post(t, "/v1/completions", `{"model":"demo/instruct","prompt":"a","best_of":1,"n":2}`)
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Contains(t, a.body, "best_of must be at least n", "in the upstream's words")
	a = w.post(t, "/v1/chat/completions", `{"model":"demo/instruct","messages":[{"role":"user","content":"a"}]}`)
	require.Contains(t, a.body, "cannot be used for chat")
	require.Contains(t, w.post(t, "/completions", `{}`).body, "Did you mean /v1/completions?")
}

// TestCompletionsFail: a stream that breaks off is an error, and what was written by then is billed.
func TestCompletionsFail(t *testing.T) {
	t.Parallel()
	for _, fault := range []provider.Kind{provider.Cut, provider.ErrorEvent, provider.Garbage, provider.NoDone} {
		w := newWorld(t, instruct)
		require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: fault, AfterChunks: 2}}))
		a := w.post(t, "/v1/completions", `{"model":"demo/instruct","prompt":"one two three four","stream":true}`)
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.NotContains(t, a.body, "[DONE]", fault)
		require.Contains(t, a.body, `"error":{`, fault)
		e := w.event(t, 0)
		require.Equal(t, usage.Cut, e.Outcome, fault)
		require.Equal(t, "in_text:4 out_text:2", counts(e), fault)
	}
	w := newWorld(t, instruct)
	require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.NoUsage}}))
	texts, _, _ := streamed(t, w.post(t, "/v1/completions", `{"model":"demo/instruct","prompt":"one two ","echo":true,"stream":true}`))
	require.Equal(t, "one two one two ", texts[0])
	require.Equal(t, "in_text:2 out_text:2", counts(w.event(t, 0)), "what is echoed was not written")
	w.post(t, "/v1/completions", `{"model":"demo/instruct","prompt":"one two ","echo":true}`)
	e := w.event(t, 1)
	require.Equal(t, "in_text:2 out_text:2", counts(e))
	require.Equal(t, usage.Estimated, e.Counts.From[usage.OutText])
}

// TestCompletionsKeepToTheCredit: where the credit covers no longest answer, the upstream is told a bound.
func TestCompletionsKeepToTheCredit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, instruct)
	w.mu.Lock()
	w.credit = 12_000_000
	w.mu.Unlock()
	a := w.post(t, "/v1/completions", `{"model":"demo/instruct","prompt":"a"}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, w.sim.Report().Recent[0].Body, `"max_tokens":4096`)
	a = w.post(t, "/v1/completions", `{"model":"demo/echo","prompt":"a"}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, w.sim.Report().Recent[1].Body, `"max_completion_tokens":16`, "what the API has bounded is not unbound")
	a = w.post(t, "/v1/completions", `{"model":"demo/instruct","prompt":["a","b","c","d"]}`)
	require.Equal(t, http.StatusPaymentRequired, a.status, "four answers are dearer")
}

// TestCompletionsOfClouds: each cloud's models complete texts by conversing; Azure has models that complete texts themselves, and
// vectors of each format.
func TestCompletionsOfClouds(t *testing.T) {
	t.Parallel()
	eachCloud(t, func(t *testing.T, w *world, model, bad string) {
		a := w.post(t, "/v1/completions", `{"model":"`+model+`","prompt":"one two"}`)
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Equal(t, "one two", parse[textCompletion](t, a.body).Choices[0].Text)
		require.Equal(t, http.StatusBadGateway, w.post(t, "/v1/completions", `{"model":"`+bad+`","prompt":"a"}`).status)
	})
	for _, version := range []string{"", "2024-10-21"} {
		w := newWorld(t, func(s *settings) {
			s.vendors = func(simulator string, _ *provider.Server) []otherVendor {
				at := otherVendor{dialect: catalog.AzureOpenAI, base: simulator, secret: provider.KeyPrefix + "z", place: catalog.Place{APIVersion: version}}
				text, vector := at, at
				text.model, text.upstream, text.capability = "azure/instruct", provider.ModelInstruct, "completions"
				vector.model, vector.upstream, vector.capability = "azure/embed", provider.ModelEmbed, "embeddings"
				return []otherVendor{text, vector}
			}
		})
		texts, _, _ := streamed(t, w.post(t, "/v1/completions", `{"model":"azure/instruct","prompt":"one two","stream":true}`))
		require.Equal(t, map[int]string{0: "one two"}, texts)
		require.Equal(t, "in_text:2 out_text:2", counts(w.event(t, 0)))
		a := w.post(t, "/v1beta/models/azure/embed:embedContent", `{"content":{"parts":[{"text":"a"}]},"outputDimensionality":4}`)
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Len(t, parse[geminiVectors](t, a.body).Embedding.Values, 4)
	}
}
