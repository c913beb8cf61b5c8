package usage

import "testing"

func TestFree(t *testing.T) {
	t.Parallel()
	var none, prompt, both, spoken Counts
	spoken.Set(CharIn, 10, Derived)
	prompt.Set(InText, 10, Estimated)
	both.Set(InText, 10, Estimated)
	both.Set(OutReasoning, 1, Reported)
	for name, tc := range map[string]struct {
		outcome Outcome
		counts  Counts
		want    bool
		begun   bool
	}{
		"whole":                                   {OK, both, false, false},
		"whole, nothing counted":                  {OK, none, false, false},
		"no answer, whatever was counted":         {UpstreamError, both, true, false},
		"refused, whatever was counted":           {ClientError, both, true, false},
		"client left before the answer":           {ClientGone, prompt, true, false},
		"client left before the request was sent": {ClientGone, none, true, false},
		"client left in the middle":               {ClientGone, both, false, false},
		"client left before a word was spoken":    {ClientGone, spoken, true, false},
		"client left while words were spoken":     {ClientGone, spoken, false, true},
		"cut in the middle":                       {Cut, both, false, false},
		"crashed":                                 {Crashed, prompt, false, false},
		"crashed, nothing counted":                {Crashed, none, true, false},
	} {
		e := Event{Outcome: tc.outcome, Counts: tc.counts, TTFTMillis: -1}
		if tc.begun {
			e.TTFTMillis = 0
		}
		if got := e.Free(); got != tc.want {
			t.Errorf("%s: Free() = %v, want %v", name, got, tc.want)
		}
	}
}

// A relay that died bills what was known of a request, in the class that its model has a price for.
func TestOpenBecomesAnEvent(t *testing.T) {
	t.Parallel()
	e := Open{InputEstimate: 7, InputClass: CharIn}.Event()
	var want Counts
	want.Set(CharIn, 7, Estimated)
	if e.Counts != want || e.Outcome != Crashed || e.Free() {
		t.Errorf("%+v, want 7 characters, billed", e)
	}
}
