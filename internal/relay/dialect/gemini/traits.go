package gemini

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
	Match           []string `json:"match"`
	Thinking        string   `json:"thinking"`          // none, budget or level
	Levels          []string `json:"levels"`            // of thinking, in order
	MinBudget       int64    `json:"min_budget"`        // of thinking
	MaxBudget       int64    `json:"max_budget"`        // of thinking
	CanStop         bool     `json:"can_stop"`          // can do without thinking
	Signatures      bool     `json:"signatures"`        // refuses calls that are given back without their signature
	FormatWithTools bool     `json:"format_with_tools"` // can be bound to a form and have tools at once
	SearchWithTools bool     `json:"search_with_tools"` // can search the web and have tools of the client at once
	Validated       bool     `json:"validated"`         // can be held to the schemas of its tools without having to call one
	Penalties       bool     `json:"penalties"`         // takes presencePenalty and frequencyPenalty
	Pieces          bool     `json:"pieces"`            // tells arguments piece by piece, at hosts that do
	Resolution      bool     `json:"resolution"`        // takes a resolution for each picture
}

const (
	thinksByLevel  = "level"
	thinksByBudget = "budget"
)

var traitsOf = families.Of("gemini/traits.json", traitsFile, func(t *traits) []string { return t.Match }, strings.Contains) //nolint:gochecknoglobals // a constant table

// level is the model's nearest level that is no less than an effort, or its highest, and whether it is the one asked for.
func (t *traits) level(e llm.Effort) (name string, same bool) {
	for _, name = range t.Levels {
		if known, _ := llm.ParseEffort(name); known >= e {
			return name, known == e
		}
	}
	return name, false
}
