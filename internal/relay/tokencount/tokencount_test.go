package tokencount

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func TestCount(t *testing.T) {
	t.Parallel()
	c := New()
	// The longer ones are the examples that OpenAI publishes for its tokenizer.
	tests := []struct {
		text          string
		o200k, cl100k int
	}{
		{"", 0, 0},
		{"a", 1, 1},
		{"hello world", 2, 2},
		{"Hello, world!", 4, 4},
		{"tiktoken is great!", 6, 6},
		{"antidisestablishmentarianism", 6, 6},
		{"2 + 2 = 4", 7, 7},
		{"お誕生日おめでとう", 8, 9},
		{"The quick brown fox jumps over the lazy dog.", 10, 10},
		{"I'LL don't we'Re", 6, 7},
		{"   \n\n  x", 3, 3},
		{"\x7f", 1, 1},
		{"a\x7f\x7f b", 4, 4},
		{"\n\t\n", 1, 1},
		{"x\n  \n  y", 4, 4},
	}
	for _, tc := range tests {
		t.Run(tc.text, func(t *testing.T) {
			t.Parallel()
			if got := c.Count(O200K, []byte(tc.text)); got != tc.o200k {
				t.Errorf("o200k_base: %d, want %d", got, tc.o200k)
			}
			if got := c.Count(CL100K, []byte(tc.text)); got != tc.cl100k {
				t.Errorf("cl100k_base: %d, want %d", got, tc.cl100k)
			}
		})
	}
}

func TestForModel(t *testing.T) {
	t.Parallel()
	tests := map[string]Encoding{
		"gpt-4o": O200K, "gpt-4o-mini-2024-07-18": O200K, "openai/gpt-4.1": O200K, "gpt-5-nano": O200K, "o3-mini": O200K,
		"ft:gpt-4o:acme::x": O200K, "chatgpt-4o-latest": O200K, "gpt-4": CL100K, "gpt-4-turbo": CL100K, "GPT-4-32k": CL100K,
		"gpt-3.5-turbo": CL100K, "openai/gpt-3.5-turbo": CL100K, "gpt-35-turbo": CL100K, "text-embedding-3-small": CL100K,
		"ft:gpt-3.5-turbo:acme::x": CL100K, "claude-sonnet-5": O200K, "demo/echo": O200K, "": O200K,
	}
	for _, name := range sortedKeys(tests) {
		if got := ForModel(name); got != tests[name] {
			t.Errorf("ForModel(%q) = %s, want %s", name, got, tests[name])
		}
	}
}

func prose(n int) []byte {
	const text = "It was the best of times, it was the worst of times; nobody's ledger balanced, and yet — as the clerk said on " +
		"a Tuesday in 1859 — \"we'll settle tomorrow.\" The relay counted 12,345 tokens, twice.\n\nNothing was lost. "
	return []byte(strings.Repeat(text, n/len(text)+1)[:n])
}

// Ordinary text is counted without any allocation.
func TestCountAllocatesNothing(t *testing.T) {
	c := New()
	text := prose(10_000)
	for _, e := range []Encoding{O200K, CL100K} {
		c.Count(e, text)
		if got := testing.AllocsPerRun(20, func() { c.Count(e, text) }); got != 0 {
			t.Errorf("%s: %v allocations for prose, want 0", e, got)
		}
	}
}

// hostile are inputs that make careless tokenizers quadratic.
func hostile(n int) map[string][]byte {
	rng := splitmix(1)
	letters, mixed := make([]byte, n), make([]byte, n)
	for i := range n {
		letters[i] = 'a' + byte(rng.below(26))
		mixed[i] = "aA"[rng.below(2)]
	}
	rep := func(s string) []byte { return []byte(strings.Repeat(s, n/len(s)+1)[:n]) }
	return map[string][]byte{
		"one letter": rep("a"), "one capital": rep("A"), "blanks": rep(" "), "exclamation marks": rep("!"), "line ends": rep("\n"),
		"random letters": letters, "random case": mixed, "emoji": rep("😀"), "combining marks": rep("\u0301"), "marks and capitals": rep("\u0301A"),
		"caseless letters": rep("世"), "capitals then caseless": rep("AAAAAAAAʰ"), "apostrophes": rep("'"), "zero bytes": rep("\x00"),
		"broken bytes": rep("\xff"), "digits": rep("7"), "blank and line end": rep(" \n"), "tabs": rep("\t"), "joiners": rep("\u200d"),
		"long and short": rep("aaaaaaaab"), "slashes": rep("!\n/"),
	}
}

// The work on hostile text is bounded by a small multiple of its length: moves in the heap and looks in the tables for
// the merge, characters looked at for the splitter.
func TestHostileInputIsLinear(t *testing.T) {
	t.Parallel()
	c := New()
	const n = 100_000
	texts := hostile(n)
	for _, e := range []Encoding{O200K, CL100K} {
		tab := c.table(e)
		for _, name := range sortedKeys(texts) {
			text := texts[name]
			steps, pieces := 0, 0
			for i := 0; i < len(text); {
				end := tab.next(text, i)
				s := tab.borrow()
				s.steps = 0
				tab.ranks.mergeLong(s, text, i, end)
				steps += s.steps
				tab.giveBack(s)
				pieces++
				i = end
			}
			t.Logf("%s, %s: %.1f steps a byte", e, name, float64(steps)/n)
			if limit := 12 * n; steps > limit {
				t.Errorf("%s, %s: %d steps for %d bytes in %d pieces, want at most %d", e, name, steps, n, pieces, limit)
			}
		}
	}
}

// A piece longer than a window is counted in windows: close to one merge, with bounded memory.
func TestWindows(t *testing.T) {
	t.Parallel()
	c := New()
	text := []byte(strings.Repeat("a", 2*window+5))
	tab := c.table(O200K)
	whole := tab.ranks.mergeLong(tab.borrow(), text, 0, len(text))
	if got := c.Count(O200K, text); got < whole || got > whole+16 {
		t.Errorf("%d tokens in windows, %d in one merge", got, whole)
	}
}

func TestConcurrentFirstUse(t *testing.T) {
	t.Parallel()
	c := New()
	done := make(chan int)
	for i := range 8 {
		go func() { done <- c.Count(Encoding(i%2), []byte("first use from many goroutines")) }()
	}
	for range 8 {
		if got := <-done; got != 6 {
			t.Errorf("got %d, want 6", got)
		}
	}
}

func TestUpperBoundHolds(t *testing.T) {
	t.Parallel()
	c := New()
	texts := hostile(1000)
	for _, name := range sortedKeys(texts) {
		if got := c.Count(O200K, texts[name]); got > UpperBound(len(texts[name])) {
			t.Errorf("%s: %d tokens", name, got)
		}
	}
}

func benchmarkCount(b *testing.B, e Encoding, text []byte) {
	b.Helper()
	c := New()
	c.Load(e)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		c.Count(e, text)
	}
}

func BenchmarkCount(b *testing.B) {
	for _, e := range []Encoding{O200K, CL100K} {
		b.Run(e.String()+"/prose 10 kB", func(b *testing.B) { benchmarkCount(b, e, realText(b, "prose", 10_000)) })
		b.Run(e.String()+"/prose 1 MB", func(b *testing.B) { benchmarkCount(b, e, realText(b, "prose", 1_000_000)) })
		b.Run(e.String()+"/code 1 MB", func(b *testing.B) { benchmarkCount(b, e, realText(b, "code", 1_000_000)) })
	}
}

func BenchmarkHostile100kB(b *testing.B) {
	texts := hostile(100_000)
	for _, name := range sortedKeys(texts) {
		b.Run(name, func(b *testing.B) { benchmarkCount(b, O200K, texts[name]) })
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, e := range []Encoding{O200K, CL100K} {
		b.Run(e.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				New().Load(e)
			}
		})
	}
}

// The embedded rank files hold exactly the reference's vocabularies, and each token is found by its bytes.
func TestRankFiles(t *testing.T) {
	t.Parallel()
	c, ref := New(), newReference(t)
	for e, want := range ref.codecs {
		tab := c.table(Encoding(e))
		count := uint([2]int{O200K: 199_998, CL100K: 100_256}[e])
		for id := range count {
			token, err := want.Decode([]uint{id})
			if err != nil {
				t.Fatalf("%s: rank %d: %v", Encoding(e), id, err)
			}
			for _, text := range [][]byte{[]byte(token), []byte(token + "and eight more")} {
				if got := tab.ranks.rank(text, 0, len(token)); got != uint32(id) {
					t.Fatalf("%s: %q has rank %d, want %d", Encoding(e), token, got, id)
				}
			}
		}
	}
}
