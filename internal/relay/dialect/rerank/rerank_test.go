package rerank

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/body"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

func TestSizes(t *testing.T) {
	t.Parallel()
	d := New()
	long := strings.Repeat("a", 10_000)
	for documents, want := range map[string]struct {
		searches int64
		open     bool
	}{
		`[]`: {1, false}, `["a"]`: {1, false}, `[` + strings.Repeat(`"a",`, 100) + `{"text":"b"}]`: {2, false},
		`["` + long + `","` + long + `","` + long + `","` + long + `","` + long + `"]`: {2, false}, // 21 chunks each
		`[{"image":"https://example.com/a.png"}]`:                                      {1, true},
	} {
		r, err := d.DecodeRequest(body.Copy([]byte(`{"documents":` + documents + `,"query":"which?","model":"m"}`)))
		require.NoError(t, err)
		size := d.MeasurePrompt(r)
		require.Equal(t, []llm.Units{{Class: usage.SearchQuery, Most: want.searches}}, size.Instead, documents[:min(len(documents), 40)])
		require.Equal(t, want.open, size.Open)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	d := New()
	for answer, want := range map[string]struct {
		searches, tokens int64
		reported         bool
	}{
		`{"results":[],"meta":{"billed_units":{"search_units":2}}}`:                             {2, 0, true},
		`{"results":[],"meta":{"billed_units":{"search_units":1.0,"input_tokens":5}}}`:          {1, 0, true},
		`{"results":[],"meta":{"billed_units":{"search_units":0},"tokens":{"input_tokens":7}}}`: {0, 7, true},
		`{"results":[],"usage":{"total_tokens":9,"prompt_tokens":8}}`:                           {0, 9, true},
		`{"data":[],"usage":{"total_tokens":3}}`:                                                {0, 3, true},
		`{"results":[],"usage":{"prompt_tokens":8}}`:                                            {0, 8, true},
		`{"results":[],"usage":{"total_tokens":-1}}`:                                            {0, 0, false},
		`{"results":[],"usage":{"total_tokens":1e300}}`:                                         {0, 0, false},
		`{"results":[],"usage":null,"meta":{"billed_units":null}}`:                              {0, 0, false},
		`{"results":[]}`: {0, 0, false},
	} {
		a, err := d.ReadAnswer(nil, body.Copy([]byte(answer)), nil)
		require.NoError(t, err)
		require.Equal(t, want.reported, a.Reported, answer)
		require.Equal(t, want.searches, a.Counts.Units[usage.SearchQuery], answer)
		require.Equal(t, want.tokens, a.Counts.Units[usage.InText], answer)
	}
	for _, broken := range []string{``, `{"results":{}}`, `{"results":[}`, `{"error":{}}`} {
		_, err := d.ReadAnswer(nil, body.Copy([]byte(broken)), nil)
		require.Error(t, err, broken)
	}
}

// TestFaults: the vendors' errors differ, and the client gets their words in one form.
func TestFaults(t *testing.T) {
	t.Parallel()
	d := New()
	for _, src := range []string{`{"message":"no such field"}`, `{"detail":"no such field"}`, `{"error":{"message":"no such field","secret":"x"}}`} {
		f := d.ReadFault(422, nil, body.Copy([]byte(src)))
		require.Equal(t, llm.Caller, f.Kind)
		require.JSONEq(t, `{"message":"no such field","error":{"message":"no such field","type":"invalid_request_error","param":null,"code":"invalid_request"}}`, string(f.Answer.Open()))
	}
	require.Zero(t, d.ReadFault(400, nil, body.Copy([]byte(`{"detail":[{"loc":["body"]}]}`))).Answer.Len(), "what is no sentence is not passed on")
	require.Equal(t, llm.Limited, d.ReadFault(429, nil, body.Copy([]byte(`{"message":"slow down"}`))).Kind)
}
