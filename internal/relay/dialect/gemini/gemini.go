// Package gemini is the wire format of Gemini's generateContent and streamGenerateContent, towards clients and upstreams.
package gemini

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/httpfault"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// Dialect is the name under which providers of this kind are registered, and the origin of what they seal.
const Dialect = "gemini"

// Foreign begins what other vendors sealed, as clients carry it: the mark of it, in base64.
const Foreign = `"c2wxL`

// Contents implements dialect.Client and dialect.Upstream. The API says in the URL what others say in the body: a call of a
// client has a value of its own, the zero value serves the rest.
type Contents struct {
	Model  string // that the client asks for
	Stream bool   // by streamGenerateContent
	Array  bool   // as one JSON array, not as events
}

var (
	_ dialect.Client   = (*Contents)(nil)
	_ dialect.Upstream = (*Contents)(nil)
)

// rpcStatus is google.rpc.Status as JSON.
type rpcStatus struct {
	Error rpcError `json:"error"`
}

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status"`
	Details []any  `json:"details,omitempty"`
}

const typePrefix = "type.googleapis.com/google.rpc."

type errorInfo struct {
	Type   string `json:"@type"`
	Reason string `json:"reason"`
	Domain string `json:"domain"`
}

type requestInfo struct {
	Type string `json:"@type"`
	ID   string `json:"requestId"`
}

type retryInfo struct {
	Type  string `json:"@type"`
	Delay string `json:"retryDelay"`
}

type badRequest struct {
	Type       string      `json:"@type"`
	Violations []violation `json:"fieldViolations"`
}

type violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

// Searches implements dialect.Searcher.
func (*Contents) Searches() bool { return true }

// AppendError implements dialect.Ingress.
func (*Contents) AppendError(dst []byte, e *apperr.Error, requestID string) []byte {
	r := rpcError{Message: e.Message}
	r.Code, r.Status = statusOf(e.Code)
	r.Details = append(r.Details, errorInfo{typePrefix + "ErrorInfo", strings.ToUpper(string(e.Code)), "starlane"})
	if e.Param != "" {
		r.Details = append(r.Details, badRequest{typePrefix + "BadRequest", []violation{{e.Param, e.Message}}})
	}
	if e.RetryAfter > 0 {
		r.Details = append(r.Details, retryInfo{typePrefix + "RetryInfo", strconv.FormatFloat(e.RetryAfter.Seconds(), 'f', -1, 64) + "s"})
	}
	if requestID != "" {
		r.Details = append(r.Details, requestInfo{typePrefix + "RequestInfo", requestID})
	}
	out, err := json.Marshal(rpcStatus{r})
	if err != nil { // strings always marshal
		return append(dst, `{"error":{"code":500,"message":"Something went wrong on our side.","status":"INTERNAL"}}`...)
	}
	return append(dst, out...)
}

// AppendStreamError implements dialect.Ingress. Among events an error stands bare, in no data line: only so the vendor's own
// clients take it for one.
func (g *Contents) AppendStreamError(dst []byte, e *apperr.Error, requestID string) []byte {
	if g.Array {
		return append(g.AppendError(append(dst, ",\r\n"...), e, requestID), ']')
	}
	return append(g.AppendError(dst, e, requestID), '\n')
}

// Sever implements dialect.Severer. Vercel's SDK reads data lines alone, and no error in them; it knows a broken connection.
func (g *Contents) Sever() bool { return !g.Array }

// statusOf is the code of the HTTP answer and Google's name for it.
func statusOf(c apperr.Code) (code int, name string) {
	switch c {
	case apperr.InvalidRequest, apperr.UnsupportedParam, apperr.ContextTooLong:
		return http.StatusBadRequest, "INVALID_ARGUMENT"
	case apperr.InvalidAPIKey, apperr.Unauthorized:
		return http.StatusUnauthorized, "UNAUTHENTICATED"
	case apperr.InsufficientCredit, apperr.BudgetExceeded:
		return http.StatusPaymentRequired, "FAILED_PRECONDITION"
	case apperr.ModelNotAllowed, apperr.Forbidden:
		return http.StatusForbidden, "PERMISSION_DENIED"
	case apperr.ModelNotFound, apperr.NotFound:
		return http.StatusNotFound, "NOT_FOUND"
	case apperr.RequestTooLarge:
		return http.StatusRequestEntityTooLarge, "INVALID_ARGUMENT"
	case apperr.ModelUnpriced, apperr.Unprocessable:
		return http.StatusUnprocessableEntity, "FAILED_PRECONDITION"
	case apperr.RateLimitExceeded:
		return http.StatusTooManyRequests, "RESOURCE_EXHAUSTED"
	case apperr.NoCapacity:
		return http.StatusServiceUnavailable, "UNAVAILABLE"
	case apperr.UpstreamError, apperr.UpstreamAuth:
		return http.StatusBadGateway, "INTERNAL"
	case apperr.Timeout:
		return http.StatusGatewayTimeout, "DEADLINE_EXCEEDED"
	default:
		return http.StatusInternalServerError, "INTERNAL"
	}
}

// ReadFault implements dialect.Upstream. The API says 400 to a bad key, and tells limits by details only.
func (*Contents) ReadFault(status int, h http.Header, c body.Content) (f *llm.Fault, message string) {
	defer c.Release()
	e := readError(c.Open())
	f = httpfault.Classify(status, h)
	f.RetryAfter = max(f.RetryAfter, e.retry)
	switch {
	case e.reason == "API_KEY_INVALID" || e.reason == "API_KEY_SERVICE_BLOCKED" || e.reason == "CONSUMER_SUSPENDED":
		f.Kind = llm.Auth
	case f.Kind == llm.Caller && e.status == "FAILED_PRECONDITION": // the account's billing, or where it is
		f.Kind = llm.Exhausted
	case f.Kind == llm.Limited && strings.Contains(e.quota, "PerDay"):
		f.Kind = llm.Exhausted
	case e.status == "DEADLINE_EXCEEDED":
		f.Kind, f.Timeout = llm.Transient, true
	}
	return f, e.message
}

// refusal is what an error body says.
type refusal struct {
	status, message string
	reason          string // of the ErrorInfo
	quota           string // of the QuotaFailure
	retry           time.Duration
}

// readError reads an error body, which is empty if it is none. Where an array of chunks was asked for the error stands in one.
func readError(src []byte) refusal {
	var e refusal
	c := guard.NewCursor(src)
	if c.Kind() == guard.Array {
		for ok := c.Array(); ok; ok = c.More() {
			e.read(&c)
		}
	} else {
		e.read(&c)
	}
	if !c.End() {
		return refusal{}
	}
	return e
}

func (e *refusal) read(c *guard.Cursor) {
	wire.Object(c, func(k string) {
		if k != "error" {
			c.Skip()
			return
		}
		wire.Object(c, func(k string) {
			switch k {
			case "status":
				e.status = string(wire.Text(c))
			case "message":
				e.message, _ = guard.Unquote(wire.Text(c))
			case "details":
				wire.List(c, func() { e.detail(c) })
			default:
				c.Skip()
			}
		})
	})
}

func (e *refusal) detail(c *guard.Cursor) {
	wire.Object(c, func(k string) {
		switch k {
		case "reason":
			e.reason = string(wire.Text(c))
		case "retryDelay":
			if d, err := time.ParseDuration(string(wire.Text(c))); err == nil && d > 0 {
				e.retry = min(d, time.Hour)
			}
		case "violations":
			wire.List(c, func() {
				wire.Object(c, func(k string) {
					if k == "quotaId" {
						e.quota += string(wire.Text(c))
						return
					}
					c.Skip()
				})
			})
		default:
			c.Skip()
		}
	})
}

func isTrue(c *guard.Cursor) bool {
	kind := c.Kind()
	c.Skip()
	return kind == guard.True
}
