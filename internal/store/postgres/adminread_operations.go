package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"starlane/internal/billing/statement"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/audit"
)

// selectPeriod knows a month by its use, its invoices or its close.
const selectPeriod = `
	with months as (
		select to_char(day, 'YYYY-MM') as month, sum(charge_nano)::bigint as usage from usage_rollup group by 1
	), bills as (
		select month, count(*) as invoices, sum(billed_cents)::bigint as billed from invoice where state <> 'void' group by 1
	), names as (
		select month from months union select month from bills union select month from period
	)
	select n.month, coalesce(p.state, 'open'), coalesce(p.force, false), p.invoiced_until, p.closed_at, coalesce(p.last_error, ''),
		coalesce(b.invoices, 0), coalesce(m.usage, 0), coalesce(b.billed, 0)
	from names n
	left join period p on p.month = n.month
	left join months m on m.month = n.month
	left join bills b on b.month = n.month `

// Periods lists the months that have use or a close, newest first.
func (s *Statements) Periods(ctx context.Context, ask page.Ask) (page.List[statement.Period], error) {
	var rows []statement.Period
	err := operatorTx(ctx, s.pool, func(tx pgx.Tx) error {
		return collect(ctx, tx, &rows, selectPeriod+`where $1 = '' or n.month < $1 order by n.month desc limit $2`, ask.After, ask.Fetch())
	})
	if err != nil {
		return page.List[statement.Period]{}, fmt.Errorf("list periods: %w", err)
	}
	return page.Cut(ask, rows, func(p *statement.Period) string { return p.Month }), nil
}

// Period reads a month. One that nothing is known of is open and empty.
func (s *Statements) Period(ctx context.Context, month string) (statement.Period, error) {
	rows := []statement.Period{}
	err := operatorTx(ctx, s.pool, func(tx pgx.Tx) error {
		return collect(ctx, tx, &rows, selectPeriod+`where n.month = $1`, month)
	})
	if err != nil {
		return statement.Period{}, fmt.Errorf("read period: %w", err)
	}
	if len(rows) == 0 {
		return statement.Period{Month: month, State: "open"}, nil
	}
	return rows[0], nil
}

// RequestClose asks the worker to close a month. It changes nothing while a close runs or after it is done.
func (s *Statements) RequestClose(ctx context.Context, by audit.Actor, month string, force bool) (statement.Period, error) {
	err := operatorTx(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			insert into period as p (month, state, force, requested_by) values ($1, 'closing', $2, $3)
			on conflict (month) do update
			set state = 'closing', force = excluded.force, requested_by = excluded.requested_by, requested_at = now(), last_error = ''
			where p.state = 'open' or (p.state = 'closing' and p.last_error <> '')`, month, force, string(by))
		if err != nil {
			return fmt.Errorf("request close: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
		return write(ctx, tx, id.Nil, by, "period.close", month, audit.Detail{"force": force})
	})
	if err != nil {
		return statement.Period{}, err
	}
	return s.Period(ctx, month)
}

// deadKey is the position in the list of dead letters, which is ordered by time of arrival.
type deadKey struct {
	At  time.Time `json:"a"`
	Ref string    `json:"r"`
}

// DeadLetters lists usage events that could not be posted, newest first.
func (s *Statements) DeadLetters(ctx context.Context, resolved bool, ask page.Ask) (page.List[statement.DeadLetter], error) {
	after := deadKey{At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	if ask.After != "" && json.Unmarshal([]byte(ask.After), &after) != nil {
		return page.List[statement.DeadLetter]{}, badCursor()
	}
	var rows []statement.DeadLetter
	err := operatorTx(ctx, s.pool, func(tx pgx.Tx) error {
		return collect(ctx, tx, &rows, `
			select stream_ref, received_at, reason, payload, resolved_at, resolution
			from dead_letter
			where (resolved_at is not null) = $1 and (received_at, stream_ref) < ($2, $3)
			order by received_at desc, stream_ref desc limit $4`, resolved, after.At, after.Ref, ask.Fetch())
	})
	if err != nil {
		return page.List[statement.DeadLetter]{}, fmt.Errorf("list dead letters: %w", err)
	}
	return page.Cut(ask, rows, func(d *statement.DeadLetter) string {
		b, _ := json.Marshal(deadKey{d.ReceivedAt, d.StreamRef}) // a time and a string always encode
		return string(b)
	}), nil
}

// Backlog counts what waits to be dealt with.
func (s *Statements) Backlog(ctx context.Context) (statement.Backlog, error) {
	var b statement.Backlog
	err := s.pool.QueryRow(ctx, `
		select (select count(*) from dead_letter where resolved_at is null), (select count(*) from stripe_event where state = 'pending')`).
		Scan(&b.DeadLetters, &b.Webhooks)
	if err != nil {
		return b, fmt.Errorf("read backlog: %w", err)
	}
	return b, nil
}

// Ping tells whether the database answers.
func (s *Statements) Ping(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	return nil
}

// SaveStripeEvent stores an event; it does nothing for one that came before. The worker deals with it.
func (s *Statements) SaveStripeEvent(ctx context.Context, event, kind, object string, created time.Time) error {
	_, err := s.pool.Exec(ctx, `
		insert into stripe_event (id, type, object_id, created_at) values ($1, $2, $3, $4) on conflict (id) do nothing`,
		event, kind, object, created)
	if err != nil {
		return fmt.Errorf("store stripe event: %w", err)
	}
	return nil
}
