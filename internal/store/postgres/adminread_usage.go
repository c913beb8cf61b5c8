package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"starlane/internal/billing/money"
	"starlane/internal/billing/statement"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
)

// Statements reads what people are shown about use and money.
type Statements struct{ pool *pgxpool.Pool }

// NewStatements needs a pool of the api role.
func NewStatements(pool *pgxpool.Pool) *Statements { return &Statements{pool: pool} }

// usageColumns are the expressions that a dimension adds. Only these ever get into the statement's text.
func usageColumns(d statement.Dimension) (columns []string) {
	switch d {
	case statement.ByDay:
		return []string{"r.day"}
	case statement.ByModel:
		return []string{"r.model"}
	case statement.ByKey:
		return []string{"r.key_id", "k.name"}
	case statement.ByProject:
		return []string{"r.project_id", "p.name"}
	case statement.ByClass:
		return []string{"r.class"}
	}
	return nil
}

// Usage sums up roll-ups by the dimensions asked for. With the day among them rows come by day, else by charge.
func (s *Statements) Usage(ctx context.Context, t id.ID, f statement.UsageFilter) ([]statement.UsageRow, error) {
	var columns []string
	for _, d := range f.GroupBy {
		columns = append(columns, usageColumns(d)...)
	}
	group, order := "", "order by charge desc"
	if slices.Contains(f.GroupBy, statement.ByDay) {
		order = "order by r.day, charge desc"
	}
	list := strings.Join(columns, ", ")
	if list != "" {
		group, list = "group by "+list, list+", "
	}
	classes := ""
	if slices.Contains(f.GroupBy, statement.ByClass) {
		classes = "and r.class <> '" + rollupClass + "'"
	}
	sql := `
		select ` + list + `
			coalesce(sum(r.units) filter (where r.class = '` + rollupClass + `'), 0)::bigint,
			coalesce(sum(r.units) filter (where r.class in ('in_text', 'in_cached', 'cache_write_5m', 'cache_write_1h', 'in_audio', 'in_image')), 0)::bigint,
			coalesce(sum(r.units) filter (where r.class in ('out_text', 'out_reasoning', 'out_audio', 'out_image')), 0)::bigint,
			coalesce(sum(r.units) filter (where r.class <> '` + rollupClass + `'), 0)::bigint,
			coalesce(sum(r.charge_nano), 0)::bigint as charge
		from usage_rollup r
		left join virtual_key k on k.tenant_id = r.tenant_id and k.id = r.key_id
		left join project p on p.tenant_id = r.tenant_id and p.id = r.project_id
		where r.tenant_id = $1 and r.day between $2 and $3 and ($4 = '' or r.model = $4)
			and ($5::uuid is null or r.key_id = $5) and ($6::uuid is null or r.project_id = $6) ` + classes + `
		` + group + ` ` + order
	var out []statement.UsageRow
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, t, f.From, f.To, f.Model, orNil(f.Key), orNil(f.Project))
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (statement.UsageRow, error) { return scanUsage(row, f.GroupBy) })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read usage: %w", err)
	}
	return out, nil
}

func scanUsage(row pgx.CollectableRow, by []statement.Dimension) (statement.UsageRow, error) {
	var u statement.UsageRow
	var into []any
	for _, d := range by {
		switch d {
		case statement.ByDay:
			into = append(into, &u.Day)
		case statement.ByModel:
			into = append(into, &u.Model)
		case statement.ByKey:
			into = append(into, &u.KeyID, &u.KeyName)
		case statement.ByProject:
			into = append(into, &u.ProjectID, &u.ProjectName)
		case statement.ByClass:
			into = append(into, &u.Class)
		}
	}
	err := row.Scan(append(into, &u.Requests, &u.Input, &u.Output, &u.Units, &u.Charge)...)
	return u, err
}

const selectRequest = `
	select e.event_id, e.occurred_at, e.posted_at, e.key_id, coalesce(k.name, ''), e.project_id, e.capability, e.requested_model,
		e.served_model, e.provider, e.outcome, e.http_status, e.streamed, e.units, e.provenance, e.charges, e.charge_nano, e.ttft_ms,
		e.duration_ms, e.service_tier, e.sell_version, e.estimate_nano, e.attempts, e.upstream_request_id, e.deployment_id, e.txn_id
	from usage_event e left join virtual_key k on k.tenant_id = e.tenant_id and k.id = e.key_id `

func scanRequest(row pgx.CollectableRow) (statement.Request, error) {
	var r statement.Request
	var units, provenance, charges, attempts []byte
	err := row.Scan(&r.ID, &r.OccurredAt, &r.PostedAt, &r.KeyID, &r.KeyName, &r.ProjectID, &r.Capability, &r.RequestedModel,
		&r.ServedModel, &r.Provider, &r.Outcome, &r.HTTPStatus, &r.Streamed, &units, &provenance, &charges, &r.Charge, &r.TTFT,
		&r.Duration, &r.ServiceTier, &r.PriceVersion, &r.Estimate, &attempts, &r.UpstreamRequestID, &r.Deployment, &r.Transaction)
	if err != nil {
		return r, err
	}
	for _, part := range []struct {
		from []byte
		to   any
	}{{units, &r.Units}, {provenance, &r.Provenance}, {charges, &r.Charges}, {attempts, &r.Attempts}} {
		if err := json.Unmarshal(part.from, part.to); err != nil {
			return r, fmt.Errorf("request %s: %w", r.ID, err)
		}
	}
	return r, nil
}

// Requests lists requests, newest first. The bounds of time also bound the identifiers, which carry the time, so that only
// the months concerned are read.
func (s *Statements) Requests(ctx context.Context, t id.ID, f statement.RequestFilter, ask page.Ask) (page.List[statement.Request], error) {
	after, err := afterID(ask)
	if err != nil {
		return page.List[statement.Request]{}, err
	}
	args := []any{t}
	where := []string{"e.tenant_id = $1"}
	add := func(condition string, value any) {
		args = append(args, value)
		where = append(where, strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(args))))
	}
	if after != nil {
		add("e.event_id < ?", *after)
	}
	if f.Model != "" {
		add("coalesce(nullif(e.served_model, ''), e.requested_model) = ?", f.Model)
	}
	if f.Key != id.Nil {
		add("e.key_id = ?", f.Key)
	}
	if f.Project != id.Nil {
		add("e.project_id = ?", f.Project)
	}
	if f.Outcome != "" {
		add("e.outcome = ?", f.Outcome)
	}
	switch {
	case f.Class == "":
	case f.Invoice != id.Nil: // what was counted but not charged is on no line
		add("e.charges ->> ? is not null", f.Class)
	default:
		add("coalesce((e.units ->> ?)::bigint, 0) > 0", f.Class)
	}
	if f.From != nil {
		add("e.event_id >= ?", id.At(*f.From))
	}
	if f.To != nil {
		add("e.event_id < ?", id.At(*f.To))
	}
	if f.Invoice != id.Nil {
		add(`(e.posted_at >= (select i.period_start from invoice i where i.tenant_id = $1 and i.id = ?)
			and e.posted_at < (select i.period_end from invoice i where i.tenant_id = $1 and i.id = ?))`, f.Invoice)
	}
	args = append(args, ask.Fetch())
	sql := selectRequest + "where " + strings.Join(where, " and ") + " order by e.event_id desc limit $" + strconv.Itoa(len(args))
	var rows []statement.Request
	err = tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		got, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		rows, err = pgx.CollectRows(got, scanRequest)
		return err
	})
	if err != nil {
		return page.List[statement.Request]{}, fmt.Errorf("list requests: %w", err)
	}
	return page.Cut(ask, rows, func(r *statement.Request) string { return r.ID.String() }), nil
}

// Request finds a request, with the rates it was charged by.
func (s *Statements) Request(ctx context.Context, t, request id.ID) (statement.Request, error) {
	var out statement.Request
	err := tenantTx(ctx, s.pool, t, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectRequest+`where e.tenant_id = $1 and e.event_id = $2`, t, request)
		if err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		if out, err = pgx.CollectExactlyOneRow(rows, scanRequest); err != nil {
			return found(err, "request")
		}
		rows, err = tx.Query(ctx, `
			select v.valid_from, r.class, r.nano_per_million
			from price_version v join price_rate r on r.tenant_id = v.tenant_id and r.version_id = v.id
			where v.id = $1`, out.PriceVersion)
		if err != nil {
			return fmt.Errorf("read rates: %w", err)
		}
		out.Rates = map[string]money.Price{}
		var class string
		var rate money.Price
		_, err = pgx.ForEachRow(rows, []any{&out.PriceFrom, &class, &rate}, func() error {
			out.Rates[class] = rate
			return nil
		})
		return err
	})
	return out, err
}
