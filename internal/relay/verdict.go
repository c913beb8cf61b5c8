package relay

import (
	"net/http"
	"time"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/llm"
)

// When a client may come back if the upstream did not say.
const (
	limitedRetry   = time.Second
	exhaustedRetry = time.Minute
)

// verdict is what a fault means for the request: whether another upstream may do better, and what the client hears if not.
type verdict struct {
	retry bool
	rank  int // of two faults the one of higher rank tells the client more
	err   *apperr.Error
}

// judge is the only place that decides on faults. What went wrong between us and an upstream (its keys, its quota, our
// account's limits) is never shown as the client's own.
func judge(f *llm.Fault) verdict {
	switch f.Kind {
	case llm.Caller:
		return verdict{rank: 9, err: apperr.Wrap(f, callerCode(f.Status), "The upstream refused the request.")}
	case llm.Gone:
		return verdict{rank: 9, err: apperr.Wrap(f, apperr.UpstreamError, "The client left.")}
	case llm.Limited:
		return verdict{retry: true, rank: 4, err: apperr.Wrap(f, apperr.RateLimitExceeded,
			"The provider of this model limits requests right now. This is not a limit of your API key.").WithRetryAfter(max(f.RetryAfter, limitedRetry))}
	case llm.Exhausted:
		after := f.RetryAfter
		if after == 0 {
			after = exhaustedRetry
		}
		return verdict{retry: true, rank: 2, err: apperr.Wrap(f, apperr.NoCapacity,
			"Our capacity for this model is used up right now. This is not a limit of your account.").WithRetryAfter(after)}
	case llm.Auth:
		return verdict{retry: true, rank: 1, err: apperr.Wrap(f, apperr.UpstreamAuth, "The provider of this model does not accept our credentials. We have been told.")}
	case llm.Missing:
		return verdict{retry: true, rank: 1, err: apperr.Wrap(f, apperr.UpstreamError, "The provider does not offer this model at the moment.")}
	case llm.Unfit:
		return verdict{retry: true, rank: 5, err: apperr.From(f.Err)}
	case llm.Transient:
	}
	switch {
	case f.Timeout:
		return verdict{retry: true, rank: 3, err: apperr.Wrap(f, apperr.Timeout, "The provider of this model did not answer in time.")}
	case f.Status == http.StatusServiceUnavailable || f.Status == statusOverloaded:
		return verdict{retry: true, rank: 3, err: apperr.Wrap(f, apperr.NoCapacity, "The provider of this model is overloaded.").WithRetryAfter(max(f.RetryAfter, limitedRetry))}
	default:
		return verdict{retry: true, rank: 3, err: apperr.Wrap(f, apperr.UpstreamError, "The provider of this model failed to answer.")}
	}
}

// statusOverloaded is what some providers answer in place of 503.
const statusOverloaded = 529

func callerCode(status int) apperr.Code {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return apperr.RequestTooLarge
	case http.StatusUnprocessableEntity:
		return apperr.Unprocessable
	default:
		return apperr.InvalidRequest
	}
}

// StatusOf is the HTTP status of the model API for an error of ours.
func StatusOf(e *apperr.Error) int {
	switch e.Code {
	case apperr.InvalidRequest, apperr.UnsupportedParam, apperr.PreviousNotFound, apperr.ContextTooLong:
		return http.StatusBadRequest
	case apperr.InvalidAPIKey, apperr.Unauthorized:
		return http.StatusUnauthorized
	case apperr.InsufficientCredit, apperr.BudgetExceeded:
		return http.StatusPaymentRequired
	case apperr.ModelNotAllowed, apperr.Forbidden:
		return http.StatusForbidden
	case apperr.ModelNotFound, apperr.NotFound:
		return http.StatusNotFound
	case apperr.Conflict:
		return http.StatusConflict
	case apperr.RequestTooLarge:
		return http.StatusRequestEntityTooLarge
	case apperr.ModelUnpriced, apperr.Unprocessable:
		return http.StatusUnprocessableEntity
	case apperr.RateLimitExceeded:
		return http.StatusTooManyRequests
	case apperr.NoCapacity:
		return http.StatusServiceUnavailable
	case apperr.UpstreamError, apperr.UpstreamAuth:
		return http.StatusBadGateway
	case apperr.Timeout:
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}
