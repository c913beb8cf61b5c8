package gemini

import (
	"strconv"
	"strings"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/dialect/schema"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// words are what the format calls members that others know too.
var words = map[string]string{ //nolint:gochecknoglobals // a constant table
	"messages": "contents", "messages.role.system": "contents.role.system", "input_audio": "parts.inlineData",
	"document.source.url": "parts.fileData", "tool_result.image": "parts.functionResponse.parts",
	"tool_result.is_error": "parts.functionResponse", "reasoning": "parts.thoughtSignature",
	"temperature": "generationConfig.temperature", "top_p": "generationConfig.topP", "top_k": "generationConfig.topK",
	"seed": "generationConfig.seed", "presence_penalty": "generationConfig.presencePenalty",
	"frequency_penalty": "generationConfig.frequencyPenalty", "stop": "generationConfig.stopSequences",
	"n": "generationConfig.candidateCount", "logprobs": "generationConfig.responseLogprobs", "max_completion_tokens": "generationConfig.maxOutputTokens",
	"finish_reason": "finishReason", "response_format": "generationConfig.responseMimeType", "reasoning_effort": "generationConfig.thinkingConfig",
	"thinking": "generationConfig.thinkingConfig", "thinking.budget": "generationConfig.thinkingConfig.thinkingBudget", "tool_choice": "toolConfig.functionCallingConfig",
	"image_url": "parts.fileData", "document_url": "parts.fileData", "file.file_data": "parts.fileData", "document": "parts.fileData", "file.filename": "parts.inlineData.displayName",
	"file.file_id": "parts.fileData", "file_id": "parts.fileData", "tools": "contents.parts.functionCall", "thought_signature": "parts.thoughtSignature", "user": "labels",
	"tool_calls.function.arguments": "parts.functionCall.args", "tool_choice.allowed_tools": "toolConfig.functionCallingConfig.allowedFunctionNames",
}

// parsing is a request on its way into the neutral form.
type parsing struct {
	p     *llm.Prompt
	notes *llm.Notes
	err   error
	calls int        // so far
	open  []openCall // calls that have no answer yet
}

type openCall struct{ id, name llm.Text }

// Parse implements dialect.Client.
func (*Contents) Parse(r *llm.Request, n *llm.Notes) (*llm.Prompt, error) {
	n.Words = words
	d := &parsing{p: &llm.Prompt{Client: Dialect, MaxOutput: r.MaxOutput, Choices: r.Choices}, notes: n}
	c := guard.NewCursor(r.Content.Open())
	wire.Object(&c, func(k string) { d.member(camel(k), &c) })
	if d.err == nil && c.Bad() {
		d.fail("", "The request body is not JSON.")
	}
	d.allow()
	return d.p, d.err
}

func (d *parsing) fail(param, message string) {
	if d.err == nil {
		d.err = apperr.New(apperr.InvalidRequest, "%s", message).WithParam(param)
	}
}

// extra keeps a member that has no neutral form.
func (d *parsing) extra(name string, c *guard.Cursor) {
	if c.Kind() == guard.Null {
		c.Skip()
		return
	}
	d.p.Extras = append(d.p.Extras, llm.Extra{Name: name, Value: llm.Raw(c.Raw())})
}

func (d *parsing) member(name string, c *guard.Cursor) {
	switch name {
	case "contents":
		i := 0
		wire.List(c, func() {
			d.content(c, "contents["+strconv.Itoa(i)+"]")
			i++
		})
	case "systemInstruction":
		d.system(c)
	case "tools":
		wire.List(c, func() { d.tools(c) })
	case "toolConfig":
		d.toolConfig(c)
	case "generationConfig":
		wire.Object(c, func(k string) { d.config(camel(k), c) })
	case "serviceTier": // there is one only
		c.Skip()
	default:
		d.extra(name, c)
	}
}

func (d *parsing) system(c *guard.Cursor) {
	if c.Kind() == guard.String {
		d.p.System = []llm.Block{{Kind: llm.TextBlock, Text: wire.Text(c)}}
		return
	}
	wire.Object(c, func(k string) {
		if k != "parts" {
			c.Skip()
			return
		}
		wire.List(c, func() { d.p.System = append(d.p.System, d.part(c, "systemInstruction")...) })
	})
}

func (d *parsing) content(c *guard.Cursor, at string) {
	var t llm.Turn
	role := roleUser
	wire.Object(c, func(k string) {
		switch k {
		case "role":
			if r := string(wire.Text(c)); r != "" {
				role = strings.ToLower(r)
			}
		case "parts":
			wire.List(c, func() { t.Blocks = append(t.Blocks, d.part(c, at)...) })
		default:
			c.Skip()
		}
	})
	switch role {
	case roleUser, "function", "tool":
		t.Role = llm.User
	case roleModel:
		t.Role = llm.Assistant
	case "system":
		t.Role = llm.System
	default:
		d.fail(at+".role", "Please use a valid role: user, model.")
	}
	turns := d.p.Turns
	if n := len(turns); t.Role == llm.Assistant && n > 0 && turns[n-1].Role == llm.Assistant {
		// Clients keep the chunks of a stream as contents of their own.
		turns[n-1].Blocks = joined(turns[n-1].Blocks, t.Blocks)
		return
	}
	if t.Role == llm.Assistant {
		t.Blocks = joined(nil, t.Blocks)
	}
	d.p.Turns = append(turns, t)
}

// joined makes one block of the pieces of a text, or of a thought up to what seals it.
func joined(have, more []llm.Block) []llm.Block {
	for _, b := range more {
		if n := len(have); n > 0 {
			last := &have[n-1]
			thought := last.Kind == llm.Thinking && (len(b.Sealed.Data) == 0 || b.Sealed.Origin != Dialect && !b.Sealed.Alone)
			if last.Kind == b.Kind && len(last.Sealed.Data) == 0 && (thought || b.Kind == llm.TextBlock && len(b.Sealed.Data) == 0) {
				last.Text = append(last.Text, b.Text...) // part left it no room inside of the body
				last.Sealed = b.Sealed
				continue
			}
		}
		have = append(have, b)
	}
	return have
}

func (d *parsing) config(name string, c *guard.Cursor) {
	p := d.p
	switch name {
	case "maxOutputTokens", "candidateCount":
		c.Skip()
	case "temperature":
		p.Temperature = wire.Number(c)
	case "topP":
		p.TopP = wire.Number(c)
	case "topK":
		p.TopK = wire.Number(c)
	case "seed":
		p.Seed = wire.Number(c)
	case "presencePenalty":
		p.Presence = wire.Number(c)
	case "frequencyPenalty":
		p.Frequency = wire.Number(c)
	case "stopSequences":
		wire.List(c, func() {
			if t := wire.Text(c); len(t) > 0 {
				p.Stop = append(p.Stop, t)
			}
		})
	case "responseLogprobs":
		at := *c
		p.Probs.Asked = isTrue(&at)
		d.extra("generationConfig."+name, c)
	case "logprobs":
		at := *c
		p.Probs.Top = wire.Number(&at)
		d.extra("generationConfig."+name, c)
	case "responseMimeType":
		d.mimeType(string(wire.Text(c)))
	case "responseSchema":
		if c.Kind() == guard.Object {
			p.Format = llm.Format{Kind: llm.JSONSchema, Strict: llm.Yes, Schema: d.schema("generationConfig."+name, c)}
			return
		}
		c.Skip()
	case "responseJsonSchema", "_responseJsonSchema":
		if c.Kind() == guard.Object {
			p.Format = llm.Format{Kind: llm.JSONSchema, Strict: llm.Yes, Schema: llm.Raw(c.Raw())}
			return
		}
		c.Skip()
	case "thinkingConfig":
		d.thinking(c)
	case "responseModalities":
		raw := llm.Raw(c.Raw())
		if strings.Contains(strings.ToUpper(string(raw)), "AUDIO") {
			p.Extras = append(p.Extras, llm.Extra{Name: "generationConfig." + name, Value: raw})
		}
	default:
		d.extra("generationConfig."+name, c)
	}
}

func (d *parsing) mimeType(kind string) {
	switch kind {
	case "", "text/plain":
	case jsonType, `application\/json`:
		if d.p.Format.Kind == llm.FreeText {
			d.p.Format.Kind = llm.JSONObject
		}
	default:
		d.notes.Reject("generationConfig.responseMimeType")
	}
}

func (d *parsing) thinking(c *guard.Cursor) {
	r := &d.p.Reasoning
	r.Hidden = true
	wire.Object(c, func(k string) {
		switch camel(k) {
		case "includeThoughts":
			r.Hidden = !isTrue(c)
		case "thinkingBudget":
			raw := wire.Number(c)
			budget, err := strconv.ParseInt(string(raw), 10, 32)
			switch {
			case err != nil:
			case budget < 0:
				r.Adaptive = true
			case budget == 0:
				r.Effort = llm.EffortNone
			default:
				r.Budget = budget
			}
		case "thinkingLevel":
			if e, ok := llm.ParseEffort(strings.ToLower(string(wire.Text(c)))); ok {
				r.Effort = e
			}
		default:
			c.Skip()
		}
	})
	if r.Effort == llm.EffortUnsaid && r.Budget == 0 && !r.Hidden {
		r.Adaptive = true // who wants to see thoughts wants the model to think
	}
}

func (d *parsing) tools(c *guard.Cursor) {
	wire.Object(c, func(k string) {
		name := camel(k)
		if name != "functionDeclarations" {
			switch {
			case c.Kind() == guard.Null:
			case name == "googleSearch":
				d.p.Search = &llm.WebSearch{Field: "tools." + name}
			default: // an empty object asks for a tool as well
				d.p.Extras = append(d.p.Extras, llm.Extra{Name: "tools." + name})
			}
			c.Skip()
			return
		}
		wire.List(c, func() { d.p.Tools = append(d.p.Tools, d.function(c)) })
	})
}

func (d *parsing) function(c *guard.Cursor) (t llm.Tool) {
	wire.Object(c, func(k string) {
		switch name := camel(k); name {
		case "name":
			t.Name = wire.Text(c)
		case "description":
			t.Description = wire.Text(c)
		case "parameters":
			if c.Kind() == guard.Object {
				t.Schema = d.schema("tools.functionDeclarations.parameters", c)
				return
			}
			c.Skip()
		case "parametersJsonSchema":
			if c.Kind() == guard.Object {
				t.Schema = llm.Raw(c.Raw())
				return
			}
			c.Skip()
		case "response", "responseJsonSchema": // says to people what the tool answers
			c.Skip()
		default:
			d.extra("tools."+name, c)
		}
	})
	return t
}

// schema reads a schema in the API's own words, a subset of OpenAPI's, and gives the JSON Schema that says the same.
func (d *parsing) schema(at string, c *guard.Cursor) llm.Raw {
	out, err := schema.FromOpenAPI(c.Raw())
	if err != nil {
		d.fail(at, at+": "+err.Error())
	}
	return out
}

func (d *parsing) toolConfig(c *guard.Cursor) {
	wire.Object(c, func(k string) {
		if name := camel(k); name != "functionCallingConfig" {
			d.extra("toolConfig."+name, c)
			return
		}
		choice := &d.p.Choice
		wire.Object(c, func(k string) {
			switch camel(k) {
			case "mode":
				switch strings.ToUpper(string(wire.Text(c))) {
				case "AUTO":
					choice.Mode = llm.ChoiceAuto
				case "NONE":
					choice.Mode = llm.ChoiceNone
				case "ANY":
					choice.Mode = llm.ChoiceAny
				case "VALIDATED": // arguments that fit are not enforced elsewhere
					choice.Mode = llm.ChoiceAuto
					d.notes.Approx("toolConfig.functionCallingConfig.mode")
				}
			case "allowedFunctionNames":
				wire.List(c, func() { choice.Allowed = append(choice.Allowed, wire.Text(c)) })
			default:
				c.Skip()
			}
		})
	})
}

// allow says a choice of one tool, or of none at all, as others do.
func (d *parsing) allow() {
	switch choice := &d.p.Choice; {
	case choice.Mode == llm.ChoiceNone:
		choice.Allowed = nil
	case len(choice.Allowed) == 1 && choice.Mode == llm.ChoiceAny:
		choice.Mode, choice.Name, choice.Allowed = llm.ChoiceNamed, choice.Allowed[0], nil
	}
}
