package openaiaudio

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

type words struct{}

func (words) Priced(c usage.Class) bool      { return c == usage.AudioSecond }
func (words) Count(text []byte) usage.Tokens { return usage.Tokens(len(bytes.Fields(text))) }
func (words) Cost(usage.Counts) string       { return "" }

func recording(t *testing.T, file []byte, fields ...string) (*llm.Request, error) {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for i := 0; i < len(fields); i += 2 {
		require.NoError(t, w.WriteField(fields[i], fields[i+1]))
	}
	part, err := w.CreateFormFile("file", "a.mp3")
	require.NoError(t, err)
	_, err = part.Write(file)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return Ingress{At: Transcriptions, Type: w.FormDataContentType()}.DecodeRequest(body.Copy(form.Bytes()))
}

// TestForgedHeadersDoNotMakeTranscriptsCheap: who records says in the header of the file how long it lasts. Where the upstream does
// not say it either, a transcript costs the time at least that it took to say.
func TestForgedHeadersDoNotMakeTranscriptsCheap(t *testing.T) {
	t.Parallel()
	fast := append([]byte("\xff\xfb\xe0\xc4"), make([]byte, 400_000)...) // 320 kbit/s, it says: ten seconds
	said := strings.Repeat("word ", 3000)
	for form, tc := range map[string]struct {
		answer string
		want   int64
	}{
		"text": {said, 250},
		"json": {`{"text":"` + said + `"}`, 250},
		"vtt":  {"WEBVTT\n\n00:01.000 --> 03:20.000\n" + said, 200},
		"srt":  {"1\n00:00:00,000 --> 00:02:00,100\n" + said, 121},
	} {
		r, err := recording(t, fast, "model", "m", "response_format", form)
		require.NoError(t, err)
		a, err := Audio{}.ReadAnswer(r, body.Copy([]byte(tc.answer)), words{})
		require.NoError(t, err)
		require.Equal(t, tc.want, a.Counts.Units[usage.AudioSecond], form)
	}
	r, err := recording(t, fast, "model", "m")
	require.NoError(t, err)
	a, err := Audio{}.ReadAnswer(r, body.Copy([]byte(fmt.Sprintf(`{"text":%q,"usage":{"type":"duration","seconds":9.5}}`, said))), words{})
	require.NoError(t, err)
	require.Equal(t, int64(10), a.Counts.Units[usage.AudioSecond], "what the upstream reports counts")
}

// TestRecordingsFromElsewhereAreRefused: some vendors take an address in the place of a file, or beside it.
func TestRecordingsFromElsewhereAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"url", "file_url", "file_id"} {
		_, err := recording(t, make([]byte, 100), "model", "m", name, "https://example.com/ten-hours.mp3")
		require.Equal(t, apperr.UnsupportedParam, apperr.From(err).Code, name)
	}
}
