package provider_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/sim/provider"
)

type geminiPart struct {
	Text      *string `json:"text,omitempty"`
	Thought   bool    `json:"thought,omitempty"`
	Signature string  `json:"thoughtSignature,omitempty"`
	Call      *struct {
		ID   string          `json:"id,omitempty"`
		Name string          `json:"name"`
		Args json.RawMessage `json:"args"`
	} `json:"functionCall,omitempty"`
}

type geminiContent struct {
	Role  string       `json:"role"`
	Parts []geminiPart `json:"parts"`
}

type geminiUsage struct {
	Prompt     int `json:"promptTokenCount"`
	Candidates int `json:"candidatesTokenCount"`
	Total      int `json:"totalTokenCount"`
	Cached     int `json:"cachedContentTokenCount"`
	Thoughts   int `json:"thoughtsTokenCount"`
	ToolUse    int `json:"toolUsePromptTokenCount"`
}

type geminiAnswer struct {
	Candidates []struct {
		Index    int           `json:"index"`
		Content  geminiContent `json:"content"`
		Finish   string        `json:"finishReason"`
		Logprobs *struct {
			Chosen []struct {
				Token string `json:"token"`
			} `json:"chosenCandidates"`
		} `json:"logprobsResult"`
	} `json:"candidates"`
	Feedback *struct {
		Reason string `json:"blockReason"`
	} `json:"promptFeedback"`
	Usage   *geminiUsage `json:"usageMetadata"`
	Version string       `json:"modelVersion"`
	ID      string       `json:"responseId"`
}

func (a geminiAnswer) texts(index int) (text, thoughts string) {
	for _, c := range a.Candidates {
		if c.Index != index {
			continue
		}
		for _, p := range c.Content.Parts {
			switch {
			case p.Text != nil && p.Thought:
				thoughts += *p.Text
			case p.Text != nil:
				text += *p.Text
			}
		}
	}
	return text, thoughts
}

// geminiChunks reads a stream of events or an array of chunks.
func geminiChunks(t testing.TB, r reply) []geminiAnswer {
	t.Helper()
	require.NoError(t, r.err)
	require.Equal(t, http.StatusOK, r.status, string(r.body))
	var out []geminiAnswer
	if r.header.Get("Content-Type") != "text/event-stream" {
		require.NoError(t, json.Unmarshal(r.body, &out), string(r.body))
		return out
	}
	events := strings.Split(string(r.body), "\r\n\r\n")
	require.Empty(t, events[len(events)-1])
	for _, e := range events[:len(events)-1] {
		data, ok := strings.CutPrefix(e, "data: ")
		require.True(t, ok, "event %q", e)
		var a geminiAnswer
		require.NoError(t, json.Unmarshal([]byte(data), &a), data)
		out = append(out, a)
	}
	return out
}

// fold puts chunks together as a client does, and fails on whatever a strict client would not take.
func fold(t testing.TB, chunks []geminiAnswer) geminiAnswer {
	t.Helper()
	var out geminiAnswer
	finishes := map[int]int{}
	for _, c := range chunks {
		require.Equal(t, chunks[0].ID, c.ID)
		require.NotEmpty(t, c.Version)
		for _, d := range c.Candidates {
			require.Equal(t, "model", d.Content.Role)
			require.Zero(t, finishes[d.Index], "content after the finish")
			if d.Finish != "" {
				finishes[d.Index]++
			}
		}
		if c.Usage != nil && out.Usage != nil {
			require.GreaterOrEqual(t, c.Usage.Candidates, out.Usage.Candidates, "usage is cumulative")
		}
		out.Candidates = append(out.Candidates, c.Candidates...)
		out.Usage, out.Feedback = c.Usage, c.Feedback
	}
	return out
}

func geminiHeaders(more ...string) []string {
	return append([]string{"Authorization", "", "x-goog-api-key", testKey}, more...)
}

func (s sim) gemini(t testing.TB, method, body string, header ...string) reply {
	t.Helper()
	return s.post(t, "/v1beta/models/demo-echo:"+method, body, geminiHeaders(header...)...)
}

// generate sends the same request in all three forms, and gives the whole answer on which they agree.
func (s sim) generate(t testing.TB, body string, header ...string) geminiAnswer {
	t.Helper()
	r := s.gemini(t, "generateContent", body, header...)
	require.Equal(t, http.StatusOK, r.status, string(r.body))
	var whole geminiAnswer
	require.NoError(t, json.Unmarshal(r.body, &whole), string(r.body))
	for _, method := range []string{"streamGenerateContent?alt=sse", "streamGenerateContent"} {
		chunks := geminiChunks(t, s.gemini(t, method, body, header...))
		got := fold(t, chunks)
		for _, c := range whole.Candidates {
			text, thoughts := whole.texts(c.Index)
			gotText, gotThoughts := got.texts(c.Index)
			require.Equal(t, text, gotText)
			require.Equal(t, thoughts, gotThoughts)
			finish := ""
			for _, d := range got.Candidates {
				if d.Index == c.Index && d.Finish != "" {
					finish = d.Finish
				}
			}
			require.Equal(t, c.Finish, finish)
		}
		require.Equal(t, whole.Feedback, got.Feedback)
		whole.Usage.Cached, got.Usage.Cached = 0, 0
		require.Equal(t, whole.Usage, got.Usage)
	}
	return whole
}

func geminiBody(text, more string) string {
	return `{"contents":[{"role":"user","parts":[{"text":` + quoted(text) + `}]}]` + more + `}`
}

const geminiTools = `,"tools":[{"functionDeclarations":[
	{"name":"get_weather","parameters":{"type":"OBJECT","properties":{"city":{"type":"STRING"},"days":{"type":"INTEGER","minimum":3}}}},
	{"name":"now","parametersJsonSchema":{"type":"object","additionalProperties":false}}]}]`

func TestGenerateContent(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	tests := []struct {
		name, body, text, finish     string
		prompt, candidates, thoughts int
	}{
		{"echo", geminiBody("Héllo <b>", ""), "Héllo <b>", "STOP", 12, 6, 0},
		{"no role, system", `{"contents":[{"parts":[{"text":"a"},{"text":"b"}]}],"systemInstruction":{"parts":[{"text":"be brief"}]}}`, "a\nb", "STOP", 13, 3, 0},
		{"snake case", `{"contents":[{"parts":[{"text":"a b c"}]}],"system_instruction":{"parts":[{"text":"x"}]},"generation_config":{"max_output_tokens":2}}`, "a b", "MAX_TOKENS", 13, 2, 0},
		{"stop", geminiBody("a b c", `,"generationConfig":{"stopSequences":[" c"]}`), "a b", "STOP", 9, 2, 0},
		{"json", geminiBody("q", `,"generationConfig":{"responseMimeType":"application/json"}`), `{"echo":"q"}`, "STOP", 7, 9, 0},
		{"schema", geminiBody("q", `,"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"OBJECT","properties":{"z":{"type":"STRING"}}}}`), `{"z":"q"}`, "STOP", 7, 9, 0},
		{"json schema", geminiBody("q", `,"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object","properties":{"z":{"const":1}}}}`), `{"z":1}`, "STOP", 7, 7, 0},
		{"thoughts", geminiBody("a", `,"generationConfig":{"thinkingConfig":{"thinkingLevel":"low","includeThoughts":true}}`), "a", "STOP", 7, 1, 64},
		{"hidden thoughts", geminiBody("a", `,"generationConfig":{"thinkingConfig":{"thinkingBudget":1024}}`), "a", "STOP", 7, 1, 128},
		{"thoughts eat the limit", geminiBody("a", `,"generationConfig":{"maxOutputTokens":50,"thinkingConfig":{"thinkingLevel":"HIGH"}}`), "", "MAX_TOKENS", 7, 0, 50},
		{"recitation", geminiBody("a b", `,"labels":{"x-sim-finish":"RECITATION"}`), "a b", "RECITATION", 8, 2, 0},
		{"malformed call", geminiBody("a b", `,"labels":{"x-sim-finish":"MALFORMED_FUNCTION_CALL"}`), "", "MALFORMED_FUNCTION_CALL", 8, 0, 0},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a := s.generate(t, tc.body)
			require.Len(t, a.Candidates, 1)
			text, thoughts := a.texts(0)
			require.Equal(t, tc.text, text)
			require.Equal(t, tc.name == "thoughts", thoughts != "")
			require.Equal(t, tc.finish, a.Candidates[0].Finish)
			require.Equal(t, geminiUsage{
				Prompt: tc.prompt, Candidates: tc.candidates, Thoughts: tc.thoughts, Total: tc.prompt + tc.candidates + tc.thoughts,
			}, *a.Usage)
		})
	}
	blocked := s.generate(t, geminiBody("a", ""), "x-sim-block", "SAFETY")
	require.Empty(t, blocked.Candidates)
	require.Equal(t, "SAFETY", blocked.Feedback.Reason)
	require.Equal(t, 7, blocked.Usage.Total)

	many := s.generate(t, geminiBody("a b", `,"generationConfig":{"candidateCount":3,"responseLogprobs":true}`))
	require.Len(t, many.Candidates, 3)
	require.Equal(t, " b", many.Candidates[2].Logprobs.Chosen[1].Token)
	require.Equal(t, 6, many.Usage.Candidates)

	searched := s.generate(t, geminiBody("a", `,"tools":[{"googleSearch":{}}]`))
	require.Equal(t, 32, searched.Usage.ToolUse)
	require.Equal(t, 7+32+1, searched.Usage.Total)
}

func TestGeminiFunctions(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	body := geminiBody("get_weather now", geminiTools)
	a := s.generate(t, body)
	parts := a.Candidates[0].Content.Parts
	require.Len(t, parts, 2)
	require.JSONEq(t, `{"city":"get_weather now","days":3}`, string(parts[0].Call.Args))
	require.NotEmpty(t, parts[0].Signature)
	require.Empty(t, parts[1].Signature, "only the first of parallel calls is signed")
	require.NotEqual(t, parts[0].Call.ID, parts[1].Call.ID)
	require.Equal(t, "STOP", a.Candidates[0].Finish)

	results := `{"role":"user","parts":[{"functionResponse":{"name":"get_weather","response":{"result":"42"}}},{"functionResponse":{"name":"now","response":{"h":1}}}]}`
	next := func(model []geminiPart, more string) reply {
		return s.gemini(t, "generateContent", `{"contents":[{"parts":[{"text":"x"}]},{"role":"model","parts":`+encoded(t, model)+`},`+more+`]`+geminiTools+`}`)
	}
	r := next(parts, results)
	require.Equal(t, http.StatusOK, r.status, string(r.body))
	require.Contains(t, string(r.body), quoted(`The tool answered: 42; {"h":1}`))

	change := func(signature string) []geminiPart {
		changed := append([]geminiPart(nil), parts...)
		changed[0].Signature = signature
		return changed
	}
	swapped := []geminiPart{parts[1], parts[0]}
	swapped[0].Signature, swapped[1].Signature = parts[0].Signature, ""
	tests := []struct {
		name    string
		model   []geminiPart
		more    string
		message string
	}{
		{"missing", change(""), results, "missing a thought_signature in functionCall parts"},
		{"corrupted", change("AAAA"), results, "Corrupted thought signature."},
		{"another call's", swapped, results, "Corrupted thought signature."},
		{"one result", parts, `{"parts":[{"functionResponse":{"name":"now","response":{}}}]}`, "number of function response parts is equal"},
		{"no result", parts, `{"parts":[{"text":"x"}]}`, "number of function response parts is equal"},
		{"result is no object", parts, `{"parts":[{"functionResponse":{"name":"now","response":"42"}},{"functionResponse":{"name":"now","response":{}}}]}`, "protobuf.Struct"},
	}
	for _, tc := range tests {
		r := next(tc.model, tc.more)
		require.Equal(t, http.StatusBadRequest, r.status, tc.name)
		require.Contains(t, rpcMessage(t, r.body, "INVALID_ARGUMENT"), tc.message, tc.name)
	}
	require.Equal(t, http.StatusOK, next(change("skip_thought_signature_validator"), results).status)
	require.Equal(t, http.StatusOK, next(change(""), results+`,{"role":"model","parts":[{"text":"a"}]},{"parts":[{"text":"b"}]}`).status, "an earlier turn")

	kept := []geminiPart{{Text: new(string)}}
	split := s.gemini(t, "generateContent", `{"contents":[{"parts":[{"text":"x"}]},{"role":"model","parts":`+encoded(t, parts[:1])+`},{"role":"model","parts":`+
		encoded(t, parts[1:])+`},{"role":"model","parts":`+encoded(t, kept)+`},`+results+`]`+geminiTools+`}`)
	require.Equal(t, http.StatusOK, split.status, "chunks that were kept as contents: %s", split.body)

	choices := []struct {
		text, config string
		names        []string
	}{
		{"hello", `{"mode":"ANY"}`, []string{"get_weather"}},
		{"hello", `{"mode":"any","allowedFunctionNames":["now"]}`, []string{"now"}},
		{"get_weather", `{"mode":"NONE"}`, nil},
		{"a tool", `{"mode":"AUTO"}`, []string{"get_weather", "now"}},
	}
	for _, tc := range choices {
		var names []string
		for _, p := range s.generate(t, geminiBody(tc.text, geminiTools+`,"toolConfig":{"functionCallingConfig":`+tc.config+`}`)).Candidates[0].Content.Parts {
			if p.Call != nil {
				names = append(names, p.Call.Name)
			}
		}
		require.Equal(t, tc.names, names, tc.config)
	}
}

// A signature can come on an empty text at the end of a stream, and goes back on that part.
func TestGeminiTextSignature(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	chunks := geminiChunks(t, s.gemini(t, "streamGenerateContent?alt=sse", geminiBody("a b", `,"generationConfig":{"thinkingConfig":{"thinkingLevel":"LOW"}}`)))
	last := chunks[len(chunks)-1].Candidates[0].Content.Parts[0]
	require.Empty(t, *last.Text)
	require.NotEmpty(t, last.Signature)
	next := func(signature string) int {
		return s.gemini(t, "generateContent", fmt.Sprintf(`{"contents":[{"parts":[{"text":"x"}]},{"role":"model","parts":[{"text":"a b"},
			{"text":"","thought_signature":%q}]},{"parts":[{"text":"y"}]}]}`, signature)).status
	}
	require.Equal(t, http.StatusOK, next(last.Signature))
	require.Equal(t, http.StatusBadRequest, next(last.Signature[:len(last.Signature)-8]))
	bare := `{"contents":[{"parts":[{"text":"x"}]},{"role":"model","parts":[{"text":"a b"},{"thoughtSignature":"` + last.Signature + `"}]},{"parts":[{"text":"y"}]}]}`
	require.Equal(t, http.StatusOK, s.gemini(t, "generateContent", bare).status, "clients that leave out empty texts")
}

func TestGeminiTokensAndCache(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	body := geminiBody(strings.Repeat("word ", 1300), geminiTools)
	ask := func() (a geminiAnswer) {
		require.NoError(t, json.Unmarshal(s.gemini(t, "generateContent", body).body, &a))
		return a
	}
	first, second := ask(), ask()
	require.Zero(t, first.Usage.Cached)
	require.Equal(t, 1280, second.Usage.Cached)
	require.Equal(t, first.Usage.Prompt, second.Usage.Prompt, "the prompt includes what was cached")
	for _, count := range []string{body, `{"generateContentRequest":` + body + `}`} {
		var n struct {
			Total int `json:"totalTokens"`
		}
		r := s.gemini(t, "countTokens", count)
		require.Equal(t, http.StatusOK, r.status, string(r.body))
		require.NoError(t, json.Unmarshal(r.body, &n))
		require.Equal(t, first.Usage.Prompt, n.Total)
	}
	image := `{"contents":[{"parts":[{"text":"a"},{"inline_data":{"mime_type":"image/png","data":"AAAA"}}]}]}`
	require.Equal(t, 7+258, s.generate(t, image).Usage.Prompt)
}

func TestGeminiEmbeddingsAndModels(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	embed := func(method, body string, header ...string) reply {
		return s.post(t, "/v1beta/models/demo-embed:"+method, body, geminiHeaders(header...)...)
	}
	type vector struct{ Values []float32 }
	var one struct{ Embedding vector }
	r := embed("embedContent", `{"content":{"parts":[{"text":"a red fox"}]},"output_dimensionality":64}`)
	require.Equal(t, http.StatusOK, r.status, string(r.body))
	require.NoError(t, json.Unmarshal(r.body, &one))
	require.Len(t, one.Embedding.Values, 64)
	var many struct{ Embeddings []vector }
	r = embed("batchEmbedContents", `{"requests":[{"model":"models/demo-embed","content":{"parts":[{"text":"a red fox"}]},"outputDimensionality":64},
		{"model":"models/demo-embed","content":{"parts":[{"text":"b"}]}}]}`)
	require.NoError(t, json.Unmarshal(r.body, &many), string(r.body))
	require.Equal(t, one.Embedding, many.Embeddings[0])
	require.Len(t, many.Embeddings[1].Values, 3072)
	for _, bad := range []string{`{}`, `{"content":{"parts":[{"text":"a"}]},"outputDimensionality":0}`} {
		require.Equal(t, http.StatusBadRequest, embed("embedContent", bad).status)
	}
	require.Equal(t, http.StatusBadRequest, embed("batchEmbedContents", `{"requests":[{"model":"models/other","content":{"parts":[{"text":"a"}]}}]}`).status)
	require.Equal(t, http.StatusNotFound, s.gemini(t, "embedContent", `{"content":{"parts":[{"text":"a"}]}}`).status)
	require.Equal(t, http.StatusServiceUnavailable, embed("embedContent", `{"content":{"parts":[{"text":"a"}]}}`, "x-sim-fault", "overloaded").status)

	get := func(path string) reply {
		return send(t, t.Context(), http.MethodGet, s.url+path, "", geminiHeaders()...)
	}
	var list struct {
		Models []struct {
			Name    string
			Methods []string `json:"supportedGenerationMethods"`
		}
		Next string `json:"nextPageToken"`
	}
	require.NoError(t, json.Unmarshal(get("/v1beta/models?pageSize=3").body, &list))
	require.Len(t, list.Models, 3)
	require.NoError(t, json.Unmarshal(get("/v1beta/models?pageSize=3&pageToken="+list.Next).body, &list))
	require.Equal(t, "models/"+provider.ModelEmbed, list.Models[0].Name)
	require.Equal(t, http.StatusOK, get("/v1beta/models/demo-echo").status)
	rpcMessage(t, get("/v1beta/models/gemini-9").body, "NOT_FOUND")
}
