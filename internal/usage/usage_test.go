package usage

import "testing"

func TestFree(t *testing.T) {
	t.Parallel()
	var none, prompt, both Counts
	prompt.Set(InText, 10, Estimated)
	both.Set(InText, 10, Estimated)
	both.Set(OutReasoning, 1, Reported)
	for name, tc := range map[string]struct {
		outcome Outcome
		counts  Counts
		want    bool
	}{
		"whole":                                   {OK, both, false},
		"whole, nothing counted":                  {OK, none, false},
		"no answer, whatever was counted":         {UpstreamError, both, true},
		"refused, whatever was counted":           {ClientError, both, true},
		"client left before the answer":           {ClientGone, prompt, true},
		"client left before the request was sent": {ClientGone, none, true},
		"client left in the middle":               {ClientGone, both, false},
		"cut in the middle":                       {Cut, both, false},
		"crashed":                                 {Crashed, prompt, false},
		"crashed, nothing counted":                {Crashed, none, true},
	} {
		e := Event{Outcome: tc.outcome, Counts: tc.counts}
		if got := e.Free(); got != tc.want {
			t.Errorf("%s: Free() = %v, want %v", name, got, tc.want)
		}
	}
}
