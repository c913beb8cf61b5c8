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
