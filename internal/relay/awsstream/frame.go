package awsstream

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// A frame is a prelude (length of all, length of the headers, their checksum), headers, a payload and a checksum of all before
// it; figures are big-endian (the Amazon event stream encoding, as the Transcribe and Bedrock guides describe it). AWS's own decoder
// reads it byte by byte with some forty allocations, which is as much as all else that a translated event costs; the tests
// compare the two.
const (
	preludeSize  = 12
	checksumSize = 4
	maxHeaders   = 128 << 10
	maxPayload   = 16 << 20
)

var errFrame = errors.New("a frame of the event stream cannot be read")

// frame is what a frame says. Its bytes are valid until the next one is read.
type frame struct {
	kind    []byte // event, exception, error
	event   []byte // name of an event
	failure []byte // name of an exception or an error
	payload []byte
}

// frames reads frames.
type frames struct {
	src   *bufio.Reader
	large []byte // a frame that is larger than the buffer of src
}

// next reads a frame. Errors: io.EOF between frames, io.ErrUnexpectedEOF in the middle of one, errFrame, what the connection says.
func (f *frames) next() (m frame, err error) {
	head, err := f.src.Peek(preludeSize)
	if len(head) == 0 {
		return m, err //nolint:wrapcheck // io.EOF, or what the connection says
	}
	if err != nil {
		return m, inside(err)
	}
	all, headers := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
	if binary.BigEndian.Uint32(head[8:]) != crc32.ChecksumIEEE(head[:8]) || headers > maxHeaders || all > preludeSize+maxHeaders+maxPayload+checksumSize ||
		all < preludeSize+headers+checksumSize || all-headers > preludeSize+maxPayload+checksumSize {
		return m, errFrame
	}
	src, err := f.take(int(all))
	if err != nil {
		return m, inside(err)
	}
	end := len(src) - checksumSize
	if binary.BigEndian.Uint32(src[end:]) != crc32.ChecksumIEEE(src[:end]) || !m.read(src[preludeSize:preludeSize+headers]) {
		return m, errFrame
	}
	m.payload = src[preludeSize+headers : end]
	return m, nil
}

// waiting tells whether the next frame has come whole.
func (f *frames) waiting() bool {
	if f.src.Buffered() < preludeSize {
		return false
	}
	head, err := f.src.Peek(preludeSize)
	return err == nil && uint64(binary.BigEndian.Uint32(head)) <= uint64(f.src.Buffered())
}

func (f *frames) take(n int) ([]byte, error) {
	if n <= f.src.Size() {
		src, err := f.src.Peek(n)
		_, _ = f.src.Discard(len(src)) // what was peeked at is there, and stays until more is read
		return src, err                //nolint:wrapcheck // see next
	}
	if cap(f.large) < n {
		f.large = make([]byte, n)
	}
	f.large = f.large[:n]
	_, err := io.ReadFull(f.src, f.large)
	return f.large, err //nolint:wrapcheck // see next
}

// inside is the error of a stream that ends in the middle of a frame.
func inside(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// sizes are those of the values of headers by their type; 0 says that two bytes of length stand first.
var sizes = [...]int{0: -1, 1: -1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 0, 7: 0, 8: 8, 9: 16} //nolint:gochecknoglobals // a constant table

const (
	noValue    = -1 // the type is the value
	textHeader = 7
)

// read finds the headers that matter. False: they cannot be read.
func (m *frame) read(src []byte) bool {
	for len(src) > 0 {
		n := 1 + int(src[0])
		if n == 1 || len(src) < n+1 {
			return false
		}
		name, kind := src[1:n], int(src[n])
		src = src[n+1:]
		if kind >= len(sizes) {
			return false
		}
		size := sizes[kind]
		switch {
		case size == noValue:
			size = 0
		case size == 0 && len(src) < 2:
			return false
		case size == 0:
			size = int(binary.BigEndian.Uint16(src))
			src = src[2:]
		}
		if len(src) < size {
			return false
		}
		if kind == textHeader {
			m.header(string(name), src[:size])
		}
		src = src[size:]
	}
	return true
}

func (m *frame) header(name string, value []byte) {
	switch name {
	case ":message-type":
		m.kind = value
	case ":event-type":
		m.event = value
	case ":exception-type", ":error-code":
		m.failure = value
	}
}
