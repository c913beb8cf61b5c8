package tokencount

import (
	"regexp"
	"testing"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer/codec"
)

// reference counts in two ways that share no code with the counter: by the tiktoken-go library, and by OpenAI's
// published patterns run by the regexp package with a plain merge over the library's ranks.
//
// The library's generated splitter (0.10) differs from its own pattern in two places, where only the second way
// counts: it skips U+007F, and it ends a run of blanks at the first line end rather than the last.
type reference struct {
	codecs [2]*codec.Codec
	ranks  [2]map[string]int
	splits [2]*regexp.Regexp
	blanks *regexp.Regexp
	quirks *regexp.Regexp
}

func newReference(t testing.TB) *reference {
	t.Helper()
	const blank = `[\t-\r \x{85}\p{Z}]`
	const symbol = `[^\t-\r \x{85}\p{Z}\p{L}\p{N}]`
	const contraction = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	const capitals, smalls = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
	r := &reference{
		blanks: regexp.MustCompile(`^` + blank + `+`),
		quirks: regexp.MustCompile(`\x7f|[\r\n]+(?:[\t\v\f \x{85}\p{Z}]+)[\r\n]`),
	}
	r.codecs[O200K], r.codecs[CL100K] = codec.NewO200kBase(), codec.NewCl100kBase()
	r.splits[O200K] = regexp.MustCompile(`^(?:[^\r\n\p{L}\p{N}]?` + capitals + `*` + smalls + `+` + contraction + `?|` +
		`[^\r\n\p{L}\p{N}]?` + capitals + `+` + smalls + `*` + contraction + `?|` +
		`\p{N}{1,3}| ?` + symbol + `+[\r\n/]*|` + blank + `*[\r\n]+)`)
	r.splits[CL100K] = regexp.MustCompile(`^(?:` + contraction + `|[^\r\n\p{L}\p{N}]?\p{L}+|` +
		`\p{N}{1,3}| ?` + symbol + `+[\r\n]*|` + blank + `*[\r\n]+)`)
	for e, c := range r.codecs {
		r.ranks[e] = map[string]int{}
		for id := 0; ; id++ {
			token, err := c.Decode([]uint{uint(id)})
			if err != nil {
				break
			}
			r.ranks[e][token] = id
		}
	}
	return r
}

// count gives the number of tokens by the patterns, and fails if the library disagrees without a known reason.
func (r *reference) count(t testing.TB, e Encoding, text string) int {
	t.Helper()
	text = string([]rune(text)) // puts U+FFFD in the place of broken bytes
	n := 0
	for rest := text; rest != ""; {
		end := r.split(e, rest)
		n += r.merge(e, rest[:end])
		rest = rest[end:]
	}
	if r.quirks.MatchString(text) {
		return n
	}
	library, err := r.codecs[e].Count(text)
	if err != nil {
		t.Fatalf("library: %v", err)
	}
	if library != n {
		t.Errorf("%s: the library counts %d for %.200q, the patterns %d", e, library, text, n)
	}
	return n
}

func (r *reference) split(e Encoding, text string) int {
	if m := r.splits[e].FindString(text); m != "" {
		return len(m)
	}
	m := r.blanks.FindString(text) // \s+(?!\S)|\s+
	_, last := utf8.DecodeLastRuneInString(m)
	if len(m) == len(text) || len(m) == last {
		return len(m)
	}
	return len(m) - last
}

// merge is byte-pair encoding in its plainest form.
func (r *reference) merge(e Encoding, piece string) int {
	if _, ok := r.ranks[e][piece]; ok {
		return 1
	}
	var parts []string
	for i := range len(piece) {
		parts = append(parts, piece[i:i+1])
	}
	for {
		best, at := -1, -1
		for i := range len(parts) - 1 {
			if rank, ok := r.ranks[e][parts[i]+parts[i+1]]; ok && (best < 0 || rank < best) {
				best, at = rank, i
			}
		}
		if at < 0 {
			return len(parts)
		}
		parts[at] += parts[at+1]
		parts = append(parts[:at+1], parts[at+2:]...)
	}
}
