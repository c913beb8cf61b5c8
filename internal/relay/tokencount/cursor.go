package tokencount

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// cursor steps through the members of one JSON object or the elements of one array without decoding them. It trusts
// the text to be JSON: on anything else it stops early, and never looks outside its bytes.
type cursor struct {
	b []byte
	i int
}

// enter gives a cursor into a value that opens with the given bracket; ok is false for any other value.
func enter(value []byte, bracket byte) (cursor, bool) {
	i := skipBlank(value, 0)
	if i >= len(value) || value[i] != bracket {
		return cursor{}, false
	}
	return cursor{value, i + 1}, true
}

// element gives the next element of an array.
func (c *cursor) element() ([]byte, bool) {
	c.i = skipBlank(c.b, c.i)
	end := skipValue(c.b, c.i)
	if end <= c.i {
		return nil, false
	}
	value := c.b[c.i:end]
	c.comma(end)
	return value, true
}

// member gives the next member of an object: its key between the quotes, as written, and its value.
func (c *cursor) member() (key, value []byte, ok bool) {
	c.i = skipBlank(c.b, c.i)
	if c.i >= len(c.b) || c.b[c.i] != '"' {
		return nil, nil, false
	}
	end := skipString(c.b, c.i)
	if end < 0 {
		return nil, nil, false
	}
	key = c.b[c.i+1 : end-1]
	if end = skipBlank(c.b, end); end >= len(c.b) || c.b[end] != ':' {
		return nil, nil, false
	}
	c.i = end + 1
	value, ok = c.element()
	return key, value, ok
}

func (c *cursor) comma(end int) {
	c.i = skipBlank(c.b, end)
	if c.i < len(c.b) && c.b[c.i] == ',' {
		c.i++
	}
}

func skipBlank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipString gives the index after the string that starts at b[i], or -1.
func skipString(b []byte, i int) int {
	start := i + 1
	for i = start; ; i++ {
		q := bytes.IndexByte(b[i:], '"')
		if q < 0 {
			return -1
		}
		i += q
		escapes := 0
		for i-1-escapes >= start && b[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}

// skipValue gives the index after the value that starts at b[i]; i or -1 if there is none.
func skipValue(b []byte, i int) int {
	for depth := 0; i < len(b); {
		switch b[i] {
		case '"':
			if i = skipString(b, i); i < 0 {
				return -1
			}
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
			i++
		case ',', ':', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return i
			}
			i++
			continue
		default:
			for i < len(b) && !ends(b[i]) {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
	return -1
}

// ends tells the bytes that end a number or a literal.
func ends(c byte) bool {
	switch c {
	case ',', ':', '}', ']', '"', ' ', '\n', '\r', '\t':
		return true
	}
	return false
}

// inner gives the bytes between the quotes of a string value; ok is false for any other value.
func inner(value []byte) ([]byte, bool) {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return nil, false
	}
	return value[1 : len(value)-1], true
}

// unescape appends the text of a JSON string's inner bytes.
func unescape(out, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 || i+1 >= len(s) {
			return append(out, s...)
		}
		out = append(out, s[:i]...)
		switch c := s[i+1]; c {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			r, n := unicodeEscape(s[i:])
			out = utf8.AppendRune(out, r)
			s = s[i+n:]
			continue
		default:
			out = append(out, c)
		}
		s = s[i+2:]
	}
}

// unicodeEscape reads \uXXXX, or two of them that make one character, and gives the bytes read.
func unicodeEscape(s []byte) (rune, int) {
	r, ok := hex4(s)
	if !ok {
		return utf8.RuneError, 2
	}
	if utf16.IsSurrogate(r) {
		if second, ok := hex4(s[6:]); ok {
			if pair := utf16.DecodeRune(r, second); pair != utf8.RuneError {
				return pair, 12
			}
		}
		return utf8.RuneError, 6
	}
	return r, 6
}

func hex4(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
