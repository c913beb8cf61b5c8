// Package spool is the relay's write-ahead log of usage on the local disk. What it has taken survives the death of the
// process: an open record when a request is admitted, the event when it ends. Events go on to the usage streams and stay
// here until the worker has them in Postgres, so that neither a crash of the relay nor a Redis that lost entries costs a
// record. At the next start, requests that never ended are settled as estimates under their own event id.
//
// Begin and Append return after write(2): the death of the process cannot undo them. The disk is forced every few
// milliseconds, which is what a loss of power may cost; the streams usually have the event by then.
package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/usage"
)

// Options of a log. Zero values take the defaults named.
type Options struct {
	Dir          string        // one per relay, on a disk that survives restarts
	Relay        string        // instance, stable over restarts
	MaxBytes     int64         // Begin refuses at 90 % of it (1 GiB)
	SegmentBytes int64         // size at which a new file is begun (8 MiB)
	SyncEvery    time.Duration // between forced writes (5 ms)
	PublishEvery time.Duration // shortest time between two batches to the streams (10 ms)
	CheckEvery   time.Duration // between looks at the watermarks (1 s)
	ResendAfter  time.Duration // without progress of a watermark, events are sent again (2 min, then doubling)
	Clock        clock.Clock
	Logger       *slog.Logger
	Streams      Streams
}

const (
	quotaTenths  = 9    // of ten, for new requests; the rest is for the ends of those that run
	maxUnwritten = 4096 // events kept in memory while the disk refuses them
	retryRefused = 5 * time.Second
	defaultBytes = 1 << 30
	defaultFile  = 8 << 20
	firstSegment = 1
	lockTries    = 25
	lockPause    = 20 * time.Millisecond
)

// ErrLocked means that another relay uses the folder.
var ErrLocked = errors.New("usage log: another relay uses this folder")

// place is where an open record lies.
type place struct {
	seg *segment
	at  int64
	n   int // of the whole frame
}

// Log is safe for use by many goroutines.
type Log struct {
	o     Options
	table *crc32.Table
	lock  *os.File
	boot  int64
	wake  chan struct{} // an event was appended
	dirty chan struct{} // something was written

	mu         sync.Mutex
	segs       []*segment // oldest first; the last one is written to
	open       map[id.ID]place
	buf        []byte
	seq        uint64
	total      int64 // bytes of all segments
	unwritten  []usage.Event
	failing    error // the disk refused the last write or sync
	complained bool
	closed     bool

	// Owned by Run.
	reader     frameReader
	cursor     *segment // the next event to publish is in here, at reader.at
	boots      map[producer]*progress
	generation string // of the streams
}

// Open locks the folder, recovers what former boots left and starts a new boot. Run must be called for events to reach the
// streams.
func Open(o Options) (*Log, error) {
	o = o.withDefaults()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("usage log: %w", err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	l := &Log{
		o: o, table: crc32.MakeTable(crc32.Castagnoli), lock: lock, wake: make(chan struct{}, 1), dirty: make(chan struct{}, 1), open: map[id.ID]place{},
		buf: make([]byte, 0, maxPayload), boots: map[producer]*progress{},
	}
	l.reader.table = l.table
	if err := l.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("usage log: %w", err), l.closeFiles())
	}
	return l, nil
}

func (o Options) withDefaults() Options {
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultBytes
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = min(defaultFile, o.MaxBytes/16)
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.SyncEvery, 5*time.Millisecond)
	def(&o.PublishEvery, 10*time.Millisecond)
	def(&o.CheckEvery, time.Second)
	def(&o.ResendAfter, 2*time.Minute)
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// lockDir takes a lock that the kernel gives back when the process dies. It waits a moment: one that was killed and started
// again may find the dead one not quite gone.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("usage log: %w", err)
	}
	for range lockTries {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return f, nil
		}
		time.Sleep(lockPause)
	}
	return nil, errors.Join(fmt.Errorf("%w: %s", ErrLocked, dir), f.Close())
}

// recover reads all segments, begins the new boot and settles what never ended. It may itself be killed at any point: what
// it has settled by then is found as an event the next time.
func (l *Log) recover() error {
	paths, err := listSegments(l.o.Dir)
	if err != nil {
		return err
	}
	left := &found{open: map[id.ID]usage.Open{}}
	last := int64(0)
	for _, path := range paths {
		s, err := recoverSegment(path, l.table, left)
		if err != nil {
			return err
		}
		if s == nil {
			continue
		}
		l.segs, l.total, last = append(l.segs, s), l.total+s.size, max(last, s.boot)
	}
	l.boot = max(l.o.Clock.Now().UnixMilli(), last+1)
	if err := l.addSegment(firstSegment); err != nil {
		return err
	}
	l.rewind()
	for _, v := range left.order {
		o, ok := left.open[v]
		if !ok {
			continue
		}
		e := o.Event()
		if err := l.Append(&e); err != nil {
			return err
		}
	}
	if n := len(left.open); n > 0 {
		l.o.Logger.Warn("requests of a former run were cut short and are settled as estimates", "requests", n)
	}
	return errors.Join(l.active().file.Sync(), syncDir(l.o.Dir))
}

// Logged is the number of the last event that was appended in this run. While events wait for a disk that refuses them it is
// beyond all numbers, because they have none yet.
func (l *Log) Logged() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.unwritten) > 0 {
		return math.MaxInt64
	}
	return l.seq
}

// Boot is the start of this run in Unix milliseconds, later than that of every former run.
func (l *Log) Boot() int64 { return l.boot }

func (l *Log) active() *segment { return l.segs[len(l.segs)-1] }

func (l *Log) addSegment(n uint64) error {
	s, err := createSegment(l.o.Dir, header{relay: l.o.Relay, boot: l.boot, n: n}, l.table)
	if err != nil {
		return err
	}
	l.segs = append(l.segs, s)
	l.total += s.size
	return nil
}

// Begin notes that a request is admitted. It refuses with no_capacity when the log is nearly full or the disk fails:
// a request that could not be billed is not begun.
func (l *Log) Begin(open usage.Open) error {
	if err := open.Validate(); err != nil {
		return fmt.Errorf("usage log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing != nil {
		return apperr.Wrap(l.failing, apperr.NoCapacity, "Usage cannot be recorded at the moment.").WithRetryAfter(retryRefused)
	}
	if l.total >= l.o.MaxBytes/10*quotaTenths {
		return apperr.New(apperr.NoCapacity, "Usage cannot be recorded at the moment: the log is full.").WithRetryAfter(retryRefused)
	}
	l.buf = open.AppendBinary(beginFrame(l.buf[:0], kindOpen))
	at, err := l.write()
	if err != nil {
		return apperr.Wrap(err, apperr.NoCapacity, "Usage cannot be recorded at the moment.").WithRetryAfter(retryRefused)
	}
	seg := l.active()
	seg.open++
	l.open[open.ID] = place{seg, at, len(l.buf)}
	return nil
}

// Append notes the end of a request. It fills in Relay, Boot and Seq. After an error the event is kept in memory and
// written as soon as the disk takes it; only the death of the process before that would turn it into an estimate. A figure
// out of bounds is repaired and complained about: the request is recorded in any case.
func (l *Log) Append(event *usage.Event) error {
	if event.ID == id.Nil || event.Tenant == id.Nil {
		return errors.New("usage log: event without id or tenant")
	}
	if err := event.Validate(); err != nil {
		l.o.Logger.Error("a usage event was out of bounds and is repaired", "error", err, "request", event.ID)
		event.Repair()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.unwritten) > 0 {
		// Order does not matter, but a disk that fails must not be tried by every request.
		return l.keep(event, l.failing)
	}
	if err := l.append(event); err != nil {
		return l.keep(event, err)
	}
	return nil
}

func (l *Log) append(event *usage.Event) error {
	event.Relay, event.Boot, event.Seq = l.o.Relay, l.boot, l.seq+1
	l.buf = event.AppendBinary(beginFrame(l.buf[:0], kindEvent))
	if _, err := l.write(); err != nil {
		return err
	}
	l.seq++
	l.active().lastSeq = l.seq
	if p, ok := l.open[event.ID]; ok {
		p.seg.open--
		delete(l.open, event.ID)
	}
	signal(l.wake)
	return nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is known already
	}
}

func (l *Log) keep(event *usage.Event, cause error) error {
	if len(l.unwritten) >= maxUnwritten {
		return fmt.Errorf("usage log: event dropped, it will be settled as an estimate: %w", cause)
	}
	e := *event
	e.Attempts = slices.Clone(event.Attempts)
	l.unwritten = append(l.unwritten, e)
	return fmt.Errorf("usage log: event waits in memory: %w", cause)
}

// write appends the frame in buf to the active segment and returns its offset.
func (l *Log) write() (int64, error) {
	if l.closed {
		return 0, fmt.Errorf("write: %w", os.ErrClosed)
	}
	endFrame(l.buf, l.table)
	if s := l.active(); s.size >= l.o.SegmentBytes {
		if err := l.addSegment(s.n + 1); err != nil {
			l.failing = err
			return 0, err
		}
	}
	s := l.active()
	at := s.size
	if n, err := s.file.Write(l.buf); err != nil {
		l.failing = fmt.Errorf("write: %w", err)
		if n > 0 { // a torn frame in the middle would hide all that follows
			_, errSeek := s.file.Seek(at, 0)
			return 0, errors.Join(l.failing, s.file.Truncate(at), errSeek)
		}
		return 0, l.failing
	}
	s.size += int64(len(l.buf))
	l.total += int64(len(l.buf))
	signal(l.dirty)
	return at, nil
}

// Stats is a look at the log.
type Stats struct {
	Bytes    int64 // on disk
	Segments int
	Open     int // requests running
	Seq      uint64
	Failing  bool
}

// Stats is cheap enough for a metrics scrape.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{Bytes: l.total, Segments: len(l.segs), Open: len(l.open), Seq: l.seq, Failing: l.failing != nil}
}

// Close forces everything to disk and frees the folder. Requests that are still open are settled as estimates at the next
// start. Run must have returned.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	return errors.Join(l.active().file.Sync(), l.closeFiles())
}

func (l *Log) closeFiles() error {
	var errs []error
	for _, s := range l.segs {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(append(errs, l.lock.Close())...)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
