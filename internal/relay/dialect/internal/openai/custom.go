package openai

import (
	"slices"
	"strings"

	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// CustomSchema is the schema of a function that stands for a tool whose input is free text.
const CustomSchema = `{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}`

// WrapInput is the input of a custom tool as the arguments of the function that stands for it.
func WrapInput(input llm.Text) llm.Text {
	return wire.Escape(nil, slices.Concat([]byte(`{"input":"`), input, []byte(`"}`)))
}

// UnwrapInput is the inverse of WrapInput. What is not of that form is taken as it is.
func UnwrapInput(arguments llm.Text) (input llm.Text) {
	src, ok := wire.Arguments(arguments)
	if !ok {
		return arguments
	}
	found := false
	c := guard.NewCursor(src)
	wire.Object(&c, func(k string) {
		if k == "input" && c.Kind() == guard.String {
			input, found = wire.Text(&c), true
			return
		}
		c.Skip()
	})
	if !found {
		return arguments
	}
	return input
}

// Unwrapping is UnwrapInput piece by piece. The zero value is ready.
type Unwrapping struct {
	all   llm.Text // while it is not known whether the arguments are of the form
	state unwrapState
	plain escapes
	held  llm.Text // an escape sequence of the input that is not whole
}

type unwrapState uint8

const (
	before unwrapState = iota // in front of the input's text
	inside
	behind
	unlike // not of the form: it is told when it is whole
)

// Add appends what a piece of the arguments adds to the input.
func (u *Unwrapping) Add(dst []byte, piece llm.Text) []byte {
	switch u.state {
	case before:
		u.all = append(u.all, piece...)
		return u.begin(dst)
	case inside:
		return u.text(dst, piece)
	case unlike:
		u.all = append(u.all, piece...)
	case behind:
	}
	return dst
}

// Rest appends what is left when the arguments are whole.
func (u *Unwrapping) Rest(dst []byte) []byte {
	if u.state == before || u.state == unlike {
		return append(dst, UnwrapInput(u.all)...)
	}
	if len(u.held) == escapeLength { // a half of a pair
		dst = append(dst, u.held...)
	}
	return dst
}

// begin looks for the beginning of the input's text. Models leave white space here and there.
func (u *Unwrapping) begin(dst []byte) []byte {
	rest := u.all
	for _, token := range [...]string{"{", `\"input\"`, ":", `\"`} {
		rest = trimEscaped(rest)
		switch n := min(len(rest), len(token)); {
		case string(rest[:n]) != token[:n]:
			u.state = unlike
			return dst
		case n < len(token): // more is to come
			return dst
		}
		rest = rest[len(token):]
	}
	u.state = inside
	dst = u.text(dst, rest)
	u.all = nil
	return dst
}

// trimEscaped takes white space away, as it stands in a JSON string.
func trimEscaped(t llm.Text) llm.Text {
	for {
		switch {
		case len(t) > 0 && t[0] == ' ':
			t = t[1:]
		case len(t) > 1 && t[0] == '\\' && (t[1] == 'n' || t[1] == 'r' || t[1] == 't'):
			t = t[2:]
		default:
			return t
		}
	}
}

// text appends input. It stands in a JSON string inside of another, and is told as it stands in the inner one.
func (u *Unwrapping) text(dst []byte, piece llm.Text) []byte {
	for _, b := range piece {
		code, ok := u.plain.next(b)
		if !ok || u.state == behind {
			continue
		}
		if code < 0 { // one beyond ASCII in an escape sequence of the outer string does as one of the inner
			dst = u.escape(dst, u.plain.seq[:]...)
			continue
		}
		dst = u.char(dst, byte(code))
	}
	return dst
}

const escapeLength = len(`\u0000`)

// char takes a byte of the inner JSON string.
func (u *Unwrapping) char(dst []byte, c byte) []byte {
	tail := u.held // what is open of an escape sequence, behind a half of a pair that is whole
	if len(tail) >= escapeLength {
		tail = tail[escapeLength:]
	}
	switch {
	case len(tail) > 0:
		u.held = append(u.held, c)
		switch {
		case len(tail) == 1 && !strings.ContainsRune(`"\/bfnrtu`, rune(c)) || len(tail) > 1 && !isHex(c): // no escape sequence at all
			return u.broken(dst, len(tail)+1)
		case len(tail) == 1 && c != 'u' || len(tail) == escapeLength-1:
			return u.whole(dst)
		}
		return dst
	case c == '\\':
		u.held = append(u.held, c)
		return dst
	case c == '"':
		u.state = behind
		dst, u.held = append(dst, u.held...), nil
		return dst
	}
	dst = append(dst, u.held...)
	u.held = u.held[:0]
	if c < ' ' { // a model's mistake, which stays one text
		return wire.Escape(dst, []byte{c})
	}
	return append(dst, c)
}

// broken tells the end of what is held as the letters that it is made of.
func (u *Unwrapping) broken(dst []byte, size int) []byte {
	at := len(u.held) - size
	dst = wire.Escape(append(dst, u.held[:at]...), u.held[at:])
	u.held = u.held[:0]
	return dst
}

// escape takes an escape sequence that is whole.
func (u *Unwrapping) escape(dst []byte, seq ...byte) []byte {
	u.held = append(u.held, seq...)
	return u.whole(dst)
}

// whole tells the escape sequences that are held, but for a first half of a pair: readers of single pieces take it for broken.
func (u *Unwrapping) whole(dst []byte) []byte {
	if len(u.held) == escapeLength && firstHalf(u.held) {
		return dst
	}
	dst = append(dst, u.held...)
	u.held = u.held[:0]
	return dst
}

func firstHalf(seq llm.Text) bool {
	return seq[1] == 'u' && (seq[2] == 'd' || seq[2] == 'D') && (seq[3] == '8' || seq[3] == '9' || seq[3]|0x20 == 'a' || seq[3]|0x20 == 'b')
}

// escapes undoes the escaping of a JSON string byte by byte.
type escapes struct {
	seq [escapeLength]byte
	n   int
}

// next takes a byte and gives the one that it ends: negative for one beyond ASCII, of which seq has the sequence. False: none yet.
func (s *escapes) next(b byte) (code int, ok bool) {
	switch {
	case s.n == 0 && b != '\\':
		return int(b), true
	case s.n == 1 && b != 'u':
		s.n = 0
		switch b {
		case 'n':
			b = '\n'
		case 'r':
			b = '\r'
		case 't':
			b = '\t'
		case 'b':
			b = '\b'
		case 'f':
			b = '\f'
		}
		return int(b), true
	}
	s.seq[s.n] = b
	if s.n++; s.n < escapeLength {
		return 0, false
	}
	s.n = 0
	for _, d := range s.seq[2:] {
		code = code<<4 | hexDigit(d)
	}
	if code >= 0x80 {
		return -1, true
	}
	return code, true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexDigit(c byte) int {
	switch {
	case c >= 'a':
		return int(c-'a') + 10
	case c >= 'A':
		return int(c-'A') + 10
	default:
		return int(c - '0')
	}
}
