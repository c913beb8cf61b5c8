package wire

import "starlane/internal/relay/llm"

// ResultsFirst brings the results of tools to the front of a user's turn, where vendors want them.
func ResultsFirst(blocks []llm.Block) []llm.Block {
	first, rest := make([]llm.Block, 0, len(blocks)), make([]llm.Block, 0, len(blocks))
	for _, b := range blocks {
		if b.Kind == llm.ToolResult {
			first = append(first, b)
		} else {
			rest = append(rest, b)
		}
	}
	return append(first, rest...)
}

// Blank tells whether a text is white space alone, which vendors take nowhere.
func Blank(t llm.Text) bool {
	for len(t) > 0 {
		switch {
		case t[0] == ' ':
			t = t[1:]
		case len(t) > 1 && t[0] == '\\' && (t[1] == 'n' || t[1] == 'r' || t[1] == 't'):
			t = t[2:]
		default:
			return false
		}
	}
	return true
}

// Turns merges neighbours of one role, which no vendor but OpenAI takes. Instructions in the middle become tagged text of the
// user's turn but where inPlace says that the model takes them there, behind the turns so far; nil: nowhere.
func Turns(p *llm.Prompt, n *llm.Notes, inPlace func(i int, soFar []llm.Turn) bool) []llm.Turn {
	var out []llm.Turn
	for i := range p.Turns {
		t := p.Turns[i]
		if len(t.Name) > 0 {
			n.Drop("messages.name")
		}
		if t.Role == llm.System {
			if inPlace != nil && inPlace(i, out) {
				out = append(out, t)
				continue
			}
			t = Tagged(&t)
			n.Approx("messages.role.system")
		}
		if last := len(out) - 1; last >= 0 && out[last].Role == t.Role {
			out[last].Blocks = append(out[last].Blocks, t.Blocks...)
			continue
		}
		out = append(out, t)
	}
	return out
}
