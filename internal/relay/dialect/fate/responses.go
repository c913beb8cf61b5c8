package fate

// responses is the format of the OpenAI Responses API.
const responses = "openai_responses"

// responsesRows are the members of a Responses request. To an upstream of OpenAI they pass as they are, but for the few of which
// the second column says otherwise.
func responsesRows() []Row {
	row := func(field string, toAnthropic, toOpenAI Fate, note string) Row {
		return Row{Client: responses, Field: field, To: map[string]Fate{anthropic: toAnthropic, openai: toOpenAI}, Note: note}
	}
	same := func(field string, f Fate, note string) Row { return row(field, f, Lossless, note) }
	return []Row{
		same("instructions", Lossless, "the first block of `system`"),
		same("input", Lossless, "neighbouring items of one side become one turn; a history that begins with the assistant gets a first user turn (approximated)"),
		same("input.role.developer", Approximated, "leading ones become `system`; later ones stay in place where the model allows it, and become tagged text where not"),
		same("input.phase", Approximated, "left out"),
		same("input.refusal", Approximated, "becomes text"),
		same("input_text", Lossless, ""),
		same("input_image", Lossless, "data URIs become base64 with the type that the bytes say; addresses stay addresses"),
		same("input_image.detail", Meaningless, ""),
		same("input_image.file_id", Rejected, ""),
		same("input_audio", Rejected, ""),
		same("input_file.file_data", Lossless, "becomes a document with the file's name as title"),
		same("input_file.file_url", Lossless, ""),
		same("input_file.file_id", Rejected, ""),
		same("input.function_call", Lossless, "arguments keep their bytes; ids are made fit"),
		same("input.function_call_output", Lossless, ""),
		same("input.custom_tool_call", Approximated, "the function that stands for the tool"),
		row("input.reasoning", Lossless, Lossless, "encrypted thoughts go back, under their id, to the vendor who made them; dropped for another, and without encrypted_content"),
		same("input.compaction", Rejected, ""),
		same("input.web_search_call", Dropped, "as all items of the vendor's own tools"),
		row("input.item_reference", Rejected, Rejected, "no answers are kept"),
		same("tools.function", Lossless, ""),
		same("tools.strict", Approximated, "not enforced"),
		same("tools.namespace", Approximated, "functions `ns__name`; calls get their namespace back"),
		same("tools.custom", Approximated, "a function with one text, `input`"),
		same("tools.custom.format", Rejected, "a grammar"),
		row("tools.web_search", Approximated, Lossless, "dropped where a search has no price"),
		row("tools.file_search", Rejected, Rejected, ""),
		row("tools.code_interpreter", Rejected, Rejected, ""),
		row("tools.image_generation", Rejected, Rejected, ""),
		row("tools.shell", Rejected, Rejected, ""),
		same("tools.computer", Rejected, ""),
		same("tools.mcp", Rejected, ""),
		same("tools.local_shell", Rejected, ""),
		same("tools.apply_patch", Rejected, ""),
		same("tools.tool_search", Rejected, ""),
		row("tools.programmatic_tool_calling", Rejected, Rejected, ""),
		same("tool_choice", Lossless, "a forced call is rejected where the model cannot be forced, or thinks by a budget; one of the vendor's own tools always"),
		same("tool_choice.allowed_tools", Approximated, "the other tools are left out"),
		same("parallel_tool_calls", Lossless, ""),
		same("max_output_tokens", Lossless, "the catalogue's longest answer if it is absent"),
		same("max_tool_calls", Dropped, ""),
		same("temperature", Lossless, "above 1 it becomes 1 (approximated); dropped where the model takes none"),
		same("top_p", Lossless, "dropped where the model takes none"),
		same("top_logprobs", Rejected, ""),
		same("include", Meaningless, "encrypted thoughts come in any case"),
		same("include.message.output_text.logprobs", Rejected, ""),
		same("text.format", Lossless, "json_schema; json_object is approximated by nothing but the prompt"),
		same("text.verbosity", Dropped, ""),
		same("reasoning.effort", Lossless, "an effort or a budget of thoughts by the model's kind; approximated where the model knows no such effort"),
		same("reasoning.summary", Lossless, "thoughts are shown if it is there, and come sealed if not"),
		same("reasoning.context", Dropped, ""),
		same("reasoning.mode", Dropped, ""),
		same("service_tier", Lossless, "auto and default"),
		same("user", Approximated, "hashed"),
		same("safety_identifier", Approximated, "hashed"),
		row("store", Lossless, Lossless, "the relay stores the response if the tenant has that turned on, no upstream does; elsewhere absent means false and true is rejected"),
		row("previous_response_id", Rejected, Rejected, "lossless where the tenant has responses stored: its conversation is put into the input"),
		row("conversation", Rejected, Rejected, "there are no conversation objects"),
		row("background", Rejected, Rejected, "nothing runs on without its client"),
		row("prompt", Rejected, Rejected, "no prompts are kept"),
		same("context_management", Dropped, ""),
		same("truncation", Dropped, "auto"),
		same("metadata", Dropped, ""),
		same("client_metadata", Dropped, ""),
		same("prompt_cache_key", Dropped, ""),
		same("prompt_cache_retention", Dropped, ""),
		same("prompt_cache_options", Dropped, ""),
		same("stream_options", Meaningless, "obfuscation pads events, no more"),
		same("moderation", Rejected, ""),
	}
}

// toResponsesRows are the members of other formats' requests that an upstream of the Responses API takes otherwise than one of chat
// completions. They are not in the documentation as long as no such request goes there.
func toResponsesRows() []Row {
	row := func(client, field string, f Fate, note string) Row {
		return Row{Client: client, Field: field, To: map[string]Fate{responses: f}, Note: note}
	}
	return []Row{
		row(openai, "verbosity", Dropped, ""),
		row(openai, "seed", Dropped, ""),
		row(openai, "presence_penalty", Dropped, "0 is left out"),
		row(openai, "frequency_penalty", Dropped, "0 is left out"),
		row(openai, "logit_bias", Rejected, ""),
		row(openai, "logprobs", Rejected, ""),
		row(openai, "top_logprobs", Rejected, ""),
		row(openai, "prediction", Rejected, ""),
		row(openai, "modalities", Rejected, "other than text"),
		row(openai, "audio", Rejected, ""),
		row(openai, "moderation", Rejected, ""),
		row(anthropic, "stop_sequences", Rejected, ""),
		row(anthropic, "tools.web_search", Dropped, ""),
		row(anthropic, "tools.code_execution", Rejected, ""),
		row(anthropic, "tools.mcp_toolset", Rejected, ""),
		row(anthropic, "mcp_servers", Rejected, ""),
		row(anthropic, "cache_control", Meaningless, "the cache there works by itself"),
	}
}
