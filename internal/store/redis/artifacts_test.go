package redisstore

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/id"
	"starlane/internal/testkit/redistest"
)

func TestArtifacts(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.New(t))
	tenant := id.New()
	none, err := s.Artifact(t.Context(), tenant, "a")
	require.NoError(t, err)
	require.Nil(t, none)
	require.NoError(t, s.PutArtifact(t.Context(), tenant, "a", []byte("x\x00y"), time.Minute))
	got, err := s.Artifact(t.Context(), tenant, "a")
	require.NoError(t, err)
	require.Equal(t, []byte("x\x00y"), got)
	none, err = s.Artifact(t.Context(), id.New(), "a")
	require.NoError(t, err)
	require.Nil(t, none)
	left, err := s.rdb.TTL(t.Context(), keyArtifact(tenant, "a")).Result()
	require.NoError(t, err)
	require.InDelta(t, time.Minute.Seconds(), left.Seconds(), 5)
}
