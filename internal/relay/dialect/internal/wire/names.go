package wire

// names are of members that stand in each event of a stream: told without a copy, which is all that reading an event would allocate.
var names = index( //nolint:gochecknoglobals // a constant table
	"annotations", "args", "arguments", "avgLogprobs", "cacheTokensDetails", "cachedContentTokenCount", "candidates", "candidatesTokenCount",
	"candidatesTokensDetails", "choices", "citationMetadata", "content", "content_block", "content_index", "contentBlockDelta",
	"contentBlockIndex", "contentBlockStart", "contentBlockStop", "created", "delta", "error", "finishReason", "finish_reason", "function",
	"functionCall", "groundingMetadata", "id", "index", "input", "item", "item_id", "logprobs", "message", "messageStart", "messageStop",
	"metadata", "modality", "model", "modelVersion", "name", "object", "obfuscation", "output_index", "p", "partial_json", "parts",
	"promptTokenCount", "promptTokensDetails", "reasoning", "reasoningContent", "reasoning_content", "refusal", "responseId", "role",
	"safetyRatings", "sequence_number", "service_tier", "signature", "start", "stop", "stopReason", "stop_reason", "stop_sequence",
	"system_fingerprint", "text", "thinking", "thought", "thoughtSignature", "thoughtsTokenCount", "tokenCount", "toolUse",
	"toolUsePromptTokenCount", "tool_calls", "totalTokenCount", "trafficType", "type", "usage", "usageMetadata",
)

func index(names ...string) map[string]string {
	m := make(map[string]string, len(names))
	for _, n := range names {
		m[n] = n
	}
	return m
}

func nameOf(k []byte) string {
	if n, ok := names[string(k)]; ok {
		return n
	}
	return string(k)
}
