package provider

import (
	"encoding/json"

	"starlane/internal/catalog/vendor"
)

type promptDetails struct {
	Cached int `json:"cached_tokens"`
	Audio  int `json:"audio_tokens"`
	// written is what the prompt added to a cache that the client pays for.
	written int
}

type completionDetails struct {
	Reasoning int `json:"reasoning_tokens"`
	Audio     int `json:"audio_tokens"`
	Accepted  int `json:"accepted_prediction_tokens"`
	Rejected  int `json:"rejected_prediction_tokens"`
}

// tokenUsage is the "usage" object of a chat completion.
type tokenUsage struct {
	Prompt            int               `json:"prompt_tokens"`
	Completion        int               `json:"completion_tokens"`
	Total             int               `json:"total_tokens"`
	PromptDetails     promptDetails     `json:"prompt_tokens_details"`
	CompletionDetails completionDetails `json:"completion_tokens_details"`
}

// answer is a planned chat completion.
type answer struct {
	id       string
	created  int64
	model    string
	choices  []choice
	usage    tokenUsage
	logprobs bool
	stream   bool
	// withUsage says that the stream ends with a usage chunk.
	withUsage  bool
	obfuscated bool
	vendor     *vendor.Profile // who answers otherwise than OpenAI; nil: nobody
}

// compose plans the answer to a request; it depends on the seed and the request alone, save for ids and caching.
func (s *Server) compose(key string, req *chatRequest) *answer {
	a := &answer{
		id: s.newID("chatcmpl-"), created: s.cfg.Clock.Now().Unix(), model: req.Model, logprobs: req.Logprobs,
		stream: req.Stream, withUsage: req.Stream && req.StreamOptions.IncludeUsage,
		obfuscated: req.StreamOptions.IncludeObfuscation,
	}
	total, cached := s.cache.count(key, req.Model, req.promptParts())
	u := &a.usage
	u.Prompt = total + req.media() + perMessage*len(req.Messages) + priming
	u.PromptDetails.Cached = cached
	n := 1
	if req.N != nil {
		n = *req.N
	}
	t := req.task()
	for i := range n {
		c := s.answerTask(t, i)
		c.searched = req.searchTool() && t.last == turnUser && searches(t.user)
		u.Completion += c.tokens() + c.reasoning
		u.CompletionDetails.Reasoning += c.reasoning
		a.choices = append(a.choices, c)
	}
	u.Total = u.Prompt + u.Completion
	return a
}

// task says in no vendor's terms what the request asks for.
func (r *chatRequest) task() *task {
	last := r.Messages[len(r.Messages)-1]
	t := &task{
		user: r.lastUser(), idPrefix: "call_", stops: r.stops, limit: r.limit(),
		reasoning: reasoningTokens(r.ReasoningEffort), tokens: r.steer.tokens,
		single: r.ParallelToolCalls != nil && !*r.ParallelToolCalls,
	}
	for _, m := range r.Messages {
		if m.Role == roleUser {
			t.hear(m.text)
		}
		if jsonType(m.ToolCalls) == "array" {
			t.made++
		}
	}
	switch last.Role {
	case "user":
		t.last = turnUser
	case "tool", "function":
		t.last = turnTool
		for i := len(r.Messages) - 1; i >= 0 && r.Messages[i].Role == last.Role; i-- {
			t.results = append([]string{r.Messages[i].text}, t.results...)
		}
	}
	t.mode, t.forced = r.toolMode()
	for _, spec := range r.Tools {
		t.tools = append(t.tools, spec.tool())
	}
	if f := r.ResponseFormat; f != nil {
		switch f.Type {
		case "json_object":
			t.format = formatJSON
		case "json_schema":
			t.format, t.schema = formatSchema, f.JSONSchema.Schema
		}
	}
	return t
}

// toolMode reads tool_choice: its mode and the name of a tool it forces.
func (r *chatRequest) toolMode() (mode, forced string) {
	if jsonType(r.ToolChoice) == "string" {
		_ = json.Unmarshal(r.ToolChoice, &mode) // a JSON string always decodes into one
		return mode, ""
	}
	var named toolSpec
	if json.Unmarshal(r.ToolChoice, &named) == nil {
		forced = named.tool().name
	}
	return "auto", forced
}
