// Package worker is the loop that turns usage streams into ledger entries, and the clock for everything that has to be
// done from time to time. What is done is in internal/billing; this package decides when, and by whom.
package worker

import (
	"context"
	"log/slog"
	"time"

	"starlane/internal/billing/metering"
	"starlane/internal/billing/money"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
)

// Stream is the transport of usage events.
type Stream interface {
	EnsureGroups(ctx context.Context, shards []int) error
	// Read returns new entries of the shards, at most about count, waiting up to block for the first.
	Read(ctx context.Context, consumer string, shards []int, count int, block time.Duration) ([]metering.Message, error)
	// Claim takes over entries that nobody has acknowledged for minIdle; lost are those that are gone from the stream.
	Claim(ctx context.Context, consumer string, shard int, minIdle time.Duration, count int) (list []metering.Message, lost []string, err error)
	Ack(ctx context.Context, messages []metering.Message) error
}

// Notices is what the worker tells the rest of the fleet after a commit. Failing to do so costs time, never money.
type Notices interface {
	SetCommitted(ctx context.Context, marks []metering.Mark) error
	CopyLetters(ctx context.Context, letters []metering.Letter) error
}

// Meter posts messages.
type Meter interface {
	Process(ctx context.Context, messages []metering.Message, f metering.Fence) (metering.Result, error)
}

// Shards shares the streams out among workers.
type Shards interface {
	Hold(ctx context.Context, owner string, held []int, ttl time.Duration) (map[int]int64, error)
	Drop(ctx context.Context, owner string, held []int) error
}

// Watcher hears what was charged: the slicer sizes slices by it.
type Watcher interface {
	Charged(charged map[id.ID]money.Amount, beyondHolds []id.ID)
}

// Config of the consumer.
type Config struct {
	Owner    string        // name of this worker, unique in the fleet
	Batch    int           // most events in one transaction
	Linger   time.Duration // shortest time between two batches that are not full
	LeaseTTL time.Duration // of shards; zero: 15 s
}

const (
	defaultLeaseTTL = 15 * time.Second
	readBlock       = 250 * time.Millisecond
	claimEvery      = 15 * time.Second
	claimIdle       = 60 * time.Second // longer than any batch takes
	retryMin        = 100 * time.Millisecond
	retryMax        = 3 * time.Second
	batchTimeout    = 30 * time.Second // shorter than claimIdle
	stopTimeout     = 5 * time.Second  // to give shards up
)

// Consumer reads the shards that this worker holds.
type Consumer struct {
	cfg     Config
	stream  Stream
	notices Notices
	meter   Meter
	shards  Shards
	watcher Watcher
	metrics *Metrics
	log     *slog.Logger
	clock   clock.Clock

	tokens    map[int]int64 // shard → fencing token
	leaseAt   time.Time     // when leases were last looked after
	claimAt   time.Time
	lastBatch time.Time

	unfinished bool // a round failed after it had read entries
}

// Deps of a Consumer; all must be set.
type Deps struct {
	Stream  Stream
	Notices Notices
	Meter   Meter
	Shards  Shards
	Watcher Watcher
	Metrics *Metrics
	Log     *slog.Logger
	Clock   clock.Clock
}

// NewConsumer holds no shard yet.
func NewConsumer(cfg Config, d Deps) *Consumer {
	if cfg.LeaseTTL == 0 {
		cfg.LeaseTTL = defaultLeaseTTL
	}
	return &Consumer{
		cfg: cfg, stream: d.Stream, notices: d.Notices, meter: d.Meter, shards: d.Shards, watcher: d.Watcher,
		metrics: d.Metrics, log: d.Log, clock: d.Clock, tokens: map[int]int64{},
	}
}
