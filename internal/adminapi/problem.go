package adminapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"starlane/internal/adminapi/gen"
	"starlane/internal/platform/apperr"
)

// statusOf is where codes become statuses.
func statusOf(code apperr.Code) int {
	switch code {
	case apperr.InvalidRequest, apperr.UnsupportedParam, apperr.PreviousNotFound, apperr.ContextTooLong:
		return http.StatusBadRequest
	case apperr.Unauthorized, apperr.InvalidAPIKey:
		return http.StatusUnauthorized
	case apperr.InsufficientCredit, apperr.BudgetExceeded:
		return http.StatusPaymentRequired
	case apperr.Forbidden, apperr.ModelNotAllowed:
		return http.StatusForbidden
	case apperr.NotFound, apperr.ModelNotFound:
		return http.StatusNotFound
	case apperr.Conflict:
		return http.StatusConflict
	case apperr.PreconditionFailed:
		return http.StatusPreconditionFailed
	case apperr.RequestTooLarge:
		return http.StatusRequestEntityTooLarge
	case apperr.Unprocessable, apperr.ModelUnpriced:
		return http.StatusUnprocessableEntity
	case apperr.RateLimitExceeded:
		return http.StatusTooManyRequests
	case apperr.UpstreamError, apperr.UpstreamAuth:
		return http.StatusBadGateway
	case apperr.NoCapacity:
		return http.StatusServiceUnavailable
	case apperr.Timeout:
		return http.StatusGatewayTimeout
	case apperr.Internal, apperr.SessionExpired: // the latter belongs to sessions, which have no statuses
	}
	return http.StatusInternalServerError
}

// invalid is a request that does not fit the contract, with all that is wrong.
type invalid struct {
	message string
	parts   []part
}

type part struct{ pointer, detail string }

func (e *invalid) Error() string { return e.message }

// problem answers with problem+json and ends the chain. What is ours to fix is logged; the cause is never shown. Where the
// answer has begun, the connection is broken off: a part must not look like the whole.
func (s *Server) problem(c *gin.Context, err error) {
	if c.Writer.Written() {
		if c.Request.Context().Err() == nil { // else nobody waits for it any more
			s.Log.ErrorContext(c.Request.Context(), "answer broke off", "error", err.Error())
		}
		panic(http.ErrAbortHandler)
	}
	var tooLarge *http.MaxBytesError
	var bad *invalid
	var parts []part
	e := apperr.From(err)
	switch {
	case errors.As(err, &tooLarge):
		e = apperr.New(apperr.RequestTooLarge, "The body may hold %d bytes at most.", tooLarge.Limit)
	case errors.As(err, &bad):
		e, parts = apperr.New(apperr.InvalidRequest, "%s", bad.message), bad.parts
	case e.Param != "":
		parts = []part{{e.Param, e.Message}}
	}
	status := statusOf(e.Code)
	if status >= http.StatusInternalServerError && c.Request.Context().Err() == nil {
		s.Log.ErrorContext(c.Request.Context(), "request failed", "code", string(e.Code), "error", err.Error(), "path", c.FullPath())
	}
	s.refuse(c, status, e, parts)
}

// refuse writes the problem and ends the chain.
func (s *Server) refuse(c *gin.Context, status int, e *apperr.Error, parts []part) {
	body := gen.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: string(e.Code), Detail: &e.Message, RequestId: requestID(c)}
	if len(parts) > 0 {
		list := make([]gen.ProblemPart, len(parts))
		for i, p := range parts {
			list[i] = gen.ProblemPart{Pointer: p.pointer, Detail: p.detail}
		}
		body.Errors = &list
	}
	if e.RetryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
	}
	if status == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", `Bearer realm="starlane"`)
	}
	b, err := json.Marshal(body)
	if err != nil {
		b = []byte(`{}`) // strings and numbers always encode
	}
	c.Data(status, "application/problem+json", b)
	c.Abort()
}

func noSuchPath() error { return apperr.New(apperr.NotFound, "There is nothing at this address.") }

// noSuchMethod goes with the status 405 and the header Allow.
func noSuchMethod() *apperr.Error {
	return apperr.New(apperr.InvalidRequest, "This address does not take this method.")
}

func badBody(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return tooLarge
	}
	return &invalid{message: "The body does not fit the contract: " + plain(err)}
}

// plain shows what a decoder says about a field, which names types and positions; anything else stays inside.
func plain(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return "not JSON at byte " + strconv.FormatInt(syntax.Offset, 10) + "."
	case errors.As(err, &kind):
		return "wrong type at " + kind.Field + "."
	}
	return "a value has the wrong form."
}

// badParam names the parameter; what the decoder says beyond that speaks of types in the source.
func badParam(err error) error {
	const says = "Invalid format for parameter "
	if name, _, ok := strings.Cut(strings.TrimPrefix(err.Error(), says), ":"); ok && strings.HasPrefix(err.Error(), says) {
		return &invalid{message: "The parameter " + name + " has the wrong form."}
	}
	return &invalid{message: "A parameter is missing or has the wrong form."}
}
