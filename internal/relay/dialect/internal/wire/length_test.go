package wire

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"starlane/internal/relay/llm"
)

func TestLength(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		raw, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := Length(llm.Text(raw[1:len(raw)-1])), utf8.RuneCountInString(text); got != want {
			t.Fatalf("got %d, want %d of %s", got, want, raw)
		}
	})
	for text, want := range map[string]int{`\ud83d\ude00\n\u00e9é`: 4, `\`: 1, `\u12`: 3} {
		if got := Length(llm.Text(text)); got != want {
			t.Errorf("%s: got %d, want %d", text, got, want)
		}
	}
}
