package llm

import "starlane/internal/usage"

// unknownAnswer stands in for the longest answer of a model that the catalogue does not know.
const unknownAnswer = 32_000

// shares are the parts of the longest answer, in hundredths, that efforts become as budgets.
var shares = [...]int64{ //nolint:gochecknoglobals // a constant table
	EffortMinimal: 2, EffortLow: 10, EffortMedium: 30, EffortHigh: 60, EffortXHigh: 90, EffortMax: 100,
}

// Budget is the number of tokens that an effort becomes for models that think by a budget, of the longest answer there can be.
func (e Effort) Budget(longest usage.Tokens) usage.Tokens { return longest * shares[e] / 100 }

// NearestEffort is the effort whose share of the longest answer is nearest to a budget.
func NearestEffort(budget, longest usage.Tokens) Effort {
	if longest == 0 {
		longest = unknownAnswer
	}
	best, off := EffortLow, int64(1<<62)
	for e := EffortLow; e <= EffortXHigh; e++ {
		d := budget*100/longest - shares[e]
		if d < 0 {
			d = -d
		}
		if d < off {
			best, off = e, d
		}
	}
	return best
}
