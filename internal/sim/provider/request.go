package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type streamOptions struct {
	IncludeUsage       bool `json:"include_usage"`
	IncludeObfuscation bool `json:"include_obfuscation"`
}

type toolSpec struct {
	Type     string `json:"type"`
	Function struct {
		Name       string          `json:"name"`
		Parameters json.RawMessage `json:"parameters"`
	} `json:"function"`
	Custom struct {
		Name string `json:"name"`
	} `json:"custom"`
}

// tool is what may be called: a function, or what takes one text.
func (t toolSpec) tool() tool {
	if t.Type == "custom" {
		return tool{name: t.Custom.Name, custom: true}
	}
	return tool{name: t.Function.Name, parameters: t.Function.Parameters}
}

type message struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content"`
	Name       string          `json:"name"`
	ToolCalls  json.RawMessage `json:"tool_calls"`
	ToolCallID string          `json:"tool_call_id"`

	text string
	// media is what pictures and files cost.
	media int
}

type responseFormat struct {
	Type       string `json:"type"`
	JSONSchema struct {
		Name   string          `json:"name"`
		Schema json.RawMessage `json:"schema"`
	} `json:"json_schema"`
}

// chatRequest is the part of a chat completion request that the simulator acts on.
type chatRequest struct {
	Model               string            `json:"model"`
	Messages            []message         `json:"messages"`
	Stream              bool              `json:"stream"`
	StreamOptions       streamOptions     `json:"stream_options"`
	N                   *int              `json:"n"`
	Stop                json.RawMessage   `json:"stop"`
	MaxTokens           *int              `json:"max_tokens"`
	MaxCompletionTokens *int              `json:"max_completion_tokens"`
	ReasoningEffort     string            `json:"reasoning_effort"`
	Tools               []toolSpec        `json:"tools"`
	ToolChoice          json.RawMessage   `json:"tool_choice"`
	ParallelToolCalls   *bool             `json:"parallel_tool_calls"`
	ResponseFormat      *responseFormat   `json:"response_format"`
	Logprobs            bool              `json:"logprobs"`
	Metadata            map[string]string `json:"metadata"`
	WebSearch           json.RawMessage   `json:"web_search_options"`

	stops     []string
	toolsText string
	steer     steering
}

// paramType gives the JSON type of a member of a chat request as OpenAI words it; "" takes any type.
func paramType(name string) (string, bool) {
	switch name {
	case "model", "reasoning_effort", "user", "service_tier", "verbosity", "safety_identifier", "prompt_cache_key",
		"prompt_cache_retention":
		return "string", true
	case "stream", "parallel_tool_calls", "logprobs", "store":
		return "boolean", true
	case "n", "max_tokens", "max_completion_tokens", "top_logprobs", "seed":
		return "integer", true
	case "temperature", "top_p", "presence_penalty", "frequency_penalty":
		return "decimal", true
	case "messages", "tools", "functions":
		return "array of objects", true
	case "modalities":
		return "array", true
	case "stream_options", "response_format", "metadata", "logit_bias", "audio", "prediction", "web_search_options",
		"prompt_cache_options", "moderation":
		return "object", true
	case "stop", "tool_choice", "function_call":
		return "", true
	}
	return "", false
}

func jsonType(raw []byte) string {
	switch {
	case len(raw) == 0:
		return "null"
	case raw[0] == '"':
		return "string"
	case raw[0] == '{':
		return "object"
	case raw[0] == '[':
		return "array"
	case raw[0] == 't' || raw[0] == 'f':
		return "boolean"
	case raw[0] == 'n':
		return "null"
	case bytes.ContainsAny(raw, ".eE"):
		return "decimal"
	}
	return "integer"
}

func typeFits(want, got string) bool {
	kind, _, _ := strings.Cut(want, " ")
	return want == "" || got == "null" || kind == got || want == "decimal" && got == "integer"
}

// checkMembers answers what the API answers to members of a wrong type; strict also refuses unknown ones.
func checkMembers(body []byte, known func(string) (string, bool), strict bool) *apiError {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return errBadJSON()
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		want, ok := known(name)
		switch {
		case !ok && strict:
			return badParam(name, "unknown_parameter", "Unknown parameter: '%s'.", name)
		case ok && !typeFits(want, jsonType(members[name])):
			got := jsonType(members[name])
			return badParam(name, "invalid_type", "Invalid type for '%s': expected %s, but got %s instead.",
				name, article(want), article(got))
		}
	}
	return checkRange(members, "temperature", 0, 2)
}

func article(kind string) string {
	if strings.ContainsRune("aeiou", rune(kind[0])) {
		return "an " + kind
	}
	return "a " + kind
}

func checkRange(members map[string]json.RawMessage, name string, low, high float64) *apiError {
	v, err := strconv.ParseFloat(string(members[name]), 64)
	switch {
	case err != nil || math.IsNaN(v):
		return nil
	case v > high:
		return badParam(name, "decimal_above_max_value",
			"Invalid '%s': decimal above maximum value. Expected a value <= %v, but got %v instead.", name, high, v)
	case v < low:
		return badParam(name, "decimal_below_min_value",
			"Invalid '%s': decimal below minimum value. Expected a value >= %v, but got %v instead.", name, low, v)
	}
	return nil
}

func parseChat(body []byte, header http.Header, strict bool) (*chatRequest, *apiError) {
	if e := checkMembers(body, paramType, strict); e != nil {
		return nil, e
	}
	req := &chatRequest{}
	if err := json.Unmarshal(body, req); err != nil {
		return nil, newError(http.StatusBadRequest, invalidRequest, "invalid_type", "", "Invalid request: "+shapeError(err))
	}
	if e := req.check(); e != nil {
		return nil, e
	}
	for i := range req.Messages {
		if e := req.Messages[i].readText(i); e != nil {
			return nil, e
		}
	}
	for _, t := range req.Tools {
		req.toolsText += t.tool().name + string(t.Function.Parameters)
	}
	var e *apiError
	req.steer, e = readSteering(header, req.Metadata)
	return req, e
}

// shapeError tells where decoding failed without repeating any content.
func shapeError(err error) string {
	if te, ok := err.(*json.UnmarshalTypeError); ok { //nolint:errorlint // json returns it bare
		return fmt.Sprintf("'%s' must not be a %s.", te.Field, te.Value)
	}
	return "a member has the wrong shape."
}

func (r *chatRequest) check() *apiError {
	if r.Model == "" {
		return newError(http.StatusBadRequest, invalidRequest, "", "", "you must provide a model parameter")
	}
	if e := r.checkSearch(); e != nil {
		return e
	}
	if r.Messages == nil {
		return badParam("messages", "missing_required_parameter", "Missing required parameter: 'messages'.")
	}
	if len(r.Messages) == 0 {
		return badParam("messages", "empty_array",
			"Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.")
	}
	if r.N != nil && (*r.N < 1 || *r.N > 128) {
		return badParam("n", "integer_out_of_range", "Invalid 'n': expected a value between 1 and 128, but got %d instead.", *r.N)
	}
	for name, v := range map[string]*int{"max_tokens": r.MaxTokens, "max_completion_tokens": r.MaxCompletionTokens} {
		if v != nil && *v < 1 {
			return badParam(name, "integer_below_min_value",
				"Invalid '%s': integer below minimum value. Expected a value >= 1, but got %d instead.", name, *v)
		}
	}
	var e *apiError
	r.stops, e = readStops(r.Stop)
	return e
}

// readStops takes the two forms of "stop".
func readStops(raw json.RawMessage) (stops []string, e *apiError) {
	switch jsonType(raw) {
	case "null":
		return nil, nil
	case "string":
		stops = make([]string, 1)
		return stops, decodeOr(raw, &stops[0], "stop")
	}
	if e := decodeOr(raw, &stops, "stop"); e != nil {
		return nil, e
	}
	if len(stops) > 4 {
		return nil, badParam("stop", "array_above_max_length",
			"Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length %d instead.", len(stops))
	}
	return stops, nil
}

func decodeOr(raw []byte, into any, param string) *apiError {
	if json.Unmarshal(raw, into) != nil {
		return badParam(param, "invalid_type", "Invalid type for '%s'.", param)
	}
	return nil
}

// readText joins the text parts of a message's content.
func (m *message) readText(index int) *apiError {
	param := "messages[" + strconv.Itoa(index) + "]"
	switch m.Role {
	case "system", "developer", "user", "assistant", "tool", "function":
	default:
		return badParam(param+".role", "invalid_value", "Invalid value: '%s' is not a role.", m.Role)
	}
	switch jsonType(m.Content) {
	case "null":
		if m.Role != "assistant" {
			return badParam(param+".content", "invalid_type",
				"Invalid value for 'content': expected a string, got null.")
		}
		return nil
	case "string":
		return decodeOr(m.Content, &m.text, param+".content")
	}
	var parts []part
	if e := decodeOr(m.Content, &parts, param+".content"); e != nil {
		return e
	}
	var texts []string
	for _, p := range parts {
		m.media += p.media()
		if p.Type == "text" {
			texts = append(texts, p.Text)
		}
	}
	m.text = strings.Join(texts, "\n")
	return nil
}

// promptParts gives the texts that count as prompt, in the order that prefix caching compares.
func (r *chatRequest) promptParts() []string {
	parts := []string{r.toolsText}
	for _, m := range r.Messages {
		parts = append(parts, m.Name, m.text, string(m.ToolCalls))
	}
	return parts
}

// media is what pictures and files of the prompt cost.
func (r *chatRequest) media() (n int) {
	for _, m := range r.Messages {
		n += m.media
	}
	return n
}

func (r *chatRequest) lastUser() string {
	for i := len(r.Messages) - 1; i >= 0; i-- {
		if r.Messages[i].Role == "user" {
			return r.Messages[i].text
		}
	}
	return ""
}

func (r *chatRequest) limit() int {
	limit := math.MaxInt32
	for _, v := range []*int{r.MaxTokens, r.MaxCompletionTokens} {
		if v != nil {
			limit = min(limit, *v)
		}
	}
	return limit
}

// steering is what a request asks of the simulator itself, by header or metadata.
type steering struct {
	tokens    int
	ttft, gap *time.Duration
	fault     *Rule
	// finish is the vendor's own name of the reason with which the answer ends; empty leaves it to the answer.
	finish string
	// block is the vendor's reason to refuse the prompt, for the APIs that have one.
	block string
	// redacted hides the text of the thinking, for the APIs that know this.
	redacted bool
}

const maxSteer = 1_000_000

func readSteering(h http.Header, metadata map[string]string) (steering, *apiError) {
	get := func(name string) string {
		if v := h.Get(name); v != "" {
			return v
		}
		return metadata[name]
	}
	s := steering{finish: get("x-sim-finish"), block: get("x-sim-block"), redacted: get("x-sim-thinking") == "redacted"}
	number := func(name string) (int, bool, *apiError) {
		text := get(name)
		if text == "" {
			return 0, false, nil
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > maxSteer {
			return 0, false, badParam(name, "invalid_value", "Invalid '%s': expected a number up to %d.", name, maxSteer)
		}
		return n, true, nil
	}
	n, _, e := number("x-sim-tokens")
	if e != nil {
		return s, e
	}
	s.tokens = n
	for name, target := range map[string]**time.Duration{"x-sim-ttft-ms": &s.ttft, "x-sim-chunk-ms": &s.gap} {
		n, ok, e := number(name)
		if e != nil {
			return s, e
		}
		if ok {
			d := time.Duration(n) * time.Millisecond
			*target = &d
		}
	}
	if text := get("x-sim-fault"); text != "" {
		r, err := parseFault(text)
		if err != nil {
			return s, badParam("x-sim-fault", "invalid_value", "Invalid 'x-sim-fault': %s.", err.Error())
		}
		s.fault = &r
	}
	return s, nil
}

// wants checks the reason to end for against those that the API knows.
func (s steering) wants(known ...string) *apiError {
	if s.finish != "" && !slices.Contains(known, s.finish) {
		return badParam("x-sim-finish", "invalid_value", "Invalid 'x-sim-finish': this API does not end for %q.", s.finish)
	}
	return nil
}

func (s steering) applyPace(p Pace) Pace {
	if s.ttft != nil {
		p.TTFT = *s.ttft
	}
	if s.gap != nil {
		p.Gap = *s.gap
	}
	return p
}
