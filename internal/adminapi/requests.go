package adminapi

import (
	"context"

	"starlane/internal/adminapi/gen"
	"starlane/internal/billing/money"
	"starlane/internal/billing/statement"
	"starlane/internal/platform/page"
	"starlane/internal/usage"
)

// counts sums up units by direction; classes that are neither (a flat fee) are left out.
func counts(units map[string]int64) (in, out int64) {
	var c usage.Counts
	for name, n := range units {
		if class, ok := usage.ParseClass(name); ok {
			c.Units[class] = n
		}
	}
	return c.Input(), c.Output()
}

func requestToAPI(r *statement.Request) gen.RequestSummary {
	in, out := counts(r.Units)
	return gen.RequestSummary{
		Id: r.ID, OccurredAt: r.OccurredAt.UTC(), PostedAt: r.PostedAt.UTC(), KeyId: r.KeyID, KeyName: r.KeyName, ProjectId: r.ProjectID,
		Capability: r.Capability, RequestedModel: r.RequestedModel, ServedModel: r.ServedModel, Provider: r.Provider, Outcome: gen.Outcome(r.Outcome),
		HttpStatus: r.HTTPStatus, Streamed: r.Streamed, InputTokens: in, OutputTokens: out, Charge: r.Charge.String(), TtftMs: r.TTFT, DurationMs: r.Duration,
	}
}

// listed shows a request in a list. Where the list is narrowed by a token class, with what the request has of it.
func listed(class string) func(*statement.Request) gen.RequestSummary {
	return func(r *statement.Request) gen.RequestSummary {
		out := requestToAPI(r)
		if class != "" {
			out.ClassUnits, out.ClassCharge = ptr(r.Units[class]), ptr(r.Charges[class].String())
		}
		return out
	}
}

// ListRequests lists requests. A file holds all of them, unless a limit asks for fewer.
func (s *Server) ListRequests(ctx context.Context, r gen.ListRequestsRequestObject) (gen.ListRequestsResponseObject, error) {
	q := &r.Params
	a, err := ask(q.Cursor, q.Limit)
	if err != nil {
		return nil, err
	}
	t := from(ctx).tenant
	f := statement.RequestFilter{
		Model: val(q.Model), Key: idOf(q.KeyId), Project: idOf(q.ProjectId), Outcome: string(val(q.Outcome)), From: q.From, To: q.To,
		Invoice: idOf(q.InvoiceId), Class: string(val(q.Class)),
	}
	read := func(a page.Ask) (page.List[statement.Request], error) { return s.Statements.Requests(ctx, t, f, a) }
	if wantsCSV(ctx, string(val(q.Format))) {
		whole := q.Limit == nil
		if whole {
			a.Limit = fileRows
		}
		out, err := openFile(a, read, requestHeader(f.Class), requestRow(f.Class))
		if !whole {
			out.next = nil
		}
		return out, err
	}
	list, err := read(a)
	if err != nil {
		return nil, err
	}
	return gen.ListRequests200JSONResponse{Items: each(list.Items, listed(f.Class)), NextCursor: next(list.Next)}, nil
}

// GetRequest shows a request with all that was counted and charged.
func (s *Server) GetRequest(ctx context.Context, r gen.GetRequestRequestObject) (gen.GetRequestResponseObject, error) {
	x, err := s.Statements.Request(ctx, from(ctx).tenant, r.RequestId)
	if err != nil {
		return nil, err
	}
	a := requestToAPI(&x)
	out := gen.GetRequest200JSONResponse{
		Id: a.Id, OccurredAt: a.OccurredAt, PostedAt: a.PostedAt, KeyId: a.KeyId, KeyName: a.KeyName, ProjectId: a.ProjectId, Capability: a.Capability,
		RequestedModel: a.RequestedModel, ServedModel: a.ServedModel, Provider: a.Provider, Outcome: a.Outcome, HttpStatus: a.HttpStatus, Streamed: a.Streamed,
		InputTokens: a.InputTokens, OutputTokens: a.OutputTokens, Charge: a.Charge, TtftMs: a.TtftMs, DurationMs: a.DurationMs,
		ServiceTier: x.ServiceTier, PriceVersionId: x.PriceVersion, PriceValidFrom: utc(x.PriceFrom), Estimate: x.Estimate.String(), UpstreamRequestId: x.UpstreamRequestID,
		DeploymentId: x.Deployment, TransactionId: x.Transaction, Classes: classes(&x),
		Attempts: each(x.Attempts, func(t *statement.Attempt) gen.Attempt {
			return gen.Attempt{DeploymentId: t.Deployment, Status: t.Status, Fault: t.Fault, DurationMs: t.Millis}
		}),
	}
	return out, nil
}

func classes(x *statement.Request) []gen.RequestClass {
	out := []gen.RequestClass{}
	for class := range usage.NumClasses {
		name := class.String()
		units, counted := x.Units[name]
		if !counted {
			continue
		}
		c := gen.RequestClass{
			Class: gen.TokenClass(name), Units: units, Provenance: gen.RequestClassProvenance(usage.None.String()), Charge: x.Charges[name].String(),
		}
		if from, ok := x.Provenance[name]; ok {
			c.Provenance = gen.RequestClassProvenance(from)
		}
		if rate, ok := x.Rates[name]; ok {
			c.Rate = ptr(money.Price(rate).String())
		}
		out = append(out, c)
	}
	return out
}
