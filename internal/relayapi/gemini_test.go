package relayapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

const (
	echoes         = "demo/echo claude/echo gemini/echo"
	weatherDeclare = `"tools":[{"functionDeclarations":[{"name":"get_weather","parameters":{"type":"OBJECT","properties":{"city":{"type":"STRING"}},"required":["city"]}}]}]`
)

// gemContent is a content of Gemini's API. Parts stay as they came, as clients keep them.
type gemContent struct {
	Role  string            `json:"role"`
	Parts []json.RawMessage `json:"parts"`
}

type gemPart struct {
	Text      string
	Thought   bool
	Signature string `json:"thoughtSignature"`
	Call      *struct {
		ID, Name string
		Args     json.RawMessage
	} `json:"functionCall"`
}

type gemAnswer struct {
	Candidates []struct {
		Content gemContent
		Index   int
		Finish  string `json:"finishReason"`
	}
	Usage struct {
		Prompt     int64 `json:"promptTokenCount"`
		Candidates int64 `json:"candidatesTokenCount"`
		Thoughts   int64 `json:"thoughtsTokenCount"`
		Total      int64 `json:"totalTokenCount"`
	} `json:"usageMetadata"`
	Version string `json:"modelVersion"`
	ID      string `json:"responseId"`
	Error   *struct {
		Code            int
		Message, Status string
	}
}

// gemini asks in one of the forms of the API: whole, events or array.
func (w *world) gemini(t testing.TB, model, form, body string) answer {
	t.Helper()
	method := map[string]string{"whole": "generateContent", "events": "streamGenerateContent?alt=sse", "array": "streamGenerateContent"}[form]
	return w.post(t, "/v1beta/models/"+model+":"+method, body, "Authorization", "", "X-Goog-Api-Key", w.key)
}

// chunks reads an answer in any form.
func chunks(t testing.TB, a answer) []gemAnswer {
	t.Helper()
	require.NoError(t, a.err)
	switch {
	case strings.HasPrefix(a.header.Get("Content-Type"), "text/event-stream"):
		var out []gemAnswer
		for _, data := range events(t, a.body) {
			out = append(out, parse[gemAnswer](t, data))
		}
		return out
	case strings.HasPrefix(a.body, "["):
		return parse[[]gemAnswer](t, a.body)
	default:
		return []gemAnswer{parse[gemAnswer](t, a.body)}
	}
}

// folded puts an answer together as clients do, which keep the parts of all chunks.
func folded(t testing.TB, a answer) (turn gemContent, parts []gemPart, last gemAnswer) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	all := chunks(t, a)
	turn.Role = "model"
	for i, c := range all {
		require.Nil(t, c.Error, a.body)
		require.NotEmpty(t, c.Version)
		require.Equal(t, all[0].ID, c.ID)
		require.Equal(t, i == len(all)-1, c.Candidates[0].Finish != "", "one finish, on the last chunk: %s", a.body)
		require.Equal(t, "model", c.Candidates[0].Content.Role)
		turn.Parts = append(turn.Parts, c.Candidates[0].Content.Parts...)
	}
	for _, raw := range turn.Parts {
		parts = append(parts, parse[gemPart](t, string(raw)))
	}
	return turn, parts, all[len(all)-1]
}

func said(parts []gemPart) (text, thoughts string) {
	for _, p := range parts {
		if p.Thought {
			thoughts += p.Text
		} else {
			text += p.Text
		}
	}
	return text, thoughts
}

// TestGeminiEveryPairAnswers asks for a model of each vendor in each form of Gemini's API, and in the others' formats for one of
// Gemini.
func TestGeminiEveryPairAnswers(t *testing.T) {
	t.Parallel()
	for _, model := range strings.Fields(echoes) {
		for _, form := range []string{"whole", "events", "array"} {
			t.Run(model+"/"+form, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				a := w.gemini(t, model, form, `{"contents":[{"parts":[{"text":"one \"two\" é three"}]}],"generation_config":{"max_output_tokens":500}}`)
				_, parts, last := folded(t, a)
				text, _ := said(parts)
				require.Equal(t, `one "two" é three`, text)
				require.Equal(t, "STOP", last.Candidates[0].Finish)
				kind := "application/json"
				if form == "events" {
					kind = "text/event-stream; charset=utf-8"
				}
				require.Equal(t, kind, a.header.Get("Content-Type"))
				e := w.event(t, 0)
				require.Equal(t, usage.OK, e.Outcome)
				require.Equal(t, e.Counts.Input(), last.Usage.Prompt, "the client is told what is billed")
				require.Equal(t, e.Counts.Output(), last.Usage.Candidates+last.Usage.Thoughts)
				require.Equal(t, usage.Reported, e.Counts.From[usage.OutText])
				require.Equal(t, form != "whole", e.Streamed)
				r := w.sim.Report().Recent[0]
				require.Empty(t, r.Header.Get("X-Client"), "no header of the client reaches the upstream")
				require.NotContains(t, fmt.Sprint(r.Header), w.key)
			})
		}
	}
	for _, stream := range []string{"false", "true"} {
		w := newWorld(t)
		turn := `,"stream":` + stream + `,"messages":[{"role":"user","content":"one \"two\" é three"}]`
		chat := w.post(t, "/v1/chat/completions", `{"model":"gemini/echo","stream_options":{"include_usage":true}`+turn+`}`)
		require.Equal(t, http.StatusOK, chat.status, chat.body)
		msg := w.messages(t, "gemini/echo", turn)
		require.Equal(t, http.StatusOK, msg.status, msg.body)
		if stream == "true" {
			require.Contains(t, chat.body, `"finish_reason":"stop"`)
			require.True(t, strings.HasSuffix(chat.body, "data: [DONE]\n\n"))
			require.Contains(t, msg.body, `"type":"message_stop"`)
		} else {
			require.Contains(t, chat.body, `"content":"one \"two\" é three"`)
			require.Equal(t, `one "two" é three`, parse[message](t, msg.body).Content[0].Text)
		}
		for n := range 2 {
			e := w.event(t, n)
			require.Equal(t, usage.OK, e.Outcome)
			require.Positive(t, e.Counts.Output())
		}
	}
}

// TestGeminiFaults: before the answer an error with a status, in the middle of it one that the vendor's clients see, never an end
// as if all were well.
func TestGeminiFaults(t *testing.T) {
	t.Parallel()
	long := `{"contents":[{"parts":[{"text":"one two three four five six seven eight"}]}]}`
	for _, model := range strings.Fields(echoes) {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := func(kind provider.Kind, status int, name string) {
				require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: kind}}))
				for _, form := range []string{"whole", "events", "array"} {
					a := w.gemini(t, model, form, long)
					require.Equal(t, status, a.status, a.body)
					got := parse[gemAnswer](t, a.body).Error
					require.Equal(t, status, got.Code)
					require.Equal(t, name, got.Status)
					require.NotEmpty(t, got.Message)
				}
			}
			before(provider.Overloaded, http.StatusServiceUnavailable, "UNAVAILABLE")
			before(provider.BadKey, http.StatusBadGateway, "INTERNAL")
			before(provider.RateLimit, http.StatusTooManyRequests, "RESOURCE_EXHAUSTED")
			before(provider.Quota, http.StatusServiceUnavailable, "UNAVAILABLE")
			for _, kind := range []provider.Kind{provider.Cut, provider.ErrorEvent, provider.NoDone, provider.Garbage} {
				require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: kind, AfterChunks: 3}}))
				a := w.gemini(t, model, "events", long)
				require.Equal(t, http.StatusOK, a.status)
				require.NotContains(t, a.body, "finishReason", kind)
				at := strings.LastIndex(a.body, "\n{")
				require.Positive(t, at, "the error stands bare: %s", a.body)
				require.NotNil(t, parse[gemAnswer](t, a.body[at+1:]).Error)
				require.Error(t, a.err, "the connection breaks, for clients that read data lines alone")
				all := chunks(t, w.gemini(t, model, "array", long))
				require.NotNil(t, all[len(all)-1].Error)
				require.Nil(t, all[len(all)-2].Error)
			}
			n := 12 // of the faults before the answer
			for ; n < 20; n++ {
				e := w.event(t, n)
				require.Equal(t, usage.Cut, e.Outcome)
				require.Positive(t, e.Counts.Output(), "what was delivered is billed")
				require.Positive(t, e.Counts.Input())
			}
			require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.NoUsage}}))
			_, _, last := folded(t, w.gemini(t, model, "whole", long))
			e := w.event(t, n)
			require.Equal(t, usage.Estimated, e.Counts.From[usage.OutText])
			if model != "gemini/echo" { // whose bytes pass
				require.Equal(t, e.Counts.Output(), last.Usage.Candidates)
			}
		})
	}
}

func TestGeminiFaultsSpeakTheOthersFormats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	turn := `"messages":[{"role":"user","content":"one two three four five six seven eight"}]`
	require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.BadKey}}))
	a := w.post(t, "/v1/chat/completions", `{"model":"gemini/echo",`+turn+`}`)
	require.Equal(t, http.StatusBadGateway, a.status, a.body)
	require.Equal(t, "upstream_auth", errorCode(t, a.body))
	for _, kind := range []provider.Kind{provider.Cut, provider.ErrorEvent, provider.NoDone} {
		require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: kind, AfterChunks: 3}}))
		a = w.post(t, "/v1/chat/completions", `{"model":"gemini/echo","stream":true,`+turn+`}`)
		require.NotContains(t, a.body, "[DONE]")
		require.Contains(t, a.body, `"error":{`)
		a = w.messages(t, "gemini/echo", `,"stream":true,`+turn)
		require.NotContains(t, a.body, "message_stop")
		require.Contains(t, a.body, "event: error\n")
	}
	require.NoError(t, w.sim.SetFaults(nil))
	a = w.post(t, "/v1/chat/completions", `{"model":"gemini/echo","temperature":3,`+turn+`}`)
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Contains(t, a.body, "temperature must be in the range", "a mistake of the client is told in the vendor's words")
}

func TestGeminiKeysAndPaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"contents":[{"parts":[{"text":"a"}]}]}`
	for path, headers := range map[string][]string{
		"/v1beta/models/gemini/echo:generateContent":                                           nil,
		"/v1beta/gemini/echo:generateContent":                                                  nil,
		"/v1/models/gemini/echo:generateContent":                                               {"Authorization", "", "X-Goog-Api-Key", w.key},
		"/v1alpha/models/gemini%2Fecho:generateContent":                                        {"Authorization", "", "X-Goog-Api-Key", w.key},
		"/v1/projects/p/locations/global/publishers/google/models/gemini/echo:generateContent": nil,
		"/v1beta1/publishers/google/models/gemini/echo:generateContent":                        nil,
		"/v1beta/models/demo/auto:generateContent?key=" + w.key:                                {"Authorization", ""},
		"/v1/models/claude/echo:generateContent?alt=json&key=" + w.key:                         {"Authorization", ""},
	} {
		a := w.post(t, path, body, headers...)
		require.Equal(t, http.StatusOK, a.status, "%s: %s", path, a.body)
	}
	refused := func(path, body string, status int, name string, headers ...string) string {
		a := w.post(t, path, body, headers...)
		e := parse[gemAnswer](t, a.body).Error
		require.Equal(t, status, a.status, a.body)
		require.Equal(t, status, e.Code)
		require.Equal(t, name, e.Status)
		require.Contains(t, a.body, a.header.Get("X-Request-Id"))
		return a.body
	}
	at := "/v1beta/models/gemini/echo:generateContent"
	refused(at, body, 401, "UNAUTHENTICATED", "Authorization", "")
	refused(at+"?key=sk-sl-wrong", body, 401, "UNAUTHENTICATED", "Authorization", "")
	refused("/v1beta/models/none:generateContent", body, 404, "NOT_FOUND")
	refused("/v1beta/models/gemini/echo:dance", body, 404, "NOT_FOUND")
	refused("/v1beta/nowhere", body, 404, "NOT_FOUND")
	refused(at, `{"contents":[{"parts":[{"text":"a"}]}],"cachedContent":"cachedContents/x"}`, 400, "INVALID_ARGUMENT")
	require.Contains(t, refused(at, `{"contents":{}}`, 400, "INVALID_ARGUMENT"), `"fieldViolations":[{"field":"contents"`)
	w.mu.Lock()
	w.refuse = noCredit()
	w.mu.Unlock()
	refused(at, body, 402, "FAILED_PRECONDITION")
}

func TestGeminiCountsTokensAndListsModels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, body := range []string{
		`{"contents":[{"parts":[{"text":"one two three"}]}]}`,
		`{"generateContentRequest":{"model":"models/gemini/echo","contents":[{"parts":[{"text":"one two three"}]}]}}`,
	} {
		a := w.post(t, "/v1beta/models/gemini/echo:countTokens", body)
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.JSONEq(t, `{"totalTokens":9}`, a.body)
	}
	require.Equal(t, http.StatusUnauthorized, w.post(t, "/v1beta/models/gemini/echo:countTokens", `{"contents":[]}`, "Authorization", "").status)
	require.Equal(t, http.StatusNotFound, w.post(t, "/v1beta/models/none:countTokens", `{"contents":[]}`).status)
	require.Zero(t, w.sim.Report().Total.Received, "nobody is asked")

	get := func(path string) answer {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, nil)
		require.NoError(t, err)
		req.Header.Set("X-Goog-Api-Key", w.key)
		return do(t, req)
	}
	for _, path := range []string{"/v1beta/models?pageSize=1000", "/v1/models", "/v1alpha/models"} {
		list := parse[struct {
			Models []struct {
				Name    string
				Input   int64    `json:"inputTokenLimit"`
				Methods []string `json:"supportedGenerationMethods"`
			}
		}](t, get(path).body)
		names := ""
		for _, m := range list.Models {
			names += m.Name + " "
			method := "generateContent"
			if strings.Contains(m.Name, "embed") {
				method = "embedContent"
			}
			require.Contains(t, m.Methods, method)
			require.Positive(t, m.Input)
		}
		require.Contains(t, names, "models/gemini/echo ")
		require.Contains(t, names, "demo/embed")
	}
	require.Contains(t, get("/v1beta/models/gemini/echo").body, `{"name":"models/gemini/echo"`)
	require.Contains(t, get("/v1beta/models/none").body, `"status":"NOT_FOUND"`)
	require.Contains(t, w.get(t, "/v1/models").body, `"object":"list"`, "others get the list in OpenAI's shape")
}

// TestGeminiHearsNoComments: its clients give up at them.
func TestGeminiHearsNoComments(t *testing.T) {
	t.Parallel()
	w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(rw, ": waking up\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"one\"}}]}\n\n: still here\n\n"+
			"data: {\"choices\":[{\"delta\":{\"content\":\" two\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	}))
	for _, form := range []string{"events", "array"} {
		a := w.gemini(t, "demo/echo", form, `{"contents":[{"parts":[{"text":"a"}]}]}`)
		_, parts, _ := folded(t, a)
		text, _ := said(parts)
		require.Equal(t, "one two", text)
		require.NotContains(t, a.body, ": waking")
		require.NotContains(t, a.body, ": still")
	}
}

// TestGeminiCutBeforeTheFirstPart: a call is told when it is whole, so a stream may break off before anything of it was.
func TestGeminiCutBeforeTheFirstPart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(rw, "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}}]}\n\n")
	}))
	a := w.gemini(t, "demo/echo", "array", `{"contents":[{"parts":[{"text":"a"}]}]}`)
	require.Equal(t, http.StatusOK, a.status)
	all := chunks(t, a)
	require.Len(t, all, 1)
	require.NotNil(t, all[0].Error)
	a = w.gemini(t, "demo/echo", "events", `{"contents":[{"parts":[{"text":"a"}]}]}`)
	require.NotNil(t, parse[gemAnswer](t, a.body).Error)
}

// TestGeminiKeepsToTheCredit: where the credit covers no longest answer, the upstream is told a bound, in every form of the body.
func TestGeminiKeepsToTheCredit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mu.Lock()
	w.credit = 12_000_000
	w.mu.Unlock()
	contents := `"contents":[{"parts":[{"text":"a"}]}]`
	for _, body := range []string{
		`{` + contents + `}`, `{` + contents + `,"generationConfig":null}`, `{` + contents + `,"generation_config":{ }}`,
		`{"generationConfig":{"temperature":1},` + contents + `}`, `{"generationConfig":{"maxOutputTokens":null},` + contents + `}`,
	} {
		a := w.gemini(t, "gemini/echo", "whole", body)
		require.Equal(t, http.StatusOK, a.status, "%s: %s", body, a.body)
		require.Contains(t, string(w.sim.Report().Recent[0].Body), `"maxOutputTokens":4096`)
	}
}
