package tokencount

import (
	"unicode"
	"unicode/utf8"
)

// class is what the splitters need to know of a character. Letters without case and marks are both upper and lower.
type class uint8

const (
	upper   class = 1 << iota // Lu Lt Lm Lo M
	lower                     // Ll Lm Lo M
	letter                    // L
	number                    // N
	space                     // White_Space
	newline                   // CR LF
	wide                      // not ASCII: ask the pages
)

const pageSize = 256

// classes knows the class of each character: ASCII in one array, the rest in pages.
type classes struct {
	ascii [256]class
	pages [(unicode.MaxRune + 1) / pageSize]*[pageSize]class
}

func newClasses() *classes {
	c := &classes{}
	blank := &[pageSize]class{}
	for i := range c.pages {
		c.pages[i] = blank
	}
	set := func(bits class, tables ...*unicode.RangeTable) {
		for _, t := range tables {
			for _, r := range t.R16 {
				c.mark(blank, rune(r.Lo), rune(r.Hi), rune(r.Stride), bits)
			}
			for _, r := range t.R32 {
				c.mark(blank, rune(r.Lo), rune(r.Hi), rune(r.Stride), bits)
			}
		}
	}
	set(upper, unicode.Lu, unicode.Lt)
	set(lower, unicode.Ll)
	set(upper|lower, unicode.Lm, unicode.Lo, unicode.M)
	set(letter, unicode.L)
	set(number, unicode.N)
	set(space, unicode.White_Space)
	for i := range utf8.RuneSelf {
		c.ascii[i] = c.pages[0][i]
	}
	c.ascii['\r'] |= newline
	c.ascii['\n'] |= newline
	for i := utf8.RuneSelf; i < len(c.ascii); i++ {
		c.ascii[i] = wide
	}
	return c
}

func (c *classes) mark(blank *[pageSize]class, low, high, stride rune, bits class) {
	for r := low; r <= high; r += stride {
		page := &c.pages[r/pageSize]
		if *page == blank {
			*page = &[pageSize]class{}
		}
		(*page)[r%pageSize] |= bits
	}
}

// at gives the class and the length in bytes of the character at text[i]; text is valid UTF-8.
func (c *classes) at(text []byte, i int) (class, int) {
	if k := c.ascii[text[i]]; k != wide {
		return k, 1
	}
	return c.wideAt(text, i)
}

func (c *classes) wideAt(text []byte, i int) (class, int) {
	r, n := utf8.DecodeRune(text[i:])
	return c.pages[r/pageSize][r%pageSize], n
}
