package relayapi_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/billing/pricing"
	"starlane/internal/catalog"
	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

type mediaModel struct {
	upstream, capability string
	rates                pricing.RatesByName
}

// Prices of the tests, in nano-USD for a million units.
func mediaModels() map[string]mediaModel {
	const usd = 1_000_000_000
	return map[string]mediaModel{
		"demo/image":      {provider.ModelImage, "images", pricing.RatesByName{"in_text": 5 * usd, "in_image": 10 * usd, "out_image": 40 * usd}},
		"demo/picture":    {provider.ModelPicture, "images", pricing.RatesByName{"image_gen": 40_000 * usd}},
		"demo/mute-image": {provider.ModelPicture, "images", pricing.RatesByName{"in_text": 5 * usd, "in_image": 10 * usd, "out_image": 40 * usd}},
		"demo/no-edits":   {provider.ModelImage, "images", pricing.RatesByName{"in_text": 5 * usd, "out_image": 40 * usd}},
		"demo/speech":     {provider.ModelSpeech, "audio", pricing.RatesByName{"char_in": 15 * usd}},
		"demo/tokens":     {provider.ModelSpeech, "audio", pricing.RatesByName{"in_text": usd, "out_audio": 12 * usd}},
		"demo/transcribe": {provider.ModelTranscribe, "audio", pricing.RatesByName{"in_audio": 6 * usd, "in_text": 2 * usd, "out_text": 10 * usd}},
		"demo/whisper":    {provider.ModelWhisper, "audio", pricing.RatesByName{"audio_second": 100 * usd}},
		"demo/hear":       {provider.ModelWhisper, "audio", pricing.RatesByName{"in_audio": 6 * usd, "out_text": 10 * usd}},
		"gemini/image":    {provider.ModelEcho, "images", pricing.RatesByName{"in_text": usd, "out_text": 12 * usd, "out_image": 30 * usd}},
		"demo/text-only":  {provider.ModelSpeech, "audio", pricing.RatesByName{"in_text": usd}},
	}
}

// upload is a form: fields as name, value, name, value; then one file for each part of files.
type upload struct {
	fields []string
	files  map[string][]byte // by the name of the field
}

func (u upload) encode(t testing.TB) (text, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	require.NoError(t, w.SetBoundary("a boundary of ours"))
	for i := 0; i+1 < len(u.fields); i += 2 {
		require.NoError(t, w.WriteField(u.fields[i], u.fields[i+1]))
	}
	for name, content := range u.files {
		f, err := w.CreateFormFile(name, "secret-name.wav")
		require.NoError(t, err)
		_, err = f.Write(content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.String(), w.FormDataContentType()
}

func (w *world) form(t testing.TB, path string, u upload) answer {
	t.Helper()
	text, kind := u.encode(t)
	return w.post(t, path, text, "Content-Type", kind)
}

// TestFormsPassUnchanged but for the model's name.
func TestFormsPassUnchanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := upload{[]string{"language", "de", "model", "demo/transcribe", "x_new", "1"}, map[string][]byte{"file": wav(1)}}
	require.Equal(t, http.StatusOK, w.form(t, "/v1/audio/transcriptions", u).status)
	text, kind := u.encode(t)
	r := w.sim.Report().Recent[0]
	require.Equal(t, strings.Replace(text, "demo/transcribe", "demo-transcribe", 1), r.Body)
	require.Equal(t, kind, r.Header.Get("Content-Type"))
	require.NotContains(t, r.Header.Get("Authorization"), w.key)
}

// TestMediaThatIsRefused never reaches an upstream.
func TestMediaThatIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := map[string][]byte{"file": wav(1)}
	for name, tc := range map[string]struct {
		a      answer
		status int
		says   string
	}{
		"a price for pictures given": {w.form(t, "/v1/images/edits", upload{[]string{"model", "demo/no-edits", "prompt", "a"}, map[string][]byte{"image": []byte("a")}}), 422, "model_unpriced"},
		"a price for speech":         {w.post(t, "/v1/audio/speech", `{"model":"demo/text-only","input":"a","voice":"b"}`), 422, "model_unpriced"},
		"a price for transcripts":    {w.form(t, "/v1/audio/transcriptions", upload{[]string{"model", "demo/speech"}, file}), 422, "model_unpriced"},
		"a capability":               {w.post(t, "/v1/images/generations", `{"model":"demo/echo","prompt":"a"}`), 400, "cannot be used for images"},
		"no prompt":                  {w.post(t, "/v1/images/generations", `{"model":"demo/image"}`), 400, `"param":"prompt"`},
		"no input":                   {w.post(t, "/v1/audio/speech", `{"model":"demo/speech"}`), 400, `"param":"input"`},
		"no file":                    {w.form(t, "/v1/audio/transcriptions", upload{fields: []string{"model", "demo/whisper"}}), 400, `"param":"file"`},
		"no form":                    {w.post(t, "/v1/audio/transcriptions", `{"model":"demo/whisper"}`), 400, `"param":"file"`},
		"no model":                   {w.form(t, "/v1/audio/transcriptions", upload{files: file}), 400, `"param":"model"`},
		"two models":                 {w.form(t, "/v1/audio/transcriptions", upload{[]string{"model", "demo/whisper", "model", "demo/echo"}, file}), 400, "ambiguous"},
		"a model in capitals":        {w.form(t, "/v1/audio/transcriptions", upload{[]string{"model", "demo/whisper", "Model", "demo/echo"}, file}), 400, "ambiguous"},
		"two models in JSON":         {w.post(t, "/v1/audio/speech", `{"model":"demo/speech","model":"demo/tokens","input":"a"}`), 400, "ambiguous"},
		"too many":                   {w.post(t, "/v1/images/generations", `{"model":"demo/image","prompt":"a","n":1000}`), 400, `"param":"n"`},
		"a broken form":              {w.post(t, "/v1/audio/transcriptions", "no form", "Content-Type", "multipart/form-data; boundary=a"), 400, "boundary"},
		"too large":                  {w.form(t, "/v1/audio/transcriptions", upload{[]string{"model", "demo/whisper"}, map[string][]byte{"file": make([]byte, 5<<20)}}), 413, "request_too_large"},
		"nobody's path":              {w.post(t, "/v1/images/else", `{}`), 404, "not_found"},
	} {
		require.Equal(t, tc.status, tc.a.status, "%s: %s", name, tc.a.body)
		require.Contains(t, tc.a.body, tc.says, name)
		require.NotContains(t, tc.a.body, "secret-name")
	}
	require.Empty(t, w.opens)
	require.Zero(t, w.sim.Report().Total.Received)
}

// TestMediaOneBadUpstream: as for chat, the client does not notice.
func TestMediaOneBadUpstream(t *testing.T) {
	t.Parallel()
	for _, kind := range []provider.Kind{provider.RateLimit, provider.ServerError, provider.BadKey, provider.Cut} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			require.NoError(t, w.sim.SetFaults([]provider.Rule{{Key: provider.KeyPrefix + "a", Kind: kind}}))
			for range 4 {
				a := w.post(t, "/v1/audio/speech", `{"model":"demo/speech","input":"hello","voice":"b"}`)
				require.Equal(t, http.StatusOK, a.status, a.body)
				require.NoError(t, a.err)
				a = w.form(t, "/v1/audio/transcriptions", upload{[]string{"model", "demo/whisper"}, map[string][]byte{"file": wav(1)}})
				require.Equal(t, http.StatusOK, a.status, a.body)
				a = w.post(t, "/v1/images/generations", `{"model":"demo/image","prompt":"a","quality":"low"}`)
				require.Equal(t, http.StatusOK, a.status, a.body)
			}
		})
	}
}

// TestMediaAllUpstreamsBad: nothing is billed, and refusals come in the upstream's words.
func TestMediaAllUpstreamsBad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.post(t, "/v1/audio/speech", `{"model":"demo/speech","input":"hello"}`)
	require.Equal(t, http.StatusBadRequest, a.status, a.body)
	require.Contains(t, a.body, "'voice'")
	require.Equal(t, usage.ClientError, w.event(t, 0).Outcome)
	require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.ServerError}}))
	a = w.post(t, "/v1/audio/speech", `{"model":"demo/speech","input":"hello","voice":"b"}`)
	require.Equal(t, http.StatusBadGateway, a.status, a.body)
	require.Equal(t, "upstream_error", errorCode(t, a.body))
	e := w.event(t, 1)
	require.Equal(t, usage.UpstreamError, e.Outcome)
	require.Len(t, e.Attempts, 2)
	require.True(t, e.Counts.Empty())
	require.Equal(t, 2, w.released)
}

// TestMediaAtAzure: the deployment stands in the path, what else is a matter of headers.
func TestMediaAtAzure(t *testing.T) {
	t.Parallel()
	key := provider.KeyPrefix + "cloud"
	w := newWorld(t, func(s *settings) {
		s.vendors = func(simulator string, _ *provider.Server) []otherVendor {
			dated := catalog.Place{APIVersion: "2025-04-01-preview"}
			return []otherVendor{
				{model: "demo/no-edits", dialect: catalog.AzureOpenAI, base: simulator, secret: key, place: dated, upstream: provider.ModelImage},
				{model: "demo/hear", dialect: catalog.AzureOpenAI, base: simulator, secret: key, upstream: provider.ModelWhisper},
			}
		}
	}, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
		_ = readAll(t, r.Body)
		rw.WriteHeader(http.StatusServiceUnavailable)
	}))
	for range 4 { // until the cloud's turn has come
		a := w.post(t, "/v1/images/generations", `{"model":"demo/no-edits","prompt":"a","quality":"low"}`)
		require.Equal(t, http.StatusOK, a.status, a.body)
		a = w.form(t, "/v1/audio/transcriptions", upload{[]string{"model", "demo/hear"}, map[string][]byte{"file": wav(1)}})
		require.Equal(t, http.StatusOK, a.status, a.body)
	}
}
