package wire

import (
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// Text reads a text as it stands between its quotes; any other value is skipped and gives none.
func Text(c *guard.Cursor) llm.Text {
	if c.Kind() != guard.String {
		c.Skip()
		return nil
	}
	t, _ := c.Text()
	return t
}

// Number reads a number with its digits; any other value is skipped and gives none.
func Number(c *guard.Cursor) llm.Raw {
	if c.Kind() != guard.Number {
		c.Skip()
		return nil
	}
	return llm.Raw(c.Raw())
}

// Tri reads true or false; any other value says nothing.
func Tri(c *guard.Cursor) llm.Tri {
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

// Object calls visit for each member of an object; visit reads the value. Any other value is skipped.
func Object(c *guard.Cursor, visit func(key string)) {
	if c.Kind() != guard.Object {
		c.Skip()
		return
	}
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		visit(nameOf(k))
	}
}

// List calls visit for each element of a list; visit reads it. Any other value is skipped.
func List(c *guard.Cursor, visit func()) {
	if c.Kind() != guard.Array {
		c.Skip()
		return
	}
	for ok := c.Array(); ok; ok = c.More() {
		visit()
	}
}
