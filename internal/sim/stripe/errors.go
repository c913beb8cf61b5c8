package stripe

import (
	"fmt"
	"net/http"
)

// apiError is an error answer in Stripe's shape.
type apiError struct {
	Status int `json:"-"`
	// Unsaved answers are not kept under the idempotency key: the endpoint never began to work.
	Unsaved bool `json:"-"`
	// Reason is the value of the header Stripe-Rate-Limited-Reason.
	Reason string `json:"-"`

	Charge        string         `json:"charge,omitempty"`
	Code          string         `json:"code,omitempty"`
	DeclineCode   string         `json:"decline_code,omitempty"`
	DocURL        string         `json:"doc_url,omitempty"`
	Message       string         `json:"message"`
	Param         string         `json:"param,omitempty"`
	PaymentIntent *paymentIntent `json:"payment_intent,omitempty"`
	PaymentMethod *paymentMethod `json:"payment_method,omitempty"`
	SetupIntent   *setupIntent   `json:"setup_intent,omitempty"`
	Type          string         `json:"type"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message) }

const (
	typeInvalidRequest = "invalid_request_error"
	typeCard           = "card_error"
	typeAPI            = "api_error"
	typeIdempotency    = "idempotency_error"
)

// badRequest is a parameter problem, found before any work began.
func badRequest(code, param, format string, args ...any) *apiError {
	return &apiError{
		Status: http.StatusBadRequest, Unsaved: true, Type: typeInvalidRequest,
		Code: code, Param: param, Message: fmt.Sprintf(format, args...),
	}
}

// illegal is a request that the object's state does not allow.
func illegal(code, format string, args ...any) *apiError {
	return &apiError{Status: http.StatusBadRequest, Type: typeInvalidRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

// missing names an object that does not exist; param is "id" when the object is the one in the path.
func missing(kind, id, param string) *apiError {
	status := http.StatusNotFound
	if param != "id" {
		status = http.StatusBadRequest
	}
	return &apiError{
		Status: status, Type: typeInvalidRequest, Code: "resource_missing", Param: param,
		Message: fmt.Sprintf("No such %s: '%s'", kind, id),
	}
}

func unauthorized(message string) *apiError {
	return &apiError{Status: http.StatusUnauthorized, Unsaved: true, Type: typeInvalidRequest, Message: message}
}

func rateLimited(code, reason string) *apiError {
	message := "Too many requests in a period of time."
	if code == "lock_timeout" {
		message = "This object cannot be accessed right now because another API request is currently accessing it."
	}
	return &apiError{
		Status: http.StatusTooManyRequests, Unsaved: true, Type: typeInvalidRequest, Code: code, Message: message, Reason: reason,
	}
}

func internalError() *apiError {
	return &apiError{Status: http.StatusInternalServerError, Type: typeAPI, Message: "An unknown error occurred (simulated)."}
}
