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
