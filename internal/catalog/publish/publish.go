// Package publish tells relays what they need to know: it watches the numbered configuration changes in Postgres and
// writes the catalogue and the records of virtual keys to Redis. Any number of loops may run at once, in the api and in the
// worker: Redis takes only what is newer than what it has.
package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"starlane/internal/catalog"
	"starlane/internal/tenancy/vkey"
)

// Every is the time between looks. Relays look at Redis every half second, so a change arrives within two.
const Every = 250 * time.Millisecond

// Source is the truth.
type Source interface {
	Head(ctx context.Context) (int64, error)
	CatalogChanged(ctx context.Context, after int64) (bool, error)
	Catalog(ctx context.Context) (catalog.Data, error)
	AllKeys(ctx context.Context, each func([]vkey.Record) error) (head int64, err error)
	ChangedKeys(ctx context.Context, after int64) (records []vkey.Record, head int64, err error)
}

// Target is what relays read. Published answers -1 for what is not there.
type Target interface {
	PublishCatalog(ctx context.Context, version int64, data []byte) (stored bool, err error)
	PublishKeys(ctx context.Context, records []vkey.Record) (stored int, err error)
	Published(ctx context.Context) (catalogVersion, keysVersion int64, err error)
}

// Loop publishes until it is stopped.
type Loop struct {
	source Source
	target Target
	log    *slog.Logger

	started  bool
	failing  bool
	seen     int64 // changes up to here are published
	haveKeys bool  // some record was published; before that Redis rightly has none
}

// New returns a loop that starts by publishing everything.
func New(source Source, target Target, log *slog.Logger) *Loop {
	return &Loop{source: source, target: target, log: log}
}

// Run works until ctx ends. A failure is logged when it begins and when it is over, and tried again.
func (l *Loop) Run(ctx context.Context) error {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		err := l.Step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !l.failing:
			l.log.ErrorContext(ctx, "configuration is not being published", "error", err.Error())
		case err == nil && l.failing:
			l.log.InfoContext(ctx, "configuration is being published again")
		}
		l.failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Step publishes what changed since the last step; everything at the start and when Redis has lost it.
func (l *Loop) Step(ctx context.Context) error {
	catalogVersion, keysVersion, err := l.target.Published(ctx)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if !l.started || catalogVersion < 0 || (keysVersion < 0 && l.haveKeys) {
		return l.everything(ctx)
	}
	head, err := l.source.Head(ctx)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if head <= l.seen {
		return nil
	}
	changed, err := l.source.CatalogChanged(ctx, l.seen)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	records, head, err := l.source.ChangedKeys(ctx, l.seen)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if err := l.keys(ctx, records); err != nil {
		return err
	}
	if changed {
		if err := l.catalog(ctx); err != nil {
			return err
		}
	}
	l.seen = head
	return nil
}

func (l *Loop) everything(ctx context.Context) error {
	head, err := l.source.AllKeys(ctx, func(records []vkey.Record) error { return l.keys(ctx, records) })
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if err := l.catalog(ctx); err != nil {
		return err
	}
	l.started, l.seen = true, head
	return nil
}

func (l *Loop) keys(ctx context.Context, records []vkey.Record) error {
	if len(records) == 0 {
		return nil
	}
	if _, err := l.target.PublishKeys(ctx, records); err != nil {
		return fmt.Errorf("publish keys: %w", err)
	}
	l.haveKeys = true
	return nil
}

// ErrCatalog means that the catalogue contradicts itself; relays keep the one they have.
var ErrCatalog = errors.New("catalogue does not compile")

func (l *Loop) catalog(ctx context.Context) error {
	data, err := l.source.Catalog(ctx)
	if err != nil {
		return fmt.Errorf("publish catalogue: %w", err)
	}
	if _, err := catalog.Compile(data); err != nil {
		return fmt.Errorf("%w: %w", ErrCatalog, err)
	}
	b, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("publish catalogue: %w", err)
	}
	if _, err := l.target.PublishCatalog(ctx, data.Version, b); err != nil {
		return fmt.Errorf("publish catalogue: %w", err)
	}
	return nil
}
