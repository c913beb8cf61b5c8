package openairealtime_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect/openairealtime"
	"starlane/internal/usage"
)

// TestBoundsThatReadersMayTakeDifferently: what is set aside covers the longest answer that any upstream reads out of a message.
func TestBoundsThatReadersMayTakeDifferently(t *testing.T) {
	t.Parallel()
	const unbounded = openairealtime.Unbounded
	for settings, want := range map[string]usage.Tokens{
		`{}`:                          0,
		`{"max_output_tokens":5}`:     5,
		`{"max_output_tokens":"inf"}`: unbounded,
		`{"max_output_tokens":null}`:  unbounded,
		`{"max_output_tokens":9,"max_response_output_tokens":1}`:     9,
		`{"max_response_output_tokens":"inf","max_output_tokens":1}`: unbounded,
		`{"max_output_tokens":"inf","max_response_output_tokens":1}`: unbounded,
	} {
		for kind, member := range map[string]string{"session.update": "session", "response.create": "response"} {
			r, err := openairealtime.ReadRequest(body.Copy([]byte(`{"type":"` + kind + `","` + member + `":` + settings + `}`)))
			require.NoError(t, err)
			require.Equal(t, want, r.MaxOutput, settings)
		}
	}
	for _, settings := range []string{
		`{"max_output_tokens":"inf","max_output_tokens":1}`, `{"max_output_tokens":1,"Max_Output_Tokens":"inf"}`, `{"max\u005foutput_tokens":1}`,
	} {
		_, err := openairealtime.ReadRequest(body.Copy([]byte(`{"type":"session.update","session":` + settings + `}`)))
		require.Error(t, err, settings)
	}
}
