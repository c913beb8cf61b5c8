package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// endpointsReport is what clients/js/endpoints.mjs prints.
type endpointsReport struct {
	Completions map[string]struct {
		Text, Streamed       string
		Usage, StreamedUsage int64
	}
	Suffix     struct{ Type, Param string }
	Vectors    []int
	SameVector bool
	Flagged    []bool
	Ranked     []int
}

// The official SDKs find the endpoints beside the conversations, and each answer is billed once, the free ones too.
func TestEndpointsWithOfficialSDKs(t *testing.T) {
	t.Parallel()
	jsModules(t)
	s := startStack(t, "--no-web")
	const answered = "select count(*) from starlane.usage_event where outcome = 'ok'"
	before := s.scalar(t, answered)

	var r endpointsReport
	s.runClient(t, &r, nil, "internal/e2e/clients/js", "node", "endpoints.mjs")
	for _, model := range []string{"demo/completions", "demo/claude"} {
		c := r.Completions[model]
		if c.Text != "once upon a time" || c.Streamed != c.Text || c.Usage == 0 || c.StreamedUsage != c.Usage {
			t.Errorf("%s: %+v, want the echo with the same usage, streamed and not", model, c)
		}
	}
	if r.Suffix.Type != "BadRequestError" || r.Suffix.Param != "suffix" {
		t.Errorf("suffix: %+v, want a BadRequestError that names it", r.Suffix)
	}
	if !slices.Equal(r.Vectors, []int{8, 8}) || !r.SameVector {
		t.Errorf("vectors of %v numbers, the same for both SDKs: %v; want two of 8, the same", r.Vectors, r.SameVector)
	}
	if !slices.Equal(r.Flagged, []bool{false, true}) || !slices.Equal(r.Ranked, []int{1}) {
		t.Errorf("flagged %v, ranked %v; want the second of each", r.Flagged, r.Ranked)
	}

	const good = 2*2 + 2 + 1 + 1
	eventually(t, 5*time.Second, "every answer has one usage record", func() error {
		if got := s.scalar(t, answered) - before; got != good {
			return fmt.Errorf("usage records = %d, want %d", got, good)
		}
		return nil
	})
	s.checkBooks(t)
}
