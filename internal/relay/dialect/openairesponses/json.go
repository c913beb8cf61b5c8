package openairesponses

import (
	"fmt"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// object calls visit for each member of an object; visit reads the value.
func object(c *guard.Cursor, visit func(key string)) {
	if c.Kind() != guard.Object {
		c.Skip()
		return
	}
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		visit(string(k))
	}
}

// list calls visit for each element of a list; visit reads it.
func list(c *guard.Cursor, visit func()) {
	if c.Kind() != guard.Array {
		c.Skip()
		return
	}
	for ok := c.Array(); ok; ok = c.More() {
		visit()
	}
}

// typeOf reads the member type of an object.
func typeOf(c *guard.Cursor) (kind string) {
	object(c, func(k string) {
		if k == "type" {
			kind = string(text(c))
			return
		}
		c.Skip()
	})
	return kind
}

func text(c *guard.Cursor) llm.Text {
	if c.Kind() != guard.String {
		c.Skip()
		return nil
	}
	t, _ := c.Text()
	return t
}

func number(c *guard.Cursor) llm.Raw {
	if c.Kind() != guard.Number {
		c.Skip()
		return nil
	}
	return llm.Raw(c.Raw())
}

func tri(c *guard.Cursor) llm.Tri {
	kind := c.Kind()
	c.Skip()
	switch kind {
	case guard.True:
		return llm.Yes
	case guard.False:
		return llm.No
	default:
		return llm.Unsaid
	}
}

func (d *parsing) fail(param, format string, args ...any) {
	if d.err == nil {
		d.err = apperr.New(apperr.InvalidRequest, format, args...).WithParam(param)
	}
}

// each calls visit for each element of a list, with its place; visit reads it.
func (d *parsing) each(c *guard.Cursor, name string, visit func(at string, c *guard.Cursor)) {
	switch c.Kind() {
	case guard.Array:
		i := 0
		for ok := c.Array(); ok; ok = c.More() {
			visit(fmt.Sprintf("%s[%d]", name, i), c)
			i++
		}
	case guard.Null:
		c.Skip()
	default:
		c.Skip()
		d.fail(name, "%s must be a list.", name)
	}
}
