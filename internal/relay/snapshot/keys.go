package snapshot

import (
	"context"
	"time"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay"
	"starlane/internal/tenancy/vkey"
)

// Resolve returns the record of a key. One that memory does not have, because it was created this moment, is asked for
// once; how often that may happen, and how many unknown ids are remembered, is bounded.
func (w *Watcher) Resolve(ctx context.Context, publicID string) (*vkey.Record, error) {
	w.mu.RLock()
	r := w.keys[publicID]
	until, unknown := w.unknown[publicID]
	w.mu.RUnlock()
	if r != nil {
		return r, nil
	}
	now := w.o.Clock.Now()
	if unknown && now.Before(until) {
		return nil, relay.ErrUnknownKey
	}
	if !w.lookups.AllowN(now, 1) {
		return nil, apperr.New(apperr.NoCapacity, "Too many unknown keys at the moment.").WithRetryAfter(time.Second)
	}
	ctx, cancel := context.WithTimeout(ctx, lookupWait)
	defer cancel()
	found, ok, err := w.o.Source.Key(ctx, publicID)
	if err != nil {
		return nil, apperr.Wrap(err, apperr.NoCapacity, "The key cannot be checked at the moment.").WithRetryAfter(time.Second)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !ok {
		w.remember(publicID, now)
		return nil, relay.ErrUnknownKey
	}
	if known := w.keys[publicID]; known != nil && known.Version >= found.Version {
		return known, nil
	}
	w.keys[publicID] = &found
	return &found, nil
}

// remember notes an unknown id. When the list is full, what has run out goes first, then everything: to forget is harmless.
func (w *Watcher) remember(publicID string, now time.Time) {
	if len(w.unknown) >= maxUnknown {
		for v, until := range w.unknown {
			if !now.Before(until) {
				delete(w.unknown, v)
			}
		}
		if len(w.unknown) >= maxUnknown {
			clear(w.unknown)
		}
	}
	w.unknown[publicID] = now.Add(unknownFor)
}

// follow reads the log of publications up to an end.
func (w *Watcher) follow(ctx context.Context, end int64) error {
	for w.seq < end {
		records, reached, err := w.o.Source.KeysSince(ctx, w.seq, logPage)
		if err != nil {
			return wrap("follow keys", err)
		}
		w.mu.Lock()
		for i := range records {
			w.put(&records[i], false)
		}
		w.mu.Unlock()
		if reached <= w.seq {
			break // the rest was published again under a later number
		}
		w.seq, w.dirty = reached, true
	}
	w.seq = max(w.seq, end)
	return nil
}

// put stores a record unless a newer one is known. The caller holds the lock.
func (w *Watcher) put(r *vkey.Record, anyVersion bool) {
	if known := w.keys[r.PublicID]; known == nil || anyVersion || r.Version > known.Version {
		w.keys[r.PublicID] = r
	}
	delete(w.unknown, r.PublicID)
}

// loadAll takes over everything of a new generation. What it does not have stays for the moment: the publisher may still
// be at work. compareAll removes it later.
func (w *Watcher) loadAll(ctx context.Context, seq int64, generation string) error {
	n := 0
	err := w.o.Source.AllKeys(ctx, func(r vkey.Record) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.put(&r, true)
		n++
		return nil
	})
	if err != nil {
		return wrap("load keys", err)
	}
	w.seq, w.generation, w.dirty = seq, generation, true
	w.o.Logger.Info("all keys loaded", "records", n)
	return nil
}

// compareAll repairs what a lost publication may have left behind. A key is dropped when it is missing twice.
func (w *Watcher) compareAll(ctx context.Context) error {
	if w.generation == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, fullTimeout)
	defer cancel()
	seen := map[string]bool{}
	err := w.o.Source.AllKeys(ctx, func(r vkey.Record) error {
		seen[r.PublicID] = true
		w.mu.Lock()
		defer w.mu.Unlock()
		w.put(&r, false)
		return nil
	})
	if err != nil {
		return wrap("compare keys", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	absent := map[string]bool{}
	for v := range w.keys {
		switch {
		case seen[v]:
		case w.absent[v]:
			delete(w.keys, v)
			w.dirty = true
		default:
			absent[v] = true
		}
	}
	w.absent = absent
	return nil
}
