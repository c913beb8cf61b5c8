// Package fate holds the table of what becomes of each member of a client's request when it goes to an upstream of another
// format. Translations act by it, their tests cover it row by row, and docs/protocols.md is printed from it.
package fate

import "starlane/internal/relay/llm"

// Fate is what becomes of a member.
type Fate uint8

// The fates.
const (
	Dropped      Fate = iota // left out, with a warning: what only nudges quality, cost or routing
	Lossless                 // means the same there
	Approximated             // done as nearly as possible, with a warning where it differs
	Meaningless              // left out without a warning: it says nothing about the answer
	Rejected                 // refused: without it the answer would be another one than asked for
)

func (f Fate) String() string {
	return [...]string{"dropped", "lossless", "approximated", "left out", "rejected"}[f]
}

// Row is the fate of one member by the upstream's format.
type Row struct {
	Client, Field string
	To            map[string]Fate
	Note          string // for the documentation
}

// Of finds the fate of a member; what the table does not know is dropped.
func Of(client, upstream, field string) Fate {
	f, _ := at(client, index()[key{client, field}], upstream)
	return f
}

// At is the fate at an upstream; false if the table does not know it.
func (r *Row) At(upstream string) (Fate, bool) { return at(r.Client, r.To, upstream) }

// at finds a fate; of an upstream that is like another one only what differs is in the table.
func at(client string, to map[string]Fate, upstream string) (f Fate, known bool) {
	if f, known = to[upstream]; known {
		return f, true
	}
	switch {
	case upstream == vertexGemini:
		upstream = gemini
	case upstream == Compatible && client == responses: // passes to OpenAI, as it does not to chat
		upstream = anthropic
	case upstream == Compatible:
		upstream = openai
	}
	f, known = to[upstream]
	return f, known
}

type key struct{ client, field string }

// Apply judges the members that have no neutral form.
func Apply(upstream string, p *llm.Prompt, n *llm.Notes) {
	for _, x := range p.Extras {
		if harmless(x.Value) {
			continue
		}
		switch Of(p.Client, upstream, x.Name) {
		case Rejected:
			n.Reject(x.Name)
		case Approximated:
			n.Approx(x.Name)
		case Dropped:
			n.Drop(x.Name)
		case Lossless, Meaningless:
		}
	}
}

// harmless tells values that ask for nothing.
func harmless(v llm.Raw) bool {
	switch string(v) {
	case "null", "false", "0", "0.0", "{}", "[]", `""`:
		return true
	}
	return false
}
