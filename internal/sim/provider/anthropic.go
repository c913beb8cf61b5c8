package provider

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// anthropic is the wire of Anthropic's Messages API.
type anthropic struct{}

const (
	anthropicVersion = "Anthropic-Version"
	// statusOverloaded is Anthropic's own status for a server without capacity.
	statusOverloaded = 529
	// maxAnthropicBody is Anthropic's bound on a request.
	maxAnthropicBody = 32 << 20
)

func (anthropic) greet(c *call) {
	h := c.w.Header()
	h["Request-Id"] = []string{c.id}
	h["Anthropic-Organization-Id"] = []string{"5711a7e0-0000-4000-8000-000000000000"}
}

func (anthropic) key(r *http.Request) (string, *apiError) {
	if key := r.Header.Get("X-Api-Key"); key != "" {
		return key, nil
	}
	if key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && key != "" {
		return key, nil
	}
	return "", newError(http.StatusUnauthorized, "", "", "", "x-api-key header is required")
}

func (anthropic) maxBody() int64 { return maxAnthropicBody }

func (anthropic) limits(c *call, l limits) {
	h := c.w.Header()
	if l.exceeded {
		h["Retry-After"] = []string{strconv.Itoa(wholeSeconds(l.left))}
	}
	reset := []string{l.reset.UTC().Format(time.RFC3339)}
	tell := func(what string, limit, left int) {
		h["Anthropic-Ratelimit-"+what+"-Limit"] = []string{strconv.Itoa(limit)}
		h["Anthropic-Ratelimit-"+what+"-Remaining"] = []string{strconv.Itoa(left)}
		h["Anthropic-Ratelimit-"+what+"-Reset"] = reset
	}
	tell("Requests", l.requests, l.requestsLeft)
	for _, what := range []string{"Tokens", "Input-Tokens", "Output-Tokens"} {
		tell(what, l.tokens, l.tokensLeft)
	}
}

func (anthropic) exhausted(c *call, wait time.Duration) {
	h := c.w.Header()
	h["Retry-After"] = []string{strconv.Itoa(wholeSeconds(wait))}
	h["Anthropic-Ratelimit-Requests-Remaining"] = []string{"0"}
	h["Anthropic-Ratelimit-Requests-Reset"] = []string{c.start.Add(wait).UTC().Format(time.RFC3339)}
}

func (anthropic) timed(c *call) {
	c.w.Header()["X-Envoy-Upstream-Service-Time"] = []string{strconv.FormatInt(c.elapsed().Milliseconds(), 10)}
}

// words tells an error in Anthropic's terms.
func (anthropic) words(e *apiError) (status int, message string) {
	switch e.class {
	case classBadKey:
		return e.status, "invalid x-api-key"
	case classNoModel:
		return e.status, "model: " + e.model
	case classBadJSON:
		return e.status, "The request body is not valid JSON"
	case classTooLarge:
		return e.status, "Request exceeds the maximum size"
	case classRate:
		return e.status, "This request would exceed your organization's rate limit. Please try again later."
	case classQuota:
		return http.StatusBadRequest, "Your credit balance is too low to access the Anthropic API."
	case classServer:
		return e.status, "Internal server error"
	case classOverloaded:
		return statusOverloaded, "Overloaded"
	}
	return e.status, e.Message
}

// anthropicErrorType names a status as Anthropic's errors do.
func anthropicErrorType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusPaymentRequired:
		return "billing_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case http.StatusGatewayTimeout:
		return "timeout_error"
	case statusOverloaded:
		return "overloaded_error"
	}
	if status >= http.StatusInternalServerError {
		return "api_error"
	}
	return invalidRequest
}

func (v anthropic) refuse(c *call, e *apiError) {
	status, message := v.words(e)
	c.status = status
	v.timed(c)
	if status == http.StatusTooManyRequests || status >= http.StatusInternalServerError {
		c.w.Header()["X-Should-Retry"] = []string{"true"}
	}
	writeJSON(c.w, status, appendAnthropicError(nil, anthropicErrorType(status), message, c.id))
}

func appendAnthropicError(out []byte, kind, message, requestID string) []byte {
	out = append(out, `{"type":"error","error":{"type":"`+kind+`","message":`...)
	out = append(appendQuoted(out, message), `},"request_id":`...)
	return append(appendQuoted(out, requestID), '}')
}

// badMessage refuses a request for the member at path.
func badMessage(path, format string, args ...any) *apiError {
	if path != "" {
		format = path + ": " + format
	}
	return badParam("", "", format, args...)
}

// withoutSampling is the version of the API that took the sampling parameters away, and is stricter on what stands
// where.
const withoutSampling = "2026-10-21"

func requireVersion(c *call) *apiError {
	switch v := c.r.Header.Get(anthropicVersion); v {
	case "":
		return badMessage("", "anthropic-version: header is required")
	case "2023-01-01", "2023-06-01", withoutSampling:
		return nil
	default:
		return badMessage("", "anthropic-version: %q is not a valid version", v)
	}
}

// longWait is the longest answer that the API gives in one piece, in tokens.
const longWait = 128_000 / 6

// messages serves POST /v1/messages.
func (s *Server) messages(c *call) *apiError {
	if e := requireVersion(c); e != nil {
		return e
	}
	req, e := s.parseMessages(c, true)
	if e != nil {
		return e
	}
	if _, own := c.wire.(anthropic); own && !req.Stream && *req.MaxTokens > longWait {
		return badMessage("", "Streaming is required for operations that may take longer than 10 minutes.")
	}
	c.model, c.stream = req.Model, req.Stream
	pace, fault, done, e := s.prepare(c, &req.steer)
	if e != nil || done {
		return e
	}
	a := s.composeMessage(c, req)
	c.usage = a.usage.normal()
	c.wire.timed(c)
	s.deliver(c, a, pace, fault)
	return nil
}

// countMessageTokens serves POST /v1/messages/count_tokens, which costs nothing and knows no cache.
func (s *Server) countMessageTokens(c *call) *apiError {
	if e := requireVersion(c); e != nil {
		return e
	}
	req, e := s.parseMessages(c, false)
	if e != nil {
		return e
	}
	c.model = req.Model
	_, fault, done, e := s.prepare(c, &req.steer)
	if e != nil || done {
		return e
	}
	c.wire.timed(c)
	body := append(appendInt([]byte(`{"input_tokens":`), promptTokens(req.blocks())), '}')
	c.settle(c.writeAnswer(body, fault))
	return nil
}

type anthropicModel struct {
	Type           string `json:"type"`
	ID             string `json:"id"`
	DisplayName    string `json:"display_name"`
	CreatedAt      string `json:"created_at"`
	MaxInputTokens int    `json:"max_input_tokens"`
	MaxTokens      int    `json:"max_tokens"`
}

func newAnthropicModel(name string) anthropicModel {
	return anthropicModel{
		Type: "model", ID: name, DisplayName: name, MaxInputTokens: contextTokens, MaxTokens: outputTokens,
		CreatedAt: time.Unix(modelCreated, 0).UTC().Format(time.RFC3339),
	}
}

// Sizes of the simulated models as the model lists tell them.
const (
	contextTokens = 1_000_000
	outputTokens  = 64_000
)

// listAnthropicModels serves GET /v1/models to clients that send anthropic-version.
func (s *Server) listAnthropicModels(c *call) *apiError {
	names := []string{ModelEcho, ModelSlow, ModelFlaky}
	list := struct {
		Data    []anthropicModel `json:"data"`
		FirstID *string          `json:"first_id"`
		LastID  *string          `json:"last_id"`
		HasMore bool             `json:"has_more"`
	}{Data: []anthropicModel{}}
	query := c.r.URL.Query()
	limit := 20
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return badMessage("limit", "Input should be between 1 and 1000")
		}
		limit = n
	}
	after := query.Get("after_id")
	for i, name := range names {
		if after != "" {
			if after == name {
				after = ""
			}
			continue
		}
		if list.HasMore = len(list.Data) == limit; list.HasMore {
			break
		}
		list.Data = append(list.Data, newAnthropicModel(name))
		if list.LastID = &names[i]; list.FirstID == nil {
			list.FirstID = list.LastID
		}
	}
	return s.plain(c, appendJSON(nil, list))
}

// getAnthropicModel serves GET /v1/models/{model} to clients that send anthropic-version.
func (s *Server) getAnthropicModel(c *call) *apiError {
	name := c.r.PathValue("model")
	if !s.converses(name) {
		return errModel(name)
	}
	return s.plain(c, appendJSON(nil, newAnthropicModel(name)))
}

// converses says whether a model answers chats.
func (s *Server) converses(name string) bool {
	_, chat := s.cfg.pace(name)
	_, bench := parseBench(name)
	return chat || bench
}

// byVersion gives clients that send anthropic-version one handler and all others the other: the vendors share a path.
func byVersion(with, without http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(anthropicVersion) != "" {
			with(w, r)
			return
		}
		without(w, r)
	}
}

// appendJSON appends v as the vendors write JSON: compact and without escapes for HTML. It is for values made of
// plain structs, which cannot fail.
func appendJSON(out []byte, v any) []byte {
	w := jsonWriter{out}
	enc := json.NewEncoder(&w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	return w.out[:len(w.out)-1] // without the newline that Encode adds
}

type jsonWriter struct{ out []byte }

func (w *jsonWriter) Write(p []byte) (int, error) {
	w.out = append(w.out, p...)
	return len(p), nil
}

// hosted reads the body of a host of the Messages API: it names a version of its own and no model, refuses what is said elsewhere
// there, and may have members that the API does not know.
func (c *call) hosted(version, refused string, extra ...string) *apiError {
	var members map[string]json.RawMessage
	if json.Unmarshal(c.body, &members) != nil {
		return errBadJSON()
	}
	for _, name := range []string{"model", refused} {
		if _, ok := members[name]; ok && name != "" {
			return badMessage(name, "Extra inputs are not permitted")
		}
	}
	if got := string(members["anthropic_version"]); got != `"`+version+`"` {
		return badMessage("anthropic_version", "Field required: %s", version)
	}
	remove := map[string]any{"anthropic_version": nil}
	for _, name := range extra {
		remove[name] = nil
	}
	return c.setMembers(remove)
}
