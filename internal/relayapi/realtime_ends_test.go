package relayapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"starlane/internal/billing/money"
	"starlane/internal/platform/apperr"
	"starlane/internal/relay"
	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

const (
	waitLimit = 10 * time.Second
	tick      = 2 * time.Millisecond
)

// long is an answer of which there is more to come.
const long = `,"metadata":{"x-sim-tokens":"400","x-sim-chunk-ms":"20"}`

func TestRealtimeClientLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.talk(t, "demo/realtime")
	k.write("one two three")
	k.say(`{"type":"response.create","response":{"metadata":{"x-sim-tokens":"400","x-sim-chunk-ms":"20"}}}`)
	k.until("response.output_audio.delta")
	k.until("response.output_audio.delta")
	require.NoError(t, k.conn.CloseNow())
	e := w.event(t, 0)
	require.Equal(t, usage.ClientGone, e.Outcome)
	require.Equal(t, usage.Estimated, e.Counts.From[usage.OutAudio])
	require.GreaterOrEqual(t, e.Counts.Units[usage.OutAudio], int64(4), "two tokens for 100 ms")
	require.Equal(t, int64(3), e.Counts.Units[usage.InText])
	require.Positive(t, int64(e.Estimate))
}

// TestRealtimeClientDoesNotRead: nothing piles up for it, and when it does not even answer to pings it is taken to have left.
func TestRealtimeClientDoesNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) {
		s.timeouts = relay.Timeouts{Request: time.Minute, Header: time.Second, Idle: time.Second}
	})
	k := w.talk(t, "demo/realtime")
	k.write("one")
	k.say(`{"type":"response.create","response":{"metadata":{"x-sim-tokens":"100000"}}}`) // 640 MB, if somebody would take it
	e := w.event(t, 0)
	require.Equal(t, usage.ClientGone, e.Outcome)
	require.Positive(t, e.Counts.Units[usage.OutAudio])
	require.Less(t, e.Counts.Units[usage.OutAudio], int64(100_000))
}

func TestRealtimeUpstreamBreaksOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.Cut, AfterChunks: 3}}))
	k := w.talk(t, "demo/realtime")
	k.ask("one two three four five", "")
	require.Equal(t, websocket.StatusInternalError, k.end())
	require.Equal(t, "upstream_error", k.failure().Error.Code)
	e := w.event(t, 0)
	require.Equal(t, usage.Cut, e.Outcome)
	require.Equal(t, int64(3), e.Counts.Units[usage.OutText])
	require.Equal(t, usage.Estimated, e.Counts.From[usage.OutText])

	require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.Cut}}))
	k = w.talk(t, "demo/realtime")
	k.ask("one two three four five", "")
	require.Equal(t, websocket.StatusInternalError, k.end())
	require.Equal(t, usage.UpstreamError, w.event(t, 1).Outcome, "nothing was said")
}

func TestRealtimeUpstreamFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.talk(t, "demo/realtime")
	k.ask("one two three", `,"metadata":{"x-sim-fault":"error_event:0"}`)
	require.Equal(t, "failed", k.until("response.done").Response.Status)
	require.Equal(t, usage.UpstreamError, w.event(t, 0).Outcome)
	k.ask("one two three", `,"metadata":{"x-sim-fault":"no_usage"}`)
	k.until("response.done")
	e := w.event(t, 1)
	require.Equal(t, usage.OK, e.Outcome)
	require.Equal(t, usage.Estimated, e.Counts.From[usage.OutText])
	require.Equal(t, int64(3), e.Counts.Units[usage.OutText])
}

func TestRealtimeUpstreamFallsSilent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) {
		s.timeouts = relay.Timeouts{Request: time.Minute, Header: time.Second, Idle: 1200 * time.Millisecond}
	})
	k := w.talk(t, "demo/realtime")
	k.ask("one two three", `,"metadata":{"x-sim-fault":"stall_stream:1"}`)
	require.Equal(t, websocket.StatusInternalError, k.end())
	require.Equal(t, "timeout", k.failure().Error.Code)
	require.Equal(t, usage.Cut, w.event(t, 0).Outcome)
}

func TestRealtimeKeyIsRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.talk(t, "demo/realtime")
	k.ask("one", long)
	k.until("response.output_text.delta")
	revoked := *w.record
	revoked.Active, revoked.Reason = false, "revoked"
	w.mu.Lock()
	w.keys[w.record.PublicID] = &revoked
	w.mu.Unlock()
	begin := time.Now()
	require.Equal(t, websocket.StatusPolicyViolation, k.end())
	require.Less(t, time.Since(begin), 5*time.Second)
	require.Equal(t, "invalid_api_key", k.failure().Error.Code)
	e := w.event(t, 0)
	require.Equal(t, usage.Cut, e.Outcome)
	require.Positive(t, e.Counts.Units[usage.OutText])
}

// TestRealtimeCreditRunsOut: the response under way comes to its end, and no other begins.
func TestRealtimeCreditRunsOut(t *testing.T) {
	t.Parallel()
	for _, code := range []apperr.Code{apperr.InsufficientCredit, apperr.BudgetExceeded} {
		w := newWorld(t)
		k := w.talk(t, "demo/realtime")
		k.ask("one", `,"metadata":{"x-sim-tokens":"30","x-sim-chunk-ms":"10"}`)
		k.until("response.output_text.delta")
		w.mu.Lock()
		w.refuse = apperr.New(code, "No more.")
		w.mu.Unlock()
		require.Equal(t, "completed", k.until("response.done").Response.Status)
		require.Equal(t, websocket.StatusPolicyViolation, k.end())
		require.Equal(t, string(code), k.failure().Error.Code)
		require.Equal(t, usage.OK, w.event(t, 0).Outcome)
	}
}

// TestRealtimeCreditRunsOutElsewhere: what is set aside for a session is asked for again and again.
func TestRealtimeCreditRunsOutElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.talk(t, "demo/realtime")
	k.until("session.created")
	w.mu.Lock()
	w.refuse = noCredit()
	w.mu.Unlock()
	require.Equal(t, websocket.StatusPolicyViolation, k.end())
	require.Equal(t, "insufficient_credit", k.failure().Error.Code)
}

// TestRealtimeLimitsHoldBack: for want of a limit a minute a session waits.
func TestRealtimeLimitsHoldBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.talk(t, "demo/realtime")
	k.ask("one", `,"metadata":{"x-sim-tokens":"30","x-sim-chunk-ms":"10"}`)
	k.until("response.output_text.delta")
	w.mu.Lock()
	w.refuse = apperr.New(apperr.RateLimitExceeded, "Too many.").WithRetryAfter(50 * time.Millisecond)
	w.mu.Unlock()
	k.until("response.done")
	k.ask("two", "")
	time.AfterFunc(300*time.Millisecond, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.refuse = nil
	})
	require.Equal(t, "completed", k.until("response.done").Response.Status)
}

func TestRealtimeSideBySide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.talk(t, "demo/realtime")
	k.ask("one", `,"metadata":{"x-sim-tokens":"30","x-sim-chunk-ms":"10"}`)
	k.say(`{"type":"response.create","response":{"conversation":"none","output_modalities":["text"],"metadata":{"x-sim-tokens":"30","x-sim-chunk-ms":"10"}}}`)
	a, b := k.until("response.done"), k.until("response.done")
	require.NotEqual(t, a.Response.ID, b.Response.ID)
	for i, done := range []event{a, b} {
		require.Equal(t, price(done.Response.Usage.classes()), w.event(t, i).Estimate)
	}
	k.ask("three", long)
	k.ask("four", "")
	require.Equal(t, "ask-1", k.until("error").Error.EventID, "one at a time in a conversation")
	require.Equal(t, usage.ClientError, w.event(t, 2).Outcome)
}

func TestRealtimeTimes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.timeouts.Session = time.Second })
	k := w.talk(t, "demo/realtime")
	require.Equal(t, websocket.StatusGoingAway, k.end())
	require.Equal(t, "session_expired", k.failure().Error.Code)
	w = newWorld(t, func(s *settings) { s.timeouts.Quiet = time.Second })
	k = w.talk(t, "demo/realtime")
	require.Equal(t, websocket.StatusGoingAway, k.end())
	require.Equal(t, "session_expired", k.failure().Error.Code)
}

// TestRealtimeDrains: a relay that stops lets responses come to their end and begins no more.
func TestRealtimeDrains(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	idle, busy := w.talk(t, "demo/realtime"), w.talk(t, "demo/realtime")
	idle.until("session.created")
	busy.ask("one", `,"metadata":{"x-sim-tokens":"50","x-sim-chunk-ms":"10"}`)
	busy.until("response.output_text.delta")
	w.pipe.Drain(waitLimit)
	require.Equal(t, websocket.StatusServiceRestart, idle.end())
	require.Equal(t, "completed", busy.until("response.done").Response.Status)
	require.Equal(t, websocket.StatusServiceRestart, busy.end())
	require.Equal(t, usage.OK, w.event(t, 0).Outcome)
	_, res, err := w.dial(t, "?model=demo/realtime", nil)
	require.Error(t, err)
	require.Equal(t, "no_capacity", codeOf(t, res))
}

// TestRealtimeLargeMessages: one that is within the bound passes whole, one beyond ends the session.
func TestRealtimeLargeMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.maxBody = 32 << 20 })
	k := w.talk(t, "demo/realtime")
	k.say(sound(100_000, false)) // 6.4 MB
	k.ask("one", "")
	k.until("response.done")
	k.say(`{"type":"input_audio_buffer.append","audio":"` + strings.Repeat("A", 17<<20) + `"}`)
	require.Equal(t, websocket.StatusMessageTooBig, k.end())
}

// TestRealtimeSettlesWhatIsReported: whatever a client does in a session, each response is settled at what its end reports, and
// nothing else is.
func TestRealtimeSettlesWhatIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	events, settled := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		k := w.talk(t, "demo/realtime")
		k.say(`{"type":"session.update","session":{"audio":{"input":{"transcription":{"model":"whisper-1"}}}}}`)
		k.until("session.updated")
		want, responses := money.Amount(0), 0
		count := func(e event) {
			responses++
			want += price(e.Response.Usage.classes())
		}
		for range rapid.IntRange(1, 5).Draw(r, "turns") {
			n := rapid.IntRange(1, 40).Draw(r, "tokens")
			switch rapid.IntRange(0, 4).Draw(r, "act") {
			case 0:
				k.ask(strings.Repeat("word ", n), "")
				count(k.until("response.done"))
			case 1:
				k.write(strings.Repeat("word ", n))
				k.say(`{"type":"response.create"}`)
				count(k.until("response.done"))
			case 2:
				k.say(sound(n*25, true))
				k.say(sound(250, false))
				heard := k.until("conversation.item.input_audio_transcription.completed")
				require.NotNil(t, heard.Usage)
				seconds := n*25 + 250
				want += price(map[usage.Class]int64{usage.InAudio: int64(float64(seconds)/1000*10) + 1})
				responses++
				count(k.until("response.done"))
			case 3:
				k.ask("x", fmt.Sprintf(`,"metadata":{"x-sim-tokens":"%d","x-sim-chunk-ms":"1"}`, 10*n))
				k.until("response.output_text.delta")
				k.say(`{"type":"response.cancel"}`)
				count(k.until("response.done"))
			case 4:
				k.say(`{"type":"response.cancel","event_id":"none"}`)
				for k.until("error").Error.EventID != "none" { // a cancel of before may have come too late
				}
			}
		}
		require.NoError(t, k.conn.Close(websocket.StatusNormalClosure, ""))
		if responses > 0 {
			w.event(t, events+responses-1)
		}
		require.Eventually(t, func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.running == 0
		}, waitLimit, tick)
		w.mu.Lock()
		defer w.mu.Unlock()
		got := money.Amount(0)
		for _, e := range w.events[events:] {
			got += e.Estimate
		}
		taken := money.Amount(0)
		for _, a := range w.settled[settled:] {
			taken += a
		}
		require.Equal(t, responses, len(w.events)-events)
		require.Equal(t, want, got)
		require.Equal(t, want, taken, "what the leases were told")
		events, settled = len(w.events), len(w.settled)
	})
}
