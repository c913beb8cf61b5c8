package openai

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/llm"
)

// TestInputIsUnwrappedPieceByPiece: whatever the input of a custom tool is, however its JSON is written and cut, the pieces that are
// told make it up, and each of them is a text.
func TestInputIsUnwrappedPieceByPiece(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		input := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a"\\/{}\n\t 😀é]*`)).Draw(t, "input")
		value, err := json.Marshal(input)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "ascii") {
			value = ascii(input)
		}
		arguments := append(append([]byte(rapid.SampledFrom([]string{`{"input":`, "{\n \"input\": "}).Draw(t, "head")), value...), '}')
		escaped := llm.Text(wire.Escape(nil, arguments))
		if rapid.Bool().Draw(t, "escaped twice") {
			quoted := ascii(string(arguments))
			escaped = llm.Text(quoted[1 : len(quoted)-1])
		}
		var u Unwrapping
		told := ""
		piece := func(raw []byte) {
			var text string
			if err := json.Unmarshal(append(append([]byte{'"'}, raw...), '"'), &text); err != nil {
				t.Fatalf("a piece is no text: %q: %v", raw, err)
			}
			told += text
		}
		for at := 0; at < len(escaped); {
			n := min(rapid.IntRange(1, 7).Draw(t, "size"), len(escaped)-at)
			for at+n < len(escaped) && (inSequence(escaped[:at+n]) || escaped[at+n]&0xc0 == 0x80) { // pieces are texts themselves
				n++
			}
			piece(u.Add(nil, escaped[at:at+n]))
			at += n
		}
		piece(u.Rest(nil))
		if told != input {
			t.Fatalf("got %q, want %q of %s", told, input, escaped)
		}
	})
}

// inSequence tells whether a text ends inside of an escape sequence.
func inSequence(t llm.Text) bool {
	for i := 0; i < len(t); i++ {
		if t[i] != '\\' {
			continue
		}
		size := 2
		if i+1 < len(t) && t[i+1] == 'u' {
			size = escapeLength
		}
		if i += size - 1; i >= len(t) {
			return true
		}
	}
	return false
}

// ascii writes a JSON string without a byte beyond ASCII.
func ascii(s string) []byte {
	const hex = "0123456789ABCDEF"
	out := []byte{'"'}
	unit := func(r rune) {
		out = append(out, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
	}
	for _, r := range s {
		switch {
		case r >= 0x10000:
			unit(0xd800 + (r-0x10000)>>10)
			unit(0xdc00 + (r-0x10000)&0x3ff)
		case r >= 0x80 || r < ' ' || r == '"' || r == '\\':
			unit(r)
		default:
			out = append(out, byte(r))
		}
	}
	return append(out, '"')
}

func TestWhatIsNotWrappedIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	for _, arguments := range []string{``, `ls -l`, `{\"command\":\"ls\"}`, `{\"input\":3}`, `{\"input\":{}}`, `{\"inp`, `[\"input\"]`} {
		var u Unwrapping
		require.Equal(t, string(UnwrapInput(llm.Text(arguments))), string(u.Rest(u.Add(nil, llm.Text(arguments)))), arguments)
	}
	require.Equal(t, `a\nb`, string(UnwrapInput(WrapInput(llm.Text(`a\nb`)))))
}

// TestBrokenInputsStayTexts: what models write that is no JSON makes no stream that is none.
func TestBrokenInputsStayTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		arguments := `{"input":"` + rapid.StringMatching(`[a"\\ud8D0\n\t{}]*`).Draw(t, "rest")
		escaped := llm.Text(wire.Escape(nil, arguments))
		var u Unwrapping
		out := append(u.Rest(u.Add([]byte{'"'}, escaped)), '"')
		if !json.Valid(out) {
			t.Fatalf("%s of %s", out, escaped)
		}
	})
}
