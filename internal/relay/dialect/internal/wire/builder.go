// Package wire writes JSON by appending, and turns the texts of one format into those of another.
package wire

import (
	"strconv"
	"unicode/utf8"

	"starlane/internal/relay/llm"
)

// Builder appends JSON. It puts the commas; what it is told must make sense. The zero value is ready.
type Builder struct{ B []byte }

// next puts the comma before a value or a key, if one is due.
func (b *Builder) next() {
	if n := len(b.B); n > 0 {
		switch b.B[n-1] {
		case '{', '[', ':', ',', '\n', ' ':
		default:
			b.B = append(b.B, ',')
		}
	}
}

// Open begins an object or an array by its bracket.
func (b *Builder) Open(bracket byte) {
	b.next()
	b.B = append(b.B, bracket)
}

// Close ends an object or an array by its bracket.
func (b *Builder) Close(bracket byte) { b.B = append(b.B, bracket) }

// Key begins a member. Keys are plain ASCII.
func (b *Builder) Key(key string) {
	b.next()
	b.B = append(b.B, '"')
	b.B = append(b.B, key...)
	b.B = append(b.B, '"', ':')
}

// Text writes a text that is escaped already.
func (b *Builder) Text(t llm.Text) {
	b.next()
	b.B = append(b.B, '"')
	b.B = append(b.B, t...)
	b.B = append(b.B, '"')
}

// String writes a text of ours or of a header, escaping it.
func (b *Builder) String(s string) {
	b.next()
	b.B = append(b.B, '"')
	b.B = Escape(b.B, s)
	b.B = append(b.B, '"')
}

// Raw writes a value as it is.
func (b *Builder) Raw(r llm.Raw) {
	b.next()
	b.B = append(b.B, r...)
}

// Int writes a number.
func (b *Builder) Int(n int64) {
	b.next()
	b.B = strconv.AppendInt(b.B, n, 10)
}

// Bool writes true or false.
func (b *Builder) Bool(v bool) {
	b.next()
	b.B = strconv.AppendBool(b.B, v)
}

// Null writes null.
func (b *Builder) Null() {
	b.next()
	b.B = append(b.B, "null"...)
}

// Escape appends a text as it stands between the quotes of a JSON string.
func Escape[T ~string | ~[]byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune([]byte(s[i:min(i+utf8.UTFMax, len(s))]))
			if r != utf8.RuneError || size != 1 {
				i += size
				continue
			}
			dst = append(append(dst, s[from:i]...), "\uFFFD"...)
			i++
			from = i
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	return append(dst, s[from:]...)
}
