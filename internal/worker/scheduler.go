package worker

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"starlane/internal/platform/clock"
)

// Duty is something to be done from time to time, by one worker of the fleet. It must be safe to do it twice: a worker
// that hangs longer than its lease may be overtaken.
type Duty struct {
	Name  string
	Every time.Duration
	Run   func(ctx context.Context) error
}

// Leader says which worker has a duty.
type Leader interface {
	Lead(ctx context.Context, duty, owner string, ttl time.Duration) (bool, error)
	Resign(ctx context.Context, duty, owner string) error
}

// minDutyTTL keeps leases of frequent duties from being renewed all the time.
const minDutyTTL = 20 * time.Second

// Scheduler runs duties, each in a goroutine of its own so that a slow one does not hold up the others.
type Scheduler struct {
	owner   string
	leader  Leader
	duties  []Duty
	metrics *Metrics
	log     *slog.Logger
	clock   clock.Clock
}

// NewScheduler takes the duties of this worker.
func NewScheduler(owner string, leader Leader, metrics *Metrics, log *slog.Logger, c clock.Clock, duties ...Duty) *Scheduler {
	return &Scheduler{owner: owner, leader: leader, duties: duties, metrics: metrics, log: log, clock: c}
}

// Run works until ctx ends and all duties have returned.
func (s *Scheduler) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, d := range s.duties {
		wg.Go(func() { s.loop(ctx, d) })
	}
	wg.Wait()
	return nil
}

func (s *Scheduler) loop(ctx context.Context, d Duty) {
	ttl := max(3*d.Every, minDutyTTL)
	var leadUntil time.Time
	for ctx.Err() == nil {
		if leadUntil.Sub(s.clock.Now()) < ttl/2 {
			leads, err := s.leader.Lead(ctx, "duty:"+d.Name, s.owner, ttl)
			if err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "cannot find out who has a duty", slog.String("duty", d.Name), slog.Any("error", err))
			}
			leadUntil = time.Time{}
			if leads {
				leadUntil = s.clock.Now().Add(ttl)
			}
		}
		if s.clock.Now().Before(leadUntil) {
			s.once(ctx, d)
		}
		pause(ctx, d.Every)
	}
	if !leadUntil.IsZero() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), retryMax)
		defer cancel()
		if err := s.leader.Resign(stop, "duty:"+d.Name, s.owner); err != nil {
			s.log.WarnContext(stop, "duty is not given up", slog.String("duty", d.Name), slog.Any("error", err))
		}
	}
}

func (s *Scheduler) once(ctx context.Context, d Duty) {
	err := guarded(ctx, d.Run)
	result := "ok"
	if err != nil && ctx.Err() == nil {
		result = "error"
		s.log.WarnContext(ctx, "duty failed, it will be tried again", slog.String("duty", d.Name), slog.Any("error", err))
	}
	s.metrics.duties.WithLabelValues(d.Name, result).Inc()
}

// guarded turns a panic of a duty into an error: one bad row must not stop the consumption of usage.
func guarded(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return run(ctx)
}
