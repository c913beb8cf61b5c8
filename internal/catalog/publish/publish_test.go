package publish

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"testing"

	"starlane/internal/catalog"
	"starlane/internal/tenancy/vkey"
)

// truth is a source whose changes are given by hand.
type truth struct {
	head    int64
	catalog catalog.Data
	changed []int64                 // numbers of catalogue changes
	keys    map[int64][]vkey.Record // by number of the change
	err     error
}

func (s *truth) Head(context.Context) (int64, error) { return s.head, s.err }
func (s *truth) CatalogChanged(_ context.Context, after int64) (bool, error) {
	return slices.ContainsFunc(s.changed, func(n int64) bool { return n > after }), s.err
}

func (s *truth) Catalog(context.Context) (catalog.Data, error) {
	s.catalog.Version = s.head
	return s.catalog, s.err
}

func (s *truth) AllKeys(_ context.Context, each func([]vkey.Record) error) (int64, error) {
	for _, list := range s.keys {
		if err := each(list); err != nil {
			return 0, err
		}
	}
	return s.head, s.err
}

func (s *truth) ChangedKeys(_ context.Context, after int64) (out []vkey.Record, head int64, err error) {
	for n, list := range s.keys {
		if n > after {
			out = append(out, list...)
		}
	}
	return out, s.head, s.err
}

// shelf is a target that remembers.
type shelf struct {
	catalogs, keys       int
	catalogVersion, high int64
	err                  error
}

func (s *shelf) PublishCatalog(_ context.Context, version int64, b []byte) (bool, error) {
	if s.err != nil {
		return false, s.err
	}
	var d catalog.Data
	if err := json.Unmarshal(b, &d); err != nil || d.Version != version {
		return false, errors.New("version and data differ")
	}
	s.catalogs++
	s.catalogVersion = version
	return true, nil
}

func (s *shelf) PublishKeys(_ context.Context, list []vkey.Record) (int, error) {
	s.keys += len(list)
	s.high = 1
	return len(list), s.err
}

func (s *shelf) Published(context.Context) (int64, int64, error) {
	return s.catalogVersion, s.high, s.err
}

func TestSteps(t *testing.T) {
	t.Parallel()
	from, to := &truth{head: 3, keys: map[int64][]vkey.Record{}}, &shelf{catalogVersion: -1, high: -1}
	l := New(from, to, slog.New(slog.DiscardHandler))
	step := func(what string, catalogs, keys int) {
		t.Helper()
		if err := l.Step(t.Context()); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if to.catalogs != catalogs || to.keys != keys {
			t.Errorf("%s: %d catalogues and %d keys published so far, want %d and %d", what, to.catalogs, to.keys, catalogs, keys)
		}
	}
	step("start without keys", 1, 0)
	step("nothing new, and no key is no loss", 1, 0)
	from.head, from.keys[4] = 4, []vkey.Record{{PublicID: "a"}}
	step("a key", 1, 1)
	step("nothing new", 1, 1)
	from.head, from.changed = 5, []int64{5}
	step("the catalogue", 2, 1)

	to.err = errors.New("away")
	from.head, from.keys[6] = 6, []vkey.Record{{PublicID: "b"}}
	if err := l.Step(t.Context()); err == nil {
		t.Error("step without target succeeds")
	}
	to.err = nil
	step("the target is back", 2, 2)
	to.catalogVersion, to.high = -1, -1
	step("the target has lost everything", 3, 4)

	from.head, from.changed = 7, []int64{7}
	from.catalog.Routes = []catalog.Route{{Alias: "m"}}
	from.catalog.Models = []catalog.Model{{Name: "m", State: "active"}}
	if err := l.Step(t.Context()); !errors.Is(err, ErrCatalog) {
		t.Errorf("contradicting catalogue: err = %v, want ErrCatalog", err)
	}
	from.catalog.Routes = nil
	step("put right", 4, 4)
}
