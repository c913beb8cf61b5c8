package openai

import (
	"net/http"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Plain is what the API's endpoints beside the conversations have in common, to be embedded in their formats: a request passes but
// for the name of its model, the answer is one JSON object in which no model has written anything, errors are the API's.
type Plain struct{}

// EncodeRequest implements dialect.Egress.
func (Plain) EncodeRequest(r *llm.Request, to dialect.Target) (body.Message, error) {
	return request.Encode(r, to.Model) //nolint:wrapcheck // a name that is no text is a mistake of ours
}

// NewTap implements dialect.Egress: there are no streams.
func (Plain) NewTap(*llm.Request, dialect.Meter) dialect.Tap { return nil }

// AppendCost implements dialect.Egress.
func (Plain) AppendCost(dst []byte, usd string) []byte { return dialect.AppendCost(dst, usd) }

// ReadFault implements dialect.Egress.
func (Plain) ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	return ReadFault(status, h, c)
}

// EstimateAnswer implements dialect.Egress.
func (Plain) EstimateAnswer(body.Content, dialect.Count) usage.Tokens { return 0 }

// AppendError implements dialect.Ingress.
func (Plain) AppendError(dst []byte, e *apperr.Error, requestID string) []byte {
	return AppendError(dst, e, requestID)
}

// AppendStreamError implements dialect.Ingress.
func (Plain) AppendStreamError(dst []byte, e *apperr.Error, requestID string) []byte {
	return AppendStreamError(dst, e, requestID)
}
