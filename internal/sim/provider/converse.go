package provider

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
)

// converseBlock is a block of a Converse request: one of its members is there.
type converseBlock struct {
	Text  *string `json:"text"`
	Image *struct {
		Format string         `json:"format"`
		Source converseSource `json:"source"`
	} `json:"image"`
	Document *struct {
		Format string         `json:"format"`
		Name   string         `json:"name"`
		Source converseSource `json:"source"`
	} `json:"document"`
	ToolUse *struct {
		ID    string          `json:"toolUseId"`
		Name  string          `json:"name"`
		Input json.RawMessage `json:"input"`
	} `json:"toolUse"`
	ToolResult *struct {
		ID      string          `json:"toolUseId"`
		Content []converseBlock `json:"content"`
		Status  string          `json:"status"`
	} `json:"toolResult"`
	Reasoning *struct {
		Text *struct {
			Text      string `json:"text"`
			Signature string `json:"signature"`
		} `json:"reasoningText"`
		Redacted []byte `json:"redactedContent"`
	} `json:"reasoningContent"`
	CachePoint *struct {
		Type string `json:"type"`
		TTL  string `json:"ttl"`
	} `json:"cachePoint"`
}

type converseSource struct {
	Bytes []byte `json:"bytes"`
}

type converseTool struct {
	Spec *struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		InputSchema struct {
			JSON json.RawMessage `json:"json"`
		} `json:"inputSchema"`
		Strict bool `json:"strict"`
	} `json:"toolSpec"`
	CachePoint *struct {
		Type string `json:"type"`
		TTL  string `json:"ttl"`
	} `json:"cachePoint"`
}

type converseRequest struct {
	Messages []struct {
		Role    string          `json:"role"`
		Content []converseBlock `json:"content"`
	} `json:"messages"`
	System    []converseBlock `json:"system"`
	Inference struct {
		MaxTokens     *int     `json:"maxTokens"`
		Temperature   *float64 `json:"temperature"`
		TopP          *float64 `json:"topP"`
		StopSequences []string `json:"stopSequences"`
	} `json:"inferenceConfig"`
	ToolConfig *struct {
		Tools  []converseTool             `json:"tools"`
		Choice map[string]json.RawMessage `json:"toolChoice"`
	} `json:"toolConfig"`
	Output struct {
		Effort     string `json:"effort"`
		TextFormat *struct {
			Type      string `json:"type"`
			Structure struct {
				JSONSchema struct {
					Name   string `json:"name"`
					Schema string `json:"schema"`
				} `json:"jsonSchema"`
			} `json:"structure"`
		} `json:"textFormat"`
	} `json:"outputConfig"`
	Additional map[string]json.RawMessage `json:"additionalModelRequestFields"`
	// Also names members of the model's own answer to be told as well: Claude's have none of use.
	Also     []string          `json:"additionalModelResponseFieldPaths"`
	Metadata map[string]string `json:"requestMetadata"`
}

var (
	converseToolName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	converseTitle    = regexp.MustCompile(`^[a-zA-Z0-9()\[\]-]+( [a-zA-Z0-9()\[\]-]+)*$`)
)

// object is JSON on its way to the Messages API.
type object = map[string]any

// converse serves Converse and ConverseStream: it takes a request apart by the rules of that API and lets the Messages API answer.
func (s *Server) converse(c *call) *apiError {
	var req converseRequest
	dec := json.NewDecoder(bytes.NewReader(c.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&req); err != nil {
		return badMessage("", "The request is not valid: %s", err)
	}
	members, e := req.members()
	if e != nil {
		return e
	}
	stream := strings.HasSuffix(c.path, "-stream")
	members["model"], members["stream"] = modelOf(c.r.PathValue("model")), stream
	c.body = appendJSON(nil, members)
	c.r.Header.Set(anthropicVersion, "2023-06-01")
	m, e := s.parseMessages(c, true)
	if e != nil {
		return e
	}
	c.model, c.stream = m.Model, stream
	pace, fault, done, e := s.prepare(c, &m.steer)
	if e != nil || done {
		return e
	}
	a := s.composeMessage(c, m)
	c.usage = a.usage.normal()
	c.wire.timed(c)
	c.w = &rewriter{ResponseWriter: c.w, kind: awsFrames, rewrite: converseFrames}
	s.deliver(c, converseAnswer{a}, pace, fault)
	return nil
}

// members is the request as the Messages API has it.
func (r *converseRequest) members() (object, *apiError) {
	out := object{"max_tokens": outputTokens}
	var messages []object
	called := false
	titles := map[string]bool{}
	for i, m := range r.Messages {
		switch {
		case i == 0 && m.Role != "user":
			return nil, badMessage("", "A conversation must start with a user message. Try again with a conversation that starts with a user message.")
		case i > 0 && m.Role == r.Messages[i-1].Role:
			return nil, badMessage("", "A conversation must alternate between user and assistant roles.")
		case len(m.Content) == 0:
			return nil, badMessage("", "The content field in the Message object at messages.%d is empty.", i)
		}
		content, e := converseBlocks(m.Content, titles, &called, false)
		if e != nil {
			return nil, e
		}
		messages = append(messages, object{"role": m.Role, "content": content})
	}
	out["messages"] = messages
	system, e := converseBlocks(r.System, titles, &called, false)
	if e != nil {
		return nil, e
	}
	if len(system) > 0 {
		out["system"] = system
	}
	if called && r.ToolConfig == nil {
		return nil, badMessage("", "The toolConfig field must be defined when using toolUse and toolResult content blocks.")
	}
	if e := r.settings(out); e != nil {
		return nil, e
	}
	return out, nil
}

func (r *converseRequest) settings(out object) *apiError {
	if n := r.Inference.MaxTokens; n != nil {
		out["max_tokens"] = *n
	}
	if v := r.Inference.Temperature; v != nil {
		out["temperature"] = *v
	}
	if v := r.Inference.TopP; v != nil {
		out["top_p"] = *v
	}
	if len(r.Inference.StopSequences) > 0 {
		out["stop_sequences"] = r.Inference.StopSequences
	}
	config := object{}
	if r.Output.Effort != "" {
		config["effort"] = r.Output.Effort
	}
	if f := r.Output.TextFormat; f != nil {
		config["format"] = object{"type": f.Type, "schema": json.RawMessage(f.Structure.JSONSchema.Schema)}
	}
	if len(config) > 0 {
		out["output_config"] = config
	}
	for name, v := range r.Additional {
		out[name] = v
	}
	if r.ToolConfig == nil {
		return nil
	}
	if len(r.ToolConfig.Tools) == 0 {
		return badMessage("", "The toolConfig.tools field is empty.")
	}
	var tools []object
	for _, t := range r.ToolConfig.Tools {
		switch {
		case t.CachePoint != nil && len(tools) > 0:
			tools[len(tools)-1]["cache_control"] = cacheMark(t.CachePoint.TTL)
		case t.Spec == nil || !converseToolName.MatchString(t.Spec.Name) || jsonType(t.Spec.InputSchema.JSON) != "object":
			return badMessage("", "The toolSpec at toolConfig.tools is not valid.")
		default:
			tools = append(tools, object{"name": t.Spec.Name, "description": t.Spec.Description, "input_schema": t.Spec.InputSchema.JSON})
		}
	}
	out["tools"] = tools
	return r.choice(out)
}

func (r *converseRequest) choice(out object) *apiError {
	for kind, v := range r.ToolConfig.Choice {
		switch kind {
		case "auto", "any":
			out["tool_choice"] = object{"type": kind}
		case "tool":
			var named struct{ Name string }
			if json.Unmarshal(v, &named) != nil || named.Name == "" {
				return badMessage("", "The toolChoice.tool.name field is empty.")
			}
			out["tool_choice"] = object{"type": "tool", "name": named.Name}
		default:
			return badMessage("", "The toolChoice %q is unknown.", kind)
		}
	}
	return nil
}

func cacheMark(ttl string) object {
	if ttl == "" {
		return object{"type": "ephemeral"}
	}
	return object{"type": "ephemeral", "ttl": ttl}
}

// converseBlocks are blocks as the Messages API has them.
func converseBlocks(blocks []converseBlock, titles map[string]bool, called *bool, result bool) ([]object, *apiError) {
	out := []object{}
	said, shown := false, false
	for _, b := range blocks {
		switch {
		case b.Text != nil:
			if strings.TrimSpace(*b.Text) == "" && !result {
				return nil, badMessage("", "The text field in the ContentBlock object is blank. Add text to the text field, and try again.")
			}
			said = true
			out = append(out, object{"type": "text", "text": *b.Text})
		case b.Image != nil:
			out = append(out, object{"type": "image", "source": object{"type": "base64", "media_type": "image/" + b.Image.Format, "data": b.Image.Source.Bytes}})
		case b.Document != nil:
			shown = true
			if !converseTitle.MatchString(b.Document.Name) || titles[b.Document.Name] {
				return nil, badMessage("", "The document name %q is not valid, or used twice.", b.Document.Name)
			}
			titles[b.Document.Name] = true
			out = append(out, object{"type": "document", "title": b.Document.Name, "source": object{"type": "base64", "media_type": "application/" + b.Document.Format, "data": b.Document.Source.Bytes}})
		case b.ToolUse != nil:
			*called = true
			out = append(out, object{"type": "tool_use", "id": b.ToolUse.ID, "name": b.ToolUse.Name, "input": b.ToolUse.Input})
		case b.ToolResult != nil:
			*called = true
			content, e := converseBlocks(b.ToolResult.Content, titles, called, true)
			if e != nil {
				return nil, e
			}
			out = append(out, object{"type": "tool_result", "tool_use_id": b.ToolResult.ID, "content": content, "is_error": b.ToolResult.Status == "error"})
		case b.Reasoning != nil && b.Reasoning.Text != nil:
			out = append(out, object{"type": "thinking", "thinking": b.Reasoning.Text.Text, "signature": b.Reasoning.Text.Signature})
		case b.Reasoning != nil:
			out = append(out, object{"type": "redacted_thinking", "data": string(b.Reasoning.Redacted)})
		case b.CachePoint != nil && len(out) > 0:
			out[len(out)-1]["cache_control"] = cacheMark(b.CachePoint.TTL)
		default:
			return nil, badMessage("", "A ContentBlock object must have one member.")
		}
	}
	if shown && !said && !result {
		return nil, badMessage("", "A message with a document must have a text, too.")
	}
	return out, nil
}

// converseAnswer is a planned message as the Converse API tells it.
type converseAnswer struct{ *messageAnswer }

func (a converseAnswer) reason() string {
	if a.stopReason == stopRefusal {
		return "content_filtered"
	}
	return a.stopReason
}

func (a converseAnswer) appendUsage(out []byte) []byte {
	u := a.usage
	total := u.Input + u.CacheCreation + u.CacheRead + u.Output
	usage := object{"inputTokens": u.Input, "outputTokens": u.Output, "totalTokens": total, "cacheReadInputTokens": u.CacheRead, "cacheWriteInputTokens": u.CacheCreation}
	if u.ByTTL != nil && u.CacheCreation > 0 {
		usage["cacheDetails"] = []object{{"ttl": "5m", "inputTokens": u.ByTTL.Short}, {"ttl": "1h", "inputTokens": u.ByTTL.Long}}
	}
	return appendJSON(out, usage)
}

func (a converseAnswer) appendBody(out []byte, withUsage bool) []byte {
	content := []object{}
	for _, b := range a.blocks {
		switch b.kind {
		case "thinking":
			content = append(content, object{"reasoningContent": object{"reasoningText": object{"text": string(join(b.pieces)), "signature": b.signature}}})
		case "redacted_thinking":
			content = append(content, object{"reasoningContent": object{"redactedContent": []byte(b.data)}})
		case "tool_use":
			content = append(content, object{"toolUse": object{"toolUseId": b.id, "name": b.name, "input": json.RawMessage(b.input())}})
		default:
			content = append(content, object{"text": string(join(b.pieces))})
		}
	}
	answer := object{"output": object{"message": object{"role": "assistant", "content": content}}, "stopReason": a.reason(), "metrics": object{"latencyMs": 1}}
	if withUsage {
		answer["usage"] = json.RawMessage(a.appendUsage(nil))
	}
	return appendJSON(out, answer)
}

func (s *eventStream) converse(name string, payload any) {
	s.buf = appendJSON(append(s.buf, "event: "+name+"\ndata: "...), payload)
	s.buf = append(s.buf, '\n', '\n')
}

func (a converseAnswer) writeStream(s *eventStream) error {
	s.garbage = "garbage\n\n"
	s.failure = func(out []byte) []byte { return append(out, "event: error\ndata: {}\n\n"...) }
	if err := s.wait(0); err != nil {
		return err
	}
	s.converse("messageStart", object{"role": "assistant"})
	for i, b := range a.blocks {
		if err := b.converse(s, i); err != nil {
			return err
		}
	}
	if s.chunks == 0 { // nothing was shown, so no fault had its turn yet
		if err := s.disturb(); err != nil {
			return err
		}
	}
	s.converse("messageStop", object{"stopReason": a.reason()})
	if s.fault.Kind != NoUsage {
		s.converse("metadata", object{"usage": json.RawMessage(a.appendUsage(nil)), "metrics": object{"latencyMs": 1}})
	}
	return s.last()
}

// converse sends one block. Blocks of text have no start, and calls without arguments no piece of them.
func (b outputBlock) converse(s *eventStream, index int) error {
	delta := func(d object) {
		s.converse("contentBlockDelta", object{"contentBlockIndex": index, "delta": d, "p": "abcdefgh"})
	}
	wrap := func(piece string) object { return object{"text": piece} }
	pieces := b.pieces
	switch b.kind {
	case "thinking":
		wrap = func(piece string) object { return object{"reasoningContent": object{"text": piece}} }
	case "redacted_thinking":
		delta(object{"reasoningContent": object{"redactedContent": base64.StdEncoding.EncodeToString([]byte(b.data))}})
	case "tool_use":
		s.converse("contentBlockStart", object{"contentBlockIndex": index, "start": object{"toolUse": object{"toolUseId": b.id, "name": b.name}}})
		wrap = func(piece string) object { return object{"toolUse": object{"input": piece}} }
		if string(join(pieces)) == "{}" {
			pieces = nil
		}
	}
	for _, piece := range pieces {
		if err := s.due(); err != nil {
			return err
		}
		delta(wrap(piece))
		if err := s.sent(); err != nil {
			return err
		}
	}
	if b.signature != "" {
		delta(object{"reasoningContent": object{"signature": b.signature}})
	}
	s.converse("contentBlockStop", object{"contentBlockIndex": index})
	return nil
}

// converseFrames frames events as ConverseStream does.
func converseFrames(events []byte) []byte {
	var out bytes.Buffer
	eventsOf(events, func(name, data []byte) {
		switch string(name) {
		case "error":
			frame(&out, "exception", "throttlingException", []byte(`{"message":"Too many tokens, please wait before trying again."}`))
		case "garbage":
			out.WriteString("no frame")
		default:
			frame(&out, "event", string(name), data)
		}
	})
	return out.Bytes()
}
