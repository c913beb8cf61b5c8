package schema

import (
	"bytes"
	"slices"

	"starlane/internal/relay/guard"
)

// Anthropic turns a schema into the subset that Anthropic enforces, as the SDKs of Anthropic do: what the subset lacks is
// told to the model in the description. changed tells that the result no longer says by rules all that src says, so that
// the client is owed a note and the answer a check.
//
// It departs from the SDKs where those lose the schema: a root that is a reference is replaced by what it names, because its
// definitions would go; definitions of older drafts are kept; and a type that is one of several keeps the rules of each.
func Anthropic(src []byte) (out []byte, changed bool, err error) {
	root, err := parseSchema(src)
	if err != nil {
		return nil, false, err
	}
	var t anthropic
	if root, err = t.enterRoot(root); err != nil {
		return nil, false, err
	}
	n, err := t.schema(root, nil)
	if err != nil {
		return nil, false, err
	}
	out, err = encode(n)
	return out, t.changed && err == nil, err
}

type anthropic struct{ changed bool }

// enterRoot puts what the root refers to in its place.
func (t *anthropic) enterRoot(root *node) (*node, error) {
	at := (*place)(nil).to("$ref")
	seen := map[*node]bool{root: true}
	from := root
	for from.get("$ref") != nil {
		t.siblings(from)
		target, ok := root.resolve(from.get("$ref"))
		switch {
		case !ok:
			return nil, at.fail(ErrReference)
		case seen[target]:
			return nil, at.fail(ErrRecursion)
		case !target.isObject():
			return nil, at.fail(ErrUntyped)
		}
		seen[target], from = true, target
	}
	if from == root {
		return root, nil
	}
	out := object(slices.Clone(from.members)...)
	for _, key := range []string{"$defs", "definitions"} {
		if defs := root.get(key); defs != nil {
			out.set(key, defs)
		}
	}
	return out, nil
}

// siblings notes the rules that stand beside a reference, where they cannot stay.
func (t *anthropic) siblings(n *node) {
	for _, m := range n.members {
		if !isNote(m.key) && m.key != "$ref" && m.key != "$defs" && m.key != "definitions" {
			t.changed = true
		}
	}
}

// isNote tells whether a keyword only annotates: no answer is wrong for it.
func isNote(key string) bool {
	switch key {
	case "$anchor", "$comment", "$id", "$schema", "default", "deprecated", "description", "example", "examples", "readOnly",
		"title", "writeOnly":
		return true
	}
	return false
}

func (t *anthropic) schema(n *node, at *place) (*node, error) {
	if !n.isObject() {
		return nil, at.fail(ErrUntyped)
	}
	if ref := n.get("$ref"); ref != nil {
		t.siblings(n)
		return object(member{"$ref", []byte("$ref"), ref}), nil
	}
	w := anthropicNode{t: t, at: at, out: object(), choice: choiceOf(n)}
	var ok bool
	if w.types, ok = typesOf(n); !ok {
		if inferred := inferType(n); inferred != "" {
			w.types = []string{inferred}
			w.out.set("type", quoted(inferred))
		} else if w.choice == "" && n.get("enum") == nil && n.get("const") == nil {
			return nil, at.fail(ErrUntyped)
		}
	}
	for _, m := range n.members {
		if err := w.member(m); err != nil {
			return nil, err
		}
	}
	if w.has("object") {
		if w.out.get("properties") == nil {
			w.out.set("properties", object())
		}
		w.out.set("additionalProperties", boolean(false))
	}
	return w.out, w.describe(n.get("description"))
}

// choiceOf is the keyword whose alternatives are kept: one can be, and only if each says of itself what it is.
func choiceOf(n *node) string {
	for _, key := range []string{"anyOf", "oneOf", "allOf"} {
		if list := n.get(key); list.isArray() && len(list.items) > 0 && !slices.ContainsFunc(list.items, shapeless) {
			return key
		}
	}
	return ""
}

func shapeless(n *node) bool {
	return !n.isObject() || !slices.ContainsFunc(n.members, func(m member) bool {
		switch m.key {
		case "$ref", "allOf", "anyOf", "const", "enum", "oneOf", "type":
			return true
		}
		return false
	}) && inferType(n) == ""
}

// inferType is the type that the other keywords are about.
func inferType(n *node) string {
	switch {
	case n.get("properties").isObject():
		return "object"
	case n.get("items") != nil || n.get("prefixItems") != nil:
		return "array"
	}
	return ""
}

type anthropicNode struct {
	t      *anthropic
	at     *place
	out    *node
	types  []string
	choice string
	moved  []member
}

func (w *anthropicNode) has(typ string) bool { return slices.Contains(w.types, typ) }

func (w *anthropicNode) member(m member) (err error) {
	keep := false
	switch m.key {
	case "$anchor", "$comment", "$id", "$schema":
		return nil // names for other schemas and remarks for readers; nothing for a model
	case "description":
		keep = m.value.isString()
		if !keep {
			return nil
		}
	case "type", "title", "const", "enum":
		keep = true
	case "$defs", "definitions":
		if !m.value.isObject() {
			return nil
		}
		m.value, err = mapMembers(m.value, w.at.to(m.key), w.t.schema)
		keep = true
	case "anyOf", "oneOf", "allOf":
		if keep = m.key == w.choice; keep {
			m, err = w.alternatives(m)
		}
	case "properties":
		if keep = w.has("object") && m.value.isObject(); keep {
			m.value, err = mapMembers(m.value, w.at.to(m.key), w.t.schema)
		}
	case "additionalProperties":
		if keep = w.has("object"); keep {
			w.t.changed = w.t.changed || !m.value.is(guard.False)
			m.value = boolean(false)
		}
	case "required":
		keep = w.has("object")
	case "format":
		format, _ := m.value.text()
		keep = w.has("string") && anthropicFormat(format)
	case "items":
		if keep = w.has("array") && m.value.isObject(); keep {
			m.value, err = w.t.schema(m.value, w.at.to(m.key))
		}
	case "minItems":
		keep = w.has("array") && (string(m.value.raw) == "0" || string(m.value.raw) == "1")
	}
	if !keep {
		w.moved = append(w.moved, m)
		return nil
	}
	if err == nil {
		w.out.add(m)
	}
	return err
}

func (w *anthropicNode) alternatives(m member) (member, error) {
	list, err := mapItems(m.value, w.at.to(m.key), w.t.schema)
	if m.key == "anyOf" {
		return member{m.key, m.raw, list}, err
	}
	// "One and no other" cannot be said, nor that a closed object is only a part of what is meant.
	w.t.changed = true
	if m.key == "oneOf" {
		return member{"anyOf", []byte("anyOf"), list}, err
	}
	return member{m.key, m.raw, list}, err
}

// describe tells the model in words what moved.
func (w *anthropicNode) describe(given *node) error {
	if len(w.moved) == 0 {
		return nil
	}
	var words []byte
	for i, m := range w.moved {
		if i > 0 {
			words = append(words, ", "...)
		}
		words = append(append(words, m.raw...), ": "...)
		text, err := encode(m.value)
		if err != nil {
			return err
		}
		words = append(words, text...)
		w.t.changed = w.t.changed || !isNote(m.key)
	}
	text := []byte{'"'}
	if given.isString() && len(given.raw) > 2 {
		text = append(append(text, given.raw[1:len(given.raw)-1]...), `\n\n`...)
	}
	// The words are JSON without white space, so that quotes and backslashes are all there is to escape.
	words = bytes.ReplaceAll(words, []byte(`\`), []byte(`\\`))
	words = bytes.ReplaceAll(words, []byte(`"`), []byte(`\"`))
	text = append(append(append(text, '{'), words...), '}', '"')
	w.out.set("description", &node{kind: guard.String, raw: text})
	return nil
}

func anthropicFormat(format string) bool {
	switch format {
	case "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid":
		return true
	}
	return false
}
