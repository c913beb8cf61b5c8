// Package socket carries the messages of sessions over websockets, towards clients and upstreams alike.
package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/coder/websocket"

	"starlane/internal/relay"
	"starlane/internal/relay/body"
)

// maxReason bounds the reason in a close frame (RFC 6455 §5.5: 125 bytes with the code), in bytes.
const maxReason = 123

var errBinary = errors.New("the message is not text")

// Socket implements relay.Socket.
type Socket struct{ conn *websocket.Conn }

var _ relay.Socket = (*Socket)(nil)

// Check tells what is wrong with a request that should become a websocket; empty if nothing is. It sees what a client can get
// wrong: the library answers in plain text, which clients of an API cannot read.
func Check(r *http.Request) string {
	probe := &refusal{header: http.Header{}}
	_, _ = websocket.Accept(probe, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if probe.status == http.StatusNotImplemented { // all is well but that a probe has no connection
		return ""
	}
	return "This is a websocket. Connect with one: the request is no valid handshake of version 13."
}

// refusal takes the library's answer to a request that it refuses.
type refusal struct {
	header http.Header
	status int
}

func (r *refusal) Header() http.Header         { return r.header }
func (r *refusal) Write(p []byte) (int, error) { return len(p), nil }
func (r *refusal) WriteHeader(status int)      { r.status = status }

// Accept takes a client's connection over. Whether its origin may call has been decided before.
func Accept(w http.ResponseWriter, r *http.Request, protocols []string, largest int64) (*Socket, error) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: protocols, InsecureSkipVerify: true})
	if err != nil {
		return nil, fmt.Errorf("accept a websocket: %w", err)
	}
	conn.SetReadLimit(largest)
	return &Socket{conn}, nil
}

// Dial connects to an upstream. The answer is there if one came, also with an error; its body is short and need not be closed.
func Dial(ctx context.Context, url string, transport http.RoundTripper, header http.Header, largest int64) (*Socket, *http.Response, error) {
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // keys go to one address only
	}
	conn, res, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: client, HTTPHeader: header})
	if err != nil {
		return nil, res, fmt.Errorf("dial a websocket: %w", err)
	}
	conn.SetReadLimit(largest)
	return &Socket{conn}, res, nil
}

// Receive implements relay.Socket.
func (s *Socket) Receive(ctx context.Context) (io.Reader, error) {
	kind, r, err := s.conn.Reader(ctx)
	if err != nil {
		return nil, closed(err)
	}
	if kind != websocket.MessageText {
		return nil, &relay.Closed{Code: int(websocket.StatusUnsupportedData), Reason: errBinary.Error()}
	}
	return reader{r}, nil
}

// reader tells why a connection broke in the middle of a message.
type reader struct{ r io.Reader }

func (r reader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = closed(err)
	}
	return n, err //nolint:wrapcheck // io.EOF is the end of the message
}

// closed tells a connection that was closed in order from one that broke.
func closed(err error) error {
	var c websocket.CloseError
	switch {
	case errors.As(err, &c):
		return &relay.Closed{Code: int(c.Code), Reason: c.Reason}
	case errors.Is(err, websocket.ErrMessageTooBig):
		return &relay.Closed{Code: int(websocket.StatusMessageTooBig), Reason: "the message is too large"}
	default:
		return err
	}
}

// Send implements relay.Socket.
func (s *Socket) Send(ctx context.Context, m body.Message) error {
	_, err := m.WriteTo(&writer{ctx: ctx, conn: s.conn, left: m.Len()})
	return err //nolint:wrapcheck // the writer's own
}

// writer sends a message in one frame, whatever parts it is written in.
type writer struct {
	ctx  context.Context // of the one message that it is for
	conn *websocket.Conn
	left int64
	have []byte
}

func (w *writer) Write(p []byte) (int, error) {
	w.left -= int64(len(p))
	switch {
	case w.left > 0:
		w.have = append(w.have, p...)
		return len(p), nil
	case w.have != nil:
		p, w.have = append(w.have, p...), nil
	}
	if err := w.conn.Write(w.ctx, websocket.MessageText, p); err != nil {
		return 0, fmt.Errorf("send a message: %w", closed(err))
	}
	return len(p), nil
}

// Ping implements relay.Socket.
func (s *Socket) Ping(ctx context.Context) error { return s.conn.Ping(ctx) } //nolint:wrapcheck // only whether it failed counts

// Close implements relay.Socket.
func (s *Socket) Close(code int, reason string) {
	if len(reason) > maxReason {
		reason = ""
	}
	if s.conn.Close(websocket.StatusCode(code), reason) != nil {
		_ = s.conn.CloseNow() // nothing more can be done for it
	}
}
