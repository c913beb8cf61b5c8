package relayapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

// TestLongAnswers: what Anthropic does not give in one piece comes as a stream that the relay puts together, for clients of other
// formats. Its own get what they asked for, which is a refusal.
func TestLongAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const chat = `{"model":"claude/echo","max_completion_tokens":40000,"reasoning_effort":"high","messages":[{"role":"user","content":"get_weather"}],"tools":[` + weatherTool + `]}`
	a := w.post(t, "/v1/chat/completions", chat)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	require.NotEmpty(t, a.header.Get("X-Starlane-Cost-Usd"))
	require.Contains(t, a.body, `"finish_reason":"tool_calls"`)
	require.Contains(t, a.body, `"signature":"sl1.anthropic.s.`)
	require.True(t, w.sim.Report().Recent[0].Stream)
	e := w.event(t, 0)
	require.Equal(t, usage.OK, e.Outcome)
	require.False(t, e.Streamed, "what the client wanted")
	require.Equal(t, usage.Reported, e.Counts.From[usage.OutReasoning])

	a = w.gemini(t, "claude/echo", "whole", `{"contents":[{"parts":[{"text":"one two"}]}],"generationConfig":{"maxOutputTokens":40000}}`)
	_, parts, _ := folded(t, a)
	text, _ := said(parts)
	require.Equal(t, "one two", text)
	a = w.post(t, "/v1/responses", `{"model":"claude/echo","max_output_tokens":40000,"input":"one two"}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, a.body, `"text":"one two"`)
	w.event(t, 2)

	a = w.post(t, "/v1/messages", `{"model":"claude/echo","max_tokens":40000,"messages":[{"role":"user","content":"a"}]}`, "Anthropic-Version", "2023-06-01")
	require.Equal(t, http.StatusBadRequest, a.status, a.body)
	require.Contains(t, a.body, "Streaming is required")
}

// TestLongAnswersSpoilt: the client has nothing of such an answer before its end, so that another attempt can mend what breaks off.
func TestLongAnswersSpoilt(t *testing.T) {
	t.Parallel()
	const chat = `{"model":"claude/echo","max_completion_tokens":40000,"messages":[{"role":"user","content":"one two three four"}]}`
	for _, kind := range []provider.Kind{provider.Cut, provider.Garbage, provider.ErrorEvent, provider.NoDone} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: kind, AfterChunks: 2}}))
			a := w.post(t, "/v1/chat/completions", chat)
			e := w.event(t, 0)
			require.Equal(t, http.StatusBadGateway, a.status, a.body)
			require.Equal(t, usage.UpstreamError, e.Outcome)
			require.Zero(t, e.Estimate)
			w.check(t)
		})
	}
}
