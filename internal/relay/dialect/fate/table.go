package fate

//go:generate go run starlane/internal/cmd/protocoldoc ../../../../docs/protocols.md

import (
	"maps"
	"slices"
	"sync"
)

// The formats, by the names of their dialects.
const (
	openai    = "openai"
	anthropic = "anthropic"
	gemini    = "gemini"
	// vertexGemini is the format gemini as Vertex AI serves it.
	vertexGemini = "vertex_gemini"
	// Compatible is OpenAI's chat format as other vendors speak it.
	Compatible = "openai_compatible"
)

var index = sync.OnceValue(func() map[key]map[string]Fate { //nolint:gochecknoglobals // made once of the table
	m := make(map[key]map[string]Fate)
	for _, r := range slices.Concat(Table(), toResponsesRows(), ownRows()) {
		k := key{r.Client, r.Field}
		if m[k] == nil {
			m[k] = make(map[string]Fate, len(r.To))
		}
		maps.Copy(m[k], r.To)
	}
	return m
})

// Table lists all rows, in the order of the documentation.
func Table() []Row {
	return slices.Concat(
		withVertex(withBedrock(withGemini(chatRows(), chatToGemini()), anthropic, chatToBedrock())),
		withVertex(withBedrock(withGemini(messagesRows(), messagesToGemini()), openai, messagesToBedrock())),
		withVertex(withBedrock(withGemini(responsesRows(), responsesToGemini(responsesRows())), anthropic, responsesToBedrock())),
		withBedrock(contentsRows(), anthropic, contentsToBedrock()),
		imagesRows(),
		withVertex(completionsRows()),
		embeddingsRows(),
	)
}

// ownRows are members of Messages that go back to Anthropic as they are, where a request is written anew for it.
func ownRows() (rows []Row) {
	for _, name := range [...]string{"tools.bash", "tools.text_editor", "tools.memory"} {
		rows = append(rows, Row{Client: anthropic, Field: name, To: map[string]Fate{anthropic: Lossless}})
	}
	return rows
}

func chatRows() []Row {
	row := func(field string, f Fate, note string) Row {
		return Row{Client: openai, Field: field, To: map[string]Fate{anthropic: f}, Note: note}
	}
	return []Row{
		row("messages", Lossless, "neighbours of one role become one turn; a history that begins with the assistant gets a first user turn (approximated)"),
		row("messages.role.system", Approximated, "leading ones become `system`; later ones stay in place where the model allows it, and become tagged text where not"),
		row("messages.name", Dropped, ""),
		row("messages.refusal", Approximated, "becomes text"),
		row("image_url", Lossless, "data URIs become base64 with the type that the bytes say; addresses stay addresses"),
		row("image_url.detail", Meaningless, ""),
		row("input_audio", Rejected, ""),
		row("file.file_data", Lossless, "becomes a document with the file's name as title"),
		row("file.file_id", Rejected, ""),
		row("tool_calls", Lossless, "arguments keep their bytes; ids are made fit"),
		row("tool_calls.function.arguments", Approximated, "only if they are no JSON object: kept as `_invalid_json`"),
		row("tools", Lossless, ""),
		row("tools.strict", Lossless, "rules of the schema that the vendor does not know become words (approximated)"),
		row("tools.custom", Approximated, "a function with one text, `input`"),
		row("tools.custom.format", Rejected, "a grammar"),
		row("functions", Lossless, "as tools; an answer has one call, as `function_call`"),
		row("tool_choice", Lossless, "a forced call is rejected where the model cannot be forced, or thinks by a budget"),
		row("tool_choice.allowed_tools", Approximated, "the other tools are left out"),
		row("parallel_tool_calls", Lossless, ""),
		row("max_completion_tokens", Lossless, "the catalogue's longest answer if it is absent"),
		row("temperature", Lossless, "above 1 it becomes 1 (approximated); dropped where the model takes none"),
		row("top_p", Lossless, "dropped where the model takes none"),
		row("stop", Lossless, "white space alone is rejected"),
		row("n", Rejected, "above 1"),
		row("reasoning_effort", Lossless, "an effort or a budget of thoughts by the model's kind; approximated where the model knows no such effort"),
		row("response_format", Lossless, "json_schema; by a forced tool of that form for models that know no other way (approximated), rejected while those think by a budget; json_object is approximated by nothing but the prompt"),
		row("service_tier", Lossless, "auto and default"),
		row("user", Approximated, "hashed"),
		row("safety_identifier", Approximated, "hashed"),
		row("seed", Dropped, ""),
		row("logprobs", Rejected, ""),
		row("top_logprobs", Rejected, ""),
		row("logit_bias", Rejected, ""),
		row("presence_penalty", Dropped, "0 is left out"),
		row("frequency_penalty", Dropped, "0 is left out"),
		row("verbosity", Dropped, ""),
		row("prediction", Dropped, ""),
		row("store", Dropped, ""),
		row("prompt_cache_key", Dropped, ""),
		row("prompt_cache_retention", Dropped, ""),
		row("prompt_cache_options", Dropped, ""),
		row("metadata", Dropped, ""),
		row("modalities", Rejected, "other than text"),
		row("audio", Rejected, ""),
		row("moderation", Rejected, ""),
		row("web_search_options", Approximated, "the vendor's own search, of which sources are told as `annotations`; unpriced, the request is refused"),
	}
}

func messagesRows() []Row {
	row := func(field string, f Fate, note string) Row {
		return Row{Client: anthropic, Field: field, To: map[string]Fate{openai: f}, Note: note}
	}
	return []Row{
		row("system", Lossless, "one system message; the block that carries a client's billing header is left out"),
		row("messages", Lossless, "results of tools become tool messages before the user's text"),
		row("messages.role.system", Lossless, ""),
		row("tool_result.is_error", Approximated, "a prefix to the result"),
		row("tool_result.image", Approximated, "a user message behind the results"),
		row("thinking", Meaningless, "thoughts of another vendor are not shown to this one"),
		row("document", Approximated, ""),
		row("citations", Dropped, ""),
		row("search_result", Approximated, "becomes text"),
		row("tools", Lossless, ""),
		row("tools.strict", Lossless, "OpenAI: where the schema closes and requires all that it names, else a wish (approximated)"),
		row("tools.defer_loading", Dropped, ""),
		row("tools.input_examples", Dropped, ""),
		row("tools.allowed_callers", Dropped, ""),
		row("tools.eager_input_streaming", Dropped, ""),
		row("tools.web_search", Approximated, "where the model searches, as OpenAI's search models do, and a search has a price; else dropped"),
		row("tools.bash", Approximated, "a function of what the tool takes, which the client runs as it does for Claude"),
		row("tools.text_editor", Approximated, "the same"),
		row("tools.memory", Approximated, "the same"),
		row("tools.computer", Dropped, ""),
		row("tools.code_execution", Rejected, ""),
		row("tools.mcp_toolset", Rejected, ""),
		row("tool_choice", Lossless, ""),
		row("max_tokens", Lossless, ""),
		row("temperature", Lossless, ""),
		row("top_p", Lossless, ""),
		row("top_k", Dropped, ""),
		row("stop_sequences", Lossless, "more than four are rejected"),
		row("output_config.effort", Lossless, ""),
		row("output_config.format", Lossless, "OpenAI: as with `tools.strict`"),
		row("thinking.budget", Approximated, "the nearest effort"),
		row("metadata.user_id", Approximated, "hashed"),
		row("service_tier", Approximated, ""),
		row("cache_control", Meaningless, "the cache there works by itself"),
		row("context_management", Dropped, ""),
		row("container", Dropped, ""),
		row("inference_geo", Dropped, ""),
		row("fallbacks", Dropped, ""),
		row("diagnostics", Dropped, ""),
		row("mcp_servers", Rejected, ""),
		row("speed", Dropped, ""),
	}
}
