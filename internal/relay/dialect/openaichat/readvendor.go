package openaichat

import (
	"strings"

	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// wordsAlone is the artifact of a thought that its vendor wants back, and by which it knows it again: its words are enough.
const wordsAlone = "1"

// endThought seals the open thought if its vendor wants it back by its words alone.
func (r *reader) endThought(to llm.Sink) {
	if r.open >= 0 && r.what == llm.Thinking && !r.sealed && r.rules.ThoughtsBack.Or("") == reasoningContent {
		r.seal(llm.Sealed{Data: llm.Text(wordsAlone)}, to)
	}
	r.sealed = false
}

func (r *reader) seal(s llm.Sealed, to llm.Sink) {
	s.Origin = r.vendor
	r.sealed = true
	r.take(to, llm.Event{Kind: llm.Seal, Block: r.open, What: llm.Thinking, Sealed: s})
}

// part reads a part of a content in parts: a text, or, of Mistral, a thought in parts of its own.
func (r *reader) part(c *guard.Cursor, to llm.Sink) {
	wire.Object(c, func(k string) {
		switch {
		case k == "text":
			r.say(llm.TextBlock, wire.Text(c), to)
		case k == "thinking" && c.Kind() == guard.String:
			r.say(llm.Thinking, wire.Text(c), to)
		case k == "thinking" && c.Kind() == guard.Array:
			for ok := c.Array(); ok; ok = c.More() {
				wire.Object(c, func(k string) {
					if k == "text" {
						r.say(llm.Thinking, wire.Text(c), to)
						return
					}
					c.Skip()
				})
			}
		default:
			c.Skip()
		}
	})
}

// detail reads an entry of reasoning_details. What it says the message says beside it; what counts is what it seals, and that goes
// back as it came, but for the words.
func (r *reader) detail(c *guard.Cursor, to llm.Sink) {
	var kind string
	var rest []string
	sealed := false
	wire.Object(c, func(k string) {
		at := c.Kind()
		raw := string(c.Raw())
		switch k {
		case "type":
			kind = raw
		case "text", "summary":
			return
		case "signature", "data":
			sealed = sealed || at == guard.String && len(raw) > len(`""`)
		}
		rest = append(rest, `"`+k+`":`+raw)
	})
	if !sealed {
		return
	}
	data := wire.Escape(nil, "{"+strings.Join(rest, ",")+"}")
	alone := kind == `"reasoning.encrypted"`
	if alone || r.open < 0 || r.what != llm.Thinking || r.sealed {
		r.endThought(to)
		r.open, r.what = r.next, llm.Thinking
		r.next++
		r.take(to, llm.Event{Kind: llm.Open, Block: r.open, What: llm.Thinking})
	}
	r.seal(llm.Sealed{Data: data, Alone: alone}, to)
}
