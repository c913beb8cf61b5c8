package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// monthsAhead counts the partitions that are made from the current month on.
const monthsAhead = 4

// MakePartitions makes the partitions of the months to come. The worker may do so by one function and in no other way.
func (m *Metering) MakePartitions(ctx context.Context) error {
	return m.makePartitions(ctx, time.Now())
}

func (m *Metering) makePartitions(ctx context.Context, from time.Time) error {
	var made int
	err := m.ledger.pool.QueryRow(ctx, `select make_month_partitions($1::date, $2)`, from.UTC(), monthsAhead).Scan(&made)
	if err != nil {
		return fmt.Errorf("make partitions: %w", err)
	}
	return nil
}

// Waiting counts dead letters and Stripe events that nobody has dealt with.
func (m *Metering) Waiting(ctx context.Context) (letters, events int64, err error) {
	err = m.ledger.pool.QueryRow(ctx, `
		select (select count(*) from dead_letter where resolved_at is null),
			(select count(*) from stripe_event where state in ('pending', 'quarantined'))`).Scan(&letters, &events)
	if err != nil {
		return 0, 0, fmt.Errorf("count what waits: %w", err)
	}
	return letters, events, nil
}

// CleanUp removes what nobody needs any more: sessions that have ended, old configuration changes, answers of idempotent
// calls.
func (m *Metering) CleanUp(ctx context.Context, keepChanges, keepAnswers time.Duration) error {
	batch := &pgx.Batch{}
	batch.Queue(`delete from session where expires_at < now()`)
	// The last change stays, whatever its age: its number is the version of what is published.
	batch.Queue(`
		delete from config_change
		where at < now() - make_interval(secs => $1) and seq < (select max(seq) from config_change)`, keepChanges.Seconds())
	batch.Queue(`delete from idempotency where created_at < now() - make_interval(secs => $1)`, keepAnswers.Seconds())
	if err := m.ledger.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	return nil
}
