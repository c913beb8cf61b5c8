package openaichat

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"starlane/internal/relay/body"
	"starlane/internal/usage"
)

// TestNoPromptCountsMoreThanItsMeasure counts a token for each byte of text, which is as many as there can be.
func TestNoPromptCountsMoreThanItsMeasure(t *testing.T) {
	t.Parallel()
	d := New()
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string { return rapid.String().Draw(t, name) }
		audio := false
		part := rapid.Custom(func(t *rapid.T) map[string]any {
			switch kind := rapid.SampledFrom([]string{"text", "refusal", "image_url", "file", "input_audio"}).Draw(t, "kind"); kind {
			case "image_url":
				return map[string]any{"type": kind, kind: map[string]any{"url": rapid.String().Draw(t, "url")}}
			case "file":
				return map[string]any{"type": kind, kind: map[string]any{"file_data": rapid.String().Draw(t, "data")}}
			case "input_audio":
				audio = true
				return map[string]any{"type": kind, kind: map[string]any{"data": rapid.String().Draw(t, "data"), "format": "wav"}}
			default:
				return map[string]any{"type": kind, kind: rapid.String().Draw(t, "text")}
			}
		})
		call := map[string]any{"id": "c", "type": "function", "function": map[string]any{"name": text("name"), "arguments": text("arguments")}}
		request := map[string]any{
			"model": "m",
			"messages": []any{
				map[string]any{"role": "system", "content": text("system")},
				map[string]any{"role": "user", "name": text("user"), "content": rapid.SliceOf(part).Draw(t, "parts")},
				map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{call}},
			},
			"tools": []any{map[string]any{"type": "function", "function": map[string]any{"description": text("tool")}}},
		}
		src, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.DecodeRequest(body.Copy(src))
		if err != nil {
			t.Fatal(err)
		}
		size := d.MeasurePrompt(r)
		if most := d.EstimatePrompt(r, func(text []byte) usage.Tokens { return usage.Tokens(len(text)) }); most > size.Most {
			t.Fatalf("counts %d, but measures %d: %s", most, size.Most, src)
		}
		if (len(size.Also) > 0) != audio {
			t.Fatalf("audio = %v: %s", size.Also, src)
		}
	})
}

func BenchmarkMeasurePrompt(b *testing.B) {
	text := make([]byte, 1<<20)
	for i := range text {
		text[i] = "the quick brown fox "[i%20]
	}
	d := New()
	r, err := d.DecodeRequest(body.Copy([]byte(`{"model":"m","messages":[{"role":"user","content":"` + string(text) + `"}]}`)))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		d.MeasurePrompt(r)
	}
}
