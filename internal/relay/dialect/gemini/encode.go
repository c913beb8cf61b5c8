package gemini

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/fate"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

const (
	maxStops      = 5
	maxCallID     = 64
	minBudget     = 1024   // the least that an effort becomes
	unknownOutput = 65_536 // longest answer where the catalogue has none
	jsonType      = "application/json"
)

// Path implements dialect.Upstream. Streams are asked for as events, whatever the client takes them as.
func (*Contents) Path(stream bool, model string) string {
	path := "/models/" + url.PathEscape(model)
	if stream {
		return path + ":streamGenerateContent?alt=sse"
	}
	return path + ":generateContent"
}

// Fetches implements dialect.Fetching. AI Studio looks up files of its own and films alone.
func (*Contents) Fetches(b *llm.Block) bool {
	address := string(b.Media.URL)
	return !strings.Contains(address, "//generativelanguage.googleapis.com/") && !strings.Contains(address, "youtu")
}

// BillsCacheWrites implements dialect.Upstream: the cache there works by itself.
func (*Contents) BillsCacheWrites() bool { return false }

// encoding is a request on its way out.
type encoding struct {
	wire.Builder
	p      *llm.Prompt
	to     dialect.Target
	can    traits
	notes  *llm.Notes
	ids    wire.IDs
	at     *host
	pieces bool                // arguments of calls shall come as the model writes them
	names  map[string]llm.Text // of the tools, by the ids of their calls
	order  map[string]int      // of the calls of the turn before, by their ids
}

// Encode implements dialect.Upstream.
func (*Contents) Encode(p *llm.Prompt, to dialect.Target, stream bool, n *llm.Notes) ([]byte, error) {
	return encode(p, to, stream, n, &studio), nil
}

func encode(p *llm.Prompt, to dialect.Target, stream bool, n *llm.Notes, at *host) []byte {
	if p.Choice.Mode != llm.ChoiceAny {
		p.FilterTools(n)
	}
	e := &encoding{p: p, to: to, can: traitsOf(to.Model), notes: n, ids: wire.NewIDs(maxCallID), names: map[string]llm.Text{}, at: at}
	e.pieces = stream && at.pieces && e.can.Pieces
	e.Open('{')
	e.system()
	e.contents()
	e.tools()
	e.choice()
	e.config()
	e.rest()
	e.Close('}')
	return e.B
}

func (e *encoding) system() {
	if len(e.p.System) == 0 {
		return
	}
	mark := len(e.B)
	e.Key("systemInstruction")
	e.Open('{')
	e.Key("parts")
	e.Open('[')
	before := len(e.B)
	for i := range e.p.System {
		e.part(&e.p.System[i])
	}
	if len(e.B) == before { // the API takes no empty list
		e.B = e.B[:mark]
		return
	}
	e.Close(']')
	e.Close('}')
}

func (e *encoding) tools() {
	if len(e.p.Tools) > 0 && !e.can.SearchWithTools {
		e.p.SkipSearch(e.notes)
	}
	if len(e.p.Tools) == 0 && e.p.Search == nil {
		return
	}
	e.Key("tools")
	e.Open('[')
	if e.p.Search != nil {
		e.search()
	}
	if len(e.p.Tools) > 0 {
		e.functions()
	}
	e.Close(']')
	if e.p.Parallel == llm.No && len(e.p.Tools) > 0 {
		e.notes.Drop("parallel_tool_calls")
	}
}

// search writes the vendor's tool that looks things up in the web. It cannot be told where to look.
func (e *encoding) search() {
	s := e.p.Search
	if e.p.Client != Dialect {
		e.notes.Approx(s.Field)
	}
	if len(s.Allowed)+len(s.Blocked) > 0 {
		e.notes.Drop(s.Field + ".domains")
	}
	e.Raw(llm.Raw(`{"googleSearch":{}}`))
}

func (e *encoding) functions() {
	e.Open('{')
	e.Key("functionDeclarations")
	e.Open('[')
	for i := range e.p.Tools {
		t := &e.p.Tools[i]
		e.Open('{')
		e.Key("name")
		e.Text(t.Name)
		if len(t.Description) > 0 {
			e.Key("description")
			e.Text(t.Description)
		}
		if t.Schema != nil && string(t.Schema) != "null" && string(t.Schema) != "{}" {
			e.Key("parametersJsonSchema")
			e.Raw(t.Schema)
		}
		e.Close('}')
		if t.Strict == llm.Yes && !e.can.Validated {
			e.notes.Approx("tools.strict")
		}
	}
	e.Close(']')
	e.Close('}')
}

// validated tells whether the model shall be, and can be, held to the schemas of its tools.
func (e *encoding) validated() bool {
	return e.can.Validated && slices.ContainsFunc(e.p.Tools, func(t llm.Tool) bool { return t.Strict == llm.Yes })
}

func (e *encoding) choice() {
	mode := map[llm.ChoiceMode]string{llm.ChoiceAuto: "AUTO", llm.ChoiceNone: "NONE", llm.ChoiceAny: "ANY", llm.ChoiceNamed: "ANY"}[e.p.Choice.Mode]
	if e.validated() && (mode == "" || mode == "AUTO") {
		mode = "VALIDATED" // a free choice, but calls that are made fit their schemas, as they do where one has to be made
	}
	if len(e.p.Tools) == 0 || mode == "" && !e.pieces {
		return
	}
	e.Key("toolConfig")
	e.Open('{')
	e.Key("functionCallingConfig")
	e.Open('{')
	if mode != "" {
		e.Key("mode")
		e.String(mode)
	}
	if e.pieces {
		e.Key("streamFunctionCallArguments")
		e.Bool(true)
	}
	allowed := e.p.Choice.Allowed
	if e.p.Choice.Mode == llm.ChoiceNamed {
		allowed = []llm.Text{e.p.Choice.Name}
	}
	if len(allowed) > 0 {
		e.Key("allowedFunctionNames")
		e.Open('[')
		for _, name := range allowed {
			e.Text(name)
		}
		e.Close(']')
	}
	e.Close('}')
	e.Close('}')
}

// config writes what bounds and shapes the answer, and how it is drawn.
func (e *encoding) config() {
	mark := len(e.B)
	e.Key("generationConfig")
	e.Open('{')
	before := len(e.B)
	if e.p.MaxOutput > 0 {
		e.Key("maxOutputTokens")
		e.Int(e.p.MaxOutput)
	}
	e.sampling()
	e.choices()
	e.stops()
	e.format()
	e.thinking()
	if len(e.B) == before {
		e.B = e.B[:mark]
		return
	}
	e.Close('}')
}

func (e *encoding) sampling() {
	value := func(name string, v llm.Raw) {
		if v != nil {
			e.Key(name)
			e.Raw(v)
		}
	}
	value("temperature", e.p.Temperature)
	value("topP", e.p.TopP)
	value("topK", e.p.TopK)
	if e.p.Seed != nil {
		if _, err := strconv.ParseInt(string(e.p.Seed), 10, 32); err != nil {
			e.notes.Reject("seed")
		} else {
			value("seed", e.p.Seed)
		}
	}
	penalty := func(name, field string, v llm.Raw) {
		switch {
		case v == nil || v.Zero():
		case e.can.Penalties:
			value(name, v)
		default:
			e.notes.Drop(field)
		}
	}
	penalty("presencePenalty", "presence_penalty", e.p.Presence)
	penalty("frequencyPenalty", "frequency_penalty", e.p.Frequency)
}

// choices writes how many answers there shall be, and what is to be told of their tokens.
func (e *encoding) choices() {
	if e.p.Choices > maxCandidates {
		e.notes.Reject("n")
	} else if e.p.Choices > 1 {
		e.Key("candidateCount")
		e.Int(e.p.Choices)
	}
	if e.p.Probs.Asked {
		e.Key("responseLogprobs")
		e.Bool(true)
		if top := e.p.Probs.Top; top != nil && !top.Zero() {
			e.Key("logprobs")
			e.Raw(top)
		}
	}
}

func (e *encoding) stops() {
	if len(e.p.Stop) > maxStops {
		e.notes.Reject("stop")
	}
	if len(e.p.Stop) == 0 {
		return
	}
	e.Key("stopSequences")
	e.Open('[')
	for _, s := range e.p.Stop[:min(len(e.p.Stop), maxStops)] {
		e.Text(s)
	}
	e.Close(']')
}

func (e *encoding) format() {
	f := &e.p.Format
	if f.Kind == llm.FreeText {
		return
	}
	if len(e.p.Tools) > 0 && !e.can.FormatWithTools {
		e.notes.Reject("response_format")
		return
	}
	e.Key("responseMimeType")
	e.String(jsonType)
	if f.Kind == llm.JSONSchema {
		e.Key("responseJsonSchema")
		e.Raw(f.Schema)
	}
}

// thinking writes how the model shall think, in the way that its family knows.
func (e *encoding) thinking() {
	r := &e.p.Reasoning
	if r.Effort == llm.EffortUnsaid && r.Budget == 0 && !r.Adaptive {
		return
	}
	switch {
	case e.can.Thinking == thinksByLevel:
		e.level(r)
	case e.can.Thinking == thinksByBudget:
		e.budget(r)
	case r.Effort != llm.EffortNone:
		e.notes.Drop("reasoning_effort")
	}
}

// thinkingConfig writes a member of it, if there is one, and whether thoughts are shown.
func (e *encoding) thinkingConfig(shown bool, fill func()) {
	e.Key("thinkingConfig")
	e.Open('{')
	fill()
	if shown {
		e.Key("includeThoughts")
		e.Bool(true)
	}
	e.Close('}')
}

func (e *encoding) level(r *llm.Reasoning) {
	effort := r.Effort
	if effort == llm.EffortUnsaid && r.Budget > 0 {
		effort = llm.NearestEffort(r.Budget, e.longest())
		e.notes.Approx("thinking.budget")
	}
	e.thinkingConfig(!r.Hidden && effort != llm.EffortNone, func() {
		if effort == llm.EffortUnsaid { // as the model likes
			return
		}
		name, same := e.can.level(effort)
		if !same {
			e.notes.Approx("reasoning_effort")
		}
		e.Key("thinkingLevel")
		e.String(upper(name))
	})
}

// upper is the API's spelling of a level.
func upper(level string) string {
	b := []byte(level)
	for i := range b {
		b[i] -= 'a' - 'A'
	}
	return string(b)
}

// budget writes a budget of thoughts. It is a part of the bound on the answer, as it is for those who set one.
func (e *encoding) budget(r *llm.Reasoning) {
	budget, exact := r.Budget, r.Budget > 0
	switch {
	case r.Effort == llm.EffortNone && e.can.CanStop:
		e.thinkingConfig(false, func() {
			e.Key("thinkingBudget")
			e.Int(0)
		})
		return
	case r.Effort == llm.EffortNone:
		e.notes.Approx("reasoning_effort")
		budget = e.can.MinBudget
	case r.Effort != llm.EffortUnsaid:
		longest := e.longest()
		if e.p.MaxOutput > 0 {
			longest = min(longest, e.p.MaxOutput)
		}
		budget, exact = max(r.Effort.Budget(longest), min(minBudget, longest/2)), false
	case !exact: // as the model likes
		budget = -1
	}
	if budget > 0 {
		limit := e.can.MaxBudget
		if e.p.MaxOutput > 1 {
			limit = min(limit, e.p.MaxOutput-1)
		}
		fit := max(min(budget, limit), e.can.MinBudget)
		if exact && fit != budget {
			e.notes.Approx("thinking.budget")
		}
		budget = fit
	}
	e.thinkingConfig(!r.Hidden && r.Effort != llm.EffortNone, func() {
		e.Key("thinkingBudget")
		e.Int(budget)
	})
}

// longest is the model's longest answer.
func (e *encoding) longest() usage.Tokens {
	if e.to.MaxOutput > 0 {
		return e.to.MaxOutput
	}
	return unknownOutput
}

// rest judges what the API does not know.
func (e *encoding) rest() {
	e.labels()
	if tier := string(e.p.Tier); e.at.tiers && (tier == "default" || tier == "standard_only") {
		e.Key("serviceTier")
		e.String("standard")
	}
	fate.Apply(e.at.dialect, e.p, e.notes)
}
