package tokencount

import (
	_ "embed" // the rank files
	"runtime"
	"strings"
	"sync"
	"unicode/utf8"
)

// Encoding names a vocabulary with its splitter.
type Encoding uint8

// The encodings that OpenAI's chat and embedding models use. The zero value is the newer one, which also serves as
// the estimate for other vendors' models.
const (
	O200K Encoding = iota
	CL100K
)

// String gives the name under which OpenAI publishes the encoding.
func (e Encoding) String() string {
	if e == CL100K {
		return "cl100k_base"
	}
	return "o200k_base"
}

// ForModel gives the encoding of a model by its name, with or without a vendor prefix such as "openai/". Models that
// are not known to use cl100k_base, other vendors' included, get o200k_base.
func ForModel(name string) Encoding {
	name = strings.ToLower(name)
	name = name[strings.LastIndexByte(name, '/')+1:]
	name = strings.TrimPrefix(name, "ft:")
	for _, prefix := range []string{"gpt-4o", "gpt-4.", "gpt-4-o", "gpt-40"} {
		if strings.HasPrefix(name, prefix) {
			return O200K
		}
	}
	for _, prefix := range []string{"gpt-4", "gpt-3.5", "gpt-35", "text-embedding-", "davinci-002", "babbage-002"} {
		if strings.HasPrefix(name, prefix) {
			return CL100K
		}
	}
	return O200K
}

//go:embed cl100k_base.ranks
var cl100kRanks string

//go:embed o200k_base.ranks
var o200kRanks string

// Counter counts tokens in all encodings. A vocabulary is loaded when it is first used, which takes some tens of
// milliseconds and about 7 MB of memory (O200K; CL100K half of it). A Counter is safe for concurrent use.
type Counter struct {
	classes func() *classes
	tables  [2]func() *table
}

// table is a loaded encoding.
type table struct {
	encoding Encoding
	classes  *classes
	ranks    *ranks
	scratch  chan *scratch
}

// New gives a counter with no vocabulary loaded yet.
func New() *Counter {
	c := &Counter{classes: sync.OnceValue(newClasses)}
	for e, file := range map[Encoding]*string{O200K: &o200kRanks, CL100K: &cl100kRanks} {
		c.tables[e] = sync.OnceValue(func() *table {
			return &table{
				encoding: e, classes: c.classes(), ranks: newRanks(*file), scratch: make(chan *scratch, runtime.GOMAXPROCS(0)),
			}
		})
	}
	return c
}

// Load loads an encoding ahead of its first use.
func (c *Counter) Load(e Encoding) { c.table(e) }

func (c *Counter) table(e Encoding) *table {
	if e != CL100K {
		e = O200K
	}
	return c.tables[e]()
}

// Count gives the number of tokens of a text. Special tokens are counted as the plain text that they are, and bytes
// that are not UTF-8 as replacement characters.
func (c *Counter) Count(e Encoding, text []byte) int { return c.table(e).count(text) }

// UpperBound gives a number of tokens that no text of so many bytes exceeds, without looking at it: each token stands
// for at least one byte.
func UpperBound(bytes int) int { return bytes }

func (t *table) count(text []byte) int {
	if !utf8.Valid(text) {
		text = replaceInvalid(text)
	}
	n := 0
	for i := 0; i < len(text); {
		end := t.next(text, i)
		if t.ranks.has(text, i, end) {
			n++
		} else {
			n += t.countPiece(text, i, end)
		}
		i = end
	}
	return n
}

// replaceInvalid puts U+FFFD in the place of each byte that is not UTF-8, as decoders of JSON strings do.
func replaceInvalid(text []byte) []byte {
	out := make([]byte, 0, len(text)+len(text)/2)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		out = utf8.AppendRune(out, r)
		text = text[n:]
	}
	return out
}

// next gives the end of the piece that starts at text[i].
func (t *table) next(text []byte, i int) int {
	if t.encoding == CL100K {
		return t.classes.nextCL100K(text, i)
	}
	return t.classes.nextO200K(text, i)
}
