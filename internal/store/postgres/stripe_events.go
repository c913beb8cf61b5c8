package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"starlane/internal/store/postgres/pgdb"
)

// StripeEvent is a stored hint of the processor.
type StripeEvent struct {
	ID       string
	Type     string
	ObjectID string
	Created  time.Time
	Attempts int
}

// StripeEvents keeps events of the processor, each once. The api stores what webhooks bring, the worker deals with it.
type StripeEvents struct {
	pool *pgxpool.Pool
	q    *pgdb.Queries
}

// NewStripeEvents needs a pool of either role; only the worker may do more than Add.
func NewStripeEvents(pool *pgxpool.Pool) *StripeEvents {
	return &StripeEvents{pool: pool, q: pgdb.New()}
}

// Add stores an event; false means that it was there.
func (s *StripeEvents) Add(ctx context.Context, e StripeEvent) (bool, error) {
	n, err := s.q.AddStripeEvent(ctx, s.pool, pgdb.AddStripeEventParams{ID: e.ID, Type: e.Type, ObjectID: e.ObjectID, CreatedAt: e.Created})
	if err != nil {
		return false, fmt.Errorf("store event: %w", err)
	}
	return n == 1, nil
}

// Due lists pending events whose time has come, oldest first.
func (s *StripeEvents) Due(ctx context.Context, most int) ([]StripeEvent, error) {
	rows, err := s.q.DueStripeEvents(ctx, s.pool, int32(most))
	if err != nil {
		return nil, fmt.Errorf("read due events: %w", err)
	}
	out := make([]StripeEvent, len(rows))
	for i, r := range rows {
		out[i] = StripeEvent{ID: r.ID, Type: r.Type, ObjectID: r.ObjectID, Created: r.CreatedAt.UTC(), Attempts: int(r.Attempts)}
	}
	return out, nil
}

// End closes an event: done, ignored or quarantined.
func (s *StripeEvents) End(ctx context.Context, id, state, note string) error {
	if err := s.q.EndStripeEvent(ctx, s.pool, state, note, id); err != nil {
		return fmt.Errorf("end event: %w", err)
	}
	return nil
}

// Retry puts an event off.
func (s *StripeEvents) Retry(ctx context.Context, id, note string, wait time.Duration) error {
	if err := s.q.RetryStripeEvent(ctx, s.pool, note, wait.Seconds(), id); err != nil {
		return fmt.Errorf("put event off: %w", err)
	}
	return nil
}

// Newest is the time of the newest event, 30 days ago if there is none.
func (s *StripeEvents) Newest(ctx context.Context) (time.Time, error) {
	at, err := s.q.NewestStripeEvent(ctx, s.pool)
	if err != nil {
		return time.Time{}, fmt.Errorf("read newest event: %w", err)
	}
	return at.UTC(), nil
}
