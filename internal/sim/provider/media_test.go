package provider_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	_ "image/jpeg" // Decode knows the formats that are linked in
	_ "image/png"  // likewise
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/sim/provider"
)

// form is a body with fields, as name and value in turn, and a file.
func form(t *testing.T, file string, fields ...string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		require.NoError(t, w.WriteField(fields[i], fields[i+1]))
	}
	if file != "" {
		f, err := w.CreateFormFile("file", "a")
		require.NoError(t, err)
		_, err = f.Write([]byte(file))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.String(), w.FormDataContentType()
}

func TestPicturesArePictures(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	ask := func(more string) reply {
		return send(t, t.Context(), http.MethodPost, s.url+"/v1/images/generations", `{"model":"demo-image","prompt":"a cat"`+more+`}`)
	}
	for _, tc := range []struct{ more, kind, size string }{
		{"", "png", "1024x1024"}, {`,"output_format":"jpeg","size":"1536x1024"`, "jpeg", "1536x1024"},
	} {
		r := ask(tc.more)
		require.Equal(t, http.StatusOK, r.status, string(r.body))
		var got struct {
			Size string
			Data []struct {
				B64 string `json:"b64_json"`
			}
		}
		require.NoError(t, json.Unmarshal(r.body, &got))
		require.Equal(t, tc.size, got.Size)
		file, err := base64.StdEncoding.DecodeString(got.Data[0].B64)
		require.NoError(t, err)
		_, kind, err := image.Decode(bytes.NewReader(file))
		require.NoError(t, err)
		require.Equal(t, tc.kind, kind)
	}
	first, second := ask(""), ask("")
	require.JSONEq(t, string(first.body), string(second.body), "the same request, the same picture")
	for more, param := range map[string]string{
		`,"n":11`: "n", `,"size":"7x7"`: "size", `,"quality":"best"`: "quality", `,"partial_images":1`: "partial_images", `,"output_format":"gif"`: "output_format",
	} {
		r := ask(more)
		require.Equal(t, http.StatusBadRequest, r.status)
		require.Contains(t, string(r.body), `"param":"`+param+`"`)
	}
}

func TestSpeechInEachFormat(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	ask := func(more string) reply {
		return send(t, t.Context(), http.MethodPost, s.url+"/v1/audio/speech", `{"model":"demo-speech","input":"hello","voice":"alloy"`+more+`}`)
	}
	for format, head := range map[string]string{"mp3": "\xff\xf3", "opus": "OggS", "aac": "\xff\xf1", "flac": "fLaC", "wav": "RIFF", "pcm": ""} {
		r := ask(`,"response_format":"` + format + `"`)
		require.Equal(t, http.StatusOK, r.status, format)
		require.True(t, strings.HasPrefix(string(r.body), head), format)
		require.True(t, strings.HasPrefix(r.header.Get("Content-Type"), "audio/"), format)
	}
	for _, more := range []string{`,"speed":9`, `,"response_format":"midi"`, `,"stream_format":"x"`, `,"input":"` + strings.Repeat("a", 5000) + `"`} {
		require.Equal(t, http.StatusBadRequest, ask(more).status, more)
	}
}

func TestTranscriptsFollowFromTheFile(t *testing.T) {
	t.Parallel()
	s := start(t, fast())
	ask := func(path, file string, fields ...string) reply {
		body, kind := form(t, file, fields...)
		return send(t, t.Context(), http.MethodPost, s.url+"/v1/audio/"+path, body, "Content-Type", kind)
	}
	one := ask("transcriptions", "some sound", "model", provider.ModelTranscribe)
	require.Equal(t, http.StatusOK, one.status, string(one.body))
	require.JSONEq(t, string(one.body), string(ask("transcriptions", "some sound", "model", provider.ModelTranscribe).body))
	require.NotEqual(t, string(one.body), string(ask("transcriptions", "other sound", "model", provider.ModelTranscribe).body))
	for _, tc := range []struct {
		status       int
		path, file   string
		model, extra string
	}{
		{http.StatusBadRequest, "transcriptions", "some sound", provider.ModelTranscribe, "srt"},
		{http.StatusOK, "transcriptions", "some sound", provider.ModelWhisper, "srt"},
		{http.StatusBadRequest, "transcriptions", "", provider.ModelWhisper, "json"},
		{http.StatusNotFound, "translations", "some sound", provider.ModelTranscribe, "json"},
		{http.StatusOK, "translations", "some sound", provider.ModelWhisper, "vtt"},
		{http.StatusNotFound, "transcriptions", "some sound", provider.ModelEcho, "json"},
	} {
		r := ask(tc.path, tc.file, "model", tc.model, "response_format", tc.extra)
		require.Equal(t, tc.status, r.status, "%+v: %s", tc, r.body)
	}
	require.Equal(t, http.StatusUnsupportedMediaType, send(t, t.Context(), http.MethodPost, s.url+"/v1/audio/transcriptions", `{}`).status)
}
