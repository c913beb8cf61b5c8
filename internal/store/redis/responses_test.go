package redisstore

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/id"
	"starlane/internal/testkit/redistest"
)

func TestResponses(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, redistest.New(t))
	tenant, other := id.New(), id.New()
	read := func(tenant id.ID, name string) string {
		b, err := s.Response(ctx, tenant, name)
		require.NoError(t, err)
		return string(b)
	}
	require.NoError(t, s.PutResponse(ctx, tenant, "a", []byte("x\x00y"), time.Hour, 100))
	require.NoError(t, s.PutResponse(ctx, other, "a", []byte("another's"), time.Hour, 100))
	require.Equal(t, "x\x00y", read(tenant, "a"))
	require.Empty(t, read(tenant, "b"))
	left, err := s.rdb.TTL(ctx, keyResponse(tenant, "a")).Result()
	require.NoError(t, err)
	require.InDelta(t, time.Hour.Seconds(), left.Seconds(), 5)

	require.NoError(t, s.DropResponse(ctx, tenant, "a"))
	require.NoError(t, s.DropResponse(ctx, tenant, "a"), "what is not there is gone")
	require.Empty(t, read(tenant, "a"))
	require.Equal(t, "another's", read(other, "a"))
}

// TestResponsesStayWithinTheirBound: the first to expire go for new ones, and what is written twice counts once.
func TestResponsesStayWithinTheirBound(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, redistest.New(t))
	tenant := id.New()
	there := func() (names string) {
		for n := range 6 {
			b, err := s.Response(ctx, tenant, fmt.Sprint(n))
			require.NoError(t, err)
			if b != nil {
				names += fmt.Sprint(n)
			}
		}
		return names
	}
	total := func() string {
		v, err := s.rdb.HGet(ctx, keyResponseSizes(tenant), "total").Result()
		require.NoError(t, err)
		return v
	}
	for n := range 5 {
		for range 2 {
			require.NoError(t, s.PutResponse(ctx, tenant, fmt.Sprint(n), []byte(strings.Repeat("x", 30)), time.Hour+time.Duration(n)*time.Minute, 100))
		}
	}
	require.Equal(t, "234", there())
	require.Equal(t, "90", total())
	require.NoError(t, s.PutResponse(ctx, tenant, "5", []byte("y"), time.Minute, 100))
	require.Equal(t, "2345", there())
	// What has expired is taken off the books when the next one is written.
	require.NoError(t, s.PutResponse(ctx, tenant, "5", []byte("yy"), time.Millisecond, 100))
	waitFor(t, func() bool { return there() == "234" })
	require.NoError(t, s.PutResponse(ctx, tenant, "0", []byte("yyyy"), time.Hour, 100))
	require.Equal(t, "94", total())

	require.NoError(t, s.DropResponses(ctx, tenant))
	require.Empty(t, there())
	require.Equal(t, "0", total())
	require.NoError(t, s.DropResponses(ctx, tenant), "nothing is left")
}
