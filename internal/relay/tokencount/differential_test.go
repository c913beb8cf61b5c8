package tokencount

import (
	"flag"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

var fuzzStrings = flag.Int("tokencount.strings", 6_000, "number of random strings that are compared with the reference")

func compare(t testing.TB, c *Counter, ref *reference, text string) {
	t.Helper()
	for _, e := range []Encoding{O200K, CL100K} {
		if got, want := c.Count(e, []byte(text)), ref.count(t, e, text); got != want {
			t.Errorf("%s: %.200q counts %d, want %d", e, text, got, want)
		}
	}
}

// splitmix gives the random numbers of the bulk comparison: cheap, and the same everywhere.
type splitmix uint64

func (s *splitmix) below(n int) int {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(n))
}

// fragments are what the splitters treat in ways of their own, next to what they must not mistake for it.
func fragments() []string {
	return []string{
		"'s", "'S", "'ſ", "'t", "'re", "'RE", "'rE", "'ve", "'Ve", "'m", "'ll", "'lL", "'LL", "'d", "'l", "'r", "'v", "'", "''", "’s",
		"'ſelf", "'K", "'reſ", "\n", "\r", "\r\n", "\n\n", " ", "  ", "   ", "\t", "\v", "\f", "\u0085", "\u00a0", "\u2003", "\u2028", "\u3000",
		"/", "//", "!\n/", "\n/", " /", "!", "!!", "...", "-", "_", "a", "b", "A", "B", "AB", "aB", "Ab", "ABC", "abc", "the", " the", "The",
		" THE", "iPhone", "HTTPServer", "ǅ", "ǈ", "ʰ", "ˆ", "ª", "º", "ß", "ẞ", "É", "é", "e\u0301", "E\u0301", "\u0301", "\u0302\u0303",
		"\u0903", "\u20dd", "世界", "日本語", "한국어", "ไทย", "हिन्दी", "العربية", "עברית", "Ελλάδα", "ΣΑΣ", "Привет", "მხედრული", "ᲐᲑ", "Ⴀ", "ԱՐԵՎ",
		"ሰላም", "ᏣᎳᎩ", "ꭰ", "𝒜𝒷", "𐐀𐐨", "1", "12", "123", "1234", "12345", "½", "Ⅷ", "٣", "๓", "①", "𝟙", "፩", "👩‍🚀", "🇩🇪", "😀", "🏽",
		"\u200d", "\ufe0f", "\u200b", "\ufeff", "\ufffd", "\xff", "\xc3", "\xe4\xb8", "\xf0\x9f", "\xed\xa0\x80", "\x00", "\x7f", "{\"", "\":", "();", "<|endoftext|>",
	}
}

// randomText makes one long word, or strings of fragments, of characters of one script, or of any characters at all.
func randomText(rng *splitmix, parts []string, scripts []*unicode.RangeTable) string {
	var b strings.Builder
	if rng.below(30) == 0 {
		alphabet := 1 + rng.below(26)
		for range maxScan/2 + rng.below(80) {
			b.WriteByte("eatonishrdlucmfwypvbgkjqxz"[rng.below(alphabet)])
		}
		return b.String()
	}
	n := 1 + rng.below(24)
	mode := rng.below(8)
	script := scripts[rng.below(len(scripts))]
	for range n {
		switch {
		case mode < 4 || rng.below(5) == 0:
			b.WriteString(parts[rng.below(len(parts))])
		case mode < 6:
			b.WriteRune(fromTable(rng, script))
		case mode == 6:
			b.WriteRune(rune(rng.below(unicode.MaxRune + 1)))
		default:
			b.WriteByte(byte(rng.below(256)))
		}
	}
	return b.String()
}

func fromTable(rng *splitmix, t *unicode.RangeTable) rune {
	k := rng.below(len(t.R16) + len(t.R32))
	if k < len(t.R16) {
		r := t.R16[k]
		return rune(r.Lo) + rune(r.Stride)*rune(rng.below(int(r.Hi-r.Lo)/int(r.Stride)+1))
	}
	r := t.R32[k-len(t.R16)]
	return rune(r.Lo) + rune(r.Stride)*rune(rng.below(int(r.Hi-r.Lo)/int(r.Stride)+1))
}

func allScripts() []*unicode.RangeTable {
	var out []*unicode.RangeTable
	for _, name := range sortedKeys(unicode.Scripts) {
		out = append(out, unicode.Scripts[name])
	}
	for _, name := range sortedKeys(unicode.Categories) {
		out = append(out, unicode.Categories[name])
	}
	return out
}

// The count equals the reference's on random strings of all scripts. Run with -tokencount.strings=3000000 after a
// change to the splitters or the merge.
func TestEqualsReferenceOnRandomStrings(t *testing.T) {
	t.Parallel()
	c, ref := New(), newReference(t)
	parts, scripts := fragments(), allScripts()
	rng := splitmix(20260101)
	for range *fuzzStrings {
		if compare(t, c, ref, randomText(&rng, parts, scripts)); t.Failed() {
			return
		}
	}
}

// Every character (one in 23 unless many strings are asked for) doubled and between letters, blanks and line ends.
func TestEqualsReferenceOnEveryCharacter(t *testing.T) {
	t.Parallel()
	step := rune(23) // prime to the sizes of all blocks
	if *fuzzStrings >= 1_000_000 {
		step = 1
	}
	c, ref := New(), newReference(t)
	for r := rune(0); r <= unicode.MaxRune; r += step {
		if unused(r) {
			continue
		}
		s := string(r)
		if compare(t, c, ref, s+s+"A"+s+"b"+s+" "+s+"\n"+s+"'s"+s+"9"+s+"!"+s); t.Failed() {
			return
		}
	}
}

// unused tells the planes of private and unassigned characters, of which a sample is enough.
func unused(r rune) bool {
	return !utf8.ValidRune(r) || r >= 0x32000 && r < 0xe0000 && r%997 != 0 || r >= 0xe0200 && r%997 != 0
}

func TestEqualsReferenceProperty(t *testing.T) {
	t.Parallel()
	c, ref := New(), newReference(t)
	parts := fragments()
	text := rapid.Custom(func(rt *rapid.T) string {
		return strings.Join(rapid.SliceOf(rapid.OneOf(rapid.SampledFrom(parts), rapid.String())).Draw(rt, "parts"), "")
	})
	rapid.Check(t, func(rt *rapid.T) {
		s := text.Draw(rt, "text")
		for _, e := range []Encoding{O200K, CL100K} {
			if got, want := c.Count(e, []byte(s)), ref.count(t, e, s); got != want {
				rt.Fatalf("%s: %.200q counts %d, want %d", e, s, got, want)
			}
		}
	})
}

// Long pieces go through the heap; lengths around the limits of the scan and of the tables matter most.
func TestEqualsReferenceOnLongPieces(t *testing.T) {
	t.Parallel()
	c, ref := New(), newReference(t)
	rng := splitmix(7)
	for _, unit := range []string{"a", " ", "!", "ab", "aaab", "xyz", "世", "é", "\u0301", "👩‍🚀", "=", "-=", "\n", "\t", "A", "Ab", "0", "\xff"} {
		for _, n := range []int{1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 47, 48, 49, 50, 64, 96, 127, 128, 129, 200, 333} {
			compare(t, c, ref, strings.Repeat(unit, n))
		}
	}
	for range 120 {
		b := make([]byte, 1+rng.below(300))
		alphabet := 1 + rng.below(26)
		for i := range b {
			b[i] = 'a' + byte(rng.below(alphabet))
		}
		compare(t, c, ref, string(b))
	}
}

func FuzzEqualsReference(f *testing.F) {
	for _, s := range fragments() {
		f.Add(s + "x" + s)
	}
	c, ref := New(), newReference(f)
	f.Fuzz(func(t *testing.T, text string) { compare(t, c, ref, text) })
}
