package stripe

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// serveAPI takes one request through key check, faults, idempotency, the endpoint and webhooks, in Stripe's order.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, route string, fn endpoint) {
	entry := s.record.open(r, route, s.clock.Now())
	w.Header().Set("Request-Id", entry.ID)
	w.Header().Set("Stripe-Version", APIVersion)
	status := s.answer(w, r, entry, fn)
	s.record.close(entry, status)
}

// answer returns the status it sent, or 0 when it cut the connection.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, entry *requestEntry, fn endpoint) int {
	if err := checkKey(apiKey(r)); err != nil {
		return writeError(w, err)
	}
	if version := r.Header.Get("Stripe-Version"); version != "" && version != APIVersion {
		return writeError(w, badRequest("", "", "Invalid Stripe API version: %s. The simulator speaks %s only.", version, APIVersion))
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return writeError(w, badRequest("parameter_invalid", "", "The request body is too large or was cut short."))
	}
	encoded := string(raw)
	if r.Method == http.MethodGet || r.Method == http.MethodDelete {
		encoded = r.URL.RawQuery
	}
	p, err := parseForm(encoded)
	if err != nil {
		return writeError(w, err)
	}
	fault := s.faults.take(r, s.simulatedNow())
	entry.Fault = fault.Kind
	switch fault.Kind {
	case FaultOutage:
		cut(w)
		return 0
	case FaultRateLimit:
		return writeError(w, rateLimited("rate_limit", "global-rate"))
	case FaultLockTimeout:
		return writeError(w, rateLimited("lock_timeout", "resource-specific"))
	}

	key := idempotencyKey(r)
	if key != "" {
		kept, err := s.beginIdempotent(key, r, encoded)
		if err != nil {
			return writeError(w, err)
		}
		if kept != nil {
			entry.Replayed = true
			w.Header().Set("Idempotent-Replayed", "true")
			w.Header().Set("Original-Request", kept.RequestID)
			if fault.Kind == FaultCutAfter {
				cut(w)
				return 0
			}
			return writeRaw(w, kept.Status, kept.Body)
		}
		w.Header().Set("Idempotency-Key", r.Header.Get("Idempotency-Key"))
	}
	if !pause(r.Context(), fault.delay()) {
		s.dropIdempotent(key)
		return 0
	}
	return s.execute(w, r, entry, fault, key, p, fn)
}

// execute runs the endpoint between the faults that come before and after the commit.
func (s *Server) execute(w http.ResponseWriter, r *http.Request, entry *requestEntry, fault Fault, key string, p *params, fn endpoint) int {
	if fault.Kind == FaultErrorBefore {
		status, body := encodeError(internalError())
		s.keepIdempotent(key, entry.ID, status, body)
		return writeRaw(w, status, body)
	}
	status, body, fired, unsaved := s.run(r, p, fn)
	if fault.Kind == FaultErrorAfter {
		status, body = encodeError(internalError())
	}
	if unsaved {
		s.dropIdempotent(key)
	} else {
		s.keepIdempotent(key, entry.ID, status, body)
	}
	if r.Method != http.MethodGet {
		s.saveOrLog()
	}
	s.hooks.deliver(r.Context(), fired)
	if fault.Kind == FaultCutAfter {
		cut(w)
		return 0
	}
	return writeRaw(w, status, body)
}

// run commits the endpoint and encodes its result with expand[] applied. unsaved is true when it never began to work.
func (s *Server) run(r *http.Request, p *params, fn endpoint) (status int, body []byte, fired []delivery, unsaved bool) {
	expand := p.texts("expand")
	tree, events, err := s.commit(r, p, fn)
	if err == nil {
		err = s.expand(tree, expand)
	}
	fired = s.plan(events)
	var apiErr *apiError
	switch {
	case errors.As(err, &apiErr):
		status, body = encodeError(apiErr)
		return status, body, fired, apiErr.Unsaved
	case err != nil:
		s.log.Error("simulated stripe: request failed", "error", err)
		status, body = encodeError(internalError())
		return status, body, fired, false
	}
	raw, err := json.MarshalIndent(tree, "", "  ")
	if err != nil {
		status, body = encodeError(internalError())
		return status, body, fired, false
	}
	return http.StatusOK, raw, fired, false
}

// pause waits for d, or less when the client goes away; it returns whether the client is still there.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// cut closes the connection without an answer.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 or a recorder: aborting is the same to the client
	}
	_ = conn.Close()
}

func encodeError(e *apiError) (int, []byte) {
	body, err := json.MarshalIndent(map[string]any{"error": e}, "", "  ")
	if err != nil {
		return http.StatusInternalServerError, []byte(`{"error":{"type":"api_error","message":"unprintable error"}}`)
	}
	return e.Status, body
}

func writeError(w http.ResponseWriter, err error) int {
	var e *apiError
	if !errors.As(err, &e) {
		e = internalError()
	}
	if e.Reason != "" {
		w.Header().Set("Stripe-Rate-Limited-Reason", e.Reason)
	}
	status, body := encodeError(e)
	return writeRaw(w, status, body)
}

func writeRaw(w http.ResponseWriter, status int, body []byte) int {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone; there is nobody to tell
	return status
}
