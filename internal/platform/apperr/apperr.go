// Package apperr is the one error type that may reach a user: a stable code, a sentence that is safe to show, and the
// cause for the log. Domain code returns it, the edges turn the code into a status in their own dialect.
package apperr

import (
	"errors"
	"fmt"
	"time"
)

// Code is stable: clients switch on it.
type Code string

// The codes of the product. Those of the model API are part of its contract (docs/architecture.md).
const (
	InvalidRequest     Code = "invalid_request"
	UnsupportedParam   Code = "unsupported_parameter"
	InvalidAPIKey      Code = "invalid_api_key"
	InsufficientCredit Code = "insufficient_credit"
	BudgetExceeded     Code = "budget_exceeded"
	ModelNotAllowed    Code = "model_not_allowed"
	ModelNotFound      Code = "model_not_found"
	PreviousNotFound   Code = "previous_response_not_found"
	RequestTooLarge    Code = "request_too_large"
	ContextTooLong     Code = "context_length_exceeded"
	ModelUnpriced      Code = "model_unpriced"
	RateLimitExceeded  Code = "rate_limit_exceeded"
	NoCapacity         Code = "no_capacity"
	UpstreamError      Code = "upstream_error"
	UpstreamAuth       Code = "upstream_auth"
	Timeout            Code = "timeout"
	SessionExpired     Code = "session_expired"
	Unauthorized       Code = "unauthorized"
	Forbidden          Code = "forbidden"
	NotFound           Code = "not_found"
	Conflict           Code = "conflict"
	PreconditionFailed Code = "precondition_failed"
	Unprocessable      Code = "unprocessable"
	Internal           Code = "internal"
)

// Error is a failure with a message for the user. Param names the offending field, as a JSON pointer or a name.
type Error struct {
	Code       Code
	Message    string
	Param      string
	RetryAfter time.Duration // zero: the client may not expect a retry to help
	cause      error
}

// New returns an Error without a cause.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap returns an Error with a cause that is logged and never shown.
func Wrap(cause error, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), cause: cause}
}

// WithParam returns a copy that names the offending field.
func (e *Error) WithParam(param string) *Error {
	c := *e
	c.Param = param
	return &c
}

// WithRetryAfter returns a copy that tells the client when to come back.
func (e *Error) WithRetryAfter(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// Error shows code, message and cause; it is for logs.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// From finds the Error in a chain; anything else is Internal with a neutral sentence and the error as cause.
func From(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Wrap(err, Internal, "Something went wrong on our side. The request id helps us find it.")
}

// Is tells whether the chain holds an Error of this code.
func Is(err error, code Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
