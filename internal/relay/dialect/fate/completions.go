package fate

// Formats of requests that are not conversations.
const (
	completions      = "openai_completions"
	openaiEmbeddings = "openai_embeddings"
	geminiEmbeddings = "gemini_embeddings"
	vertexPredict    = "vertex_predict"
)

// completionsRows are the members of a request to complete a text, for models that only converse. Where the upstream completes texts
// bytes pass.
func completionsRows() []Row {
	row := func(field string, toOpenAI, toAnthropic, toGemini, toBedrock Fate, note string) Row {
		return Row{Client: completions, Field: field, To: map[string]Fate{openai: toOpenAI, anthropic: toAnthropic, gemini: toGemini, bedrock: toBedrock}, Note: note}
	}
	all := func(field string, f Fate, note string) Row { return row(field, f, f, f, f, note) }
	return []Row{
		all("prompt", Lossless, "what the user says; tokens, and several prompts, are rejected"),
		all("suffix", Rejected, ""),
		all("echo", Rejected, ""),
		all("n", Rejected, "above 1"),
		all("best_of", Rejected, "above 1"),
		all("logprobs", Rejected, "0 too"),
		all("logit_bias", Rejected, "tokens of another vocabulary"),
		all("max_tokens", Lossless, "16 if it is absent, as the API has it; 0 is rejected"),
		all("temperature", Lossless, "dropped where the model takes none; above 1 it becomes 1 (approximated) at Anthropic and Bedrock"),
		all("top_p", Lossless, "dropped where the model takes none"),
		all("stop", Lossless, "white space alone is rejected at Anthropic, more than the upstream takes everywhere"),
		row("seed", Lossless, Dropped, Lossless, Dropped, ""),
		row("presence_penalty", Lossless, Dropped, Lossless, Dropped, "0 is left out"),
		row("frequency_penalty", Lossless, Dropped, Lossless, Dropped, "0 is left out"),
		row("user", Approximated, Approximated, Dropped, Approximated, "hashed"),
	}
}

// embeddingsRows are the members of requests for vectors.
func embeddingsRows() []Row {
	row := func(client, upstream, field string, f Fate, note string) Row {
		return Row{Client: client, Field: field, To: map[string]Fate{upstream: f}, Note: note}
	}
	return []Row{
		row(openaiEmbeddings, gemini, "input", Lossless, "one call for all texts; tokens, and more than 100 texts, are rejected"),
		row(openaiEmbeddings, gemini, "dimensions", Lossless, "what Gemini cuts short is not of length 1"),
		row(openaiEmbeddings, gemini, "encoding_format", Lossless, "the relay packs the numbers"),
		row(openaiEmbeddings, gemini, "user", Dropped, ""),
		row(geminiEmbeddings, openai, "content", Lossless, "several texts become lines of one; all else is rejected"),
		row(geminiEmbeddings, openai, "requests", Lossless, "one call for all"),
		row(geminiEmbeddings, openai, "embedContentConfig", Lossless, "as if its members stood beside it"),
		row(geminiEmbeddings, openai, "outputDimensionality", Lossless, "rejected where the requests of a batch differ"),
		row(geminiEmbeddings, openai, "taskType", Dropped, ""),
		row(geminiEmbeddings, openai, "title", Dropped, ""),
		{Client: vertexPredict, Field: "instances", To: map[string]Fate{openai: Lossless, gemini: Lossless}, Note: "texts; all else is rejected"},
		{Client: vertexPredict, Field: "instances.task_type", To: map[string]Fate{openai: Dropped, gemini: Lossless}},
		{Client: vertexPredict, Field: "instances.title", To: map[string]Fate{openai: Dropped, gemini: Lossless}},
		{Client: vertexPredict, Field: "parameters.outputDimensionality", To: map[string]Fate{openai: Lossless, gemini: Lossless}},
		{Client: vertexPredict, Field: "parameters.autoTruncate", To: map[string]Fate{openai: Dropped, gemini: Dropped}},
	}
}
