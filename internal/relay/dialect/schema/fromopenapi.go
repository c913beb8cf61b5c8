package schema

import (
	"bytes"
	"slices"

	"starlane/internal/relay/guard"
)

// FromOpenAPI turns a schema of Gemini's requests into JSON Schema: types in small letters, a type that may be null, and
// properties in the order asked for. Gemini reads requests as protobuf does, so keywords may be in snake case, and whole
// numbers and the values of a numeric enum may be strings.
func FromOpenAPI(src []byte) ([]byte, error) {
	root, err := parseSchema(src)
	if err != nil {
		return nil, err
	}
	n, err := fromOpenAPI(root, nil)
	if err != nil {
		return nil, err
	}
	return encode(n)
}

func fromOpenAPI(n *node, at *place) (*node, error) {
	if !n.isObject() {
		return n, nil
	}
	out := object()
	for _, m := range n.members {
		if key := camel(m.key); key != m.key {
			if n.find(key) >= 0 {
				return nil, at.to(key).fail(ErrTwice)
			}
			m.key, m.raw = key, []byte(key)
		}
		keep := true
		switch m.key {
		case "nullable", "propertyOrdering":
			keep = false
		case "type":
			m.value, keep = lowered(m.value)
		case "format":
			text, _ := m.value.text()
			keep = text != "enum"
		case "example":
			m = member{"examples", []byte("examples"), array(m.value)}
			keep = n.find("examples") < 0
		case "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties":
			m.value = unquoted(m.value)
		default:
			var err error
			if m.value, err = rewrite(m, at, fromOpenAPI); err != nil {
				return nil, err
			}
		}
		if keep {
			out.add(m)
		}
	}
	if props := out.get("properties"); props.isObject() {
		out.set("properties", object(ordered(props, either(n, "propertyOrdering", "property_ordering"))...))
	}
	numericEnum(out)
	if n.get("nullable").is(guard.True) {
		allowNull(out)
	}
	return out, nil
}

func either(n *node, keys ...string) *node {
	for _, key := range keys {
		if v := n.get(key); v != nil {
			return v
		}
	}
	return nil
}

// camel is the JSON name of a field of Gemini's Schema.
func camel(key string) string {
	switch key {
	case "any_of":
		return "anyOf"
	case "max_items":
		return "maxItems"
	case "max_length":
		return "maxLength"
	case "max_properties":
		return "maxProperties"
	case "min_items":
		return "minItems"
	case "min_length":
		return "minLength"
	case "min_properties":
		return "minProperties"
	case "property_ordering":
		return "propertyOrdering"
	}
	return key
}

// lowered is a type in small letters; false if it says nothing.
func lowered(v *node) (*node, bool) {
	if v.isArray() {
		out := array()
		for _, item := range v.items {
			if low, ok := lowered(item); ok {
				out.items = append(out.items, low)
			}
		}
		return out, len(out.items) > 0
	}
	if !v.isString() {
		return v, !v.is(guard.Null)
	}
	low := &node{kind: v.kind, raw: bytes.ToLower(v.raw)}
	return low, string(low.raw) != `"type_unspecified"`
}

// unquoted is a number that stands as a string.
func unquoted(v *node) *node {
	text, ok := v.text()
	if !ok {
		return v
	}
	c := guard.NewCursor([]byte(text))
	if c.Kind() != guard.Number {
		return v
	}
	if raw := c.Raw(); len(raw) == len(text) {
		return &node{kind: guard.Number, raw: raw}
	}
	return v
}

// numericEnum gives the values of an enum of numbers their type.
func numericEnum(out *node) {
	types, _ := typesOf(out)
	enum := out.get("enum")
	if !enum.isArray() || !slices.Contains(types, "integer") && !slices.Contains(types, "number") || slices.Contains(types, "string") {
		return
	}
	list := array()
	for _, item := range enum.items {
		list.items = append(list.items, unquoted(item))
	}
	out.set("enum", list)
}

// allowNull lets null fit.
func allowNull(out *node) {
	types, typed := typesOf(out)
	if typed && !slices.Contains(types, "null") {
		list := []*node{out.get("type")}
		if list[0].isArray() {
			list = slices.Clone(list[0].items)
		}
		out.set("type", array(append(list, quoted("null"))...))
	}
	if enum := out.get("enum"); enum.isArray() && !slices.ContainsFunc(enum.items, func(n *node) bool { return n.is(guard.Null) }) {
		out.set("enum", array(append(slices.Clone(enum.items), null())...))
	}
	if list := out.get("anyOf"); list.isArray() && !slices.ContainsFunc(list.items, isNull) {
		out.set("anyOf", array(append(slices.Clone(list.items), object(member{"type", []byte("type"), quoted("null")}))...))
	}
}
