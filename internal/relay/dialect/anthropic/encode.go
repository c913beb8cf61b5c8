package anthropic

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/fate"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/dialect/schema"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// unknownOutput bounds an answer where neither client nor catalog do. The API wants a bound.
const unknownOutput = 32_000

// Path implements dialect.Upstream.
func (*Messages) Path(bool, string) string { return "/messages" }

// BillsCacheWrites implements dialect.Upstream.
func (*Messages) BillsCacheWrites() bool { return true }

// encoding is a request on its way out.
type encoding struct {
	wire.Builder
	p     *llm.Prompt
	to    dialect.Target
	at    *host // nil: the API itself
	can   traits
	notes *llm.Notes
	ids   wire.IDs
	// thinks: thinking is on, which rules out other things; budgeted: by a budget, which rules out more.
	thinks, budgeted bool
	form             llm.Raw // of the answer, nil for none
	byTool           bool    // the form is that of a tool which the model has to call
}

// Encode implements dialect.Upstream.
func (*Messages) Encode(p *llm.Prompt, to dialect.Target, stream bool, n *llm.Notes) ([]byte, error) {
	return encode(p, to, stream, n, nil), nil
}

// encode renders a request for the API itself, or for a cloud that hosts it.
func encode(p *llm.Prompt, to dialect.Target, stream bool, n *llm.Notes, at *host) []byte {
	p.FilterTools(n)
	e := &encoding{p: p, to: to, at: at, can: traitsOf(to.Model), notes: n, ids: wire.NewIDs(64)}
	e.Open('{')
	if at == nil {
		e.Key("model")
		e.String(to.Model)
	} else {
		e.Key("anthropic_version")
		e.String(at.version)
	}
	most := e.thinking()
	e.Key("max_tokens")
	e.Int(most)
	if stream && (at == nil || at.stream) {
		e.Key("stream")
		e.Bool(true)
	}
	e.system()
	e.messages()
	e.answerForm()
	e.tools()
	e.sampling()
	e.rest()
	e.Close('}')
	return e.B
}

// longWait is the longest answer that the API gives in one piece: what may take more than ten minutes it refuses.
const longWait = 128_000 / 6

// Long implements dialect.LongAnswerer.
func (*Messages) Long(p *llm.Prompt, to dialect.Target) bool { return longest(p, to) > longWait }

// longest is the bound on the answer.
func longest(p *llm.Prompt, to dialect.Target) usage.Tokens {
	switch {
	case p.MaxOutput > 0:
		return p.MaxOutput
	case to.MaxOutput > 0:
		return to.MaxOutput
	default:
		return unknownOutput
	}
}

// thinking writes how the model shall think and returns the bound on the answer, thoughts included.
func (e *encoding) thinking() usage.Tokens {
	r, most := &e.p.Reasoning, longest(e.p, e.to)
	asked := r.Effort != llm.EffortUnsaid || r.Budget > 0 || r.Adaptive
	switch {
	case !asked:
	case e.can.Thinking == thinksAsNeeded:
		e.adaptive(r)
	case r.Effort == llm.EffortNone:
	case e.can.Thinking == thinksByBudget:
		e.budget(r, most)
	default:
		e.notes.Drop("reasoning_effort")
	}
	return most
}

func (e *encoding) adaptive(r *llm.Reasoning) {
	if r.Effort == llm.EffortNone {
		e.Key("thinking")
		e.Raw(llm.Raw(`{"type":"disabled"}`))
		return
	}
	e.thinks = true
	e.Key("thinking")
	if r.Hidden { // said, as some models show them if nothing is
		e.Raw(llm.Raw(`{"type":"adaptive","display":"omitted"}`))
	} else {
		e.Raw(llm.Raw(`{"type":"adaptive","display":"summarized"}`))
	}
	effort := r.Effort
	if effort == llm.EffortUnsaid && r.Budget > 0 {
		effort = llm.NearestEffort(r.Budget, e.to.MaxOutput)
		e.notes.Approx("thinking.budget")
	}
	if effort == llm.EffortUnsaid {
		return
	}
	near, same := e.can.effort(effort)
	if !same {
		e.notes.Approx("reasoning_effort")
	}
	e.p.Reasoning.Effort = near // written with output_config
}

// budget writes a budget of thoughts, within the bound on the answer: that is what the client pays for at most.
func (e *encoding) budget(r *llm.Reasoning, most usage.Tokens) {
	budget := r.Budget
	if budget == 0 {
		effort := r.Effort
		if effort == llm.EffortUnsaid {
			effort = llm.EffortMedium
		}
		budget = max(effort.Budget(most), minBudget)
	}
	if budget >= most {
		budget = most - 1
		e.notes.Approx("reasoning_effort")
	}
	if budget < minBudget || e.thoughtless() { // too little room to think in, or no thought to go on from
		e.notes.Drop("reasoning_effort")
		return
	}
	e.thinks, e.budgeted = true, true
	e.Key("thinking")
	e.Open('{')
	e.Key("type")
	e.String("enabled")
	e.Key("budget_tokens")
	e.Int(budget)
	e.Close('}')
}

// thoughtless tells whether the model is in the middle of using tools and the client has lost what it thought before: by a budget
// it cannot think on then.
func (e *encoding) thoughtless() bool {
	for _, t := range slices.Backward(e.p.Turns) {
		if t.Role != llm.Assistant {
			continue
		}
		called := slices.ContainsFunc(t.Blocks, func(b llm.Block) bool { return b.Kind == llm.ToolCall })
		return called && !slices.ContainsFunc(t.Blocks, func(b llm.Block) bool {
			return b.Kind == llm.Thinking && b.Sealed.Origin == Dialect && unsealBlock(&b.Sealed) == nil
		})
	}
	return false
}

func (e *encoding) system() {
	if len(e.p.System) == 0 {
		return
	}
	e.Key("system")
	e.Open('[')
	for i := range e.p.System {
		if b := &e.p.System[i]; !wire.Blank(b.Text) {
			e.text(b.Text, b.Cache)
		}
	}
	e.Close(']')
}

func (e *encoding) text(t llm.Text, cache llm.TTL) {
	e.Open('{')
	e.Key("type")
	e.String("text")
	e.Key("text")
	e.Text(t)
	e.cache(cache)
	e.Close('}')
}

func (e *encoding) cache(ttl llm.TTL) {
	switch ttl {
	case llm.Minutes5:
		e.Key("cache_control")
		e.Raw(llm.Raw(`{"type":"ephemeral"}`))
	case llm.Hour1:
		e.Key("cache_control")
		e.Raw(llm.Raw(`{"type":"ephemeral","ttl":"1h"}`))
	case llm.NoCache:
	}
}

func (e *encoding) tools() {
	e.canSearch()
	if len(e.p.Tools) > 0 || e.byTool || e.p.Search != nil {
		e.Key("tools")
		e.Open('[')
		for i := range e.p.Tools {
			e.tool(&e.p.Tools[i])
		}
		if e.byTool {
			e.tool(&llm.Tool{Name: llm.Text(answerTool), Description: llm.Text(answerToolUse), Schema: e.form})
		}
		if e.p.Search != nil {
			e.search(e.p.Search)
		}
		e.Close(']')
	}
	if e.byTool {
		e.forceAnswer()
		return
	}
	e.choice()
}

func (e *encoding) tool(t *llm.Tool) {
	if t.Own != nil {
		e.Raw(t.Own)
		return
	}
	e.Open('{')
	e.Key("name")
	e.Text(t.Name)
	if len(t.Description) > 0 {
		e.Key("description")
		e.Text(t.Description)
	}
	form, strict := e.input(t)
	e.Key("input_schema")
	e.Raw(form)
	if strict {
		e.Key("strict")
		e.Bool(true)
	}
	e.cache(t.Cache)
	e.Close('}')
}

// input is the schema of a tool's arguments, and whether the model can be held to it.
func (e *encoding) input(t *llm.Tool) (form llm.Raw, strict bool) {
	form = t.Schema
	if form == nil || string(form) == "null" || string(form) == "{}" {
		form = llm.Raw(`{"type":"object","properties":{}}`)
	}
	if t.Strict != llm.Yes {
		return form, false
	}
	exact, changed, err := schema.Anthropic(form)
	if err != nil || !e.can.Format {
		e.notes.Approx("tools.strict")
		return form, false
	}
	if changed {
		e.notes.Approx("tools.strict")
	}
	return exact, true
}

func (e *encoding) choice() {
	mode := e.p.Choice.Mode
	if len(e.p.Tools) == 0 {
		return
	}
	if mode == llm.ChoiceUnsaid && e.p.Parallel == llm.No {
		mode = llm.ChoiceAuto
	}
	if forced := mode == llm.ChoiceAny || mode == llm.ChoiceNamed; forced && (!e.can.ForcedTools || e.budgeted) {
		e.notes.Reject("tool_choice")
		mode = llm.ChoiceAuto
	}
	kind := map[llm.ChoiceMode]string{llm.ChoiceAuto: "auto", llm.ChoiceNone: "none", llm.ChoiceAny: "any", llm.ChoiceNamed: "tool"}[mode]
	if kind == "" {
		return
	}
	e.Key("tool_choice")
	e.Open('{')
	e.Key("type")
	e.String(kind)
	if mode == llm.ChoiceNamed {
		e.Key("name")
		e.Text(e.p.Choice.Name)
	}
	if e.p.Parallel == llm.No && mode != llm.ChoiceNone {
		e.Key("disable_parallel_tool_use")
		e.Bool(true)
	}
	e.Close('}')
}

// leastTopP is the least that the API takes while a model thinks.
const leastTopP = 0.95

func (e *encoding) sampling() {
	for _, s := range []struct {
		name  string
		value llm.Raw
	}{{"temperature", e.p.Temperature}, {"top_p", e.p.TopP}, {"top_k", e.p.TopK}} {
		if s.value == nil {
			continue
		}
		v, err := strconv.ParseFloat(string(s.value), 64)
		switch {
		case err != nil || !e.can.Sampling:
			e.notes.Drop(s.name)
			continue
		case e.thinks && s.name == "temperature" && v == 1: // as it is anyway
			continue
		case e.thinks && (s.name != "top_p" || v < leastTopP):
			e.notes.Drop(s.name)
			continue
		case s.name == "temperature" && v > 1:
			e.notes.Approx("temperature")
			s.value = llm.Raw("1")
		}
		e.Key(s.name)
		e.Raw(s.value)
	}
	e.p.DropDraws(e.notes)
	if len(e.p.Stop) == 0 {
		return
	}
	e.Key("stop_sequences")
	e.Open('[')
	for _, s := range e.p.Stop {
		if wire.Blank(s) {
			e.notes.Reject("stop")
			continue
		}
		e.Text(s)
	}
	e.Close(']')
}

// rest writes what has no order of its own, and judges what the API does not know.
func (e *encoding) rest() {
	if e.p.Choices > 1 {
		e.notes.Reject("n")
	}
	e.outputConfig()
	if len(e.p.User) > 0 { // people are not told apart by their names
		sum := sha256.Sum256(e.p.User)
		e.Key("metadata")
		e.Open('{')
		e.Key("user_id")
		e.String(hex.EncodeToString(sum[:]))
		e.Close('}')
		e.notes.Approx("user")
	}
	switch tier := string(e.p.Tier); {
	case e.at != nil: // hosts have no tiers
	case tier == "auto":
		e.Key("service_tier")
		e.String("auto")
	case tier == "default":
		e.Key("service_tier")
		e.String("standard_only")
	}
	fate.Apply(Dialect, e.p, e.notes)
}

func (e *encoding) outputConfig() {
	effort := llm.EffortUnsaid
	if r := &e.p.Reasoning; e.can.Thinking == thinksAsNeeded && r.Effort > llm.EffortNone {
		effort = r.Effort
	}
	form := e.form
	if e.byTool {
		form = nil
	}
	if effort == llm.EffortUnsaid && form == nil {
		return
	}
	e.Key("output_config")
	e.Open('{')
	if effort != llm.EffortUnsaid {
		e.Key("effort")
		e.String(effort.String())
	}
	if form != nil {
		e.Key("format")
		e.Open('{')
		e.Key("type")
		e.String("json_schema")
		e.Key("schema")
		e.Raw(form)
		e.Close('}')
	}
	e.Close('}')
}

// arguments are a call's arguments as an object.
func (e *encoding) arguments(t llm.Text) llm.Raw {
	object, ok := wire.Arguments(t)
	if !ok {
		e.notes.Approx("tool_calls.function.arguments")
	}
	return object
}
