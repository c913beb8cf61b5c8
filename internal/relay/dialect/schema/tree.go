package schema

import (
	"net/url"
	"strconv"
	"strings"

	"starlane/internal/relay/guard"
)

// node is a JSON value with its members in the order they were written. Nodes are shared between a schema and what is made
// of it, so that only new ones are changed.
type node struct {
	kind    guard.Kind
	raw     []byte // a scalar as it stands
	members []member
	items   []*node
	index   map[string]int // of the members, once many are searched
}

type member struct {
	key   string
	raw   []byte // the key as it stands between its quotes
	value *node
}

func object(members ...member) *node { return &node{kind: guard.Object, members: members} }
func array(items ...*node) *node     { return &node{kind: guard.Array, items: items} }
func boolean(v bool) *node {
	if v {
		return &node{kind: guard.True, raw: []byte("true")}
	}
	return &node{kind: guard.False, raw: []byte("false")}
}
func null() *node { return &node{kind: guard.Null, raw: []byte("null")} }

// quoted is a string of text that needs no escapes, or has them already.
func quoted(text string) *node { return &node{kind: guard.String, raw: []byte(`"` + text + `"`)} }

func (n *node) isObject() bool       { return n != nil && n.kind == guard.Object }
func (n *node) isArray() bool        { return n != nil && n.kind == guard.Array }
func (n *node) isString() bool       { return n != nil && n.kind == guard.String }
func (n *node) isNumber() bool       { return n != nil && n.kind == guard.Number }
func (n *node) is(k guard.Kind) bool { return n != nil && n.kind == k }

// list is the elements of an array.
func (n *node) list() []*node {
	if n == nil {
		return nil
	}
	return n.items
}

// size is how many values the node has, with itself.
func (n *node) size() int {
	sum := 1
	for _, m := range n.members {
		sum += m.value.size()
	}
	for _, item := range n.items {
		sum += item.size()
	}
	return sum
}

// text is the string that the node is.
func (n *node) text() (string, bool) {
	if !n.isString() {
		return "", false
	}
	s, err := guard.Unquote(n.raw[1 : len(n.raw)-1])
	return s, err == nil
}

func (n *node) find(key string) int {
	const few = 16
	if len(n.members) > few && n.index == nil {
		n.index = make(map[string]int, len(n.members))
		for i := range n.members {
			n.index[n.members[i].key] = i
		}
	}
	if n.index != nil {
		if i, ok := n.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range n.members {
		if n.members[i].key == key {
			return i
		}
	}
	return -1
}

// get is the member of that name, nil if there is none.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	if i := n.find(key); i >= 0 {
		return n.members[i].value
	}
	return nil
}

// add appends a member that is not there yet.
func (n *node) add(m member) {
	if n.index != nil {
		n.index[m.key] = len(n.members)
	}
	n.members = append(n.members, m)
}

// set replaces the value of a keyword where it stands, or appends it.
func (n *node) set(key string, v *node) {
	if i := n.find(key); i >= 0 {
		n.members[i].value = v
		return
	}
	n.add(member{key, []byte(key), v})
}

// without is a copy that lacks a keyword.
func (n *node) without(key string) *node {
	out := &node{kind: n.kind, members: make([]member, 0, len(n.members))}
	for _, m := range n.members {
		if m.key != key {
			out.members = append(out.members, m)
		}
	}
	return out
}

// resolve finds what a reference names, which must be a part of the root.
func (root *node) resolve(ref *node) (*node, bool) {
	text, ok := ref.text()
	if !ok {
		return nil, false
	}
	pointer, ok := strings.CutPrefix(text, "#")
	if !ok {
		return nil, false
	}
	pointer, err := url.PathUnescape(pointer)
	if err != nil {
		return nil, false
	}
	if pointer == "" {
		return root, true
	}
	names := strings.Split(pointer, "/")
	if names[0] != "" {
		return nil, false
	}
	at := root
	for _, name := range names[1:] {
		name = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
		if at.isArray() {
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(at.items) {
				return nil, false
			}
			at = at.items[i]
		} else if at = at.get(name); at == nil {
			return nil, false
		}
	}
	return at, true
}

type parser struct {
	cursor guard.Cursor
	nodes  int
}

// parse reads one value. A key that an object names twice is refused: two readers could take different ones.
func parse(src []byte) (*node, int, error) {
	if len(src) > MaxSize {
		return nil, 0, (*place)(nil).fail(ErrSize)
	}
	if err := guard.Valid(src); err != nil {
		return nil, 0, (*place)(nil).fail(err)
	}
	p := parser{cursor: guard.NewCursor(src)}
	n, err := p.value(nil)
	return n, p.nodes, err
}

// parseSchema reads a schema that is an object.
func parseSchema(src []byte) (*node, error) {
	n, _, err := parse(src)
	if err == nil && !n.isObject() {
		err = (*place)(nil).fail(ErrShape)
	}
	return n, err
}

func (p *parser) value(at *place) (*node, error) {
	if p.nodes++; p.nodes > MaxNodes {
		return nil, at.fail(ErrSize)
	}
	c := &p.cursor
	n := &node{kind: c.Kind()}
	switch n.kind {
	case guard.Object:
		for raw, ok := c.Object(); ok; raw, ok = c.Next() {
			key, err := guard.Unquote(raw)
			if err != nil || n.find(key) >= 0 {
				return nil, at.fail(ErrTwice)
			}
			v, err := p.value(at.to(key))
			if err != nil {
				return nil, err
			}
			n.add(member{key, raw, v})
		}
	case guard.Array:
		for i, ok := 0, c.Array(); ok; i, ok = i+1, c.More() {
			v, err := p.value(at.to(itoa(i)))
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, v)
		}
	default:
		n.raw = c.Raw()
	}
	return n, nil
}

func itoa(i int) string { return strconv.Itoa(i) }

// encode writes the value without white space.
func encode(n *node) ([]byte, error) {
	dst, err := appendNode(nil, n, 1)
	if err != nil {
		return nil, (*place)(nil).fail(err)
	}
	return dst, nil
}

func appendNode(dst []byte, n *node, depth int) ([]byte, error) {
	if len(dst)+len(n.raw) > MaxSize {
		return nil, ErrSize
	}
	var open, shut byte
	switch n.kind {
	case guard.Object:
		open, shut = '{', '}'
	case guard.Array:
		open, shut = '[', ']'
	default:
		return append(dst, n.raw...), nil
	}
	if depth > guard.MaxDepth {
		return nil, guard.ErrDepth
	}
	dst = append(dst, open)
	var err error
	for i, m := range n.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		if len(dst)+len(m.raw) > MaxSize {
			return nil, ErrSize
		}
		dst = append(append(append(dst, '"'), m.raw...), '"', ':')
		if dst, err = appendNode(dst, m.value, depth+1); err != nil {
			return nil, err
		}
	}
	for i, item := range n.items {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendNode(dst, item, depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, shut), nil
}
