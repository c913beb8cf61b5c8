// Package guard reads a JSON object once, strictly, and says where its members stand. One parse decides: what the relay
// reads out of a body is what every upstream will read, because a body that two parsers could understand differently
// (a repeated key, a key in other letters, a key or a type spelt with escapes) is refused.
package guard

import (
	"errors"
	"fmt"
)

// Limits of a body.
const (
	MaxDepth = 64      // objects and arrays inside each other, the outermost included
	MaxNodes = 100_000 // keys, objects and arrays together; scalars are bounded by the size of the body
)

// Errors. Syntax errors carry the place; all are safe to show.
var (
	ErrSyntax    = errors.New("not valid JSON")
	ErrNotObject = errors.New("not a JSON object")
	ErrDepth     = fmt.Errorf("nested deeper than %d levels", MaxDepth)
	ErrNodes     = fmt.Errorf("more than %d keys, objects and arrays", MaxNodes)
)

// KeyError refuses a top-level key. Name is the member of the API that it collides with, empty if it is none of them, so
// that nothing the client made up is repeated in logs.
type KeyError struct {
	Name   string
	Reason string
}

func (e *KeyError) Error() string {
	if e.Name == "" {
		return e.Reason
	}
	return fmt.Sprintf("%s: %q", e.Reason, e.Name)
}

// Kind is the first byte of a value: one of { [ " t f n, or 0 for a number. An absent member has kind Absent.
type Kind byte

// The kinds of values.
const (
	Absent Kind = 0
	Object Kind = '{'
	Array  Kind = '['
	String Kind = '"'
	True   Kind = 't'
	False  Kind = 'f'
	Null   Kind = 'n'
	Number Kind = '0'
)

// Member is a top-level member that was asked for.
type Member struct {
	Kind    Kind
	Comma   int  // place of the comma before the key, -1 if it is the first member
	Key     int  // place of the key's opening quote
	From    int  // first byte of the value
	To      int  // behind the value
	Escaped bool // a string with escapes
}

// Present tells whether the member is there and not null.
func (m *Member) Present() bool { return m.Kind != Absent && m.Kind != Null }

// Scan checks that src is one JSON object and nothing else, and fills into found the members called names. Both have the
// same length. Top-level keys that repeat, or differ only in case, are refused, as are other spellings of the names.
func Scan(src []byte, names []string, found []Member) error {
	s := scanner{src: src, names: names, found: found}
	clear(found)
	return s.run()
}

// Valid checks one JSON value of any kind under the same limits.
func Valid(src []byte) error {
	s := scanner{src: src, any: true}
	return s.run()
}

type scanner struct {
	src   []byte
	names []string
	found []Member
	any   bool
	depth int
	kinds uint64 // one bit a level, set for an object
	nodes int
	keys  keySet
	slot  *Member // top-level member whose value is being read
	last  []byte  // the last key, as it stands between its quotes
	comma int     // place of the last comma, -1 before the first
}

func (s *scanner) run() error {
	i := s.space(0)
	if i == len(s.src) {
		return fmt.Errorf("%w: empty", ErrSyntax)
	}
	if s.src[i] != '{' && !s.any {
		if err := s.fork().run(); err != nil {
			return err
		}
		return ErrNotObject
	}
	i, err := s.value(i)
	if err != nil {
		return err
	}
	if i = s.space(i); i != len(s.src) {
		return s.syntax(i)
	}
	return nil
}

// fork tells broken JSON from JSON of another kind.
func (s *scanner) fork() *scanner { return &scanner{src: s.src, any: true} }

func (s *scanner) syntax(at int) error {
	if at >= len(s.src) {
		return fmt.Errorf("%w: it ends too early", ErrSyntax)
	}
	return fmt.Errorf("%w: unexpected byte at %d", ErrSyntax, at)
}

func (s *scanner) space(i int) int {
	for i < len(s.src) {
		switch s.src[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// value reads one value with everything inside it, without recursion, and returns the place behind it.
func (s *scanner) value(i int) (int, error) {
	var complete bool
	var err error
	s.comma = -1
	for {
		if i, complete, err = s.begin(i); err != nil {
			return 0, err
		}
		if complete {
			if i, err = s.after(i); err != nil || s.depth == 0 {
				return i, err
			}
		}
		if s.inObject() {
			if i, err = s.key(i); err != nil {
				return 0, err
			}
		}
	}
}

// begin reads a scalar or an opening bracket. complete is false when the container just opened holds something.
func (s *scanner) begin(i int) (end int, complete bool, err error) {
	if i >= len(s.src) {
		return 0, false, s.syntax(i)
	}
	switch c := s.src[i]; c {
	case '{', '[':
		if i, err = s.open(i, c == '{'); err != nil {
			return 0, false, err
		}
		if !s.closes(i) {
			return i, false, nil
		}
		s.depth--
		return i + 1, true, nil
	case '"':
		end, plain, ok := skipString(s.src, i+1)
		if !ok {
			return 0, false, s.syntax(end)
		}
		if s.slot != nil && s.depth == 1 {
			s.slot.Escaped = !plain
		}
		if !plain && !s.any && judged(s.last) && disguised(s.src[i+1:end-1]) {
			return 0, false, errDisguised
		}
		return end, true, nil
	case 't':
		return s.word(i, "true")
	case 'f':
		return s.word(i, "false")
	case 'n':
		return s.word(i, "null")
	}
	end, ok := skipNumber(s.src, i)
	if !ok {
		return 0, false, s.syntax(end)
	}
	return end, true, nil
}

// after goes on behind a complete value: it closes the containers that end there and stops at the next key or element, or
// behind the outermost value.
func (s *scanner) after(i int) (int, error) {
	for {
		if s.slot != nil && s.depth == 1 {
			s.slot.To, s.slot = i, nil
		}
		if s.depth == 0 {
			return i, nil
		}
		i = s.space(i)
		if !s.closes(i) {
			break
		}
		s.depth--
		i++
	}
	if i >= len(s.src) || s.src[i] != ',' {
		return 0, s.syntax(i)
	}
	s.comma = i
	return s.space(i + 1), nil
}

// closes tells whether the innermost container ends at i.
func (s *scanner) closes(i int) bool {
	return i < len(s.src) && (s.src[i] == '}' && s.inObject() || s.src[i] == ']' && !s.inObject() && s.depth > 0)
}

func (s *scanner) inObject() bool { return s.depth > 0 && s.kinds>>(uint(s.depth)-1)&1 == 1 }

func (s *scanner) open(i int, object bool) (int, error) {
	if s.depth == MaxDepth {
		return 0, ErrDepth
	}
	if s.nodes++; s.nodes > MaxNodes {
		return 0, ErrNodes
	}
	bit := uint64(1) << uint(s.depth)
	if object {
		s.kinds |= bit
	} else {
		s.kinds &^= bit
	}
	s.depth++
	return s.space(i + 1), nil
}

// key reads a key and its colon and returns the place of the value. At the top level it notes the members asked for.
func (s *scanner) key(i int) (int, error) {
	if i >= len(s.src) || s.src[i] != '"' {
		return 0, s.syntax(i)
	}
	if s.nodes++; s.nodes > MaxNodes {
		return 0, ErrNodes
	}
	end, plain, ok := skipString(s.src, i+1)
	if !ok {
		return 0, s.syntax(end)
	}
	if s.depth == 1 && !s.any {
		at, err := s.topKey(s.src[i+1:end-1], plain)
		if err != nil {
			return 0, err
		}
		if at >= 0 {
			s.slot = &s.found[at]
			*s.slot = Member{Comma: s.comma, Key: i}
		}
	}
	if s.last = s.src[i+1 : end-1]; !plain && !s.any && disguised(s.last) {
		return 0, errDisguised
	}
	if i = s.space(end); i >= len(s.src) || s.src[i] != ':' {
		return 0, s.syntax(i)
	}
	i = s.space(i + 1)
	if s.slot != nil && s.depth == 1 && i < len(s.src) {
		s.slot.From, s.slot.Kind = i, kindOf(s.src[i])
	}
	return i, nil
}

func kindOf(c byte) Kind {
	switch c {
	case '{', '[', '"', 't', 'f', 'n':
		return Kind(c)
	}
	return Number
}

func (s *scanner) word(i int, want string) (end int, complete bool, err error) {
	end = i + len(want)
	if end > len(s.src) || string(s.src[i:end]) != want {
		return 0, false, s.syntax(i)
	}
	return end, true, nil
}
