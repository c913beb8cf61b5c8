package openaichat

// fieldNames are what the format calls members that others know too.
var fieldNames = map[string]string{ //nolint:gochecknoglobals // a constant table
	"reasoning": "messages.reasoning_details", "thought_signature": "tool_calls.extra_content", "thinking": "reasoning_effort",
	"thinking.budget": "reasoning_effort", "max_tokens": "max_completion_tokens", "document": "file.file_data", "document_url": "file.file_data",
	"document.source.url": "file.file_data", "document.source.file_id": "file.file_id", "image.source.file_id": "image_url", "file_id": "file.file_id",
	"tool_result.image": "messages.role.tool", "tool_result.is_error": "messages.role.tool",
}
