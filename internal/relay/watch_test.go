package relay

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"starlane/internal/platform/clock"
)

func started(t *testing.T, aborted *atomic.Bool) (*watch, context.Context) {
	t.Helper()
	var w watch
	w.start(clock.System{}, Timeouts{Request: time.Minute, Header: 10 * time.Second, Idle: 4 * time.Second}, time.Now(), func() { aborted.Store(true) })
	t.Cleanup(w.stop)
	ctx, cancel := context.WithCancelCause(t.Context())
	w.arm(10*time.Second, cancel)
	return &w, ctx
}

func TestWatchEndsSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var aborted atomic.Bool
		w, ctx := started(t, &aborted)
		begin := time.Now()
		<-ctx.Done()
		if took := time.Since(begin); took < 10*time.Second || took > 11*time.Second || !errors.Is(context.Cause(ctx), errSlow) {
			t.Errorf("silence ended after %v by %v, want 10 s by errSlow", took, context.Cause(ctx))
		}
		if aborted.Load() || w.over() {
			t.Error("no write was stuck, and the request is not over")
		}
		next, cancel := context.WithCancelCause(t.Context())
		w.arm(4*time.Second, cancel) // the next attempt is watched too
		w.writing.Store(true)
		<-next.Done()
		if !aborted.Load() {
			t.Error("a write that was stuck was left so")
		}
	})
}

func TestWatchLetsProgressPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var aborted atomic.Bool
		w, ctx := started(t, &aborted)
		w.phase(4 * time.Second)
		for range 15 {
			time.Sleep(3 * time.Second)
			w.beat()
			if ctx.Err() != nil {
				t.Fatal("ended in spite of progress")
			}
		}
		<-ctx.Done() // but no request lives for ever
		for w.beat(); !w.over() && errors.Is(context.Cause(ctx), errTooLong); {
			t.Fatal("over is not told")
		}
	})
}

func TestStoppedWatchStaysQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var aborted atomic.Bool
		w, ctx := started(t, &aborted)
		w.stop()
		w.stop()
		time.Sleep(time.Hour)
		if ctx.Err() != nil {
			t.Error("a stopped watch ended the attempt")
		}
	})
}
