package redistest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServersAreApart(t *testing.T) {
	t.Parallel()
	a, b := New(t), New(t)
	require.NoError(t, a.Client.Set(t.Context(), "k", "v", 0).Err())
	n, err := b.Client.Exists(t.Context(), "k").Result()
	require.NoError(t, err)
	if n != 0 {
		t.Errorf("keys of the other server = %d, want 0", n)
	}
}

func TestDataSurvivesRestart(t *testing.T) {
	t.Parallel()
	r := New(t)
	require.NoError(t, r.Client.Set(t.Context(), "k", "v", 0).Err())
	r.Restart(t)
	got, err := r.Client.Get(t.Context(), "k").Result()
	require.NoError(t, err)
	if got != "v" {
		t.Errorf("after the restart k = %q, want %q", got, "v")
	}
}

func TestKilledServerComesBack(t *testing.T) {
	t.Parallel()
	r := New(t)
	r.Kill(t)
	require.Error(t, r.Client.Ping(t.Context()).Err(), "a killed server must not answer")
	r.Start(t)
	require.NoError(t, r.Client.Ping(t.Context()).Err())
}

func TestGivenServerIsSharedByLogicalDatabases(t *testing.T) {
	given := New(t)
	t.Setenv("STARLANE_TEST_REDIS_URL", given.URL)
	a, b := New(t), New(t)
	if a.URL == b.URL {
		t.Fatalf("two tests got %s", a.URL)
	}
	require.NoError(t, a.Client.Set(t.Context(), "k", "v", 0).Err())
	n, err := b.Client.Exists(t.Context(), "k").Result()
	require.NoError(t, err)
	if n != 0 {
		t.Errorf("keys of the other database = %d, want 0", n)
	}
}
