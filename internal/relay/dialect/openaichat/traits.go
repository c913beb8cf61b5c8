package openaichat

import (
	_ "embed"
	"strings"

	"starlane/internal/catalog/vendor"
	"starlane/internal/relay/dialect/internal/families"
	"starlane/internal/relay/llm"
)

//go:embed traits.json
var traitsFile []byte

// traits is what a family of models takes. The first entry of traits.json with a prefix of the model's name counts; models that
// nobody knows are taken for those of a compatible vendor, which take the least.
type traits struct {
	Match    []string `json:"match"`
	Efforts  []string `json:"efforts"`  // of thinking, from the least; none: it does not think, or not by an effort
	Sampling bool     `json:"sampling"` // takes temperature and top_p
	// OldBound: knows the bound on an answer as max_tokens and may ignore max_completion_tokens, as compatible vendors do.
	OldBound bool `json:"old_bound"`
	Search   bool `json:"search"` // looks things up in the web before it answers, and calls no tools
}

var traitsOf = families.Of("openaichat/traits.json", traitsFile, func(t *traits) []string { return t.Match }, ofFamily) //nolint:gochecknoglobals // a constant table

func ofFamily(model, prefix string) bool {
	return strings.HasPrefix(model[strings.LastIndexByte(model, '/')+1:], prefix)
}

// effort is the nearest effort that the model knows, and whether it is the one asked for. False: it knows none.
func (t *traits) effort(asked llm.Effort) (near llm.Effort, same, ok bool) {
	for _, name := range t.Efforts {
		e, _ := llm.ParseEffort(name)
		if near == llm.EffortUnsaid || e <= asked || near == llm.EffortNone && asked != llm.EffortNone {
			near = e // who is to think a little does not do so by thinking nothing
		}
	}
	return near, near == asked, near != llm.EffortUnsaid
}

// bound is what the bound on an answer is called, by the vendor's rules or else by the model's family.
func (t *traits) bound(rules *vendor.Rules) string {
	if t.OldBound {
		return rules.Bound.Or("max_tokens")
	}
	return rules.Bound.Or("max_completion_tokens")
}
