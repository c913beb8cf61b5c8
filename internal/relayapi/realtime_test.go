package relayapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"starlane/internal/catalog"
	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

func TestRealtime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.talk(t, "demo/realtime")
	require.Equal(t, "demo/realtime", k.res.Header.Get("X-Starlane-Served-Model"))
	require.NotEmpty(t, k.res.Header.Get("X-Request-Id"))
	require.Equal(t, "demo/realtime", k.until("session.created").Session["model"], "the public name")

	k.say(`{"type":"session.update","session":{"type":"realtime","model":"demo/realtime","instructions":"be brief"}}`)
	updated := k.until("session.updated").Session
	require.Equal(t, "demo/realtime", updated["model"])
	require.Equal(t, "be brief", updated["instructions"])

	k.write("one two three")
	k.say(`{"type":"response.create"}`)
	done := k.until("response.done")
	require.Equal(t, "completed", done.Response.Status)
	for _, kind := range []string{
		"conversation.item.added", "response.created", "response.output_item.added", "response.content_part.added",
		"response.output_audio.delta", "response.output_audio_transcript.delta", "response.output_item.done",
	} {
		require.Contains(t, k.types(), kind)
	}
	require.NotContains(t, k.types(), "rate_limits.updated", "the account's limits are not the client's")

	e := w.event(t, 0)
	require.Equal(t, usage.OK, e.Outcome)
	require.Equal(t, "realtime", e.Capability)
	require.Equal(t, "demo/realtime", e.ServedModel)
	require.Equal(t, done.Response.ID, e.UpstreamRequestID)
	require.GreaterOrEqual(t, e.TTFTMillis, int64(0))
	want := done.Response.Usage.classes()
	for class, n := range want {
		require.Equal(t, n, e.Counts.Units[class], class)
	}
	require.Positive(t, want[usage.OutAudio])
	require.Equal(t, price(want), e.Estimate)
	require.GreaterOrEqual(t, e.Reserved, e.Estimate)

	require.NoError(t, k.conn.Close(websocket.StatusNormalClosure, ""))
	require.Eventually(t, func() bool { return w.sim.Report().Total.Open == 0 }, waitLimit, tick, "the upstream's session is open")
	require.NotContains(t, w.logs.String(), "three")
}

// TestRealtimeUnderstandsSpeech: the upstream answers by itself when the user has spoken, and is interrupted by the user.
func TestRealtimeUnderstandsSpeech(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.talk(t, "demo/realtime")
	k.say(`{"type":"session.update","session":{"audio":{"input":{"transcription":{"model":"gpt-4o-transcribe"}}}}}`)
	k.until("session.updated")
	k.say(sound(1000, true))
	k.say(sound(300, false))
	heard := k.until("conversation.item.input_audio_transcription.completed")
	require.Equal(t, "completed", k.until("response.done").Response.Status)
	require.Subset(t, k.types(), []string{"input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed"})

	first, second := w.event(t, 0), w.event(t, 1)
	require.Equal(t, heard.Usage.Input, first.Counts.Units[usage.InAudio], "what it took to write it down")
	require.Equal(t, heard.Usage.Output, first.Counts.Units[usage.OutText])
	require.EqualValues(t, 13, second.Counts.Units[usage.InAudio], "ten tokens a second")

	k.say(`{"type":"response.create","response":{"metadata":{"x-sim-tokens":"500","x-sim-chunk-ms":"20"}}}`)
	k.until("response.output_audio.delta")
	k.say(sound(100, true))
	done := k.until("response.done")
	require.Equal(t, "cancelled", done.Response.Status)
	third := w.event(t, 2)
	require.Equal(t, usage.OK, third.Outcome)
	require.Equal(t, price(done.Response.Usage.classes()), third.Estimate, "what it said until then")
}

func TestRealtimeCallsFunctions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.talk(t, "demo/realtime")
	k.say(`{"type":"session.update","session":{"tools":[{"type":"function","name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}]}}`)
	k.ask("ask the weather tool", "")
	k.until("response.function_call_arguments.done")
	k.until("response.done")
	k.say(`{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"call_1","output":"sunny"}}`)
	k.say(`{"type":"response.create","response":{"output_modalities":["text"]}}`)
	k.until("response.output_text.done")
	k.until("response.done")
	require.Equal(t, usage.OK, w.event(t, 1).Outcome)
}

// TestRealtimeInBrowsers: the key comes in a subprotocol, is never said again, and pages need an origin that is allowed.
func TestRealtimeInBrowsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.cors = []string{"https://app.example"} })
	protocols := []string{"realtime", "openai-insecure-api-key." + w.key, "openai-beta.realtime-v1"}
	conn, res, err := w.dial(t, "?model=demo/realtime", &websocket.DialOptions{Subprotocols: protocols, HTTPHeader: http.Header{"Origin": {"https://app.example"}}})
	require.NoError(t, err)
	require.Equal(t, "realtime", conn.Subprotocol())
	for name, values := range res.Header {
		require.NotContains(t, strings.Join(values, " "), w.key, name)
	}
	k := &talk{t: t, w: w, conn: conn}
	require.Contains(t, k.until("session.created").Session, "modalities", "the beta's form, as asked for")
	_, res, err = w.dial(t, "?model=demo/realtime", &websocket.DialOptions{Subprotocols: protocols, HTTPHeader: http.Header{"Origin": {"https://elsewhere.example"}}})
	require.Error(t, err)
	require.Equal(t, http.StatusForbidden, res.StatusCode)
}

// TestRealtimeRefusals are answered in HTTP, before there is a session.
func TestRealtimeRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for query, want := range map[string]string{
		"?model=demo/nothing": "model_not_found",
		"?model=demo/echo":    "invalid_request",
		"":                    "invalid_request",
	} {
		_, res, err := w.dial(t, query, nil)
		require.Error(t, err)
		require.Equal(t, want, codeOf(t, res), query)
	}
	_, res, err := w.dial(t, "?model=demo/realtime", &websocket.DialOptions{})
	require.Error(t, err)
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	require.Equal(t, "invalid_api_key", codeOf(t, res))
	plain := w.get(t, "/v1/realtime?model=demo/realtime")
	require.Equal(t, http.StatusUpgradeRequired, plain.status)
	require.Equal(t, "invalid_request", errorCode(t, plain.body))

	w.credit = 1
	_, res, err = w.dial(t, "?model=demo/realtime", nil)
	require.Error(t, err)
	require.Equal(t, http.StatusPaymentRequired, res.StatusCode)
	require.Equal(t, "insufficient_credit", codeOf(t, res))
	w.credit = 0

	for kind, want := range map[provider.Kind]int{provider.BadKey: http.StatusBadGateway, provider.RateLimit: http.StatusTooManyRequests, provider.ServerError: http.StatusBadGateway} {
		require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: kind}}))
		_, res, err = w.dial(t, "?model=demo/realtime", nil)
		require.Error(t, err)
		require.Equal(t, want, res.StatusCode, kind)
	}
	// One upstream that refuses leaves the other.
	require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.ServerError, Times: 1}}))
	w.talk(t, "demo/realtime").until("session.created")
}

func TestRealtimeOnAzure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) {
		s.vendors = func(simulator string, _ *provider.Server) []otherVendor {
			key := provider.KeyPrefix + "cloud"
			return []otherVendor{
				{model: "azure/realtime", dialect: catalog.AzureOpenAI, base: simulator, secret: key, upstream: provider.ModelRealtime},
				{model: "dated/realtime", dialect: catalog.AzureOpenAI, base: simulator, secret: key, upstream: provider.ModelRealtime, place: catalog.Place{APIVersion: "2024-10-21"}},
			}
		}
	})
	for _, model := range []string{"azure/realtime", "dated/realtime"} {
		k := w.talk(t, model)
		require.Equal(t, model, k.until("session.created").Session["model"])
		k.ask("hello", "")
		require.Equal(t, "completed", k.until("response.done").Response.Status)
	}
}

func TestRealtimeMessagesThatDoNotPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.talk(t, "demo/realtime")
	for text, param := range map[string]string{
		`{"type":"session.update","event_id":"e","session":{"model":"gpt-other"}}`:                 "session.model",
		`{"type":"response.create","event_id":"e","response":{"model":"gpt-other"}}`:               "session.model",
		`{"type":"session.update","event_id":"e","session":{"model":"demo/realtime","model":"x"}}`: "",
		`{"type":"session.update","event_id":"e","session":{"mod\u0065l":"x"}}`:                    "",
		`{"type":"response.create","event_id":"e","type":"x"}`:                                     "",
		`{"event_id":"e"}`: "type",
		`not JSON`:         "",
	} {
		k.say(text)
		e := k.until("error")
		require.Equal(t, "invalid_request_error", e.Error.Type, text)
		require.Equal(t, param, e.Error.Param, text)
	}
	k.say(`{"type":"no.such.event","event_id":"mine"}`)
	require.Equal(t, "mine", k.until("error").Error.EventID, "the upstream's word")
	k.say(`{"type":"response.create","event_id":"x","response":{"max_output_tokens":100000}}`)
	require.Equal(t, "response.max_output_tokens", k.until("error").Error.Param)
	require.Equal(t, usage.ClientError, w.event(t, 0).Outcome, "asked for, refused, free")
	k.ask("still there", "")
	k.until("response.done")
	require.Equal(t, usage.OK, w.event(t, 1).Outcome)
	require.NoError(t, k.conn.Write(t.Context(), websocket.MessageBinary, []byte{1}))
	require.Equal(t, websocket.StatusUnsupportedData, k.end())
}

func codeOf(t testing.TB, res *http.Response) string {
	t.Helper()
	b := make([]byte, 1024)
	n, _ := res.Body.Read(b)
	return errorCode(t, string(b[:n]))
}
