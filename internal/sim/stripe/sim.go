package stripe

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"
)

// maxRecords bounds the request and delivery histories.
const maxRecords = 2000

// requestEntry is what /_sim/requests shows of one API request. It holds no parameter values.
type requestEntry struct {
	ID             string    `json:"id"`
	At             time.Time `json:"at"`
	Route          string    `json:"route"`
	Path           string    `json:"path"`
	KeySuffix      string    `json:"key_suffix"` // last 4 characters of the API key
	IdempotencyKey string    `json:"idempotency_key,omitempty"`
	Replayed       bool      `json:"replayed,omitempty"`
	Fault          string    `json:"fault,omitempty"`
	Status         int       `json:"status"` // 0: the connection was cut
}

type recorder struct {
	mu      sync.Mutex
	count   int
	byRoute map[string]int
	entries []*requestEntry
}

func (rec *recorder) open(r *http.Request, route string, at time.Time) *requestEntry {
	key := apiKey(r)
	entry := &requestEntry{
		At: at, Route: route, Path: r.URL.Path, KeySuffix: key[max(0, len(key)-4):], IdempotencyKey: r.Header.Get("Idempotency-Key"),
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.count++
	rec.byRoute[route]++
	entry.ID = requestID(rec.count)
	return entry
}

func (rec *recorder) close(entry *requestEntry, status int) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	entry.Status = status
	rec.entries = append(rec.entries, entry)
	if len(rec.entries) > maxRecords {
		rec.entries = rec.entries[1:]
	}
}

func (rec *recorder) clear() {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.byRoute, rec.entries = map[string]int{}, nil
}

// requestID counts up: req_00000000000001.
func requestID(n int) string {
	digits := make([]byte, 14)
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = base62[n%10]
		n /= 10
	}
	return "req_" + string(digits)
}

func (s *Server) simRoutes() {
	for pattern, fn := range map[string]http.HandlerFunc{
		"GET /_sim/requests":                    s.simRequests,
		"GET /_sim/faults":                      s.simGetFaults,
		"POST /_sim/faults":                     s.simFaults,
		"POST /_sim/reset":                      s.simReset,
		"GET /_sim/cash":                        s.simCash,
		"GET /_sim/clock":                       s.simClock,
		"POST /_sim/clock/advance":              s.simAdvance,
		"POST /_sim/checkout/{session}/pay":     s.simCheckout(payAction),
		"POST /_sim/checkout/{session}/decline": s.simCheckout(declineAction),
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if !originAllowed(r) {
				writeJSON(w, http.StatusForbidden, map[string]string{"error": "cross-origin requests may not drive the simulator"})
				return
			}
			fn(w, r)
		})
	}
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"unprintable"}`)
	}
	writeRaw(w, status, append(body, '\n'))
}

func readJSON(r *http.Request, v any) error {
	dec := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

func badControl(w http.ResponseWriter, err error) {
	writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
}

func (s *Server) simRequests(w http.ResponseWriter, _ *http.Request) {
	s.record.mu.Lock()
	total := 0
	byRoute := map[string]int{}
	for route, n := range s.record.byRoute {
		byRoute[route] = n
		total += n
	}
	entries := make([]requestEntry, 0, len(s.record.entries))
	for _, entry := range s.record.entries {
		entries = append(entries, *entry)
	}
	s.record.mu.Unlock()
	s.hooks.mu.Lock()
	hooks := append([]deliveryRecord{}, s.hooks.history...)
	waiting := len(s.hooks.queue)
	s.hooks.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{
		"total": total, "by_route": byRoute, "requests": entries, "webhooks": hooks, "webhooks_waiting": waiting,
	})
}

func (s *Server) simGetFaults(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.faults.current())
}

func (s *Server) simFaults(w http.ResponseWriter, r *http.Request) {
	var plan FaultPlan
	if err := readJSON(r, &plan); err != nil {
		badControl(w, err)
		return
	}
	if err := s.SetFaults(plan); err != nil {
		badControl(w, err)
		return
	}
	writeJSON(w, http.StatusOK, plan)
}

// simReset empties the account and heals all faults. Ids never come twice, so old ids stay unknown.
func (s *Server) simReset(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	counter := s.st.Counter
	s.st = newState()
	s.st.Counter = counter
	s.mu.Unlock()
	s.faults.set(FaultPlan{}, s.simulatedNow())
	s.hooks.clear()
	s.record.clear()
	s.saveOrLog()
	writeJSON(w, http.StatusOK, map[string]bool{"reset": true})
}

func (s *Server) simClock(w http.ResponseWriter, _ *http.Request) {
	now := s.simulatedNow()
	writeJSON(w, http.StatusOK, map[string]any{"now": now.UTC().Format(time.RFC3339), "unix": now.Unix()})
}

// simAdvance moves the simulated time forward: {"seconds": 3600}. Sessions expire, drafts with auto-advance are
// finalised and idempotency keys are forgotten as they would be.
func (s *Server) simAdvance(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Seconds int64 `json:"seconds"`
	}
	if err := readJSON(r, &in); err != nil {
		badControl(w, err)
		return
	}
	now, err := s.Advance(r.Context(), time.Duration(in.Seconds)*time.Second)
	if err != nil {
		badControl(w, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"now": now.UTC().Format(time.RFC3339), "unix": now.Unix()})
}

func (s *Server) simCheckout(action pageAction) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		session, err := s.act(r, r.PathValue("session"), action)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, session)
	}
}
