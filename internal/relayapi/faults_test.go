package relayapi_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/billing/money"
	"starlane/internal/relay"
	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

func readAll(t testing.TB, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(b)
}

// TestOneBadUpstream gives one of two upstreams a fault: the client must not notice.
func TestOneBadUpstream(t *testing.T) {
	t.Parallel()
	for _, kind := range []provider.Kind{provider.RateLimit, provider.Quota, provider.ServerError, provider.Overloaded, provider.BadKey, provider.Cut, provider.Garbage, provider.ErrorEvent, provider.NoDone} {
		for _, more := range []string{"", `,"stream":true`} {
			if more == "" && (kind == provider.ErrorEvent || kind == provider.NoDone) {
				continue
			}
			t.Run(string(kind)+more, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				require.NoError(t, w.sim.SetFaults([]provider.Rule{{Key: provider.KeyPrefix + "a", Kind: kind}}))
				for n := range 6 {
					a := w.chat(t, more)
					require.Equal(t, http.StatusOK, a.status, a.body)
					require.NoError(t, a.err)
					require.NotContains(t, a.body, `"error"`)
					e := w.event(t, n)
					require.Equal(t, usage.OK, e.Outcome)
					if len(e.Attempts) == 2 {
						require.NotEmpty(t, e.Attempts[0].Fault)
						require.Empty(t, e.Attempts[1].Fault)
						require.NotEqual(t, e.Attempts[0].Deployment, e.Attempts[1].Deployment)
						require.Equal(t, "fallback", a.header.Get("X-Starlane-Route"))
					}
				}
			})
		}
	}
}

func TestAllUpstreamsBad(t *testing.T) {
	t.Parallel()
	cases := []struct {
		rule   provider.Rule
		status int
		code   string
		after  string
	}{
		{provider.Rule{Kind: provider.RateLimit, RetryAfterMS: 7000}, 429, "rate_limit_exceeded", "7"},
		{provider.Rule{Kind: provider.Quota}, 503, "no_capacity", "60"},
		{provider.Rule{Kind: provider.ServerError}, 502, "upstream_error", ""},
		{provider.Rule{Kind: provider.Overloaded}, 503, "no_capacity", "1"},
		{provider.Rule{Kind: provider.BadKey}, 502, "upstream_auth", ""},
		{provider.Rule{Kind: provider.Cut}, 502, "upstream_error", ""},
	}
	for _, c := range cases {
		for _, more := range []string{"", `,"stream":true`} {
			t.Run(string(c.rule.Kind)+more, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				require.NoError(t, w.sim.SetFaults([]provider.Rule{c.rule}))
				a := w.chat(t, more)
				require.Equal(t, c.status, a.status, a.body)
				require.Equal(t, c.code, errorCode(t, a.body))
				require.Equal(t, c.after, a.header.Get("Retry-After"))
				require.NotContains(t, a.body, "sk-sim", "the upstream's key is shown")
				require.NotContains(t, a.body, "billing details", "the upstream's quota is shown as the client's")
				e := w.event(t, 0)
				require.Equal(t, usage.UpstreamError, e.Outcome)
				require.Len(t, e.Attempts, 2)
				require.True(t, e.Counts.Empty())
				require.Equal(t, c.status, e.HTTPStatus)
				require.Equal(t, 1, w.released)
			})
		}
	}
}

func TestTheUpstreamRefusesTheRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.chat(t, `,"temperature":99`)
	require.Equal(t, http.StatusBadRequest, a.status, a.body)
	require.Contains(t, a.body, "temperature")
	e := w.event(t, 0)
	require.Len(t, e.Attempts, 1, "a request at fault is not tried again")
	require.Equal(t, usage.ClientError, e.Outcome)
	require.Equal(t, http.StatusBadRequest, e.HTTPStatus)
	require.True(t, e.Counts.Empty())
	require.Equal(t, 1, w.released, "nothing is billed")
}

// A refusal that is no error of the API is the client's mistake all the same; the client reads it in our words.
func TestTheUpstreamRefusesTheRequestInWordsOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
		_ = readAll(t, r.Body)
		rw.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(rw, "<html>no</html>")
	}))
	a := w.chat(t, "")
	require.Equal(t, http.StatusUnprocessableEntity, a.status, a.body)
	require.NotContains(t, a.body, "html")
	e := w.event(t, 0)
	require.Equal(t, usage.ClientError, e.Outcome)
	require.Equal(t, http.StatusUnprocessableEntity, e.HTTPStatus)
	require.Equal(t, 1, w.released, "nothing is billed")
}

func TestStreamSpoiltInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, kind := range []provider.Kind{provider.Cut, provider.Garbage, provider.ErrorEvent, provider.NoDone} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: kind, AfterChunks: 2}}))
			a := w.chat(t, `,"stream":true,"metadata":{"x-sim-chunk-ms":"5"}`)
			require.Equal(t, http.StatusOK, a.status)
			require.NoError(t, a.err)
			evs := events(t, a.body)
			require.Equal(t, "upstream_error", errorCode(t, evs[len(evs)-1]))
			require.NotContains(t, a.body, "[DONE]")
			require.NotContains(t, a.body, "not json")
			e := w.event(t, 0)
			require.Equal(t, usage.Cut, e.Outcome)
			require.Equal(t, usage.Estimated, e.Counts.From[usage.OutText])
			require.Equal(t, int64(2), e.Counts.Output(), "what had come is billed")
			require.Positive(t, e.Counts.Input())
			require.Len(t, w.settled, 1)
		})
	}
}

func TestNoUsageReported(t *testing.T) {
	t.Parallel()
	for _, more := range []string{"", `,"stream":true`} {
		w := newWorld(t)
		require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.NoUsage}}))
		a := w.chat(t, more)
		require.Equal(t, http.StatusOK, a.status)
		e := w.event(t, 0)
		require.Equal(t, usage.OK, e.Outcome)
		require.Equal(t, usage.Estimated, e.Counts.From[usage.InText])
		require.Equal(t, usage.Estimated, e.Counts.From[usage.OutText])
		require.Positive(t, e.Counts.Output())
	}
}

func TestSilentUpstream(t *testing.T) {
	t.Parallel()
	quick := func(s *settings) {
		s.timeouts = relay.Timeouts{Request: 10 * time.Second, Header: 400 * time.Millisecond, Idle: 400 * time.Millisecond}
	}
	t.Run("before the head, one of two", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, quick)
		require.NoError(t, w.sim.SetFaults([]provider.Rule{{Key: provider.KeyPrefix + "a", Kind: provider.Stall}}))
		for range 4 {
			a := w.chat(t, "")
			require.Equal(t, http.StatusOK, a.status, a.body)
		}
	})
	t.Run("before the head, both", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, quick)
		require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.Stall}}))
		a := w.chat(t, "")
		require.Equal(t, http.StatusGatewayTimeout, a.status, a.body)
		require.Equal(t, "timeout", errorCode(t, a.body))
		require.Len(t, w.event(t, 0).Attempts, 2)
	})
	t.Run("slow but steady is not silent", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
			_ = readAll(t, r.Body)
			text := `{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}`
			rw.Header().Set("Content-Type", "application/json")
			for i := 0; i < len(text); i += 8 {
				_, _ = io.WriteString(rw, text[i:min(i+8, len(text))])
				rw.(http.Flusher).Flush()
				<-time.After(60 * time.Millisecond)
			}
		}), quick)
		require.Equal(t, http.StatusOK, w.chat(t, "").status)
	})
	t.Run("in the stream", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, quick)
		require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.StallStream, AfterChunks: 1}}))
		a := w.chat(t, `,"stream":true,"metadata":{"x-sim-chunk-ms":"5"}`)
		evs := events(t, a.body)
		require.Equal(t, "timeout", errorCode(t, evs[len(evs)-1]))
		require.Equal(t, usage.Cut, w.event(t, 0).Outcome)
	})
	t.Run("the whole request takes too long", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(s *settings) {
			s.timeouts = relay.Timeouts{Request: 200 * time.Millisecond, Header: time.Second, Idle: time.Second}
		})
		a := w.chat(t, `,"stream":true,"metadata":{"x-sim-chunk-ms":"100"}`)
		evs := events(t, a.body)
		require.Equal(t, "timeout", errorCode(t, evs[len(evs)-1]))
	})
}

func TestClientLeaves(t *testing.T) {
	t.Parallel()
	gone := make(chan time.Time, 1)
	w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
		_ = readAll(t, r.Body)
		rw.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(rw, "data: {\"choices\":[{\"delta\":{\"content\":\"one two\"}}]}\n\n")
		rw.(http.Flusher).Flush()
		<-r.Context().Done()
		gone <- time.Now()
	}))
	best := time.Hour
	for n := 0; n < 5 && best >= 100*time.Millisecond; n++ { // a busy machine may be late once, not five times
		ctx, leave := context.WithCancel(context.Background())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/v1/chat/completions",
			strings.NewReader(`{"model":"demo/echo","stream":true,"messages":[{"role":"user","content":"a b c"}]}`))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+w.key)
		res, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, res.StatusCode)
		_, err = io.ReadFull(res.Body, make([]byte, 10))
		require.NoError(t, err)
		left := time.Now()
		leave()
		best = min(best, (<-gone).Sub(left))
		require.NoError(t, res.Body.Close())
		e := w.event(t, n)
		require.Equal(t, usage.ClientGone, e.Outcome)
		require.Equal(t, 499, e.HTTPStatus)
		require.Equal(t, int64(2), e.Counts.Units[usage.OutText])
		require.Equal(t, usage.Estimated, e.Counts.From[usage.OutText])
		require.Positive(t, e.Counts.Input())
	}
	require.Less(t, best, 100*time.Millisecond, "the upstream was cancelled late")
	require.Empty(t, w.logs.String(), "a client that leaves is not worth a line")
}

// TestClientLeavesBeforeTheAnswer: as long as nothing of an answer was sent, the client owes nothing. What the prompt cost
// stays on record.
func TestClientLeavesBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ more, kind, sent string }{
		"before the head":           {"", "", ""},
		"before the head, stream":   {`,"stream":true`, "", ""},
		"in the middle of the JSON": {"", "application/json", `{"choices":[{"message":{"role":"assistant","content":"one`},
		"before the first content":  {`,"stream":true`, "text/event-stream", "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			busy := make(chan struct{})
			w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
				_ = readAll(t, r.Body)
				if tc.kind != "" {
					rw.Header().Set("Content-Type", tc.kind)
					_, _ = io.WriteString(rw, tc.sent)
					rw.(http.Flusher).Flush()
				}
				close(busy)
				<-r.Context().Done()
			}))
			ctx, leave := context.WithCancel(context.Background())
			defer leave()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/v1/chat/completions",
				strings.NewReader(`{"model":"demo/echo","messages":[{"role":"user","content":"a b c"}]`+tc.more+`}`))
			require.NoError(t, err)
			req.Header.Set("Authorization", "Bearer "+w.key)
			go func() { <-busy; leave() }()
			res, err := http.DefaultTransport.RoundTrip(req)
			if err == nil {
				_ = res.Body.Close()
			}
			require.ErrorIs(t, err, context.Canceled)
			e := w.event(t, 0)
			require.Equal(t, usage.ClientGone, e.Outcome)
			require.Positive(t, e.Counts.Input(), "what the upstream was asked is on record")
			require.Zero(t, e.Counts.Output())
			require.Zero(t, e.Estimate)
			require.True(t, e.Free())
			w.check(t)
			require.Equal(t, []money.Amount{0}, w.settled)
		})
	}
}

// TestClientThatDoesNotRead must not hold an upstream for ever.
func TestClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	chunk := "data: {\"choices\":[{\"delta\":{\"content\":\"" + strings.Repeat("word ", 10_000) + "\"}}]}\n\n"
	w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
		_ = readAll(t, r.Body)
		rw.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			if _, err := io.WriteString(rw, chunk); err != nil {
				return
			}
		}
	}), func(s *settings) {
		s.timeouts = relay.Timeouts{Request: 20 * time.Second, Header: 200 * time.Millisecond, Idle: 200 * time.Millisecond}
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/v1/chat/completions",
		strings.NewReader(`{"model":"demo/echo","stream":true,"messages":[{"role":"user","content":"a b c"}]}`))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+w.key)
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	e := w.event(t, 0)
	require.Equal(t, usage.ClientGone, e.Outcome)
	require.Positive(t, e.Counts.Output())
}

// TestDiskFails: requests that run when the log cannot be written come to their end, and somebody is told.
func TestDiskFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.failLog = errStore
	a := w.chat(t, "")
	require.Equal(t, http.StatusOK, a.status)
	b := w.chat(t, `,"stream":true`)
	require.Contains(t, b.body, "[DONE]")
	require.Contains(t, w.logs.String(), "a usage event is not on disk")
	require.Len(t, w.settled, 2)
}
