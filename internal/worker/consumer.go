package worker

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"starlane/internal/billing/metering"
)

// Run consumes until ctx ends, then finishes the batch in hand and gives its shards up. Everything happens in this one
// goroutine, so that leases change only between batches.
func (c *Consumer) Run(ctx context.Context) error {
	backoff := retryMin
	for ctx.Err() == nil {
		if err := c.round(ctx); err != nil && ctx.Err() == nil {
			c.metrics.errors.Inc()
			c.log.WarnContext(ctx, "usage is not consumed, trying again", slog.Any("error", err))
			pause(ctx, backoff)
			backoff = min(2*backoff, retryMax)
			continue
		}
		backoff = retryMin
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := c.shards.Drop(stop, c.cfg.Owner, c.held()); err != nil {
		c.log.WarnContext(stop, "shards are not given up, others wait for the lease to run out", slog.Any("error", err))
	}
	return nil
}

// round looks after leases and old entries if it is time, then takes one batch.
func (c *Consumer) round(ctx context.Context) error {
	if err := c.lease(ctx); err != nil {
		return err
	}
	held := c.held()
	if len(held) == 0 {
		pause(ctx, readBlock)
		return nil
	}
	if c.unfinished {
		// What a failed round had read is still pending for us; nobody else may touch our shards.
		if err := c.claim(ctx, held, 0); err != nil {
			return err
		}
		c.unfinished = false
	}
	if c.clock.Now().Sub(c.claimAt) >= claimEvery {
		c.claimAt = c.clock.Now()
		if err := c.claim(ctx, held, claimIdle); err != nil {
			return err
		}
	}
	messages, err := c.stream.Read(ctx, c.cfg.Owner, held, c.cfg.Batch, readBlock)
	if err != nil {
		return err
	}
	if len(messages) == 0 {
		return nil
	}
	began := c.clock.Now()
	if err := c.handle(ctx, messages); err != nil {
		return err
	}
	// Under load, small batches would cost more than they bring forward. The first event after a quiet time never waits.
	if rest := c.cfg.Linger - c.clock.Now().Sub(began); len(messages) < c.cfg.Batch && rest > 0 && began.Sub(c.lastBatch) < 2*c.cfg.Linger {
		pause(ctx, rest)
	}
	c.lastBatch = c.clock.Now()
	return nil
}

func (c *Consumer) held() []int { return slices.Sorted(maps.Keys(c.tokens)) }

// lease renews and balances the shards. What a former owner left unacknowledged in a new shard is taken over at once: the
// fence keeps that owner from posting it.
func (c *Consumer) lease(ctx context.Context) error {
	if len(c.tokens) > 0 && c.clock.Now().Sub(c.leaseAt) < c.cfg.LeaseTTL/3 {
		return nil
	}
	tokens, err := c.shards.Hold(ctx, c.cfg.Owner, c.held(), c.cfg.LeaseTTL)
	if err != nil {
		return err
	}
	c.leaseAt = c.clock.Now()
	var fresh []int
	for shard, token := range tokens {
		if c.tokens[shard] != token {
			fresh = append(fresh, shard)
		}
	}
	before := len(c.tokens)
	c.tokens = tokens
	c.metrics.shards.Set(float64(len(tokens)))
	if len(fresh) == 0 {
		return nil
	}
	slices.Sort(fresh)
	c.log.InfoContext(ctx, "took shards", slog.Int("new", len(fresh)), slog.Int("before", before), slog.Int("now", len(tokens)))
	err = c.stream.EnsureGroups(ctx, fresh)
	if err == nil {
		err = c.claim(ctx, fresh, 0)
	}
	if err != nil { // forget them, so that the next round starts over
		for _, shard := range fresh {
			delete(c.tokens, shard)
		}
	}
	return err
}

// claim takes over and posts entries that were read and not acknowledged.
func (c *Consumer) claim(ctx context.Context, shards []int, minIdle time.Duration) error {
	for _, shard := range shards {
		for ctx.Err() == nil {
			messages, lost, err := c.stream.Claim(ctx, c.cfg.Owner, shard, minIdle, c.cfg.Batch)
			if err != nil {
				return err
			}
			if len(lost) > 0 {
				c.metrics.lost.Add(float64(len(lost)))
				c.log.ErrorContext(ctx, "usage entries vanished before they were billed; relays will send them again from their logs",
					slog.Int("shard", shard), slog.Int("entries", len(lost)))
			}
			if len(messages) == 0 {
				break
			}
			if err := c.handle(ctx, messages); err != nil {
				return err
			}
		}
	}
	return nil
}

// handle posts messages in batches and acknowledges them. What fails stays pending on its stream and is claimed again. When
// a shard has a new owner its entries are left to that one.
func (c *Consumer) handle(ctx context.Context, messages []metering.Message) error {
	for batch := range slices.Chunk(messages, c.cfg.Batch) {
		// A batch that has begun is finished and acknowledged even if the worker is told to stop.
		work, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchTimeout)
		err := c.post(work, batch)
		cancel()
		if errors.Is(err, metering.ErrFenced) {
			c.metrics.fenced.Inc()
			c.tokens = map[int]int64{} // find out anew what is ours
			return nil
		}
		if err != nil {
			c.unfinished = true
			return err
		}
	}
	return nil
}

func (c *Consumer) post(ctx context.Context, batch []metering.Message) error {
	fence := metering.Fence{Owner: c.cfg.Owner, Tokens: map[int]int64{}}
	for i := range batch {
		token, ok := c.tokens[batch[i].Shard]
		if !ok {
			return metering.ErrFenced
		}
		fence.Tokens[batch[i].Shard] = token
	}
	began := c.clock.Now()
	result, err := c.meter.Process(ctx, batch, fence)
	if err != nil {
		return err
	}
	now := c.clock.Now()
	c.metrics.batch(batch, result, now, now.Sub(began))
	if err := c.stream.Ack(ctx, batch); err != nil {
		return err
	}
	c.notify(ctx, result)
	return nil
}

// notify tells what was committed. A failure is repaired by the periodic publication.
func (c *Consumer) notify(ctx context.Context, r metering.Result) {
	if len(r.Letters) > 0 {
		c.log.ErrorContext(ctx, "usage events wait as dead letters", slog.Int("events", len(r.Letters)), slog.String("first", r.Letters[0].Reason))
		if err := c.notices.CopyLetters(ctx, r.Letters); err != nil {
			c.log.WarnContext(ctx, "dead letters are in the database only", slog.Any("error", err))
		}
	}
	if err := c.notices.SetCommitted(ctx, r.Committed); err != nil {
		c.log.WarnContext(ctx, "watermarks are not published", slog.Any("error", err))
	}
	c.watcher.Charged(r.Charged, r.Refresh)
}

// pause waits, or returns early when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
