package gemini

import (
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/usage"
)

// maxTokens bounds a reported count: what is larger is a broken report, and is treated as none.
const maxTokens = 1_000_000_000

// report is a usageMetadata, field by field: every chunk has one, each counts from the beginning, and a later one overwrites
// what it has.
type report struct {
	prompt, cached, tool, candidates, thoughts, total int64
	heard, heardCached, spoken, drawn                 int64 // audio and pictures among them
	searches                                          int64 // that the model made
	seen, broken                                      bool
	tier                                              string // that the request was served by, as OpenAI calls it
}

func (r *report) merge(c *guard.Cursor) {
	wire.Object(c, func(k string) {
		switch k {
		case "promptTokenCount":
			r.number(c, &r.prompt)
		case "cachedContentTokenCount":
			r.number(c, &r.cached)
		case "toolUsePromptTokenCount":
			r.number(c, &r.tool)
		case "candidatesTokenCount":
			r.number(c, &r.candidates)
		case "thoughtsTokenCount":
			r.number(c, &r.thoughts)
		case "totalTokenCount":
			r.number(c, &r.total)
		case "trafficType":
			r.tier = tiers[string(wire.Text(c))]
		case "promptTokensDetails":
			r.modalities(c, &r.heard, nil)
		case "cacheTokensDetails":
			r.modalities(c, &r.heardCached, nil)
		case "candidatesTokensDetails":
			r.modalities(c, &r.spoken, &r.drawn)
		default:
			c.Skip()
		}
	})
}

// tiers are Vertex AI's kinds of traffic as OpenAI calls them.
var tiers = map[string]string{ //nolint:gochecknoglobals // a constant table
	"ON_DEMAND": "default", "ON_DEMAND_PRIORITY": "priority", "ON_DEMAND_FLEX": "flex", "PROVISIONED_THROUGHPUT": "scale",
}

func (r *report) number(c *guard.Cursor, into *int64) {
	if c.Kind() != guard.Number {
		c.Skip() // null says nothing
		return
	}
	v, ok := c.Int(maxTokens)
	if !ok {
		r.broken = true
		return
	}
	*into, r.seen = v, true
}

// modalities reads how much of a count is audio, and how much pictures where those have a price of their own.
func (r *report) modalities(c *guard.Cursor, audio, images *int64) {
	wire.List(c, func() {
		var into *int64
		var n int64
		wire.Object(c, func(k string) {
			switch k {
			case "modality":
				switch string(wire.Text(c)) {
				case "AUDIO":
					into = audio
				case "IMAGE":
					into = images
				}
			case "tokenCount":
				r.number(c, &n)
			default:
				c.Skip()
			}
		})
		if into != nil {
			*into = n
		}
	})
}

// counts are the disjoint classes. The prompt includes what was cached, the candidates do not include the thoughts.
func (r *report) counts() (c usage.Counts, ok bool) {
	in := r.prompt + r.tool
	if !r.seen || r.broken || in+r.candidates+r.thoughts == 0 {
		return c, false
	}
	if r.searches > 0 {
		c.Set(usage.SearchQuery, r.searches, usage.Reported)
	}
	thoughts, from := r.thoughts, usage.Reported
	if thoughts == 0 { // some models tell their thoughts in the total alone
		thoughts, from = max(r.total-in-r.candidates, 0), usage.Derived
	}
	if thoughts > 0 {
		c.Set(usage.OutReasoning, thoughts, from)
	}
	split(&c, usage.InText, in, part{usage.InTool, r.tool}, part{usage.InCached, r.cached}, part{usage.InAudio, max(r.heard-r.heardCached, 0)})
	split(&c, usage.OutText, r.candidates, part{usage.OutAudio, r.spoken}, part{usage.OutImage, r.drawn})
	return c, true
}

// part is how many tokens of a total have a class of their own.
type part struct {
	class  usage.Class
	tokens int64
}

// split sets a total, less its parts, and the parts, which never exceed it.
func split(counts *usage.Counts, whole usage.Class, total int64, parts ...part) {
	from := usage.Reported
	for _, p := range parts {
		if n := min(p.tokens, total); n > 0 {
			from = usage.Derived
			counts.Set(p.class, n, usage.Reported)
			total -= n
		}
	}
	counts.Set(whole, total, from)
}

// appendUsage writes disjoint classes as the API counts them.
func appendUsage(b *wire.Builder, c usage.Counts) {
	thoughts := c.Units[usage.OutReasoning]
	b.Open('{')
	b.Key("promptTokenCount")
	b.Int(c.Input() - c.Units[usage.InTool])
	if tool := c.Units[usage.InTool]; tool > 0 {
		b.Key("toolUsePromptTokenCount")
		b.Int(tool)
	}
	b.Key("candidatesTokenCount")
	b.Int(c.Output() - thoughts)
	b.Key("totalTokenCount")
	b.Int(c.Input() + c.Output())
	if n := c.Units[usage.InCached]; n > 0 {
		b.Key("cachedContentTokenCount")
		b.Int(n)
	}
	if thoughts > 0 {
		b.Key("thoughtsTokenCount")
		b.Int(thoughts)
	}
	b.Close('}')
}
