package relayapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/billing/money"
	"starlane/internal/billing/pricing"
	"starlane/internal/catalog"
	"starlane/internal/relay"
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

// wav is a recording of so many seconds and a half.
func wav(seconds int) []byte {
	const rate = 16_000
	data := make([]byte, seconds*rate+rate/2)
	for i := range data {
		data[i] = byte(i * i)
	}
	out := append([]byte("RIFF"), 0, 0, 0, 0)
	out = append(out, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	out = binary.LittleEndian.AppendUint32(out, rate/2)
	out = binary.LittleEndian.AppendUint32(out, rate)
	out = append(out, "\x02\x00\x10\x00data"...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(data)))
	return append(out, data...)
}

type pictures struct {
	Data []struct {
		B64 string `json:"b64_json"`
	}
}

// TestPictures are made, edited and varied, and paid by what the price book has.
func TestPictures(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path, body string
		form       *upload
		pictures   int
		counts     string
		from       usage.Provenance
		class      usage.Class
	}{
		"tokens":           {path: "generations", body: `{"model":"demo/image","prompt":"two red cats","n":2,"quality":"low"}`, pictures: 2, counts: "in_text:3 out_image:544", from: usage.Reported, class: usage.OutImage},
		"pieces":           {path: "generations", body: `{"model":"demo/picture","prompt":"two red cats","n":3,"quality":"low"}`, pictures: 3, counts: "image_gen:3", from: usage.Derived, class: usage.ImageGen},
		"tokens, unsaid":   {path: "generations", body: `{"model":"demo/mute-image","prompt":"two red cats","quality":"medium","size":"1024x1536"}`, pictures: 1, counts: "in_text:3 out_image:1584", from: usage.Estimated, class: usage.OutImage},
		"edit":             {path: "edits", form: &upload{[]string{"model", "demo/image", "prompt", "bluer", "quality", "low", "size", "1536x1024"}, map[string][]byte{"image[]": []byte("png")}}, pictures: 1, counts: "in_text:1 in_image:323 out_image:400", from: usage.Reported, class: usage.InImage},
		"edit of JSON":     {path: "edits", body: `{"model":"demo/image","prompt":"bluer","quality":"low","images":[{"file_id":"a"},{"file_id":"b"}]}`, pictures: 1, counts: "in_text:1 in_image:646 out_image:272", from: usage.Reported, class: usage.InImage},
		"variation":        {path: "variations", form: &upload{[]string{"model", "demo/picture", "n", "2"}, map[string][]byte{"image": []byte("png")}}, pictures: 2, counts: "image_gen:2", from: usage.Derived, class: usage.ImageGen},
		"edit, no picture": {path: "generations", body: `{"model":"demo/no-edits","prompt":"bluer","quality":"low"}`, pictures: 1, counts: "in_text:1 out_image:272", from: usage.Reported, class: usage.OutImage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var a answer
			if tc.form != nil {
				a = w.form(t, "/v1/images/"+tc.path, *tc.form)
			} else {
				a = w.post(t, "/v1/images/"+tc.path, tc.body)
			}
			require.Equal(t, http.StatusOK, a.status, a.body)
			require.Equal(t, "application/json", a.header.Get("Content-Type"))
			got := parse[pictures](t, a.body)
			require.Len(t, got.Data, tc.pictures)
			file, err := base64.StdEncoding.DecodeString(got.Data[0].B64)
			require.NoError(t, err)
			_, err = png.Decode(bytes.NewReader(file))
			require.NoError(t, err)
			e := w.event(t, 0)
			require.Equal(t, usage.OK, e.Outcome)
			require.Equal(t, "images", e.Capability)
			require.Equal(t, tc.counts, counts(e))
			require.Equal(t, tc.from, e.Counts.From[tc.class])
			require.Positive(t, int64(e.Estimate))
			require.LessOrEqual(t, int64(e.Estimate), int64(e.Reserved), "what was set aside covers it")
			require.Equal(t, e.Estimate.String(), a.header.Get("X-Starlane-Cost-Usd"))
			require.Equal(t, []money.Amount{e.Estimate}, w.settled)
		})
	}
}

func TestPicturesInAStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.post(t, "/v1/images/generations", `{"model":"demo/image","prompt":"two red cats","quality":"low","stream":true,"partial_images":2}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, 2, strings.Count(a.body, "event: image_generation.partial_image\n"))
	require.Equal(t, 1, strings.Count(a.body, "event: image_generation.completed\n"))
	e := w.event(t, 0)
	require.Equal(t, "in_text:3 out_image:472", counts(e))
	require.Equal(t, usage.Reported, e.Counts.From[usage.OutImage])
	require.True(t, e.Streamed)
	require.LessOrEqual(t, int64(e.Estimate), int64(e.Reserved))

	a = w.form(t, "/v1/images/edits", upload{[]string{"model", "demo/image", "prompt", "b", "stream", "true", "quality", "low"}, map[string][]byte{"image": []byte("png")}})
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, a.body, "event: image_edit.completed\n")
	require.Equal(t, "in_text:1 in_image:323 out_image:272", counts(w.event(t, 1)))

	require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.Cut, AfterChunks: 1}}))
	a = w.post(t, "/v1/images/generations", `{"model":"demo/image","prompt":"two red cats","quality":"low","stream":true,"partial_images":2}`)
	require.Contains(t, a.body, `"error":{`)
	require.NotContains(t, a.body, "completed")
	e = w.event(t, 2)
	require.Equal(t, usage.Cut, e.Outcome)
	require.Equal(t, "in_text:3 out_image:100", counts(e), "what was shown is billed")
}

// TestSpeech passes as it is, and is paid by characters or by tokens.
func TestSpeech(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	said := strings.Repeat("Grüße, Welt! ", 20)
	quoted, err := json.Marshal(said)
	require.NoError(t, err)
	ask := func(model, more string) answer {
		return w.post(t, "/v1/audio/speech", `{"model":"`+model+`","voice":"alloy","input":`+string(quoted)+more+`}`)
	}
	a := ask("demo/speech", `,"response_format":"wav"`)
	require.Equal(t, http.StatusOK, a.status)
	require.NoError(t, a.err)
	require.Equal(t, "audio/wav", a.header.Get("Content-Type"))
	require.Equal(t, "demo/speech", a.header.Get("X-Starlane-Served-Model"))
	require.Len(t, a.body, 44+260*3200)
	require.True(t, strings.HasPrefix(a.body, "RIFF"))
	e := w.event(t, 0)
	require.Equal(t, "char_in:260", counts(e))
	require.Equal(t, usage.Derived, e.Counts.From[usage.CharIn])
	require.Equal(t, "audio", e.Capability)
	require.Equal(t, e.Reserved, e.Estimate, "known beforehand")
	require.GreaterOrEqual(t, e.TTFTMillis, int64(0))
	require.False(t, e.Streamed)

	a = ask("demo/speech", `,"stream_format":"sse"`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, a.body, "event: speech.audio.delta\n")
	require.Contains(t, a.body, "event: speech.audio.done\n")
	require.Equal(t, "char_in:260", counts(w.event(t, 1)))

	a = ask("demo/tokens", `,"stream_format":"sse"`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	e = w.event(t, 2)
	require.Equal(t, "in_text:141 out_audio:364", counts(e))
	require.Equal(t, usage.Reported, e.Counts.From[usage.OutAudio])
	require.LessOrEqual(t, int64(e.Estimate), int64(e.Reserved))

	a = ask("demo/tokens", "")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "audio/mpeg", a.header.Get("Content-Type"))
	e = w.event(t, 3)
	require.Equal(t, usage.Estimated, e.Counts.From[usage.OutAudio])
	require.Positive(t, e.Counts.Units[usage.OutAudio])
	require.LessOrEqual(t, int64(e.Estimate), int64(e.Reserved))
}

// TestTranscripts come in every form, and are paid by tokens or by seconds.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path   string
		fields []string
		kind   string
		holds  string
		counts string
		from   usage.Provenance
		class  usage.Class
	}{
		"tokens":                  {"transcriptions", []string{"model", "demo/transcribe", "prompt", "one two"}, "application/json", `"usage":{"type":"tokens"`, "in_text:2 out_text:6 in_audio:30", usage.Derived, usage.InAudio},
		"tokens, in a stream":     {"transcriptions", []string{"model", "demo/transcribe", "stream", "true"}, "text/event-stream; charset=utf-8", "event: transcript.text.done", "out_text:6 in_audio:30", usage.Reported, usage.InAudio},
		"tokens, in a text":       {"transcriptions", []string{"model", "demo/transcribe", "response_format", "text"}, "text/plain; charset=utf-8", " ", "out_text:6 in_audio:30", usage.Estimated, usage.InAudio},
		"seconds":                 {"transcriptions", []string{"model", "demo/whisper"}, "application/json", `"usage":{"type":"duration"`, "audio_second:3", usage.Reported, usage.AudioSecond},
		"seconds, in detail":      {"transcriptions", []string{"model", "demo/whisper", "response_format", "verbose_json"}, "application/json", `"duration":3.0`, "audio_second:3", usage.Reported, usage.AudioSecond},
		"seconds, subtitles":      {"transcriptions", []string{"model", "demo/whisper", "response_format", "srt"}, "text/plain; charset=utf-8", " --> 00:00:03,000", "audio_second:3", usage.Derived, usage.AudioSecond},
		"seconds, other ones":     {"translations", []string{"model", "demo/whisper", "response_format", "vtt"}, "text/plain; charset=utf-8", "WEBVTT", "audio_second:3", usage.Derived, usage.AudioSecond},
		"tokens for seconds":      {"transcriptions", []string{"model", "demo/hear"}, "application/json", `"text"`, "out_text:6 in_audio:30", usage.Estimated, usage.InAudio},
		"a translation":           {"translations", []string{"model", "demo/whisper"}, "application/json", `"text"`, "audio_second:3", usage.Reported, usage.AudioSecond},
		"whisper does not stream": {"transcriptions", []string{"model", "demo/whisper", "stream", "true"}, "application/json", `"text"`, "audio_second:3", usage.Reported, usage.AudioSecond},
		"whisper, a text":         {"transcriptions", []string{"model", "demo/whisper", "stream", "true", "response_format", "text"}, "text/plain; charset=utf-8", " ", "audio_second:3", usage.Derived, usage.AudioSecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.form(t, "/v1/audio/"+tc.path, upload{tc.fields, map[string][]byte{"file": wav(2)}})
			require.Equal(t, http.StatusOK, a.status, a.body)
			require.Equal(t, tc.kind, a.header.Get("Content-Type"))
			require.Contains(t, a.body, tc.holds)
			e := w.event(t, 0)
			require.Equal(t, usage.OK, e.Outcome)
			require.Equal(t, tc.counts, counts(e))
			require.Equal(t, tc.from, e.Counts.From[tc.class])
			require.LessOrEqual(t, int64(e.Estimate), int64(e.Reserved))
			require.NotContains(t, w.logs.String(), "secret-name")
		})
	}
}

// TestARecordingThatNobodyMeasures is estimated from its bytes.
func TestARecordingThatNobodyMeasures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.NoUsage}}))
	file := make([]byte, 160_000)
	a := w.form(t, "/v1/audio/transcriptions", upload{[]string{"model", "demo/whisper"}, map[string][]byte{"file": file}})
	require.Equal(t, http.StatusOK, a.status, a.body)
	e := w.event(t, 0)
	require.Equal(t, "audio_second:10", counts(e))
	require.Equal(t, usage.Estimated, e.Counts.From[usage.AudioSecond])
	require.LessOrEqual(t, int64(e.Estimate), int64(e.Reserved))
	require.Equal(t, usage.AudioSecond, w.opens[0].InputClass)
	require.Equal(t, int64(10), w.opens[0].InputEstimate)
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

// TestSpeechBreaksOff: the client cannot take a part for the whole.
func TestSpeechBreaksOff(t *testing.T) {
	t.Parallel()
	for _, length := range []string{"", "100000"} {
		w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
			_ = readAll(t, r.Body)
			rw.Header().Set("Content-Type", "audio/mpeg")
			if length != "" {
				rw.Header().Set("Content-Length", length)
			}
			_, _ = io.WriteString(rw, strings.Repeat("a", 5000))
			rw.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}))
		a := w.post(t, "/v1/audio/speech", `{"model":"demo/speech","input":"hello","voice":"b"}`)
		require.Equal(t, http.StatusOK, a.status)
		require.ErrorIs(t, a.err, io.ErrUnexpectedEOF)
		require.Equal(t, length, a.header.Get("Content-Length"))
		require.Len(t, a.body, 4999, "what came is passed on, but for the byte that waits for the end")
		e := w.event(t, 0)
		require.Equal(t, usage.Cut, e.Outcome)
		require.Equal(t, "char_in:5", counts(e))
		require.Len(t, e.Attempts, 1, "nothing is tried again once the client has a part")
		require.Equal(t, []money.Amount{e.Estimate}, w.settled)
		require.NotContains(t, w.logs.String(), "panic")
	}
}

// TestNoSpeech: what is no sound is none, whatever its status says.
func TestNoSpeech(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"application/json; charset=utf-8", "text/html", "text/event-stream"} {
		w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
			_ = readAll(t, r.Body)
			rw.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(rw, `{"error":{"message":"no"}}`)
		}))
		a := w.post(t, "/v1/audio/speech", `{"model":"demo/speech","input":"hello","voice":"b"}`)
		require.Equal(t, http.StatusBadGateway, a.status, a.body)
		require.Equal(t, usage.UpstreamError, w.event(t, 0).Outcome)
	}
}

// TestSpeechKeepsItsLength, and an empty answer is none.
func TestSpeechKeepsItsLength(t *testing.T) {
	t.Parallel()
	sound := make(chan string, 4)
	w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
		_ = readAll(t, r.Body)
		rw.Header().Set("Content-Type", "audio/flac")
		_, _ = io.WriteString(rw, <-sound)
	}))
	ask := func() answer {
		return w.post(t, "/v1/audio/speech", `{"model":"demo/speech","input":"hello","voice":"b"}`)
	}
	for i, text := range []string{"a", "ab", strings.Repeat("abc", 300)} {
		sound <- text
		a := ask()
		require.Equal(t, text, a.body)
		require.Equal(t, "audio/flac", a.header.Get("Content-Type"))
		require.Equal(t, len(text), int(parse[int64](t, a.header.Get("Content-Length"))))
		require.Equal(t, usage.OK, w.event(t, i).Outcome)
	}
	sound <- ""
	sound <- ""
	a := ask()
	require.Equal(t, http.StatusBadGateway, a.status, a.body)
	require.Len(t, w.event(t, 3).Attempts, 1)
}

// TestSpeechIsNotHeldBack: the client hears what was said while the rest is still being made.
func TestSpeechIsNotHeldBack(t *testing.T) {
	t.Parallel()
	heard := make(chan struct{})
	w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
		_ = readAll(t, r.Body)
		rw.Header().Set("Content-Type", "audio/pcm")
		_, _ = io.WriteString(rw, "first")
		rw.(http.Flusher).Flush()
		select {
		case <-heard:
		case <-r.Context().Done():
			return
		}
		_, _ = io.WriteString(rw, " second")
	}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/v1/audio/speech", strings.NewReader(`{"model":"demo/speech","input":"hello","voice":"b"}`))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+w.key)
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	first := make([]byte, 4)
	_, err = io.ReadFull(res.Body, first)
	require.NoError(t, err)
	require.Equal(t, "firs", string(first))
	close(heard)
	require.Equal(t, "t second", readAll(t, res.Body))
}

// TestClientLeavesMedia: before the answer nothing is billed, in the middle of it what it costs.
func TestClientLeavesMedia(t *testing.T) {
	t.Parallel()
	for name, begun := range map[string]string{"before": "", "in the middle": "some sound"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			busy := make(chan struct{})
			w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
				_ = readAll(t, r.Body)
				if begun != "" {
					rw.Header().Set("Content-Type", "audio/mpeg")
					_, _ = io.WriteString(rw, begun)
					rw.(http.Flusher).Flush()
				}
				close(busy)
				<-r.Context().Done()
			}))
			ctx, leave := context.WithCancel(context.Background())
			defer leave()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/v1/audio/speech", strings.NewReader(`{"model":"demo/speech","input":"hello","voice":"b"}`))
			require.NoError(t, err)
			req.Header.Set("Authorization", "Bearer "+w.key)
			go func() {
				<-busy
				if begun == "" {
					leave()
				}
			}()
			res, err := http.DefaultTransport.RoundTrip(req)
			if begun == "" {
				require.ErrorIs(t, err, context.Canceled)
			} else {
				require.NoError(t, err)
				_, err = io.ReadFull(res.Body, make([]byte, 5))
				require.NoError(t, err)
				leave()
				_ = res.Body.Close()
			}
			e := w.event(t, 0)
			require.Equal(t, usage.ClientGone, e.Outcome)
			require.Equal(t, "char_in:5", counts(e))
			require.Equal(t, begun == "", e.Free())
			require.Equal(t, begun == "", e.Estimate == 0)
		})
	}
}

// TestSilentSpeech: an upstream that stops in the middle is given up, and the connection with it.
func TestSilentSpeech(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) {
		s.timeouts = relay.Timeouts{Request: 10 * time.Second, Header: 300 * time.Millisecond, Idle: 300 * time.Millisecond}
	})
	require.NoError(t, w.sim.SetFaults([]provider.Rule{{Kind: provider.StallStream, AfterChunks: 1}}))
	a := w.post(t, "/v1/audio/speech", `{"model":"demo/speech","input":"`+strings.Repeat("hello ", 50)+`","voice":"b"}`)
	require.Error(t, a.err)
	require.Equal(t, usage.Cut, w.event(t, 0).Outcome)
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

// TestGeminiDraws for OpenAI's clients.
func TestGeminiDraws(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.post(t, "/v1/images/generations", `{"model":"gemini/image","prompt":"two red cats","size":"1536x1024","quality":"low"}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, "approx:size, drop:quality", a.header.Get("X-Starlane-Warnings"))
	first := parse[pictures](t, a.body)
	file, err := base64.StdEncoding.DecodeString(first.Data[0].B64)
	require.NoError(t, err)
	_, err = png.Decode(bytes.NewReader(file))
	require.NoError(t, err)
	e := w.event(t, 0)
	require.Equal(t, usage.OK, e.Outcome)
	require.Equal(t, "out_image:1290", counts(e)[strings.Index(counts(e), "out_image"):])
	require.Equal(t, usage.Reported, e.Counts.From[usage.OutImage])
	require.LessOrEqual(t, int64(e.Estimate), int64(e.Reserved))

	a = w.form(t, "/v1/images/edits", upload{[]string{"model", "gemini/image", "prompt", "say \"blue\""}, map[string][]byte{"image": file}})
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.NotEqual(t, first.Data[0].B64, parse[pictures](t, a.body).Data[0].B64)
	require.Contains(t, w.sim.Report().Recent[1].Body, `{"text":"say \"blue\""},{"inlineData":{"mimeType":"image/png","data":"iVBOR`)

	for path, more := range map[string]string{"generations": `,"n":2`, "edits": `,"stream":true`, "variations": ``} {
		a = w.post(t, "/v1/images/"+path, `{"model":"gemini/image","prompt":"a"`+more+`}`)
		require.Equal(t, http.StatusBadRequest, a.status, a.body)
		require.Equal(t, "unsupported_parameter", errorCode(t, a.body))
	}
}

// TestGeminiDoesNotDraw: what its safety forbids is the client's to change, and costs nothing.
func TestGeminiDoesNotDraw(t *testing.T) {
	t.Parallel()
	reason := make(chan string, 2)
	w := newWorld(t, upstreams(t, func(rw http.ResponseWriter, r *http.Request) {
		_ = readAll(t, r.Body)
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{"candidates":[{"content":{"parts":[{"text":"No."}]},"finishReason":"`+<-reason+`"}],"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9}}`)
	}))
	for i, tc := range []struct {
		reason  string
		status  int
		outcome usage.Outcome
	}{{"IMAGE_SAFETY", 400, usage.ClientError}, {"STOP", 502, usage.UpstreamError}} {
		reason <- tc.reason
		a := w.post(t, "/v1/images/generations", `{"model":"gemini/image","prompt":"a"}`)
		require.Equal(t, tc.status, a.status, a.body)
		require.NotEmpty(t, errorCode(t, a.body))
		require.Equal(t, tc.outcome, w.event(t, i).Outcome)
	}
}
