package guard

import (
	"encoding/binary"
	"math/bits"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// marks has the high bit set of the bytes in v that end a plain run of a string: quote, backslash, control. The low bits are
// noise, and only the lowest mark is exact, which is the one that is used. Flipping bit 1 puts the quote next to the
// controls and takes the blank out of its way, so that one comparison finds both.
func marks(v uint64) uint64 {
	q := v ^ (2 * ones)
	b := v ^ ('\\' * ones)
	return (q-0x21*ones)&^q | (b-ones)&^b
}

// skipString returns the place behind the closing quote of the string whose first byte is at i, and whether it is free of
// escapes. If the string is broken, ok is false and end is where.
func skipString(src []byte, i int) (end int, plain, ok bool) {
	plain = true
	for {
		for i+32 <= len(src) {
			w := src[i : i+32 : i+32]
			a, b := marks(binary.LittleEndian.Uint64(w)), marks(binary.LittleEndian.Uint64(w[8:]))
			c, d := marks(binary.LittleEndian.Uint64(w[16:])), marks(binary.LittleEndian.Uint64(w[24:]))
			if (a|b|c|d)&highs == 0 {
				i += 32
				continue
			}
			switch {
			case a&highs != 0:
				i += bits.TrailingZeros64(a&highs) / 8
			case b&highs != 0:
				i += 8 + bits.TrailingZeros64(b&highs)/8
			case c&highs != 0:
				i += 16 + bits.TrailingZeros64(c&highs)/8
			default:
				i += 24 + bits.TrailingZeros64(d&highs)/8
			}
			goto special
		}
		for i < len(src) && src[i] != '"' && src[i] != '\\' && src[i] >= 0x20 {
			i++
		}
		if i == len(src) {
			return i, plain, false
		}
	special:
		switch src[i] {
		case '"':
			return i + 1, plain, true
		case '\\':
			plain = false
			n := escapeLen(src[i:])
			if n == 0 {
				return i, plain, false
			}
			i += n
		default:
			return i, plain, false
		}
	}
}

// escapeLen is the length of the escape that p starts with, 0 if it is none.
func escapeLen(p []byte) int {
	if len(p) < 2 {
		return 0
	}
	switch p[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(p) < 6 {
			return 0
		}
		for _, c := range p[2:6] {
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return 0
			}
		}
		return 6
	}
	return 0
}

func digits(src []byte, i int) int {
	for i < len(src) && src[i] >= '0' && src[i] <= '9' {
		i++
	}
	return i
}

// skipNumber returns the place behind the number at i; if it is broken, ok is false and end is where.
func skipNumber(src []byte, i int) (end int, ok bool) {
	if src[i] == '-' {
		i++
	}
	start := i
	if i = digits(src, i); i == start || (src[start] == '0' && i > start+1) {
		return start, false
	}
	if i < len(src) && src[i] == '.' {
		from := i + 1
		if i = digits(src, from); i == from {
			return i, false
		}
	}
	if i < len(src) && (src[i] == 'e' || src[i] == 'E') {
		i++
		if i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		from := i
		if i = digits(src, from); i == from {
			return i, false
		}
	}
	return i, true
}
