package relay

import (
	"context"
	"errors"
	"net/http"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/catalog"
	"starlane/internal/platform/id"
	"starlane/internal/relay/body"
	"starlane/internal/relay/llm"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/usage"
)

// ErrUnknownKey is what a KeyResolver returns when it is certain that no key has the public id. Any other error means that
// it could not find out, which is never held against the client.
var ErrUnknownKey = errors.New("no virtual key has this public id")

// KeyResolver finds the record of a virtual key by its public id. Known keys are answered from memory.
type KeyResolver interface {
	Resolve(ctx context.Context, publicID string) (*vkey.Record, error)
}

// Demand is what a request asks to set aside before it may run.
type Demand struct {
	Key    *vkey.Record
	Amount money.Amount // upper estimate of the charge, nano-USD
	Tokens usage.Tokens // upper estimate of prompt and answer together, for the limit of tokens a minute
	Inside bool         // a session that holds a concurrency slot of the key asks: no further one is taken
}

// Admitter sets credit and a share of the key's limits aside. It answers from local leases, without a network call while
// they last. Errors are apperr: insufficient_credit, budget_exceeded, rate_limit_exceeded (inside an OverLimit) and no_capacity
// when no lease can be had. RetryAfter says when asking again could help, and is absent where it never will.
type Admitter interface {
	Reserve(ctx context.Context, d Demand) (Reservation, error)
}

// Reservation is credit and limits set aside for one request. Exactly one of Settle and Release ends it; each frees the
// concurrency slot of the key, if one was taken. Neither blocks on the network.
type Reservation interface {
	// Hold is the credit slice that the money came from, Nil if none.
	Hold() id.ID
	// Limits is the state of the key's limits just after this reservation; the zero value when the key has none.
	Limits() Limits
	// Settle takes the actual charge and token count and gives the rest back.
	Settle(actual money.Amount, tokens usage.Tokens)
	// Release gives everything back.
	Release()
}

// Limits feeds the x-ratelimit headers. A limit of zero is no limit.
type Limits struct {
	Requests, Tokens Limit
}

// OverLimit is a refusal for one of the key's limits a minute, with the state of all of them for the headers of the answer.
type OverLimit struct {
	Limits Limits
	Err    error // an apperr
}

func (e *OverLimit) Error() string { return e.Err.Error() }

// Unwrap gives the refusal itself.
func (e *OverLimit) Unwrap() error { return e.Err }

// Limit is one limit a minute and what is left of it.
type Limit struct {
	Limit, Remaining int64
	Reset            time.Duration // until the whole limit is available again
}

// Log is the write-ahead log of usage. A nil error means that the record survives the death of the process.
type Log interface {
	Begin(open usage.Open) error
	Append(event *usage.Event) error
}

// Dispatch is one upstream call.
type Dispatch struct {
	Candidate *catalog.Candidate
	Key       *catalog.UpstreamKey
	Path      string // below the base URL of the account, for example /chat/completions
	Body      body.Message
	Stream    bool
	Form      llm.Form    // of the answer if it is no stream
	Header    http.Header // what the client's headers contribute; nil for nothing
}

// Sender makes an upstream call and returns with the head of the answer; the caller closes its body. The error is always
// an *llm.Fault. Cancelling ctx ends the call, the reading of the body included.
type Sender interface {
	Send(ctx context.Context, d Dispatch) (*http.Response, error)
}

// TokenCounter counts tokens of plain text by the name of a tokenizer. It is used only where the upstream reported nothing.
type TokenCounter interface {
	Count(tokenizer string, text []byte) usage.Tokens
}
