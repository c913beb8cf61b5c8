package wire

import "starlane/internal/relay/llm"

// CallSealer is the only vendor whose artifacts belong to a call of a tool. Its own format, and OpenAI's chat, have a place for
// them there; in the others they travel in an empty thought before the call.
const CallSealer llm.Origin = "gemini"

// AddBlock appends a block to a turn of the model. What travelled in an empty thought before a call goes back to the call.
func AddBlock(blocks []llm.Block, b llm.Block) []llm.Block {
	if n := len(blocks); n > 0 && b.Kind == llm.ToolCall {
		t := &blocks[n-1]
		if t.Kind == llm.Thinking && len(t.Text) == 0 && len(t.Sealed.Data) > 0 && t.Sealed.Origin == CallSealer {
			b.Sealed = t.Sealed
			blocks[n-1] = b
			return blocks
		}
	}
	return append(blocks, b)
}
