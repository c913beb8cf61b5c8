// Package httpfault reads what the status and the headers of a refusal say in all vendors' HTTP.
package httpfault

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"starlane/internal/platform/clock"
	"starlane/internal/relay/llm"
)

// Classify says whose trouble an answer with a status other than 200 is.
func Classify(status int, h http.Header) *llm.Fault {
	f := &llm.Fault{Phase: llm.Status, Status: status, RetryAfter: RetryAfter(h)}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		f.Kind = llm.Auth
	case status == http.StatusPaymentRequired:
		f.Kind = llm.Exhausted
	case status == http.StatusTooManyRequests:
		f.Kind = llm.Limited
	case status == http.StatusNotFound:
		f.Kind = llm.Missing
	case status == http.StatusRequestTimeout:
		f.Kind, f.Timeout = llm.Transient, true
	case status == http.StatusConflict || status < 400 || status >= 500:
		f.Kind = llm.Transient
	default:
		f.Kind = llm.Caller
	}
	return f
}

// RetryAfter reads how long the upstream wants us to wait, bounded to an hour (RFC 9110 §10.2.3, and retry-after-ms).
func RetryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseInt(h.Get("Retry-After-Ms"), 10, 32); err == nil && ms > 0 {
		return min(time.Duration(ms)*time.Millisecond, time.Hour)
	}
	text := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseInt(text, 10, 32); err == nil && s > 0 {
		return min(time.Duration(s)*time.Second, time.Hour)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, min(at.Sub(clock.System{}.Now()), time.Hour))
	}
	return 0
}
