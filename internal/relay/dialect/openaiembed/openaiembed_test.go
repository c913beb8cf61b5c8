package openaiembed

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/usage"
)

func words(text []byte) usage.Tokens { return usage.Tokens(len(bytes.Fields(text))) }

func TestRequest(t *testing.T) {
	t.Parallel()
	d := New()
	for input, tokens := range map[string]usage.Tokens{
		`"one two"`: 2, `["one","two \u0061 three"]`: 4, `[1,2,3]`: 3, `[[1,2],[3]]`: 3, `[]`: 0,
	} {
		src := `{"input":` + input + `,"model" : "demo/embed","dimensions":8}`
		r, err := d.DecodeRequest(body.Copy([]byte(src)))
		require.NoError(t, err)
		require.Equal(t, "demo/embed", r.Model)
		require.False(t, r.Stream)
		require.Equal(t, tokens, d.EstimatePrompt(r, words), input)
		m, err := d.EncodeRequest(r, dialect.Target{Model: `odd"name`})
		require.NoError(t, err)
		got, err := io.ReadAll(m.Reader())
		require.NoError(t, err)
		require.Equal(t, `{"input":`+input+`,"model" : "odd\"name","dimensions":8}`, string(got))
	}
	for src, param := range map[string]string{
		`{"input":"x"}`: "model", `{"model":"m"}`: "input", `{"model":"m","input":5}`: "input", `{"model":"m","input":"x","Input":"y"}`: "input",
	} {
		_, err := d.DecodeRequest(body.Copy([]byte(src)))
		e := apperr.From(err)
		require.Equal(t, apperr.InvalidRequest, e.Code, src)
		require.Equal(t, param, e.Param, src)
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	d := New()
	a, err := d.ReadAnswer(nil, body.Copy([]byte(`{"object":"list","data":[{"embedding":[0.1,-2e-3]}],"model":"m","usage":{"prompt_tokens":8,"total_tokens":8}}`)), nil)
	require.NoError(t, err)
	require.True(t, a.Reported)
	require.Equal(t, int64(8), a.Counts.Input())
	require.Zero(t, a.Counts.Output())
	a, err = d.ReadAnswer(nil, body.Copy([]byte(`{"data":[]}`)), nil)
	require.NoError(t, err)
	require.False(t, a.Reported)
	for _, broken := range []string{``, `{"data":[}`, `{"data":{}}`, `{"error":{}}`} {
		_, err := d.ReadAnswer(nil, body.Copy([]byte(broken)), nil)
		require.Error(t, err, broken)
	}
}
