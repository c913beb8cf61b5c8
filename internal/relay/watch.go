package relay

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"starlane/internal/platform/clock"
)

// Why a watch ended an attempt.
var (
	errSlow    = errors.New("the upstream was silent for too long")
	errTooLong = errors.New("the request reached its longest life")
)

// watch ends an attempt that makes no progress. One timer a request is enough: progress is a counter, and the timer, which
// ticks a few times in the allowed silence, looks whether it moved. No chunk of a stream touches a timer.
type watch struct {
	beats   atomic.Uint32
	writing atomic.Bool

	mu       sync.Mutex
	timer    *time.Timer
	clock    clock.Clock
	deadline time.Time
	cancel   context.CancelCauseFunc
	abort    func() // makes a write to the client that is stuck return
	limit    time.Duration
	tick     time.Duration
	quiet    time.Duration
	waiting  waiter        // told each time that nothing moved for every; nil for nobody
	every    time.Duration // 0 for never
	silence  time.Duration // since something moved or the waiter was told
	seen     uint32
	fired    error
	stopped  bool
}

// ticksPerLimit bounds how late silence is noticed: a quarter of the limit.
const ticksPerLimit = 4

func (w *watch) start(c clock.Clock, t Timeouts, begin time.Time, abort func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock, w.deadline, w.abort = c, begin.Add(t.Request), abort
	w.every = t.Heartbeat
	w.tick = max(min(t.Header, t.Idle, t.Request)/ticksPerLimit, time.Millisecond)
	if w.every > 0 {
		w.tick = min(w.tick, w.every)
	}
	w.timer = time.AfterFunc(w.tick, w.look)
}

// arm begins an attempt that cancel ends.
func (w *watch) arm(limit time.Duration, cancel context.CancelCauseFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit, w.cancel, w.quiet = limit, cancel, 0
}

// phase begins a part of the attempt in which silence may last for limit, 0 for ever.
func (w *watch) phase(limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit, w.quiet = limit, 0
}

// waiter is told, from another goroutine, that nothing moves.
type waiter interface{ still() }

// tell has somebody told while nothing moves; nil ends that.
func (w *watch) tell(who waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting, w.silence = who, 0
}

// beat says that something moved.
func (w *watch) beat() { w.beats.Add(1) }

func (w *watch) look() {
	if who := w.check(); who != nil {
		who.still()
	}
}

// check looks once, and returns who is to be told that nothing moved.
func (w *watch) check() (who waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return nil
	}
	if beats := w.beats.Load(); beats != w.seen {
		w.seen, w.quiet, w.silence = beats, 0, 0
	} else {
		w.quiet += w.tick
		w.silence += w.tick
	}
	if w.every > 0 && w.silence >= w.every {
		who, w.silence = w.waiting, 0
	}
	switch {
	case !w.clock.Now().Before(w.deadline):
		w.fire(errTooLong)
	case w.limit > 0 && w.quiet >= w.limit:
		w.fire(errSlow)
		w.timer.Reset(w.tick) // the next attempt is watched too
	default:
		w.timer.Reset(w.tick)
	}
	return who
}

func (w *watch) fire(cause error) {
	w.limit, w.fired = 0, cause
	if w.cancel != nil {
		w.cancel(cause)
	}
	if w.writing.Load() {
		w.abort()
	}
}

// over tells whether the request has reached its longest life.
func (w *watch) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Is(w.fired, errTooLong)
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel, w.limit = nil, 0
	w.stopped = true // a tick that is already running finds nothing to do
	if w.timer != nil {
		w.timer.Stop()
	}
}

// pulse reads on behalf of a watch: what moves is progress.
type pulse struct {
	src io.Reader
	w   *watch
}

func (p *pulse) Read(b []byte) (int, error) {
	n, err := p.src.Read(b)
	p.w.beat()
	return n, err //nolint:wrapcheck // the reader's own error is what callers compare
}
