package body

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"starlane/internal/platform/id"
)

func TestContentDoesNotPrint(t *testing.T) {
	t.Parallel()
	const words = "tell-nobody"
	c := Copy([]byte(words))
	m := c.Edited(Edit{From: 0, To: 0, Text: "x"})
	type holder struct {
		a Content
		B *Content
		m Message
	}
	h := holder{c, &c, m}
	var buf bytes.Buffer
	for _, l := range []*slog.Logger{slog.New(slog.NewTextHandler(&buf, nil)), slog.New(slog.NewJSONHandler(&buf, nil))} {
		l.Info("x", "c", c, "p", &c, "h", h, "hp", &h, "m", m, "mp", &m)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{c, &c, h, &h, m, &m, []Content{c}, map[string]any{"c": c}, m.Reader()} {
			fmt.Fprintf(&buf, verb+"\n", v)
		}
	}
	if err := json.NewEncoder(&buf).Encode(struct{ C Content }{c}); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(&buf, fmt.Errorf("wrapped: %v", c))
	for name, form := range map[string]string{
		"plain": words, "hex": fmt.Sprintf("%x", words), "decimal": strings.Trim(fmt.Sprint(string([]byte(words))), "[]"),
	} {
		if strings.Contains(buf.String(), form) {
			t.Errorf("content is printed as %s", name)
		}
	}
}

func TestReadAndBounds(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 4095, 4096, 4097, 100_000, 5 << 20} {
		text := bytes.Repeat([]byte("a"), n)
		for _, size := range []int64{int64(n), -1} {
			p := NewPool(64<<20, 0)
			c, err := p.Read(iotest.HalfReader(bytes.NewReader(text)), size, int64(n))
			if err != nil || !bytes.Equal(c.Open(), text) {
				t.Fatalf("n=%d size=%d: %d bytes, err %v", n, size, c.Len(), err)
			}
			c.Release()
			if p.Used() != 0 {
				t.Errorf("n=%d: %d bytes held after release", n, p.Used())
			}
			if n > 0 {
				if _, err := p.Read(bytes.NewReader(text), size, int64(n-1)); !errors.Is(err, ErrTooLarge) {
					t.Errorf("n=%d size=%d over the bound: err = %v, want ErrTooLarge", n, size, err)
				}
			}
			if p.Used() != 0 {
				t.Errorf("n=%d: %d bytes held after an error", n, p.Used())
			}
		}
	}
	p := NewPool(10_000, 0)
	a, err := p.Read(strings.NewReader("x"), 1, 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Read(strings.NewReader(strings.Repeat("x", 8000)), 8000, 10_000); !errors.Is(err, ErrNoRoom) {
		t.Errorf("err = %v, want ErrNoRoom", err)
	}
	if _, err := p.Read(strings.NewReader(strings.Repeat("x", 8000)), -1, 10_000); !errors.Is(err, ErrNoRoom) {
		t.Errorf("unknown length: err = %v, want ErrNoRoom", err)
	}
	a.Release()
	if _, err := p.Read(strings.NewReader("ab"), 3, 10); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body that breaks off: err = %v, want io.ErrUnexpectedEOF", err)
	}
	if p.Used() != 0 {
		t.Errorf("%d bytes held at the end", p.Used())
	}
}

func TestReleasedContentIsEmpty(t *testing.T) {
	t.Parallel()
	p := NewPool(1<<20, 0)
	a, _ := p.Read(strings.NewReader("first"), 5, 10)
	r := a.Edited().Reader()
	a.Release()
	if got, _ := io.ReadAll(r); string(got) != "first" {
		t.Errorf("a reader that is open sees %q, want the content", got)
	}
	_ = r.Close()
	_ = r.Close()
	b, _ := p.Read(strings.NewReader("other"), 5, 10)
	defer b.Release()
	if got := a.Open(); len(got) != 0 {
		t.Errorf("released content shows %q: another request's buffer", got)
	}
	if _, err := r.Read(make([]byte, 8)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a closed reader reads: %v", err)
	}
}

func TestEdits(t *testing.T) {
	t.Parallel()
	for range 500 {
		src := []byte(strings.Repeat("0123456789", 3))
		var edits []Edit
		var want bytes.Buffer
		at := 0
		for range rand.IntN(MaxEdits + 1) {
			from := at + rand.IntN(len(src)-at+1)
			to := from + rand.IntN(min(len(src)-from, 5)+1)
			e := Edit{from, to, strings.Repeat("x", rand.IntN(6))}
			want.Write(src[at:from])
			want.WriteString(e.Text)
			edits, at = append(edits, e), to
		}
		want.Write(src[at:])
		m := Copy(src).Edited(edits...)
		got, err := io.ReadAll(iotest.OneByteReader(m.Reader()))
		if err != nil || !bytes.Equal(got, want.Bytes()) || m.Len() != int64(want.Len()) {
			t.Fatalf("edits %v: read %q (%d, %v), want %q", edits, got, m.Len(), err, want.Bytes())
		}
		if whole, _ := io.ReadAll(m.Reader()); !bytes.Equal(whole, want.Bytes()) {
			t.Fatalf("edits %v: read at once %q, want %q", edits, whole, want.Bytes())
		}
		var out bytes.Buffer
		if n, err := m.WriteTo(&out); err != nil || n != m.Len() || !bytes.Equal(out.Bytes(), want.Bytes()) {
			t.Fatalf("edits %v: wrote %q, want %q", edits, out.Bytes(), want.Bytes())
		}
	}
}

func TestCloseWhileReading(t *testing.T) {
	t.Parallel()
	p := NewPool(1<<30, 0)
	var wg sync.WaitGroup
	for i := range 50 {
		text := strings.Repeat(string(rune('a'+i%26)), 64<<10)
		wg.Go(func() {
			c, err := p.Read(strings.NewReader(text), int64(len(text)), 1<<20)
			if err != nil {
				t.Error(err)
				return
			}
			r := c.Edited().Reader()
			c.Release()
			done := make(chan struct{})
			go func() {
				defer close(done)
				buf := make([]byte, 100)
				for {
					n, err := r.Read(buf)
					if got := string(buf[:n]); strings.Trim(got, text[:1]) != "" {
						t.Errorf("read bytes of another content")
					}
					if err != nil {
						return
					}
				}
			}()
			_ = r.Close()
			<-done
		})
	}
	wg.Wait()
	if p.Used() != 0 {
		t.Errorf("%d bytes held at the end", p.Used())
	}
}

func TestReadingPooledDoesNotAllocate(t *testing.T) {
	p := NewPool(1<<20, 0)
	src, owner := strings.NewReader(""), id.New()
	if n := testing.AllocsPerRun(200, func() {
		src.Reset("hello")
		c, err := p.ReadFor(owner, src, 5, 10)
		if err != nil {
			t.Error(err)
		}
		c.Release()
	}); n > 1 { // the race detector makes pools forget now and then
		t.Errorf("a pooled body allocates %v times, want none", n)
	}
}

// TestOneOwnerHoldsAShare: whoever fills their share is refused, others still find room, and what is given back counts.
func TestOneOwnerHoldsAShare(t *testing.T) {
	t.Parallel()
	const size = 4096 // of the smallest buffer
	p := NewPool(16*size, 0)
	one, two := id.New(), id.New()
	read := func(owner id.ID) (Content, error) { return p.ReadFor(owner, strings.NewReader("hello"), 5, 10) }
	var mine []Content
	for len(mine) < 4 {
		c, err := read(one)
		if err != nil {
			t.Fatalf("body %d of a share of 4: %v", len(mine)+1, err)
		}
		mine = append(mine, c)
	}
	if _, err := read(one); !errors.Is(err, ErrShare) {
		t.Errorf("beyond the share: err = %v, want ErrShare", err)
	}
	if _, err := p.ReadFor(one, strings.NewReader("hello"), -1, 10); !errors.Is(err, ErrShare) {
		t.Errorf("beyond the share, of unknown length: err = %v, want ErrShare", err)
	}
	for name, owner := range map[string]id.ID{"another owner": two, "an answer": id.Nil} {
		c, err := read(owner)
		if err != nil {
			t.Errorf("%s: %v, want room", name, err)
		}
		c.Release()
	}
	mine[0].Release()
	c, err := read(one)
	if err != nil {
		t.Errorf("after a release: %v, want room", err)
	}
	for _, c := range append(mine[1:], c) {
		c.Release()
	}
	if p.Used() != 0 || p.shares.held[one] != 0 {
		t.Errorf("%d bytes held, %d of them by the first owner; want none", p.Used(), p.shares.held[one])
	}
}

// TestLargestBodyFitsInAShare, however small the pool is.
func TestLargestBodyFitsInAShare(t *testing.T) {
	t.Parallel()
	const largest = 8 << 20
	p := NewPool(3*largest, largest)
	for _, size := range []int64{largest, -1} {
		c, err := p.ReadFor(id.New(), bytes.NewReader(make([]byte, largest)), size, largest)
		if err != nil {
			t.Errorf("announced as %d: %v", size, err)
		}
		c.Release()
	}
}

// TestQuietOwnersAreForgotten: a pool does not remember all who ever called.
func TestQuietOwnersAreForgotten(t *testing.T) {
	t.Parallel()
	p := NewPool(1<<20, 0)
	for range 3 * keepShares {
		c, err := p.ReadFor(id.New(), strings.NewReader("hello"), 5, 10)
		if err != nil {
			t.Fatal(err)
		}
		c.Release()
	}
	if got := len(p.shares.held); got > keepShares+1 {
		t.Errorf("%d owners are remembered, want at most %d", got, keepShares+1)
	}
}

func TestOwnTakesTheBytesAsTheyAre(t *testing.T) {
	t.Parallel()
	p := []byte("abc")
	c := Own(p)
	if got := c.Open(); &got[0] != &p[0] || c.Len() != 3 {
		t.Errorf("Own copies: %q", got)
	}
	c.Release()
	if c.Open() != nil {
		t.Error("the content can be opened after its release")
	}
}
