package provider

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

type cacheControl struct {
	Type string `json:"type"`
	TTL  string `json:"ttl"`
}

type messageTool struct {
	Type         string          `json:"type"`
	Name         string          `json:"name"`
	Description  string          `json:"description"`
	InputSchema  json.RawMessage `json:"input_schema"`
	CacheControl *cacheControl   `json:"cache_control"`
	MaxUses      *int            `json:"max_uses"`
}

type thinkingConfig struct {
	Type         string `json:"type"`
	BudgetTokens *int   `json:"budget_tokens"`
	Display      string `json:"display"`
}

// on says whether the model thinks.
func (t *thinkingConfig) on() bool { return t != nil && t.Type != "disabled" }

type outputFormat struct {
	Type   string          `json:"type"`
	Schema json.RawMessage `json:"schema"`
}

// messageRequest is the part of a Messages request that the simulator acts on.
type messageRequest struct {
	Model         string          `json:"model"`
	Messages      []inputMessage  `json:"messages"`
	MaxTokens     *int            `json:"max_tokens"`
	System        json.RawMessage `json:"system"`
	StopSequences []string        `json:"stop_sequences"`
	Stream        bool            `json:"stream"`
	Temperature   *float64        `json:"temperature"`
	TopP          *float64        `json:"top_p"`
	TopK          *int            `json:"top_k"`
	Tools         []messageTool   `json:"tools"`
	ToolChoice    struct {
		Type            string `json:"type"`
		Name            string `json:"name"`
		DisableParallel bool   `json:"disable_parallel_tool_use"`
	} `json:"tool_choice"`
	Thinking     *thinkingConfig `json:"thinking"`
	OutputConfig struct {
		Effort string        `json:"effort"`
		Format *outputFormat `json:"format"`
	} `json:"output_config"`
	OutputFormat *outputFormat     `json:"output_format"`
	CacheControl *cacheControl     `json:"cache_control"`
	Metadata     map[string]string `json:"metadata"`

	version string
	system  []inputBlock
	// turns are the messages with neighbours of one role put together, as the API reads them.
	turns []inputTurn
	steer steering
}

// messageMember says whether a version of the API knows a member of a Messages request: it refuses all others.
func messageMember(name, version string) bool {
	switch name {
	case "temperature", "top_p", "top_k":
		return version != withoutSampling
	case "model", "messages", "max_tokens", "system", "stop_sequences", "stream", "tools", "tool_choice",
		"thinking", "output_config", "output_format", "cache_control", "metadata", "service_tier", "speed",
		"inference_geo", "container", "context_management", "mcp_servers", "diagnostics", "fallbacks":
		return true
	}
	return false
}

// parseMessages reads a Messages request; a request to count tokens needs no limit.
func (s *Server) parseMessages(c *call, needLimit bool) (*messageRequest, *apiError) {
	version := c.r.Header.Get(anthropicVersion)
	var members map[string]json.RawMessage
	if json.Unmarshal(c.body, &members) != nil {
		return nil, errBadJSON()
	}
	names := make([]string, 0, len(members))
	for name := range members {
		if !messageMember(name, version) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		return nil, badMessage(slices.Min(names), "Extra inputs are not permitted")
	}
	req := &messageRequest{version: version}
	if err := json.Unmarshal(c.body, req); err != nil {
		return nil, anthropicShape(err)
	}
	switch {
	case req.Model == "":
		return nil, badMessage("model", "Field required")
	case req.MaxTokens == nil && needLimit:
		return nil, badMessage("max_tokens", "Field required")
	case req.Messages == nil:
		return nil, badMessage("messages", "Field required")
	case len(req.Messages) == 0:
		return nil, badMessage("messages", "at least one message is required")
	}
	var e *apiError
	if req.steer, e = readSteering(c.r.Header, req.Metadata); e != nil {
		return nil, e
	}
	if e := req.steer.wants(stopPause, stopContext, stopRefusal); e != nil {
		return nil, e
	}
	for _, check := range []func() *apiError{
		req.checkMetadata, req.checkSampling, req.checkTools, req.checkThinking, req.readSystem, req.readTurns,
		req.checkCaching, func() *apiError { return s.checkTurns(req) },
	} {
		if e := check(); e != nil {
			return nil, e
		}
	}
	return req, nil
}

// anthropicShape tells where decoding failed without repeating any content.
func anthropicShape(err error) *apiError {
	var te *json.UnmarshalTypeError
	if !errors.As(err, &te) {
		return errBadJSON()
	}
	kind := te.Type.Kind().String()
	switch kind {
	case "int":
		kind = "integer"
	case "float64":
		kind = "number"
	case "bool":
		kind = "boolean"
	case "slice":
		kind = "list"
	case "struct", "map":
		kind = "dictionary"
	}
	return badMessage(te.Field, "Input should be a valid %s", kind)
}

// checkMetadata takes the vendor's one member, and those that steer the simulator.
func (r *messageRequest) checkMetadata() *apiError {
	for name := range r.Metadata {
		if name != "user_id" && !strings.HasPrefix(name, "x-sim-") {
			return badMessage("metadata."+name, "Extra inputs are not permitted")
		}
	}
	return nil
}

func (r *messageRequest) checkSampling() *apiError {
	switch {
	case r.MaxTokens != nil && *r.MaxTokens < 0:
		return badMessage("max_tokens", "Input should be greater than or equal to 0")
	case r.Temperature != nil && *r.Temperature < 0:
		return badMessage("temperature", "Input should be greater than or equal to 0")
	case r.Temperature != nil && *r.Temperature > 1:
		return badMessage("temperature", "Input should be less than or equal to 1")
	case r.TopP != nil && (*r.TopP < 0 || *r.TopP > 1):
		return badMessage("top_p", "Input should be between 0 and 1")
	case r.Temperature != nil && r.TopP != nil && !r.Thinking.on():
		return badMessage("", "`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
	case r.TopK != nil && *r.TopK < 0:
		return badMessage("top_k", "Input should be greater than or equal to 0")
	}
	for _, stop := range r.StopSequences {
		if strings.TrimSpace(stop) == "" {
			return badMessage("stop_sequences", "each stop sequence must contain non-whitespace")
		}
	}
	switch r.OutputConfig.Effort {
	case "", "low", "medium", "high", "xhigh", "max":
		return nil
	}
	return badMessage("output_config.effort", "Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
}

const minThinkingBudget = 1024

// checkThinking holds a request that lets the model think to what does not go together with it.
func (r *messageRequest) checkThinking() *apiError {
	t := r.Thinking
	if t == nil {
		return nil
	}
	switch t.Type {
	case "disabled":
		return nil
	case "adaptive", "between_tools":
	case "enabled":
		switch {
		case t.BudgetTokens == nil:
			return badMessage("thinking.enabled.budget_tokens", "Field required")
		case *t.BudgetTokens < minThinkingBudget:
			return badMessage("thinking.enabled.budget_tokens", "Input should be greater than or equal to %d", minThinkingBudget)
		case r.MaxTokens != nil && *t.BudgetTokens >= *r.MaxTokens:
			return badMessage("", "`max_tokens` must be greater than `thinking.budget_tokens`.")
		}
	default:
		return badMessage("thinking", "Input tag '%s' found using 'type' does not match any of the expected tags: "+
			"'adaptive', 'between_tools', 'disabled', 'enabled'", t.Type)
	}
	switch {
	case t.Display != "" && t.Display != "summarized" && t.Display != "omitted":
		return badMessage("thinking."+t.Type+".display", "Input should be 'summarized' or 'omitted'")
	case r.Temperature != nil && *r.Temperature != 1:
		return badMessage("", "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.")
	case r.TopP != nil && *r.TopP < 0.95:
		return badMessage("", "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode.")
	case r.TopK != nil:
		return badMessage("", "`top_k` must be unset when thinking is enabled or in adaptive mode.")
	case r.ToolChoice.Type == "any" || r.ToolChoice.Type == "tool":
		return badMessage("", "Thinking may not be enabled when tool_choice forces tool use.")
	}
	return nil
}

func (r *messageRequest) checkTools() *apiError {
	name := regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)
	known := map[string]bool{}
	for i, t := range r.Tools {
		path := "tools." + strconv.Itoa(i)
		switch {
		case t.custom() && !name.MatchString(t.Name):
			return badMessage(path+".custom.name", "String should match pattern '%s'", name)
		case t.custom() && len(t.InputSchema) == 0:
			return badMessage(path+".custom.input_schema", "Field required")
		case known[t.Name]:
			return badMessage("tools", "Tool names must be unique.")
		}
		if t.custom() {
			var head struct{ Type json.RawMessage }
			if json.Unmarshal(t.InputSchema, &head) != nil || string(head.Type) != `"object"` {
				return badMessage(path+".custom.input_schema.type", "Input should be 'object'")
			}
		}
		known[t.Name] = true
	}
	switch c := r.ToolChoice; c.Type {
	case "":
		return nil
	case "auto", "any", "none", "tool":
		if len(r.Tools) == 0 && c.Type != "none" {
			return badMessage("", "tool_choice may only be specified while providing tools")
		}
		if c.Type == "tool" && !known[c.Name] {
			return badMessage("", "Tool '%s' not found in provided tools", c.Name)
		}
		return nil
	default:
		return badMessage("tool_choice", "Input tag '%s' found using 'type' does not match any of the expected tags: "+
			"'any', 'auto', 'none', 'tool'", c.Type)
	}
}

// custom says whether the client described the tool itself; the others are known to the vendor by their type.
func (t messageTool) custom() bool { return t.Type == "" || t.Type == "custom" }

// ofServer says whether the vendor runs the tool, so that no answer asks the client to.
func (t messageTool) ofServer() bool {
	for _, prefix := range []string{"web_search", "web_fetch", "code_execution", "tool_search", "mcp_"} {
		if strings.HasPrefix(t.Type, prefix) {
			return true
		}
	}
	return false
}

// task says in no vendor's terms what the request asks for.
func (r *messageRequest) task() *task {
	t := &task{
		idPrefix: "toolu_", idSalt: uint64(len(r.Messages)), stops: r.StopSequences, limit: *r.MaxTokens, tokens: r.steer.tokens, mode: toolsAuto,
		single: r.ToolChoice.DisableParallel, reasoning: r.reasoning(),
	}
	switch r.ToolChoice.Type {
	case "any":
		t.mode = toolsRequired
	case "none":
		t.mode = toolsNone
	case "tool":
		t.forced = r.ToolChoice.Name
	}
	for _, m := range r.Tools {
		if !m.ofServer() {
			t.tools = append(t.tools, tool{name: m.Name, parameters: m.InputSchema})
		}
	}
	f := r.OutputConfig.Format
	if f == nil {
		f = r.OutputFormat
	}
	if f != nil && f.Type == "json_schema" {
		t.format, t.schema = formatSchema, f.Schema
	}
	r.converse(t)
	return t
}

// reasoning gives the tokens that the model thinks: an eighth of a budget, or what the effort asks for.
func (r *messageRequest) reasoning() int {
	switch {
	case !r.Thinking.on():
		return 0
	case r.Thinking.BudgetTokens != nil:
		return min(*r.Thinking.BudgetTokens/summaryShare, reasoningTokens("max"))
	case r.OutputConfig.Effort != "":
		return reasoningTokens(r.OutputConfig.Effort)
	}
	return reasoningTokens("high")
}
