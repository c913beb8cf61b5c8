package spool

import (
	"context"
	"errors"
	"fmt"
	"os"

	"starlane/internal/usage"
)

// check asks for the watermarks, removes segments that nobody needs any more and tells the fleet that we live. It returns
// true if events are to be sent again.
func (l *Log) check(ctx context.Context) (resend bool) {
	ctx, cancel := context.WithTimeout(ctx, checkDeadline)
	defer cancel()
	if err := l.o.Streams.Heartbeat(ctx, l.state()); err != nil {
		l.o.Logger.Debug("no heartbeat", "error", err)
	}
	if err := l.fetchCommitted(ctx); err != nil {
		l.o.Logger.Debug("watermarks cannot be read", "error", err)
		return false
	}
	if err := l.removeCommitted(); err != nil {
		l.o.Logger.Error("usage log cannot be tidied", "error", err)
	}
	return l.generationChanged(ctx) || l.resendIfStalled()
}

// generationChanged notices that the streams may have lost entries. Sending twice is harmless.
func (l *Log) generationChanged(ctx context.Context) bool {
	now, err := l.o.Streams.Generation(ctx)
	if err != nil || now == l.generation {
		return false
	}
	first := l.generation == ""
	l.generation = now
	if first {
		return false
	}
	l.o.Logger.Info("the streams were restarted or emptied; what billing has not confirmed is sent again")
	l.mu.Lock()
	l.rewind()
	l.mu.Unlock()
	return true
}

func (l *Log) state() usage.RelayState {
	s := l.Stats()
	return usage.RelayState{
		ID: l.o.Relay, Boot: l.boot, At: l.o.Clock.Now(), SpoolBytes: s.Bytes, Open: s.Open, Seq: s.Seq, Unsent: l.unsent(),
	}
}

// unsent is the number of bytes behind the cursor. It belongs to Run.
func (l *Log) unsent() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var bytes int64
	for i := len(l.segs) - 1; i >= 0; i-- {
		if l.segs[i] == l.cursor {
			return bytes + l.segs[i].size - l.reader.at
		}
		bytes += l.segs[i].size
	}
	return bytes
}

func (l *Log) fetchCommitted(ctx context.Context) error {
	byRelay := map[string][]int64{}
	l.mu.Lock()
	seen := map[producer]bool{}
	for _, s := range l.segs {
		if p := (producer{s.relay, s.boot}); !seen[p] {
			seen[p] = true
			byRelay[s.relay] = append(byRelay[s.relay], s.boot)
		}
	}
	l.mu.Unlock()
	for relay, boots := range byRelay {
		marks, err := l.o.Streams.Committed(ctx, relay, boots)
		if err != nil {
			return fmt.Errorf("read watermarks: %w", err)
		}
		for boot, seq := range marks {
			if p := l.progress(producer{relay, boot}); seq > p.committed {
				p.committed, p.since, p.patience = seq, l.o.Clock.Now(), l.o.ResendAfter
			}
		}
	}
	for p := range l.boots {
		if !seen[p] {
			delete(l.boots, p)
		}
	}
	return nil
}

// removeCommitted removes segments from the oldest on. The order matters: a record that a request ended is never gone
// while the record that it began is still there.
func (l *Log) removeCommitted() error {
	for {
		l.mu.Lock()
		s := l.segs[0]
		keep := len(l.segs) == 1 || s == l.cursor || s.lastSeq > l.progress(producer{s.relay, s.boot}).committed
		var err error
		if !keep && s.open > 0 {
			err = l.carry(s)
		}
		if keep || err != nil {
			l.mu.Unlock()
			return err
		}
		l.segs = l.segs[1:]
		l.total -= s.size
		l.mu.Unlock()
		if err := errors.Join(s.file.Close(), os.Remove(s.path)); err != nil {
			return fmt.Errorf("remove segment: %w", err)
		}
	}
}

// carry copies the open records of requests that still run into the active segment. The caller holds the lock.
func (l *Log) carry(s *segment) error {
	for v, p := range l.open {
		if p.seg != s {
			continue
		}
		l.buf = l.buf[:p.n]
		if _, err := s.file.ReadAt(l.buf, p.at); err != nil {
			return fmt.Errorf("carry an open record: %w", err)
		}
		if _, _, n, err := nextFrame(l.buf, l.table); err != nil || n != p.n {
			return fmt.Errorf("carry an open record: %w", errTorn)
		}
		at, err := l.write()
		if err != nil {
			return fmt.Errorf("carry an open record: %w", err)
		}
		s.open--
		to := l.active()
		to.open++
		l.open[v] = place{to, at, p.n}
	}
	return l.active().file.Sync()
}

// resendIfStalled goes back to the oldest segment when everything was sent and a watermark does not follow: the streams
// may have lost entries. Sending twice is harmless, so it only has to be rare.
func (l *Log) resendIfStalled() bool {
	if _, next := l.bounds(); next != nil {
		return false // still sending
	}
	now, stalled := l.o.Clock.Now(), false
	for p, g := range l.boots {
		if g.committed >= g.sent || now.Sub(g.since) < g.patience {
			continue
		}
		l.o.Logger.Warn("billing has not confirmed usage; it is sent again", "boot", p.boot, "sent", g.sent, "committed", g.committed)
		g.since, g.patience, stalled = now, min(2*g.patience, mostPatience), true
	}
	if stalled {
		l.mu.Lock()
		l.rewind()
		l.mu.Unlock()
	}
	return stalled
}
