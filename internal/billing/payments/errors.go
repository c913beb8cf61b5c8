package payments

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/stripe/stripe-go/v79"
)

// Kind says what a failed call means for the caller. It is an error itself: errors.Is(err, payments.Declined).
type Kind string

// The kinds.
const (
	Declined     Kind = "declined"     // the bank said no; the customer may try another card
	NeedsAction  Kind = "needs_action" // the bank wants to ask the customer
	RateLimited  Kind = "rate_limited" // nothing happened; come back later
	Unknown      Kind = "unknown"      // it may or may not have happened: repeat with the same operation id, or look it up
	NotFound     Kind = "not_found"    // no such object
	Conflict     Kind = "conflict"     // the operation id was used with other parameters: a bug of ours
	Refused      Kind = "refused"      // the parameters or the object's state do not allow it; a repeat will not help
	Unauthorized Kind = "unauthorized" // the API key is wrong or may not do this
)

func (k Kind) Error() string { return "stripe: " + string(k) }

// Error is a failed call. Its text is for logs and holds no parameter, no key and no client secret.
type Error struct {
	Kind            Kind
	Op              string // which call, for example "create checkout"
	Code            string // Stripe's code, for example "card_declined"
	DeclineCode     string // the bank's reason, for example "insufficient_funds"
	Message         string // Stripe's sentence; for a declined card it is fit for the customer
	PaymentIntentID string // the intent that failed, if there is one
	RequestID       string
	cause           error // never Stripe's own error: printing that one shows client secrets
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: stripe: %s", e.Op, e.Kind)
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.RequestID != "" {
		text += " [" + e.RequestID + "]"
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Is matches the kind.
func (e *Error) Is(target error) bool {
	var kind Kind
	return errors.As(target, &kind) && kind == e.Kind
}

// Unwrap returns the cause of a failure outside Stripe, such as a context that ended.
func (e *Error) Unwrap() error { return e.cause }

// wrap turns any error of the library into an *Error.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	var own *Error
	if errors.As(err, &own) {
		return err
	}
	var se *stripe.Error
	if !errors.As(err, &se) {
		return &Error{Kind: Unknown, Op: op, Message: "no answer", cause: err}
	}
	e := &Error{
		Kind: kindOf(se), Op: op, Code: string(se.Code), DeclineCode: string(se.DeclineCode), Message: se.Msg, RequestID: se.RequestID,
	}
	if se.PaymentIntent != nil {
		e.PaymentIntentID = se.PaymentIntent.ID
	}
	return e
}

func kindOf(e *stripe.Error) Kind {
	switch {
	case e.Code == stripe.ErrorCodeAuthenticationRequired || e.DeclineCode == "authentication_required" ||
		e.Code == stripe.ErrorCodeInvoicePaymentIntentRequiresAction:
		return NeedsAction
	case e.Type == stripe.ErrorTypeCard:
		return Declined
	case e.HTTPStatusCode == http.StatusTooManyRequests:
		return RateLimited
	case e.HTTPStatusCode == http.StatusConflict, e.HTTPStatusCode >= http.StatusInternalServerError, e.HTTPStatusCode == 0:
		return Unknown
	case e.Type == stripe.ErrorTypeIdempotency:
		return Conflict
	case e.HTTPStatusCode == http.StatusUnauthorized, e.HTTPStatusCode == http.StatusForbidden:
		return Unauthorized
	case e.Code == stripe.ErrorCodeResourceMissing:
		return NotFound
	default:
		return Refused
	}
}

// Retryable tells whether repeating the call later with the same operation id makes sense.
func Retryable(err error) bool {
	return errors.Is(err, Unknown) || errors.Is(err, RateLimited) || errors.Is(err, context.DeadlineExceeded)
}
