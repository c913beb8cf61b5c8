package stack

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// Reporter tells a person, or a program, how the start goes. It is safe for concurrent use.
type Reporter struct {
	mu    sync.Mutex
	out   io.Writer
	json  bool
	quiet bool
	total int
	now   func() time.Time
}

// NewReporter prints lines for people, or JSON lines; quiet leaves out the steps.
func NewReporter(out io.Writer, asJSON, quiet bool, now func() time.Time) *Reporter {
	return &Reporter{out: out, json: asJSON, quiet: quiet, total: len(stepNames), now: now}
}

var stepNames = [...]string{"checks", "postgres", "redis", "console", "build", "migrate+seed", "ready"} //nolint:gochecknoglobals // constant

// Step is one numbered act.
type Step struct {
	r     *Reporter
	n     int
	name  string
	start time.Time
}

// Begin starts the clock of a step.
func (r *Reporter) Begin(name string) *Step {
	for i, s := range stepNames {
		if s == name {
			return &Step{r: r, n: i + 1, name: name, start: r.now()}
		}
	}
	return &Step{r: r, n: len(stepNames), name: name, start: r.now()}
}

// Note tells of a slow act within the step.
func (s *Step) Note(text string) {
	s.r.print(map[string]any{"event": "note", "step": s.name, "detail": text}, fmt.Sprintf("      %-13s … %s", s.name, text))
}

// Done tells how the step ended, with the time that it took.
func (s *Step) Done(detail string) {
	took := s.r.now().Sub(s.start)
	s.r.print(map[string]any{"event": "step", "n": s.n, "of": s.r.total, "step": s.name, "detail": detail, "seconds": took.Seconds()},
		fmt.Sprintf("[%d/%d] %-13s %-62s %5.1fs", s.n, s.r.total, s.name, detail, took.Seconds()))
}

// Event tells of something outside the steps, such as a process that had to be started again.
func (r *Reporter) Event(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.json {
		r.encode(map[string]any{"event": "message", "detail": text})
		return
	}
	_, _ = fmt.Fprintln(r.out, text)
}

// Object prints v as JSON in JSON mode, else text.
func (r *Reporter) Object(v any, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.json {
		r.encode(v)
		return
	}
	_, _ = fmt.Fprintln(r.out, text)
}

func (r *Reporter) print(v map[string]any, text string) {
	if r.quiet {
		return
	}
	r.Object(v, text)
}

func (r *Reporter) encode(v any) {
	line, err := json.Marshal(v)
	if err != nil {
		line = []byte(`{"event":"error","detail":"cannot encode"}`)
	}
	_, _ = fmt.Fprintf(r.out, "%s\n", line)
}
