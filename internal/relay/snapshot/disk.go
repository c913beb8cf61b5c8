package snapshot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"starlane/internal/catalog"
	"starlane/internal/tenancy/vkey"
)

// copyOnDisk holds no secret in the clear: keys as digests, upstream keys sealed.
type copyOnDisk struct {
	Generation string          `json:"generation"`
	Seq        int64           `json:"seq"`
	Catalog    json.RawMessage `json:"catalog"`
	Keys       []*vkey.Record  `json:"keys"`
}

// load reads the copy. One that is missing or damaged is as good as none.
func (w *Watcher) load() {
	if w.o.Path == "" {
		return
	}
	b, err := os.ReadFile(w.o.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var c copyOnDisk
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	var s *catalog.Snapshot
	if err == nil {
		s, err = catalog.Decode(c.Catalog)
	}
	if err != nil {
		w.o.Logger.Warn("the copy of catalog and keys cannot be used", "error", err)
		return
	}
	w.catalog.Store(s)
	w.raw = c.Catalog
	for _, r := range c.Keys {
		w.keys[r.PublicID] = r
	}
	// The place in the log is not taken over: the first poll compares everything once.
	w.o.Logger.Info("catalog and keys loaded from disk", "version", s.Version, "keys", len(c.Keys))
}

// save writes the copy if something changed and the last one is old enough, or now.
func (w *Watcher) save(now bool) {
	at := w.o.Clock.Now()
	if w.o.Path == "" || !w.dirty || w.raw == nil || (!now && !w.saved.IsZero() && at.Sub(w.saved) < w.o.SaveEvery) {
		return
	}
	w.saved = at
	if err := w.write(); err != nil {
		w.o.Logger.Warn("catalog and keys cannot be copied to disk", "error", err)
		return
	}
	w.dirty = false
}

func (w *Watcher) write() error {
	c := copyOnDisk{Generation: w.generation, Seq: w.seq, Catalog: w.raw}
	w.mu.RLock()
	for _, r := range w.keys {
		c.Keys = append(c.Keys, r)
	}
	w.mu.RUnlock()
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(w.o.Path), 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	part := w.o.Path + ".part"
	if err := os.WriteFile(part, b, 0o600); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := os.Rename(part, w.o.Path); err != nil {
		return fmt.Errorf("replace: %w", err)
	}
	return nil
}
