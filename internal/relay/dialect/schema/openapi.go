package schema

import (
	"slices"
	"strconv"
	"strings"

	"starlane/internal/relay/guard"
)

// OpenAPI turns a schema into the OpenAPI subset of Gemini's endpoints that take no JSON Schema: references are replaced by
// what they name, and only keywords of Gemini's Schema are left. changed tells that a rule was dropped or made wider, or that
// a value will come as a string.
//
// Beyond the keywords those endpoints ask for a type everywhere, for nothing beside anyOf, for keywords that fit the type,
// and for items in an array; they order properties by propertyOrdering alone.
func OpenAPI(src []byte) (out []byte, changed bool, err error) {
	root, err := parseSchema(src)
	if err != nil {
		return nil, false, err
	}
	o := openAPI{root: root, active: map[*node]int{}}
	n, err := o.schema(root, nil, 1)
	if err == nil && n == nil {
		err = (*place)(nil).fail(ErrNever)
	}
	if err != nil {
		return nil, false, err
	}
	out, err = encode(n)
	return out, o.changed && err == nil, err
}

type openAPI struct {
	root    *node
	active  map[*node]int // schemas that are being written or flattened; to meet one again is recursion
	entered []*node       // what flatten went through, while its parts are written
	chain   int           // references and parts that flatten is in
	work    int
	changed bool
}

func (o *openAPI) spend(at *place, n int) error {
	if o.work += n; o.work > maxWork {
		return at.fail(ErrSize)
	}
	return nil
}

// schema writes a schema; nil if no value can fit it.
func (o *openAPI) schema(n *node, at *place, depth int) (*node, error) {
	if depth > guard.MaxDepth {
		return nil, at.fail(guard.ErrDepth)
	}
	mark := len(o.entered)
	flat, err := o.flatten(n, at)
	if err != nil {
		return nil, err
	}
	for _, n := range o.entered[mark:] {
		o.active[n]++
	}
	defer func() {
		for _, n := range o.entered[mark:] {
			o.active[n]--
		}
		o.entered = o.entered[:mark]
	}()
	if flat == nil {
		return nil, nil
	}
	if list := flat.get("anyOf"); list != nil {
		return o.union(list.items, flat.without("anyOf"), at.to("anyOf"), depth)
	}
	nullable := flat.get("nullable").is(guard.True)
	types, typed := typesOf(flat)
	if typed && slices.Contains(types, "null") {
		types = slices.DeleteFunc(types, func(t string) bool { return t == "null" })
		nullable = nullable || flat.get("enum") == nil
	}
	if slices.Contains(types, "number") {
		types = slices.DeleteFunc(types, func(t string) bool { return t == "integer" })
	}
	if err := o.spend(at, len(flat.get("enum").list())+len(flat.get("required").list())+len(flat.get("propertyOrdering").list())); err != nil {
		return nil, err
	}
	enum, hasNull := o.enum(flat, types)
	nullable = nullable || hasNull
	switch {
	case len(enum) > 0:
		return o.leaf(flat, "string", nullable, enum, at, depth)
	case len(types) > 1:
		rest := flat.without("type")
		if nullable {
			rest.set("nullable", boolean(true))
		}
		var list []*node
		for _, t := range types {
			list = append(list, object(member{"type", []byte("type"), quoted(t)}))
		}
		return o.union(list, rest, at, depth)
	case len(types) == 1:
		return o.leaf(flat, types[0], nullable, nil, at, depth)
	case typed || hasNull:
		return o.leaf(flat, "null", false, nil, at, depth)
	}
	return o.leaf(flat, o.guess(flat), nullable, nil, at, depth)
}

// guess is the type of a schema that has none: the one that its rules are about, else text, which can hold anything.
func (o *openAPI) guess(flat *node) string {
	for _, m := range flat.members {
		switch m.key {
		case "properties", "required", "minProperties", "maxProperties":
			return "object"
		case "items", "minItems", "maxItems":
			return "array"
		case "minLength", "maxLength", "pattern", "format":
			return "string"
		case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
			return "number"
		}
	}
	o.changed = true
	return "string"
}

// union writes alternatives, each with what stood beside them, because nothing may.
func (o *openAPI) union(variants []*node, rest *node, at *place, depth int) (*node, error) {
	if err := o.spend(at, len(variants)); err != nil {
		return nil, err
	}
	types, typed := typesOf(rest)
	nullable := rest.get("nullable").is(guard.True)
	out := array()
	for i, v := range variants {
		if isNull(v) {
			nullable = nullable || !typed || slices.Contains(types, "null")
			continue
		}
		if len(rest.members) > 0 {
			v = object(member{"allOf", []byte("allOf"), array(v, rest)})
		}
		sub, err := o.schema(v, at.to(itoa(i)), depth+2)
		if err != nil {
			return nil, err
		}
		switch text, _ := sub.get("type").text(); {
		case sub == nil:
		case text == "NULL":
			nullable = true
		default:
			out.items = append(out.items, sub)
		}
	}
	switch len(out.items) {
	case 0:
		if !nullable {
			return nil, nil
		}
		return o.leaf(rest.without("type"), "null", false, nil, at, depth)
	case 1:
		return withNull(out.items[0], nullable), nil
	}
	for i, sub := range out.items {
		out.items[i] = withNull(sub, nullable)
	}
	return object(member{"anyOf", []byte("anyOf"), out}), nil
}

// isNull tells whether only null fits.
func isNull(n *node) bool {
	if !n.isObject() {
		return false
	}
	types, _ := typesOf(n)
	return n.get("const").is(guard.Null) || len(types) == 1 && types[0] == "null"
}

// withNull lets null fit what was written, which is changed.
func withNull(n *node, nullable bool) *node {
	if !nullable || n.get("nullable") != nil {
		return n
	}
	if list := n.get("anyOf"); list != nil {
		for _, sub := range list.items {
			withNull(sub, true)
		}
		return n
	}
	i := n.find("type") + 1
	n.members = slices.Insert(n.members, i, member{"nullable", []byte("nullable"), boolean(true)})
	n.index = nil
	return n
}

// enum is the list of values as strings, which is all that Gemini takes.
func (o *openAPI) enum(flat *node, types []string) (list []*node, hasNull bool) {
	v := flat.get("enum")
	if v == nil {
		return nil, false
	}
	declared, typed := typesOf(flat)
	seen := map[string]bool{}
	for _, item := range v.items {
		switch {
		case item.is(guard.Null):
			hasNull = hasNull || !typed || slices.Contains(declared, "null")
			continue
		case item.isObject(), item.isArray(), string(item.raw) == `""`:
			o.changed = true // no string can stand for these, and the empty one is refused
			continue
		case !item.isString():
			o.changed = true
			item = quoted(string(item.raw))
		}
		if !seen[string(item.raw)] {
			seen[string(item.raw)] = true
			list = append(list, item)
		}
	}
	o.changed = o.changed || len(list) == 0 || len(types) > 0 && !slices.Contains(types, "string")
	return list, hasNull
}

// leaf writes a schema of one type.
func (o *openAPI) leaf(flat *node, typ string, nullable bool, enum []*node, at *place, depth int) (*node, error) {
	o.bound(flat, "minimum", "exclusiveMinimum", typ, 1)
	o.bound(flat, "maximum", "exclusiveMaximum", typ, -1)
	out := object()
	writeType := func() {
		out.set("type", quoted(strings.ToUpper(typ)))
		if nullable {
			out.set("nullable", boolean(true))
		}
	}
	if flat.get("type") == nil {
		writeType()
	}
	for _, m := range flat.members {
		if !keyword(m.key, typ) {
			continue
		}
		switch m.key {
		case "type":
			writeType()
		case "enum":
			if enum != nil {
				out.set("enum", array(enum...))
			}
		case "format":
			if text, _ := m.value.text(); geminiFormat(text, typ) {
				out.add(m)
			} else {
				o.changed = true
			}
		case "properties":
			if err := o.properties(out, m.value, flat, at.to(m.key), depth); err != nil {
				return nil, err
			}
		case "required":
			out.set(m.key, m.value) // its place; what of it stays is known with the properties
		case "items":
			sub, err := o.schema(m.value, at.to(m.key), depth+1)
			if err != nil {
				return nil, err
			}
			if sub != nil {
				out.set("items", sub)
			}
		default:
			out.add(m)
		}
	}
	o.required(out)
	if typ == "array" && out.get("items") == nil {
		o.changed = true
		out.set("items", object(member{"type", []byte("type"), quoted("STRING")}))
	}
	return out, nil
}

// properties writes them and their order: the one asked for, then as they stand.
func (o *openAPI) properties(out, list, flat *node, at *place, depth int) error {
	props := object()
	for _, m := range list.members {
		sub, err := o.schema(m.value, at.to(m.key), depth+2)
		if err != nil {
			return err
		}
		if sub == nil {
			o.changed = true
			continue
		}
		props.add(member{m.key, m.raw, sub})
	}
	out.set("properties", props)
	if len(props.members) > 1 {
		out.set("propertyOrdering", array(names(ordered(props, flat.get("propertyOrdering")))...))
	}
	return nil
}

// ordered is the members in the order of a list of names; those it does not name come last.
func ordered(props, order *node) []member {
	var out []member
	done := map[string]bool{}
	take := func(key string) {
		if i := props.find(key); i >= 0 && !done[key] {
			done[key] = true
			out = append(out, props.members[i])
		}
	}
	for _, item := range order.list() {
		if key, ok := item.text(); ok {
			take(key)
		}
	}
	for _, m := range props.members {
		take(m.key)
	}
	return out
}

func names(list []member) []*node {
	var out []*node
	for _, m := range list {
		out = append(out, quoted(string(m.raw)))
	}
	return out
}

// required keeps the names that are properties; Gemini refuses others.
func (o *openAPI) required(out *node) {
	list := out.get("required")
	if list == nil {
		return
	}
	props, kept := out.get("properties"), array()
	for _, item := range list.items {
		if name, _ := item.text(); props != nil && props.find(name) >= 0 {
			kept.items = append(kept.items, item)
		}
	}
	o.changed = o.changed || len(kept.items) < len(list.items)
	if len(kept.items) == 0 {
		*out = *out.without("required")
		return
	}
	out.set("required", kept)
}

// bound turns an exclusive bound into an inclusive one, which is exact for whole numbers only.
func (o *openAPI) bound(flat *node, inclusive, exclusive, typ string, step int64) {
	v := flat.get(exclusive)
	if v == nil {
		return
	}
	defer func() { *flat = *flat.without(exclusive) }()
	if typ != "integer" && typ != "number" {
		return
	}
	if i, err := strconv.ParseInt(string(v.raw), 10, 53); typ == "integer" && err == nil {
		v = &node{kind: guard.Number, raw: strconv.AppendInt(nil, i+step, 10)}
	} else {
		o.changed = true
	}
	if have := flat.get(inclusive); have != nil {
		flat.set(inclusive, tighter(have, v, step > 0))
		return
	}
	flat.members[flat.find(exclusive)] = member{inclusive, []byte(inclusive), v}
	flat.index = nil
}

// keyword tells whether a keyword may stand with a type.
func keyword(key, typ string) bool {
	switch key {
	case "type", "title", "description", "default", "example":
		return true
	case "properties", "required", "minProperties", "maxProperties":
		return typ == "object"
	case "items", "minItems", "maxItems":
		return typ == "array"
	case "minLength", "maxLength", "pattern", "enum":
		return typ == "string"
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		return typ == "number" || typ == "integer"
	case "format":
		return typ == "string" || typ == "number" || typ == "integer"
	}
	return false
}

func geminiFormat(format, typ string) bool {
	switch format {
	case "date-time", "enum":
		return typ == "string"
	case "float", "double":
		return typ == "number"
	case "int32", "int64":
		return typ == "integer"
	}
	return false
}
