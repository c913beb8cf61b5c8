package provider

import (
	"sync"
	"unicode/utf8"
)

// A simulated token is a word of up to eight bytes with the space before it, or a single other character. That is
// near what real tokenizers give for prose, cheap, and easy to foretell in a test.
const maxWord = 8

// nextPiece gives the length in bytes of the first simulated token of s; s must not be empty.
func nextPiece(s string) int {
	i := 0
	if s[0] == ' ' && len(s) > 1 {
		i = 1
	}
	start := i
	for i < len(s) && i-start < maxWord && wordByte(s[i]) {
		i++
	}
	if i > start {
		return i
	}
	_, n := utf8.DecodeRuneInString(s[start:])
	return start + n
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// CountTokens gives the simulated token count of a text: what the simulator's usage figures are made of.
func CountTokens(s string) int {
	n := 0
	for len(s) > 0 {
		s = s[nextPiece(s):]
		n++
	}
	return n
}

// pieces cuts s into at most limit simulated tokens and tells whether text was left over.
func pieces(s string, limit int) ([]string, bool) {
	var out []string
	for len(s) > 0 {
		if len(out) >= limit {
			return out, true
		}
		n := nextPiece(s)
		out = append(out, s[:n])
		s = s[n:]
	}
	return out, false
}

const (
	cacheMinimum = 1024
	cacheStep    = 128
	// cacheEntries bounds one generation of remembered prefixes.
	cacheEntries = 1 << 16
)

// prefixCache imitates prompt caching: a prefix of at least 1024 tokens that the same key has sent before counts as
// cached, in steps of 128. Two generations keep it bounded without a clock.
type prefixCache struct {
	mu       sync.Mutex
	now, old map[uint64]struct{}
}

func newPrefixCache() *prefixCache { return &prefixCache{now: map[uint64]struct{}{}} }

// count gives the tokens of a prompt made of parts, and how many of them the key has sent before as a prefix.
func (c *prefixCache) count(key, model string, parts []string) (total, cached int) {
	h := hashBytes(hashBytes(hashStart, key), model)
	var marks []uint64
	for _, part := range parts {
		h = hashBytes(h, "\x00")
		for len(part) > 0 {
			n := nextPiece(part)
			h = hashBytes(h, part[:n])
			part = part[n:]
			total++
			if total >= cacheMinimum && total%cacheStep == 0 {
				marks = append(marks, h)
			}
		}
	}
	if len(marks) == 0 {
		return total, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(marks) - 1; i >= 0; i-- {
		if c.has(marks[i]) {
			cached = cacheMinimum + i*cacheStep
			break
		}
	}
	for _, m := range marks {
		c.add(m)
	}
	return total, cached
}

func (c *prefixCache) has(m uint64) bool {
	if _, ok := c.now[m]; ok {
		return true
	}
	_, ok := c.old[m]
	return ok
}

func (c *prefixCache) add(m uint64) {
	if len(c.now) >= cacheEntries {
		c.old, c.now = c.now, make(map[uint64]struct{})
	}
	c.now[m] = struct{}{}
}

func (c *prefixCache) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.old = map[uint64]struct{}{}, nil
}
