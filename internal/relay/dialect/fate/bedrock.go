package fate

// bedrock is the format of the Converse API of Amazon Bedrock.
const bedrock = "bedrock"

// exception is what becomes of a member at Bedrock where that is not as at a like format.
type exception struct {
	fate Fate
	note string
}

// withBedrock adds to the rows of a client what becomes of its members at Bedrock: as at another format, but for exceptions.
func withBedrock(rows []Row, like string, but map[string]exception) []Row {
	for i := range rows {
		r := &rows[i]
		x, differs := but[r.Field]
		if !differs {
			if f, known := r.To[like]; known {
				r.To[bedrock] = f
			}
			continue
		}
		r.To[bedrock] = x.fate
		if x.note == "" {
			continue
		}
		if r.Note != "" {
			r.Note += "; "
		}
		r.Note += "Bedrock: " + x.note
	}
	return rows
}

const (
	byFamily   = "by the family of models, dropped where it knows no such thing"
	noAddress  = "what stands at an address is fetched"
	fitName    = "names that it does not take are made fit (approximated)"
	keepsTools = "none is approximated, for the tools stay"
	unenforced = "not enforced"
	asMetadata = "`requestMetadata`: sixteen, of characters that it takes"
	tagged     = "later ones become tagged text"
)

func chatToBedrock() map[string]exception {
	return map[string]exception{
		"messages.role.system":  {Approximated, tagged},
		"image_url":             {Lossless, noAddress},
		"file.file_data":        {Lossless, fitName},
		"tools":                 {Lossless, "where history has calls and the request has no tools, tools that stand for them (approximated)"},
		"tools.strict":          {Approximated, unenforced},
		"tool_choice":           {Lossless, keepsTools},
		"parallel_tool_calls":   {Dropped, ""},
		"stop":                  {Lossless, "white space is fine"},
		"web_search_options":    {Rejected, ""},
		"metadata":              {Approximated, asMetadata},
		"reasoning_effort":      {Lossless, byFamily},
		"max_completion_tokens": {Lossless, ""},
	}
}

func messagesToBedrock() map[string]exception {
	return map[string]exception{
		"messages.role.system": {Approximated, tagged},
		"tool_result.is_error": {Lossless, "`status`"},
		"tool_result.image":    {Lossless, ""},
		"thinking":             {Lossless, "what Bedrock sealed goes back to it; what others sealed is dropped"},
		"document":             {Lossless, fitName},
		"tools.strict":         {Approximated, unenforced},
		"tool_choice":          {Lossless, keepsTools},
		"stop_sequences":       {Lossless, "any number"},
		"output_config.effort": {Lossless, byFamily},
		"service_tier":         {Meaningless, ""},
		"cache_control":        {Lossless, "for families that have a cache, four at most; else left out"},
	}
}

func responsesToBedrock() map[string]exception {
	return map[string]exception{
		"input.role.developer": {Approximated, tagged},
		"input_image":          {Lossless, noAddress},
		"input_file.file_data": {Lossless, fitName},
		"input_file.file_url":  {Lossless, noAddress},
		"tool_choice":          {Lossless, keepsTools},
		"parallel_tool_calls":  {Dropped, ""},
		"tools.web_search":     {Dropped, ""},
		"metadata":             {Approximated, asMetadata},
		"reasoning.effort":     {Lossless, byFamily},
	}
}

func contentsToBedrock() map[string]exception {
	return map[string]exception{
		"parts.fileData":                  {Lossless, noAddress},
		"parts.inlineData":                {Lossless, "documents of the types that it knows"},
		"generationConfig.topK":           {Dropped, ""},
		"tools.googleSearch":              {Dropped, ""},
		"generationConfig.thinkingConfig": {Lossless, byFamily},
	}
}
