package openai

import "starlane/internal/relay/llm"

// budgets are the bounds, in tokens, below which a budget of thoughts becomes an effort.
var budgets = [...]struct { //nolint:gochecknoglobals // a constant table
	below  int64
	effort llm.Effort
}{{4_096, llm.EffortLow}, {16_384, llm.EffortMedium}, {1 << 62, llm.EffortHigh}}

// EffortOf is how much a model shall think in the words of the API. near tells that it stands for a budget.
func EffortOf(r *llm.Reasoning) (effort llm.Effort, near bool) {
	if r.Effort != llm.EffortUnsaid || r.Budget == 0 {
		return r.Effort, false
	}
	for _, b := range budgets {
		if r.Budget < b.below {
			return b.effort, true
		}
	}
	return llm.EffortHigh, true
}
