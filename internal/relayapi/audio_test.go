package relayapi_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/billing/money"
	"starlane/internal/relay"
	"starlane/internal/sim/provider"
	"starlane/internal/usage"
)

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
