package provider

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"starlane/internal/catalog/vendor"
)

// compatible is the wire of a vendor who speaks OpenAI's chat format with differences, below /vendors/NAME/v1.
type compatible struct {
	openAI
	profile *vendor.Profile
}

// refuse answers with an error: some vendors tell it without an object around it.
func (v compatible) refuse(c *call, e *apiError) {
	switch v.profile.Name {
	case "mistral", "cohere":
		c.status = e.status
		writeJSON(c.w, e.status, appendJSON(nil, struct {
			Object string `json:"object"`
			*apiError
		}{"error", e}))
	default:
		v.openAI.refuse(c, e)
	}
}

func (s *Server) vendors() {
	list := vendor.All()
	for i := range list {
		v := compatible{profile: &list[i]}
		s.mux.HandleFunc("POST /vendors/"+v.profile.Name+"/v1/chat/completions", s.api(v, s.compatibleChat))
	}
}

// compatibleMessage is what vendors have rules for in a message.
type compatibleMessage struct {
	Role      string          `json:"role"`
	Name      *string         `json:"name"`
	Content   json.RawMessage `json:"content"`
	CallID    *string         `json:"tool_call_id"`
	Reasoning *string         `json:"reasoning_content"`
	ToolCalls []struct {
		ID string `json:"id"`
	} `json:"tool_calls"`
}

// compatibleChat serves POST /v1/chat/completions as a vendor does who is strict about what it does otherwise.
func (s *Server) compatibleChat(c *call) *apiError {
	v, _ := c.wire.(compatible)
	var members map[string]json.RawMessage
	var messages []compatibleMessage
	if json.Unmarshal(c.body, &members) != nil || json.Unmarshal(members["messages"], &messages) != nil {
		return errBadJSON()
	}
	var model string
	_ = json.Unmarshal(members["model"], &model)
	for _, check := range []*apiError{
		v.checkMembers(members, model), v.checkMessages(messages, model), v.checkTools(members),
	} {
		if check != nil {
			return check
		}
	}
	changes := map[string]any{"model": model[strings.LastIndexByte(model, '/')+1:]}
	if string(members["tool_choice"]) == `"any"` {
		changes["tool_choice"] = toolsRequired
	}
	if members["reasoning_effort"] == nil && v.thinks(members) {
		changes["reasoning_effort"] = "low"
	}
	if e := c.setMembers(changes); e != nil {
		return e
	}
	return s.chat(c)
}

// thinks tells whether the request asks for thoughts, or the vendor thinks unless it is told not to.
func (v compatible) thinks(members map[string]json.RawMessage) bool {
	text := ""
	for _, name := range []string{"thinking", "reasoning", "enable_thinking", "chat_template_kwargs"} {
		text += string(members[name])
	}
	if text == "" {
		return v.profile.Rules.ThoughtsBack.Or("") == "reasoning_content"
	}
	return !strings.Contains(text, "false") && !strings.Contains(text, "disabled") && !strings.Contains(text, "none")
}

func unprocessable(format string, args ...any) *apiError {
	e := badParam("", "", format, args...)
	e.status = http.StatusUnprocessableEntity
	return e
}

// checkMembers refuses what the vendor does not know.
func (v compatible) checkMembers(members map[string]json.RawMessage, model string) *apiError {
	r := &v.profile.Rules
	unknown := []string{"safety_identifier"}
	if r.Bound.Or("") == "max_tokens" {
		unknown = append(unknown, "max_completion_tokens")
	}
	if r.Seed.Or("seed") != "seed" {
		unknown = append(unknown, "seed")
	}
	if !r.StreamOptions.Or(true) {
		unknown = append(unknown, "stream_options")
	}
	if !r.Parallel.Or(true) {
		unknown = append(unknown, "parallel_tool_calls")
	}
	if !slices.Contains(r.Keeps.Or(nil), "top_k") {
		unknown = append(unknown, "top_k")
	}
	for name := range members {
		if slices.Contains(unknown, name) || r.Refused(name, model) {
			return unprocessable("Extra inputs are not permitted: %s", name)
		}
	}
	effort, _ := strconv.Unquote(string(members["reasoning_effort"]))
	if known := r.Efforts.Or(nil); effort != "" && known != nil && !slices.Contains(known, effort) {
		return badParam("reasoning_effort", "", "reasoning_effort must be one of %v", known)
	}
	if strings.Contains(string(members["response_format"]), `"json_schema"`) && !r.JSONSchema.Or(true) {
		return badParam("response_format", "", "This response_format type is unavailable now")
	}
	var stops []string
	if json.Unmarshal(members["stop"], &stops) == nil && len(stops) > r.Stops.Or(len(stops)) {
		return badParam("stop", "", "at most %d stop strings", r.Stops.Or(0))
	}
	return nil
}

// checkMessages holds a conversation to the vendor's rules.
func (v compatible) checkMessages(messages []compatibleMessage, model string) *apiError {
	r := &v.profile.Rules
	valid := regexp.MustCompile(`^[a-zA-Z0-9]{` + strconv.Itoa(r.CallIDs.Or(0)) + `}$`)
	id := func(id string) *apiError {
		if r.CallIDs.Or(0) == 0 || valid.MatchString(id) {
			return nil
		}
		return newError(http.StatusBadRequest, "invalid_function_call", "3280", "",
			"Tool call id was "+id+" but must be a-z, A-Z, 0-9, with a length of "+strconv.Itoa(r.CallIDs.Or(0))+".")
	}
	before := ""
	for i, m := range messages {
		switch {
		case m.Role == "developer" && !r.Developer.Or(true):
			return badParam("", "", "messages[%d].role: unknown variant `developer`", i)
		case m.Role == "system" && before != "" && before != "system" && !r.MidSystem.Or(true):
			return badParam("", "", "Unexpected role 'system' after role '%s'", before)
		case m.Role == "user" && before == "tool" && !r.UserAfterTool.Or(true):
			return newError(http.StatusBadRequest, "invalid_request_message_order", "3230", "", "Unexpected role 'user' after role 'tool'")
		case m.Name != nil && r.Refused("messages.name", model):
			return badParam("", "", "property 'messages.%d.name' is unsupported", i)
		case len(m.ToolCalls) > 0 && m.Reasoning == nil && r.ThoughtsBack.Or("") == "reasoning_content":
			return badParam("", "", "Missing `reasoning_content` field in the assistant message at message index %d.", i)
		case !r.ImageURLs.Or(true) && strings.Contains(string(m.Content), `"url":"http`):
			return badParam("", "", "unsupported image url, only base64 is supported")
		}
		if m.CallID != nil {
			if e := id(*m.CallID); e != nil {
				return e
			}
		}
		for _, call := range m.ToolCalls {
			if e := id(call.ID); e != nil {
				return e
			}
		}
		before = m.Role
	}
	return nil
}

func (v compatible) checkTools(members map[string]json.RawMessage) *apiError {
	r := &v.profile.Rules
	if !r.Strict.Or(true) && strings.Contains(string(members["tools"]), `"strict"`) {
		return badParam("tools", "", "strict is not supported")
	}
	word := strings.Trim(string(members["tool_choice"]), `"`)
	if strings.HasPrefix(word, "{") {
		word = "named"
	}
	if own, differs := r.ToolChoice.Or(nil)[word]; differs && own != word {
		return badParam("tool_choice", "", "tool_choice %s is not supported", word)
	}
	return nil
}

// asVendor has an answer be as the vendor of a call tells it.
func (a *answer) asVendor(c *call) {
	v, ok := c.wire.(compatible)
	if !ok {
		return
	}
	a.vendor = v.profile
	a.withUsage = a.withUsage || a.stream && !v.profile.Rules.StreamOptions.Or(true)
	for i := range a.choices {
		for j := range a.choices[i].calls {
			if length := v.profile.Rules.CallIDs.Or(0); length > 0 {
				call := &a.choices[i].calls[j]
				call.id = call.id[len(call.id)-length:]
			}
		}
	}
}

// appendThoughts appends the member in which the vendor shows its thoughts, with the comma behind it; whole says that the text
// follows in the same message.
func (a *answer) appendThoughts(out []byte, thinking []string) []byte {
	if a.vendor == nil || len(thinking) == 0 || a.vendor.Name == "mistral" {
		return out
	}
	name := "reasoning"
	if a.vendor.Rules.ThoughtsBack.Or("") == "reasoning_content" {
		name = "reasoning_content"
	}
	return append(appendQuoted(append(out, `"`+name+`":`...), join(thinking)), ',')
}

// appendContent appends the text of a message, behind its thoughts where the vendor has both in one list.
func (a *answer) appendContent(out []byte, c choice) []byte {
	if a.vendor == nil || a.vendor.Name != "mistral" || len(c.thinking) == 0 {
		return appendQuoted(out, join(c.content))
	}
	out = appendMistralThought(append(out, '['), join(c.thinking))
	return append(appendQuoted(append(out, `,{"type":"text","text":`...), join(c.content)), `}]`...)
}

func appendMistralThought(out, thought []byte) []byte {
	return append(appendQuoted(append(out, `{"type":"thinking","thinking":[{"type":"text","text":`...), thought), `}]}`...)
}

// thoughts sends a choice's thoughts, which come before anything else.
func (s *eventStream) thoughts(a *answer) {
	if a.vendor == nil {
		return
	}
	switch a.vendor.Name {
	case "openrouter":
		s.buf = append(s.buf, ": OPENROUTER PROCESSING\n\n"...)
	case "deepseek":
		s.buf = append(s.buf, ": keep-alive\n\n"...)
	}
	for i, c := range a.choices {
		if len(c.thinking) == 0 {
			continue
		}
		s.open(i)
		if a.vendor.Name == "mistral" {
			s.buf = append(appendMistralThought(append(s.buf, `{"content":[`...), join(c.thinking)), `]}`...)
		} else {
			s.buf = append(a.appendThoughts(append(s.buf, '{'), c.thinking), `"content":null}`...)
		}
		s.close("")
	}
}

// appendVendorUsage appends what a vendor tells beside OpenAI's members, in front of them.
func (a *answer) appendVendorUsage(out []byte) []byte {
	if a.vendor == nil || a.vendor.Name != "deepseek" {
		return a.usage.appendJSON(out)
	}
	out = appendInt(append(out, `{"prompt_cache_hit_tokens":`...), a.usage.PromptDetails.Cached)
	out = appendInt(append(out, `,"prompt_cache_miss_tokens":`...), a.usage.Prompt-a.usage.PromptDetails.Cached)
	return append(append(out, ','), a.usage.appendJSON(nil)[1:]...)
}
