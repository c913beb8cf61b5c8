// Package snapshot keeps in the relay's memory what it needs to know without asking: the catalog and the records of the
// virtual keys. Both are published to a source that is polled twice a second, so a key that was created, changed or
// revoked is known in well under two seconds. A copy on the local disk serves a cold start while the source is away.
package snapshot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"starlane/internal/catalog"
	"starlane/internal/platform/clock"
	"starlane/internal/relay"
	"starlane/internal/tenancy/vkey"
)

// Source is where snapshots are published.
type Source interface {
	// Versions returns the catalog's version (-1: none), the number of key publications so far, and a generation that
	// changes when the source was emptied (empty: nothing is published).
	Versions(ctx context.Context) (catalogVersion, keySeq int64, generation string, err error)
	// Catalog returns catalog.Data as JSON, nil if there is none.
	Catalog(ctx context.Context) (data []byte, version int64, err error)
	// KeysSince returns the records of the publications after a number, and the number reached.
	KeysSince(ctx context.Context, after int64, limit int) (records []vkey.Record, reached int64, err error)
	// AllKeys walks over all records, some of them perhaps twice.
	AllKeys(ctx context.Context, each func(vkey.Record) error) error
	// Key returns one record.
	Key(ctx context.Context, publicID string) (r vkey.Record, ok bool, err error)
}

// Options of a Watcher. Zero values take the defaults named.
type Options struct {
	Source    Source
	Path      string        // of the copy on disk; empty: none
	PollEvery time.Duration // 500 ms
	FullEvery time.Duration // between full comparisons, give or take half (5 min)
	SaveEvery time.Duration // shortest time between two copies to disk (30 s)
	Clock     clock.Clock
	Logger    *slog.Logger
}

const (
	pollTimeout = 2 * time.Second
	fullTimeout = time.Minute
	logPage     = 1000
	lookupsASec = 200 // for keys that nobody has heard of
	lookupBurst = 400
	lookupWait  = 500 * time.Millisecond
	maxUnknown  = 100_000 // remembered unknown ids
	unknownFor  = 5 * time.Second
	defaultPoll = 500 * time.Millisecond
	defaultFull = 5 * time.Minute
	defaultSave = 30 * time.Second
)

// Watcher is safe for use by many goroutines. It implements relay.KeyResolver.
type Watcher struct {
	o       Options
	catalog atomic.Pointer[catalog.Snapshot]
	lookups *rate.Limiter

	mu      sync.RWMutex
	keys    map[string]*vkey.Record
	unknown map[string]time.Time

	// Owned by Run.
	generation string
	seq        int64
	catalogOf  string          // generation of the catalog
	refused    int64           // catalog version that does not compile
	absent     map[string]bool // keys that the last full comparison did not find
	raw        []byte          // catalog as published
	dirty      bool            // memory differs from disk
	saved      time.Time
	polled     atomic.Int64 // Unix nanoseconds of the last good poll
}

var _ relay.KeyResolver = (*Watcher)(nil)

// New returns a Watcher that knows what the copy on disk says. Run keeps it up to date.
func New(o Options) *Watcher {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.PollEvery, defaultPoll)
	def(&o.FullEvery, defaultFull)
	def(&o.SaveEvery, defaultSave)
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{
		o: o, lookups: rate.NewLimiter(lookupsASec, lookupBurst), keys: map[string]*vkey.Record{}, unknown: map[string]time.Time{},
		refused: -1, absent: map[string]bool{},
	}
	w.load()
	return w
}

// Catalog returns the current snapshot, nil before the first one has come.
func (w *Watcher) Catalog() *catalog.Snapshot { return w.catalog.Load() }

// Ready tells whether the relay knows enough to serve.
func (w *Watcher) Ready(context.Context) error {
	if w.catalog.Load() == nil {
		return errors.New("no catalog has been published yet")
	}
	return nil
}

// Age is the time since the source was last heard of; large if it never was.
func (w *Watcher) Age() time.Duration {
	return w.o.Clock.Now().Sub(time.Unix(0, w.polled.Load()))
}

// Keys is the number of records in memory.
func (w *Watcher) Keys() int {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return len(w.keys)
}

// Run polls until ctx ends. It polls at once, so that a relay can serve as soon as the source answers.
func (w *Watcher) Run(ctx context.Context) error {
	poll := time.NewTicker(w.o.PollEvery)
	defer poll.Stop()
	full := time.NewTimer(w.jittered())
	defer full.Stop()
	failing := false
	for {
		err := w.Poll(ctx)
		if ctx.Err() != nil {
			w.save(true)
			return nil
		}
		if failed := err != nil; failed != failing {
			failing = failed
			if failed {
				w.o.Logger.Warn("catalog and keys cannot be read; the last known state is used", "error", err)
			} else {
				w.o.Logger.Info("catalog and keys are read again")
			}
		}
		w.save(false)
		select {
		case <-ctx.Done():
			w.save(true)
			return nil
		case <-poll.C:
		case <-full.C:
			if err := w.compareAll(ctx); err != nil && ctx.Err() == nil {
				w.o.Logger.Warn("keys cannot be compared", "error", err)
			}
			full.Reset(w.jittered())
		}
	}
}

// jittered keeps a fleet from asking all at once.
func (w *Watcher) jittered() time.Duration {
	return w.o.FullEvery/2 + rand.N(w.o.FullEvery)
}

// Poll brings memory up to date once. Run calls it; tests and a start that wants to wait may, before Run.
func (w *Watcher) Poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	version, seq, generation, err := w.o.Source.Versions(ctx)
	if err != nil {
		return fmt.Errorf("poll snapshot: %w", err)
	}
	if err := w.pollCatalog(ctx, version, generation); err != nil {
		return err
	}
	switch {
	case generation != "" && generation != w.generation:
		if err := w.loadAll(ctx, seq, generation); err != nil {
			return err
		}
	case generation != "" && seq > w.seq:
		if err := w.follow(ctx, seq); err != nil {
			return err
		}
	}
	w.polled.Store(w.o.Clock.Now().UnixNano())
	return nil
}

// pollCatalog takes over a newer catalog, or any catalog of another generation: that of a new installation may count anew.
func (w *Watcher) pollCatalog(ctx context.Context, version int64, generation string) error {
	current := w.catalog.Load()
	anew := generation != "" && generation != w.catalogOf
	if version < 0 || version == w.refused || (current != nil && version <= current.Version && !anew) {
		return nil
	}
	data, got, err := w.o.Source.Catalog(ctx)
	if err != nil || data == nil {
		return wrap("read catalog", err)
	}
	s, err := catalog.Decode(data)
	if err != nil {
		w.refused = got
		w.o.Logger.Error("the published catalog is refused; the last good one stays", "version", got, "error", err)
		return nil
	}
	w.refused, w.catalogOf = -1, generation
	w.catalog.Store(s)
	w.raw, w.dirty = data, true
	w.o.Logger.Info("catalog changed", "version", got)
	return nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
