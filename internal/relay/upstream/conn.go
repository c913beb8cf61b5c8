package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
)

// sendBuffer is how much of a request body is copied and written at once.
const sendBuffer = 64 << 10

// dial wraps connections, because the standard one takes a fresh buffer from the heap for every body that it sends.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	nc, err := c.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err //nolint:wrapcheck // fault looks at the dialer's own error
	}
	return &conn{Conn: nc, buffers: &c.buffers}, nil
}

type conn struct {
	net.Conn
	buffers *sync.Pool
}

// ReadFrom writes what it reads from r, as io.Copy asks it to.
func (c *conn) ReadFrom(r io.Reader) (sent int64, err error) {
	buf, ok := c.buffers.Get().(*[sendBuffer]byte)
	if !ok {
		buf = new([sendBuffer]byte)
	}
	defer c.buffers.Put(buf)
	for {
		n, err := r.Read(buf[:])
		if n > 0 {
			w, err := c.Write(buf[:n])
			if sent += int64(w); err != nil {
				return sent, err //nolint:wrapcheck // as Write says
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return sent, nil
		case err != nil:
			return sent, err //nolint:wrapcheck // as the reader says
		}
	}
}
