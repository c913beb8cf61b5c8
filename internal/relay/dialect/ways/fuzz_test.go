package ways

import (
	"encoding/json"
	"strings"
	"testing"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/anthropic"
	"starlane/internal/relay/dialect/converse"
	"starlane/internal/relay/dialect/gemini"
	"starlane/internal/relay/dialect/openaichat"
	"starlane/internal/relay/dialect/openairesponses"
	"starlane/internal/relay/llm"
)

// FuzzStreams feeds each reader events of any kind, one a line, and holds what comes out towards each client to the form of its
// streams: every event is JSON, a Messages stream opens and closes its blocks one by one, and so does a Responses stream with its
// items, whose events are numbered without a gap.
func FuzzStreams(f *testing.F) {
	f.Add(`{"type":"message_start","message":{"id":"m"}}` + "\n" + `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"n"}}` + "\n" + `{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}` + "\n" + `{"type":"message_delta","delta":{"stop_reason":"tool_use"}}` + "\n" + `{"type":"message_stop"}`)
	f.Add(`{"choices":[{"delta":{"content":"a","reasoning":"b","tool_calls":[{"index":3,"id":"x","function":{"name":"n","arguments":"{}"}}]}}]}` + "\n" + `{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}` + "\n[DONE]")
	f.Add(`{"type":"response.created","response":{"id":"r"}}` + "\n" + `{"type":"response.output_item.added","output_index":0,"item":{"id":"f","type":"function_call","call_id":"c","name":"n"}}` + "\n" + `{"type":"response.output_text.delta","output_index":1,"content_index":1,"delta":"a"}` + "\n" + `{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{}"}` + "\n" + `{"type":"response.completed","response":{"status":"completed","output":[{"id":"x","type":"reasoning","summary":[{"text":"t"}],"encrypted_content":"e"}],"usage":{"input_tokens":1,"output_tokens":2}}}`)
	f.Add(`{"candidates":[{"content":{"parts":[{"text":"a","thought":true},{"text":"","thoughtSignature":"S"},{"functionCall":{"name":"n","args":{"a":1}},"thoughtSignature":"T"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"totalTokenCount":3}}` + "\n" + `{"promptFeedback":{"blockReason":"SAFETY"}}`)
	f.Add(`{"messageStart":{"role":"assistant"}}` + "\n" + `{"contentBlockDelta":{"contentBlockIndex":1,"delta":{"reasoningContent":{"text":"t","signature":"s"}}}}` + "\n" + `{"contentBlockStart":{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t","name":"n"}}}}` + "\n" + `{"contentBlockDelta":{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"},"text":"a"}}}` + "\n" + `{"contentBlockStop":{"contentBlockIndex":1}}` + "\n" + `{"messageStop":{"stopReason":"tool_use"}}` + "\n" + `{"metadata":{"usage":{"inputTokens":1,"outputTokens":2}}}`)
	chat, messages, responses := openaichat.New(), anthropic.New(), openairesponses.New()
	contents := &gemini.Contents{}
	clients := []dialect.Client{chat, messages, responses, contents}
	upstreams := []dialect.Upstream{openaichat.Upstream{Chat: chat}, messages, responses, contents, converse.Converse{}}
	f.Fuzz(func(t *testing.T, stream string) {
		// Calls of n are of a custom tool, and up to three answers were asked for.
		r := &llm.Request{Model: "m", WantsUsage: true, Choices: 3, Content: body.Copy([]byte(`{"tools":[{"type":"custom","name":"n","custom":{"name":"n"}}]}`))}
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
	events, item := 0, "" // of a Responses stream
	for frame := range strings.SplitSeq(strings.ReplaceAll(stream, "\r\n", "\n"), "\n\n") {
		_, data, ok := strings.Cut(frame, "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var e struct {
			Type   string
			Index  int
			Number int    `json:"sequence_number"`
			ItemID string `json:"item_id"`
			Item   struct{ ID string }
		}
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatalf("no JSON: %q", data)
		}
		if strings.HasPrefix(e.Type, "response.") || e.Type == "error" {
			if e.Number != events || e.ItemID != "" && e.ItemID != item {
				t.Fatalf("%d events, open is %q: %s", events, item, data)
			}
			events++
		}
		switch e.Type {
		case "response.output_item.added":
			if item != "" {
				t.Fatalf("item %s opens inside %s: %s", e.Item.ID, item, stream)
			}
			item = e.Item.ID
		case "response.output_item.done":
			if item != e.Item.ID {
				t.Fatalf("item %s ends inside %s: %s", e.Item.ID, item, stream)
			}
			item = ""
		case "response.completed", "response.incomplete":
			if item != "" {
				t.Fatalf("ends inside %s: %s", item, stream)
			}
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
