package spool

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"starlane/internal/platform/id"
	"starlane/internal/usage"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// fakeStreams stands in for streams and worker where a test decides what they answer; redis_test.go has the real ones.
type fakeStreams struct {
	mu         sync.Mutex
	events     map[id.ID]int
	committed  map[int64]uint64
	generation string
	down       error
	beats      int
	added      chan struct{}
}

func newFake() *fakeStreams {
	return &fakeStreams{events: map[id.ID]int{}, committed: map[int64]uint64{}, generation: "1", added: make(chan struct{}, 1)}
}

func (f *fakeStreams) AddEvents(_ context.Context, events []usage.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return f.down
	}
	for i := range events {
		f.events[events[i].ID]++
	}
	select {
	case f.added <- struct{}{}:
	default:
	}
	return nil
}

func (f *fakeStreams) Committed(_ context.Context, _ string, boots []int64) (map[int64]uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[int64]uint64{}
	for _, b := range boots {
		if v, ok := f.committed[b]; ok {
			out[b] = v
		}
	}
	return out, f.down
}

func (f *fakeStreams) Generation(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.generation, f.down
}

func (f *fakeStreams) Heartbeat(context.Context, usage.RelayState) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.beats++
	return nil
}

func (f *fakeStreams) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeStreams) count(v id.ID) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.events[v]
}

func openLog(t testing.TB, o Options) *Log {
	t.Helper()
	o.Relay = "r"
	if o.Streams == nil {
		o.Streams = newFake()
	}
	l, err := Open(o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

// run starts the background work and returns what ends it.
func run(t testing.TB, l *Log) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	timeout := time.After(10 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func newOpen() usage.Open {
	return usage.Open{
		ID: id.New(), Tenant: id.New(), Project: id.New(), Key: id.New(), Hold: id.New(), Deployment: id.New(),
		OccurredAt: time.UnixMicro(1_790_000_000_000_000).UTC(), Capability: "chat", RequestedModel: "demo/echo",
		ServedModel: "demo/echo", Provider: "sim", Streamed: true, InputEstimate: 21, SellVersion: 3, Reserved: 500,
	}
}

func endOf(o usage.Open) usage.Event {
	e := o.Event()
	e.Outcome, e.HTTPStatus, e.Estimate = usage.OK, 200, 400
	e.Counts.Set(usage.OutText, 7, usage.Reported)
	return e
}

func begin(t testing.TB, l *Log) usage.Open {
	t.Helper()
	o := newOpen()
	if err := l.Begin(o); err != nil {
		t.Fatalf("Begin: %v", err)
	}
	return o
}

func finish(t testing.TB, l *Log, o usage.Open) usage.Event {
	t.Helper()
	e := endOf(o)
	if err := l.Append(&e); err != nil {
		t.Fatalf("Append: %v", err)
	}
	return e
}

// events reads every event that a folder holds, by id.
func events(t testing.TB, dir string) map[id.ID][]usage.Event {
	t.Helper()
	out := map[id.ID][]usage.Event{}
	check(t, Read(dir, func(_ *usage.Open, e *usage.Event) error {
		if e != nil {
			out[e.ID] = append(out[e.ID], *e)
		}
		return nil
	}))
	return out
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
