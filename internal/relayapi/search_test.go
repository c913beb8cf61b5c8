package relayapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/billing/money"
	"starlane/internal/usage"
)

const cent = money.USD / 100

// TestSearches has clients of all formats search the web with models of three vendors: sources are told where each client looks for
// them, what was found goes back to Anthropic with the next turn, and each search is billed.
func TestSearches(t *testing.T) {
	t.Parallel()
	const said, question = "search é for it", `"search é for it"`
	for _, model := range []string{"claude/search", "gemini/search", "gpt/search"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			n := 0
			billed := func(a answer) answer {
				require.Equal(t, http.StatusOK, a.status, a.body)
				e := w.event(t, n)
				n++
				require.Equal(t, usage.OK, e.Outcome)
				require.EqualValues(t, 1, e.Counts.Units[usage.SearchQuery])
				require.GreaterOrEqual(t, e.Estimate, cent)
				require.GreaterOrEqual(t, e.Reserved, 3*cent, "what was set aside covers the searches")
				return a
			}
			for _, stream := range []string{"false", "true"} {
				a := billed(w.post(t, "/v1/chat/completions", `{"model":"`+model+`","web_search_options":{},"stream":`+stream+`,"messages":[{"role":"user","content":`+question+`}]}`))
				require.Contains(t, a.body, `"annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":15,"title":"What was found","url":"https://example.com/found"}}]`)
				if model != "gpt/search" { // whose bytes pass
					a = billed(w.post(t, "/v1/responses", `{"model":"`+model+`","tools":[{"type":"web_search"}],"stream":`+stream+`,"input":`+question+`}`))
					require.Contains(t, a.body, `{"type":"url_citation","start_index":0,"end_index":15,`)
				}
				a = billed(w.messages(t, model, `,"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":3}],"stream":`+stream+`,"messages":[{"role":"user","content":`+question+`}]`))
				require.Contains(t, a.body, `"type":"web_search_result_location"`)
			}
			for _, form := range []string{"whole", "events", "array"} {
				a := billed(w.gemini(t, model, form, `{"contents":[{"parts":[{"text":`+question+`}]}],"tools":[{"googleSearch":{}}]}`))
				require.Contains(t, strings.ReplaceAll(a.body, `"startIndex":0,`, ""), `"segment":{"endIndex":16,"text":"`+said+`"}`)
			}
		})
	}
}

// TestSearchesGoBack gives what Anthropic found back to it over a second turn, by a client of another format: the simulator refuses
// what was changed.
func TestSearchesGoBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const first = `{"role":"user","content":"search for it"}`
	ask := func(messages string) answer {
		return w.post(t, "/v1/chat/completions", `{"model":"claude/search","web_search_options":{},"messages":[`+messages+`]}`)
	}
	a := ask(first)
	require.Equal(t, http.StatusOK, a.status, a.body)
	message := parse[struct {
		Choices []struct{ Message json.RawMessage }
	}](t, a.body).Choices[0].Message
	require.Contains(t, string(message), `"sl1.anthropic.x.block.`)
	a = ask(first + `,` + string(message) + `,{"role":"user","content":"and now"}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, a.body, "and now")
	details := parse[struct {
		Details []json.RawMessage `json:"reasoning_details"`
	}](t, string(message)).Details
	require.Len(t, details, 2)
	lost := strings.Replace(string(message), string(details[0])+",", "", 1)
	a = ask(first + `,` + lost + `,{"role":"user","content":"and now"}`)
	require.Equal(t, http.StatusBadRequest, a.status, "the simulator takes what was found without its search: the test shows nothing")
}

// TestSearchesWithoutAPrice are refused, but for those that clients ask for with every call, or of another vendor.
func TestSearchesWithoutAPrice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	unpriced := func(a answer, more string) {
		t.Helper()
		require.Equal(t, http.StatusUnprocessableEntity, a.status, a.body)
		require.Contains(t, a.body, "search_query", more)
	}
	for _, model := range []string{"demo/echo", "claude/echo", "gemini/echo"} {
		unpriced(w.post(t, "/v1/chat/completions", `{"model":"`+model+`","web_search_options":{},"messages":[{"role":"user","content":"a"}]}`), model)
		a := w.post(t, "/v1/responses", `{"model":"`+model+`","tools":[{"type":"web_search"}],"input":"a"}`)
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Equal(t, "drop:tools.web_search", a.header.Get("X-Starlane-Warnings"))
	}
	const search = `,"tools":[{"type":"web_search_20250305","name":"web_search"}],"messages":[{"role":"user","content":"a"}]`
	unpriced(w.messages(t, "claude/echo", search), "messages")
	a := w.messages(t, "demo/echo", search)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, "drop:tools.web_search", a.header.Get("X-Starlane-Warnings"))
	unpriced(w.gemini(t, "gemini/echo", "whole", `{"contents":[{"parts":[{"text":"a"}]}],"tools":[{"googleSearch":{}}]}`), "contents")
}
