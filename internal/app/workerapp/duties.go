package workerapp

import (
	"context"
	"errors"
	"time"

	"starlane/internal/platform/id"
	"starlane/internal/worker"
)

const (
	keepEntries = 10 * time.Minute   // acknowledged usage entries, for people who look
	keepChanges = 7 * 24 * time.Hour // configuration changes
	keepAnswers = 24 * time.Hour     // of idempotent calls
	recentMarks = 24 * time.Hour     // watermarks that are told again
)

// duties lists what this worker does from time to time.
func (a *App) duties() ([]worker.Duty, error) {
	stripe, err := a.stripeDuties()
	if err != nil {
		return nil, err
	}
	return append(stripe, []worker.Duty{
		{Name: "periods", Every: time.Second, Run: a.closer().CloseRequested},
		{Name: "books", Every: 6 * time.Hour, Run: a.checkBooks},
		{Name: "partitions", Every: time.Hour, Run: a.meters.MakePartitions},
		{Name: "holds", Every: 5 * time.Second, Run: a.slicer.Sweep},
		{Name: "budgets", Every: 15 * time.Second, Run: a.slicer.CorrectBudgets},
		{Name: "watermarks", Every: 10 * time.Second, Run: a.republish},
		{Name: "backlog", Every: 10 * time.Second, Run: a.backlog},
		{Name: "trim", Every: time.Minute, Run: a.trim},
		{Name: "cleanup", Every: 10 * time.Minute, Run: a.cleanUp},
	}...), nil
}

// republish tells relays watermarks again: Redis may have been emptied, or a notice may have been lost.
func (a *App) republish(ctx context.Context) error {
	marks, err := a.meters.Watermarks(ctx, recentMarks)
	if err != nil {
		return err
	}
	return stream{a.redis}.SetCommitted(ctx, marks)
}

// backlog measures what waits.
func (a *App) backlog(ctx context.Context) error {
	lags, err := a.redis.Lags(ctx, allShards())
	if err != nil {
		return err
	}
	var entries int64
	var oldest time.Duration
	for _, lag := range lags {
		entries += max(lag.Undelivered, 0) + lag.Pending
		if !lag.OldestUnread.IsZero() {
			oldest = max(oldest, a.clock.Now().Sub(lag.OldestUnread))
		}
	}
	a.metrics.Backlog("entries", float64(entries))
	a.metrics.Backlog("oldest_seconds", oldest.Seconds())
	letters, events, err := a.meters.Waiting(ctx)
	if err != nil {
		return err
	}
	a.metrics.Backlog("dead_letters", float64(letters))
	a.metrics.Backlog("stripe_events", float64(events))
	return nil
}

// trim shortens the streams by what is posted and acknowledged.
func (a *App) trim(ctx context.Context) error {
	var all error
	for _, shard := range allShards() {
		_, err := a.redis.TrimCommitted(ctx, shard, keepEntries)
		all = errors.Join(all, err)
	}
	return all
}

func (a *App) cleanUp(ctx context.Context) error {
	return a.meters.CleanUp(ctx, keepChanges, keepAnswers)
}

func allShards() []int {
	out := make([]int, id.Shards)
	for i := range out {
		out[i] = i
	}
	return out
}
