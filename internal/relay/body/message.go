package body

import (
	"io"
	"sync"
)

// MaxEdits is how many edits a Message has room for.
const MaxEdits = 6

// Edit replaces the bytes [From, To) of a Content. From equal to To inserts.
type Edit struct {
	From, To int
	Text     string
}

// Message is a Content with a few places changed, sent without being copied.
type Message struct {
	content Content
	edits   [MaxEdits]Edit
	n       int
	length  int64
	kind    string
}

// Edited returns the content with edits, which are sorted, do not overlap and lie within it. With more than MaxEdits it is a copy.
func (c Content) Edited(edits ...Edit) Message {
	if len(edits) > MaxEdits {
		return Own(applied(c.Open(), edits)).Edited()
	}
	m := Message{content: c, length: int64(c.Len())}
	m.n = copy(m.edits[:], edits)
	for _, e := range m.edits[:m.n] {
		m.length += int64(len(e.Text) - (e.To - e.From))
	}
	return m
}

func applied(src []byte, edits []Edit) (out []byte) {
	at := 0
	for _, e := range edits {
		out = append(append(out, src[at:e.From]...), e.Text...)
		at = e.To
	}
	return append(out, src[at:]...)
}

// As returns the message with its content type, for one that is not JSON.
func (m Message) As(kind string) Message {
	m.kind = kind
	return m
}

// Kind is the content type, empty for JSON.
func (m Message) Kind() string { return m.kind }

// Len is the number of bytes after the edits.
func (m Message) Len() int64 { return m.length }

// Changed tells whether there are edits.
func (m Message) Changed() bool { return m.n > 0 }

// WriteTo writes the edited bytes to w.
func (m Message) WriteTo(w io.Writer) (int64, error) {
	src, at, n := m.content.Open(), 0, int64(0)
	for _, e := range m.edits[:m.n] {
		for _, part := range [2][]byte{src[at:e.From], []byte(e.Text)} {
			k, err := w.Write(part)
			if n += int64(k); err != nil {
				return n, err //nolint:wrapcheck // the writer's own error is what the caller compares
			}
		}
		at = e.To
	}
	k, err := w.Write(src[at:])
	return n + int64(k), err //nolint:wrapcheck // see above
}

// Reader reads the edited bytes from the start. It holds the content until it is closed, so that an HTTP transport that
// still writes after its answer came never sees a buffer that somebody else uses.
func (m Message) Reader() io.ReadCloser {
	m.content.Retain()
	return &reader{m: m, open: true}
}

type reader struct {
	mu   sync.Mutex // the transport may close from another goroutine than the one that reads
	m    Message
	edit int // next edit
	at   int // position in the content
	text int // position in the text of the edit, once at has reached it
	open bool
}

func (r *reader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open {
		return 0, io.ErrClosedPipe
	}
	src := r.m.content.Open()
	n := 0
	for n < len(p) {
		end := len(src)
		if r.edit < r.m.n {
			end = r.m.edits[r.edit].From
		}
		if r.at < end {
			k := copy(p[n:], src[r.at:end])
			r.at += k
			n += k
			continue
		}
		if r.edit == r.m.n {
			break
		}
		e := &r.m.edits[r.edit]
		k := copy(p[n:], e.Text[r.text:])
		n += k
		r.text += k
		if r.text < len(e.Text) {
			break
		}
		r.at, r.text = e.To, 0
		r.edit++
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open {
		r.open = false
		r.m.content.Release()
	}
	return nil
}
