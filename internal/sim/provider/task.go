package provider

import (
	"encoding/json"
	"math"
	"strings"
)

// turn is who spoke last.
type turn int

const (
	turnOther turn = iota
	turnUser
	turnTool
)

const (
	toolsAuto     = "auto"
	toolsNone     = "none"
	toolsRequired = "required"
)

// tool is a function that an answer may call; its parameters are a JSON Schema.
type tool struct {
	name       string
	parameters json.RawMessage
	// custom tools of OpenAI's take one text.
	custom bool
}

// replyFormat is what the text of an answer has to be.
type replyFormat int

const (
	formatText replyFormat = iota
	formatJSON
	formatSchema
)

// task is what an answer is made from, in no vendor's terms.
type task struct {
	// user is the last text of the user, results what the tools of the last turn gave.
	user    string
	last    turn
	results []string

	// steps are calls that the user asks for, made the number of those that the model has made since.
	steps []toolCall
	made  int

	tools []tool
	// mode is one of toolsAuto, toolsNone and toolsRequired; forced names the one tool that must be called.
	mode, forced string
	// single forbids parallel calls.
	single bool
	// idPrefix starts the ids of calls, idSalt keeps those of equal texts in one conversation apart.
	idPrefix string
	idSalt   uint64

	format replyFormat
	schema json.RawMessage
	stops  []string
	// limit bounds the output in tokens, reasoning included.
	limit     int
	reasoning int
	// tokens, when set, is the length of a generated answer instead of the echo.
	tokens int
}

type toolCall struct {
	id, name string
	// arguments are JSON, or the text that a custom tool takes.
	arguments []string
	custom    bool
}

// Ends of an answer, in OpenAI's terms.
const (
	finishStop   = "stop"
	finishLength = "length"
	finishTools  = "tool_calls"
)

// members are what a chat completion calls a tool's kind and its arguments.
func (c toolCall) members() (kind, arguments string) {
	if c.custom {
		return "custom", "input"
	}
	return "function", "arguments"
}

// choice is one answer to a request: text or tool calls, cut into what a stream sends piece by piece.
type choice struct {
	content []string
	calls   []toolCall
	finish  string
	// stop is the stop string that ended the text.
	stop string
	// searched says that all of the text is from the page that was found.
	searched bool
	// reasoning is what the answer costs beyond what it shows, thinking the summary of it that some APIs show.
	reasoning int
	thinking  []string
}

// perMessage and priming are the tokens that a prompt costs beyond its texts.
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

// Reasoning is told as a summary of an eighth of its length, as the vendors bill more than they show.
const summaryShare = 8

// thinkingStream keeps the random numbers of a summary apart from those of the answers.
const thinkingStream = 1 << 32

// answerTask makes the answer with the given index to a task; it depends on the seed and the task alone.
func (s *Server) answerTask(t *task, index int) choice {
	limit := t.limit
	if limit == 0 {
		limit = math.MaxInt32
	}
	reasoning := min(t.reasoning, limit)
	limit -= reasoning
	seed := s.cfg.Seed ^ hashBytes(hashStart, t.user)
	rng := newRandom(seed, uint64(index))
	c := choice{finish: finishStop, reasoning: reasoning}
	if reasoning > 0 {
		c.thinking = generated(s.words, newRandom(seed, uint64(index)+thinkingStream), max(1, reasoning/summaryShare))
	}
	if calls := s.callTools(t, rng); len(calls) > 0 {
		c.calls, c.finish = calls, finishTools
		c.truncate(limit)
		return c
	}
	if t.tokens > 0 {
		c.content = generated(s.words, rng, min(t.tokens, limit))
		if t.tokens > limit {
			c.finish = finishLength
		}
		return c
	}
	text, stop := cutAtStop(t.reply(), t.stops)
	content, cut := pieces(text, limit)
	c.content = content
	if cut {
		c.finish = finishLength
	} else {
		c.stop = stop
	}
	return c
}

// reply is the text of an answer: the last user text, the tool results, or JSON that fits the wanted format.
func (t *task) reply() string {
	switch {
	case t.format == formatJSON:
		return `{"echo":` + quote(t.user) + `}`
	case t.format == formatSchema:
		return sampleJSON(t.schema, t.user)
	case t.last == turnTool:
		return "The tool answered: " + strings.Join(t.results, "; ")
	case t.user != "":
		return t.user
	}
	return "Nothing to echo."
}

// cutAtStop gives the text before the first stop string in it, and that string.
func cutAtStop(text string, stops []string) (before, stop string) {
	cut := -1
	for _, s := range stops {
		if i := strings.Index(text, s); s != "" && i >= 0 && (cut < 0 || i < cut) {
			cut, stop = i, s
		}
	}
	if cut < 0 {
		return text, ""
	}
	return text[:cut], stop
}

// tokens counts what the choice shows; a tool call costs its name, its arguments and a frame of four.
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

// callTools decides whether the answer calls tools, and which: those that the request demands, or those whose name
// or the word "tool" the last user text mentions.
func (s *Server) callTools(t *task, rng random) []toolCall {
	if len(t.tools) == 0 {
		return nil
	}
	rng ^= random(t.idSalt << 32)
	if t.steps != nil && t.mode != toolsNone {
		return t.step(&rng)
	}
	text := strings.ToLower(t.user)
	var wanted []tool
	switch {
	case t.mode == toolsNone:
		return nil
	case t.forced != "":
		wanted = selectTools(t.tools, func(name string) bool { return name == t.forced })
	case t.last == turnUser || t.mode == toolsRequired:
		wanted = selectTools(t.tools, func(name string) bool { return strings.Contains(text, strings.ToLower(name)) })
		if len(wanted) == 0 && t.last == turnUser && strings.Contains(text, "tool") {
			wanted = t.tools
		}
		if len(wanted) == 0 && t.mode == toolsRequired {
			wanted = t.tools[:1]
		}
	}
	if t.single && len(wanted) > 1 {
		wanted = wanted[:1]
	}
	calls := make([]toolCall, 0, len(wanted))
	for _, w := range wanted {
		input := t.user
		if !w.custom {
			input = sampleJSON(w.parameters, t.user)
		}
		args, _ := pieces(input, maxSteer)
		calls = append(calls, toolCall{id: callID(t.idPrefix, &rng), name: w.name, arguments: args, custom: w.custom})
	}
	return calls
}

func selectTools(tools []tool, keep func(string) bool) []tool {
	var out []tool
	for _, t := range tools {
		if t.name != "" && keep(t.name) {
			out = append(out, t)
		}
	}
	return out
}
