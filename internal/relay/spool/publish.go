package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"starlane/internal/usage"
)

// Streams is where events go and where watermarks come from.
type Streams interface {
	// AddEvents sends events; after an error some may have arrived.
	AddEvents(ctx context.Context, events []usage.Event) error
	// Committed returns, by boot, the sequence number up to which all events of a relay are in Postgres.
	Committed(ctx context.Context, relay string, boots []int64) (map[int64]uint64, error)
	// Generation changes whenever the streams may have lost entries.
	Generation(ctx context.Context) (string, error)
	// Heartbeat tells the fleet that this relay lives.
	Heartbeat(ctx context.Context, state usage.RelayState) error
}

const (
	publishBatch  = 500
	publishWait   = 5 * time.Second // for one batch
	retryFirst    = 50 * time.Millisecond
	retryMost     = 2 * time.Second
	drainFor      = 3 * time.Second // at the end of Run
	mostPatience  = time.Hour
	retryDisk     = 250 * time.Millisecond
	checkDeadline = 2 * time.Second
)

type producer struct {
	relay string
	boot  int64
}

// progress of one boot on its way to Postgres.
type progress struct {
	sent, committed uint64
	since           time.Time // of the last progress
	patience        time.Duration
}

// Run publishes events, forces writes to disk, removes what is safely in Postgres and sends heartbeats, until ctx ends. It
// then sends what is left as far as it can within a few seconds; the rest follows at the next start.
func (l *Log) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { l.syncLoop(ctx) })
	wg.Go(func() { l.publishLoop(ctx) })
	wg.Wait()
	return nil
}

// syncLoop forces the disk SyncEvery after the first write that is not yet forced, and tries a failing disk again.
func (l *Log) syncLoop(ctx context.Context) {
	retry := time.NewTicker(retryDisk)
	defer retry.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	<-pause.C
	var last *segment
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.dirty:
			pause.Reset(l.o.SyncEvery)
			select {
			case <-ctx.Done():
				return
			case <-pause.C:
			}
		case <-retry.C:
			if !l.Stats().Failing {
				continue
			}
		}
		l.mu.Lock()
		seg, failing := l.active(), l.failing != nil
		l.mu.Unlock()
		err := l.force(last, seg)
		last = seg
		if err != nil || failing {
			l.mu.Lock()
			l.judgeDisk(err)
			l.mu.Unlock()
		}
	}
}

// force makes the disk take what was written, the segment before a change of segments included.
func (l *Log) force(last, seg *segment) error {
	var errs []error
	if last != nil && last != seg {
		if err := last.file.Sync(); !errors.Is(err, os.ErrClosed) { // removed in the meantime
			errs = append(errs, err)
		}
		errs = append(errs, syncDir(l.o.Dir))
	}
	return errors.Join(append(errs, seg.file.Sync())...)
}

// judgeDisk takes the result of a sync. After a failure the gate opens again only when the disk also takes a write. The
// caller holds the lock.
func (l *Log) judgeDisk(sync error) {
	was := l.failing
	if l.failing = sync; was != nil && sync == nil {
		l.buf = l.active().append(beginFrame(l.buf[:0], kindHeader))
		_, _ = l.write() // sets failing again if the disk refuses
	}
	for l.failing == nil && len(l.unwritten) > 0 {
		if err := l.append(&l.unwritten[0]); err != nil {
			break // write has noted why
		}
		l.unwritten = l.unwritten[1:]
	}
	switch {
	case was != nil && l.failing == nil:
		l.complained = false
		l.o.Logger.Info("the disk takes the usage log again")
	case l.failing != nil && !l.complained:
		l.complained = true
		l.o.Logger.Error("the disk refuses the usage log; no more requests are admitted", "error", l.failing)
	}
}

func (l *Log) publishLoop(ctx context.Context) {
	check := time.NewTicker(l.o.CheckEvery)
	defer check.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	l.check(ctx)
	retry := retryFirst
	var batch []usage.Event
	for {
		select {
		case <-ctx.Done():
			l.drain(context.WithoutCancel(ctx), batch)
			return
		case <-check.C:
			l.check(ctx)
			continue
		case <-pause.C:
		}
		more, err := l.publishOne(ctx, &batch)
		switch {
		case ctx.Err() != nil:
			continue
		case err != nil:
			l.o.Logger.Warn("usage cannot be published; it waits in the log", "error", err)
			pause.Reset(retry)
			retry = min(2*retry, retryMost)
		case more:
			retry = retryFirst
			pause.Reset(0)
		default:
			retry = retryFirst
			if l.waitForEvents(ctx, check.C) {
				pause.Reset(l.o.PublishEvery)
			}
		}
	}
}

// waitForEvents returns true when an event was appended, and does the periodic checks meanwhile.
func (l *Log) waitForEvents(ctx context.Context, check <-chan time.Time) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-l.wake:
			return true
		case <-check:
			if l.check(ctx) {
				return true // there is something to send again
			}
		}
	}
}

func (l *Log) drain(ctx context.Context, batch []usage.Event) {
	ctx, cancel := context.WithTimeout(ctx, drainFor)
	defer cancel()
	for {
		more, err := l.publishOne(ctx, &batch)
		if err != nil {
			l.o.Logger.Info("usage is left in the log for the next start", "error", err)
			return
		}
		if !more {
			return
		}
	}
}

// publishOne sends one batch. more is true if there may be another one. batch is reused from call to call.
func (l *Log) publishOne(ctx context.Context, batch *[]usage.Event) (more bool, err error) {
	from, at := l.cursor, l.reader.at
	events, err := l.gather((*batch)[:0])
	*batch = events
	if err != nil || len(events) == 0 {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, publishWait)
	defer cancel()
	if err := l.o.Streams.AddEvents(ctx, events); err != nil {
		l.cursor = from
		l.reader.seek(from.file, at, at)
		return false, fmt.Errorf("publish usage: %w", err)
	}
	now := l.o.Clock.Now()
	for i := range events {
		p := l.progress(producer{events[i].Relay, events[i].Boot})
		if p.sent <= p.committed {
			p.since, p.patience = now, l.o.ResendAfter
		}
		p.sent = max(p.sent, events[i].Seq)
	}
	return len(events) == publishBatch, nil
}

func (l *Log) progress(p producer) *progress {
	if l.boots[p] == nil {
		l.boots[p] = &progress{since: l.o.Clock.Now(), patience: l.o.ResendAfter}
	}
	return l.boots[p]
}

// gather reads the next events that are not known to be in Postgres, moving the cursor.
func (l *Log) gather(events []usage.Event) ([]usage.Event, error) {
	for len(events) < publishBatch {
		limit, next := l.bounds()
		l.reader.seek(l.cursor.file, l.reader.at, limit)
		if l.reader.at >= limit {
			if next == nil {
				return events, nil
			}
			l.cursor = next
			l.reader.seek(next.file, 0, 0)
			continue
		}
		k, payload, err := l.reader.next()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return events, fmt.Errorf("read back usage: %w", err)
		}
		if k == kindEvent {
			e, err := usage.ParseBinary(payload)
			if err != nil {
				return events, fmt.Errorf("read back usage: %w", err)
			}
			if e.Seq > l.progress(producer{e.Relay, e.Boot}).committed {
				events = append(events, e)
			}
		}
		l.reader.advance()
	}
	return events, nil
}

// bounds returns how far the cursor's segment is written, and the segment after it.
func (l *Log) bounds() (limit int64, next *segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, s := range l.segs {
		if s == l.cursor {
			if i+1 < len(l.segs) {
				next = l.segs[i+1]
			}
			return s.size, next
		}
	}
	return l.cursor.size, nil
}

// rewind sets the cursor to the oldest segment.
func (l *Log) rewind() {
	l.cursor = l.segs[0]
	l.reader.seek(l.cursor.file, 0, 0)
}
