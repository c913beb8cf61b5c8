package ways

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/gemini"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// measured is a side of a format that bounds a prompt and counts it.
type measured interface {
	dialect.Ingress
	MeasurePrompt(r *llm.Request) llm.Size
	EstimatePrompt(r *llm.Request, count dialect.Count) usage.Tokens
}

// TestNoTextsCountMoreThanTheirMeasure counts a token for each byte of text, which is as many as there can be.
func TestNoTextsCountMoreThanTheirMeasure(t *testing.T) {
	t.Parallel()
	formats := New()
	texts := rapid.SliceOfN(rapid.String(), 1, 5)
	several := rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 3).Draw(t, "form") {
		case 0:
			return rapid.String().Draw(t, "text")
		case 1:
			return texts.Draw(t, "texts")
		case 2:
			return rapid.SliceOfN(rapid.IntRange(0, 9), 1, 5).Draw(t, "tokens")
		default:
			return rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 9), 1, 5), 1, 5).Draw(t, "lists of tokens")
		}
	})
	content := func(t *rapid.T) map[string]any {
		parts := []any{}
		for _, text := range texts.Draw(t, "parts") {
			parts = append(parts, map[string]string{"text": text})
		}
		return map[string]any{"content": map[string]any{"parts": parts}, "title": rapid.String().Draw(t, "title")}
	}
	documents := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) any {
		text := rapid.String().Draw(t, "document")
		if rapid.Bool().Draw(t, "object") {
			return map[string]string{"text": text, "title": rapid.String().Draw(t, "title")}
		}
		return text
	}), 0, 5)
	for name, c := range map[string]struct {
		in      measured
		request func(t *rapid.T) map[string]any
	}{
		"completions": {formats.Completions, func(t *rapid.T) map[string]any { return map[string]any{"prompt": several.Draw(t, "prompt")} }},
		"embeddings":  {formats.Embeddings, func(t *rapid.T) map[string]any { return map[string]any{"input": several.Draw(t, "input")} }},
		"gemini":      {&gemini.Embeddings{Model: "m"}, content},
		"gemini batch": {&gemini.Embeddings{Model: "m", Batch: true}, func(t *rapid.T) map[string]any {
			return map[string]any{"requests": []any{content(t), content(t)}}
		}},
		"predict": {&gemini.Predict{Embeddings: gemini.Embeddings{Model: "m"}}, func(t *rapid.T) map[string]any {
			return map[string]any{"instances": []any{map[string]string{"content": rapid.String().Draw(t, "content"), "title": rapid.String().Draw(t, "title")}}}
		}},
		"rerank": {formats.Rerank, func(t *rapid.T) map[string]any {
			return map[string]any{"query": rapid.String().Draw(t, "query"), "documents": documents.Draw(t, "documents")}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				request := c.request(t)
				if name == "rerank" || name == "completions" || name == "embeddings" {
					request["model"] = "m"
				}
				src, err := json.Marshal(request)
				if err != nil {
					t.Fatal(err)
				}
				r, err := c.in.DecodeRequest(body.Copy(src))
				if err != nil {
					t.Fatal(err)
				}
				size := c.in.MeasurePrompt(r)
				if most := c.in.EstimatePrompt(r, func(text []byte) usage.Tokens { return usage.Tokens(len(text)) }); most > size.Most {
					t.Fatalf("counts %d, but measures %d: %s", most, size.Most, src)
				}
				for _, u := range size.Instead {
					if u.Most < 1 {
						t.Fatalf("no %s: %s", u.Class, src)
					}
				}
			})
		})
	}
}
