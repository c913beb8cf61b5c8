package body

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// TestAnnouncedLengthHoldsNoMemory: whoever announces a large body and does not send it must not take the room of others.
func TestAnnouncedLengthHoldsNoMemory(t *testing.T) {
	t.Parallel()
	const size = 32 << 20
	p := NewPool(1<<30, 0)
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := p.Read(r, size, size)
		done <- err
	}()
	_, err := w.Write(make([]byte, 1000))
	require.NoError(t, err)
	require.LessOrEqual(t, p.Used(), int64(trusted))
	_, err = w.Write(make([]byte, trusted)) // returns only when the last byte has found a place
	require.NoError(t, err)
	require.LessOrEqual(t, p.Used(), int64(firstStep))
	gone := errors.New("gone")
	w.CloseWithError(gone)
	require.ErrorIs(t, <-done, gone)
	require.Zero(t, p.Used())
}

// TestLargeBodiesArriveWhole around the places where the buffer grows, in pieces of any size.
func TestLargeBodiesArriveWhole(t *testing.T) {
	t.Parallel()
	for _, size := range []int{trusted, trusted + 1, 1 << 20, firstStep, firstStep + 1, growth * firstStep, growth*firstStep + 1} {
		p := NewPool(1<<30, 0)
		want := bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]
		for name, r := range map[string]io.Reader{
			"whole": bytes.NewReader(want), "halves": iotest.HalfReader(bytes.NewReader(want)), "end with data": iotest.DataErrReader(bytes.NewReader(want)),
			"more follows": io.MultiReader(bytes.NewReader(want), bytes.NewReader([]byte("next request"))),
		} {
			c, err := p.Read(r, int64(size), int64(size))
			require.NoError(t, err, "%s of %d", name, size)
			require.True(t, bytes.Equal(want, c.Open()), "%s of %d", name, size)
			c.Release()
		}
		_, err := p.Read(bytes.NewReader(want[1:]), int64(size), int64(size))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Zero(t, p.Used())
	}
}
