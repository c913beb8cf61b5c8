package openaichat

import (
	"maps"
	"slices"
	"strings"

	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// understood stands between what tools answered and a user's message where a vendor lets none follow the other.
const understood = `{"role":"assistant","content":"Understood."}`

// How vendors are told to think: vendor.Rules.Thinking.
const (
	byEffort    = "effort"
	byType      = "type"
	byEnabled   = "enabled"
	bySwitch    = "switch"
	byTemplate  = "template"
	byReasoning = "reasoning"
)

// Members in which vendors want their thoughts back: vendor.Rules.ThoughtsBack.
const (
	reasoningContent = "reasoning_content"
	reasoningDetails = "reasoning_details"
)

// think writes how much the model shall think, in the vendor's way.
func (e *encoding) think() {
	r := &e.p.Reasoning
	way := e.rules.Thinking.Or(byEffort)
	if e.can.Efforts != nil && way == byTemplate { // a family whose efforts every server knows
		way = byEffort
	}
	if way == byEffort {
		e.effort()
		return
	}
	asked, on := r.Effort != llm.EffortUnsaid || r.Budget > 0 || r.Adaptive, r.Effort != llm.EffortNone
	if !asked {
		return
	}
	switch way {
	case byType:
		word := "disabled"
		if on {
			word = "enabled"
		}
		e.object("thinking", func() {
			e.Key("type")
			e.String(word)
		})
	case byEnabled:
		e.object("reasoning", func() {
			e.Key("enabled")
			e.Bool(on)
		})
	case bySwitch:
		e.Key("enable_thinking")
		e.Bool(on)
		if r.Budget > 0 && on {
			e.Key("thinking_budget")
			e.Int(r.Budget)
			return
		}
	case byTemplate:
		e.object("chat_template_kwargs", func() { // families call it by either name, and ignore the other
			e.Key("enable_thinking")
			e.Bool(on)
			e.Key("thinking")
			e.Bool(on)
		})
	case byReasoning:
		e.object("reasoning", func() { e.reasoning(r) })
		return
	}
	switch {
	case !on || r.Adaptive && r.Effort == llm.EffortUnsaid:
	case e.rules.Efforts.Or(nil) != nil:
		e.effort()
	case r.Budget > 0:
		e.notes.Approx("thinking.budget")
	default:
		e.notes.Approx("thinking")
	}
}

// reasoning writes the object of OpenRouter's API.
func (e *encoding) reasoning(r *llm.Reasoning) {
	switch {
	case r.Effort != llm.EffortUnsaid:
		e.Key("effort")
		if r.Effort == llm.EffortMax {
			e.notes.Approx("thinking")
			e.String(llm.EffortXHigh.String())
		} else {
			e.String(r.Effort.String())
		}
	case r.Budget > 0:
		e.Key("max_tokens")
		e.Int(r.Budget)
	default:
		e.Key("enabled")
		e.Bool(true)
	}
	if r.Hidden {
		e.Key("exclude")
		e.Bool(true)
	}
}

func (e *encoding) object(name string, fill func()) {
	e.Key(name)
	e.Open('{')
	fill()
	e.Close('}')
}

// thoughts gives the vendor back what it thought before it called tools. Where it wants the member in any case, it gets an empty
// one for thoughts that nobody has any more.
func (e *encoding) thoughts(blocks []llm.Block) {
	blocks = slices.DeleteFunc(blocks, func(b llm.Block) bool { return b.Sealed.Origin != e.vendor || len(b.Sealed.Data) == 0 })
	switch e.rules.ThoughtsBack.Or("") {
	case reasoningContent:
		var said llm.Text
		for i := range blocks {
			said = append(said, blocks[i].Text...)
		}
		e.Key(reasoningContent)
		e.Text(said)
	case reasoningDetails:
		if len(blocks) == 0 {
			return
		}
		e.Key(reasoningDetails)
		e.Open('[')
		for i := range blocks {
			if detail, err := guard.Unquote(blocks[i].Sealed.Data); err == nil && guard.Valid([]byte(detail)) == nil {
				e.detail(detail, &blocks[i])
			}
		}
		e.Close(']')
	}
}

// detail writes an entry of reasoning_details, with its words in their place again.
func (e *encoding) detail(detail string, b *llm.Block) {
	members, isObject := strings.CutPrefix(detail, `{"`)
	if b.Sealed.Alone || !isObject {
		e.Raw(llm.Raw(detail))
		return
	}
	e.Open('{')
	e.Key("text")
	e.Text(b.Text)
	e.Raw(llm.Raw(`"` + members))
}

// marks tells whether the end of a cached prompt is marked.
func (e *encoding) marks(t llm.TTL) bool { return t != llm.NoCache && e.rules.CacheControl.Or(false) }

// mark writes the end of a cached prompt where the vendor knows such marks.
func (e *encoding) mark(t llm.TTL) {
	if !e.marks(t) {
		return
	}
	e.object("cache_control", func() {
		e.Key("type")
		e.String("ephemeral")
		if t == llm.Hour1 {
			e.Key("ttl")
			e.String("1h")
		}
	})
}

const schemaRequest = `Answer with a JSON object that fits this JSON Schema, and with nothing else: `

// withSchema puts the schema of the answer among the instructions where the vendor cannot be bound to one.
func (e *encoding) withSchema(system []llm.Block) []llm.Block {
	if e.p.Format.Kind != llm.JSONSchema || e.rules.JSONSchema.Or(true) {
		return system
	}
	text := wire.Escape(llm.Text(schemaRequest), e.p.Format.Schema)
	return append(slices.Clip(system), llm.Block{Kind: llm.TextBlock, Text: text})
}

// added writes what all requests for the model carry.
func (e *encoding) added() {
	more := e.rules.Added(e.to.Model)
	for _, name := range slices.Sorted(maps.Keys(more)) {
		e.Key(name)
		e.String(more[name])
	}
}

// effort writes how much the model shall think. That one that does not think shall not is no loss.
func (e *encoding) effort() {
	if e.rules.Refused("reasoning_effort", e.to.Model) {
		e.can.Efforts = nil
	} else if own := e.rules.Efforts.Or(nil); own != nil {
		e.can.Efforts = own
	}
	asked, near := openai.EffortOf(&e.p.Reasoning)
	if asked == llm.EffortUnsaid {
		return
	}
	effort, same, ok := e.can.effort(asked)
	switch {
	case !ok && asked == llm.EffortNone:
		return
	case !ok:
		e.notes.Drop("thinking")
		return
	case near:
		e.notes.Approx("thinking.budget")
	case !same:
		e.notes.Approx("thinking")
	}
	e.Key("reasoning_effort")
	e.String(effort.String())
}
