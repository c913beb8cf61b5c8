package gemini

import (
	"crypto/rand"
	"strconv"
	"strings"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// reader turns chunks into neutral events. The format tells no blocks apart: a text goes on until a thought or a call comes.
type reader struct {
	started   bool
	candidate bool     // there was one
	calls     int      // so far, of all candidates
	id        llm.Text // of the answer
	first     choice
	others    []choice // the other candidates, where several were asked for
	*choice            // the candidate that is read
	keeps     bool     // the text, as somebody wants to know where it is from
	report    report
	lost      bool // a part of the answer that is not told
	event     llm.Event
	piece     llm.Event // the delta that is told: of one only what differs is written, as there are many
}

// choice is what has been told of a candidate.
type choice struct {
	index   int
	open    int // ordinal of the open text or thought, -1 for none
	what    llm.BlockKind
	next    int // ordinal of the next block
	called  bool
	finish  string // why it ended, as this chunk says
	stopped bool
	probs   llm.Raw // of this chunk, until its text is told
	asked   int64   // searches of the web
	text    []byte  // so far, if it is kept
	texts   []textBlock
	cites   []support
	pieces  *pieces // the open call whose arguments come piece by piece, nil for none
	broken  bool    // a call came in pieces that make no JSON
}

// NewReader implements dialect.Upstream.
func (*Contents) NewReader() dialect.Reader { return newReader() }

func newReader() *reader {
	r := &reader{first: choice{open: -1}}
	r.choice = &r.first
	return r
}

func (r *reader) take(to llm.Sink, e llm.Event) {
	r.event = e
	r.event.Choice = r.index
	to.Take(&r.event)
}

// turn goes to a candidate.
func (r *reader) turn(index int) {
	r.choice = &r.first
	if index == 0 {
		return
	}
	for len(r.others) < index {
		r.others = append(r.others, choice{index: len(r.others) + 1, open: -1})
	}
	r.choice = &r.others[index-1]
}

// Read implements dialect.Reader. There is no mark of the end.
func (r *reader) Read(data []byte, to llm.Sink) dialect.Step {
	var name llm.Text
	var candidates guard.Cursor
	blocked, failed := false, false
	c := guard.NewCursor(data)
	if c.Kind() == guard.Array { // only errors come in one
		c.Skip()
		if !c.End() {
			return dialect.Garbage
		}
		return dialect.Failed
	}
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch string(k) {
		case "responseId":
			if id := wire.Text(&c); r.id == nil {
				r.id = append(llm.Text{}, id...)
			}
		case "modelVersion":
			name = wire.Text(&c)
		case "candidates":
			candidates = c
			c.Skip()
		case "usageMetadata":
			r.report.merge(&c)
		case "promptFeedback":
			wire.Object(&c, func(k string) {
				if k == "blockReason" {
					blocked = len(wire.Text(&c)) > 0
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
	if !r.started {
		r.started = true
		r.take(to, llm.Event{Kind: llm.Start, ID: r.id, Name: name})
	}
	r.candidates(&candidates, to)
	r.turn(0)
	if counts, ok := r.report.counts(); ok {
		r.take(to, llm.Event{Kind: llm.Report, Counts: counts, Tier: r.report.tier})
	}
	if blocked && !r.candidate { // the prompt was not let in
		r.first.finish = "SAFETY"
	}
	r.stop(to)
	return dialect.Pass
}

// stop tells the ends that a chunk has brought.
func (r *reader) stop(to llm.Sink) {
	for i := range 1 + len(r.others) {
		if r.turn(i); r.finish == "" || r.stopped {
			continue
		}
		r.stopped = true
		reason := reasonOf(r.finish)
		r.cite(to)
		if r.endCall(reason == llm.EndOfTurn, to); r.broken {
			reason = llm.BrokenCall
		}
		if reason == llm.EndOfTurn && r.called {
			reason = llm.ToolUse
		}
		r.take(to, llm.Event{Kind: llm.Stop, Reason: reason, Lost: r.lost})
	}
}

// candidates reads the candidates of a chunk, of which there is one unless the client asked for more.
func (r *reader) candidates(c *guard.Cursor, to llm.Sink) {
	if c.Kind() != guard.Array {
		return
	}
	wire.List(c, func() {
		var content, probs, ground guard.Cursor
		var reason string
		var why llm.Text
		var index int64
		wire.Object(c, func(k string) {
			switch k {
			case "content":
				content = *c
				c.Skip()
			case "finishReason":
				reason = string(wire.Text(c))
			case "finishMessage":
				why = wire.Text(c)
			case "index":
				if n, ok := c.Int(maxCandidates - 1); ok {
					index = n
				}
			case "logprobsResult":
				probs = *c
				c.Skip()
			case "groundingMetadata":
				ground = *c
				c.Skip()
			default:
				c.Skip()
			}
		})
		r.turn(int(index))
		r.candidate, r.probs = true, nil
		if probs.Kind() == guard.Object {
			r.probs = readProbs(&probs)
		}
		if content.Kind() == guard.Object {
			wire.Object(&content, func(k string) {
				if k == "parts" {
					wire.List(&content, func() { r.part(&content, to) })
					return
				}
				content.Skip()
			})
		}
		if ground.Kind() == guard.Object {
			r.ground(&ground)
		}
		if len(r.probs) > 0 { // of a text that stands in another chunk
			r.add(llm.TextBlock, nil, to)
		}
		if reason != "" && r.finish == "" {
			r.finish = reason
			if reasonOf(reason) == llm.Filtered && len(why) > 0 { // what the model says last
				r.add(llm.Refusal, why, to)
			}
		}
	})
}

func (r *reader) part(c *guard.Cursor, to llm.Sink) {
	what := llm.TextBlock
	var said, signature llm.Text
	var call guard.Cursor
	wire.Object(c, func(k string) {
		switch k {
		case "text":
			said = wire.Text(c)
		case "thought":
			if isTrue(c) {
				what = llm.Thinking
			}
		case "thoughtSignature":
			signature = wire.Text(c)
		case "functionCall":
			call = *c
			c.Skip()
		case "inlineData", "executableCode", "codeExecutionResult": // that nobody may ask for, but models that draw do so unasked
			r.lost = true
			c.Skip()
		default:
			c.Skip()
		}
	})
	sealed := llm.Sealed{Origin: Dialect, Data: signature}
	if call.Kind() == guard.Object {
		r.call(&call, sealed, to)
		return
	}
	r.say(what, said, to)
	if len(signature) == 0 {
		return
	}
	if what != llm.Thinking || r.open < 0 || r.what != llm.Thinking {
		// The signature of a text is a thought of its own, without words: every format has a place for that.
		r.begin(llm.Thinking, to)
	}
	r.take(to, llm.Event{Kind: llm.Seal, Block: r.open, What: llm.Thinking, Sealed: sealed})
	r.take(to, llm.Event{Kind: llm.Close, Block: r.open, What: llm.Thinking})
	r.open = -1
}

func (r *reader) begin(what llm.BlockKind, to llm.Sink) {
	r.open, r.what = r.next, what
	r.next++
	if r.keeps && what == llm.TextBlock {
		r.texts = append(r.texts, textBlock{r.open, len(r.text)})
	}
	r.take(to, llm.Event{Kind: llm.Open, Block: r.open, What: what})
}

// say adds to the open block, or opens one.
func (r *reader) say(what llm.BlockKind, said llm.Text, to llm.Sink) {
	if len(said) > 0 {
		r.add(what, said, to)
	}
}

func (r *reader) add(what llm.BlockKind, said llm.Text, to llm.Sink) {
	if r.open < 0 || r.what != what {
		r.begin(what, to)
	}
	p := &r.piece
	p.Kind, p.Choice, p.Block, p.What, p.Text, p.Probs = llm.Delta, r.index, r.open, what, said, nil
	if what == llm.TextBlock {
		p.Probs, r.probs = r.probs, nil
		if r.keeps {
			r.keep(said)
		}
	}
	to.Take(p)
}

// call tells a call, which comes whole, or piece by piece where that was asked for.
func (r *reader) call(c *guard.Cursor, sealed llm.Sealed, to llm.Sink) {
	e := llm.Event{Kind: llm.Open, Block: r.next, What: llm.ToolCall}
	if len(sealed.Data) > 0 {
		e.Sealed = sealed
	}
	args := llm.Text("{}")
	var partial guard.Cursor
	goesOn, whole := false, false
	wire.Object(c, func(k string) {
		switch k {
		case "id":
			e.ID = wire.Text(c)
		case "name":
			e.Name = wire.Text(c)
		case "args":
			if c.Kind() == guard.Object {
				args, whole = wire.Escape(nil, c.Raw()), true
				return
			}
			c.Skip()
		case "partialArgs":
			partial = *c
			c.Skip()
		case "willContinue":
			goesOn = isTrue(c)
		default:
			c.Skip()
		}
	})
	if len(e.Name) == 0 && !whole { // belongs to the call before; without pieces it is the mark of its end
		if r.pieces != nil {
			r.more(&partial, goesOn, to)
		}
		return
	}
	r.endCall(true, to)
	if len(e.ID) == 0 {
		e.ID = r.callID()
	}
	r.open = -1
	r.next++
	r.calls++
	r.called = true
	block := e.Block
	r.take(to, e)
	if !whole && (goesOn || partial.Kind() == guard.Array) {
		r.pieces = &pieces{block: block, seen: map[string]bool{}}
		r.more(&partial, goesOn, to)
		return
	}
	r.take(to, llm.Event{Kind: llm.Delta, Block: block, What: llm.ToolCall, Text: args})
	r.take(to, llm.Event{Kind: llm.Close, Block: block, What: llm.ToolCall})
}

// callID makes up the id of a call: no two calls of a conversation may share one.
func (r *reader) callID() llm.Text {
	if len(r.id) == 0 {
		r.id = llm.Text(rand.Text())
	}
	return strconv.AppendInt(append(append(llm.Text("call_"), r.id...), '_'), int64(r.calls), 10)
}

var reasons = map[string]llm.Reason{ //nolint:gochecknoglobals // a constant table
	"STOP": llm.EndOfTurn, "MAX_TOKENS": llm.MaxTokens, "CONTINUATION": llm.Paused,
	"SAFETY": llm.Filtered, "RECITATION": llm.Filtered, "LANGUAGE": llm.Filtered, "BLOCKLIST": llm.Filtered,
	"PROHIBITED_CONTENT": llm.Filtered, "SPII": llm.Filtered,
	"MALFORMED_FUNCTION_CALL": llm.BrokenCall, "UNEXPECTED_TOOL_CALL": llm.BrokenCall, "TOO_MANY_TOOL_CALLS": llm.BrokenCall,
}

func reasonOf(s string) llm.Reason {
	if r, ok := reasons[s]; ok {
		return r
	}
	if strings.HasPrefix(s, "IMAGE_") {
		return llm.Filtered
	}
	return llm.OtherReason
}

// ReadWhole implements dialect.Upstream. A reason that nobody knows is left out by some versions of the API.
func (*Contents) ReadWhole(src []byte, to llm.Sink) bool {
	r := newReader()
	r.keeps = true
	if r.Read(src, to) != dialect.Pass {
		return false
	}
	for i := range 1 + len(r.others) {
		if r.turn(i); r.candidate && r.finish == "" {
			r.finish = "FINISH_REASON_UNSPECIFIED"
		}
	}
	r.stop(to)
	return r.first.stopped
}
