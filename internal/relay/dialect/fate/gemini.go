package fate

import "slices"

// outcome is what becomes of a member at one upstream.
type outcome struct {
	field string
	fate  Fate
	note  string
}

// withGemini adds to the rows of a client what becomes of its members at Gemini.
func withGemini(rows []Row, outcomes []outcome) []Row {
	for _, o := range outcomes {
		if o.note != "" {
			o.note = "Gemini: " + o.note
		}
		at := slices.IndexFunc(rows, func(r Row) bool { return r.Field == o.field })
		if at < 0 {
			rows = append(rows, Row{Client: rows[0].Client, Field: o.field, To: map[string]Fate{gemini: o.fate}, Note: o.note})
			continue
		}
		r := &rows[at]
		r.To[gemini] = o.fate
		switch {
		case r.Note == "":
			r.Note = o.note
		case o.note != "":
			r.Note += "; " + o.note
		}
	}
	return rows
}

func chatToGemini() []outcome {
	return []outcome{
		{"messages", Lossless, ""},
		{"messages.role.system", Approximated, "leading ones become `systemInstruction`; later ones become tagged text"},
		{"messages.name", Dropped, ""},
		{"messages.refusal", Approximated, ""},
		{"image_url", Lossless, "data URIs become `inlineData` with the type that the bytes say; what stands at an address is fetched, and becomes `fileData` at Vertex AI, which looks it up itself"},
		{"image_url.detail", Approximated, "a `mediaResolution` where the model takes one"},
		{"input_audio", Lossless, ""},
		{"file.file_data", Lossless, "`inlineData`"},
		{"file.file_id", Rejected, ""},
		{"tool_calls", Lossless, ""},
		{"tool_calls.function.arguments", Approximated, ""},
		{"tool_calls.extra_content", Lossless, "the signature of a call; where it is missing and the model wants one, a stand-in (approximated)"},
		{"messages.role.tool", Lossless, "answers in the order of the calls; an object stays as it is, all else is wrapped in `result`"},
		{"tools", Lossless, "`parametersJsonSchema`"},
		{"tools.strict", Lossless, "the mode VALIDATED; not enforced by older models (approximated)"},
		{"tools.custom", Approximated, ""},
		{"tools.custom.format", Rejected, ""},
		{"functions", Lossless, ""},
		{"tool_choice", Lossless, ""},
		{"tool_choice.allowed_tools", Approximated, "lossless where one of them is required"},
		{"parallel_tool_calls", Dropped, ""},
		{"max_completion_tokens", Lossless, "thoughts count as a part of it"},
		{"temperature", Lossless, ""},
		{"top_p", Lossless, ""},
		{"stop", Lossless, "more than five are rejected"},
		{"n", Lossless, "up to eight"},
		{"seed", Lossless, "rejected where it is wider than 32 bits"},
		{"presence_penalty", Lossless, "dropped where the model takes none"},
		{"frequency_penalty", Lossless, "dropped where the model takes none"},
		{"reasoning_effort", Lossless, "a level or a budget of thoughts by the model's kind; approximated where the model knows no such effort"},
		{"reasoning_details", Lossless, "what Gemini sealed goes back to it; what others sealed is dropped"},
		{"response_format", Lossless, "rejected together with tools where the model cannot do both"},
		{"service_tier", Lossless, ""},
		{"user", Dropped, ""},
		{"safety_identifier", Dropped, ""},
		{"logprobs", Lossless, "the bytes of a token are those of its text"},
		{"top_logprobs", Lossless, ""},
		{"logit_bias", Rejected, ""},
		{"verbosity", Dropped, ""},
		{"prediction", Dropped, ""},
		{"store", Dropped, ""},
		{"prompt_cache_key", Dropped, ""},
		{"prompt_cache_retention", Dropped, ""},
		{"prompt_cache_options", Dropped, ""},
		{"prompt_cache_breakpoint", Meaningless, "the cache there works by itself"},
		{"metadata", Dropped, ""},
		{"modalities", Rejected, ""},
		{"audio", Rejected, ""},
		{"moderation", Rejected, ""},
		{"web_search_options", Approximated, "rejected together with tools where the model cannot do both"},
	}
}

func messagesToGemini() []outcome {
	return []outcome{
		{"system", Lossless, ""},
		{"messages", Lossless, "results of tools become a content of their own before the user's text"},
		{"messages.role.system", Approximated, "becomes tagged text"},
		{"tool_result.is_error", Lossless, "`error` in place of `result`"},
		{"tool_result.image", Approximated, "a part behind the results"},
		{"thinking", Lossless, "what Gemini sealed goes back to it; what others sealed is dropped"},
		{"document", Lossless, "its title is left out"},
		{"citations", Dropped, ""},
		{"search_result", Approximated, ""},
		{"tools", Lossless, "`parametersJsonSchema`"},
		{"tools.strict", Lossless, "the mode VALIDATED; not enforced by older models (approximated)"},
		{"tools.defer_loading", Dropped, ""},
		{"tools.input_examples", Dropped, ""},
		{"tools.allowed_callers", Dropped, ""},
		{"tools.eager_input_streaming", Dropped, ""},
		{"tools.web_search", Approximated, "dropped together with other tools where the model cannot do both"},
		{"tools.bash", Approximated, ""},
		{"tools.text_editor", Approximated, ""},
		{"tools.memory", Approximated, ""},
		{"tools.computer", Dropped, ""},
		{"tools.code_execution", Rejected, ""},
		{"tools.mcp_toolset", Rejected, ""},
		{"tool_choice", Lossless, ""},
		{"tool_choice.disable_parallel_tool_use", Dropped, ""},
		{"max_tokens", Lossless, ""},
		{"temperature", Lossless, ""},
		{"top_p", Lossless, ""},
		{"top_k", Lossless, ""},
		{"stop_sequences", Lossless, "more than five are rejected"},
		{"output_config.effort", Lossless, "approximated where the model knows no such effort"},
		{"output_config.format", Lossless, "rejected together with tools where the model cannot do both"},
		{"thinking.budget", Approximated, "the nearest level where the model thinks by levels"},
		{"metadata.user_id", Dropped, ""},
		{"service_tier", Lossless, ""},
		{"cache_control", Meaningless, ""},
		{"context_management", Dropped, ""},
		{"container", Dropped, ""},
		{"inference_geo", Dropped, ""},
		{"fallbacks", Dropped, ""},
		{"diagnostics", Dropped, ""},
		{"mcp_servers", Rejected, ""},
		{"speed", Dropped, ""},
	}
}

// responsesToGemini is what becomes of the members of a Responses request: the same as at Anthropic, but for a few.
func responsesToGemini(rows []Row) []outcome {
	differ := map[string]outcome{
		"tools.strict":              {fate: Lossless, note: "the mode VALIDATED; not enforced by older models (approximated)"},
		"input_audio":               {fate: Lossless},
		"input_image.detail":        {fate: Approximated, note: "a `mediaResolution` where the model takes one"},
		"input.role.developer":      {fate: Approximated, note: "later ones become tagged text"},
		"tool_choice":               {fate: Lossless, note: "one of the vendor's own tools is rejected"},
		"tool_choice.allowed_tools": {fate: Approximated, note: "lossless where one of them is required"},
		"parallel_tool_calls":       {fate: Dropped},
		"max_output_tokens":         {fate: Lossless, note: "thoughts count as a part of it"},
		"text.format":               {fate: Lossless, note: "rejected together with tools where the model cannot do both"},
		"user":                      {fate: Dropped},
		"safety_identifier":         {fate: Dropped},
	}
	out := make([]outcome, 0, len(rows))
	for _, r := range rows {
		o, ok := differ[r.Field]
		if !ok {
			o.fate = r.To[anthropic]
		}
		o.field = r.Field
		out = append(out, o)
	}
	return out
}

// contentsRows are what becomes of the request of a client of Gemini.
func contentsRows() []Row {
	row := func(field string, chat, messages Fate, note string) Row {
		return Row{Client: gemini, Field: field, To: map[string]Fate{openai: chat, anthropic: messages}, Note: note}
	}
	return []Row{
		row("contents", Lossless, Lossless, "contents of the model that follow each other become one turn"),
		row("systemInstruction", Lossless, Lossless, ""),
		row("parts.inlineData", Lossless, Lossless, "audio is rejected where the vendor takes none"),
		row("parts.fileData", Lossless, Lossless, "documents at an address are fetched for OpenAI"),
		row("parts.thoughtSignature", Meaningless, Lossless, "a vendor gets back what it sealed itself"),
		row("parts.functionCall", Lossless, Lossless, "calls without an id get one"),
		row("parts.functionResponse", Lossless, Lossless, "without an id by name and order; a text alone in its object is the text itself"),
		row("parts.functionResponse.parts", Approximated, Lossless, "pictures in answers of tools"),
		row("parts.videoMetadata", Dropped, Dropped, ""),
		row("parts.mediaResolution", Dropped, Dropped, ""),
		row("parts.executableCode", Dropped, Dropped, ""),
		row("parts.codeExecutionResult", Dropped, Dropped, ""),
		row("parts.toolCall", Dropped, Dropped, ""),
		row("parts.toolResponse", Dropped, Dropped, ""),
		row("tools.functionDeclarations", Lossless, Lossless, "`parameters` become JSON Schema"),
		row("tools.behavior", Dropped, Dropped, ""),
		row("tools.googleSearch", Approximated, Approximated, "by models that search (OpenAI: its search models); dropped, or refused at Gemini itself, where a search has no price"),
		row("tools.googleSearchRetrieval", Dropped, Dropped, "rejected at Gemini itself"),
		row("tools.enterpriseWebSearch", Dropped, Dropped, "rejected at Gemini itself"),
		row("tools.googleMaps", Rejected, Rejected, "also at Gemini itself"),
		row("tools.fileSearch", Rejected, Rejected, "also at Gemini itself"),
		row("tools.retrieval", Rejected, Rejected, "also at Gemini itself"),
		row("tools.urlContext", Rejected, Rejected, ""),
		row("tools.codeExecution", Rejected, Rejected, ""),
		row("tools.computerUse", Rejected, Rejected, ""),
		row("tools.mcpServers", Rejected, Rejected, ""),
		row("toolConfig.functionCallingConfig", Lossless, Lossless, "VALIDATED becomes auto (approximated)"),
		row("toolConfig.functionCallingConfig.allowedFunctionNames", Approximated, Approximated, "one name is forced; more leave those tools"),
		row("toolConfig.retrievalConfig", Dropped, Dropped, ""),
		row("generationConfig.maxOutputTokens", Lossless, Lossless, ""),
		row("generationConfig.temperature", Lossless, Lossless, "above 1 it becomes 1 at Anthropic (approximated)"),
		row("generationConfig.topP", Lossless, Lossless, ""),
		row("generationConfig.topK", Dropped, Lossless, ""),
		row("generationConfig.stopSequences", Lossless, Lossless, "more than four are rejected at OpenAI"),
		row("generationConfig.candidateCount", Lossless, Rejected, "above 1"),
		row("generationConfig.seed", Lossless, Dropped, ""),
		row("generationConfig.presencePenalty", Lossless, Dropped, ""),
		row("generationConfig.frequencyPenalty", Lossless, Dropped, ""),
		row("generationConfig.responseMimeType", Lossless, Approximated, "JSON without a schema is asked for by nothing but the prompt at Anthropic; other types than JSON are rejected"),
		row("generationConfig.responseSchema", Lossless, Lossless, "becomes JSON Schema"),
		row("generationConfig.responseJsonSchema", Lossless, Lossless, "a wish to OpenAI (approximated) where it does not close and require all that it names"),
		row("generationConfig.thinkingConfig", Lossless, Lossless, "budgets become efforts, approximated, where the model thinks by those"),
		row("generationConfig.responseLogprobs", Lossless, Rejected, "rejected where the model tells none"),
		row("generationConfig.logprobs", Lossless, Rejected, ""),
		row("generationConfig.responseModalities", Rejected, Rejected, "other than text"),
		row("generationConfig.speechConfig", Rejected, Rejected, ""),
		row("generationConfig.imageConfig", Rejected, Rejected, ""),
		row("generationConfig.mediaResolution", Dropped, Dropped, ""),
		row("generationConfig.audioTimestamp", Dropped, Dropped, ""),
		row("generationConfig.routingConfig", Dropped, Dropped, ""),
		row("generationConfig.enableEnhancedCivicAnswers", Dropped, Dropped, ""),
		row("generationConfig.enableAffectiveDialog", Dropped, Dropped, ""),
		row("cachedContent", Rejected, Rejected, "also at Gemini itself: what a vendor keeps it keeps for all clients of an account together"),
		row("safetySettings", Dropped, Dropped, ""),
		row("labels", Dropped, Dropped, ""),
		row("store", Dropped, Dropped, ""),
	}
}
