package dialect

import (
	"bytes"

	"starlane/internal/relay/llm"
)

// noArguments stand where a model calls a tool that takes none and its vendor leaves them out: clients read JSON.
const noArguments = "{}"

// finished says that a model has said what it wanted to.
func finished(r llm.Reason) bool {
	return r == llm.EndOfTurn || r == llm.StopString || r == llm.ToolUse || r == llm.Paused
}

// maxWaiting bounds what is kept of blocks that wait for another one to end.
const maxWaiting = 4 << 20

// sequence brings the blocks of an answer one behind the other, whatever order an upstream sends them in: most client formats
// have one open block at a time. The open block streams; of the others the events wait. A tool call whose arguments are whole
// is closed without being told, as the formats that interleave calls never say so.
type sequence struct {
	to      llm.Sink
	choice  int          // whose blocks they are
	blocks  []blockState // by ordinal
	current int          // ordinal of the open block plus one; 0: none
	next    int          // ordinal of the next one to open
	waiting int          // bytes
	late    bool         // something waits of a block that was closed
	short   bool         // the model was stopped: what it has not said is missing
	full    bool         // more waits than is kept: the stream cannot go on
}

// sequences brings the blocks of each of several answers in order. Those of one answer wait for each other, those of two do not.
type sequences struct {
	first sequence
	more  []sequence
	most  int // answers that were asked for
}

// Take implements llm.Sink. Of answers that nobody asked for nothing is told.
func (s *sequences) Take(e *llm.Event) {
	if e.Choice == 0 {
		s.first.Take(e)
		return
	}
	if e.Choice >= s.most {
		return
	}
	for len(s.more) < e.Choice {
		s.more = append(s.more, sequence{to: s.first.to, choice: len(s.more) + 1})
	}
	s.more[e.Choice-1].Take(e)
}

// full tells whether more waits than is kept.
func (s *sequences) full() bool {
	full := s.first.full
	for i := range s.more {
		full = full || s.more[i].full
	}
	return full
}

// flush ends all blocks.
func (s *sequences) flush() {
	s.first.flush()
	for i := range s.more {
		s.more[i].flush()
	}
}

type blockState struct {
	what   llm.BlockKind
	opened bool // told by the upstream
	closed bool // told by the upstream
	done   bool // closed towards the client
	args   depth
	wait   []llm.Event // copies
}

// Take implements llm.Sink.
func (s *sequence) Take(e *llm.Event) {
	switch e.Kind {
	case llm.Open:
		for len(s.blocks) <= e.Block {
			s.blocks = append(s.blocks, blockState{})
		}
		b := &s.blocks[e.Block]
		if b.opened {
			return
		}
		b.opened, b.what = true, e.What
		if s.current == 0 && e.Block == s.next {
			s.current = e.Block + 1
			s.to.Take(e)
			return
		}
		s.keep(b, e)
		s.advance()
	case llm.Delta, llm.Seal, llm.Cite, llm.Close:
		s.inBlock(e)
	case llm.Stop:
		s.short = !finished(e.Reason)
		s.flush()
		s.to.Take(e)
	case llm.Start, llm.Report:
		s.to.Take(e)
	}
}

func (s *sequence) inBlock(e *llm.Event) {
	if e.Block >= len(s.blocks) || !s.blocks[e.Block].opened {
		return // of a block that nobody knows
	}
	b := &s.blocks[e.Block]
	if b.done {
		s.behind(b, e)
		return
	}
	b.closed = b.closed || e.Kind == llm.Close
	if e.Kind == llm.Delta && b.what == llm.ToolCall {
		b.args.feed(e.Text)
	}
	if s.current != e.Block+1 {
		if e.Kind != llm.Close {
			s.keep(b, e)
		}
		s.advance()
		return
	}
	if e.Kind == llm.Close {
		s.close()
		s.advance()
		return
	}
	s.to.Take(e)
	s.advance()
}

// behind keeps what comes of a block that had to make room for a later one: it becomes a block of its own. A call is never such
// a block, as it makes room only when it is whole; where a text is from cannot be said of another one.
func (s *sequence) behind(b *blockState, e *llm.Event) {
	if b.what == llm.ToolCall || e.Kind == llm.Close || e.Kind == llm.Cite {
		return
	}
	s.late = true
	s.keep(b, e)
}

// again tells what came behind the end of its block, where no block is open.
func (s *sequence) again() {
	if !s.late {
		return
	}
	s.late = false
	for n := range s.blocks {
		b := &s.blocks[n]
		if !b.done || len(b.wait) == 0 {
			continue
		}
		s.to.Take(&llm.Event{Kind: llm.Open, Choice: s.choice, Block: n, What: b.what})
		s.tell(b)
		s.to.Take(&llm.Event{Kind: llm.Close, Choice: s.choice, Block: n, What: b.what})
	}
}

// keep copies an event for later; text behind text becomes one.
func (s *sequence) keep(b *blockState, e *llm.Event) {
	last := len(b.wait) - 1
	more := e.Kind == llm.Delta && last >= 0 && b.wait[last].Kind == llm.Delta
	if more {
		s.waiting += len(e.Text) + len(e.Probs)
	} else {
		s.waiting += weight(e)
	}
	if s.waiting > maxWaiting {
		s.full = true
		return
	}
	if more {
		b.wait[last].Text = append(b.wait[last].Text, e.Text...)
		b.wait[last].Probs = b.wait[last].Probs.Join(e.Probs)
		return
	}
	kept := *e
	kept.Text, kept.ID, kept.Name, kept.Probs = clone(e.Text), clone(e.ID), clone(e.Name), bytes.Clone(e.Probs)
	kept.Sealed.Data = clone(e.Sealed.Data)
	if c := e.Cite; c != nil {
		kept.Cite = &llm.Citation{URL: clone(c.URL), Title: clone(c.Title), Quote: clone(c.Quote), From: c.From, To: c.To}
	}
	b.wait = append(b.wait, kept)
}

// weight is about what an event takes in memory: small ones are mostly frame.
func weight(e *llm.Event) int {
	const frame = 512
	if c := e.Cite; c != nil {
		return frame + len(c.URL) + len(c.Title) + len(c.Quote)
	}
	return frame + len(e.Text) + len(e.Probs) + len(e.ID) + len(e.Name) + len(e.Sealed.Data)
}

func clone(t llm.Text) llm.Text { return append(llm.Text(nil), t...) }

// close ends the open block.
func (s *sequence) close() {
	b := &s.blocks[s.current-1]
	b.done = true
	if b.what == llm.ToolCall && b.args.nothing() && !s.short {
		s.to.Take(&llm.Event{Kind: llm.Delta, Choice: s.choice, Block: s.current - 1, What: b.what, Text: llm.Text(noArguments)})
	}
	s.to.Take(&llm.Event{Kind: llm.Close, Choice: s.choice, Block: s.current - 1, What: b.what})
	s.next = s.current
	s.current = 0
	s.again()
}

// advance closes a tool call that is whole if others wait, and lets those that wait go on.
func (s *sequence) advance() {
	for {
		if s.current > 0 {
			b := &s.blocks[s.current-1]
			waits := s.current < len(s.blocks) && s.blocks[s.current].opened
			unfinished := b.what == llm.ToolCall && !b.args.whole && !b.closed
			if !waits || unfinished {
				return
			}
			s.close()
		}
		if s.next >= len(s.blocks) || !s.blocks[s.next].opened {
			return
		}
		s.release()
	}
}

// release opens the next block with all that waits for it.
func (s *sequence) release() {
	b := &s.blocks[s.next]
	s.current = s.next + 1
	s.tell(b)
	if b.closed {
		s.close()
	}
}

// tell tells all that waits for a block.
func (s *sequence) tell(b *blockState) {
	for i := range b.wait {
		e := &b.wait[i]
		s.waiting -= weight(e)
		s.to.Take(e)
	}
	b.wait = nil
}

// flush ends all blocks.
func (s *sequence) flush() {
	for {
		if s.current > 0 {
			s.close()
		}
		for s.next < len(s.blocks) && !s.blocks[s.next].opened {
			s.next++
		}
		if s.next >= len(s.blocks) {
			s.again()
			return
		}
		s.release()
	}
}

// depth follows the JSON of a tool call's arguments, as it stands inside a JSON string, until it is whole.
type depth struct {
	open   int
	quoted bool // inside a string of the arguments
	skip   bool // the next byte of the arguments is escaped
	escape int  // bytes of an escape sequence of the outer string still to come: 1 its letter, up to 4 hex digits
	code   rune
	whole  bool
}

// nothing says that there are no arguments at all.
func (d *depth) nothing() bool { return d.open == 0 && !d.whole }

func (d *depth) feed(t llm.Text) {
	for _, c := range t {
		switch {
		case d.escape == 0 && c == '\\':
			d.escape, d.code = -1, 0
		case d.escape == -1:
			d.escape = 0
			switch c {
			case 'u':
				d.escape = 4
			case 'n', 'r', 't', 'b', 'f':
				d.byte(' ')
			default:
				d.byte(c)
			}
		case d.escape > 0:
			d.code = d.code<<4 | hexDigit(c)
			if d.escape--; d.escape == 0 {
				d.byte(byte(min(d.code, 0x7f)))
			}
		default:
			d.byte(c)
		}
	}
}

func hexDigit(c byte) rune {
	switch {
	case c >= 'a':
		return rune(c-'a') + 10
	case c >= 'A':
		return rune(c-'A') + 10
	default:
		return rune(c - '0')
	}
}

// byte takes a byte of the arguments themselves.
func (d *depth) byte(c byte) {
	switch {
	case d.skip:
		d.skip = false
	case d.quoted && c == '\\':
		d.skip = true
	case c == '"':
		d.quoted = !d.quoted
	case d.quoted:
	case c == '{' || c == '[':
		d.open++
	case c == '}' || c == ']':
		d.open--
		d.whole = d.open == 0
	}
}
