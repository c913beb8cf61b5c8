package adminapi

import (
	"context"
	"slices"
	"time"

	"starlane/internal/adminapi/gen"
	"starlane/internal/billing/statement"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
)

// OperationStore reads and steers the months and what went wrong.
type OperationStore interface {
	Periods(ctx context.Context, ask page.Ask) (page.List[statement.Period], error)
	Period(ctx context.Context, month string) (statement.Period, error)
	RequestClose(ctx context.Context, by audit.Actor, month string, force bool) (statement.Period, error)
	DeadLetters(ctx context.Context, resolved bool, ask page.Ask) (page.List[statement.DeadLetter], error)
	Backlog(ctx context.Context) (statement.Backlog, error)
	Ping(ctx context.Context) error
}

// Relay is the last heartbeat of a relay.
type Relay struct {
	ID         string
	SeenAt     time.Time
	SpoolBytes int64
	Open       int64
}

// Traffic is what lies between the relays and the ledger.
type Traffic struct {
	Relays         []Relay
	Waiting        int64 // usage events that no worker has read yet
	Pending        int64 // read and not committed
	CatalogVersion int64
}

// Fleet knows the running installation.
type Fleet interface {
	Traffic(ctx context.Context) (Traffic, error)
	// DropResponses deletes the stored responses of a tenant.
	DropResponses(ctx context.Context, t id.ID) error
}

// relayGone is the silence after which a relay counts as gone.
const relayGone = 15 * time.Second

func periodToAPI(p *statement.Period) gen.Period {
	return gen.Period{
		Month: p.Month, State: gen.PeriodState(p.State), Forced: p.Forced, InvoicedUntil: utc(p.InvoicedUntil), ClosedAt: utc(p.ClosedAt),
		Error: p.LastError, Invoices: p.Invoices, Usage: p.Usage.String(), Billed: cents(p.BilledCents),
	}
}

// ListPeriods lists months.
func (s *Server) ListPeriods(ctx context.Context, r gen.ListPeriodsRequestObject) (gen.ListPeriodsResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Operations.Periods(ctx, a)
	if err != nil {
		return nil, err
	}
	return gen.ListPeriods200JSONResponse{Items: each(list.Items, periodToAPI), NextCursor: next(list.Next)}, nil
}

// GetPeriod reads a month.
func (s *Server) GetPeriod(ctx context.Context, r gen.GetPeriodRequestObject) (gen.GetPeriodResponseObject, error) {
	p, err := s.Operations.Period(ctx, r.Month)
	if err != nil {
		return nil, err
	}
	return gen.GetPeriod200JSONResponse(periodToAPI(&p)), nil
}

// ClosePeriod asks the worker to close a month.
func (s *Server) ClosePeriod(ctx context.Context, r gen.ClosePeriodRequestObject) (gen.ClosePeriodResponseObject, error) {
	force := r.Body != nil && val(r.Body.Force)
	now := s.Clock.Now().UTC().Format("2006-01")
	switch {
	case r.Month > now:
		return nil, apperr.New(apperr.Conflict, "The month has not begun.")
	case r.Month == now && !force:
		return nil, apperr.New(apperr.Conflict, "The month is not over. With force, what was used so far is invoiced.")
	}
	p, err := s.Operations.RequestClose(ctx, from(ctx).Actor, r.Month, force)
	if err != nil {
		return nil, err
	}
	return gen.ClosePeriod202JSONResponse(periodToAPI(&p)), nil
}

func deadToAPI(d *statement.DeadLetter) gen.DeadLetter {
	return gen.DeadLetter{
		StreamRef: d.StreamRef, ReceivedAt: d.ReceivedAt.UTC(), Reason: d.Reason, Payload: d.Payload, ResolvedAt: utc(d.ResolvedAt), Resolution: d.Resolution,
	}
}

// ListDeadLetters lists usage events that could not be posted.
func (s *Server) ListDeadLetters(ctx context.Context, r gen.ListDeadLettersRequestObject) (gen.ListDeadLettersResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Operations.DeadLetters(ctx, val(r.Params.Resolved), a)
	if err != nil {
		return nil, err
	}
	return gen.ListDeadLetters200JSONResponse{Items: each(list.Items, deadToAPI), NextCursor: next(list.Next)}, nil
}

// GetStatus shows the way from request to ledger. It answers with what it can find out.
func (s *Server) GetStatus(ctx context.Context, _ gen.GetStatusRequestObject) (gen.GetStatusResponseObject, error) {
	now := s.Clock.Now()
	out := gen.GetStatus200JSONResponse{At: now, Healthy: true, Relays: []gen.RelayStatus{}}
	check := func(name string, err error) {
		d := gen.Dependency{Name: name, Ok: err == nil, Detail: "ok"}
		if err != nil {
			d.Detail, out.Healthy = "does not answer", false
			s.Log.WarnContext(ctx, "dependency does not answer", "dependency", name, "error", err.Error())
		}
		out.Dependencies = append(out.Dependencies, d)
	}
	backlog, err := s.Operations.Backlog(ctx)
	check("postgres", err)
	traffic, err := s.Fleet.Traffic(ctx)
	check("redis", err)
	out.OpenDeadLetters, out.PendingWebhooks = backlog.DeadLetters, backlog.Webhooks
	out.Streams.Waiting, out.Streams.Pending, out.CatalogVersion = traffic.Waiting, traffic.Pending, traffic.CatalogVersion
	slices.SortFunc(traffic.Relays, func(a, b Relay) int { return b.SeenAt.Compare(a.SeenAt) })
	for _, r := range traffic.Relays {
		out.Relays = append(out.Relays, gen.RelayStatus{
			Id: r.ID, SeenAt: r.SeenAt.UTC(), Alive: now.Sub(r.SeenAt) < relayGone, SpoolBytes: r.SpoolBytes, OpenRequests: r.Open,
		})
	}
	return out, nil
}
