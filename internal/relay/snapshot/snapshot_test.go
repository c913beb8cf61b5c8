package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"starlane/internal/catalog"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/secret"
	"starlane/internal/relay"
	redisstore "starlane/internal/store/redis"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/testkit/redistest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

func storeOn(t *testing.T, r *redistest.Redis) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(secret.New(r.URL), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func publishCatalog(t *testing.T, s *redisstore.Store, version int64, model string) {
	t.Helper()
	b, err := json.Marshal(catalog.Data{Version: version, Models: []catalog.Model{{Name: model, State: "active"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PublishCatalog(t.Context(), version, b); err != nil {
		t.Fatal(err)
	}
}

func publishKeys(t *testing.T, s *redisstore.Store, records ...vkey.Record) {
	t.Helper()
	if _, err := s.PublishKeys(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

func poll(t *testing.T, w *Watcher) {
	t.Helper()
	if err := w.Poll(t.Context()); err != nil {
		t.Fatalf("Poll: %v", err)
	}
}

func resolve(t *testing.T, w *Watcher, publicID string) *vkey.Record {
	t.Helper()
	r, err := w.Resolve(t.Context(), publicID)
	if err != nil {
		t.Fatalf("Resolve(%s): %v", publicID, err)
	}
	return r
}

func TestFollowsCatalogAndKeys(t *testing.T) {
	t.Parallel()
	s := storeOn(t, redistest.New(t))
	w := New(Options{Source: s})
	poll(t, w)
	if w.Catalog() != nil || w.Ready(t.Context()) == nil {
		t.Error("ready before anything is published")
	}
	publishCatalog(t, s, 3, "a")
	publishKeys(t, s, vkey.Record{PublicID: "aaaaaaaa", Version: 1, Active: true}, vkey.Record{PublicID: "bbbbbbbb", Version: 1, Active: true})
	poll(t, w)
	if w.Catalog() == nil || w.Catalog().Model("a") == nil || w.Ready(t.Context()) != nil || w.Keys() != 2 {
		t.Fatal("the first publication is not taken over")
	}
	publishKeys(t, s, vkey.Record{PublicID: "aaaaaaaa", Version: 4, Reason: "revoked"})
	publishCatalog(t, s, 4, "b")
	poll(t, w)
	if resolve(t, w, "aaaaaaaa").Active || !resolve(t, w, "bbbbbbbb").Active {
		t.Error("the revocation is not taken over")
	}
	if w.Catalog().Model("b") == nil {
		t.Error("the newer catalog is not taken over")
	}
}

func TestRefusesABrokenCatalogAndKeepsTheLast(t *testing.T) {
	t.Parallel()
	s := storeOn(t, redistest.New(t))
	w := New(Options{Source: s})
	publishCatalog(t, s, 1, "a")
	poll(t, w)
	if _, err := s.PublishCatalog(t.Context(), 2, []byte("{")); err != nil {
		t.Fatal(err)
	}
	poll(t, w)
	if w.Catalog().Model("a") == nil {
		t.Error("the good catalog is gone")
	}
	publishCatalog(t, s, 3, "c")
	poll(t, w)
	if w.Catalog().Model("c") == nil {
		t.Error("the next good catalog is not taken over")
	}
}

func TestUnknownKeysAreAskedForOnce(t *testing.T) {
	t.Parallel()
	r := redistest.New(t)
	s, c := storeOn(t, r), clock.NewFake(time.Now())
	w := New(Options{Source: s, Clock: c})
	if _, err := w.Resolve(t.Context(), "zzzzzzzz"); !errors.Is(err, relay.ErrUnknownKey) {
		t.Fatalf("error = %v, want ErrUnknownKey", err)
	}
	publishKeys(t, s, vkey.Record{PublicID: "zzzzzzzz", Version: 1, Active: true}, vkey.Record{PublicID: "yyyyyyyy", Version: 1, Active: true})
	if _, err := w.Resolve(t.Context(), "zzzzzzzz"); !errors.Is(err, relay.ErrUnknownKey) {
		t.Errorf("error = %v, want it remembered", err)
	}
	if !resolve(t, w, "yyyyyyyy").Active { // created after the last poll
		t.Error("a new key is not found")
	}
	poll(t, w)
	resolve(t, w, "zzzzzzzz") // a publication ends what was remembered
	for i := range lookupBurst + 10 {
		if _, err := w.Resolve(t.Context(), fmt.Sprintf("%08d", i)); err != nil && !errors.Is(err, relay.ErrUnknownKey) {
			if !apperr.Is(err, apperr.NoCapacity) {
				t.Fatalf("error = %v", err)
			}
			return
		}
	}
	t.Error("any number of unknown keys is looked up")
}

func TestUnknownIdsAreBounded(t *testing.T) {
	t.Parallel()
	w, now := New(Options{}), time.Now()
	for i := range maxUnknown + 5 {
		w.remember(fmt.Sprintf("%08d", i), now)
	}
	if len(w.unknown) > maxUnknown {
		t.Errorf("%d unknown ids remembered, want at most %d", len(w.unknown), maxUnknown)
	}
}

func TestSourceAwayIsNeverHeldAgainstTheClient(t *testing.T) {
	t.Parallel()
	r := redistest.New(t)
	s := storeOn(t, r)
	w := New(Options{Source: s})
	publishKeys(t, s, vkey.Record{PublicID: "aaaaaaaa", Version: 1, Active: true})
	publishCatalog(t, s, 1, "a")
	poll(t, w)
	r.Stop(t)
	if _, err := w.Resolve(t.Context(), "bbbbbbbb"); !apperr.Is(err, apperr.NoCapacity) {
		t.Errorf("error = %v, want no_capacity", err)
	}
	if err := w.Poll(t.Context()); err == nil {
		t.Error("Poll of a stopped server gives no error")
	}
	resolve(t, w, "aaaaaaaa")
	r.Start(t)
}

func TestColdStartFromDisk(t *testing.T) {
	t.Parallel()
	r := redistest.New(t)
	s, path := storeOn(t, r), filepath.Join(t.TempDir(), "spool", "snapshot.json")
	publishCatalog(t, s, 1, "a")
	publishKeys(t, s, vkey.Record{PublicID: "aaaaaaaa", Version: 1, Active: true})
	ctx, cancel := context.WithCancel(t.Context())
	first := New(Options{Source: s, Path: path, PollEvery: time.Millisecond})
	done := make(chan error, 1)
	go func() { done <- first.Run(ctx) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for first.Catalog() == nil || first.Keys() == 0 {
		<-tick.C
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("copy: %v %v, want mode 0600", info, err)
	}
	r.Stop(t)
	cold := New(Options{Source: s, Path: path})
	if cold.Catalog() == nil || !resolve(t, cold, "aaaaaaaa").Active {
		t.Error("nothing is known after a cold start")
	}
	r.Start(t)
	// What changed meanwhile is taken over, although the place in the log is unknown.
	publishKeys(t, s, vkey.Record{PublicID: "aaaaaaaa", Version: 2})
	poll(t, cold)
	if resolve(t, cold, "aaaaaaaa").Active {
		t.Error("a key that was revoked meanwhile still works")
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if w := New(Options{Source: s, Path: path}); w.Catalog() != nil {
		t.Error("a damaged copy is used")
	}
}

func TestAnEmptiedSourceIsReadAnew(t *testing.T) {
	t.Parallel()
	r := redistest.New(t)
	s := storeOn(t, r)
	w := New(Options{Source: s})
	publishCatalog(t, s, 9, "a")
	publishKeys(t, s, vkey.Record{PublicID: "aaaaaaaa", Version: 9, Active: true}, vkey.Record{PublicID: "bbbbbbbb", Version: 9, Active: true})
	poll(t, w)
	if err := r.Client.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	poll(t, w)
	resolve(t, w, "aaaaaaaa") // an empty source is no reason to refuse anybody
	if w.Catalog() == nil {
		t.Error("the catalog is gone")
	}
	publishKeys(t, s, vkey.Record{PublicID: "aaaaaaaa", Version: 2}) // a new installation counts anew
	poll(t, w)
	publishCatalog(t, s, 2, "new")
	poll(t, w)
	if resolve(t, w, "aaaaaaaa").Active || w.Catalog().Model("new") == nil {
		t.Error("the new generation is not taken over")
	}
	for range 2 {
		if err := w.compareAll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Resolve(t.Context(), "bbbbbbbb"); !errors.Is(err, relay.ErrUnknownKey) {
		t.Errorf("a key that was not published again: %v, want ErrUnknownKey", err)
	}
}

func BenchmarkResolve(b *testing.B) {
	w := New(Options{})
	w.keys["aaaaaaaa"] = &vkey.Record{PublicID: "aaaaaaaa"}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Resolve(ctx, "aaaaaaaa"); err != nil {
			b.Fatal(err)
		}
	}
}
