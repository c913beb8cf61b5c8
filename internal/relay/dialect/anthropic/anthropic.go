// Package anthropic is the wire format of POST /v1/messages, towards clients and upstreams.
package anthropic

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/httpfault"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Dialect is the name under which providers of this kind are registered, and the origin of what they seal.
const Dialect = "anthropic"

// Foreign begins what other vendors sealed, as clients carry it.
const Foreign = `"` + wire.SealMark

// Searches implements dialect.Searcher.
func (*Messages) Searches() bool { return true }

// maxTokens bounds a reported count: what is larger is a broken report, and is treated as none.
const maxTokens = 1_000_000_000

// Messages implements dialect.Client and dialect.Upstream.
type Messages struct{ names [members]string }

// New returns the dialect.
func New() *Messages {
	return &Messages{names: [members]string{"model", "messages", "max_tokens", "stream", "service_tier", "speed", "inference_geo", "fallbacks", "tools"}}
}

var (
	_ dialect.Client       = (*Messages)(nil)
	_ dialect.Upstream     = (*Messages)(nil)
	_ dialect.LongAnswerer = (*Messages)(nil)
)

type errorBody struct {
	Type      string    `json:"type"`
	Error     errorInfo `json:"error"`
	RequestID *string   `json:"request_id"`
}

type errorInfo struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// tooLong is how the API says that a prompt does not fit: it has no code for that, and agents look for these words.
const tooLong = "prompt is too long"

// AppendError implements dialect.Ingress.
func (*Messages) AppendError(dst []byte, e *apperr.Error, requestID string) []byte {
	b := errorBody{Type: "error", Error: errorInfo{Type: errorType(e.Code), Message: e.Message}}
	if requestID != "" {
		b.RequestID = &requestID
	}
	if e.Code == apperr.ContextTooLong && !strings.HasPrefix(strings.ToLower(e.Message), tooLong) {
		b.Error.Message = tooLong + ": " + e.Message
	}
	out, err := json.Marshal(b)
	if err != nil { // strings always marshal
		return append(dst, `{"type":"error","error":{"type":"api_error","message":"Something went wrong on our side."},"request_id":null}`...)
	}
	return append(dst, out...)
}

// Heartbeat implements dialect.Heartbeater.
func (*Messages) Heartbeat() []byte { return []byte("event: ping\ndata: {\"type\":\"ping\"}\n\n") }

// AppendStreamError implements dialect.Ingress.
func (m *Messages) AppendStreamError(dst []byte, e *apperr.Error, requestID string) []byte {
	dst = append(dst, "event: error\ndata: "...)
	dst = m.AppendError(dst, e, requestID)
	return append(dst, "\n\n"...)
}

func errorType(c apperr.Code) string {
	switch c {
	case apperr.InvalidRequest, apperr.UnsupportedParam, apperr.ModelUnpriced, apperr.Unprocessable, apperr.ContextTooLong:
		return "invalid_request_error"
	case apperr.InvalidAPIKey, apperr.Unauthorized:
		return "authentication_error"
	case apperr.InsufficientCredit, apperr.BudgetExceeded:
		return "billing_error"
	case apperr.ModelNotAllowed, apperr.Forbidden:
		return "permission_error"
	case apperr.ModelNotFound, apperr.NotFound:
		return "not_found_error"
	case apperr.RequestTooLarge:
		return "request_too_large"
	case apperr.RateLimitExceeded:
		return "rate_limit_error"
	case apperr.NoCapacity:
		return "overloaded_error"
	case apperr.Timeout:
		return "timeout_error"
	default:
		return "api_error"
	}
}

// ReadFault implements dialect.Upstream.
func (*Messages) ReadFault(status int, h http.Header, c body.Content) (f *llm.Fault, message string) {
	defer c.Release()
	kind, message := readError(c.Open())
	f = httpfault.Classify(status, h)
	switch {
	case kind == "billing_error" || f.Kind == llm.Caller && slices.ContainsFunc(ourTroubles(), func(s string) bool { return strings.Contains(message, s) }):
		f.Kind = llm.Exhausted
	case kind == "overloaded_error":
		f.Kind = llm.Transient
	}
	return f, message
}

// ourTroubles are sentences about the account that the API says with the status and the type of a client's mistake.
func ourTroubles() []string {
	return []string{"credit balance is too low", "reached your specified API usage limits", "organization has been disabled"}
}

// readError reads type and message of an error body, both empty if it is none.
func readError(src []byte) (kind, message string) {
	c := guard.NewCursor(src)
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		if string(k) != "error" || c.Kind() != guard.Object {
			c.Skip()
			continue
		}
		for k, ok := c.Object(); ok; k, ok = c.Next() {
			switch {
			case string(k) == "type" && c.Kind() == guard.String:
				raw, _ := c.Text()
				kind = string(raw)
			case string(k) == "message" && c.Kind() == guard.String:
				raw, _ := c.Text()
				message, _ = guard.Unquote(raw)
			default:
				c.Skip()
			}
		}
	}
	if !c.End() {
		return "", ""
	}
	return kind, message
}

// report is a usage as the API tells it, field by field: a later one overwrites what it has.
type report struct {
	input, read, write, write5m, write1h, output, thinking, searches int64
	seen, broken                                                     bool
}

// read merges a usage object.
func (r *report) merge(c *guard.Cursor) {
	if c.Kind() != guard.Object {
		c.Skip()
		return
	}
	number := func(into *int64) {
		if c.Kind() != guard.Number {
			c.Skip() // null says nothing
			return
		}
		v, ok := c.Int(maxTokens)
		if !ok {
			r.broken = true
			return
		}
		*into, r.seen = v, true
	}
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch string(k) {
		case "input_tokens":
			number(&r.input)
		case "cache_read_input_tokens":
			number(&r.read)
		case "cache_creation_input_tokens":
			number(&r.write)
		case "output_tokens":
			number(&r.output)
		case "cache_creation", "output_tokens_details", "server_tool_use":
			if c.Kind() != guard.Object {
				c.Skip()
				continue
			}
			for k, ok := c.Object(); ok; k, ok = c.Next() {
				switch string(k) {
				case "ephemeral_5m_input_tokens":
					number(&r.write5m)
				case "ephemeral_1h_input_tokens":
					number(&r.write1h)
				case "thinking_tokens":
					number(&r.thinking)
				case "web_search_requests":
					number(&r.searches)
				default:
					c.Skip()
				}
			}
		default:
			c.Skip()
		}
	}
}

// counts are the disjoint classes. Cache writes that their split does not tell of count as the five-minute kind.
func (r *report) counts() (c usage.Counts, ok bool) {
	if !r.seen || r.broken || r.input+r.read+r.write+r.output == 0 {
		return c, false
	}
	set := func(class usage.Class, n int64, from usage.Provenance) {
		if n > 0 {
			c.Set(class, n, from)
		}
	}
	c.Set(usage.InText, r.input, usage.Reported)
	set(usage.InCached, r.read, usage.Reported)
	set(usage.SearchQuery, r.searches, usage.Reported)
	split := r.write5m + r.write1h
	write, from := max(r.write, split), usage.Reported
	if write != split {
		from = usage.Derived
	}
	set(usage.CacheWrite1h, r.write1h, usage.Reported)
	set(usage.CacheWrite5m, write-r.write1h, from)
	if thinking := min(r.thinking, r.output); thinking > 0 {
		c.Set(usage.OutReasoning, thinking, usage.Reported)
		c.Set(usage.OutText, r.output-thinking, usage.Derived)
	} else {
		c.Set(usage.OutText, r.output, usage.Reported)
	}
	return c, true
}
