// Package relay is the hot path: it takes a client's call through authentication, admission, routing, the attempts upstream,
// the stream and the settlement, one file each. It knows neither the web framework nor the stores; they come in by the ports.
package relay

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/catalog"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
	"starlane/internal/relay/sse"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/usage"
)

// Timeouts of a request.
type Timeouts struct {
	Request time.Duration // its whole life
	Header  time.Duration // until an upstream begins to answer
	Idle    time.Duration // silence inside an answer, or of a client that does not read
	// Heartbeat is after what silence of the upstream a client that has begun to read a stream is told that it goes on; 0: never.
	Heartbeat time.Duration
	// Session is the longest life of a session, Quiet how long nobody may say anything in one; 0: no bound.
	Session, Quiet time.Duration
}

// Deps is what a Pipeline works with. All fields but Media are required.
type Deps struct {
	Keys     KeyResolver
	Hasher   *vkey.Hasher
	Admitter Admitter
	Log      Log
	Catalog  func() *catalog.Snapshot
	Sender   Sender
	Dialer   Dialer
	Egress   dialect.Registry
	Bodies   *body.Pool
	Tokens   TokenCounter
	Clock    clock.Clock
	Logger   *slog.Logger
	Metrics  *Metrics
	Timeouts Timeouts
	Media    MediaFetcher // nil: nothing is fetched
}

// Pipeline serves calls. It is safe for concurrent use.
type Pipeline struct {
	Deps
	readers sse.Pool
	json    []string // values of headers, shared by all answers
	events  []string
	uncache []string
	never   []string
	running sync.WaitGroup

	draining  sync.Once
	drain     chan struct{} // closed when sessions have to end
	drainTime time.Duration // how long they have for that
}

// New checks the dependencies.
func New(d Deps) (*Pipeline, error) {
	if d.Keys == nil || d.Hasher == nil || d.Admitter == nil || d.Log == nil || d.Catalog == nil || d.Sender == nil || d.Dialer == nil || d.Egress == nil ||
		d.Bodies == nil || d.Tokens == nil || d.Clock == nil || d.Logger == nil || d.Metrics == nil {
		return nil, errors.New("relay pipeline: a dependency is missing")
	}
	if d.Timeouts.Request <= 0 || d.Timeouts.Header <= 0 || d.Timeouts.Idle <= 0 {
		return nil, errors.New("relay pipeline: timeouts must be positive")
	}
	return &Pipeline{
		Deps: d, json: []string{"application/json"}, events: []string{"text/event-stream; charset=utf-8"}, uncache: []string{"no-cache"}, never: []string{"false"},
		drain: make(chan struct{}),
	}, nil
}

// Call is a client's request.
type Call struct {
	ID         id.ID // UUIDv7: request id and id of the usage event
	Key        *vkey.Record
	Capability string
	Ingress    dialect.Ingress
	Body       body.Content // released by the caller, after Serve
	Header     http.Header  // what goes on to the upstream; nil for nothing
	Strict     bool         // refuse what an upstream cannot do to the letter
	Lenient    bool         // leave out what an upstream cannot do at all
	Stored     *llm.Stored  // what its tenant's store has to do with it; nil for nothing
	Start      time.Time
}

// Sink takes the answer of a call.
type Sink interface {
	Header() http.Header
	WriteHeader(status int)
	Write(p []byte) (int, error)
	Flush() error
	// Abort makes a Write that is stuck return. It may be called from another goroutine.
	Abort()
}

// Outcome is how a call ended.
type Outcome struct {
	Outcome usage.Outcome
	Cost    money.Amount // as the relay expects it
	Broken  bool         // the client has a part of an answer and cannot tell that it is one, unless its connection is cut
}

// Wait returns when no call is being served any more, or when ctx ends.
func (p *Pipeline) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		p.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the caller's own context
	}
}

// Serve answers a call. When it returns an error, nothing was written and the caller tells the client; every call that was
// admitted is settled and logged when Serve returns, however it ends.
func (p *Pipeline) Serve(ctx context.Context, call *Call, sink Sink) (Outcome, error) {
	p.running.Add(1)
	defer p.running.Done()
	x := &exchange{p: p, call: call, sink: sink}
	if err := x.admit(ctx); err != nil {
		p.Metrics.refused(err)
		return Outcome{}, err
	}
	defer x.close()
	err := x.run(ctx)
	x.close()
	p.Metrics.served(&x.event)
	if err != nil {
		x.complain(ctx, err)
	}
	if err != nil && x.started {
		err = nil
	}
	return Outcome{Outcome: x.event.Outcome, Cost: x.event.Estimate, Broken: x.broken}, err
}

// complain logs a failure once. The client's own mistakes and departures are not worth a line.
func (x *exchange) complain(ctx context.Context, err error) {
	if x.event.Outcome == usage.ClientError || x.event.Outcome == usage.ClientGone {
		return
	}
	x.p.Logger.WarnContext(ctx, "request failed", "request_id", x.call.ID.String(), "tenant", x.event.Tenant.String(),
		"outcome", string(x.event.Outcome), "model", x.event.ServedModel, "error", err.Error())
}
