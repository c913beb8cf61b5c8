package openaichat

import (
	"net/http"

	"starlane/internal/catalog/vendor"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// reader turns chunks into neutral events. The format tells no blocks apart: a text goes on until a thought or a call comes.
type reader struct {
	started bool
	first   choice
	more    []choice // the other choices, where several were asked for
	*choice          // the choice that is read
	event   llm.Event
	piece   llm.Event // the delta that is told: of one only what differs is written, as there are many
	// vendor says by rules what is its own; those of OpenAI itself are none.
	vendor llm.Origin
	rules  *vendor.Rules
	failed bool // the reason to finish is a failure
}

// choice is what has been told of a choice.
type choice struct {
	index   int
	open    int // ordinal of the open text or thought, -1 for none
	what    llm.BlockKind
	next    int // ordinal of the next block
	texts   int // blocks that are texts
	calls   []readCall
	stopped bool
	sealed  bool // the open thought has its artifact
}

// readCall is a call of the answer.
type readCall struct {
	index   int // as the vendor counts, -1 if it does not
	id      string
	ordinal int
}

// NewReader implements dialect.Upstream.
func (Upstream) NewReader() dialect.Reader { return newReader("", &vendor.Rules{}) }

func newReader(origin llm.Origin, rules *vendor.Rules) *reader {
	r := &reader{first: choice{open: -1}, vendor: origin, rules: rules}
	r.choice = &r.first
	return r
}

func (r *reader) take(to llm.Sink, e llm.Event) {
	r.event = e
	r.event.Choice = r.index
	to.Take(&r.event)
}

// turn goes to a choice.
func (r *reader) turn(index int) {
	r.choice = &r.first
	if index == 0 {
		return
	}
	for len(r.more) < index {
		r.more = append(r.more, choice{index: len(r.more) + 1, open: -1})
	}
	r.choice = &r.more[index-1]
}

// Read implements dialect.Reader.
func (r *reader) Read(data []byte, to llm.Sink) dialect.Step {
	if string(data) == "[DONE]" {
		return dialect.End
	}
	var id, name llm.Text
	var choices guard.Cursor
	var counts usage.Counts
	var reported, failed bool
	c := guard.NewCursor(data)
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch string(k) {
		case "id":
			id = wire.Text(&c)
		case "model":
			name = wire.Text(&c)
		case "choices":
			choices = c
			c.Skip()
		case "usage":
			if c.Kind() != guard.Object {
				c.Skip()
				continue
			}
			counts, reported = openai.ReadUsage(&c)
		case "x_groq":
			wire.Object(&c, func(k string) {
				if k == "usage" && c.Kind() == guard.Object && !reported {
					counts, reported = openai.ReadUsage(&c)
					return
				}
				c.Skip()
			})
		case "error":
			failed = failed || c.Kind() != guard.Null
			c.Skip()
		default:
			c.Skip()
		}
	}
	switch {
	case !c.End():
		return dialect.Garbage
	case failed:
		return dialect.Failed
	}
	r.turn(0)
	silent := choices // Azure begins with a chunk of no choices, in which even the id is empty
	if !r.started && (len(id) > 0 || silent.Kind() == guard.Array && silent.Array()) {
		r.started = true
		r.take(to, llm.Event{Kind: llm.Start, ID: id, Name: name})
	}
	if reported {
		r.take(to, llm.Event{Kind: llm.Report, Counts: counts})
	}
	r.choices(&choices, to)
	if r.failed {
		return dialect.Failed
	}
	return dialect.Pass
}

// choices reads the choices of a chunk. Vendors that give the only one no index, or one that is none, mean the first.
func (r *reader) choices(c *guard.Cursor, to llm.Sink) {
	if c.Kind() != guard.Array {
		return
	}
	for ok := c.Array(); ok; ok = c.More() {
		if c.Kind() != guard.Object {
			c.Skip()
			continue
		}
		r.turn(0)
		known, finish := false, ""
		for k, ok := c.Object(); ok; k, ok = c.Next() {
			switch string(k) {
			case "index":
				known = true
				if index, ok := c.Int(maxChoices - 1); ok {
					r.turn(int(index))
				}
			case "delta", "message":
				if !known { // it nearly always stands first
					known = true
					r.turn(indexOf(*c))
				}
				r.message(c, to)
			case "logprobs":
				r.probs(c, to)
			case "finish_reason":
				finish = string(wire.Text(c))
			case "usage": // Moonshot's place for it
				r.usage(c, to)
			default:
				c.Skip()
			}
		}
		if finish != "" && !r.stopped {
			r.finish(finish, to)
		}
	}
}

func (r *reader) usage(c *guard.Cursor, to llm.Sink) {
	if c.Kind() != guard.Object {
		c.Skip()
		return
	}
	if counts, ok := openai.ReadUsage(c); ok {
		r.take(to, llm.Event{Kind: llm.Report, Counts: counts})
	}
}

// finish ends a choice by the reason that the vendor gives.
func (r *reader) finish(reason string, to llm.Sink) {
	r.endThought(to)
	if own, known := r.rules.Finish.Or(nil)[reason]; known {
		reason = own
	}
	if reason == "failed" {
		r.failed = true
		return
	}
	r.stopped = true
	r.take(to, llm.Event{Kind: llm.Stop, Reason: reasonOf(reason)})
}

// indexOf looks ahead, behind the value at the cursor, for the index of a choice.
func indexOf(c guard.Cursor) int {
	c.Skip()
	for k, ok := c.Next(); ok; k, ok = c.Next() {
		if string(k) == "index" {
			if index, ok := c.Int(maxChoices - 1); ok {
				return int(index)
			}
			return 0
		}
		c.Skip()
	}
	return 0
}

// probs reads the probabilities of the tokens of a text.
func (r *reader) probs(c *guard.Cursor, to llm.Sink) {
	wire.Object(c, func(k string) {
		if raw := c.Raw(); k == "content" && len(raw) > len("[]") && raw[0] == '[' {
			r.add(llm.TextBlock, nil, llm.Raw(raw[1:len(raw)-1]), to)
		}
	})
}

// message reads a delta or a whole message. What was thought comes before what was said, wherever it stands.
func (r *reader) message(c *guard.Cursor, to llm.Sink) {
	ahead := *c
	thought := false
	wire.Object(&ahead, func(k string) {
		if k != "reasoning_content" && k != "reasoning" { // one thought, by either name
			ahead.Skip()
			return
		}
		if said := wire.Text(&ahead); !thought && len(said) > 0 {
			thought = true
			r.say(llm.Thinking, said, to)
		}
	})
	if r.rules.ThoughtsBack.Or("") == reasoningDetails {
		details := *c
		wire.Object(&details, func(k string) {
			if k == reasoningDetails {
				wire.List(&details, func() { r.detail(&details, to) })
				return
			}
			details.Skip()
		})
	}
	var sources guard.Cursor
	wire.Object(c, func(k string) {
		switch k {
		case "annotations":
			sources = *c
			c.Skip()
		case "content":
			if c.Kind() == guard.Array { // some vendors answer in parts
				for ok := c.Array(); ok; ok = c.More() {
					r.part(c, to)
				}
				return
			}
			r.say(llm.TextBlock, wire.Text(c), to)
		case "refusal":
			r.say(llm.Refusal, wire.Text(c), to)
		case "tool_calls":
			r.toolCalls(c, to)
		case "function_call":
			if c.Kind() == guard.Object {
				r.function(0, nil, c, to)
				return
			}
			c.Skip()
		default:
			c.Skip()
		}
	})
	r.annotations(&sources, to) // of a text that may stand behind them
}

// say adds to the open block, or opens one.
func (r *reader) say(what llm.BlockKind, said llm.Text, to llm.Sink) {
	if len(said) > 0 {
		r.add(what, said, nil, to)
	}
}

func (r *reader) add(what llm.BlockKind, said llm.Text, probs llm.Raw, to llm.Sink) {
	if r.open < 0 || r.what != what || what == llm.Thinking && r.sealed {
		r.endThought(to)
		r.open, r.what = r.next, what
		if r.next++; what == llm.TextBlock {
			r.texts++
		}
		r.take(to, llm.Event{Kind: llm.Open, Block: r.open, What: what})
	}
	p := &r.piece
	p.Kind, p.Choice, p.Block, p.What, p.Text, p.Probs = llm.Delta, r.index, r.open, what, said, probs
	to.Take(p)
}

func (r *reader) toolCalls(c *guard.Cursor, to llm.Sink) {
	if c.Kind() != guard.Array {
		c.Skip()
		return
	}
	for ok := c.Array(); ok; ok = c.More() {
		index := -1
		var id llm.Text
		var function guard.Cursor
		wire.Object(c, func(k string) {
			switch k {
			case "index":
				if n, ok := c.Int(1 << 10); ok {
					index = int(n)
				}
			case "id":
				id = wire.Text(c)
			case "function", "custom":
				function = *c
				c.Skip()
			default:
				c.Skip()
			}
		})
		r.function(index, id, &function, to)
	}
}

// function adds to a call, or opens it. Some vendors repeat its id and name with each piece.
func (r *reader) function(index int, id llm.Text, c *guard.Cursor, to llm.Sink) {
	piece := functionOf(c)
	call := r.call(index, id)
	if call == nil {
		r.calls = append(r.calls, readCall{index, string(id), r.next})
		r.endThought(to)
		call = &r.calls[len(r.calls)-1]
		r.next++
		r.open = -1
		if len(id) == 0 {
			id = piece.Name
		}
		r.take(to, llm.Event{Kind: llm.Open, Block: call.ordinal, What: llm.ToolCall, ID: id, Name: piece.Name})
	}
	if len(piece.Text) > 0 {
		r.take(to, llm.Event{Kind: llm.Delta, Block: call.ordinal, What: llm.ToolCall, Text: piece.Text})
	}
}

// call finds the call that a piece belongs to, nil for a new one. The id decides where there is one, for some vendors give all
// calls the same index; else the index, or, for those who give none, the order of arrival.
func (r *reader) call(index int, id llm.Text) *readCall {
	for i := len(r.calls) - 1; i >= 0; i-- {
		call := &r.calls[i]
		if len(id) > 0 && call.id == string(id) || len(id) == 0 && (index < 0 || call.index == index) {
			return call
		}
	}
	return nil
}

func reasonOf(s string) llm.Reason {
	switch s {
	case "stop":
		return llm.EndOfTurn
	case "length":
		return llm.MaxTokens
	case "tool_calls", "function_call":
		return llm.ToolUse
	case "content_filter", "filtered":
		return llm.Filtered
	case "context":
		return llm.ContextFull
	default:
		return llm.OtherReason
	}
}

// ReadWhole implements dialect.Upstream.
func (Upstream) ReadWhole(src []byte, to llm.Sink) bool {
	return readWhole(newReader("", &vendor.Rules{}), src, to)
}

func readWhole(r *reader, src []byte, to llm.Sink) bool {
	if _, err := (*Chat)(nil).ReadAnswer(nil, body.Copy(src), nil); err != nil {
		return false
	}
	return r.Read(src, to) == dialect.Pass && r.first.stopped
}

// ReadFault implements dialect.Upstream.
func (Upstream) ReadFault(status int, h http.Header, c body.Content) (*llm.Fault, string) {
	return openai.ReadRefusal(status, h, c)
}
