package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/usage"
)

func TestSequenceIsDenseAndStamped(t *testing.T) {
	t.Parallel()
	l := openLog(t, Options{Dir: t.TempDir()})
	for i := range 5 {
		e := finish(t, l, begin(t, l))
		if e.Relay != "r" || e.Boot != l.Boot() || e.Seq != uint64(i+1) {
			t.Errorf("event %d is stamped %s %d %d", i, e.Relay, e.Boot, e.Seq)
		}
	}
	if s := l.Stats(); s.Open != 0 || s.Seq != 5 || s.Bytes == 0 {
		t.Errorf("Stats = %+v", s)
	}
}

func TestEventsReachTheStreams(t *testing.T) {
	t.Parallel()
	f := newFake()
	l := openLog(t, Options{Dir: t.TempDir(), Streams: f, PublishEvery: time.Millisecond, SegmentBytes: 2000})
	run(t, l)
	var want []id.ID
	for range 50 {
		want = append(want, finish(t, l, begin(t, l)).ID)
	}
	eventually(t, "all events are published", func() bool {
		for _, v := range want {
			if f.count(v) == 0 {
				return false
			}
		}
		return true
	})
	for _, v := range want {
		if n := f.count(v); n != 1 {
			t.Errorf("event sent %d times, want once while nothing goes wrong", n)
		}
	}
	eventually(t, "a heartbeat", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.beats > 0 })
}

func TestPublisherWaitsOutAnOutage(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.down = errors.New("down")
	l := openLog(t, Options{Dir: t.TempDir(), Streams: f, PublishEvery: time.Millisecond})
	stop := run(t, l)
	e := finish(t, l, begin(t, l))
	f.set(func() { f.down = nil })
	eventually(t, "the event is published", func() bool { return f.count(e.ID) == 1 })
	last := finish(t, l, begin(t, l))
	stop() // drains
	if f.count(last.ID) != 1 {
		t.Error("the last event is not sent at the end")
	}
}

func TestOpenRequestsAreSettledOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := openLog(t, Options{Dir: dir})
	o, done := begin(t, first), begin(t, first)
	finish(t, first, done)
	check(t, first.Close())

	for range 3 { // also when nothing is published in between
		again := openLog(t, Options{Dir: dir})
		if again.Boot() <= first.Boot() {
			t.Errorf("boot %d is not later than %d", again.Boot(), first.Boot())
		}
		check(t, again.Close())
	}
	got := events(t, dir)
	if len(got[o.ID]) != 1 || len(got[done.ID]) != 1 {
		t.Fatalf("the open request has %d events, the ended one %d; want one each", len(got[o.ID]), len(got[done.ID]))
	}
	e := got[o.ID][0]
	if e.Outcome != usage.Crashed || e.Counts.Units[usage.InText] != 21 || e.Seq != 1 || e.Boot <= first.Boot() {
		t.Errorf("settled as %+v, want an estimate of the new boot", e)
	}
}

// The process may die after any byte: whatever was acknowledged is there, and nothing is there twice.
func TestAnyPrefixRecovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openLog(t, Options{Dir: dir})
	type mark struct {
		size         int64
		begun, ended []id.ID
	}
	var marks []mark
	var begun, ended []id.ID
	note := func() {
		marks = append(marks, mark{l.Stats().Bytes, append([]id.ID{}, begun...), append([]id.ID{}, ended...)})
	}
	note()
	for range 4 {
		o := begin(t, l)
		begun = append(begun, o.ID)
		note()
		finish(t, l, o)
		ended = append(ended, o.ID)
		note()
	}
	check(t, l.Close())
	paths, err := listSegments(dir)
	check(t, err)
	whole, err := os.ReadFile(paths[0])
	check(t, err)
	base, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		cut := rapid.IntRange(0, len(whole)).Draw(rt, "cut")
		n++
		at := filepath.Join(base, strconv.Itoa(n))
		if err := os.Mkdir(at, 0o700); err != nil {
			rt.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, filepath.Base(paths[0])), whole[:cut], 0o600); err != nil {
			rt.Fatal(err)
		}
		var want mark
		for _, m := range marks {
			if m.size <= int64(cut) {
				want = m
			}
		}
		again, err := Open(Options{Dir: at, Relay: "r", Streams: newFake()})
		if err != nil {
			rt.Fatalf("Open after %d of %d bytes: %v", cut, len(whole), err)
		}
		if err := again.Close(); err != nil {
			rt.Fatal(err)
		}
		got := events(t, at)
		if len(got) != len(want.begun) {
			rt.Fatalf("after %d bytes: %d requests have events, want %d", cut, len(got), len(want.begun))
		}
		for _, v := range want.begun {
			outcome := usage.Crashed
			for _, e := range want.ended {
				if e == v {
					outcome = usage.OK
				}
			}
			if len(got[v]) != 1 || got[v][0].Outcome != outcome {
				rt.Fatalf("after %d bytes: request %v has %+v, want one event %s", cut, v, got[v], outcome)
			}
		}
	})
}

func TestSegmentsGoWhenCommitted(t *testing.T) {
	t.Parallel()
	f, c := newFake(), clock.NewFake(time.Now())
	dir := t.TempDir()
	l := openLog(t, Options{Dir: dir, Streams: f, SegmentBytes: 1500, PublishEvery: time.Millisecond, CheckEvery: time.Millisecond, Clock: c})
	long := begin(t, l) // runs while everything around it ends
	for range 40 {
		finish(t, l, begin(t, l))
	}
	before := l.Stats()
	if before.Segments < 5 {
		t.Fatalf("%d segments, want several", before.Segments)
	}
	run(t, l)
	f.set(func() { f.committed[l.Boot()] = 20 })
	eventually(t, "segments below the watermark are removed", func() bool { return l.Stats().Segments < before.Segments })
	eventually(t, "no segment above it is", func() bool { return len(events(t, dir)) >= 20 })
	f.set(func() { f.committed[l.Boot()] = 40 })
	eventually(t, "all but the last are removed", func() bool { return l.Stats().Segments <= 2 })
	if n := l.Stats().Open; n != 1 {
		t.Errorf("%d open, want the long one", n)
	}
	end := finish(t, l, long)
	eventually(t, "the end of the long request is published", func() bool { return f.count(end.ID) == 1 })
}

func TestCarriedOpenRecordSurvivesACrash(t *testing.T) {
	t.Parallel()
	f, dir := newFake(), t.TempDir()
	l := openLog(t, Options{Dir: dir, Streams: f, SegmentBytes: 1500, PublishEvery: time.Millisecond, CheckEvery: time.Millisecond})
	long := begin(t, l)
	for range 40 {
		finish(t, l, begin(t, l))
	}
	stop := run(t, l)
	f.set(func() { f.committed[l.Boot()] = 40 })
	eventually(t, "old segments are removed", func() bool { return l.Stats().Segments <= 2 })
	stop()
	check(t, l.Close())
	again := openLog(t, Options{Dir: dir})
	got := events(t, dir)[long.ID]
	if len(got) != 1 || got[0].Outcome != usage.Crashed || got[0].Boot != again.Boot() {
		t.Errorf("the long request has %+v, want one estimate", got)
	}
}

func TestLostEntriesAreSentAgain(t *testing.T) {
	t.Parallel()
	f, c := newFake(), clock.NewFake(time.Now())
	l := openLog(t, Options{Dir: t.TempDir(), Streams: f, PublishEvery: time.Millisecond, CheckEvery: time.Millisecond, Clock: c})
	run(t, l)
	var ids []id.ID
	for range 4 {
		ids = append(ids, finish(t, l, begin(t, l)).ID)
	}
	eventually(t, "published", func() bool { return f.count(ids[3]) == 1 })
	f.set(func() { f.committed[l.Boot()] = 2; f.generation = "2" }) // restarted, the last two may be lost
	eventually(t, "sent again", func() bool { return f.count(ids[3]) == 2 && f.count(ids[2]) == 2 })
	if f.count(ids[0]) != 1 || f.count(ids[1]) != 1 {
		t.Error("what is committed is sent again")
	}
	c.Advance(3 * time.Minute) // and still no word from billing
	eventually(t, "sent once more", func() bool { return f.count(ids[3]) == 3 })
}

func TestFullLogAdmitsNothingAndEndsEverything(t *testing.T) {
	t.Parallel()
	l := openLog(t, Options{Dir: t.TempDir(), MaxBytes: 20_000, SegmentBytes: 4000})
	var running []usage.Open
	var err error
	for range 1000 {
		o := newOpen()
		if err = l.Begin(o); err != nil {
			break
		}
		running = append(running, o)
	}
	if !apperr.Is(err, apperr.NoCapacity) || apperr.From(err).RetryAfter == 0 {
		t.Fatalf("Begin on a full log = %v, want no_capacity", err)
	}
	if b := l.Stats().Bytes; b < 18_000 || b > 20_000 {
		t.Errorf("refused at %d bytes, want 90 %% of 20000", b)
	}
	for _, o := range running {
		finish(t, l, o)
	}
}

func TestFailingDiskClosesTheGateAndLosesNothing(t *testing.T) {
	t.Parallel()
	f := newFake()
	l := openLog(t, Options{Dir: t.TempDir(), Streams: f, PublishEvery: time.Millisecond})
	o := begin(t, l)
	l.mu.Lock()
	good := l.active().file
	broken, err := os.Open(good.Name()) // read-only: every write is refused
	check(t, err)
	l.active().file = broken
	l.mu.Unlock()
	e := endOf(o)
	if err := l.Append(&e); err == nil {
		t.Error("Append on a disk that refuses gives no error")
	}
	if err := l.Begin(newOpen()); !apperr.Is(err, apperr.NoCapacity) || !l.Stats().Failing {
		t.Errorf("Begin = %v, want no_capacity", err)
	}
	l.mu.Lock()
	l.active().file = good // before anybody else reads it: nothing guards the field, for in the product it never changes
	l.mu.Unlock()
	run(t, l)
	eventually(t, "the event is written and published", func() bool { return f.count(o.ID) == 1 })
	eventually(t, "the gate opens", func() bool { return !l.Stats().Failing })
	begin(t, l)
	check(t, broken.Close())
}

func TestOneRelayPerFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openLog(t, Options{Dir: dir})
	if _, err := Open(Options{Dir: dir, Relay: "other"}); !errors.Is(err, ErrLocked) {
		t.Errorf("second Open = %v, want ErrLocked", err)
	}
	check(t, l.Close())
	openLog(t, Options{Dir: dir})
}

func TestDamageInTheMiddleIsKeptAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openLog(t, Options{Dir: dir})
	kept := finish(t, l, begin(t, l))
	at := l.Stats().Bytes
	for range 100 {
		finish(t, l, begin(t, l))
	}
	check(t, l.Close())
	paths, err := listSegments(dir)
	check(t, err)
	b, err := os.ReadFile(paths[0])
	check(t, err)
	b[at+20] ^= 1
	check(t, os.WriteFile(paths[0], b, 0o600))
	openLog(t, Options{Dir: dir})
	if len(events(t, dir)[kept.ID]) != 1 {
		t.Error("what lies before the damage is gone")
	}
	if _, err := os.Stat(paths[0] + damagedSuffix); err != nil {
		t.Errorf("the damaged file is not kept: %v", err)
	}
}

func TestInvalidEventsAreRepaired(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openLog(t, Options{Dir: dir})
	e := endOf(begin(t, l))
	e.Counts.Units[usage.InText], e.Outcome, e.UpstreamRequestID = -4, "odd", strings.Repeat("x", 5000)
	check(t, l.Append(&e))
	if err := l.Append(&usage.Event{}); err == nil {
		t.Error("an event without id is taken")
	}
	if got := events(t, dir)[e.ID]; len(got) != 1 || got[0].Outcome != usage.Crashed {
		t.Errorf("got %+v, want the repaired event", got)
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	l := openLog(t, Options{Dir: t.TempDir()})
	o := newOpen()
	e := endOf(o)
	if n := testing.AllocsPerRun(1000, func() {
		if err := l.Begin(o); err != nil {
			t.Fatal(err)
		}
		if err := l.Append(&e); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("Begin and Append allocate %v times, want 0", n)
	}
}

func BenchmarkBeginAppend(b *testing.B) {
	l := openLog(b, Options{Dir: b.TempDir(), MaxBytes: 1 << 40, SegmentBytes: 8 << 20})
	o := newOpen()
	e := endOf(o)
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Begin(o); err != nil {
			b.Fatal(err)
		}
		if err := l.Append(&e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBeginAppendParallel(b *testing.B) {
	l := openLog(b, Options{Dir: b.TempDir(), MaxBytes: 1 << 40, SegmentBytes: 8 << 20})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		o := newOpen()
		e := endOf(o)
		for pb.Next() {
			if l.Begin(o) != nil || l.Append(&e) != nil {
				b.Error("refused")
			}
		}
	})
}

func FuzzSegment(f *testing.F) {
	table := crc32.MakeTable(crc32.Castagnoli)
	frame := func(k kind, payload []byte) []byte {
		b := append(beginFrame(nil, k), payload...)
		endFrame(b, table)
		return b
	}
	o := newOpen()
	e := endOf(o)
	head := frame(kindHeader, header{"r", 1, 1}.append(nil))
	f.Add(append(head, frame(kindOpen, o.AppendBinary(nil))...))
	f.Add(append(append(head, frame(kindOpen, o.AppendBinary(nil))...), frame(kindEvent, e.AppendBinary(nil))...))
	f.Add([]byte{1, 0, 0, 0})
	n := 0
	f.Fuzz(func(t *testing.T, b []byte) {
		n++
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d%s", n, segmentSuffix))
		check(t, os.WriteFile(path, b, 0o600))
		s, err := recoverSegment(path, table, &found{open: map[id.ID]usage.Open{}})
		check(t, err)
		if s == nil {
			return
		}
		defer func() { check(t, s.file.Close()) }()
		again, err := recoverSegment(path, table, &found{open: map[id.ID]usage.Open{}})
		check(t, err)
		if again == nil || again.size != s.size {
			t.Fatalf("second reading: %+v, want the same %d bytes", again, s.size)
		}
		check(t, again.file.Close())
	})
}
