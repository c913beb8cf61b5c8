package provider

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

type geminiContent struct {
	Role  string       `json:"role"`
	Parts []geminiPart `json:"parts"`
}

type geminiPart struct {
	Text       *string         `json:"text"`
	Thought    bool            `json:"thought"`
	Signature  string          `json:"thoughtSignature"`
	InlineData *geminiBlob     `json:"inlineData"`
	FileData   json.RawMessage `json:"fileData"`
	Call       *struct {
		ID   string          `json:"id"`
		Name string          `json:"name"`
		Args json.RawMessage `json:"args"`
	} `json:"functionCall"`
	Response *struct {
		ID       string          `json:"id"`
		Name     string          `json:"name"`
		Response json.RawMessage `json:"response"`
	} `json:"functionResponse"`
	ExecutableCode json.RawMessage `json:"executableCode"`
	CodeResult     json.RawMessage `json:"codeExecutionResult"`
	ToolCall       json.RawMessage `json:"toolCall"`
	ToolResponse   json.RawMessage `json:"toolResponse"`
}

type geminiBlob struct {
	MimeType string `json:"mimeType"`
	Data     string `json:"data"`
}

type geminiTool struct {
	Functions []struct {
		Name       string          `json:"name"`
		Parameters json.RawMessage `json:"parameters"`
		JSONSchema json.RawMessage `json:"parametersJsonSchema"`
	} `json:"functionDeclarations"`
	GoogleSearch  json.RawMessage `json:"googleSearch"`
	URLContext    json.RawMessage `json:"urlContext"`
	CodeExecution json.RawMessage `json:"codeExecution"`
}

type geminiConfig struct {
	StopSequences    []string        `json:"stopSequences"`
	ResponseMimeType string          `json:"responseMimeType"`
	ResponseSchema   json.RawMessage `json:"responseSchema"`
	ResponseJSON     json.RawMessage `json:"responseJsonSchema"`
	CandidateCount   *int            `json:"candidateCount"`
	MaxOutputTokens  *int            `json:"maxOutputTokens"`
	Temperature      *float64        `json:"temperature"`
	TopP             *float64        `json:"topP"`
	ResponseLogprobs bool            `json:"responseLogprobs"`
	Logprobs         *int            `json:"logprobs"`
	Modalities       []string        `json:"responseModalities"`
	Thinking         struct {
		Include bool   `json:"includeThoughts"`
		Budget  *int   `json:"thinkingBudget"`
		Level   string `json:"thinkingLevel"`
	} `json:"thinkingConfig"`
}

// geminiRequest is the part of a request to generate content that the simulator acts on.
type geminiRequest struct {
	Contents          []geminiContent `json:"contents"`
	SystemInstruction *geminiContent  `json:"systemInstruction"`
	Tools             []geminiTool    `json:"tools"`
	ToolConfig        struct {
		Calling struct {
			Mode    string   `json:"mode"`
			Allowed []string `json:"allowedFunctionNames"`
			Pieces  bool     `json:"streamFunctionCallArguments"`
		} `json:"functionCallingConfig"`
	} `json:"toolConfig"`
	Config        geminiConfig      `json:"generationConfig"`
	CachedContent string            `json:"cachedContent"`
	Labels        map[string]string `json:"labels"`

	steer steering
}

// geminiMember says whether a message of the API, named by its place in the request, has a member.
func geminiMember(place, name string) bool {
	switch place {
	case "":
		switch name {
		case "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent",
			"labels", "model", "store", "serviceTier":
			return true
		}
		return false
	case "generation_config":
		switch name {
		case "stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities",
			"candidateCount", "maxOutputTokens", "temperature", "topP", "topK", "seed", "presencePenalty", "frequencyPenalty",
			"responseLogprobs", "logprobs", "enableEnhancedCivicAnswers", "speechConfig", "thinkingConfig", "imageConfig",
			"mediaResolution", "responseFormat", "audioTimestamp":
			return true
		}
		return false
	}
	return true
}

func errUnknownName(name, place string) *apiError {
	if place == "" {
		return badArgument("Invalid JSON payload received. Unknown name %q: Cannot find field.", name)
	}
	return badArgument("Invalid JSON payload received. Unknown name %q at '%s': Cannot find field.", name, place)
}

// camelCase rewrites the member names of the API's own messages: it takes them in both spellings. What a client
// makes up itself (arguments, results, schemas, labels) stays as it is.
func camelCase(raw json.RawMessage) json.RawMessage {
	switch jsonType(raw) {
	case "object":
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) != nil {
			return raw
		}
		out := make(map[string]json.RawMessage, len(members))
		for name, value := range members {
			name = camelName(name)
			switch name {
			case "args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels":
			default:
				value = camelCase(value)
			}
			out[name] = value
		}
		return appendJSON(nil, out)
	case "array":
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) != nil {
			return raw
		}
		for i := range items {
			items[i] = camelCase(items[i])
		}
		return appendJSON(nil, items)
	}
	return raw
}

func camelName(name string) string {
	words := strings.Split(name, "_")
	for i, w := range words[1:] {
		if w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

// readGemini decodes a body into a request.
func readGemini(body []byte, into any) *apiError {
	if !json.Valid(body) {
		return errBadJSON()
	}
	if err := json.Unmarshal(camelCase(body[skipBlank(body, 0):]), into); err != nil {
		return badArgument("Invalid value: %s", shapeError(err))
	}
	return nil
}

func (s *Server) parseGemini(c *call, body []byte) (*geminiRequest, *apiError) {
	var members map[string]json.RawMessage
	if e := readGemini(body, &members); e != nil {
		return nil, e
	}
	var config map[string]json.RawMessage
	if raw := members["generationConfig"]; len(raw) > 0 && json.Unmarshal(raw, &config) != nil {
		return nil, badArgument("Invalid value at 'generation_config'.")
	}
	for place, named := range map[string]map[string]json.RawMessage{"": members, "generation_config": config} {
		for name := range named {
			if !geminiMember(place, name) {
				return nil, errUnknownName(name, place)
			}
		}
	}
	r := &geminiRequest{}
	if e := readGemini(body, r); e != nil {
		return nil, e
	}
	r.Contents = joinTurns(r.Contents)
	var e *apiError
	if r.steer, e = readSteering(c.r.Header, r.Labels); e != nil {
		return nil, e
	}
	for _, check := range []func() *apiError{r.checkConfig, r.checkTools, func() *apiError { return s.checkContents(r.Contents) }} {
		if e := check(); e != nil {
			return nil, e
		}
	}
	return r, nil
}

// Bounds of the generation config.
const (
	maxCandidates     = 8
	maxStopSequences  = 5
	maxThinkingBudget = 32768
	maxTopLogprobs    = 20
)

func (r *geminiRequest) checkConfig() *apiError {
	g := &r.Config
	t := g.Thinking
	switch {
	case g.CandidateCount != nil && (*g.CandidateCount < 1 || *g.CandidateCount > maxCandidates):
		return badArgument("The specified candidate count %d is not supported: it must be between 1 and %d.", *g.CandidateCount, maxCandidates)
	case len(g.StopSequences) > maxStopSequences:
		return badArgument("* GenerateContentRequest.generation_config.stop_sequences: at most %d stop sequences are supported", maxStopSequences)
	case g.Temperature != nil && (*g.Temperature < 0 || *g.Temperature > 2):
		return badArgument("* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0].")
	case g.TopP != nil && (*g.TopP < 0 || *g.TopP > 1):
		return badArgument("* GenerateContentRequest.generation_config.top_p: top_p must be in the range [0.0, 1.0].")
	case g.MaxOutputTokens != nil && *g.MaxOutputTokens < 1:
		return badArgument("* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be positive.")
	case g.Logprobs != nil && !g.ResponseLogprobs:
		return badArgument("* GenerateContentRequest.generation_config.logprobs: response_logprobs must be set for it.")
	case g.Logprobs != nil && (*g.Logprobs < 0 || *g.Logprobs > maxTopLogprobs):
		return badArgument("* GenerateContentRequest.generation_config.logprobs: must be in the range [0, %d].", maxTopLogprobs)
	case t.Budget != nil && t.Level != "":
		return badArgument("You can only set one of thinking budget and thinking level.")
	case t.Budget != nil && (*t.Budget < -1 || *t.Budget > maxThinkingBudget):
		return badArgument("The thinking budget %d is invalid. Please choose a value between -1 and %d.", *t.Budget, maxThinkingBudget)
	case t.Budget != nil && *t.Budget == 0 && t.Include:
		return badArgument("Unable to submit request because thinking_config.include_thoughts is only enabled when thinking is enabled.")
	case t.Level != "" && reasoningTokens(strings.ToLower(t.Level)) == 0:
		return badArgument("Invalid value at 'generation_config.thinking_config.thinking_level', %q", t.Level)
	case len(g.ResponseSchema) > 0 && len(g.ResponseJSON) > 0:
		return badArgument("Only one of response_schema and response_json_schema may be set.")
	case r.schema() != nil && g.ResponseMimeType != jsonMime:
		return badArgument("* GenerateContentRequest.generation_config.response_mime_type: must be 'application/json' when a response schema is set.")
	case r.CachedContent != "":
		return newError(http.StatusForbidden, "", "", "", "CachedContent not found (or permission denied)")
	}
	return checkSchema(g.ResponseSchema, "generation_config.response_schema", 0)
}

const jsonMime = "application/json"

// schema gives the schema that the answer has to fit.
func (r *geminiRequest) schema() json.RawMessage {
	if len(r.Config.ResponseSchema) > 0 {
		return r.Config.ResponseSchema
	}
	return r.Config.ResponseJSON
}

// reasoning gives the tokens that the model thinks: none unless asked, so that an echo costs what it shows.
func (r *geminiRequest) reasoning() int {
	t := r.Config.Thinking
	switch {
	case t.Level != "":
		return reasoningTokens(strings.ToLower(t.Level))
	case t.Budget != nil && *t.Budget >= 0:
		return min(*t.Budget/summaryShare, reasoningTokens("max"))
	case t.Budget != nil:
		return reasoningTokens("medium")
	case t.Include:
		return reasoningTokens("low")
	}
	return 0
}

// task says in no vendor's terms what the request asks for.
func (r *geminiRequest) task() *task {
	t := &task{
		idSalt: uint64(len(r.Contents)), stops: r.Config.StopSequences, tokens: r.steer.tokens, reasoning: r.reasoning(),
		mode: toolsAuto,
	}
	if r.Config.MaxOutputTokens != nil {
		t.limit = *r.Config.MaxOutputTokens
	}
	calling := r.ToolConfig.Calling
	switch strings.ToUpper(calling.Mode) {
	case "ANY":
		t.mode = toolsRequired
	case "NONE":
		t.mode = toolsNone
	}
	for _, list := range r.Tools {
		for _, f := range list.Functions {
			if len(calling.Allowed) > 0 && !slices.Contains(calling.Allowed, f.Name) {
				continue
			}
			parameters := f.JSONSchema
			if len(parameters) == 0 {
				parameters = f.Parameters
			}
			t.tools = append(t.tools, tool{name: f.Name, parameters: parameters})
		}
	}
	if r.Config.ResponseMimeType == jsonMime {
		t.format = formatJSON
		if t.schema = r.schema(); t.schema != nil {
			t.format = formatSchema
		}
	}
	converseGemini(r.Contents, t)
	return t
}
