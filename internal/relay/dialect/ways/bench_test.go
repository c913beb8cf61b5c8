package ways

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/catalog"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/gemini"
	"starlane/internal/relay/dialect/openairesponses"
	"starlane/internal/relay/llm"
)

// BenchmarkEvent is what one event of text costs on its way, by the pair of formats.
func BenchmarkEvent(b *testing.B) {
	eachStream(b, func(name string, tap dialect.Tap, text []byte) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tap.Event(text)
			}
		})
	})
}

// TestEventsAllocateLittle is a ratchet: what an event of text costs in allocations, read in one format and written in another.
func TestEventsAllocateLittle(t *testing.T) { //nolint:paralleltest // it counts allocations, which others would add to
	eachStream(t, func(name string, tap dialect.Tap, text []byte) {
		if n := testing.AllocsPerRun(500, func() { tap.Event(text) }); n > 2 {
			t.Errorf("%s: %v allocations an event, want at most 2", name, n)
		}
	})
}

// TestStreamsKeepLittle: what a stream holds in memory does not grow with the answer, but for Responses, whose last event repeats
// the answer whole. It counts bytes, so it does not run beside other tests.
func TestStreamsKeepLittle(t *testing.T) { //nolint:paralleltest // see above
	eachStream(t, func(name string, tap dialect.Tap, text []byte) {
		if strings.HasPrefix(name, openairesponses.Dialect+"-") {
			return
		}
		text = bytes.Replace(text, []byte(" word"), bytes.Repeat([]byte(" word"), 40), 1)
		held := func(events int) uint64 {
			for range events {
				require.NotEqual(t, dialect.Garbage, tap.Event(text).Step)
			}
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before, after := held(2_000), held(20_000) // 0.4 and 4 MB of text
		require.Less(t, int64(after)-int64(before), int64(64<<10), name)
		runtime.KeepAlive(tap)
	})
}

// eachStream gives the tap of each way, at the beginning of an answer, and an event of text.
func eachStream(t testing.TB, each func(name string, tap dialect.Tap, text []byte)) {
	t.Helper()
	formats := New()
	requests := map[string]*llm.Request{}
	for name, in := range map[string]dialect.Ingress{"openai": formats.Chat, "anthropic": formats.Messages, "openai_responses": formats.Responses} {
		r, err := in.DecodeRequest(body.Copy([]byte(`{"model":"m","max_tokens":9,"stream":true,"messages":[],"input":[]}`)))
		if err != nil {
			t.Fatal(err)
		}
		requests[name] = r
	}
	r, err := (&gemini.Contents{Model: "m", Stream: true}).DecodeRequest(body.Copy([]byte(`{"contents":[]}`)))
	if err != nil {
		t.Fatal(err)
	}
	requests["gemini"] = r
	type stream struct{ open, text []byte }
	streams := map[string]stream{
		"openai": {
			[]byte(`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}],"usage":null}`),
			[]byte(`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","service_tier":"default","system_fingerprint":"fp","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}],"usage":null}`),
		},
		"anthropic": {
			[]byte(`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`),
			[]byte(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" word"}}`),
		},
		"gemini": {
			[]byte(`{"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"},"index":0}],"modelVersion":"m","responseId":"r"}`),
			[]byte(`{"candidates":[{"content":{"parts":[{"text":" word"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"totalTokenCount":7,"promptTokensDetails":[{"modality":"TEXT","tokenCount":5}]},"modelVersion":"m","responseId":"r"}`),
		},
		"bedrock": {
			[]byte(`{"messageStart":{"role":"assistant","p":"abcd"}}`),
			[]byte(`{"contentBlockDelta":{"contentBlockIndex":0,"delta":{"text":" word"},"p":"abcdefghij"}}`),
		},
	}
	for key, way := range formats.Registry(nil) {
		stream := streams[catalog.Format(key.Upstream)]
		if key.Capability != dialect.Chat || requests[key.Client] == nil || stream.open == nil {
			continue
		}
		tap := way.NewTap(requests[key.Client], wordMeter{})
		tap.Event(stream.open)
		each(key.Client+"-"+key.Upstream, tap, stream.text)
	}
}
