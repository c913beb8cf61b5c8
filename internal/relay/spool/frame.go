package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A segment is a row of frames: length of kind and payload (4 bytes), CRC-32C of them (4 bytes), kind, payload. All
// numbers are little-endian. The first frame is the header.
const (
	frameHead  = 8
	maxPayload = 16 << 10 // an event with every attribute at its bound has some 4 KiB
)

type kind byte

const (
	kindHeader kind = 1
	kindOpen   kind = 2
	kindEvent  kind = 3
)

// errTorn means that a frame is incomplete or damaged: the end of what can be trusted.
var errTorn = errors.New("torn or damaged frame")

// beginFrame reserves the head of a frame; endFrame fills it in once the payload follows.
func beginFrame(dst []byte, k kind) []byte {
	return append(dst, 0, 0, 0, 0, 0, 0, 0, 0, byte(k))
}

func endFrame(frame []byte, table *crc32.Table) {
	binary.LittleEndian.PutUint32(frame, uint32(len(frame)-frameHead))
	binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(frame[frameHead:], table))
}

// nextFrame returns the first frame of b and its whole length. A length of 0 means that b ends before the frame does.
func nextFrame(b []byte, table *crc32.Table) (k kind, payload []byte, n int, err error) {
	if len(b) < frameHead {
		return 0, nil, 0, nil
	}
	size := binary.LittleEndian.Uint32(b)
	if size < 1 || size > maxPayload+1 {
		return 0, nil, 0, errTorn
	}
	n = frameHead + int(size)
	if len(b) < n {
		return 0, nil, 0, nil
	}
	if crc32.Checksum(b[frameHead:n], table) != binary.LittleEndian.Uint32(b[4:]) {
		return 0, nil, 0, errTorn
	}
	return kind(b[frameHead]), b[frameHead+1 : n], n, nil
}

// header says whose segment this is.
type header struct {
	relay string
	boot  int64
	n     uint64
}

const headerVersion = 1

func (h header) append(dst []byte) []byte {
	dst = append(dst, headerVersion)
	dst = binary.AppendVarint(dst, h.boot)
	dst = binary.AppendUvarint(dst, h.n)
	return append(dst, h.relay...)
}

func parseHeader(b []byte) (h header, ok bool) {
	if len(b) < 1 || b[0] != headerVersion {
		return header{}, false
	}
	b = b[1:]
	var n int
	if h.boot, n = binary.Varint(b); n <= 0 {
		return header{}, false
	}
	b = b[n:]
	if h.n, n = binary.Uvarint(b); n <= 0 {
		return header{}, false
	}
	h.relay = string(b[n:])
	return h, true
}
