package vault

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
)

// shared stands for Redis, which all relays see.
type shared struct {
	mu   sync.Mutex
	data map[string][]byte
	puts chan struct{}
	down bool
}

func (s *shared) PutArtifact(_ context.Context, tenant id.ID, name string, sealed []byte, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data[tenant.String()+name] = bytes.Clone(sealed)
	s.puts <- struct{}{}
	return nil
}

func (s *shared) Artifact(_ context.Context, tenant id.ID, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, errors.New("away")
	}
	return s.data[tenant.String()+name], nil
}

func open(t *testing.T, s Store, c clock.Clock) *Vault {
	t.Helper()
	box, err := secret.NewBox(secret.New(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, secret.KeySize))))
	require.NoError(t, err)
	return New(Options{Store: s, Box: box, TTL: time.Hour, Clock: c, Logger: slog.New(slog.DiscardHandler)})
}

func thought(text, seal string) dialect.Kept {
	return dialect.Kept{Thoughts: []llm.Block{{Kind: llm.Thinking, Text: llm.Text(text), Sealed: llm.Sealed{Origin: "anthropic", Data: llm.Text(seal)}}}}
}

func TestOtherRelaysFindItAndOthersTenantsDoNot(t *testing.T) {
	t.Parallel()
	store := &shared{data: map[string][]byte{}, puts: make(chan struct{}, 10)}
	c := clock.NewFake(time.Unix(1_000_000, 0))
	a, b := open(t, store, c), open(t, store, c)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	tenant, other := id.New(), id.New()
	want := thought(`said \"so\"`, "SIG")
	want.Call = llm.Sealed{Origin: "gemini", Data: llm.Text("G"), Alone: true}
	a.Keep(tenant, llm.Text("call_1"), want)
	<-store.puts
	for _, v := range []*Vault{a, b} {
		got, ok := v.Find(tenant, llm.Text("call_1"))
		require.True(t, ok)
		require.Equal(t, want, got)
		_, ok = v.Find(other, llm.Text("call_1"))
		require.False(t, ok)
		_, ok = v.Find(tenant, llm.Text("call_2"))
		require.False(t, ok)
	}
	for key, sealed := range store.data {
		require.NotContains(t, key+string(sealed), "said")
		require.NotContains(t, key+string(sealed), "SIG")
		require.NotContains(t, key, "call_1")
		store.data[strings.Replace(key, tenant.String(), other.String(), 1)] = sealed
	}
	_, ok := b.Find(other, llm.Text("call_1"))
	require.False(t, ok, "an entry opens for another tenant")
	stop()
	require.NoError(t, <-done)
}

func TestEntriesGoWithTimeAndWithRoom(t *testing.T) {
	t.Parallel()
	c := clock.NewFake(time.Unix(1_000_000, 0))
	v := open(t, &shared{data: map[string][]byte{}, puts: make(chan struct{}, 10), down: true}, c)
	tenant := id.New()
	v.Keep(tenant, llm.Text("old"), thought("a", "S"))
	c.Advance(2 * time.Hour)
	_, ok := v.Find(tenant, llm.Text("old"))
	require.False(t, ok)
	big := strings.Repeat("x", 1<<20)
	for n := range 64 {
		v.Keep(tenant, llm.Text{byte(n)}, thought(big, "S"))
	}
	require.LessOrEqual(t, v.bytes, maxMemory)
	require.Len(t, v.entries, v.order.Len())
	_, ok = v.Find(tenant, llm.Text{63})
	require.True(t, ok, "the newest is gone")
	_, ok = v.Find(tenant, llm.Text{0})
	require.False(t, ok, "the oldest is still there")
	v.Keep(tenant, llm.Text{63}, thought("new", "T"))
	got, _ := v.Find(tenant, llm.Text{63})
	require.Equal(t, "new", string(got.Thoughts[0].Text))
}
