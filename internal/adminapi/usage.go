package adminapi

import (
	"context"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	openapi "github.com/oapi-codegen/runtime/types"

	"starlane/internal/adminapi/gen"
	"starlane/internal/billing/statement"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
)

// StatementStore reads use, requests and credit.
type StatementStore interface {
	Usage(ctx context.Context, t id.ID, f statement.UsageFilter) ([]statement.UsageRow, error)
	Requests(ctx context.Context, t id.ID, f statement.RequestFilter, ask page.Ask) (page.List[statement.Request], error)
	Request(ctx context.Context, t, request id.ID) (statement.Request, error)
	Balance(ctx context.Context, t id.ID) (statement.Balance, error)
	Credits(ctx context.Context, t id.ID) (statement.Balance, []statement.Lot, statement.Holds, error)
	Lot(ctx context.Context, t, lot id.ID) (statement.Lot, error)
	Topups(ctx context.Context, t id.ID, ask page.Ask) (page.List[statement.Topup], error)
	Topup(ctx context.Context, t, topup id.ID) (statement.Topup, error)
}

const (
	defaultSpan = 29 // days before today
	maxSpan     = 400
)

// wantsCSV follows the parameter first, then the Accept header.
func wantsCSV(ctx context.Context, format string) bool {
	if format != "" {
		return format == "csv"
	}
	c, ok := ctx.(*gin.Context)
	return ok && strings.HasPrefix(strings.TrimSpace(c.GetHeader("Accept")), "text/csv")
}

func (s *Server) usageFilter(p *gen.GetUsageParams) (statement.UsageFilter, error) {
	today := s.Clock.Now().UTC().Truncate(24 * time.Hour)
	f := statement.UsageFilter{From: today.AddDate(0, 0, -defaultSpan), To: today, Model: val(p.Model), Key: idOf(p.KeyId), Project: idOf(p.ProjectId)}
	if p.To != nil {
		f.To = p.To.Time
		f.From = f.To.AddDate(0, 0, -defaultSpan)
	}
	if p.From != nil {
		f.From = p.From.Time
	}
	if f.To.Before(f.From) || f.To.Sub(f.From) > maxSpan*24*time.Hour {
		return f, apperr.New(apperr.InvalidRequest, "The days must be in order and at most %d apart.", maxSpan).WithParam("from")
	}
	seen := map[statement.Dimension]bool{}
	for _, d := range val(p.GroupBy) {
		if dim := statement.Dimension(d); !seen[dim] {
			seen[dim] = true
			f.GroupBy = append(f.GroupBy, dim)
		}
	}
	if p.GroupBy == nil {
		f.GroupBy = []statement.Dimension{statement.ByDay}
	}
	return f, nil
}

// GetUsage sums up use and charges.
func (s *Server) GetUsage(ctx context.Context, r gen.GetUsageRequestObject) (gen.GetUsageResponseObject, error) {
	f, err := s.usageFilter(&r.Params)
	if err != nil {
		return nil, err
	}
	t := from(ctx).tenant
	rows, err := s.Statements.Usage(ctx, t, f)
	if err != nil {
		return nil, err
	}
	if wantsCSV(ctx, string(val(r.Params.Format))) {
		return &file[statement.UsageRow]{header: usageHeader(), row: usageRow, page: page.List[statement.UsageRow]{Items: rows}}, nil
	}
	grouping := f.GroupBy
	f.GroupBy = nil
	sums, err := s.Statements.Usage(ctx, t, f)
	if err != nil {
		return nil, err
	}
	out := gen.GetUsage200JSONResponse{
		From: openapi.Date{Time: f.From}, To: openapi.Date{Time: f.To}, GroupBy: []gen.UsageDimension{}, Items: each(rows, usageToAPI), Total: gen.UsageRow{Charge: "0.00"},
	}
	for _, d := range grouping {
		out.GroupBy = append(out.GroupBy, gen.UsageDimension(d))
	}
	if len(sums) > 0 {
		out.Total = usageToAPI(&sums[0])
	}
	return out, nil
}

func usageToAPI(u *statement.UsageRow) gen.UsageRow {
	out := gen.UsageRow{
		Model: u.Model, KeyId: u.KeyID, KeyName: u.KeyName, ProjectId: u.ProjectID, ProjectName: u.ProjectName, Class: (*gen.TokenClass)(u.Class),
		Requests: u.Requests, InputTokens: u.Input, OutputTokens: u.Output, Units: u.Units, Charge: u.Charge.String(),
	}
	if u.Day != nil {
		out.Day = &openapi.Date{Time: u.Day.UTC()}
	}
	return out
}
