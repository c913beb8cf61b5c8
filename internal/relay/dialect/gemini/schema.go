package gemini

import (
	"slices"
	"strconv"
	"strings"

	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// jsonSchema reads a schema in the API's own words, a subset of OpenAPI's with types in capitals, and gives the JSON Schema that
// says the same. What is JSON Schema already stays as it is.
func jsonSchema(c *guard.Cursor) llm.Raw {
	var b wire.Builder
	writeSchema(&b, c)
	return b.B
}

func writeSchema(b *wire.Builder, c *guard.Cursor) {
	if c.Kind() != guard.Object {
		b.Raw(c.Raw())
		return
	}
	nullable, order := foresee(*c)
	b.Open('{')
	object(c, func(k string) {
		switch name := camel(k); name {
		case "nullable", "propertyOrdering", "example":
			c.Skip()
		case "type":
			writeType(b, c, nullable)
		case "items":
			b.Key(name)
			writeSchema(b, c)
		case "anyOf":
			b.Key(name)
			b.Open('[')
			each(c, func() { writeSchema(b, c) })
			b.Close(']')
		case "properties":
			b.Key(name)
			writeProperties(b, c, order)
		case "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties":
			b.Key(name)
			raw := c.Raw()
			if inner := strings.Trim(string(raw), `"`); len(inner) < len(raw) { // so the API writes whole numbers
				if n, err := strconv.ParseInt(inner, 10, 64); err == nil {
					b.Int(n)
					return
				}
			}
			b.Raw(raw)
		default:
			b.Key(k)
			b.Raw(c.Raw())
		}
	})
	b.Close('}')
}

// foresee reads what says something about members that may stand before it.
func foresee(c guard.Cursor) (nullable bool, order []string) {
	object(&c, func(k string) {
		switch camel(k) {
		case "nullable":
			nullable = isTrue(&c)
		case "propertyOrdering":
			each(&c, func() { order = append(order, string(text(&c))) })
		default:
			c.Skip()
		}
	})
	return nullable, order
}

func writeType(b *wire.Builder, c *guard.Cursor, nullable bool) {
	if c.Kind() != guard.String {
		b.Key("type")
		b.Raw(c.Raw())
		return
	}
	name := strings.ToLower(string(text(c)))
	switch {
	case name == "type_unspecified":
	case nullable && name != "null":
		b.Key("type")
		b.Open('[')
		b.String(name)
		b.String("null")
		b.Close(']')
	default:
		b.Key("type")
		b.String(name)
	}
}

// writeProperties writes properties in the order that is asked for, and behind them the rest as they came.
func writeProperties(b *wire.Builder, c *guard.Cursor, order []string) {
	type property struct {
		name  string
		value guard.Cursor
	}
	var all []property
	object(c, func(k string) {
		all = append(all, property{k, *c})
		c.Skip()
	})
	place := func(p property) int {
		if i := slices.Index(order, p.name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(all, func(x, y property) int { return place(x) - place(y) })
	b.Open('{')
	for i := range all {
		b.Key(all[i].name) // as it stood between its quotes
		writeSchema(b, &all[i].value)
	}
	b.Close('}')
}
