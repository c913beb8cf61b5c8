package fate

// imagesClient is what requests for pictures are called here. Their upstreams of OpenAI's format are called as they are.
const imagesClient = "openai_images"

func imagesRows() []Row {
	row := func(field string, f Fate, note string) Row {
		return Row{Client: imagesClient, Field: field, To: map[string]Fate{gemini: f}, Note: note}
	}
	return []Row{
		row("prompt", Lossless, ""),
		row("images", Lossless, "files of a form and data URIs become `inlineData`; other addresses are rejected"),
		row("images.file_id", Rejected, ""),
		row("mask", Rejected, ""),
		row("n", Rejected, "above 1"),
		row("size", Approximated, "the nearest `aspectRatio`"),
		row("stream", Rejected, ""),
		row("partial_images", Dropped, ""),
		row("background", Rejected, "`transparent`"),
		row("response_format", Rejected, "`url`"),
		row("quality", Dropped, ""),
		row("output_format", Dropped, "all but `png`"),
		row("output_compression", Dropped, ""),
		row("input_fidelity", Dropped, ""),
		row("moderation", Dropped, ""),
		row("style", Dropped, ""),
		row("user", Dropped, ""),
	}
}
