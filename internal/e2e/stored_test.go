package e2e

import (
	"slices"
	"strings"
	"testing"
)

type refusal struct {
	Type, Code, Message string
	Status              int
}

// storedReport is what clients/js/stored.mjs prints. The times are in milliseconds.
type storedReport struct {
	Before, After     refusal
	OnAfter, OffAfter int
	Models            map[string]struct {
		Tool, After   string
		Chained, Same bool
		Items         []string
		Deleted       refusal
	}
}

// TestStoredResponses: an owner turns the store on, the official SDK goes on from a response for models of three vendors, and
// turning it off ends that, each within two seconds.
func TestStoredResponses(t *testing.T) {
	t.Parallel()
	jsModules(t)
	s := startStack(t, "--no-web")
	var r storedReport
	s.runClient(t, &r, nil, "internal/e2e/clients/js", "node", "stored.mjs")
	t.Logf("turned on after %d ms, off after %d ms", r.OnAfter, r.OffAfter)
	if r.OnAfter > 2000 || r.OffAfter > 2000 {
		t.Errorf("on after %d ms, off after %d ms; want 2000 at most", r.OnAfter, r.OffAfter)
	}
	for _, off := range []refusal{r.Before, r.After} {
		if !strings.Contains(off.Message, "turn on stored responses") {
			t.Errorf("while it is off: %+v, want a word on how to turn it on", off)
		}
	}
	if r.Before.Type != "BadRequestError" || r.After.Type != "NotFoundError" {
		t.Errorf("while it is off: %+v and %+v, want 400 and 404", r.Before, r.After)
	}
	for _, model := range []string{"demo/echo", "demo/claude"} {
		m := r.Models[model]
		if m.Tool != "weather" || !strings.Contains(m.After, "sunny") || !m.Chained || !m.Same || m.Deleted.Status != 404 {
			t.Errorf("%s: %+v, want a call, an answer to its result that goes on from it, and the same response again until it is deleted", model, m)
		}
		for _, want := range []string{"message", "function_call", "function_call_output"} {
			if !slices.Contains(m.Items, want) {
				t.Errorf("%s: items %v, want %s among them", model, m.Items, want)
			}
		}
	}
	s.checkBooks(t)
}
