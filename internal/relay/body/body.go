// Package body holds what people say and what models answer. The bytes sit behind a function, which no formatter, logger or
// encoder can look into, in buffers that are pooled and counted. Content is opened only by the dialects, sse, upstream,
// tokencount and the request guard; everybody else passes it on.
package body

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/bits"
	"sync"
	"sync/atomic"

	"starlane/internal/platform/id"
)

// Errors of Read. Anything else it returns is the reader's own error.
var (
	ErrTooLarge = errors.New("body is larger than allowed")
	ErrNoRoom   = errors.New("bodies in memory have reached their bound")
	ErrShare    = errors.New("bodies of one owner have reached their share")
)

// Buffers come in powers of two from 4 KiB to 4 MiB; larger ones are left to the garbage collector.
const (
	minClass = 12
	maxClass = 22
)

// Pool lends buffers, bounds the sum of those that are out, and gives each owner a share of it. A nil Pool has no bound and
// keeps nothing.
type Pool struct {
	max     int64
	used    atomic.Int64
	shares  shares
	classes [maxClass - minClass + 1]sync.Pool
}

// NewPool takes the bound in bytes, and the size of the largest body that has to fit in the share of its owner.
func NewPool(maxBytes, largest int64) *Pool {
	each := max(maxBytes/sharePart, min(maxBytes, largestTimes*largest))
	return &Pool{max: maxBytes, shares: shares{each: each, held: map[id.ID]int64{}}}
}

// Share is the number of bytes that one owner may hold.
func (p *Pool) Share() int64 { return p.shares.each }

// Used is the number of bytes out now.
func (p *Pool) Used() int64 {
	if p == nil {
		return 0
	}
	return p.used.Load()
}

func class(n int) int { return max(bits.Len(uint(max(n, 1)-1)), minClass) }

// obtain returns an empty buffer with room for n bytes, held once, or an error if a bound is reached.
func (p *Pool) obtain(owner id.ID, n int) (*buffer, error) {
	c := class(n)
	size := 1 << c
	if c > maxClass {
		size = n
	}
	var b *buffer
	if p != nil {
		if !p.shares.take(owner, int64(size)) {
			return nil, ErrShare
		}
		if p.used.Add(int64(size)) > p.max {
			p.used.Add(-int64(size))
			p.shares.giveBack(owner, int64(size))
			return nil, ErrNoRoom
		}
		if c <= maxClass {
			b, _ = p.classes[c-minClass].Get().(*buffer)
		}
	}
	if b == nil {
		b = &buffer{data: make([]byte, 0, size)}
		b.open = func() *buffer { return b }
	}
	b.pool, b.owner = p, owner
	b.refs.Store(1)
	return b, nil
}

func (p *Pool) recycle(b *buffer) {
	if p == nil {
		return
	}
	p.used.Add(-int64(cap(b.data)))
	p.shares.giveBack(b.owner, int64(cap(b.data)))
	c := class(cap(b.data))
	if c > maxClass || cap(b.data) != 1<<c {
		return
	}
	b.data = b.data[:0]
	p.classes[c-minClass].Put(b)
}

// Content is bytes that must not be printed. It is counted: whoever made or retained it releases it once, and the last
// release returns the buffer to the pool. A Content used after that is empty. The zero value is empty.
type Content struct {
	open func() *buffer
	turn uint64 // which use of the pooled buffer this is
}

type buffer struct {
	data  []byte
	pool  *Pool
	owner id.ID // whose share it is of
	refs  atomic.Int64
	turn  atomic.Uint64
	open  func() *buffer // made once, so that handing out a Content does not allocate
}

func (c Content) buffer() *buffer {
	if c.open == nil {
		return nil
	}
	if b := c.open(); b.turn.Load() == c.turn {
		return b
	}
	return nil
}

// Open returns the bytes, valid until the last release. They are read-only.
func (c Content) Open() []byte {
	if b := c.buffer(); b != nil {
		return b.data
	}
	return nil
}

// Len is the number of bytes.
func (c Content) Len() int { return len(c.Open()) }

// Retain keeps the bytes for one more Release.
func (c Content) Retain() {
	if b := c.buffer(); b != nil {
		b.refs.Add(1)
	}
}

// Release gives the bytes up.
func (c Content) Release() {
	b := c.buffer()
	if b == nil || b.refs.Add(-1) != 0 {
		return
	}
	b.turn.Add(1)
	b.pool.recycle(b)
}

// WriteTo writes the bytes to w.
func (c Content) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(c.Open())
	return int64(n), err //nolint:wrapcheck // the writer's own error is what the caller compares
}

// String, GoString, Format, LogValue and MarshalText say only that there is content.
func (c Content) String() string               { return "[content]" }
func (c Content) GoString() string             { return "[content]" }
func (c Content) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, "[content]") }
func (c Content) LogValue() slog.Value         { return slog.StringValue("[content]") }
func (c Content) MarshalText() ([]byte, error) { return []byte("[content]"), nil }

func (b *buffer) content() Content { return Content{open: b.open, turn: b.turn.Load()} }

// discard returns a buffer that never became a Content.
func (b *buffer) discard() { b.content().Release() }

// Copy makes a Content of bytes that are already in memory.
func Copy(p []byte) Content {
	b, _ := (*Pool)(nil).obtain(id.Nil, len(p)) // without a pool there is no bound
	b.data = append(b.data, p...)
	return b.content()
}

// Own makes a Content of bytes that nobody else will change, without copying them.
func Own(p []byte) Content {
	b := &buffer{data: p}
	b.open = func() *buffer { return b }
	b.refs.Store(1)
	return b.content()
}

// Read takes a whole body into memory that belongs to no owner's share: answers of upstreams, which are paced by them and
// bounded by the number of requests. size is its length as announced, or -1 if unknown. On error nothing is held.
func (p *Pool) Read(r io.Reader, size, maxBytes int64) (Content, error) {
	return p.ReadFor(id.Nil, r, size, maxBytes)
}

// ReadFor is Read within the share of an owner.
func (p *Pool) ReadFor(owner id.ID, r io.Reader, size, maxBytes int64) (Content, error) {
	if size > maxBytes {
		return Content{}, ErrTooLarge
	}
	if size >= 0 && size <= trusted {
		b, err := p.obtain(owner, int(size))
		if err != nil {
			return Content{}, err
		}
		b.data = b.data[:size]
		if _, err := io.ReadFull(r, b.data); err != nil {
			b.discard()
			return Content{}, err //nolint:wrapcheck // the caller tells a client that left from one that is slow
		}
		return b.content(), nil
	}
	return p.readGrowing(owner, r, size, maxBytes)
}

// A length that was only announced holds no memory that others need: beyond trusted bytes the buffer grows as bytes arrive,
// at first to what a long prompt takes, then so many times.
const (
	trusted   = 64 << 10
	firstStep = 2 << 20
	growth    = 8
)

// larger is the next buffer after one of have bytes, for a body of size bytes, or -1 if that is unknown.
func larger(have int, size int64) int {
	if size < 0 {
		return 2 * have
	}
	return int(min(size, int64(max(growth*have, firstStep))))
}

func (p *Pool) readGrowing(owner id.ID, r io.Reader, size, maxBytes int64) (Content, error) {
	first := 1 << minClass
	if size >= 0 {
		first = trusted
	}
	b, err := p.obtain(owner, first)
	if err != nil {
		return Content{}, err
	}
	for {
		if len(b.data) == cap(b.data) {
			bigger, err := p.obtain(owner, larger(cap(b.data), size))
			if err != nil {
				b.discard()
				return Content{}, err
			}
			bigger.data = append(bigger.data, b.data...)
			b.discard()
			b = bigger
		}
		room := cap(b.data)
		if size >= 0 {
			room = min(room, int(size))
		}
		n, err := r.Read(b.data[len(b.data):room])
		b.data = b.data[:len(b.data)+n]
		switch {
		case int64(len(b.data)) > maxBytes:
			b.discard()
			return Content{}, ErrTooLarge
		case int64(len(b.data)) == size:
			return b.content(), nil
		case errors.Is(err, io.EOF) && size < 0:
			return b.content(), nil
		case errors.Is(err, io.EOF):
			b.discard()
			return Content{}, io.ErrUnexpectedEOF
		case err != nil:
			b.discard()
			return Content{}, err //nolint:wrapcheck // see Read
		}
	}
}
