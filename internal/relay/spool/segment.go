package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"starlane/internal/platform/id"
	"starlane/internal/usage"
)

const (
	segmentSuffix = ".wal"
	damagedSuffix = ".damaged"
	readChunk     = 256 << 10
)

// segment is one file of the log. Its fields are guarded by Log.mu once the log is open.
type segment struct {
	header
	path    string
	file    *os.File
	size    int64
	lastSeq uint64 // highest event in it, 0: none
	open    int    // requests that are running and whose open record is here
}

func segmentName(boot int64, n uint64) string {
	return fmt.Sprintf("%016d-%08d%s", boot, n, segmentSuffix)
}

// createSegment makes a file that must not exist yet and writes its header.
func createSegment(dir string, h header, table *crc32.Table) (*segment, error) {
	path := filepath.Join(dir, segmentName(h.boot, h.n))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	frame := h.append(beginFrame(nil, kindHeader))
	endFrame(frame, table)
	if _, err := f.Write(frame); err != nil {
		return nil, errors.Join(fmt.Errorf("create segment: %w", err), f.Close(), os.Remove(path))
	}
	return &segment{header: h, path: path, file: f, size: int64(len(frame))}, nil
}

// listSegments returns the paths of all segments, oldest first.
func listSegments(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	var paths []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), segmentSuffix) && e.Type().IsRegular() {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(paths) // names are padded: boot, then number
	return paths, nil
}

// found gathers what recovery needs from all segments.
type found struct {
	open  map[id.ID]usage.Open // admitted and not ended
	order []id.ID              // of admission
}

// recoverSegment reads a segment of a former boot, cuts off a torn tail and notes what it says. A nil segment means that
// the file holds nothing, not even a header, and was removed.
func recoverSegment(path string, table *crc32.Table, into *found) (*segment, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	s := &segment{path: path, file: f}
	r := frameReader{file: f, table: table, limit: 1<<63 - 1}
	for {
		k, payload, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && r.at == 0 && k != kindHeader {
			err = errTorn
		}
		if err == nil {
			err = s.note(k, payload, into)
		}
		if errors.Is(err, errTorn) {
			break
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read segment: %w", err), f.Close())
		}
		r.advance()
	}
	s.size = r.at
	if err := s.cut(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if s.size == 0 {
		return nil, errors.Join(f.Close(), os.Remove(path))
	}
	return s, nil
}

// note takes one record into account. What does not parse although its checksum fits is treated as damage.
func (s *segment) note(k kind, payload []byte, into *found) error {
	switch k {
	case kindHeader:
		h, ok := parseHeader(payload)
		if !ok {
			return errTorn
		}
		s.header = h
	case kindOpen:
		o, err := usage.ParseOpen(payload)
		if err != nil {
			return errTorn
		}
		if _, again := into.open[o.ID]; !again {
			into.order = append(into.order, o.ID)
		}
		into.open[o.ID] = o
	case kindEvent:
		e, err := usage.ParseBinary(payload)
		if err != nil {
			return errTorn
		}
		s.lastSeq = max(s.lastSeq, e.Seq)
		delete(into.open, e.ID)
	default:
		return errTorn
	}
	return nil
}

// cut removes what follows the last good frame. A torn write leaves one incomplete frame; more than that is kept aside,
// because somebody must look at it.
func (s *segment) cut() error {
	info, err := s.file.Stat()
	if err != nil {
		return fmt.Errorf("cut segment: %w", err)
	}
	rest := info.Size() - s.size
	if rest == 0 {
		return nil
	}
	if rest > frameHead+1+maxPayload {
		if err := s.keepDamaged(); err != nil {
			return err
		}
	}
	if err := s.file.Truncate(s.size); err != nil {
		return fmt.Errorf("cut segment: %w", err)
	}
	return nil
}

func (s *segment) keepDamaged() error {
	out, err := os.OpenFile(s.path+damagedSuffix, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep damaged segment: %w", err)
	}
	_, err = io.Copy(out, io.NewSectionReader(s.file, 0, 1<<62))
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("keep damaged segment: %w", err)
	}
	return nil
}

// frameReader walks the frames of a file up to a limit. next does not move on before advance is called.
type frameReader struct {
	file  *os.File
	table *crc32.Table
	at    int64 // offset of the frame that next returns
	limit int64 // nothing beyond it is read
	buf   []byte
	from  int64 // offset of buf
	size  int   // of the frame returned last
}

// next returns the frame at the current offset, valid until the next call. io.EOF means that the limit, or the end of the
// file, is reached exactly; errTorn that what follows is no whole frame.
func (r *frameReader) next() (kind, []byte, error) {
	k, payload, n, err := nextFrame(r.window(), r.table)
	if err == nil && n == 0 {
		if err = r.fill(); err != nil {
			return 0, nil, err
		}
		k, payload, n, err = nextFrame(r.window(), r.table)
		if err == nil && n == 0 {
			if len(r.window()) == 0 {
				return 0, nil, io.EOF
			}
			return 0, nil, errTorn
		}
	}
	r.size = n
	return k, payload, err
}

func (r *frameReader) advance() { r.at += int64(r.size) }

func (r *frameReader) window() []byte {
	if off := r.at - r.from; off >= 0 && off <= int64(len(r.buf)) {
		return r.buf[off:]
	}
	return nil
}

func (r *frameReader) fill() error {
	if cap(r.buf) < readChunk {
		r.buf = make([]byte, 0, readChunk)
	}
	want := min(int64(readChunk), r.limit-r.at)
	n, err := r.file.ReadAt(r.buf[:want], r.at)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read segment: %w", err)
	}
	r.buf, r.from = r.buf[:n], r.at
	return nil
}

// seek continues in another place, for example in the next segment.
func (r *frameReader) seek(f *os.File, at, limit int64) {
	if r.file != f {
		r.buf, r.from = r.buf[:0], at
	}
	r.file, r.at, r.limit = f, at, limit
}

// Read walks over all records of a folder, oldest first, without changing it: for the tools of an operator. Exactly one
// of the arguments of each call is not nil. On the folder of a running relay it may miss what is removed or written meanwhile.
func Read(dir string, each func(open *usage.Open, event *usage.Event) error) error {
	paths, err := listSegments(dir)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := readSegment(path, each); err != nil {
			return err
		}
	}
	return nil
}

func readSegment(path string, each func(*usage.Open, *usage.Event) error) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // in Postgres by now
	}
	if err != nil {
		return fmt.Errorf("open segment: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	r := frameReader{file: f, table: crc32.MakeTable(crc32.Castagnoli), limit: 1<<63 - 1}
	for {
		k, payload, err := r.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read segment: %w", err)
		}
		switch k {
		case kindHeader:
		case kindOpen:
			o, err := usage.ParseOpen(payload)
			if err != nil {
				return fmt.Errorf("read segment: %w", err)
			}
			err = each(&o, nil)
			if err != nil {
				return err
			}
		case kindEvent:
			e, err := usage.ParseBinary(payload)
			if err != nil {
				return fmt.Errorf("read segment: %w", err)
			}
			err = each(nil, &e)
			if err != nil {
				return err
			}
		}
		r.advance()
	}
}
