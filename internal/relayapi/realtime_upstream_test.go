package relayapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"starlane/internal/usage"
)

// sessions is an upstream whose sessions are held by a function; what it returns is how it closes.
func sessions(t testing.TB, hold func(ctx context.Context, c *websocket.Conn) websocket.StatusCode) option {
	return upstreams(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		_ = c.Close(hold(r.Context(), c), "that is why")
	})
}

// TestRealtimeClosesPass: what one side says at the end, the other one hears.
func TestRealtimeClosesPass(t *testing.T) {
	t.Parallel()
	const odd = `{"type" : "close", "x": 1.50 }`
	told := make(chan websocket.StatusCode, 1)
	w := newWorld(t, sessions(t, func(ctx context.Context, c *websocket.Conn) websocket.StatusCode {
		_, message, err := c.Read(ctx)
		if err != nil {
			told <- websocket.CloseStatus(err)
			return websocket.StatusNormalClosure
		}
		if string(message) != odd {
			t.Errorf("the upstream got %q, want %q to the byte", message, odd)
		}
		return 4002
	}))
	k := w.talk(t, "demo/realtime")
	k.say(odd)
	require.Equal(t, websocket.StatusCode(4002), k.end())
	k = w.talk(t, "demo/realtime")
	require.NoError(t, k.conn.Close(4001, "enough"))
	require.Equal(t, websocket.StatusCode(4001), <-told)
}

// TestRealtimeUncovered: a response that the upstream begins although nothing covers it is cancelled, and what it has cost is
// on record.
func TestRealtimeUncovered(t *testing.T) {
	t.Parallel()
	const cost = `"usage":{"input_tokens":100,"output_tokens":10,"input_token_details":{"text_tokens":100}}`
	cancelled := make(chan string, 1)
	w := newWorld(t, sessions(t, func(ctx context.Context, c *websocket.Conn) websocket.StatusCode {
		send := func(text string) { _ = c.Write(ctx, websocket.MessageText, []byte(text)) }
		_, _, _ = c.Read(ctx)
		send(`{"type":"response.created","response":{"id":"r1"}}`)
		send(`{"type":"response.created","response":{"id":"r2"}}`)
		_, message, _ := c.Read(ctx)
		cancelled <- string(message)
		send(`{"type":"response.done","response":{"id":"r2","status":"cancelled",` + cost + `}}`)
		send(`{"type":"response.done","response":{"id":"r1","status":"completed",` + cost + `}}`)
		_, _, err := c.Read(ctx)
		return max(websocket.CloseStatus(err), websocket.StatusNormalClosure)
	}))
	k := w.talk(t, "demo/realtime")
	w.mu.Lock()
	w.refuse = noCredit()
	w.mu.Unlock()
	k.say(`{"type":"go"}`)
	require.Equal(t, websocket.StatusPolicyViolation, k.end())
	require.Equal(t, "insufficient_credit", k.failure().Error.Code)
	require.Contains(t, <-cancelled, `"r2"`)
	for i, id := range []string{"r2", "r1"} {
		e := w.event(t, i)
		require.Equal(t, id, e.UpstreamRequestID)
		require.Equal(t, usage.OK, e.Outcome)
		require.Equal(t, price(map[usage.Class]int64{usage.InText: 100, usage.OutText: 10}), e.Estimate)
		require.Equal(t, id == "r1", e.Reserved > 0)
	}
}

// TestRealtimePicturesWithoutAPrice are paid for as text: a picture does not make a conversation one that nobody can bill.
func TestRealtimePicturesWithoutAPrice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sessions(t, func(ctx context.Context, c *websocket.Conn) websocket.StatusCode {
		_, _, _ = c.Read(ctx)
		_ = c.Write(ctx, websocket.MessageText, []byte(`{"type":"response.created","response":{"id":"r1"}}`))
		_ = c.Write(ctx, websocket.MessageText, []byte(`{"type":"response.done","response":{"id":"r1","status":"completed",`+
			`"usage":{"input_tokens":100,"output_tokens":10,"input_token_details":{"text_tokens":30,"image_tokens":70}}}}`))
		return websocket.StatusNormalClosure
	}))
	k := w.talk(t, "demo/realtime")
	k.say(`{"type":"go"}`)
	require.Equal(t, websocket.StatusNormalClosure, k.end())
	e := w.event(t, 0)
	require.Equal(t, "in_text:100 out_text:10", counts(e))
	require.Equal(t, price(map[usage.Class]int64{usage.InText: 100, usage.OutText: 10}), e.Estimate)
}

// TestRealtimeSoundsOfTelephones take less room than others: who leaves before the upstream reports owes for as many seconds.
func TestRealtimeSoundsOfTelephones(t *testing.T) {
	t.Parallel()
	const second = 8000 * 4 / 3 // characters
	for name, tc := range map[string]struct {
		session, response string
		tokens            int64
	}{
		"of the session":      {`"audio":{"input":{"format":{"type":"audio/pcm"}},"output":{"format":{"type":"audio/pcmu"}}}`, ``, 20},
		"of the response":     {`"audio":{"output":{"format":{"type":"audio/pcm"}}}`, `,"audio":{"output":{"format":{"type":"audio/pcma"}}}`, 20},
		"of the beta":         {`"output_audio_format":"g711_ulaw"`, ``, 20},
		"of another response": {`"output_audio_format":"g711_ulaw"`, `,"output_audio_format":"pcm16"`, 4},
		"unsaid":              {`"voice":"alloy"`, ``, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sessions(t, func(ctx context.Context, c *websocket.Conn) websocket.StatusCode {
				send := func(text string) { _ = c.Write(ctx, websocket.MessageText, []byte(text)) }
				send(`{"type":"session.created","session":{` + tc.session + `}}`)
				_, _, _ = c.Read(ctx)
				send(`{"type":"response.created","response":{"id":"r1"` + tc.response + `}}`)
				send(`{"type":"response.output_audio.delta","response_id":"r1","delta":"` + strings.Repeat("A", second) + `"}`)
				_, _, err := c.Read(ctx)
				return max(websocket.CloseStatus(err), websocket.StatusNormalClosure)
			}))
			k := w.talk(t, "demo/realtime")
			k.say(`{"type":"go"}`)
			k.until("response.output_audio.delta")
			require.NoError(t, k.conn.CloseNow())
			e := w.event(t, 0)
			require.Equal(t, usage.ClientGone, e.Outcome)
			require.InDelta(t, tc.tokens, e.Counts.Units[usage.OutAudio], 1)
		})
	}
}

// TestRealtimeEndsThatRepeat: a response whose end is told twice is billed once.
func TestRealtimeEndsThatRepeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sessions(t, func(ctx context.Context, c *websocket.Conn) websocket.StatusCode {
		_, _, _ = c.Read(ctx)
		for _, text := range []string{
			`{"type":"response.created","response":{"id":"r1"}}`, `{"type":"response.done","response":{"id":"r1","usage":{"input_tokens":9,"output_tokens":1}}}`,
			`{"type":"response.done","response":{"id":"r1","usage":{"input_tokens":9,"output_tokens":1}}}`,
			`{"type":"response.done","response":{"id":"r2","usage":{"input_tokens":8,"output_tokens":1}}}`,
		} {
			_ = c.Write(ctx, websocket.MessageText, []byte(text))
		}
		return websocket.StatusNormalClosure
	}))
	k := w.talk(t, "demo/realtime")
	k.say(`{"type":"go"}`)
	require.Equal(t, websocket.StatusNormalClosure, k.end())
	require.Equal(t, "r1", w.event(t, 0).UpstreamRequestID)
	require.Equal(t, "r2", w.event(t, 1).UpstreamRequestID)
}
