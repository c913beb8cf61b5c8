package dialect

import (
	"starlane/internal/platform/id"
	"starlane/internal/relay/llm"
)

// Kept is what a model thought before it called a tool, and behind the call before.
type Kept struct {
	Thoughts []llm.Block // in order
	Call     llm.Sealed  // the artifact of the call itself
}

// Keeper keeps for a while what is behind the tool calls of a tenant, for clients that do not give it back with the results.
type Keeper interface {
	// Keep takes what is behind a call. It does not block.
	Keep(tenant id.ID, call llm.Text, k Kept)
	// Find returns it. False: nothing is known of the call.
	Find(tenant id.ID, call llm.Text) (Kept, bool)
}

// keeping collects what is behind the calls of one answer.
type keeping struct {
	thoughts []llm.Block // since the last call
	calls    []keptCall
	size     int
}

type keptCall struct {
	id llm.Text
	Kept
}

// Take implements llm.Sink. It copies what it keeps.
func (k *keeping) Take(e *llm.Event) {
	switch {
	case e.Choice > 0: // a conversation goes on from one of its answers, nearly always the first
	case e.Kind == llm.Open && e.What == llm.Thinking:
		k.thoughts = append(k.thoughts, llm.Block{Kind: llm.Thinking})
	case e.Kind == llm.Open && e.What == llm.ToolCall:
		k.size += len(e.Sealed.Data)
		k.calls = append(k.calls, keptCall{clone(e.ID), Kept{Thoughts: k.thoughts, Call: sealedCopy(e.Sealed)}})
		k.thoughts = nil
	case e.Kind == llm.Delta && e.What == llm.Thinking && len(k.thoughts) > 0:
		if k.size += len(e.Text); k.size <= maxKept {
			last := &k.thoughts[len(k.thoughts)-1]
			last.Text = append(last.Text, e.Text...)
		}
	case e.Kind == llm.Seal:
		k.size += len(e.Sealed.Data)
		if n := len(k.thoughts); e.What == llm.Thinking && n > 0 {
			k.thoughts[n-1].Sealed = sealedCopy(e.Sealed)
		}
	}
}

func sealedCopy(s llm.Sealed) llm.Sealed {
	return llm.Sealed{Origin: s.Origin, Data: clone(s.Data), Alone: s.Alone}
}

// done hands what was collected to a keeper. A vendor wants all of an answer's thoughts or none, so of too many none is kept.
func (k *keeping) done(to Keeper, tenant id.ID) {
	if to == nil || k.size > maxKept {
		return
	}
	for _, c := range k.calls {
		if len(c.id) > 0 && (sealedBy(c.Thoughts) != "" || len(c.Call.Data) > 0) {
			to.Keep(tenant, c.id, c.Kept)
		}
	}
}

// Collector keeps what is behind the calls of an answer that passes. It implements llm.Sink.
type Collector struct {
	keeping
	to     Keeper
	tenant id.ID
}

// NewCollector collects for a tenant.
func NewCollector(to Keeper, tenant id.ID) *Collector { return &Collector{to: to, tenant: tenant} }

// Done hands what was collected to the keeper.
func (c *Collector) Done() {
	c.done(c.to, c.tenant)
	c.keeping = keeping{}
}

// sealedBy is who sealed the thoughts, empty if nobody did.
func sealedBy(thoughts []llm.Block) llm.Origin {
	for i := range thoughts {
		if s := &thoughts[i].Sealed; len(s.Data) > 0 {
			return s.Origin
		}
	}
	return ""
}

// restore gives the turns in which a model is still at work with tools what their client did not give back, if the same vendor
// is to go on. Turns before that are history, of which no vendor wants the thoughts.
func restore(from Keeper, tenant id.ID, turns []llm.Turn, origin llm.Origin) {
	for i := len(turns) - 1; i >= 0; i-- {
		t := &turns[i]
		switch t.Role {
		case llm.User:
			if !onlyResults(t.Blocks) {
				return
			}
		case llm.Assistant:
			if sealedBy(t.Blocks) == "" && !restoreTurn(from, tenant, t, origin) {
				return
			}
		case llm.System:
		}
	}
}

func onlyResults(blocks []llm.Block) bool {
	for i := range blocks {
		if blocks[i].Kind != llm.ToolResult {
			return false
		}
	}
	return true
}

// restoreTurn is false if nothing is known of the turn's calls.
func restoreTurn(from Keeper, tenant id.ID, t *llm.Turn, origin llm.Origin) bool {
	var front, rest []llm.Block
	calls := 0
	for _, b := range t.Blocks {
		switch b.Kind {
		case llm.Thinking: // without a seal: what is kept is the same with one
			continue
		case llm.ToolCall:
			kept, ok := from.Find(tenant, b.ID)
			if !ok && calls == 0 {
				return false
			}
			if kept.Call.Origin == origin {
				b.Sealed = kept.Call
			}
			if sealedBy(kept.Thoughts) == origin {
				if calls == 0 { // a turn begins with what was thought
					front = kept.Thoughts
				} else {
					rest = append(rest, kept.Thoughts...)
				}
			}
			calls++
		case llm.TextBlock, llm.Refusal, llm.Image, llm.Audio, llm.Document, llm.ToolResult:
		}
		rest = append(rest, b)
	}
	if calls > 0 {
		t.Blocks = append(append([]llm.Block(nil), front...), rest...)
	}
	return calls > 0
}
