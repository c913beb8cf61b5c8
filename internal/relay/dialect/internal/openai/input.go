package openai

import (
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// perText bounds the tokens that a vendor puts around a text, such as the marks of its beginning and end.
const perText = 8

// MeasureTexts bounds what the texts of a member cost, each of them a prompt of its own: every token takes a byte of the body or
// more, be it written as a text or as a number.
func MeasureTexts(r *llm.Request, member string) (size llm.Size) {
	size.Prompts = 1
	find(r, member, func(c *guard.Cursor) { size.Prompts, size.Open = Texts(c) })
	size.Most = usage.Tokens(r.Content.Len()) + perText*size.Prompts
	return size
}

// Texts reads a text, a list of texts, tokens or a list of lists of tokens, and says how many texts that are. Objects are of
// vendors that take pictures.
func Texts(c *guard.Cursor) (n int64, objects bool) {
	if c.Kind() != guard.Array {
		c.Skip()
		return 1, false
	}
	for ok := c.Array(); ok; ok = c.More() {
		switch c.Kind() {
		case guard.String, guard.Array:
			n++
		case guard.Object:
			n, objects = n+1, true
		default:
		}
		c.Skip()
	}
	return max(n, 1), objects
}

// CountTexts counts the texts of a member; a list of numbers holds tokens already.
func CountTexts(r *llm.Request, member string, count func(text []byte) usage.Tokens) (total usage.Tokens) {
	find(r, member, func(c *guard.Cursor) { total = tokens(c, count) })
	return total
}

func find(r *llm.Request, member string, visit func(c *guard.Cursor)) {
	c := guard.NewCursor(r.Content.Open())
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		if string(k) == member {
			at := c
			visit(&at)
		}
		c.Skip()
	}
}

func tokens(c *guard.Cursor, count func(text []byte) usage.Tokens) (total usage.Tokens) {
	switch c.Kind() {
	case guard.String:
		raw, _ := c.Text()
		if text, err := guard.Unquote(raw); err == nil {
			return count([]byte(text))
		}
	case guard.Array:
		for ok := c.Array(); ok; ok = c.More() {
			total += tokens(c, count) // the guard has bounded the depth
		}
	case guard.Number:
		c.Skip()
		return 1
	default:
		c.Skip()
	}
	return total
}
