// Package schema turns a JSON Schema written for one vendor into what another accepts. The order of keys and the digits of
// numbers stay as they came: both decide what an upstream finds in its prompt cache, and in which order a model writes.
package schema

import (
	"errors"
	"strings"
	"unicode"

	"starlane/internal/relay/guard"
)

// Limits of a schema, as it comes and as it goes.
const (
	MaxSize  = 1 << 20 // bytes
	MaxNodes = 50_000  // values
	maxWork  = 200_000 // members read while references are followed, so that a small schema cannot cost much
)

// Errors. They are wrapped with the place, which holds names of the schema and never a value.
var (
	ErrSize      = errors.New("the schema is too large")
	ErrShape     = errors.New("not a schema")
	ErrTwice     = errors.New("a key is named twice")
	ErrUntyped   = errors.New("no type is given")
	ErrReference = errors.New("not a reference to a part of this schema")
	ErrRecursion = errors.New("the schema refers to itself")
	ErrNever     = errors.New("nothing can fit the schema")
)

// place is where a value stands. It is a chain because a path as text, made for every value, would cost more than the walk.
type place struct {
	up   *place
	name string
}

func (p *place) to(names ...string) *place {
	for _, name := range names {
		p = &place{p, name}
	}
	return p
}

type placedError struct {
	at  *place
	err error
}

func (p *place) fail(err error) error { return &placedError{p, err} }
func (e *placedError) Error() string  { return e.at.String() + ": " + e.err.Error() }
func (e *placedError) Unwrap() error  { return e.err }

// String is a JSON pointer as a fragment, with long names cut.
func (p *place) String() string {
	const longest = 40
	var names []string
	for ; p != nil; p = p.up {
		names = append(names, p.name)
	}
	var b strings.Builder
	b.WriteByte('#')
	for i := len(names) - 1; i >= max(0, len(names)-guard.MaxDepth); i-- {
		b.WriteByte('/')
		n := 0
		for _, r := range names[i] {
			if n++; n > longest {
				b.WriteString("…")
				break
			}
			switch {
			case r == '~':
				b.WriteString("~0")
			case r == '/':
				b.WriteString("~1")
			case unicode.IsPrint(r):
				b.WriteRune(r)
			default:
				b.WriteByte('?')
			}
		}
	}
	return b.String()
}

// inside says what a keyword holds.
type inside uint8

const (
	other  inside = iota
	one           // a schema, or for items a list of them
	listed        // an array of schemas
	named         // an object whose members are schemas
)

func holds(key string) inside {
	switch key {
	case "additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not",
		"propertyNames", "then", "unevaluatedItems", "unevaluatedProperties":
		return one
	case "allOf", "anyOf", "oneOf", "prefixItems":
		return listed
	case "$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties":
		return named
	}
	return other
}

// rewrite is the value of a keyword with every schema in it replaced.
func rewrite(m member, at *place, schema func(*node, *place) (*node, error)) (*node, error) {
	kind := holds(m.key)
	at = at.to(m.key)
	switch {
	case kind == one && !m.value.isArray():
		return schema(m.value, at)
	case (kind == one || kind == listed) && m.value.isArray():
		return mapItems(m.value, at, schema)
	case kind == named && m.value.isObject():
		return mapMembers(m.value, at, schema)
	}
	return m.value, nil
}

func mapItems(list *node, at *place, schema func(*node, *place) (*node, error)) (*node, error) {
	out := array()
	for i, item := range list.items {
		sub, err := schema(item, at.to(itoa(i)))
		if err != nil {
			return nil, err
		}
		out.items = append(out.items, sub)
	}
	return out, nil
}

func mapMembers(list *node, at *place, schema func(*node, *place) (*node, error)) (*node, error) {
	out := object()
	for _, m := range list.members {
		sub, err := schema(m.value, at.to(m.key))
		if err != nil {
			return nil, err
		}
		out.add(member{m.key, m.raw, sub})
	}
	return out, nil
}

// typesOf reads the keyword type in any letters; ok is false if it is not there or not a type.
func typesOf(schema *node) (types []string, ok bool) {
	v := schema.get("type")
	if v == nil {
		return nil, false
	}
	list := []*node{v}
	if v.isArray() {
		list = v.items
	}
	for _, item := range list {
		text, ok := item.text()
		if !ok {
			return nil, false
		}
		types = append(types, strings.ToLower(text))
	}
	return types, len(types) > 0
}
