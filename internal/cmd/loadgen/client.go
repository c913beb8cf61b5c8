package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// conn is one keep-alive HTTP/1.1 connection. It is written by hand so that the generator, which shares the machine with
// what it measures, takes as little of it as possible.
type conn struct {
	addr string
	nc   net.Conn
	r    *bufio.Reader
}

// answer is what one request gave.
type answer struct {
	status    int
	firstByte time.Duration // to the first body byte
	total     time.Duration
	bytes     int64
	whole     bool // ended as HTTP says, and for streams with the mark of their end
}

var errStatus = errors.New("unexpected status")

func (c *conn) dial(ctx context.Context) error {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return fmt.Errorf("dial %s: %w", c.addr, err)
	}
	c.nc = nc
	if c.r == nil {
		c.r = bufio.NewReaderSize(nc, 16<<10)
	} else {
		c.r.Reset(nc)
	}
	return nil
}

func (c *conn) close() {
	if c.nc != nil {
		_ = c.nc.Close()
		c.nc = nil
	}
}

// do sends raw, a complete request, and reads the answer to its end: a stream's is where end stands; empty for what is none. A
// failed connection is closed and dialled anew by the next call.
func (c *conn) do(ctx context.Context, raw []byte, end string) (answer, error) {
	if c.nc == nil {
		if err := c.dial(ctx); err != nil {
			return answer{}, err
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.nc.SetDeadline(deadline)
	}
	start := time.Now()
	a, err := c.exchange(raw, end, start)
	a.total = time.Since(start)
	if err != nil {
		c.close()
	}
	return a, err
}

func (c *conn) exchange(raw []byte, end string, start time.Time) (answer, error) {
	var a answer
	if _, err := c.nc.Write(raw); err != nil {
		return a, fmt.Errorf("send: %w", err)
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil || len(line) < 12 {
		return a, fmt.Errorf("status line: %w", err)
	}
	a.status, err = strconv.Atoi(string(line[9:12]))
	if err != nil {
		return a, fmt.Errorf("status line: %w", err)
	}
	length, chunked := int64(-1), false
	for {
		line, err = c.r.ReadSlice('\n')
		if err != nil {
			return a, fmt.Errorf("header: %w", err)
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case len(name) == 14 && bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64); err != nil {
				return a, fmt.Errorf("content-length: %w", err)
			}
		case len(name) == 17 && bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		}
	}
	done, err := c.body(&a, length, chunked, end, start)
	if err != nil {
		return a, err
	}
	a.whole = end == "" || done
	if a.status != 200 {
		return a, fmt.Errorf("%w %d", errStatus, a.status)
	}
	return a, nil
}

// body reads to the end and tells whether the end mark of a stream came.
func (c *conn) body(a *answer, length int64, chunked bool, end string, start time.Time) (bool, error) {
	if _, err := c.r.Peek(1); err != nil {
		return false, fmt.Errorf("body: %w", err)
	}
	a.firstByte = time.Since(start)
	if !chunked {
		n, err := io.CopyN(io.Discard, c.r, max(length, 0))
		a.bytes = n
		if err != nil {
			return false, fmt.Errorf("body: %w", err)
		}
		return false, nil
	}
	done, mark := end == "", finder{text: end}
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return false, fmt.Errorf("chunk size: %w", err)
		}
		size, err := strconv.ParseInt(string(bytes.TrimRight(line, "\r\n")), 16, 64)
		if err != nil {
			return false, fmt.Errorf("chunk size: %w", err)
		}
		for left := size; left > 0; {
			part, err := c.r.Peek(int(min(left, int64(c.r.Size()))))
			if len(part) == 0 {
				return false, fmt.Errorf("chunk: %w", err)
			}
			done = done || mark.in(part)
			a.bytes += int64(len(part))
			left -= int64(len(part))
			if _, err := c.r.Discard(len(part)); err != nil {
				return false, fmt.Errorf("chunk: %w", err)
			}
		}
		if _, err := c.r.Discard(2); err != nil {
			return false, fmt.Errorf("chunk end: %w", err)
		}
		if size == 0 {
			return done, nil
		}
	}
}

// finder looks for a text that parts may cut in two.
type finder struct {
	text string
	rest []byte // the end of the part before, shorter than text
}

func (f *finder) in(part []byte) bool {
	seam := append(f.rest, part[:min(len(part), len(f.text))]...) //nolint:gocritic // what was kept is looked at for the last time
	found := bytes.Contains(seam, []byte(f.text)) || bytes.Contains(part, []byte(f.text))
	if keep := len(f.text) - 1; len(part) >= keep {
		f.rest = append(f.rest[:0], part[len(part)-keep:]...)
	} else {
		f.rest = append(f.rest[:0], seam[max(0, len(seam)-keep):]...)
	}
	return found
}
