package relayapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, body string
		change     func(w *world)
		status     int
		code       string
	}{
		{"not JSON", `{"model":`, nil, 400, "invalid_request"},
		{"repeated key", `{"model":"demo/echo","model":"demo/slow","messages":[]}`, nil, 400, "invalid_request"},
		{"key in other letters", `{"model":"demo/echo","MODEL":"demo/slow","messages":[]}`, nil, 400, "invalid_request"},
		{"escaped key", `{"mod\u0065l":"demo/echo","messages":[]}`, nil, 400, "invalid_request"},
		{"too deep", `{"model":"demo/echo","messages":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`, nil, 400, "invalid_request"},
		{"no model", `{"messages":[]}`, nil, 400, "invalid_request"},
		{"messages of another kind", `{"model":"demo/echo","messages":{}}`, nil, 400, "invalid_request"},
		{"stream of another kind", `{"model":"demo/echo","messages":[],"stream":"yes"}`, nil, 400, "invalid_request"},
		{"too many choices", `{"model":"demo/echo","messages":[],"n":1000}`, nil, 400, "invalid_request"},
		{"wrong capability", `{"model":"demo/embed","messages":[]}`, nil, 400, "invalid_request"},
		{"unknown model", `{"model":"demo/none","messages":[]}`, nil, 404, "model_not_found"},
		{"no price", `{"model":"demo/free","messages":[]}`, nil, 422, "model_unpriced"},
		{"no deployment", `{"model":"demo/nobody","messages":[]}`, nil, 503, "no_capacity"},
		{"model not allowed", `{"model":"demo/echo","messages":[]}`, func(w *world) { w.record.Models = []string{"demo/slow"} }, 403, "model_not_allowed"},
		{"revoked", `{}`, func(w *world) { w.record.Active = false }, 401, "invalid_api_key"},
		{"expired", `{}`, func(w *world) { w.record.ExpiresAt = time.Unix(1, 0) }, 401, "invalid_api_key"},
		{"unknown key", `{}`, func(w *world) { delete(w.keys, w.record.PublicID) }, 401, "invalid_api_key"},
		{"wrong secret", `{}`, func(w *world) { w.record.Digest = make([]byte, 32) }, 401, "invalid_api_key"},
		{"malformed key", `{}`, func(w *world) { w.key = "sk-sl-nonsense" }, 401, "invalid_api_key"},
		{"key store away", `{}`, func(w *world) { w.down = errStore }, 503, "no_capacity"},
		{"no credit", `{"model":"demo/echo","messages":[]}`, func(w *world) { w.refuse = noCredit() }, 402, "insufficient_credit"},
		{"too large", `{"model":"` + strings.Repeat("x", 5<<20) + `"}`, nil, 413, "request_too_large"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if c.change != nil {
				c.change(w)
			}
			a := w.post(t, "/v1/chat/completions", c.body)
			require.Equal(t, c.status, a.status, a.body)
			require.Equal(t, c.code, errorCode(t, a.body))
			require.NotEmpty(t, a.header.Get("X-Request-Id"))
			require.Empty(t, w.events)
			require.Zero(t, w.sim.Report().Total.Received, "the upstream was called")
		})
	}
}

func TestBodyOfUnknownLengthIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := strings.NewReader(`{"model":"` + strings.Repeat("x", 5<<20) + `"}`)
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.url+"/v1/chat/completions", struct{ *strings.Reader }{long})
	require.NoError(t, err)
	req.ContentLength = -1
	req.Header.Set("Authorization", "Bearer "+w.key)
	a := do(t, req)
	require.Equal(t, http.StatusRequestEntityTooLarge, a.status, a.body)
}

func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Equal(t, http.StatusNotFound, w.get(t, "/v1/nothing").status)
	require.Equal(t, "not_found", errorCode(t, w.get(t, "/v1/nothing").body))
	for _, path := range []string{"/chat/completions", "/v1/v1/chat/completions"} {
		require.Contains(t, w.get(t, path).body, "Did you mean /v1/chat/completions?", path)
	}
	require.NotContains(t, w.get(t, "/v1/nothing").body, "Did you mean")
	wrong := w.get(t, "/v1/chat/completions")
	require.Equal(t, http.StatusMethodNotAllowed, wrong.status)
	require.Equal(t, http.MethodPost, wrong.header.Get("Allow"))
	require.Equal(t, http.StatusOK, w.get(t, "/healthz").status)
	require.Equal(t, http.StatusOK, w.get(t, "/readyz").status)
}

func TestModels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var list struct {
		Object string
		Data   []struct {
			ID      string
			Pricing struct {
				Prompt, Completion string
				InputCacheRead     string `json:"input_cache_read"`
			}
			Rates        map[string]string
			Architecture struct {
				In []string `json:"input_modalities"`
			}
			ContextLength int64 `json:"context_length"`
			Capabilities  []string
			RoutesTo      []string `json:"routes_to"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(w.get(t, "/v1/models").body), &list))
	require.Equal(t, "list", list.Object)
	names := map[string]int{}
	for i, m := range list.Data {
		names[m.ID] = i
	}
	require.Contains(t, names, "demo/echo")
	require.Contains(t, names, "demo/auto")
	require.NotContains(t, names, "demo/free", "a model without a price cannot be called")
	echo := list.Data[names["demo/echo"]]
	require.Equal(t, "0.000001", echo.Pricing.Prompt)
	require.Equal(t, "0.000002", echo.Pricing.Completion)
	require.Equal(t, "0.0000001", echo.Pricing.InputCacheRead)
	require.Equal(t, "0.000002", echo.Rates["out_text"])
	require.Equal(t, []string{"text", "audio"}, list.Data[names["demo/realtime"]].Architecture.In)
	speech := list.Data[names["demo/speech"]]
	require.Equal(t, "0", speech.Pricing.Prompt)
	require.Equal(t, map[string]string{"char_in": "0.000015"}, speech.Rates, "what is not sold by tokens of text is not free")
	require.Equal(t, int64(128_000), echo.ContextLength)
	require.Equal(t, []string{"chat"}, echo.Capabilities)

	require.Contains(t, w.get(t, "/v1/models/demo/echo").body, `"id":"demo/echo"`)
	require.Equal(t, http.StatusNotFound, w.get(t, "/v1/models/demo/none").status)
	require.Contains(t, w.get(t, "/v1/models/").body, `"object":"list"`)
	w.record.Models = []string{"demo/slow"}
	require.Equal(t, http.StatusNotFound, w.get(t, "/v1/models/demo/echo").status)
}

func TestLimitHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limits = relay.Limits{Requests: relay.Limit{Limit: 60, Remaining: 59, Reset: time.Second}}
	a := w.chat(t, "", "X-Request-Id", "mine-1")
	require.Equal(t, "60", a.header.Get("X-Ratelimit-Limit-Requests"))
	require.Equal(t, "59", a.header.Get("X-Ratelimit-Remaining-Requests"))
	require.Equal(t, "1s", a.header.Get("X-Ratelimit-Reset-Requests"))
	require.Empty(t, a.header.Get("X-Ratelimit-Limit-Tokens"))
	require.Equal(t, "mine-1", a.header.Get("X-Client-Request-Id"))
	require.NotEqual(t, "mine-1", a.header.Get("X-Request-Id"))

	w.limits.Requests.Remaining = 0
	w.refuse = &relay.OverLimit{Limits: w.limits, Err: apperr.New(apperr.RateLimitExceeded, "Too many.").WithRetryAfter(1500 * time.Millisecond)}
	a = w.chat(t, "")
	require.Equal(t, http.StatusTooManyRequests, a.status)
	require.Equal(t, "2", a.header.Get("Retry-After"))
	require.Equal(t, "60", a.header.Get("X-Ratelimit-Limit-Requests"))
	require.Equal(t, "0", a.header.Get("X-Ratelimit-Remaining-Requests"))
}

func TestPrivateUpstreamsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.private = false })
	a := w.chat(t, "")
	require.Equal(t, http.StatusBadGateway, a.status, a.body)
	require.NotContains(t, a.body, "127.0.0.1")
	require.Zero(t, w.sim.Report().Total.Received)
}
