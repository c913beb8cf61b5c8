package schema

import (
	"slices"
	"strings"

	"starlane/internal/relay/guard"
)

// Limits of strict schemas at OpenAI.
const (
	strictProperties = 5000
	strictDepth      = 10
	strictValues     = 1000    // of all enums
	strictText       = 120_000 // bytes of names and values
)

// OpenAIStrict tells whether OpenAI takes a schema with strict:true: it is an object, every object is closed and requires all
// of its properties, and only supported keywords are used. In doubt it says no, because the schema is then still sent, as a
// wish, where a wrong yes would fail the call.
func OpenAIStrict(src []byte) bool {
	root, err := parseSchema(src)
	if err != nil {
		return false
	}
	s := strict{root: root}
	text, _ := root.get("type").text()
	return text == "object" && root.get("anyOf") == nil && s.schema(root, 1) &&
		s.properties <= strictProperties && s.values <= strictValues && s.text <= strictText
}

type strict struct {
	root                     *node
	properties, values, text int
}

// schema checks a schema that is inside depth objects, itself included if it is one.
func (s *strict) schema(n *node, depth int) bool {
	if !n.isObject() {
		return false
	}
	if ref := n.get("$ref"); ref != nil {
		target, ok := s.root.resolve(ref)
		return ok && target.isObject() && len(n.members) == 1
	}
	types, typed := typesOf(n)
	if !typed && n.get("anyOf") == nil || slices.ContainsFunc(types, func(t string) bool { return !isType(t) }) {
		return false
	}
	if slices.Contains(types, "object") && (depth > strictDepth || !s.closed(n)) || slices.Contains(types, "array") && n.get("items") == nil {
		return false
	}
	for _, m := range n.members {
		if !s.member(m, depth) {
			return false
		}
	}
	return true
}

func (s *strict) member(m member, depth int) bool {
	switch m.key {
	case "$schema", "title", "description", "type", "required", "additionalProperties", "minimum", "maximum", "exclusiveMinimum",
		"exclusiveMaximum", "multipleOf", "minItems", "maxItems":
		return true
	case "properties":
		s.properties += len(m.value.members)
		return s.all(m.value, depth+1)
	case "$defs", "definitions":
		return s.all(m.value, 1)
	case "items":
		return s.schema(m.value, depth)
	case "anyOf":
		return len(m.value.items) > 0 && !slices.ContainsFunc(m.value.items, func(n *node) bool { return !s.schema(n, depth) })
	case "const":
		s.text += len(m.value.raw)
		return true
	case "enum":
		s.values += len(m.value.items)
		for _, v := range m.value.items {
			s.text += len(v.raw)
		}
		return len(m.value.items) > 0
	case "format":
		text, _ := m.value.text()
		return text != "uri" && anthropicFormat(text) // but for this one the lists are the same
	case "pattern":
		text, ok := m.value.text()
		return ok && !strings.Contains(text, "(?=") && !strings.Contains(text, "(?!") && !strings.Contains(text, "(?<")
	}
	return false
}

func (s *strict) all(list *node, depth int) bool {
	if !list.isObject() {
		return false
	}
	for _, m := range list.members {
		s.text += len(m.raw)
		if !s.schema(m.value, depth) {
			return false
		}
	}
	return true
}

// closed tells whether an object has no properties but the required ones.
func (s *strict) closed(n *node) bool {
	props := n.get("properties")
	if !props.isObject() || !n.get("additionalProperties").is(guard.False) {
		return false
	}
	named := map[string]bool{}
	for _, item := range n.get("required").list() {
		name, ok := item.text()
		if !ok || named[name] || props.find(name) < 0 {
			return false
		}
		named[name] = true
	}
	return len(named) == len(props.members)
}
