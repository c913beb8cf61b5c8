// Package sse splits an event stream into events without decoding them, as fast as bytes can be searched. How the bytes
// were cut into reads never changes the events.
package sse

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// MaxEvent bounds one event in bytes: images and audio come as single events of several megabytes.
const MaxEvent = 16 << 20

const (
	startSize = 16 << 10
	keepSize  = 64 << 10 // larger buffers are not kept for the next stream
)

// ErrTooLong means an event over MaxEvent.
var ErrTooLong = errors.New("an event of the stream is too long")

// Event is one event. Its bytes are valid until the next Fill and are read-only.
type Event struct {
	Raw  []byte // everything from the end of the event before, the blank line included
	Data []byte // value of its data lines, joined by line feeds; nil if it has none (a comment or a keep-alive)
	At   int    // where Data stands in Raw; -1 if it was joined from several lines
}

// Pool keeps readers with their buffers. The zero value is ready.
type Pool struct{ readers sync.Pool }

// Get returns a reader of src.
func (p *Pool) Get(src io.Reader) *Reader {
	r, ok := p.readers.Get().(*Reader)
	if !ok {
		r = &Reader{buf: make([]byte, startSize)}
	}
	r.src, r.first = src, true
	return r
}

// Put takes a reader back. Nothing of the stream stays in it that a later user could reach.
func (p *Pool) Put(r *Reader) {
	if len(r.buf) > keepSize {
		return
	}
	*r = Reader{buf: r.buf, joined: r.joined[:0]}
	p.readers.Put(r)
}

// Reader reads one stream. Use: Fill, then Next until it has no more, then Fill again.
type Reader struct {
	src    io.Reader
	buf    []byte
	start  int // of the event being read
	line   int // start of the line being read
	seek   int // bytes before it hold no end of that line
	end    int // of what was read
	data   span
	lines  int    // data lines of the event so far
	joined []byte // used from the second data line on
	first  bool   // no line was read yet
	eof    bool
}

type span struct{ from, to int }

// Fill reads once. It returns io.EOF at a clean end, after which Next may still have an event and Rest what is left.
func (r *Reader) Fill() error {
	if r.eof {
		return io.EOF
	}
	if r.start > 0 {
		n := copy(r.buf, r.buf[r.start:r.end])
		r.line -= r.start
		r.seek -= r.start
		r.data.from -= r.start
		r.data.to -= r.start
		r.start, r.end = 0, n
	}
	if r.end == len(r.buf) {
		if r.end >= MaxEvent {
			return ErrTooLong
		}
		bigger := make([]byte, 2*len(r.buf))
		copy(bigger, r.buf)
		r.buf = bigger
	}
	n, err := r.src.Read(r.buf[r.end:])
	r.end += n
	if errors.Is(err, io.EOF) {
		r.eof = true
		if n > 0 {
			return nil
		}
		return io.EOF
	}
	if n > 0 {
		return nil // the error comes back at the next read
	}
	return err //nolint:wrapcheck // the reader of the stream knows what its source is
}

// Next returns the next event that is complete.
func (r *Reader) Next() (Event, bool) {
	for {
		end, next, ok := r.endOfLine()
		if !ok {
			return Event{}, false
		}
		from := r.line
		r.line, r.seek = next, next
		if r.first {
			r.first = false
			if bytes.HasPrefix(r.buf[from:end], []byte("\xef\xbb\xbf")) {
				from += 3
			}
		}
		if from < end {
			r.field(from, end)
			continue
		}
		e := Event{Raw: r.buf[r.start:next], At: -1}
		switch {
		case r.lines == 1:
			e.Data, e.At = r.buf[r.data.from:r.data.to:r.data.to], r.data.from-r.start
		case r.lines > 1:
			e.Data = r.joined
		}
		r.start, r.lines = next, 0
		return e, true
	}
}

// Rest returns the bytes of an event that never ended.
func (r *Reader) Rest() []byte { return r.buf[r.start:r.end] }

// endOfLine finds where the line ends and where the next one starts. Lines end with LF, CR LF or CR.
func (r *Reader) endOfLine() (end, next int, ok bool) {
	tail := r.buf[r.seek:r.end]
	lf := bytes.IndexByte(tail, '\n')
	head := tail
	if lf >= 0 {
		head = tail[:lf]
	}
	if cr := bytes.IndexByte(head, '\r'); cr >= 0 {
		switch end = r.seek + cr; {
		case cr+1 == lf:
			return end, end + 2, true
		case end+1 < r.end || r.eof:
			return end, end + 1, true
		}
		r.seek = end // whether a line feed belongs to it shows with the next byte
		return 0, 0, false
	}
	if lf < 0 {
		r.seek = r.end
		return 0, 0, false
	}
	return r.seek + lf, r.seek + lf + 1, true
}

// field takes a line that is not blank.
func (r *Reader) field(from, to int) {
	line := r.buf[from:to]
	if len(line) < 4 || string(line[:4]) != "data" {
		return
	}
	switch {
	case len(line) == 4:
		from = to
	case line[4] != ':':
		return
	case len(line) > 5 && line[5] == ' ':
		from += 6
	default:
		from += 5
	}
	if r.lines++; r.lines == 1 {
		r.data = span{from, to}
		return
	}
	if r.lines == 2 {
		r.joined = append(r.joined[:0], r.buf[r.data.from:r.data.to]...)
	}
	r.joined = append(r.joined, '\n')
	r.joined = append(r.joined, r.buf[from:to]...)
}
