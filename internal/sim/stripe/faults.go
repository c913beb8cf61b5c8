package stripe

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kinds of API faults.
const (
	FaultLatency     = "latency"             // waits delay_ms, then answers
	FaultCutAfter    = "cut_after_commit"    // does the work, then closes the connection: a lost response
	FaultErrorBefore = "error_before_commit" // answers 500, nothing happened
	FaultErrorAfter  = "error_after_commit"  // answers 500 although it happened
	FaultRateLimit   = "rate_limit"          // 429
	FaultLockTimeout = "lock_timeout"        // 429, the object is busy
	FaultOutage      = "outage"              // closes every connection before the work
)

var faultKinds = []string{ //nolint:gochecknoglobals // a fixed table
	FaultLatency, FaultCutAfter, FaultErrorBefore, FaultErrorAfter, FaultRateLimit, FaultLockTimeout, FaultOutage,
}

// Fault is one rule: which requests it hits and what happens to them.
type Fault struct {
	Kind        string   `json:"kind"`
	Method      string   `json:"method,omitempty"`      // empty: any
	Path        string   `json:"path,omitempty"`        // prefix, for example "/v1/payment_intents"; empty: any
	Probability *float64 `json:"probability,omitempty"` // absent: always
	Times       int      `json:"times,omitempty"`       // how many requests it hits; 0: no limit
	DelayMS     int64    `json:"delay_ms,omitempty"`    // may be added to any kind
	Seconds     int64    `json:"seconds,omitempty"`     // the rule ends after this long in simulated time; 0: never
}

func (f Fault) delay() time.Duration { return time.Duration(f.DelayMS) * time.Millisecond }

// FaultPlan is the body of POST /_sim/faults. It replaces the plan before it; an empty one heals everything.
type FaultPlan struct {
	Rules    []Fault       `json:"rules"`
	Webhooks []WebhookRule `json:"webhooks"`
}

func (p FaultPlan) validate() error {
	for i, f := range p.Rules {
		if !slices.Contains(faultKinds, f.Kind) {
			return fmt.Errorf("rules[%d]: kind %q is not one of %s", i, f.Kind, strings.Join(faultKinds, ", "))
		}
		if f.Probability != nil && (*f.Probability < 0 || *f.Probability > 1) {
			return fmt.Errorf("rules[%d]: probability must be between 0 and 1", i)
		}
		if f.Times < 0 || f.DelayMS < 0 || f.Seconds < 0 {
			return fmt.Errorf("rules[%d]: times, delay_ms and seconds must not be negative", i)
		}
	}
	for i, rule := range p.Webhooks {
		if err := rule.validate(); err != nil {
			return fmt.Errorf("webhooks[%d]: %w", i, err)
		}
	}
	return nil
}

// activeFault is a rule with what is left of it.
type activeFault struct {
	Fault
	left int
	ends time.Time
}

type activeWebhookRule struct {
	WebhookRule
	left int
}

// faultBook holds the plan in force.
type faultBook struct {
	chance func(float64) bool

	mu    sync.Mutex
	plan  FaultPlan
	rules []*activeFault
	hooks []*activeWebhookRule
}

func newFaultBook(chance func(float64) bool) *faultBook { return &faultBook{chance: chance} }

func (b *faultBook) set(plan FaultPlan, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.plan, b.rules, b.hooks = plan, nil, nil
	for _, f := range plan.Rules {
		active := &activeFault{Fault: f, left: f.Times}
		if f.Seconds > 0 {
			active.ends = now.Add(time.Duration(f.Seconds) * time.Second)
		}
		b.rules = append(b.rules, active)
	}
	for _, rule := range plan.Webhooks {
		b.hooks = append(b.hooks, &activeWebhookRule{WebhookRule: rule, left: rule.Times})
	}
}

func (b *faultBook) current() FaultPlan {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.plan
}

// take returns the first fault that hits the request, or a zero Fault.
func (b *faultBook) take(r *http.Request, now time.Time) Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.rules {
		switch {
		case f.Method != "" && f.Method != r.Method,
			!strings.HasPrefix(r.URL.Path, f.Path),
			f.Times > 0 && f.left == 0,
			!f.ends.IsZero() && now.After(f.ends),
			f.Probability != nil && !b.chance(*f.Probability):
			continue
		}
		f.left--
		return f.Fault
	}
	return Fault{}
}

// takeWebhook returns the chaos rules that hit an event of this type.
func (b *faultBook) takeWebhook(eventType string) []WebhookRule {
	b.mu.Lock()
	defer b.mu.Unlock()
	var hit []WebhookRule
	for _, rule := range b.hooks {
		if rule.Type != "" && rule.Type != "*" && rule.Type != eventType || rule.Times > 0 && rule.left == 0 {
			continue
		}
		rule.left--
		hit = append(hit, rule.WebhookRule)
	}
	return hit
}

// SetFaults puts a plan in force, as POST /_sim/faults does.
func (s *Server) SetFaults(plan FaultPlan) error {
	if err := plan.validate(); err != nil {
		return err
	}
	s.faults.set(plan, s.simulatedNow())
	return nil
}
