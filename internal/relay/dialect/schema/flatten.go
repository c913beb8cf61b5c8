package schema

import (
	"slices"
	"strconv"

	"starlane/internal/relay/guard"
)

// flatten makes one schema out of a schema, what it refers to and the parts of its allOf. The result is new and has only
// keywords that Gemini knows, besides exclusive bounds; its type is a list, its parts are as they came. It is nil if the
// parts leave no value that fits.
func (o *openAPI) flatten(n *node, at *place) (*node, error) {
	switch n.kind {
	case guard.True:
		return object(), nil
	case guard.False:
		return nil, nil
	case guard.Object:
	default:
		return nil, at.fail(ErrShape)
	}
	if o.active[n] > 0 {
		return nil, at.fail(ErrRecursion)
	}
	if err := o.spend(at, 1+len(n.members)); err != nil {
		return nil, err
	}
	if o.chain++; o.chain > guard.MaxDepth {
		return nil, at.fail(guard.ErrDepth)
	}
	o.active[n]++
	defer func() {
		o.active[n]--
		o.chain--
	}()
	o.entered = append(o.entered, n)
	out := object()
	for _, m := range n.members {
		fits, err := true, error(nil)
		switch m.key {
		case "$ref":
			target, ok := o.root.resolve(m.value)
			if !ok {
				return nil, at.to(m.key).fail(ErrReference)
			}
			fits, err = o.join(out, target, at.to(m.key))
		case "allOf":
			if !m.value.isArray() {
				return nil, at.to(m.key).fail(ErrShape)
			}
			for i, part := range m.value.items {
				if fits, err = o.join(out, part, at.to(m.key, itoa(i))); err != nil || !fits {
					break
				}
			}
		default:
			fits, err = o.restrict(out, m, true, at)
		}
		if err != nil || !fits {
			return nil, err
		}
	}
	return out, nil
}

// join adds what another schema asks for; false if then nothing fits.
func (o *openAPI) join(out, n *node, at *place) (bool, error) {
	flat, err := o.flatten(n, at)
	if err != nil || flat == nil {
		return false, err
	}
	for _, m := range flat.members {
		if fits, err := o.restrict(out, m, false, at); err != nil || !fits {
			return false, err
		}
	}
	return true, nil
}

// restrict adds one keyword; false if then nothing fits. own tells that it is the schema's own, not that of a part: what is
// said about the whole is worth more than what is said about a part.
func (o *openAPI) restrict(out *node, m member, own bool, at *place) (bool, error) {
	have := out.get(m.key)
	switch m.key {
	case "title", "description":
		if m.value.isString() && (own || have == nil) {
			out.set(m.key, m.value)
		}
	case "default", "example", "nullable", "propertyOrdering":
		if own || have == nil {
			out.set(m.key, m.value)
		}
	case "type":
		return o.restrictType(out, m, at)
	case "const":
		return o.restrictEnum(out, array(m.value), at)
	case "enum":
		if m.value.isArray() {
			return o.restrictEnum(out, m.value, at)
		}
	case "anyOf", "oneOf":
		o.choice(out, m)
	case "properties":
		return true, o.restrictProperties(out, m.value, at)
	case "required":
		return true, o.require(out, m.value, at)
	case "items":
		switch {
		case m.value.isArray(): // a tuple of the older drafts
			o.changed = true
		case have != nil:
			out.set(m.key, object(member{"allOf", []byte("allOf"), array(have, m.value)}))
		default:
			out.set(m.key, m.value)
		}
	case "minimum", "exclusiveMinimum", "minItems", "minLength", "minProperties":
		o.limit(out, m, true)
	case "maximum", "exclusiveMaximum", "maxItems", "maxLength", "maxProperties":
		o.limit(out, m, false)
	case "format", "pattern":
		switch {
		case !m.value.isString() || have != nil && string(have.raw) != string(m.value.raw):
			o.changed = true
		case have == nil:
			out.add(m)
		}
	case "additionalProperties", "unevaluatedProperties":
		// Gemini writes the properties it is told of, so a closed object loses nothing, and an open one no rule.
		o.changed = o.changed || m.value.isObject() && len(m.value.members) > 0
	case "$defs", "definitions":
	default:
		o.changed = o.changed || !isNote(m.key)
	}
	return true, nil
}

func (o *openAPI) restrictType(out *node, m member, at *place) (bool, error) {
	types, _ := typesOf(object(m))
	if err := o.spend(at, len(types)); err != nil {
		return false, err
	}
	var known []string
	for _, t := range types {
		if isType(t) && !slices.Contains(known, t) {
			known = append(known, t)
		}
	}
	if types = known; len(types) == 0 {
		o.changed = true
		return true, nil
	}
	if have, ok := typesOf(out); ok {
		types = intersect(have, types)
	}
	list := array()
	for _, t := range types {
		list.items = append(list.items, quoted(t))
	}
	out.set(m.key, list)
	return len(types) > 0, nil
}

func isType(t string) bool {
	switch t {
	case "array", "boolean", "integer", "null", "number", "object", "string":
		return true
	}
	return false
}

// intersect is what both lists allow; a whole number is a number.
func intersect(a, b []string) []string {
	var out []string
	for _, t := range a {
		switch {
		case slices.Contains(b, t), t == "integer" && slices.Contains(b, "number"):
			out = append(out, t)
		case t == "number" && slices.Contains(b, "integer") && !slices.Contains(a, "integer"):
			out = append(out, "integer")
		}
	}
	return out
}

func (o *openAPI) restrictEnum(out, list *node, at *place) (bool, error) {
	have := out.get("enum")
	if have == nil {
		out.set("enum", list)
		return len(list.items) > 0, nil
	}
	if err := o.spend(at, len(have.items)+len(list.items)); err != nil {
		return false, err
	}
	allowed := map[string]bool{}
	for _, item := range list.items {
		text, err := encode(item)
		if err != nil {
			return false, err
		}
		allowed[string(text)] = true
	}
	both := array()
	for _, item := range have.items {
		text, err := encode(item)
		if err != nil {
			return false, err
		}
		if allowed[string(text)] {
			both.items = append(both.items, item)
		}
	}
	out.set("enum", both)
	return len(both.items) > 0, nil
}

// choice keeps one list of alternatives. "One and no other" becomes "any", and a second list is dropped: to combine two
// multiplies them.
func (o *openAPI) choice(out *node, m member) {
	o.changed = o.changed || m.key == "oneOf"
	if !m.value.isArray() || len(m.value.items) == 0 || out.get("anyOf") != nil {
		o.changed = true
		return
	}
	out.set("anyOf", m.value)
}

func (o *openAPI) restrictProperties(out, list *node, at *place) error {
	if !list.isObject() {
		return at.to("properties").fail(ErrShape)
	}
	have := out.get("properties")
	if have == nil {
		out.set("properties", list)
		return nil
	}
	if err := o.spend(at, len(have.members)+len(list.members)); err != nil {
		return err
	}
	both := object(slices.Clone(have.members)...)
	for _, m := range list.members {
		if i := both.find(m.key); i >= 0 {
			both.members[i].value = object(member{"allOf", []byte("allOf"), array(both.members[i].value, m.value)})
		} else {
			both.add(m)
		}
	}
	out.set("properties", both)
	return nil
}

func (o *openAPI) require(out, list *node, at *place) error {
	if !list.isArray() {
		o.changed = true
		return nil
	}
	both := array()
	if have := out.get("required"); have != nil {
		both.items = slices.Clone(have.items)
	}
	if err := o.spend(at, len(both.items)+len(list.items)); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, item := range both.items {
		name, _ := item.text()
		seen[name] = true
	}
	for _, item := range list.items {
		if name, ok := item.text(); ok && !seen[name] {
			seen[name] = true
			both.items = append(both.items, item)
		}
	}
	out.set("required", both)
	return nil
}

func (o *openAPI) limit(out *node, m member, lower bool) {
	if !m.value.isNumber() {
		o.changed = true // draft 4 says "exclusive" beside the bound
		return
	}
	if have := out.get(m.key); have != nil {
		m.value = tighter(have, m.value, lower)
	}
	out.set(m.key, m.value)
}

// tighter is the greater of two lower bounds, or the lesser of two upper ones.
func tighter(a, b *node, lower bool) *node {
	x, _ := strconv.ParseFloat(string(a.raw), 64)
	y, _ := strconv.ParseFloat(string(b.raw), 64)
	if lower == (y > x) && x != y {
		return b
	}
	return a
}
