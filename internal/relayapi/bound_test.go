package relayapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/billing/money"
)

// An answer without a bound is set aside at the model's longest. Where credit does not cover that, the upstream is told to
// stop at what was set aside, so that no answer can cost more than its reservation.
func TestShortCreditBoundsTheAnswer(t *testing.T) {
	t.Parallel()
	const inserted = `"max_completion_tokens":4096`
	for name, tc := range map[string]struct {
		credit int64 // nano-USD; the longest answer costs 32,000,000, one of 4096 tokens 8,192,000, the prompt little
		extra  string
		status int
		bound  bool
	}{
		"credit enough":                {50_000_000, "", 200, false},
		"credit short":                 {10_000_000, "", 200, true},
		"credit short, stream":         {10_000_000, `,"stream":true`, 200, true},
		"credit short, null":           {10_000_000, `,"max_completion_tokens":null`, 200, true},
		"credit short, client's bound": {10_000_000, `,"max_tokens":10`, 200, false},
		"client wants more than that":  {10_000_000, `,"max_tokens":10000`, 402, false},
		"credit gone":                  {1_000_000, "", 402, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mu.Lock()
			w.credit = money.Amount(tc.credit)
			w.mu.Unlock()
			a := w.chat(t, tc.extra)
			require.Equal(t, tc.status, a.status, a.body)
			if tc.status != http.StatusOK {
				require.Equal(t, "insufficient_credit", errorCode(t, a.body))
				return
			}
			recent := w.sim.Report().Recent
			require.NotEmpty(t, recent)
			if got := recent[len(recent)-1].Body; tc.bound {
				require.Contains(t, got, inserted)
			} else {
				require.NotContains(t, got, inserted)
			}
			require.LessOrEqual(t, int64(w.opens[0].Reserved), tc.credit)
		})
	}
}

// TestShortCreditBoundsAResponse is the same for a Responses client, beside what else is spliced in.
func TestShortCreditBoundsAResponse(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]string{
		`}`:                           `{"store":false,"max_output_tokens":4096,"model":"demo-echo","input":"a"}`,
		`,"max_output_tokens":null}`:  `{"store":false,"model":"demo-echo","input":"a","max_output_tokens":4096}`,
		`,"max_output_tokens":1000}`:  `{"store":false,"model":"demo-echo","input":"a","max_output_tokens":1000}`,
		`,"tools":[],"store":false }`: `{"max_output_tokens":4096,"model":"demo-echo","input":"a","tools":[],"store":false }`,
	} {
		w := newWorld(t)
		w.mu.Lock()
		w.credit = 10_000_000
		w.mu.Unlock()
		a := w.post(t, "/v1/responses", `{"model":"demo/echo","input":"a"`+more)
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.JSONEq(t, want, w.sim.Report().Recent[0].Body)
	}
}

// Audio has prices of its own: it is set aside at them, and refused where there are none.
func TestAudioIsNotBilledAsText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ask := func(model, more string) answer {
		return w.post(t, "/v1/chat/completions", `{"model":"`+model+`","max_tokens":1000,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}`+more)
	}
	const heard, plain = `,{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}]}`, `]}]}`
	const spoken = `]}],"modalities":["text","audio"]}`
	for _, more := range []string{heard, spoken} {
		a := ask("demo/echo", more)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, a.body)
		require.Equal(t, "model_unpriced", errorCode(t, a.body))
		require.Contains(t, a.body, "audio")
	}
	require.Zero(t, w.sim.Report().Total.Received)
	for i, more := range []string{plain, heard, spoken} {
		require.Equal(t, http.StatusOK, ask("demo/voice", more).status)
		w.event(t, i)
	}
	text, in, out := w.opens[0].Reserved, w.opens[1].Reserved, w.opens[2].Reserved
	require.Greater(t, in, 20*text/2, "an audio prompt costs fifty times a text")
	require.Greater(t, out, 20*text)
}

func TestOtherServiceTiersAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Equal(t, http.StatusOK, w.chat(t, `,"service_tier":"default"`).status)
	a := w.chat(t, `,"service_tier":"priority"`)
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Contains(t, a.body, `"param":"service_tier"`)
}
