package openairesponses

import (
	"fmt"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
)

// typeOf reads the member type of an object.
func typeOf(c *guard.Cursor) (kind string) {
	wire.Object(c, func(k string) {
		if k == "type" {
			kind = string(wire.Text(c))
			return
		}
		c.Skip()
	})
	return kind
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
