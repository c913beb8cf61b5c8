// Package awsstream reads the binary event streams of AWS as server-sent events, so that nobody behind it needs to know that
// there are two framings. Both checksums of every frame are checked.
package awsstream

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream/eventstreamapi"

	"starlane/internal/relay/guard"
)

// ContentType is the content type of such a stream.
const ContentType = "application/vnd.amazon.eventstream"

// Framing of AWS: a length of four bytes stands first.
const (
	bufferSize = 16 << 10
	lengthSize = 4
)

var errFrame = errors.New("a frame of the event stream cannot be read")

// NewReader reads body as server-sent events. An event becomes {"TYPE":PAYLOAD}; the chunks of InvokeModel become the event that
// they carry, under its own name; an exception becomes {"type":"error","error":{"type":NAME}}. Closing it closes body.
func NewReader(body io.ReadCloser) io.ReadCloser {
	return &reader{body: body, src: bufio.NewReaderSize(body, bufferSize), frames: eventstream.NewDecoder()}
}

type reader struct {
	body    io.ReadCloser
	src     *bufio.Reader
	frames  *eventstream.Decoder
	payload []byte // memory of the frame that is read
	out     []byte // events
	at      int    // of them were read
	err     error  // what comes behind them
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
	for more := true; more && r.err == nil; more = r.waiting() {
		r.err = r.frame()
	}
}

// waiting tells whether the next frame is in the buffer.
func (r *reader) waiting() bool {
	if r.src.Buffered() < lengthSize {
		return false
	}
	head, err := r.src.Peek(lengthSize)
	return err == nil && uint64(binary.BigEndian.Uint32(head)) <= uint64(r.src.Buffered())
}

func (r *reader) frame() error {
	if _, err := r.src.Peek(1); err != nil {
		return err //nolint:wrapcheck // io.EOF, or what the connection says
	}
	m, err := r.frames.Decode(r.src, r.payload)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF // in the middle of a frame
	}
	if err != nil {
		return err //nolint:wrapcheck // a checksum, a length, or what the connection says
	}
	if m.Payload != nil {
		r.payload = m.Payload[:0]
	}
	switch header(&m, eventstreamapi.MessageTypeHeader) {
	case eventstreamapi.EventMessageType:
		return r.event(header(&m, eventstreamapi.EventTypeHeader), m.Payload)
	case eventstreamapi.ExceptionMessageType:
		return r.failure(header(&m, eventstreamapi.ExceptionTypeHeader))
	case eventstreamapi.ErrorMessageType:
		return r.failure(header(&m, eventstreamapi.ErrorCodeHeader))
	default:
		return errFrame
	}
}

func header(m *eventstream.Message, name string) string {
	v, ok := m.Headers.Get(name).(eventstream.StringValue)
	if !ok {
		return ""
	}
	return string(v)
}

// word tells whether a name is plain enough to stand in an event.
func word(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' {
			return false
		}
	}
	return name != ""
}

func (r *reader) failure(kind string) error {
	if !word(kind) {
		kind = "unknown"
	}
	r.out = append(r.out, `event: error`+"\n"+`data: {"type":"error","error":{"type":"`...)
	r.out = append(append(r.out, kind...), `"}}`+"\n\n"...)
	return nil
}

func (r *reader) event(kind string, payload []byte) error {
	if !word(kind) {
		return nil // initial-response, which says nothing
	}
	if kind == "chunk" {
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
	data, err := base64.StdEncoding.AppendDecode(nil, bytes.ReplaceAll(encoded, []byte(`\/`), []byte("/")))
	if err != nil {
		return errFrame
	}
	if name, ok := member(data, "type"); ok && word(string(name)) {
		r.out = append(append(append(r.out, "event: "...), name...), '\n')
	}
	r.out = append(r.out, "data: "...)
	r.line(data)
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
