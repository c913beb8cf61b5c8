package relayapi_test

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/billing/money"
	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

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
	require.Eventually(t, func() bool { return len(w.sim.Report().Recent) == 2 }, time.Minute, time.Millisecond) // the answer may be here first
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
