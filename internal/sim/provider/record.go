package provider

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Outcomes of a request.
const (
	outcomeCompleted = "completed"
	outcomeFailed    = "failed"
	outcomeCancelled = "cancelled"
	outcomeBroken    = "broken"
)

// maxRecent bounds the list of single requests that GET /_sim/requests tells.
const maxRecent = 1000

// Tally counts the requests of one key, model and path. The token figures are those of completed requests, as OpenAI
// counts whatever the API: prompts include what was cached or written to the cache, completions include reasoning.
type Tally struct {
	Key   string `json:"key"`
	Model string `json:"model"`
	Path  string `json:"path"`
	// Received counts finished requests; in the total also the open ones.
	Received int `json:"received"`
	// Open is told in the total only.
	Open      int `json:"open"`
	Completed int `json:"completed"`
	// Failed were answered with an error status, Cancelled were left by the client, Broken were ended by a fault.
	Failed           int `json:"failed"`
	Cancelled        int `json:"cancelled"`
	Broken           int `json:"broken"`
	Faults           int `json:"faults"`
	PromptTokens     int `json:"prompt_tokens"`
	CachedTokens     int `json:"cached_tokens"`
	CacheWriteTokens int `json:"cache_write_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	ReasoningTokens  int `json:"reasoning_tokens"`
}

// Record is one finished request: sizes, figures and outcome. Header and Body stay empty unless Config.RecordBodies.
type Record struct {
	ID               string      `json:"id"`
	Time             time.Time   `json:"time"`
	Key              string      `json:"key"`
	Model            string      `json:"model"`
	Path             string      `json:"path"`
	Stream           bool        `json:"stream"`
	Status           int         `json:"status"`
	Outcome          string      `json:"outcome"`
	Fault            Kind        `json:"fault,omitempty"`
	RequestBytes     int         `json:"request_bytes"`
	Chunks           int         `json:"chunks"`
	PromptTokens     int         `json:"prompt_tokens"`
	CachedTokens     int         `json:"cached_tokens"`
	CacheWriteTokens int         `json:"cache_write_tokens"`
	CompletionTokens int         `json:"completion_tokens"`
	ReasoningTokens  int         `json:"reasoning_tokens"`
	DurationMS       int64       `json:"duration_ms"`
	Header           http.Header `json:"header,omitempty"`
	Body             string      `json:"body,omitempty"`
}

// Report is the answer to GET /_sim/requests.
type Report struct {
	Total Tally `json:"total"`
	// ByKeyModel is sorted by key, model and path.
	ByKeyModel []Tally `json:"by_key_model"`
	// Recent holds the last finished requests, the newest last.
	Recent []Record `json:"recent"`
}

type tallyKey struct{ key, model, path string }

type journal struct {
	mu     sync.Mutex
	tally  map[tallyKey]*Tally
	recent []Record
	next   int
}

func newJournal() *journal { return &journal{tally: map[tallyKey]*Tally{}} }

func (j *journal) finish(c *call, now time.Time, keepBodies bool) {
	rec := Record{
		ID: c.id, Time: now, Key: c.key, Model: c.model, Path: c.path, Stream: c.stream, Status: c.status, Outcome: c.outcome,
		Fault: c.fault, RequestBytes: len(c.body), Chunks: c.chunks, DurationMS: c.elapsed().Milliseconds(),
	}
	if c.outcome == outcomeCompleted {
		rec.PromptTokens, rec.CompletionTokens = c.usage.Prompt, c.usage.Completion
		rec.CachedTokens, rec.ReasoningTokens = c.usage.PromptDetails.Cached, c.usage.CompletionDetails.Reasoning
		rec.CacheWriteTokens = c.usage.PromptDetails.written
	}
	if keepBodies {
		rec.Header, rec.Body = c.r.Header.Clone(), string(c.body)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	k := tallyKey{c.key, c.model, c.path}
	t := j.tally[k]
	if t == nil {
		t = &Tally{Key: c.key, Model: c.model, Path: c.path}
		j.tally[k] = t
	}
	t.count(rec)
	if len(j.recent) < maxRecent {
		j.recent = append(j.recent, rec)
		return
	}
	j.recent[j.next] = rec
	j.next = (j.next + 1) % maxRecent
}

func (t *Tally) count(r Record) {
	t.Received++
	switch r.Outcome {
	case outcomeCompleted:
		t.Completed++
	case outcomeCancelled:
		t.Cancelled++
	case outcomeBroken:
		t.Broken++
	default:
		t.Failed++
	}
	if r.Fault != "" {
		t.Faults++
	}
	t.PromptTokens += r.PromptTokens
	t.CachedTokens += r.CachedTokens
	t.CacheWriteTokens += r.CacheWriteTokens
	t.CompletionTokens += r.CompletionTokens
	t.ReasoningTokens += r.ReasoningTokens
}

func (j *journal) report() Report {
	j.mu.Lock()
	defer j.mu.Unlock()
	rep := Report{ByKeyModel: make([]Tally, 0, len(j.tally)), Recent: make([]Record, 0, len(j.recent))}
	for _, t := range j.tally {
		rep.ByKeyModel = append(rep.ByKeyModel, *t)
		rep.Total.add(*t)
	}
	slices.SortFunc(rep.ByKeyModel, func(a, b Tally) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Path, b.Path))
	})
	rep.Recent = append(rep.Recent, j.recent[j.next:]...)
	rep.Recent = append(rep.Recent, j.recent[:j.next]...)
	return rep
}

func (t *Tally) add(o Tally) {
	t.Received += o.Received
	t.Completed += o.Completed
	t.Failed += o.Failed
	t.Cancelled += o.Cancelled
	t.Broken += o.Broken
	t.Faults += o.Faults
	t.PromptTokens += o.PromptTokens
	t.CachedTokens += o.CachedTokens
	t.CacheWriteTokens += o.CacheWriteTokens
	t.CompletionTokens += o.CompletionTokens
	t.ReasoningTokens += o.ReasoningTokens
}

func (j *journal) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.tally, j.recent, j.next = map[tallyKey]*Tally{}, nil, 0
}

// Report tells what the server was asked since it started or was reset.
func (s *Server) Report() Report {
	rep := s.journal.report()
	rep.Total.Open = int(s.open.Load())
	rep.Total.Received += rep.Total.Open
	return rep
}

// SetFaults replaces the plan of faults.
func (s *Server) SetFaults(rules []Rule) error {
	for _, r := range rules {
		if err := r.validate(); err != nil {
			return err
		}
	}
	s.faults.set(s.cfg.Seed, rules)
	return nil
}

// Reset forgets requests, faults, cached prefixes, stored responses and rate windows.
func (s *Server) Reset() {
	s.journal.reset()
	s.faults.set(s.cfg.Seed, nil)
	s.flaky.set(s.cfg.Seed, s.cfg.FlakyFaults)
	s.cache.reset()
	s.blocks.reset()
	s.responses.reset()
	s.windows.reset()
}

func (s *Server) handleReport(w http.ResponseWriter, _ *http.Request) {
	body, err := json.Marshal(s.Report())
	if err != nil {
		http.Error(w, "encode report", http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, append(body, '\n'))
}

// maxPlan bounds the body of POST /_sim/faults in bytes.
const maxPlan = 1 << 20

// handleFaults takes a plan as a JSON list of rules, or as {"faults": [...]}.
func (s *Server) handleFaults(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r, maxPlan, nil)
	if err != nil {
		writeError(w, errBadJSON())
		return
	}
	var rules []Rule
	if jsonType(body[skipBlank(body, 0):]) == "object" {
		var wrapped struct {
			Faults []Rule `json:"faults"`
		}
		err = json.Unmarshal(body, &wrapped)
		rules = wrapped.Faults
	} else {
		err = json.Unmarshal(body, &rules)
	}
	if err == nil {
		err = s.SetFaults(rules)
	}
	if err != nil {
		writeError(w, badParam("faults", "invalid_value", "Invalid plan: %s.", err.Error()))
		return
	}
	writeJSON(w, http.StatusOK, []byte(`{"faults":`+string(appendInt(nil, len(rules)))+"}\n"))
}

func (s *Server) handleReset(w http.ResponseWriter, _ *http.Request) {
	s.Reset()
	w.WriteHeader(http.StatusNoContent)
}
