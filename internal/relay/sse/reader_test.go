package sse

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

type pieces struct {
	data []byte
	cuts []byte // length of each read less one; then what is left
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := len(p.data)
	if len(p.cuts) > 0 {
		n, p.cuts = min(n, int(p.cuts[0])+1), p.cuts[1:]
	}
	n = copy(b, p.data[:n])
	p.data = p.data[n:]
	return n, nil
}

func readAll(t *testing.T, src io.Reader) (data, raw []string, rest string) {
	t.Helper()
	var pool Pool
	r := pool.Get(src)
	defer pool.Put(r)
	for {
		err := r.Fill()
		for {
			e, ok := r.Next()
			if !ok {
				break
			}
			raw = append(raw, string(e.Raw))
			if e.Data != nil {
				data = append(data, string(e.Data))
				if e.At >= 0 && !bytes.Equal(e.Raw[e.At:e.At+len(e.Data)], e.Data) {
					t.Fatalf("At is %d, but %q stands there, not %q", e.At, e.Raw[e.At:], e.Data)
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return data, raw, string(r.Rest())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	cases := []struct {
		name, in string
		want     []string
		rest     string
	}{
		{"plain", "data: a\n\ndata: b\n\n", []string{"a", "b"}, ""},
		{"without a space", "data:a\n\n", []string{"a"}, ""},
		{"one space only is taken away", "data:  a\n\n", []string{" a"}, ""},
		{"carriage returns and line feeds", "data: a\r\n\r\ndata: b\r\n\r\n", []string{"a", "b"}, ""},
		{"carriage returns alone", "data: a\r\rdata: b\r\r", []string{"a", "b"}, ""},
		{"several data lines", "data: a\ndata: b\ndata\ndata:c\n\n", []string{"a\nb\n\nc"}, ""},
		{"comments and other fields", ": hi\n\nevent: x\nid: 1\ndata: a\nretry: 3\n\n", []string{"a"}, ""},
		{"a field that only starts alike", "database: x\ndata: a\n\n", []string{"a"}, ""},
		{"byte order mark", "\xef\xbb\xbfdata: a\n\n", []string{"a"}, ""},
		{"cut in an event", "data: a\n\ndata: b\n", []string{"a"}, "data: b\n"},
		{"blank lines between", "\n\ndata: a\n\n\n\n", []string{"a"}, ""},
		{"long", "data: " + long + "\n\ndata: b\n\n", []string{long, "b"}, ""},
		{"empty data", "data:\n\n", []string{""}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for name, src := range map[string]io.Reader{
				"whole": strings.NewReader(c.in), "bytewise": iotest.OneByteReader(strings.NewReader(c.in)),
				"data with EOF": iotest.DataErrReader(strings.NewReader(c.in)),
			} {
				got, raw, rest := readAll(t, src)
				if !slices.Equal(got, c.want) {
					t.Errorf("%s: events = %.60q, want %.60q", name, got, c.want)
				}
				if all := strings.Join(raw, "") + rest; all != c.in {
					t.Errorf("%s: raw bytes changed: %.80q", name, all)
				}
				if rest != c.rest {
					t.Errorf("%s: rest = %q, want %q", name, rest, c.rest)
				}
			}
		})
	}
}

func TestEventBound(t *testing.T) {
	t.Parallel()
	var pool Pool
	r := pool.Get(io.MultiReader(strings.NewReader("data: "), &endless{}))
	var err error
	for err == nil {
		if _, ok := r.Next(); ok {
			t.Fatal("an event without an end came out")
		}
		err = r.Fill()
	}
	if !errors.Is(err, ErrTooLong) {
		t.Errorf("err = %v, want ErrTooLong", err)
	}
	if len(r.buf) > MaxEvent {
		t.Errorf("buffer grew to %d, want at most %d", len(r.buf), MaxEvent)
	}
}

type endless struct{}

func (*endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestErrorAfterDataIsNotLost(t *testing.T) {
	t.Parallel()
	broken := errors.New("cut")
	var pool Pool
	r := pool.Get(io.MultiReader(strings.NewReader("data: a\n\n"), iotest.ErrReader(broken)))
	if err := r.Fill(); err != nil {
		t.Fatal(err)
	}
	if e, ok := r.Next(); !ok || string(e.Data) != "a" {
		t.Errorf("Next = %q, %v", e.Data, ok)
	}
	if err := r.Fill(); !errors.Is(err, broken) {
		t.Errorf("err = %v, want %v", err, broken)
	}
}

func FuzzCutsNeverChangeEvents(f *testing.F) {
	f.Add([]byte("data: a\r\n\r\n: c\n\ndata: b\ndata: c\n\n"), []byte{0, 3, 1})
	f.Add([]byte("\xef\xbb\xbfdata\r\rdata: x\r\n\n"), []byte{1, 1, 1, 1})
	f.Fuzz(func(t *testing.T, in, cuts []byte) {
		data, raw, rest := readAll(t, bytes.NewReader(in))
		data2, raw2, rest2 := readAll(t, &pieces{data: in, cuts: cuts})
		if !slices.Equal(data, data2) || !slices.Equal(raw, raw2) || rest != rest2 {
			t.Fatalf("whole: %q %q %q\ncut: %q %q %q", data, raw, rest, data2, raw2, rest2)
		}
		if all := strings.Join(raw, "") + rest; all != string(in) {
			t.Fatalf("raw bytes changed: %q", all)
		}
	})
}

func TestReadingDoesNotAllocate(t *testing.T) {
	stream := []byte(strings.Repeat(`data: {"id":"x","choices":[{"delta":{"content":" word"}}]}`+"\n\n", 100))
	var pool Pool
	src := bytes.NewReader(stream)
	if n := testing.AllocsPerRun(50, func() {
		src.Reset(stream)
		r := pool.Get(src)
		for r.Fill() == nil {
			for ok := true; ok; {
				_, ok = r.Next()
			}
		}
		pool.Put(r)
	}); n > 1 {
		t.Errorf("a stream of 100 events allocates %v times, want at most 1", n)
	}
}
