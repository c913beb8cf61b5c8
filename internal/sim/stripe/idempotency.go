package stripe

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// keyLifetime is how long a response is kept under its idempotency key, in simulated time.
const keyLifetime = 24 * time.Hour

// maxKeyLength is Stripe's bound on an idempotency key.
const maxKeyLength = 255

// keptResponse is the first response given under an idempotency key. Status 0 means that the request is under way.
type keptResponse struct {
	Hash      string `json:"hash"`
	At        int64  `json:"at"` // Unix seconds, simulated
	RequestID string `json:"request_id"`
	Status    int    `json:"status"`
	Body      []byte `json:"body"`
}

// idempotencyKey returns the key of a POST, scoped by API key; "" when there is none.
func idempotencyKey(r *http.Request) string {
	key := r.Header.Get("Idempotency-Key")
	if key == "" || r.Method != http.MethodPost {
		return ""
	}
	scope := sha256.Sum256([]byte(apiKey(r)))
	return hex.EncodeToString(scope[:8]) + ":" + key
}

// requestHash does not depend on the order of the parameters: client libraries write maps in any order.
func requestHash(r *http.Request, encoded string) string {
	pairs := strings.Split(encoded, "&")
	slices.Sort(pairs)
	sum := sha256.Sum256([]byte(r.Method + " " + r.URL.Path + "\n" + strings.Join(pairs, "&")))
	return hex.EncodeToString(sum[:])
}

// beginIdempotent reserves the key, or returns the response kept under it.
func (s *Server) beginIdempotent(key string, r *http.Request, encoded string) (*keptResponse, error) {
	if len(r.Header.Get("Idempotency-Key")) > maxKeyLength {
		return nil, badRequest("", "", "Idempotency keys have at most %d characters.", maxKeyLength)
	}
	hash := requestHash(r, encoded)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pruneKeys()
	kept, known := s.st.Keys[key]
	switch {
	case !known:
		s.st.Keys[key] = &keptResponse{Hash: hash, At: s.now().Unix()}
		return nil, nil // nothing kept and nothing wrong: go ahead
	case kept.Hash != hash:
		return nil, &apiError{
			Status: http.StatusBadRequest, Unsaved: true, Type: typeIdempotency,
			Message: "Keys for idempotent requests can only be used with the same parameters they were first used with.",
		}
	case kept.Status == 0:
		return nil, &apiError{
			Status: http.StatusConflict, Unsaved: true, Type: typeIdempotency, Code: "idempotency_key_in_use",
			Message: "There is currently another in-progress request using this idempotency key.",
		}
	default:
		return kept, nil
	}
}

func (s *Server) keepIdempotent(key, requestID string, status int, body []byte) {
	if key == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept, ok := s.st.Keys[key]; ok {
		kept.RequestID, kept.Status, kept.Body = requestID, status, body
	}
}

func (s *Server) dropIdempotent(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.st.Keys, key)
}

// pruneKeys forgets finished responses that are 24 hours old. The mutex must be held.
func (s *Server) pruneKeys() {
	oldest := s.now().Add(-keyLifetime).Unix()
	for key, kept := range s.st.Keys {
		if kept.Status != 0 && kept.At <= oldest {
			delete(s.st.Keys, key)
		}
	}
}
