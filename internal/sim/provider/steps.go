package provider

import (
	"encoding/json"
	"strings"
)

// stepMark starts a line by which a user tells what to call, and with what: "step: NAME {arguments}". The steps of a conversation are
// taken one a turn. So an agent can be led through a task.
const stepMark = "step: "

// hear reads a user's text for steps; the latest that has some counts.
func (t *task) hear(text string) {
	var steps []toolCall
	for line := range strings.Lines(text) {
		_, said, ok := strings.Cut(line, stepMark)
		name, arguments, _ := strings.Cut(strings.TrimSpace(said), " ")
		if ok && json.Valid([]byte(arguments)) {
			steps = append(steps, toolCall{name: name, arguments: []string{arguments}})
		}
	}
	if steps != nil {
		t.steps, t.made = steps, 0
	}
}

// step is the next one, if its tool is there.
func (t *task) step(rng *random) []toolCall {
	if t.made >= len(t.steps) {
		return nil
	}
	next := t.steps[t.made]
	found := selectTools(t.tools, func(name string) bool { return name == next.name })
	if len(found) == 0 {
		return nil
	}
	next.custom = found[0].custom
	next.id = callID(t.idPrefix, rng)
	next.arguments, _ = pieces(next.arguments[0], maxSteer)
	return []toolCall{next}
}
