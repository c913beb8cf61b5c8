package openairesponses

// words are what the format calls members that others know too.
var words = map[string]string{ //nolint:gochecknoglobals // a constant table
	"messages": "input", "messages.role.system": "input.role.developer", "messages.refusal": "input.refusal", "reasoning": "input.reasoning",
	"thought_signature": "input.reasoning", "thinking": "reasoning.effort", "thinking.budget": "reasoning.effort", "reasoning_effort": "reasoning.effort",
	"finish_reason": "status", "response_format": "text.format", "max_completion_tokens": "max_output_tokens", "max_tokens": "max_output_tokens", "logprobs": "top_logprobs",
	"image_url": "input_image", "image.source.file_id": "input_image.file_id", "file_id": "input_image.file_id", "file.file_id": "input_file.file_id",
	"document.source.file_id": "input_file.file_id", "document": "input_file", "document.source.url": "input_file.file_url",
	"document_url": "input_file.file_url", "file.file_data": "input_file.file_data", "file.filename": "input_file.filename",
	"tool_calls.function.arguments": "input.function_call", "tool_result.image": "input.function_call_output",
	"tool_result.is_error": "input.function_call_output",
}
