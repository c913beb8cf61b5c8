// Package awsstream reads the binary event streams of AWS as server-sent events, so that nobody behind it needs to know that
// there are two framings. Both checksums of every frame are checked.
package awsstream

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"

	"starlane/internal/relay/guard"
)

// ContentType is the content type of such a stream.
const ContentType = "application/vnd.amazon.eventstream"

const bufferSize = 16 << 10 // holds many frames

// NewReader reads body as server-sent events. An event becomes {"TYPE":PAYLOAD}; the chunks of InvokeModel become the event that
// they carry, under its own name; an exception becomes {"type":"error","error":{"type":NAME}}. Closing it closes body.
func NewReader(body io.ReadCloser) io.ReadCloser {
	return &reader{body: body, frames: frames{src: bufio.NewReaderSize(body, bufferSize)}}
}

type reader struct {
	body   io.ReadCloser
	frames frames
	data   []byte // what a chunk carries
	out    []byte // events
	at     int    // of them were read
	err    error  // what comes behind them
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	for r.at == len(r.out) {
		if r.err != nil {
			return 0, r.err
		}
		r.fill()
	}
	n := copy(p, r.out[r.at:])
	r.at += n
	return n, nil
}

// Close implements io.Closer.
func (r *reader) Close() error { return r.body.Close() } //nolint:wrapcheck // the body's own

// fill reads a frame, and the ones behind it that are there already.
func (r *reader) fill() {
	r.out, r.at = r.out[:0], 0
	for more := true; more && r.err == nil; more = r.frames.waiting() {
		r.err = r.frame()
	}
}

func (r *reader) frame() error {
	m, err := r.frames.next()
	if err != nil {
		return err
	}
	switch string(m.kind) {
	case "event":
		return r.event(m.event, m.payload)
	case "exception", "error":
		r.failure(m.failure)
		return nil
	default:
		return errFrame
	}
}

// word tells whether a name is plain enough to stand in an event.
func word(name []byte) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' {
			return false
		}
	}
	return len(name) > 0
}

func (r *reader) failure(kind []byte) {
	if !word(kind) {
		kind = []byte("unknown")
	}
	r.out = append(r.out, `event: error`+"\n"+`data: {"type":"error","error":{"type":"`...)
	r.out = append(append(r.out, kind...), `"}}`+"\n\n"...)
}

func (r *reader) event(kind, payload []byte) error {
	if !word(kind) {
		return nil // initial-response, which says nothing
	}
	if string(kind) == "chunk" {
		return r.chunk(payload)
	}
	r.out = append(append(append(r.out, `data: {"`...), kind...), `":`...)
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	r.line(payload)
	r.out = append(r.out, "}\n\n"...)
	return nil
}

// chunk takes the event out of {"bytes":"BASE64"}.
func (r *reader) chunk(payload []byte) error {
	encoded, ok := member(payload, "bytes")
	if !ok {
		return errFrame
	}
	if bytes.IndexByte(encoded, '\\') >= 0 {
		encoded = bytes.ReplaceAll(encoded, []byte(`\/`), []byte("/"))
	}
	var err error
	if r.data, err = base64.StdEncoding.AppendDecode(r.data[:0], encoded); err != nil {
		return errFrame
	}
	if name, ok := member(r.data, "type"); ok && word(name) {
		r.out = append(append(append(r.out, "event: "...), name...), '\n')
	}
	r.out = append(r.out, "data: "...)
	r.line(r.data)
	r.out = append(r.out, "\n\n"...)
	return nil
}

// line writes JSON as one line: between its tokens a space does as well as a line break, and inside them there are none.
func (r *reader) line(data []byte) {
	from := len(r.out)
	r.out = append(r.out, data...)
	for i := from; i < len(r.out); i++ {
		if r.out[i] == '\n' || r.out[i] == '\r' {
			r.out[i] = ' '
		}
	}
}

// member is the text of a member, as it stands between its quotes.
func member(src []byte, name string) (text []byte, ok bool) {
	c := guard.NewCursor(src)
	for k, more := c.Object(); more; k, more = c.Next() {
		if string(k) == name && c.Kind() == guard.String {
			return c.Text()
		}
		c.Skip()
	}
	return nil, false
}
