package guard

import (
	"encoding/json"
	"errors"
)

// Cursor walks through JSON in place, without decoding and without allocation. After the first thing that is not JSON, Bad
// is true and every step says that there is no more. Use it as
//
//	for k, ok := c.Object(); ok; k, ok = c.Next() { … read or Skip the value … }
//	for ok := c.Array(); ok; ok = c.More() { … }
type Cursor struct {
	src []byte
	at  int
	bad bool
}

// NewCursor stands before the first value of src.
func NewCursor(src []byte) Cursor { return Cursor{src: src} }

// Bad tells whether something was not JSON.
func (c *Cursor) Bad() bool { return c.bad }

// Seek goes to the place of a value.
func (c *Cursor) Seek(at int) { c.at = at }

// At is the place of the next byte that is not white space.
func (c *Cursor) At() int {
	c.space()
	return c.at
}

// End tells whether nothing but white space is left.
func (c *Cursor) End() bool {
	c.space()
	return c.at == len(c.src) && !c.bad
}

func (c *Cursor) space() {
	for c.at < len(c.src) {
		switch c.src[c.at] {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return
		}
	}
}

func (c *Cursor) fail() bool {
	c.bad = true
	return false
}

// Kind is the kind of the next value.
func (c *Cursor) Kind() Kind {
	c.space()
	if c.bad || c.at == len(c.src) {
		return Absent
	}
	return kindOf(c.src[c.at])
}

// take consumes b if it is next.
func (c *Cursor) take(b byte) bool {
	c.space()
	if c.bad || c.at == len(c.src) || c.src[c.at] != b {
		return false
	}
	c.at++
	return true
}

// Object enters an object and returns its first key as it stands between its quotes; ok is false if the object is empty.
func (c *Cursor) Object() (key []byte, ok bool) {
	if !c.take('{') {
		return nil, c.fail()
	}
	if c.take('}') {
		return nil, false
	}
	return c.key()
}

// Next goes to the next key of the object, or leaves it.
func (c *Cursor) Next() (key []byte, ok bool) {
	if c.take('}') {
		return nil, false
	}
	if !c.take(',') {
		return nil, c.fail()
	}
	return c.key()
}

func (c *Cursor) key() ([]byte, bool) {
	k, ok := c.Text()
	if !ok || !c.take(':') {
		return nil, c.fail()
	}
	return k, true
}

// Array enters an array; false if it is empty.
func (c *Cursor) Array() bool {
	if !c.take('[') {
		return c.fail()
	}
	return !c.take(']')
}

// More goes to the next element, or leaves the array.
func (c *Cursor) More() bool {
	if c.take(']') {
		return false
	}
	return c.take(',') || c.fail()
}

// Text reads a string and returns it as it stands between its quotes.
func (c *Cursor) Text() (raw []byte, ok bool) {
	if !c.take('"') {
		return nil, c.fail()
	}
	end, _, ok := skipString(c.src, c.at)
	if !ok {
		return nil, c.fail()
	}
	raw = c.src[c.at : end-1]
	c.at = end
	return raw, true
}

// Int reads a whole number that is not negative and at most limit.
func (c *Cursor) Int(limit int64) (int64, bool) {
	raw := c.Raw()
	var v int64
	for i, b := range raw {
		if b < '0' || b > '9' || i > 18 {
			return 0, false
		}
		v = v*10 + int64(b-'0')
	}
	return v, len(raw) > 0 && v >= 0 && v <= limit
}

// Raw reads any value and returns its bytes.
func (c *Cursor) Raw() []byte {
	from := c.At()
	c.Skip()
	if c.bad {
		return nil
	}
	return c.src[from:c.at]
}

// Skip reads any value.
func (c *Cursor) Skip() {
	switch c.Kind() {
	case Absent:
		c.bad = true
	case String:
		c.Text()
	case Object, Array: // requests were counted by Scan, and answers may be of any length: nothing is kept of what is skipped
		s := scanner{src: c.src, any: true, nodes: -len(c.src)}
		end, err := s.value(c.at)
		c.at, c.bad = max(end, c.at), err != nil
	default:
		s := scanner{src: c.src, any: true}
		end, _, err := s.begin(c.at)
		c.at, c.bad = max(end, c.at), err != nil
	}
}

// ErrText means that a string does not decode.
var ErrText = errors.New("broken string")

// Unquote decodes a string as it stands between its quotes.
func Unquote(raw []byte) (string, error) {
	for _, b := range raw {
		if b == '\\' || b >= 0x80 {
			var s string
			quoted := append(append(append(make([]byte, 0, len(raw)+2), '"'), raw...), '"')
			if err := json.Unmarshal(quoted, &s); err != nil {
				return "", ErrText // the decoder's error repeats what it read
			}
			return s, nil
		}
	}
	return string(raw), nil
}
