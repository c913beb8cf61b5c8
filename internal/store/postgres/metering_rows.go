package postgres

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"starlane/internal/billing/metering"
	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/usage"
)

// insertEvents takes one array for each column. Rows come sorted by id, so that two workers with the same events, which
// only a shard that changes hands can bring about, wait for each other in one order.
const insertEvents = `
insert into usage_event (tenant_id, event_id, project_id, key_id, occurred_at, posted_at, txn_id, hold_id, capability, provider,
  deployment_id, requested_model, served_model, service_tier, outcome, http_status, streamed, units, provenance, charges,
  sell_version, charge_nano, estimate_nano, ttft_ms, duration_ms, attempts, upstream_request_id, stream_ref)
select tenant_id, event_id, project_id, key_id, occurred_at, $1, txn_id, hold_id, capability, provider,
  deployment_id, requested_model, served_model, service_tier, outcome, http_status, streamed, units::jsonb, provenance::jsonb, charges::jsonb,
  sell_version, charge_nano, estimate_nano, ttft_ms, duration_ms, attempts::jsonb, upstream_request_id, stream_ref
from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::bigint[], $8::uuid[], $9::text[], $10::text[],
  $11::uuid[], $12::text[], $13::text[], $14::text[], $15::text[], $16::int[], $17::bool[], $18::text[], $19::text[], $20::text[],
  $21::bigint[], $22::bigint[], $23::bigint[], $24::int[], $25::int[], $26::text[], $27::text[], $28::text[])
  as u (tenant_id, event_id, project_id, key_id, occurred_at, txn_id, hold_id, capability, provider,
  deployment_id, requested_model, served_model, service_tier, outcome, http_status, streamed, units, provenance, charges,
  sell_version, charge_nano, estimate_nano, ttft_ms, duration_ms, attempts, upstream_request_id, stream_ref)
on conflict (tenant_id, event_id) do nothing
returning event_id`

func eventColumns(items []metering.Item, txnOf map[id.ID]int64, at time.Time) []any {
	n := len(items)
	tenants, events, projects, keys := make([]id.ID, n), make([]id.ID, n), make([]id.ID, n), make([]id.ID, n)
	holds, deployments := make([]pgtype.UUID, n), make([]pgtype.UUID, n)
	occurred, streamed := make([]time.Time, n), make([]bool, n)
	txns, ttft := make([]pgtype.Int8, n), make([]pgtype.Int4, n)
	versions, charges, estimates := make([]int64, n), make([]int64, n), make([]int64, n)
	statuses, durations := make([]int32, n), make([]int32, n)
	var text [12][]string
	for i := range text {
		text[i] = make([]string, n)
	}
	for i := range items {
		e := &items[i].Event
		tenants[i], events[i], projects[i], keys[i] = e.Tenant, e.ID, e.Project, e.Key
		holds[i], deployments[i] = nullable(e.Hold), nullable(e.Deployment)
		occurred[i], streamed[i] = e.OccurredAt, e.Streamed
		if total := items[i].Charge.Total; total > 0 {
			txns[i] = pgtype.Int8{Int64: txnOf[e.Tenant], Valid: true}
			charges[i] = int64(total)
		}
		versions[i], estimates[i] = items[i].Version, int64(e.Estimate)
		statuses[i], durations[i] = clampInt32(int64(e.HTTPStatus)), clampInt32(e.DurationMillis)
		if e.TTFTMillis >= 0 {
			ttft[i] = pgtype.Int4{Int32: clampInt32(e.TTFTMillis), Valid: true}
		}
		units, sources, prices := classColumns(&items[i])
		for j, s := range [...]string{
			e.Capability, e.Provider, e.RequestedModel, e.ServedModel, e.ServiceTier, string(e.Outcome),
			units, sources, prices, attemptsJSON(e.Attempts), e.UpstreamRequestID, items[i].Ref,
		} {
			text[j][i] = s
		}
	}
	return []any{
		at, tenants, events, projects, keys, occurred, txns, holds, text[0], text[1], deployments, text[2], text[3], text[4], text[5],
		statuses, streamed, text[6], text[7], text[8], versions, charges, estimates, ttft, durations, text[9], text[10], text[11],
	}
}

func clampInt32(v int64) int32 { return int32(max(math.MinInt32, min(v, math.MaxInt32))) }

// classColumns renders counts, provenance and charges by class as JSON objects. A class is charged if the event is and the
// class has units; the flat fee of a request counts one unit.
func classColumns(item *metering.Item) (units, sources, charges string) {
	var u, s, c []byte
	add := func(dst []byte, class usage.Class) []byte {
		if len(dst) > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), class.String()...), '"', ':')
		return dst
	}
	counts := &item.Event.Counts
	for class := range usage.NumClasses {
		n := chargedUnits(item, class)
		if n == 0 && counts.From[class] == usage.None {
			continue
		}
		u = strconv.AppendInt(add(u, class), n, 10)
		s = append(append(append(add(s, class), '"'), counts.From[class].String()...), '"')
		if item.Version != 0 && n > 0 {
			c = strconv.AppendInt(add(c, class), int64(item.Charge.PerClass[class]), 10)
		}
	}
	return "{" + string(u) + "}", "{" + string(s) + "}", "{" + string(c) + "}"
}

// chargedUnits is the count of a class; a flat fee that nobody counted is one request.
func chargedUnits(item *metering.Item, class usage.Class) int64 {
	n := item.Event.Counts.Units[class]
	if class == usage.Request && n == 0 && item.Charge.PerClass[class] > 0 {
		return 1
	}
	return n
}

func attemptsJSON(list []usage.Attempt) string {
	b := []byte{'['}
	for i, a := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"deployment":"`...)
		b = append(b, a.Deployment.String()...)
		b = append(b, `","status":`...)
		b = strconv.AppendInt(b, int64(a.Status), 10)
		b = append(b, `,"fault":`...)
		b = strconv.AppendQuoteToASCII(b, a.Fault)
		b = append(b, `,"ms":`...)
		b = strconv.AppendInt(b, a.Millis, 10)
		b = append(b, '}')
	}
	return string(append(b, ']'))
}

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "{}" // a map of strings always encodes
	}
	return string(b)
}

// rollupClass counts requests in the roll-up; the other classes are token classes.
const rollupClass = "requests"

type rollupKey struct {
	tenant, key id.ID
	model       string
	class       string
}

type rollupRow struct {
	rollupKey
	project id.ID
	day     time.Time
	units   int64
	charge  money.Amount
}

// rollup sums fresh events by key, model and class. Only what is charged has units, so that units times price is the charge.
func rollup(fresh []*metering.Item, at time.Time) []rollupRow {
	day := at.Truncate(24 * time.Hour)
	sums := map[rollupKey]*rollupRow{}
	add := func(e *usage.Event, class string, units int64, charge money.Amount) {
		model := cmp.Or(e.ServedModel, e.RequestedModel)
		k := rollupKey{e.Tenant, e.Key, model, class}
		row := sums[k]
		if row == nil {
			row = &rollupRow{rollupKey: k, project: e.Project, day: day}
			sums[k] = row
		}
		row.units += units
		row.charge += charge
	}
	for _, item := range fresh {
		add(&item.Event, rollupClass, 1, 0)
		if item.Version == 0 {
			continue
		}
		for class := range usage.NumClasses {
			if n := chargedUnits(item, class); n > 0 {
				add(&item.Event, class.String(), n, item.Charge.PerClass[class])
			}
		}
	}
	rows := make([]rollupRow, 0, len(sums))
	for _, row := range sums {
		rows = append(rows, *row)
	}
	slices.SortFunc(rows, func(a, b rollupRow) int {
		return cmp.Or(bytes.Compare(a.tenant[:], b.tenant[:]), bytes.Compare(a.key[:], b.key[:]),
			cmp.Compare(a.model, b.model), cmp.Compare(a.class, b.class))
	})
	return rows
}

func queueRollup(batch *pgx.Batch, rows []rollupRow) {
	n := len(rows)
	tenants, projects, keys := make([]id.ID, n), make([]id.ID, n), make([]id.ID, n)
	models, classes := make([]string, n), make([]string, n)
	units, charges := make([]int64, n), make([]int64, n)
	for i, r := range rows {
		tenants[i], projects[i], keys[i] = r.tenant, r.project, r.key
		models[i], classes[i], units[i], charges[i] = r.model, r.class, r.units, int64(r.charge)
	}
	batch.Queue(`
		insert into usage_rollup as r (tenant_id, day, project_id, key_id, model, class, units, charge_nano)
		select t, $1::date, p, k, m, c, n, a
		from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::bigint[]) as u (t, p, k, m, c, n, a)
		on conflict (tenant_id, day, key_id, model, class) do update
		set units = r.units + excluded.units, charge_nano = r.charge_nano + excluded.charge_nano`,
		rows[0].day, tenants, projects, keys, models, classes, units, charges)
}
