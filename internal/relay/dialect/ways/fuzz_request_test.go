package ways

import (
	"encoding/json"
	"io"
	"testing"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/gemini"
)

// FuzzContents feeds Gemini requests of any kind to each way: what is taken becomes JSON for the upstream, and is weighed without
// trouble.
func FuzzContents(f *testing.F) {
	f.Add(`{"contents":[{"role":"model","parts":[{"text":"a","thought":true},{"text":"","thoughtSignature":"c2wxLmFudGhyb3BpYy5zLlUwbEg="},{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"U0lH"}]},{"parts":[{"functionResponse":{"name":"f","response":{"error":"x"},"parts":[{"inlineData":{"mimeType":"image/png","data":"AA-_"}}]}}]}],"systemInstruction":{"parts":[{"text":"b"}]}}`)
	f.Add(`{"contents":[{"parts":[{"file_data":{"mime_type":"video/mp4","file_uri":"x"}}]}],"tools":[{"function_declarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"any_of":[{"type":"STRING","nullable":true}]}}}}]}],"tool_config":{"function_calling_config":{"mode":"ANY","allowed_function_names":["f"]}},"generation_config":{"stop_sequences":["a"],"response_mime_type":"application/json","response_schema":{"type":"STRING"},"thinking_config":{"thinking_budget":-1}}}`)
	ways := New().Registry(nil)
	f.Fuzz(func(t *testing.T, src string) {
		for _, upstream := range []string{"openai", "anthropic", gemini.Dialect} {
			r, err := (&gemini.Contents{Model: "m", Stream: true}).DecodeRequest(body.Copy([]byte(src)))
			if err != nil {
				return
			}
			r.Bound = 7
			way := ways[dialect.Key{Client: gemini.Dialect, Upstream: upstream, Capability: dialect.Chat}]
			way.MeasurePrompt(r)
			way.EstimatePrompt(r, wordMeter{}.Count)
			m, err := way.EncodeRequest(r, dialect.Target{Model: "x", MaxOutput: 1000})
			if err != nil {
				continue
			}
			out, err := io.ReadAll(m.Reader())
			if err != nil || !json.Valid(out) {
				t.Fatalf("to %s: no JSON: %q", upstream, out)
			}
		}
	})
}

// FuzzToGemini feeds chat requests of any kind to the way to Gemini.
func FuzzToGemini(f *testing.F) {
	f.Add(`{"model":"m","messages":[{"role":"assistant","content":"a","reasoning_details":[{"type":"reasoning.text","signature":"sl1.gemini.s.U0lH"}],"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{"},"extra_content":{"google":{"thought_signature":"S"}}}]},{"role":"tool","tool_call_id":"c","content":"[1]"}],"reasoning_effort":"high","tools":[{"type":"function","function":{"name":"f"}}]}`)
	f.Add(`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}},{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}],"seed":1,"stop":["a"],"response_format":{"type":"json_object"}}`)
	formats := New()
	way := formats.Registry(nil)[dialect.Key{Client: "openai", Upstream: gemini.Dialect, Capability: dialect.Chat}]
	f.Fuzz(func(t *testing.T, src string) {
		r, err := formats.Chat.DecodeRequest(body.Copy([]byte(src)))
		if err != nil {
			return
		}
		for _, model := range []string{"gemini-3-pro", "gemini-2.5-flash", "gemini-2.0-flash"} {
			m, err := way.EncodeRequest(r, dialect.Target{Model: model})
			if err != nil {
				continue
			}
			out, err := io.ReadAll(m.Reader())
			if err != nil || !json.Valid(out) {
				t.Fatalf("to %s: no JSON: %q", model, out)
			}
		}
	})
}
