package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

type responseTool struct {
	Type       string          `json:"type"`
	Name       string          `json:"name"`
	Parameters json.RawMessage `json:"parameters"`
	Tools      []responseTool  `json:"tools"`

	namespace string
}

type responseText struct {
	Format struct {
		Type   string          `json:"type"`
		Schema json.RawMessage `json:"schema"`
	} `json:"format"`
}

type responseReasoning struct {
	Effort  string `json:"effort"`
	Summary string `json:"summary"`
}

// responseRequest is the part of a Responses request that the simulator acts on. Members that the answer repeats
// stay as they were sent.
type responseRequest struct {
	Model              string            `json:"model"`
	Input              json.RawMessage   `json:"input"`
	Instructions       json.RawMessage   `json:"instructions"`
	PreviousResponseID string            `json:"previous_response_id"`
	Store              *bool             `json:"store"`
	Stream             bool              `json:"stream"`
	StreamOptions      streamOptions     `json:"stream_options"`
	Background         bool              `json:"background"`
	Include            []string          `json:"include"`
	MaxOutputTokens    *int              `json:"max_output_tokens"`
	Reasoning          responseReasoning `json:"reasoning"`
	Text               json.RawMessage   `json:"text"`
	Tools              json.RawMessage   `json:"tools"`
	ToolChoice         json.RawMessage   `json:"tool_choice"`
	ParallelToolCalls  *bool             `json:"parallel_tool_calls"`
	Temperature        *float64          `json:"temperature"`
	TopP               *float64          `json:"top_p"`
	Truncation         string            `json:"truncation"`
	Metadata           map[string]string `json:"metadata"`

	instructions string
	text         responseText
	tools        []responseTool
	// items are those of the conversation so far, own those of this request.
	items []inputItem
	own   []inputItem
	steer steering
}

// responseParam gives the JSON type of a member of a Responses request; "" takes any type.
func responseParam(name string) (string, bool) {
	switch name {
	case "model", "instructions", "previous_response_id", "truncation", "user", "service_tier", "safety_identifier",
		"prompt_cache_key", "prompt_cache_retention":
		return "string", true
	case "stream", "store", "background", "parallel_tool_calls":
		return "boolean", true
	case "max_output_tokens", "max_tool_calls", "top_logprobs":
		return "integer", true
	case "temperature", "top_p":
		return "decimal", true
	case "tools", "context_management":
		return "array of objects", true
	case "include":
		return "array of strings", true
	case "reasoning", "text", "metadata", "stream_options", "prompt", "prompt_cache_options", "moderation", "client_metadata",
		"access_programs":
		return "object", true
	case "input", "tool_choice", "conversation":
		return "", true
	}
	return "", false
}

// movedParam tells where a member of a chat request is in this API.
func movedParam(name string) (string, bool) {
	switch name {
	case "max_tokens", "max_completion_tokens":
		return "max_output_tokens", true
	case "messages":
		return "input", true
	case "response_format":
		return "text.format", true
	case "reasoning_effort":
		return "reasoning.effort", true
	case "functions":
		return "tools", true
	case "stop", "n", "seed", "logit_bias", "logprobs", "frequency_penalty", "presence_penalty", "audio", "modalities":
		return "", true
	}
	return "", false
}

const minResponseTokens = 16

func (s *Server) parseResponse(c *call) (*responseRequest, *apiError) {
	var members map[string]json.RawMessage
	if json.Unmarshal(c.body, &members) != nil {
		return nil, errBadJSON()
	}
	for name := range members {
		if to, moved := movedParam(name); moved && to == "" {
			return nil, badParam(name, "unsupported_parameter", "Unsupported parameter: '%s'.", name)
		} else if moved {
			return nil, badParam(name, "unsupported_parameter",
				"Unsupported parameter: '%s'. In the Responses API, this parameter has moved to '%s'.", name, to)
		}
	}
	if e := checkMembers(c.body, responseParam, s.cfg.RejectUnknown); e != nil {
		return nil, e
	}
	r := &responseRequest{}
	if err := json.Unmarshal(c.body, r); err != nil {
		return nil, newError(http.StatusBadRequest, invalidRequest, "invalid_type", "", "Invalid request: "+shapeError(err))
	}
	if e := r.check(); e != nil {
		return nil, e
	}
	var e *apiError
	if r.own, e = readItems(r.Input); e != nil {
		return nil, e
	}
	if r.steer, e = readSteering(c.r.Header, r.Metadata); e != nil {
		return nil, e
	}
	if e := r.steer.wants("max_output_tokens", "content_filter", statusFailed); e != nil {
		return nil, e
	}
	return r, s.resolve(c.key, r)
}

func (r *responseRequest) check() *apiError {
	missing := func(name string) *apiError {
		return badParam(name, "missing_required_parameter", "Missing required parameter: '%s'.", name)
	}
	switch {
	case r.Model == "":
		return missing("model")
	case jsonType(r.Input) == "null":
		return missing("input")
	case r.Background:
		return badParam("background", "unsupported_parameter", "Background responses are not simulated.")
	case r.MaxOutputTokens != nil && *r.MaxOutputTokens < minResponseTokens:
		return badParam("max_output_tokens", "integer_below_min_value",
			"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= %d, but got %d instead.",
			minResponseTokens, *r.MaxOutputTokens)
	}
	for i, v := range r.Include {
		switch v {
		case includeEncrypted, includeLogprobs, "file_search_call.results", "web_search_call.results",
			"web_search_call.action.sources", "message.input_image.image_url", "computer_call_output.output.image_url",
			"code_interpreter_call.outputs":
		default:
			return badParam(fmt.Sprintf("include[%d]", i), "invalid_value", "Invalid value: '%s'.", v)
		}
	}
	switch r.Reasoning.Effort {
	case "", "none", "minimal", "low", "medium", "high", "xhigh", "max":
	default:
		return badParam("reasoning.effort", "invalid_value", "Invalid value: '%s'.", r.Reasoning.Effort)
	}
	switch r.Reasoning.Summary {
	case "", "auto", "concise", "detailed":
	default:
		return badParam("reasoning.summary", "invalid_value", "Invalid value: '%s'.", r.Reasoning.Summary)
	}
	for name, into := range map[string]any{"instructions": &r.instructions, "text": &r.text} {
		raw := map[string]json.RawMessage{"instructions": r.Instructions, "text": r.Text}[name]
		if len(raw) > 0 {
			if e := decodeOr(raw, into, name); e != nil {
				return e
			}
		}
	}
	return r.readTools()
}

const (
	includeEncrypted = "reasoning.encrypted_content"
	includeLogprobs  = "message.output_text.logprobs"
)

// readTools lists the tools that an answer may call; the vendor's own tools are taken and never used.
func (r *responseRequest) readTools() *apiError {
	var all []responseTool
	if len(r.Tools) > 0 {
		if e := decodeOr(r.Tools, &all, "tools"); e != nil {
			return e
		}
	}
	for i, t := range all {
		if t.Type == "" {
			return badParam(fmt.Sprintf("tools[%d].type", i), "missing_required_parameter", "Missing required parameter: 'tools[%d].type'.", i)
		}
		switch t.Type {
		case "function", "custom", "namespace":
			if t.Name == "" {
				return badParam(fmt.Sprintf("tools[%d].name", i), "missing_required_parameter", "Missing required parameter: 'tools[%d].name'.", i)
			}
		}
		switch t.Type {
		case "function", "custom":
			r.tools = append(r.tools, t)
		case "namespace":
			for _, inner := range t.Tools {
				inner.namespace = t.Name
				r.tools = append(r.tools, inner)
			}
		}
	}
	return nil
}

// stored says whether the vendor keeps the response.
func (r *responseRequest) stored() bool { return r.Store == nil || *r.Store }

// tool finds the tool that a call names.
func (r *responseRequest) tool(name string) responseTool {
	for _, t := range r.tools {
		if t.Name == name {
			return t
		}
	}
	return responseTool{}
}

// task says in no vendor's terms what the request asks for.
func (r *responseRequest) task() *task {
	t := &task{
		idPrefix: "call_", idSalt: uint64(len(r.items)), tokens: r.steer.tokens, reasoning: reasoningTokens(r.Reasoning.Effort),
		single: r.ParallelToolCalls != nil && !*r.ParallelToolCalls,
	}
	if r.MaxOutputTokens != nil {
		t.limit = *r.MaxOutputTokens
	}
	var allowed []string
	t.mode, t.forced, allowed = r.toolMode()
	for _, v := range r.tools {
		if allowed == nil || slices.Contains(allowed, v.Name) {
			t.tools = append(t.tools, tool{name: v.Name, parameters: v.Parameters, custom: v.Type == "custom"})
		}
	}
	switch r.text.Format.Type {
	case "json_object":
		t.format = formatJSON
	case "json_schema":
		t.format, t.schema = formatSchema, r.text.Format.Schema
	}
	for _, it := range r.items {
		switch {
		case it.Type == itemMessage && it.Role == roleUser:
			t.hear(it.text)
			if it.text != "" {
				t.user = it.text
			}
		case it.Type == itemCall:
			t.made++
		}
	}
	if n := len(r.items); n > 0 && r.items[n-1].Role == roleUser {
		t.last = turnUser
	}
	for i := len(r.items) - 1; i >= 0 && strings.HasSuffix(r.items[i].Type, "_call_output"); i-- {
		t.last = turnTool
		t.results = append([]string{r.items[i].text}, t.results...)
	}
	return t
}

// toolMode reads tool_choice: its mode, the name of a tool it forces, the names it allows.
func (r *responseRequest) toolMode() (mode, forced string, allowed []string) {
	if jsonType(r.ToolChoice) == "string" {
		_ = json.Unmarshal(r.ToolChoice, &mode) // a JSON string always decodes into one
		return mode, "", nil
	}
	var choice struct {
		Type  string `json:"type"`
		Name  string `json:"name"`
		Mode  string `json:"mode"`
		Tools []struct {
			Name string `json:"name"`
		} `json:"tools"`
	}
	if json.Unmarshal(r.ToolChoice, &choice) != nil {
		return toolsAuto, "", nil
	}
	if choice.Type != "allowed_tools" {
		return toolsAuto, choice.Name, nil
	}
	allowed = []string{}
	for _, t := range choice.Tools {
		allowed = append(allowed, t.Name)
	}
	return choice.Mode, "", allowed
}

// promptParts gives the texts that count as prompt, in the order that prefix caching compares.
func (r *responseRequest) promptParts() []string {
	parts := []string{r.instructions}
	for _, t := range r.tools {
		parts = append(parts, t.Name+string(t.Parameters))
	}
	for _, it := range r.items {
		parts = append(parts, it.Name, it.text, it.Arguments)
	}
	return parts
}

// extra is what the prompt costs beyond its texts.
func (r *responseRequest) extra() int {
	n := perMessage*len(r.items) + priming
	if r.instructions != "" {
		n += perMessage
	}
	for _, it := range r.items {
		n += it.media
	}
	return n
}

func itemPath(i int, member string) string { return "input[" + strconv.Itoa(i) + "]" + member }
