package anthropic

import (
	_ "embed"
	"strings"

	"starlane/internal/relay/dialect/internal/families"
	"starlane/internal/relay/llm"
)

//go:embed traits.json
var traitsFile []byte

// traits is what a family of models can do. The first entry of traits.json of which a part stands in the model's name counts.
type traits struct {
	Match       []string `json:"match"`
	Thinking    string   `json:"thinking"`     // none, budget or adaptive
	Sampling    bool     `json:"sampling"`     // takes temperature, top_p and top_k
	ForcedTools bool     `json:"forced_tools"` // can be made to call a tool
	Format      bool     `json:"format"`       // takes output_config.format
	MidSystem   bool     `json:"mid_system"`   // takes the role system in the middle of a conversation
	MaxEffort   string   `json:"max_effort"`   // of adaptive thinking
}

const (
	thinksByBudget = "budget"
	thinksAsNeeded = "adaptive"
)

var traitsOf = families.Of("anthropic/traits.json", traitsFile, func(t *traits) []string { return t.Match }, strings.Contains) //nolint:gochecknoglobals // a constant table

// effort is the nearest effort that the model knows, and whether it is the one asked for.
func (t *traits) effort(e llm.Effort) (llm.Effort, bool) {
	most, _ := llm.ParseEffort(t.MaxEffort)
	switch {
	case e == llm.EffortMinimal:
		return llm.EffortLow, false
	case most != llm.EffortUnsaid && e > most:
		return most, false
	default:
		return e, true
	}
}

const minBudget = 1024 // the least that the API takes
