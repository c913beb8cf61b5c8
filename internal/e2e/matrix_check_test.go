package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seenCase is what a user of a library saw of a case.
type seenCase struct {
	Turns    []seenTurn `json:"turns"`
	Requests []string   `json:"requests"` // ids, by the relay
	Error    *struct {
		Type    string `json:"type"`
		Status  int    `json:"status"`
		Message string `json:"message"`
	} `json:"error"`
}

type seenTurn struct {
	Text     string     `json:"text"`
	Thinking string     `json:"thinking"`
	Signed   bool       `json:"signed"`
	Calls    []seenCall `json:"calls"`
	Finish   string     `json:"finish"`
	Usage    struct {
		Input     int64  `json:"input"`
		Output    int64  `json:"output"`
		Cached    int64  `json:"cached"`
		Reasoning *int64 `json:"reasoning"` // nil: the format does not tell
	} `json:"usage"`
}

type seenCall struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Arguments map[string]any `json:"arguments"`
}

// wantTurn is what the simulator answers.
type wantTurn struct {
	text  string
	calls []seenCall // without ids
}

// wants tells the turns of a case: an echo, the results of tools, or calls of the tools that a text names.
func (c *matrixCase) wants() []wantTurn {
	var turns []wantTurn
	for _, text := range c.Texts {
		called := wantTurn{}
		var results []string
		for _, tool := range c.Tools {
			if strings.Contains(text, tool.Name) {
				called.calls = append(called.calls, seenCall{Name: tool.Name, Arguments: wantArguments(tool.Name, text)})
				results = append(results, c.result(tool.Name))
			}
		}
		switch {
		case len(results) > 0:
			turns = append(turns, called, wantTurn{text: "The tool answered: " + strings.Join(results, "; ")})
		case c.Schema != nil:
			turns = append(turns, wantTurn{text: fmt.Sprintf(`{"title":%s,"count":%d,"tags":[%[1]s]}`, quoted(text), len(text))})
		default:
			turns = append(turns, wantTurn{text: text})
		}
	}
	return turns
}

// result is how a library gives back what a tool said.
func (c *matrixCase) result(tool string) string {
	if c.library.wraps {
		return fmt.Sprintf(`{"name":%q,"content":%q}`, tool, c.Results[tool])
	}
	return c.Results[tool]
}

func wantArguments(tool, text string) map[string]any {
	if tool == "clock" {
		return map[string]any{"zone": "UTC", "exact": true}
	}
	return map[string]any{"city": text, "days": float64(len(text))}
}

func quoted(text string) string {
	b, _ := json.Marshal(text) // a string always marshals
	return string(b)
}

func (s *stack) checkCase(t *testing.T, c *matrixCase, seen *seenCase) {
	t.Helper()
	switch {
	case c.feature == "refused":
		if seen.Error == nil || seen.Error.Status != 429 || seen.Error.Message == "" {
			t.Errorf("saw %+v with error %+v, want the upstream's 429", seen.Turns, seen.Error)
		}
		return
	case c.feature == "broken":
		if seen.Error == nil || len(seen.Turns) == 0 || seen.Turns[0].Text == "" || seen.Turns[0].Finish != "" {
			t.Errorf("saw %+v with error %+v, want a piece of the text, and then an error", seen.Turns, seen.Error)
		}
		return
	case seen.Error != nil:
		t.Fatalf("error: %+v", *seen.Error)
	}
	wants := c.wants()
	if len(seen.Turns) != len(wants) || len(seen.Requests) != len(wants) {
		t.Fatalf("%d turns with %d requests, want %d: %+v", len(seen.Turns), len(seen.Requests), len(wants), seen.Turns)
	}
	ids := map[string]bool{}
	for n, want := range wants {
		turn := seen.Turns[n]
		checkTurn(t, n, c, turn, want)
		for _, call := range turn.Calls {
			if call.ID != "" && ids[call.ID] {
				t.Errorf("turn %d: the id %q was there before", n, call.ID)
			}
			ids[call.ID] = true
		}
		c.early(&turn)
		if c.library.format != "bedrock" {
			s.checkBill(t, n, seen.Requests[n], turn)
		}
	}
	checkFeature(t, c, seen)
}

// early takes out of a usage what a library makes of the start of a stream, where the vendor tells the prompt and a first token,
// and the relay nothing of what another vendor has not told yet.
func (c *matrixCase) early(turn *seenTurn) {
	switch {
	case !c.library.early || !c.Stream:
	case strings.HasSuffix(c.family.dialect, c.library.format):
		turn.Usage.Output-- // counted twice
	default:
		turn.Usage.Input = -1
	}
}

func checkTurn(t *testing.T, n int, c *matrixCase, got seenTurn, want wantTurn) {
	t.Helper()
	if c.Schema != nil { // whose members come in the order in which the library wrote the schema
		got.Text, want.text = compactJSON(got.Text), compactJSON(want.text)
	}
	if got.Text != want.text {
		t.Errorf("turn %d: text %q, want %q", n, got.Text, want.text)
	}
	named := make([]seenCall, 0, len(got.Calls))
	for _, call := range got.Calls {
		if call.ID == "" && c.library.format+c.family.dialect != "geminivertex_gemini" { // which has none
			t.Errorf("turn %d: the call of %s has no id", n, call.Name)
		}
		named = append(named, seenCall{Name: call.Name, Arguments: call.Arguments})
	}
	if diff := cmp.Diff(want.calls, named); diff != "" && len(want.calls)+len(named) > 0 {
		t.Errorf("turn %d: calls (-want +got):\n%s", n, diff)
	}
	end := "stop"
	if len(want.calls) > 0 {
		end = "tools"
	}
	if c.library.name == "go-openai:chat" && c.family.dialect == "azure_openai" && c.Stream {
		return // its accumulator forgets the reason, as Azure tells later what its filter found
	}
	if c.library.ends != nil && got.Finish != c.library.ends[end] {
		t.Errorf("turn %d: ended for %q, want %q", n, got.Finish, c.library.ends[end])
	}
}

// compactJSON writes a JSON text in one way; what is none stays.
func compactJSON(text string) string {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return text
	}
	out, _ := json.Marshal(v) // it was JSON
	return string(out)
}

// checkFeature looks at what a feature adds to an answer.
func checkFeature(t *testing.T, c *matrixCase, seen *seenCase) {
	t.Helper()
	first, last := seen.Turns[0], seen.Turns[len(seen.Turns)-1]
	switch strings.TrimSuffix(c.feature, "-stream") {
	case "image", "pdf":
		if first.Usage.Input < 250 {
			t.Errorf("the prompt cost %d tokens, the file alone costs more", first.Usage.Input)
		}
	case "thinking":
		want := c.showsThoughts()
		dropped := c.library.drops && c.Stream && c.family.dialect != c.library.format
		sealed := want && !dropped
		if (first.Thinking != "") != want || first.Signed != sealed {
			t.Errorf("thought %q, sealed: %v; want thoughts: %v, sealed: %v", first.Thinking, first.Signed, want, sealed)
		}
		if n := first.Usage.Reasoning; n != nil && (*n > 0) != (c.family.dialect != "bedrock") { // it does not tell
			t.Errorf("thinking cost %d", *n)
		}
	case "cache":
		if want := c.family.caches || c.library.marks; (last.Usage.Cached >= 1024) != want {
			t.Errorf("%d tokens of the second prompt came from the cache, want most: %v", last.Usage.Cached, want)
		}
	}
}

// showsThoughts says whether a user sees what the model thought. OpenAI shows it, and seals it, in Responses alone.
func (c *matrixCase) showsThoughts() bool {
	return !c.library.quiet && (c.library.format == "openai_responses" || !strings.HasSuffix(c.family.dialect, "openai"))
}

// checkBill compares what a client was told with what is billed.
func (s *stack) checkBill(t *testing.T, n int, request string, turn seenTurn) {
	t.Helper()
	var units, from map[string]any
	var charge, price int64
	eventually(t, time.Minute, "the answer is billed", func() error {
		return s.db.QueryRow(context.Background(), "select units, provenance, charge_nano from starlane.usage_event where event_id = $1 and outcome = 'ok'", request).
			Scan(&units, &from, &charge)
	})
	sums := map[string]int64{}
	for class, v := range units {
		count, _ := v.(float64)
		price += int64(count) * matrixNano[class]
		direction := "output"
		if strings.HasPrefix(class, "in_") || strings.HasPrefix(class, "cache_") {
			direction = "input"
		}
		sums[direction] += int64(count)
		sums[class] += int64(count)
		if from[class] == "estimated" {
			t.Errorf("turn %d: %s is %v, want what the upstream reported", n, class, from[class])
		}
	}
	u := turn.Usage
	if u.Input < 0 { // not told
		u.Input = sums["input"]
	}
	if u.Input != sums["input"] || u.Output != sums["output"] || u.Cached != sums["in_cached"] || u.Reasoning != nil && *u.Reasoning != sums["out_reasoning"] {
		t.Errorf("turn %d: told %+v, billed %v", n, u, units)
	}
	if u.Input == 0 || u.Output == 0 || charge != price {
		t.Errorf("turn %d: charged %d for %v, want %d", n, charge, units, price)
	}
}
