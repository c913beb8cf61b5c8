package openaichat

import (
	"bytes"
	"sync"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

type taps struct{ pool sync.Pool }

// tap reads along in a stream of chat.completion.chunk objects.
type tap struct {
	home   *taps
	text   bool // of text_completion objects, whose choices have a text in place of a delta
	hide   bool // the client did not ask for the usage
	cost   bool // the client wants the cost inside it
	search bool // the model searches the web
	meter  dialect.Meter
	out    []byte // the event with an addition
	id     []byte // of the answer
	answer llm.Answer
	said   dialect.Said
	// of the current event:
	usageAt int
	cut     llm.Span
	content bool
	failed  bool
	bare    int // place behind the opening brace of a choice that has no delta; 0: none
	noID    int // place between the quotes of an id that is empty although the answer has one; 0: none
}

// NewTap implements dialect.Egress.
func (d *Chat) NewTap(r *llm.Request, m dialect.Meter) dialect.Tap { return d.newTap(r, m, false) }

// NewTextTap reads along in a stream of text_completion objects, which are chunks of another kind and the same in all else.
func (d *Chat) NewTextTap(r *llm.Request, m dialect.Meter) dialect.Tap { return d.newTap(r, m, true) }

func (d *Chat) newTap(r *llm.Request, m dialect.Meter, text bool) *tap {
	t, ok := d.taps.pool.Get().(*tap)
	if !ok {
		t = &tap{said: dialect.NewSaid()}
	}
	*t = tap{home: &d.taps, text: text, hide: !r.WantsUsage && !r.WantsCost, cost: r.WantsCost, search: r.Search.Most > 0, meter: m, said: t.said, out: t.out[:0], id: t.id[:0]}
	return t
}

func (t *tap) Close() {
	t.meter = nil
	t.said.Reset()
	t.home.pool.Put(t)
}

// Answer implements dialect.Tap. A report that a text cost no tokens is not one.
func (t *tap) Answer() llm.Answer {
	a := t.answer
	a.Reported = a.Reported && (t.said.Nothing() || a.Counts.Output() > 0)
	return a
}

// Finish implements dialect.Tap.
func (t *tap) Finish() ([]byte, bool) { return []byte("data: [DONE]\n\n"), t.answer.Finished }

// Event implements dialect.Tap.
func (t *tap) Event(data []byte) dialect.Seen {
	if string(data) == "[DONE]" {
		return dialect.Seen{Step: dialect.End}
	}
	t.usageAt, t.cut, t.content, t.failed, t.bare, t.noID = 0, llm.Span{}, false, false, 0, 0
	empty := false
	var counts usage.Counts
	var reported bool
	c := guard.NewCursor(data)
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch string(k) {
		case "id":
			t.readID(&c)
		case "choices":
			empty = t.choices(&c)
		case "usage":
			if c.Kind() != guard.Object {
				at, null := c.At(), c.Kind() == guard.Null
				if c.Skip(); null && t.hide && !c.Bad() {
					t.cut = noUsage(data, at)
				}
				continue
			}
			t.usageAt = c.At() + 1
			counts, reported = openai.ReadUsage(&c)
		case "x_groq":
			if own, ok := t.groq(&c); ok && !reported {
				counts, reported = own, true
			}
		case "error":
			t.failed = t.failed || c.Kind() != guard.Null
			c.Skip()
		default:
			c.Skip()
		}
	}
	switch {
	case !c.End():
		return dialect.Seen{Step: dialect.Garbage}
	case t.failed:
		return dialect.Seen{Step: dialect.Failed}
	}
	if reported {
		t.answer.Counts, t.answer.Reported = counts, true // cumulative: the last report counts
	}
	if t.search {
		search(&t.answer.Counts)
	}
	seen := dialect.Seen{Content: t.content, Cut: t.cut}
	switch {
	case t.usageAt > 0 && empty && t.hide:
		seen.Step = dialect.Hide
	case t.usageAt > 0 && reported && t.cost:
		seen.Out = t.with(data, t.usageAt, func(dst []byte) []byte {
			return dialect.AppendCost(dst, t.meter.Cost(t.answer.Counts))
		})
	case t.bare+t.noID > 0 && t.usageAt == 0:
		seen.Out = t.mended(data)
	}
	return seen
}

// groq reads what Groq tells in a member of its own.
func (t *tap) groq(c *guard.Cursor) (counts usage.Counts, ok bool) {
	if c.Kind() != guard.Object {
		c.Skip()
		return counts, false
	}
	for k, more := c.Object(); more; k, more = c.Next() {
		if string(k) == "usage" && c.Kind() == guard.Object {
			counts, ok = openai.ReadUsage(c)
			continue
		}
		c.Skip()
	}
	return counts, ok
}

func (t *tap) readID(c *guard.Cursor) {
	if c.Kind() != guard.String {
		c.Skip()
		return
	}
	at := c.At() + 1
	switch id, _ := c.Text(); {
	case len(t.id) == 0:
		t.id = append(t.id, id...)
	case len(id) == 0:
		t.noID = at
	}
}

// noUsage finds the member "usage" whose value null stands at an offset, with the comma that parts it from its neighbour.
// Vendors add it to every event of a stream that is to end with a usage.
func noUsage(data []byte, at int) llm.Span {
	const space = " \t\r\n"
	head := bytes.TrimRight(bytes.TrimRight(data[:at], space+":"), space)
	head = bytes.TrimRight(head[:len(head)-len(`"usage"`)], space)
	end := at + len("null")
	if head[len(head)-1] == ',' {
		return llm.Span{From: len(head) - 1, To: end}
	}
	if tail := bytes.TrimLeft(data[end:], space); len(tail) > 0 && tail[0] == ',' {
		end = len(data) - len(tail) + 1
	}
	return llm.Span{From: len(head), To: end}
}

// choices reads the list and tells whether it is empty.
func (t *tap) choices(c *guard.Cursor) bool {
	if c.Kind() != guard.Array {
		c.Skip()
		return false
	}
	empty := true
	for ok := c.Array(); ok; ok = c.More() {
		empty = false
		if c.Kind() != guard.Object {
			c.Skip()
			continue
		}
		at, bare := c.At()+1, false
		for k, ok := c.Object(); ok; k, ok = c.Next() {
			switch {
			case string(k) == "delta" && c.Kind() == guard.Object:
				at = 0
				t.delta(c)
			case t.text && string(k) == "text" && c.Kind() == guard.String:
				raw, _ := c.Text()
				t.say(raw)
			case string(k) == "finish_reason" && c.Kind() == guard.String:
				t.answer.Finished = true
				c.Skip()
			case string(k) == "usage" && c.Kind() == guard.Object: // Moonshot's place for it
				if counts, ok := openai.ReadUsage(c); ok {
					t.answer.Counts, t.answer.Reported = counts, true
				}
			default:
				c.Skip()
			}
			bare = at > 0 && !t.text // it has members, none of which is the delta
		}
		if bare {
			t.bare = at
		}
	}
	return empty
}

// say notes a piece of what the model says.
func (t *tap) say(raw llm.Text) {
	if len(raw) > 0 {
		t.content = true
		t.said.Add(raw)
	}
}

// delta notes what the model says. Members that nobody knows yet count as content too, as soon as they hold something.
func (t *tap) delta(c *guard.Cursor) {
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		if string(k) == "role" {
			c.Skip()
			continue
		}
		switch c.Kind() {
		case guard.String:
			raw, _ := c.Text()
			t.say(raw)
		case guard.Array:
			if string(k) == "tool_calls" {
				t.toolCalls(c)
				continue
			}
			t.content = len(c.Raw()) > 2 || t.content
		case guard.Object:
			t.content = len(c.Raw()) > 2 || t.content
		default:
			c.Skip()
		}
	}
}

func (t *tap) toolCalls(c *guard.Cursor) {
	for ok := c.Array(); ok; ok = c.More() {
		t.content = true
		if c.Kind() != guard.Object {
			c.Skip()
			continue
		}
		for k, ok := c.Object(); ok; k, ok = c.Next() {
			if (string(k) != "function" && string(k) != "custom") || c.Kind() != guard.Object {
				c.Skip()
				continue
			}
			for _, ok := c.Object(); ok; _, ok = c.Next() {
				if c.Kind() != guard.String {
					c.Skip()
					continue
				}
				raw, _ := c.Text() // name, arguments, input
				t.said.Add(raw)
			}
		}
	}
}

// mended renders an event in which Azure tells what its filter found. SDKs take it that each choice has a delta, and each event the
// id of its answer.
func (t *tap) mended(data []byte) []byte {
	type insertion struct {
		at   int
		text []byte
	}
	all := [2]insertion{{t.noID, t.id}, {t.bare, []byte(`"delta":{},`)}}
	if all[0].at > all[1].at {
		all[0], all[1] = all[1], all[0]
	}
	dst, from := append(t.out[:0], "data: "...), 0
	for _, add := range all {
		if add.at > 0 {
			dst = append(append(dst, data[from:add.at]...), add.text...)
			from = add.at
		}
	}
	return t.framed(append(dst, data[from:]...))
}

// with renders an event with an addition at some place of it.
func (t *tap) with(data []byte, at int, add func(dst []byte) []byte) []byte {
	dst := append(t.out[:0], "data: "...)
	dst = append(dst, data[:at]...)
	dst = add(dst)
	return t.framed(append(dst, data[at:]...))
}

// framed ends an event. Several data lines become one: between JSON tokens a space does as well.
func (t *tap) framed(dst []byte) []byte {
	for i := range dst {
		if dst[i] == '\n' {
			dst[i] = ' '
		}
	}
	t.out = append(dst, "\n\n"...)
	return t.out
}

// EstimateOutput implements dialect.Tap.
func (t *tap) EstimateOutput(count dialect.Count) usage.Tokens {
	return t.said.Estimate(count)
}
