package relayapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/sim/provider"
)

// TestHeadersOfTheClient: vendors are shown which of their features a client wants, but for those that cost more than the price says.
func TestHeadersOfTheClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shown := func(name string) string {
		recent := w.sim.Report().Recent
		return recent[len(recent)-1].Header.Get(name)
	}
	const turn = `{"model":"claude/echo","max_tokens":50,"messages":[{"role":"user","content":"a"}]}`
	a := w.post(t, "/v1/messages", turn, "Anthropic-Version", "2023-06-01", "Anthropic-Beta", "context-1m-2025-08-07, interleaved-thinking-2025-05-14")
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, "interleaved-thinking-2025-05-14", shown("Anthropic-Beta"))
	require.Equal(t, "drop:anthropic-beta:context-1m-2025-08-07", a.header.Get("X-Starlane-Warnings"))
	a = w.post(t, "/v1/messages", turn, "Anthropic-Version", "2023-06-01", "Anthropic-Beta", "context-1m-2025-08-07")
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Empty(t, shown("Anthropic-Beta"))
	a = w.post(t, "/v1/messages", turn, "Anthropic-Version", "2023-06-01", "Anthropic-Beta", "context-1m-2025-08-07", "X-Starlane-Strict", "1")
	require.Equal(t, http.StatusBadRequest, a.status, a.body)
	a = w.post(t, "/v1/responses", `{"model":"demo/echo","input":"a"}`, "Openai-Beta", "responses=v1")
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, "responses=v1", shown("Openai-Beta"))
	a = w.post(t, "/v1/responses", `{"model":"claude/echo","input":"a"}`, "Openai-Beta", "responses=v1")
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Empty(t, shown("Openai-Beta"), "another vendor's features are none")
}

// TestNoRetryOfRetries: a client is told not to ask again where the relay has done so.
func TestNoRetryOfRetries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.ServerError}}))
	a := w.post(t, "/v1/chat/completions", `{"model":"demo/auto","messages":[{"role":"user","content":"a"}]}`)
	require.GreaterOrEqual(t, a.status, http.StatusInternalServerError)
	require.Len(t, w.event(t, 0).Attempts, 2)
	require.Equal(t, "false", a.header.Get("X-Should-Retry"))
	a = w.post(t, "/v1/chat/completions", `{"model":"claude/echo","messages":[{"role":"user","content":"a"}]}`)
	require.GreaterOrEqual(t, a.status, http.StatusInternalServerError)
	require.Len(t, w.event(t, 1).Attempts, 1, "there is one upstream only")
	require.Empty(t, a.header.Get("X-Should-Retry"))
}
