package provider

import (
	"encoding/json"
	"strings"
)

type promptDetails struct {
	Cached int `json:"cached_tokens"`
	Audio  int `json:"audio_tokens"`
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

type toolCall struct {
	id, name  string
	arguments []string
}

// choice is one answer to a request: text or tool calls, cut into what a stream sends piece by piece.
type choice struct {
	content []string
	calls   []toolCall
	finish  string
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
}

const (
	finishStop   = "stop"
	finishLength = "length"
	finishTools  = "tool_calls"
)

// perMessage and priming are the tokens that a chat prompt costs beyond its texts.
const (
	perMessage = 3
	priming    = 3
)

func reasoningTokens(effort string) int {
	switch effort {
	case "minimal":
		return 16
	case "low":
		return 64
	case "medium":
		return 192
	case "high":
		return 512
	case "xhigh":
		return 1024
	case "max":
		return 2048
	}
	return 0
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
	u.Prompt = total + perMessage*len(req.Messages) + priming
	u.PromptDetails.Cached = cached
	n := 1
	if req.N != nil {
		n = *req.N
	}
	for i := range n {
		c, reasoning := s.composeChoice(req, i)
		u.Completion += c.tokens() + reasoning
		u.CompletionDetails.Reasoning += reasoning
		a.choices = append(a.choices, c)
	}
	u.Total = u.Prompt + u.Completion
	return a
}

func (s *Server) composeChoice(req *chatRequest, index int) (choice, int) {
	limit := req.limit()
	reasoning := min(reasoningTokens(req.ReasoningEffort), limit)
	limit -= reasoning
	rng := newRandom(s.cfg.Seed^hashBytes(hashStart, req.lastUser()), uint64(index))
	if calls := s.composeCalls(req, rng); len(calls) > 0 {
		c := choice{calls: calls, finish: finishTools}
		c.truncate(limit)
		return c, reasoning
	}
	if req.steer.tokens > 0 {
		c := choice{content: generated(s.words, rng, min(req.steer.tokens, limit)), finish: finishStop}
		if req.steer.tokens > limit {
			c.finish = finishLength
		}
		return c, reasoning
	}
	text := cutAtStop(req.reply(), req.stops)
	content, cut := pieces(text, limit)
	c := choice{content: content, finish: finishStop}
	if cut {
		c.finish = finishLength
	}
	return c, reasoning
}

// reply is the text of an answer: the last user text, the tool results, or JSON that fits the wanted format.
func (r *chatRequest) reply() string {
	if f := r.ResponseFormat; f != nil {
		switch f.Type {
		case "json_object":
			return `{"echo":` + quote(r.lastUser()) + `}`
		case "json_schema":
			return sampleJSON(f.JSONSchema.Schema, r.lastUser())
		}
	}
	last := r.Messages[len(r.Messages)-1]
	if last.Role == "tool" || last.Role == "function" {
		return "The tool answered: " + r.toolResults()
	}
	if text := r.lastUser(); text != "" {
		return text
	}
	return "Nothing to echo."
}

func (r *chatRequest) toolResults() string {
	var out []string
	for i := len(r.Messages) - 1; i >= 0 && r.Messages[i].Role == r.Messages[len(r.Messages)-1].Role; i-- {
		out = append([]string{r.Messages[i].text}, out...)
	}
	return strings.Join(out, "; ")
}

func cutAtStop(text string, stops []string) string {
	cut := -1
	for _, stop := range stops {
		if i := strings.Index(text, stop); stop != "" && i >= 0 && (cut < 0 || i < cut) {
			cut = i
		}
	}
	if cut < 0 {
		return text
	}
	return text[:cut]
}

// tokens counts what the choice costs; a tool call costs its name, its arguments and a frame of four.
func (c choice) tokens() int {
	n := len(c.content)
	for _, call := range c.calls {
		n += CountTokens(call.name) + len(call.arguments) + 4
	}
	return n
}

// truncate drops what lies beyond the output limit.
func (c *choice) truncate(limit int) {
	for c.tokens() > limit && len(c.calls) > 0 {
		c.finish = finishLength
		last := &c.calls[len(c.calls)-1]
		if len(last.arguments) == 0 {
			c.calls = c.calls[:len(c.calls)-1]
			continue
		}
		last.arguments = last.arguments[:len(last.arguments)-1]
	}
}

// composeCalls decides whether the answer calls tools, and which: those that tool_choice demands, or those whose
// name or the word "tool" the last user message mentions.
func (s *Server) composeCalls(req *chatRequest, rng random) []toolCall {
	if len(req.Tools) == 0 {
		return nil
	}
	last := req.Messages[len(req.Messages)-1]
	mode, forced := req.toolMode()
	text := strings.ToLower(req.lastUser())
	var wanted []toolSpec
	switch {
	case mode == "none":
		return nil
	case forced != "":
		wanted = selectTools(req.Tools, func(name string) bool { return name == forced })
	case last.Role == "user" || mode == "required":
		wanted = selectTools(req.Tools, func(name string) bool { return strings.Contains(text, strings.ToLower(name)) })
		if len(wanted) == 0 && last.Role == "user" && strings.Contains(text, "tool") {
			wanted = req.Tools
		}
		if len(wanted) == 0 && mode == "required" {
			wanted = req.Tools[:1]
		}
	}
	if req.ParallelToolCalls != nil && !*req.ParallelToolCalls && len(wanted) > 1 {
		wanted = wanted[:1]
	}
	calls := make([]toolCall, 0, len(wanted))
	for _, t := range wanted {
		args, _ := pieces(sampleJSON(t.Function.Parameters, req.lastUser()), maxSteer)
		calls = append(calls, toolCall{id: s.callID(&rng), name: t.Function.Name, arguments: args})
	}
	return calls
}

func selectTools(tools []toolSpec, keep func(string) bool) []toolSpec {
	var out []toolSpec
	for _, t := range tools {
		if t.Function.Name != "" && keep(t.Function.Name) {
			out = append(out, t)
		}
	}
	return out
}

// toolMode reads tool_choice: its mode and the name of a function it forces.
func (r *chatRequest) toolMode() (mode, forced string) {
	if jsonType(r.ToolChoice) == "string" {
		_ = json.Unmarshal(r.ToolChoice, &mode) // a JSON string always decodes into one
		return mode, ""
	}
	var named struct {
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if json.Unmarshal(r.ToolChoice, &named) == nil {
		forced = named.Function.Name
	}
	return "auto", forced
}
