package adminapi

import (
	"context"

	"starlane/internal/adminapi/gen"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
)

// AuditStore reads the log of changes.
type AuditStore interface {
	Audit(ctx context.Context, t id.ID, f audit.Filter, ask page.Ask) (page.List[audit.Entry], error)
}

func auditToAPI(e *audit.Entry) gen.AuditEntry {
	return gen.AuditEntry{
		Id: e.ID, At: e.At.UTC(), Actor: string(e.Actor), ActorName: e.ActorName, Action: e.Action, Target: e.Target, Detail: map[string]any(e.Detail),
	}
}

// ListAudit lists who changed what.
func (s *Server) ListAudit(ctx context.Context, r gen.ListAuditRequestObject) (gen.ListAuditResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Audit.Audit(ctx, from(ctx).tenant, audit.Filter{Action: val(r.Params.Action), Actor: audit.Actor(val(r.Params.Actor))}, a)
	if err != nil {
		return nil, err
	}
	return gen.ListAudit200JSONResponse{Items: each(list.Items, auditToAPI), NextCursor: next(list.Next)}, nil
}
