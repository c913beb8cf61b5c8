package llm

import "starlane/internal/usage"

// EventKind is the kind of an Event.
type EventKind uint8

// The kinds of events.
const (
	Start  EventKind = iota // the answer begins
	Open                    // a block begins
	Delta                   // a block goes on
	Seal                    // a block gets its sealed artifact
	Cite                    // a text says where it is from
	Close                   // a block ends
	Report                  // usage, as far as it is known; later reports add fields or correct them
	Stop                    // the model came to its end
)

// Event is a step of an answer in neutral form. Its bytes are valid until the next event is read.
type Event struct {
	Kind   EventKind
	Choice int       // Open, Delta, Seal, Cite, Close, Stop: which of the answers that were asked for, from 0
	Block  int       // Open, Delta, Seal, Cite, Close: ordinal of the block in the answer
	What   BlockKind // Open, Delta, Seal, Cite, Close: the kind of that block
	ID     Text      // Start: of the answer; Open of a ToolCall: of the call
	Name   Text      // Start: the model; Open of a ToolCall: the tool
	Text   Text      // Delta: what is added, escaped; of a ToolCall a part of the JSON of its arguments
	Probs  Raw       // Delta of a TextBlock: the probabilities of its tokens, as elements of OpenAI's list of them; nil for none
	Cite   *Citation // Cite
	Sealed Sealed    // Seal; Open of a ToolCall whose artifact came with it
	Counts usage.Counts
	Tier   string   // Report: the service tier that the request was served by, as OpenAI calls it; empty if the vendor did not say
	Reason Reason   // Stop
	Match  Text     // Stop at a stop string: which one, if the vendor said
	Lost   bool     // Stop: a part of the answer has no neutral form
	Late   []string // Stop: warnings that come too late for the head of the answer
}

// Sink takes the events of an answer in order.
type Sink interface{ Take(e *Event) }

// Reason is why a model stopped.
type Reason uint8

// The reasons.
const (
	NoReason    Reason = iota
	EndOfTurn          // came to its end
	StopString         // wrote a stop string
	MaxTokens          // reached the bound on the answer
	ContextFull        // reached the end of its context
	ToolUse            // waits for tools
	Filtered           // was stopped, or refused
	Paused             // a tool of the vendor takes longer; the client may go on
	BrokenCall         // wrote a call that is none
	OtherReason        // a reason that is not known here
)

// Completion collects the events of a whole answer.
type Completion struct {
	ID, Model Text
	Blocks    []Block
	Counts    usage.Counts
	Tier      string
	Reported  bool
	Reason    Reason
	Match     Text
	More      []Completion // the answers behind the first, where several were asked for
	open      []int        // places in Blocks by ordinal
}

// Take implements Sink. It copies what it keeps.
func (c *Completion) Take(e *Event) {
	if e.Choice > 0 {
		for len(c.More) < e.Choice {
			c.More = append(c.More, Completion{})
		}
		c = &c.More[e.Choice-1]
	}
	switch e.Kind {
	case Start:
		c.ID, c.Model = keep(e.ID), keep(e.Name)
	case Open:
		for len(c.open) <= e.Block {
			c.open = append(c.open, -1)
		}
		c.open[e.Block] = len(c.Blocks)
		c.Blocks = append(c.Blocks, Block{Kind: e.What, ID: keep(e.ID), Name: keep(e.Name), Sealed: e.Sealed.keep()})
	case Delta:
		if b := c.block(e.Block); b != nil {
			b.Text = append(b.Text, e.Text...)
			b.Probs = b.Probs.Join(e.Probs)
		}
	case Seal:
		if b := c.block(e.Block); b != nil {
			b.Sealed = e.Sealed.keep()
		}
	case Cite:
		if b := c.block(e.Block); b != nil {
			b.Cites = append(b.Cites, e.Cite.keep())
		}
	case Report:
		c.Counts, c.Reported, c.Tier = e.Counts, true, e.Tier
	case Stop:
		c.Reason, c.Match = e.Reason, keep(e.Match)
	case Close:
	}
}

func (c *Completion) block(n int) *Block {
	if n < 0 || n >= len(c.open) || c.open[n] < 0 {
		return nil
	}
	return &c.Blocks[c.open[n]]
}

// Choice is one of the answers, nil if there is none.
func (c *Completion) Choice(i int) *Completion {
	switch {
	case i == 0:
		return c
	case i <= len(c.More):
		return &c.More[i-1]
	}
	return nil
}

func keep(t Text) Text { return append(Text(nil), t...) }

func (s Sealed) keep() Sealed { return Sealed{Origin: s.Origin, Data: keep(s.Data), Alone: s.Alone} }
