package wire

import "starlane/internal/relay/llm"

// Tagged makes an instruction in the middle of a conversation a part of the user's turn that can be told from what the user says.
func Tagged(t *llm.Turn) llm.Turn {
	blocks := make([]llm.Block, 0, len(t.Blocks))
	for _, b := range t.Blocks {
		text := append([]byte(`<system>\n`), b.Text...)
		blocks = append(blocks, llm.Block{Kind: llm.TextBlock, Text: append(text, `\n</system>`...), Cache: b.Cache})
	}
	return llm.Turn{Role: llm.User, Blocks: blocks}
}
