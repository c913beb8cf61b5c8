package schema

import (
	"encoding/json"
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"starlane/internal/relay/guard"
)

// Limits of a check. They hold its time to seconds for a schema and an answer made to be slow; ordinary ones are far below.
const (
	maxChecked  = 5_000       // schemas, references followed; to compile takes the square of it
	maxVisits   = 2_000_000   // schemas times values
	maxMatching = 200_000_000 // instructions of all patterns times bytes of the value
	maxDigits   = 400         // of a number
	maxExponent = 3           // digits of the exponent of a number
)

// Errors of Validate.
var (
	// ErrMismatch says that the value breaks the rule that the error names. All other errors say that it was not checked.
	ErrMismatch = errors.New("the value does not fit the schema")
	ErrCompile  = errors.New("the schema cannot be used to check values")
	ErrCostly   = errors.New("the check would take too long")
)

// Validate checks a value against a schema, without a look at anything but the two. Errors name rules of the schema, never a
// part of the value: not even keys, which may be the model's own words.
//
// References are replaced by what they name before the check, so that its cost is known; a schema that refers to itself is
// not checked.
func Validate(schema, value []byte) error {
	at := (*place)(nil)
	root, _, err := parse(schema)
	if err != nil {
		return err
	}
	v, values, err := parse(value)
	if err != nil {
		return at.fail(errors.Unwrap(err)) // the place would be made of the value's keys
	}
	in := inliner{root: root, active: map[*node]bool{}}
	inlined, err := in.schema(root, at, 1)
	if err != nil {
		return err
	}
	if in.nodes*values > maxVisits {
		return at.fail(ErrCostly)
	}
	rules, err := toAny(inlined)
	if err != nil {
		return err
	}
	instance, err := toAny(v)
	if err != nil {
		return err
	}
	compiled, instructions, err := compile(rules)
	if err != nil {
		return at.fail(err)
	}
	if instructions*len(value) > maxMatching {
		return at.fail(ErrCostly)
	}
	var broken *jsonschema.ValidationError
	if err := compiled.Validate(instance); errors.As(err, &broken) {
		return ruleOf(broken).fail(ErrMismatch)
	} else if err != nil {
		return at.fail(ErrCompile)
	}
	return nil
}

// nowhere is a loader of other schemas that has none.
type nowhere struct{}

func (nowhere) Load(string) (any, error) { return nil, ErrReference }

// compile also counts the instructions of the patterns. What the library says in errors is not passed on, for it quotes.
func compile(rules any) (*jsonschema.Schema, int, error) {
	const url = "schema:///root"
	instructions := 0
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(nowhere{})
	c.UseRegexpEngine(func(pattern string) (jsonschema.Regexp, error) {
		parsed, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			return nil, ErrCompile
		}
		program, err := syntax.Compile(parsed.Simplify())
		if err != nil {
			return nil, ErrCompile
		}
		instructions += len(program.Inst)
		return regexp.Compile(pattern)
	})
	if c.AddResource(url, rules) != nil {
		return nil, 0, ErrCompile
	}
	compiled, err := c.Compile(url)
	if err != nil {
		return nil, 0, ErrCompile
	}
	return compiled, instructions, nil
}

// ruleOf is the rule that was broken, the first by name if there are several.
func ruleOf(e *jsonschema.ValidationError) *place {
	first := ""
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		for _, cause := range e.Causes {
			walk(cause)
		}
		if len(e.Causes) > 0 {
			return
		}
		_, path, _ := strings.Cut(e.SchemaURL, "#")
		for _, name := range e.ErrorKind.KeywordPath() {
			path += "/" + name
		}
		if first == "" || path < first {
			first = path
		}
	}
	walk(e)
	at := (*place)(nil)
	for _, name := range strings.Split(first, "/")[1:] {
		at = at.to(name)
	}
	return at
}

// inliner replaces references by what they name.
type inliner struct {
	root           *node
	active         map[*node]bool
	schemas, nodes int
}

func (in *inliner) schema(n *node, at *place, depth int) (*node, error) {
	if !n.isObject() {
		in.nodes++
		return n, nil
	}
	in.schemas++
	switch {
	case in.active[n]:
		return nil, at.fail(ErrRecursion)
	case depth > guard.MaxDepth:
		return nil, at.fail(guard.ErrDepth)
	case in.schemas > maxChecked:
		return nil, at.fail(ErrSize)
	}
	in.active[n] = true
	defer delete(in.active, n)
	out := object()
	var target *node
	for _, m := range n.members {
		switch m.key {
		case "$anchor", "$defs", "$dynamicAnchor", "$id", "$recursiveAnchor", "$vocabulary", "definitions", "id":
			continue // nothing refers to them any more
		case "$schema":
			if n != in.root {
				continue
			}
		case "$dynamicRef", "$recursiveRef":
			return nil, at.to(m.key).fail(ErrReference)
		case "$ref":
			found, ok := in.root.resolve(m.value)
			if !ok {
				return nil, at.to(m.key).fail(ErrReference)
			}
			var err error
			if target, err = in.schema(found, at.to(m.key), depth+1); err != nil {
				return nil, err
			}
			continue
		}
		v, err := rewrite(m, at, func(n *node, at *place) (*node, error) { return in.schema(n, at, depth+1) })
		if err != nil {
			return nil, err
		}
		if in.nodes++; holds(m.key) == other {
			in.nodes += v.size()
		}
		if in.nodes > MaxNodes {
			return nil, at.fail(ErrSize)
		}
		out.add(member{m.key, m.raw, v})
	}
	if target != nil {
		out.set("allOf", array(append(slices.Clone(out.get("allOf").list()), target)...))
	}
	return out, nil
}

// toAny is the value as the library takes it.
func toAny(n *node) (any, error) {
	switch n.kind {
	case guard.Object:
		out := make(map[string]any, len(n.members))
		for _, m := range n.members {
			v, err := toAny(m.value)
			if err != nil {
				return nil, err
			}
			out[m.key] = v
		}
		return out, nil
	case guard.Array:
		out := make([]any, 0, len(n.items))
		for _, item := range n.items {
			v, err := toAny(item)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	case guard.String:
		text, _ := n.text()
		return text, nil
	case guard.True, guard.False:
		return n.kind == guard.True, nil
	case guard.Null:
		return nil, nil
	default:
		return number(n)
	}
}

// number refuses what is long or has a large exponent: the library computes exactly, with all the digits.
func number(n *node) (any, error) {
	_, exponent, _ := strings.Cut(strings.ToLower(string(n.raw)), "e")
	if len(n.raw) > maxDigits || len(strings.TrimLeft(exponent, "+-0")) > maxExponent {
		return nil, (*place)(nil).fail(ErrCostly)
	}
	return json.Number(n.raw), nil
}
