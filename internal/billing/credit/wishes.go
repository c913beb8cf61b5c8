package credit

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

const (
	wishBlock = time.Second
	wishRetry = 500 * time.Millisecond
)

// Run answers relays until ctx ends. Several may run at once.
func (s *Slicer) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		w, ok, err := s.shelf.NextWish(ctx, wishBlock)
		if err == nil && ok {
			err = s.answer(ctx, w)
			if err != nil {
				err = fmt.Errorf("answer a relay: %w", err)
			}
		}
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "relays wait for credit", slog.Any("error", err))
			sleep(ctx, wishRetry)
		}
	}
	return nil
}

// RunRefresh publishes changed credit until ctx ends.
func (s *Slicer) RunRefresh(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case t := <-s.refresh:
			if err := s.Serve(ctx, t); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "changed credit is not published", slog.String("tenant", t.String()), slog.Any("error", err))
			}
		}
	}
}

func (s *Slicer) answer(ctx context.Context, w Wish) error {
	if w.Key == id.Nil {
		return s.Serve(ctx, w.Tenant)
	}
	used, err := s.store.KeyUse(ctx, w.Tenant, w.Key, w.Since)
	if err != nil {
		return err
	}
	return s.shelf.SeedBudget(ctx, w.Tenant, w.Key, w.Since, used)
}

// Refresh asks for a tenant to be served soon. When too many wait the wish is dropped: relays ask again when they need it.
func (s *Slicer) Refresh(tenant id.ID) {
	select {
	case s.refresh <- tenant:
	default:
	}
}

// Charged notes what was spent; tenants charged beyond their holds have less available than was published.
func (s *Slicer) Charged(charged map[id.ID]money.Amount, beyondHolds []id.ID) {
	now := s.clock.Now()
	s.mu.Lock()
	for t, amount := range charged {
		if s.spend[t] == nil {
			s.spend[t] = &spending{}
		}
		s.spend[t].add(now, amount)
	}
	s.mu.Unlock()
	for _, t := range beyondHolds {
		s.Refresh(t)
	}
}

func (s *Slicer) recent(tenant id.ID) money.Amount {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sp := s.spend[tenant]; sp != nil {
		return sp.recent(s.clock.Now())
	}
	return 0
}

func (s *Slicer) forgetQuiet() {
	now := s.clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for t, sp := range s.spend {
		if now.Sub(sp.minute) > keepSpend {
			delete(s.spend, t)
		}
	}
}

// spending estimates the spending of the last 60 s from this minute and the one before.
type spending struct {
	minute    time.Time
	now, last money.Amount
}

func (sp *spending) roll(t time.Time) {
	minute := t.Truncate(time.Minute)
	switch {
	case minute.Equal(sp.minute):
	case minute.Sub(sp.minute) == time.Minute:
		sp.last, sp.now, sp.minute = sp.now, 0, minute
	default:
		sp.last, sp.now, sp.minute = 0, 0, minute
	}
}

func (sp *spending) add(t time.Time, amount money.Amount) {
	sp.roll(t)
	sp.now = min(sp.now+amount, SliceMax) // more than that is never needed
}

func (sp *spending) recent(t time.Time) money.Amount {
	sp.roll(t)
	left := money.Amount(60 - t.Second())
	return sp.now + sp.last/60*left
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
