package converse

import (
	"strconv"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/fate"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/dialect/schema"
	"starlane/internal/relay/llm"
)

// maxCallID bounds the names of calls, maxCaches the marks of a cache in one request.
const (
	maxCallID = 64
	maxCaches = 4
)

// encoding is a request on its way out.
type encoding struct {
	wire.Builder
	p      *llm.Prompt
	to     dialect.Target
	can    traits
	notes  *llm.Notes
	ids    wire.IDs
	titles map[string]bool // names of documents so far
	caches int
}

// Encode implements dialect.Upstream.
func (Converse) Encode(p *llm.Prompt, to dialect.Target, _ bool, n *llm.Notes) ([]byte, error) {
	p.FilterTools(n)
	p.SkipSearch(n)
	e := &encoding{p: p, to: to, can: traitsOf(to.Model), notes: n, ids: wire.NewIDs(maxCallID), titles: map[string]bool{}}
	e.Open('{')
	e.system()
	e.messages()
	e.inference()
	e.tools()
	e.thinking()
	e.rest()
	e.Close('}')
	return e.B, nil
}

// object writes a member that is an object, and not at all if fill writes nothing.
func (e *encoding) object(key string, fill func()) {
	mark := len(e.B)
	e.Key(key)
	e.Open('{')
	before := len(e.B)
	fill()
	if len(e.B) == before {
		e.B = e.B[:mark]
		return
	}
	e.Close('}')
}

// list is object for a list.
func (e *encoding) list(key string, fill func()) {
	mark := len(e.B)
	e.Key(key)
	e.Open('[')
	before := len(e.B)
	fill()
	if len(e.B) == before {
		e.B = e.B[:mark]
		return
	}
	e.Close(']')
}

func (e *encoding) system() {
	e.list("system", func() {
		for i := range e.p.System {
			at := len(e.B)
			e.text(e.p.System[i].Text)
			if len(e.B) > at {
				e.cache(e.p.System[i].Cache, e.can.Cache)
			}
		}
	})
}

// cache writes a mark behind what is to be cached.
func (e *encoding) cache(ttl llm.TTL, can bool) {
	if ttl == llm.NoCache || !can || e.caches == maxCaches {
		return
	}
	e.caches++
	if ttl == llm.Hour1 {
		e.Raw(llm.Raw(`{"cachePoint":{"type":"default","ttl":"1h"}}`))
	} else {
		e.Raw(llm.Raw(`{"cachePoint":{"type":"default"}}`))
	}
}

func (e *encoding) inference() {
	e.object("inferenceConfig", func() {
		most := e.p.MaxOutput
		if most == 0 {
			most = e.to.MaxOutput
		}
		if most > 0 {
			e.Key("maxTokens")
			e.Int(most)
		}
		if !e.can.Sampling {
			e.unsampled()
		} else if t := e.p.Temperature; t != nil {
			if v, err := strconv.ParseFloat(string(t), 64); err == nil && v > 1 {
				e.notes.Approx("temperature")
				t = llm.Raw("1")
			}
			e.Key("temperature")
			e.Raw(t)
		}
		if e.p.TopP != nil && e.can.Sampling {
			e.Key("topP")
			e.Raw(e.p.TopP)
		}
		e.list("stopSequences", func() {
			for _, s := range e.p.Stop {
				e.Text(s)
			}
		})
	})
	if e.p.TopK != nil {
		e.notes.Drop("top_k")
	}
}

// unsampled notes what a model takes none of.
func (e *encoding) unsampled() {
	if e.p.Temperature != nil {
		e.notes.Drop("temperature")
	}
	if e.p.TopP != nil {
		e.notes.Drop("top_p")
	}
}

func (e *encoding) tools() {
	e.object("toolConfig", func() {
		e.list("tools", func() {
			for i := range e.p.Tools {
				e.tool(&e.p.Tools[i])
			}
			if len(e.p.Tools) == 0 {
				e.calledTools()
			}
		})
		e.choice()
	})
	if len(e.p.Tools) > 0 && e.p.Parallel == llm.No {
		e.notes.Drop("parallel_tool_calls")
	}
}

func (e *encoding) tool(t *llm.Tool) {
	e.Open('{')
	e.Key("toolSpec")
	e.Open('{')
	e.Key("name")
	e.Text(t.Name)
	if len(t.Description) > 0 {
		e.Key("description")
		e.Text(t.Description)
	}
	form := t.Schema
	if form == nil || string(form) == "null" || string(form) == "{}" {
		form = llm.Raw(`{"type":"object","properties":{}}`)
	}
	e.Key("inputSchema")
	e.Open('{')
	e.Key("json")
	e.Raw(form)
	e.Close('}')
	e.Close('}')
	e.Close('}')
	if t.Strict == llm.Yes {
		e.notes.Approx("tools.strict")
	}
	e.cache(t.Cache, e.can.CacheTools)
}

// calledTools writes tools that stand for those which were called before: the API wants them wherever there are calls.
func (e *encoding) calledTools() {
	seen := map[string]bool{}
	for i := range e.p.Turns {
		for j := range e.p.Turns[i].Blocks {
			b := &e.p.Turns[i].Blocks[j]
			if b.Kind != llm.ToolCall || seen[string(b.Name)] {
				continue
			}
			seen[string(b.Name)] = true
			e.tool(&llm.Tool{Name: b.Name})
			e.notes.Approx("tools")
		}
	}
}

func (e *encoding) choice() {
	if len(e.p.Tools) == 0 {
		return
	}
	switch e.p.Choice.Mode {
	case llm.ChoiceAuto:
		e.Key("toolChoice")
		e.Raw(llm.Raw(`{"auto":{}}`))
	case llm.ChoiceAny:
		e.Key("toolChoice")
		e.Raw(llm.Raw(`{"any":{}}`))
	case llm.ChoiceNamed:
		e.Key("toolChoice")
		e.Open('{')
		e.Key("tool")
		e.Open('{')
		e.Key("name")
		e.Text(e.p.Choice.Name)
		e.Close('}')
		e.Close('}')
	case llm.ChoiceNone: // there is no such choice, and history may hold calls, so the tools stay
		e.notes.Approx("tool_choice")
	case llm.ChoiceUnsaid:
	}
}

// thinking writes how much the model shall think, in the way that its family knows, and the form of the answer beside it.
func (e *encoding) thinking() {
	r := &e.p.Reasoning
	effort, near := openai.EffortOf(r)
	asked := effort > llm.EffortNone || r.Adaptive
	if asked && e.can.Thinking == "" {
		e.notes.Drop("reasoning_effort")
		asked = false
	}
	if asked && near {
		e.notes.Approx("thinking.budget")
	}
	level := effort
	most := llm.EffortHigh
	if e.can.Thinking == asClaude {
		most = llm.EffortMax
	}
	if asked && effort != llm.EffortUnsaid {
		if level = min(max(effort, llm.EffortLow), most); level != effort {
			e.notes.Approx("reasoning_effort")
		}
	}
	if asked {
		e.object("additionalModelRequestFields", func() { e.family(r, level) })
	}
	e.object("outputConfig", func() {
		if asked && e.can.Thinking == asClaude && level != llm.EffortUnsaid {
			e.Key("effort")
			e.String(level.String())
		}
		e.format()
	})
}

// family writes what the API leaves to the families of models.
func (e *encoding) family(r *llm.Reasoning, level llm.Effort) {
	if level == llm.EffortUnsaid && e.can.Thinking != asClaude {
		level = llm.EffortMedium
	}
	switch e.can.Thinking {
	case asClaude:
		e.Key("thinking")
		if r.Hidden {
			e.Raw(llm.Raw(`{"type":"adaptive"}`))
		} else {
			e.Raw(llm.Raw(`{"type":"adaptive","display":"summarized"}`))
		}
	case asNova:
		e.Key("reasoningConfig")
		e.Open('{')
		e.Key("type")
		e.String("enabled")
		e.Key("maxReasoningEffort")
		e.String(level.String())
		e.Close('}')
	case asGPT:
		e.Key("reasoning_effort")
		e.String(level.String())
	}
}

func (e *encoding) format() {
	f := &e.p.Format
	switch f.Kind {
	case llm.FreeText:
		return
	case llm.JSONObject:
		e.notes.Approx("response_format")
		return
	case llm.JSONSchema:
	}
	form, changed, err := schema.Anthropic(f.Schema) // Bedrock's rules are the same
	if err != nil {
		e.notes.Reject("response_format")
		return
	}
	if changed {
		e.notes.Approx("response_format")
	}
	e.Key("textFormat")
	e.Open('{')
	e.Key("type")
	e.String("json_schema")
	e.Key("structure")
	e.Open('{')
	e.Key("jsonSchema")
	e.Open('{')
	e.Key("schema")
	e.String(string(form))
	if len(f.Name) > 0 {
		e.Key("name")
		e.Text(f.Name)
	}
	e.Close('}')
	e.Close('}')
	e.Close('}')
}

// rest judges what the API does not know.
func (e *encoding) rest() {
	if e.p.Choices > 1 {
		e.notes.Reject("n")
	}
	e.labels()
	e.p.DropDraws(e.notes)
	fate.Apply(Dialect, e.p, e.notes)
}
