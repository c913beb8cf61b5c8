package provider

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const roleModel = "model"

// checkSchema holds a schema to the subset of OpenAPI that the API's own Schema message has.
func checkSchema(raw json.RawMessage, place string, depth int) *apiError {
	if len(raw) == 0 || depth > maxSchemaDepth {
		return nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return badArgument("Invalid value at '%s'.", place)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		value := members[name]
		switch camelName(name) {
		case "default", "description", "enum", "example", "format", "maxItems", "minItems", "maxLength", "minLength",
			"maxProperties", "minProperties", "maximum", "minimum", "nullable", "pattern", "propertyOrdering", "required", "title":
		case "type":
			if jsonType(value) != "string" {
				return badArgument("Invalid value at '%s.type': Proto field is not repeating, cannot start list.", place)
			}
		case "items":
			if e := checkSchema(value, place+".items", depth+1); e != nil {
				return e
			}
		case "anyOf":
			var any []json.RawMessage
			if json.Unmarshal(value, &any) != nil {
				return badArgument("Invalid value at '%s.any_of'.", place)
			}
			for i, v := range any {
				if e := checkSchema(v, fmt.Sprintf("%s.any_of[%d]", place, i), depth+1); e != nil {
					return e
				}
			}
		case "properties":
			var properties map[string]json.RawMessage
			if json.Unmarshal(value, &properties) != nil {
				return badArgument("Invalid value at '%s.properties'.", place)
			}
			for _, p := range slices.Sorted(maps.Keys(properties)) {
				if e := checkSchema(properties[p], place+".properties[0].value", depth+1); e != nil {
					return e
				}
			}
		default:
			return errUnknownName(name, place)
		}
	}
	return nil
}

func (r *geminiRequest) checkTools() *apiError {
	valid := regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$`)
	known := map[string]bool{}
	for i, t := range r.Tools {
		for j, f := range t.Functions {
			place := fmt.Sprintf("tools[%d].function_declarations[%d]", i, j)
			switch {
			case !valid.MatchString(f.Name):
				return badArgument("* GenerateContentRequest.%s.name: Invalid function name.", place)
			case known[f.Name]:
				return badArgument("Duplicate function declaration found: %s", f.Name)
			case len(f.Parameters) > 0 && len(f.JSONSchema) > 0:
				return badArgument("* GenerateContentRequest.%s: parameters and parameters_json_schema must not both be set.", place)
			}
			if e := checkSchema(f.Parameters, place+".parameters", 0); e != nil {
				return e
			}
			known[f.Name] = true
		}
	}
	calling := r.ToolConfig.Calling
	mode := strings.ToUpper(calling.Mode)
	switch mode {
	case "", "MODE_UNSPECIFIED", "AUTO", "NONE":
		if len(calling.Allowed) > 0 {
			return badArgument("allowed_function_names may only be set when the function calling mode is ANY or VALIDATED.")
		}
	case "ANY", "VALIDATED":
		if mode == "ANY" && len(known) == 0 {
			return badArgument("Function calling mode ANY needs function declarations.")
		}
	default:
		return badArgument("Invalid value at 'tool_config.function_calling_config.mode', %q", calling.Mode)
	}
	for _, name := range calling.Allowed {
		if !known[name] {
			return badArgument("allowed_function_names contains a function that is not declared: %s", name)
		}
	}
	return nil
}

// searchTool says whether the model may search the web.
func (r *geminiRequest) searchTool() bool {
	for _, t := range r.Tools {
		if len(t.GoogleSearch) > 0 {
			return true
		}
	}
	return false
}

// serverTools counts the tools that the vendor runs itself.
func (r *geminiRequest) serverTools() int {
	n := 0
	for _, t := range r.Tools {
		for _, raw := range []json.RawMessage{t.GoogleSearch, t.URLContext, t.CodeExecution} {
			if len(raw) > 0 {
				n++
			}
		}
	}
	return n
}

// empty says that a part holds nothing. Some clients leave out an empty text; a signature alone stands for one.
func (p geminiPart) empty() bool {
	return p.Signature == "" && p.Text == nil && p.InlineData == nil && p.Call == nil && p.Response == nil && len(p.FileData) == 0 &&
		len(p.ExecutableCode) == 0 && len(p.CodeResult) == 0 && len(p.ToolCall) == 0 && len(p.ToolResponse) == 0
}

func (c geminiContent) calls() (n int) {
	for _, p := range c.Parts {
		if p.Call != nil {
			n++
		}
	}
	return n
}

func (c geminiContent) responses() (n int) {
	for _, p := range c.Parts {
		if p.Response != nil {
			n++
		}
	}
	return n
}

func (c geminiContent) fromModel() bool { return c.Role == roleModel }

// joinTurns makes one content of those of the model that follow each other: Google's SDKs keep each chunk of a stream as a
// content of its own, and the API takes them back so.
func joinTurns(contents []geminiContent) []geminiContent {
	var out []geminiContent
	for _, c := range contents {
		if n := len(out); n > 0 && len(c.Parts) > 0 && c.fromModel() && out[n-1].fromModel() {
			out[n-1].Parts = append(slices.Clip(out[n-1].Parts), c.Parts...)
			continue
		}
		out = append(out, c)
	}
	return out
}

// checkContents holds a conversation to the API's rules.
func (s *Server) checkContents(contents []geminiContent) *apiError {
	if len(contents) == 0 {
		return badArgument("* GenerateContentRequest.contents: contents is not specified")
	}
	for i, c := range contents {
		place := fmt.Sprintf("* GenerateContentRequest.contents[%d]", i)
		switch c.Role {
		case "", roleUser, roleModel, "function":
		default:
			return badArgument("Please use a valid role: user, model.")
		}
		if len(c.Parts) == 0 {
			return badArgument("%s.parts: contents.parts must not be empty.", place)
		}
		for j, p := range c.Parts {
			if e := s.checkPart(p, fmt.Sprintf("%s.parts[%d]", place, j)); e != nil {
				return e
			}
		}
		var before geminiContent
		if i > 0 {
			before = contents[i-1]
		}
		switch {
		case c.calls() > 0 && (i == 0 || before.fromModel()):
			return badArgument("Please ensure that function call turn comes immediately after a user turn or after a function response turn.")
		case c.responses() > 0 && before.calls() == 0:
			return badArgument("Please ensure that function response turn comes immediately after a function call turn.")
		case c.responses() > 0 && c.responses() != before.calls(),
			c.responses() == 0 && before.calls() > 0:
			return badArgument("Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.")
		}
	}
	return checkSigned(contents)
}

const sealThought = "thought"

func (s *Server) checkPart(p geminiPart, place string) *apiError {
	switch {
	case p.empty():
		return badArgument("%s.data: required oneof field 'data' must have one initialized field", place)
	case p.Call != nil && p.Call.Name == "":
		return badArgument("%s.function_call.name: Name cannot be empty.", place)
	case p.Call != nil && len(p.Call.Args) > 0 && jsonType(p.Call.Args) != "object":
		return badArgument("Invalid value at '%s.function_call.args' (type.googleapis.com/google.protobuf.Struct)", place)
	case p.Response != nil && p.Response.Name == "":
		return badArgument("%s.function_response.name: Name cannot be empty.", place)
	case p.Response != nil && jsonType(p.Response.Response) != "object":
		return badArgument("Invalid value at '%s.function_response.response' (type.googleapis.com/google.protobuf.Struct)", place)
	case p.InlineData != nil && (p.InlineData.MimeType == "" || p.InlineData.Data == ""):
		return badArgument("%s.inline_data: mime_type and data must be set.", place)
	case p.Signature != "" && !skipsValidation(p.Signature) && !s.sealed(p.Signature, sealThought, p.signs()):
		return badArgument("Corrupted thought signature.")
	}
	return nil
}

// signs gives what a signature on the part is bound to.
func (p geminiPart) signs() string {
	if p.Call != nil {
		return p.Call.Name
	}
	return ""
}

// skipsValidation knows the texts by which the vendor lets histories from elsewhere pass, in plain or as the base64
// that a field of bytes asks for.
func skipsValidation(signature string) bool {
	if raw, err := base64.StdEncoding.DecodeString(signature); err == nil {
		if text := string(raw); text == "skip_thought_signature_validator" || text == "context_engineering_is_the_way_to_go" {
			return true
		}
	}
	return signature == "skip_thought_signature_validator" || signature == "context_engineering_is_the_way_to_go"
}

// checkSigned wants the signature of each step since the user last spoke: the first call of a content carries it.
func checkSigned(contents []geminiContent) *apiError {
	from := len(contents) - 1
	for ; from > 0; from-- {
		if c := contents[from]; !c.fromModel() && c.responses() == 0 {
			break
		}
	}
	for i := from; i < len(contents); i++ {
		for _, p := range contents[i].Parts {
			if p.Call == nil {
				continue
			}
			if p.Signature == "" {
				return badArgument("Function call is missing a thought_signature in functionCall parts. This is required for tools to work "+
					"correctly. Additional data, function call `default_api:%s` , position %d.", p.Call.Name, i+1)
			}
			break
		}
	}
	return nil
}

func (c geminiContent) text() string {
	var texts []string
	for _, p := range c.Parts {
		if p.Text != nil && !p.Thought {
			texts = append(texts, *p.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// converseGemini tells a task what the conversation says.
func converseGemini(contents []geminiContent, t *task) {
	for _, c := range contents {
		t.made += c.calls()
		if text := c.text(); !c.fromModel() && text != "" {
			t.user = text
			t.hear(text)
		}
	}
	last := contents[len(contents)-1]
	if !last.fromModel() {
		t.last = turnUser
	}
	for _, p := range last.Parts {
		if p.Response != nil {
			t.last = turnTool
			t.results = append(t.results, resultText(p.Response.Response))
		}
	}
}

// resultText gives what a tool's result says: the text that it wraps, or its JSON.
func resultText(raw json.RawMessage) string {
	var wrapped map[string]json.RawMessage
	if json.Unmarshal(raw, &wrapped) == nil && len(wrapped) == 1 {
		for _, name := range []string{"result", "output", "content"} {
			var text string
			if json.Unmarshal(wrapped[name], &text) == nil {
				return text
			}
		}
	}
	return string(raw)
}
