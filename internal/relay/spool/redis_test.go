package spool

import (
	"context"
	"testing"
	"time"

	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	redisstore "starlane/internal/store/redis"
	"starlane/internal/testkit/redistest"
	"starlane/internal/usage"
)

// A stand-in for the worker: what it has seen, and watermarks without gaps, as Postgres would keep them.
type biller struct {
	store *redisstore.Store
	seen  map[id.ID]int
	seqs  map[uint64]bool
	mark  uint64
}

// drain reads and acknowledges what is there and publishes the watermark.
func (b *biller) drain(t *testing.T, boot int64) {
	t.Helper()
	shards := make([]int, id.Shards)
	for i := range shards {
		shards[i] = i
	}
	list, err := b.store.ReadGroup(t.Context(), "w", shards, 500, 5*time.Millisecond)
	if err != nil {
		t.Logf("read: %v", err) // Redis is down for a moment
		return
	}
	for i := range list {
		if list[i].Err != nil {
			t.Fatalf("message: %v", list[i].Err)
		}
		b.seen[list[i].Event.ID]++
		b.seqs[list[i].Event.Seq] = true
	}
	for b.seqs[b.mark+1] {
		b.mark++
	}
	if err := b.store.Ack(t.Context(), list); err != nil {
		t.Logf("ack: %v", err)
	}
	if err := b.store.SetCommitted(t.Context(), map[redisstore.Producer]uint64{{Relay: "r", Boot: boot}: b.mark}); err != nil {
		t.Logf("watermark: %v", err)
	}
}

// Redis is restarted, killed and emptied under load: billing still hears of every event.
func TestNothingIsLostWhateverRedisDoes(t *testing.T) {
	t.Parallel()
	r := redistest.New(t)
	store, err := redisstore.Open(secret.New(r.URL), redisstore.Options{})
	check(t, err)
	t.Cleanup(func() { check(t, store.Close()) })
	l := openLog(t, Options{
		Dir: t.TempDir(), Streams: store, PublishEvery: time.Millisecond, CheckEvery: 20 * time.Millisecond, SegmentBytes: 16 << 10,
		ResendAfter: 300 * time.Millisecond,
	})
	run(t, l)
	b := &biller{store: store, seen: map[id.ID]int{}, seqs: map[uint64]bool{}}
	var want []usage.Event
	load := func(n int) {
		for range n {
			want = append(want, finish(t, l, begin(t, l)))
		}
	}
	for _, trouble := range []func(){
		func() {},
		func() { r.Restart(t) },
		func() { r.Kill(t); load(50); r.Start(t) },
		func() { check(t, r.Client.FlushAll(t.Context()).Err()) },
	} {
		load(200)
		b.drain(t, l.Boot())
		load(100)
		trouble()
		load(100)
		waitRedis(t, store)
		eventually(t, "billing has every event", func() bool { b.drain(t, l.Boot()); return b.mark == uint64(len(want)) })
	}
	for _, e := range want {
		if b.seen[e.ID] == 0 {
			t.Fatalf("event %d never arrived", e.Seq)
		}
	}
	eventually(t, "the log is tidied", func() bool { return l.Stats().Segments <= 2 })
}

func waitRedis(t *testing.T, s *redisstore.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	check(t, s.Wait(ctx))
}

// BenchmarkToTheStream is the whole way of a request through the log, up to Redis.
func BenchmarkToTheStream(b *testing.B) {
	r := redistest.New(b)
	store, err := redisstore.Open(secret.New(r.URL), redisstore.Options{})
	check(b, err)
	b.Cleanup(func() { check(b, store.Close()) })
	l := openLog(b, Options{Dir: b.TempDir(), Streams: store, MaxBytes: 1 << 40, SegmentBytes: 8 << 20})
	o := newOpen()
	e := endOf(o)
	for b.Loop() {
		if l.Begin(o) != nil || l.Append(&e) != nil {
			b.Fatal("refused")
		}
	}
	run(b, l)
	eventually(b, "all is published", func() bool {
		n, err := r.Client.XLen(b.Context(), "usage:{"+id.Tag(id.Shard(o.Tenant))+"}").Result()
		return err == nil && n >= int64(e.Seq)
	})
}
