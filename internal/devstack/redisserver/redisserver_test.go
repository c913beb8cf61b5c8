package redisserver

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"starlane/internal/devstack/toolcache"
)

func find(t *testing.T) Binary {
	t.Helper()
	cache, err := toolcache.Dir("starlane")
	require.NoError(t, err)
	b, err := Finder{Cache: cache, Fetch: true}.Find(t.Context())
	require.NoError(t, err)
	return b
}

func client(t *testing.T, s *Server) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(s.URL(0))
	require.NoError(t, err)
	c := redis.NewClient(opts)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestServerIsSafeForAQueue(t *testing.T) {
	t.Parallel()
	cfg := Config{Binary: find(t), Dir: t.TempDir(), Append: true}
	s, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Stop(context.Background(), syscall.SIGTERM) })
	for setting, want := range map[string]string{"appendonly": "yes", "maxmemory-policy": "noeviction", "appendfsync": "everysec"} {
		got, err := client(t, s).ConfigGet(t.Context(), setting).Result()
		require.NoError(t, err)
		if got[setting] != want {
			t.Errorf("%s = %q, want %q", setting, got[setting], want)
		}
	}
	st, err := os.Stat(filepath.Join(cfg.Dir, "redis.conf"))
	require.NoError(t, err)
	if st.Mode().Perm() != 0o600 {
		t.Errorf("mode of the password's file = %o, want 600", st.Mode().Perm())
	}
	wrong := *s
	wrong.Password = "wrong"
	if wrong.Ping(t.Context()) == nil {
		t.Error("a wrong password is let in")
	}
}

func TestStreamsSurviveARestart(t *testing.T) {
	t.Parallel()
	cfg := Config{Binary: find(t), Dir: t.TempDir(), Append: true, Password: "same"}
	s, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	c := client(t, s)
	require.NoError(t, c.XGroupCreateMkStream(t.Context(), "usage:{00}", "metering", "0").Err())
	require.NoError(t, c.XAdd(t.Context(), &redis.XAddArgs{Stream: "usage:{00}", Values: []string{"k", "v"}}).Err())
	require.NoError(t, s.Stop(t.Context(), syscall.SIGTERM))

	cfg.Port = s.Port
	again, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = again.Stop(context.Background(), syscall.SIGTERM) })
	if again.URL(0) != s.URL(0) {
		t.Errorf("address = %s, want the old one", again.URL(0))
	}
	got, err := c.XReadGroup(t.Context(), &redis.XReadGroupArgs{Group: "metering", Consumer: "a", Streams: []string{"usage:{00}", ">"}}).Result()
	require.NoError(t, err)
	if len(got) != 1 || len(got[0].Messages) != 1 {
		t.Errorf("messages after the restart = %v, want the one from before", got)
	}
}

func TestStartTakesOverFromAServerWhoseOwnerWasKilled(t *testing.T) {
	t.Parallel()
	cfg := Config{Binary: find(t), Dir: t.TempDir(), Append: true, Password: "same"}
	old, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	s, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Stop(context.Background(), syscall.SIGTERM) })
	select {
	case <-old.Done():
	case <-time.After(10 * time.Second):
		t.Error("the old server still runs on the same files")
	}
}
