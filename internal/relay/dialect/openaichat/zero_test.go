package openaichat

import (
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/body"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// TestTextThatCostNothing: a report without tokens beside a text is no report, or the answer would be given away.
func TestTextThatCostNothing(t *testing.T) {
	t.Parallel()
	d := New()
	for report, want := range map[string]bool{
		`{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`: false,
		`{"prompt_tokens":9,"completion_tokens":0}`:                  false,
		`{"prompt_tokens":9}`:                                        false,
		`{"prompt_tokens":9,"completion_tokens":3}`:                  true,
	} {
		a, err := d.ReadAnswer(nil, body.Copy([]byte(`{"choices":[{"message":{"role":"assistant","content":"said"}}],"usage":`+report+`}`)), nil)
		require.NoError(t, err)
		require.Equal(t, want, a.Reported, "answer with %s", report)

		tap := d.NewTap(&llm.Request{}, nil)
		tap.Event([]byte(`{"choices":[{"delta":{"content":"said"}}]}`))
		tap.Event([]byte(`{"choices":[],"usage":` + report + `}`))
		require.Equal(t, want, tap.Answer().Reported, "stream with %s", report)
		tap.Close()
	}
	a, err := d.ReadAnswer(nil, body.Copy([]byte(`{"choices":[{"message":{"role":"assistant","content":null}}],"usage":{"prompt_tokens":9,"completion_tokens":0}}`)), nil)
	require.NoError(t, err)
	require.True(t, a.Reported, "nothing was said, and nothing is what it cost")
	require.Equal(t, usage.Tokens(9), a.Counts.Input())
}
