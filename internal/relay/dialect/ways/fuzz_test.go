package ways

import (
	"encoding/json"
	"strings"
	"testing"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/anthropic"
	"starlane/internal/relay/dialect/openaichat"
	"starlane/internal/relay/llm"
)

// FuzzStreams feeds each reader events of any kind, one a line, and holds what comes out towards each client to the form of its
// streams: every event is JSON, and a Messages stream opens and closes its blocks one by one.
func FuzzStreams(f *testing.F) {
	f.Add(`{"type":"message_start","message":{"id":"m"}}` + "\n" + `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"n"}}` + "\n" + `{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}` + "\n" + `{"type":"message_delta","delta":{"stop_reason":"tool_use"}}` + "\n" + `{"type":"message_stop"}`)
	f.Add(`{"choices":[{"delta":{"content":"a","reasoning":"b","tool_calls":[{"index":3,"id":"x","function":{"name":"n","arguments":"{}"}}]}}]}` + "\n" + `{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}` + "\n[DONE]")
	chat, messages := openaichat.New(), anthropic.New()
	clients := []dialect.Client{chat, messages}
	upstreams := []dialect.Upstream{openaichat.Upstream{Chat: chat}, messages}
	f.Fuzz(func(t *testing.T, stream string) {
		r := &llm.Request{Model: "m", WantsUsage: true}
		for _, client := range clients {
			for _, upstream := range upstreams {
				tap := (&dialect.Bridge{Client: client, Upstream: upstream}).NewTap(r, wordMeter{})
				var out strings.Builder
				for line := range strings.SplitSeq(stream, "\n") {
					s := tap.Event([]byte(line))
					out.Write(s.Out)
					if s.Step != dialect.Pass {
						break
					}
				}
				wellFormed(t, out.String())
			}
		}
	})
}

func wellFormed(t *testing.T, stream string) {
	t.Helper()
	open, next := false, 0
	for frame := range strings.SplitSeq(stream, "\n\n") {
		_, data, ok := strings.Cut(frame, "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var e struct {
			Type  string
			Index int
		}
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatalf("no JSON: %q", data)
		}
		switch e.Type {
		case "content_block_start":
			if open || e.Index != next {
				t.Fatalf("block %d opens, %d is due, open %v: %s", e.Index, next, open, stream)
			}
			open, next = true, next+1
		case "content_block_delta", "content_block_stop":
			if !open || e.Index != next-1 {
				t.Fatalf("%s of block %d, %d is open: %s", e.Type, e.Index, next-1, stream)
			}
			open = e.Type == "content_block_delta"
		case "message_stop":
			if open {
				t.Fatalf("ends with a block open: %s", stream)
			}
		}
	}
}
