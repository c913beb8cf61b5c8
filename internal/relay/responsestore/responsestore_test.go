package responsestore

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/relay/body"
	"starlane/internal/tenancy/vkey"
)

// shared stands for Redis, which all relays see; internal/store/redis and internal/relayapi test the real one.
type shared struct {
	data map[string][]byte
	ttl  time.Duration
	most int64
	hang bool
}

func (s *shared) PutResponse(ctx context.Context, tenant id.ID, name string, sealed []byte, ttl time.Duration, most int64) error {
	if s.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	s.data[tenant.String()+name], s.ttl, s.most = bytes.Clone(sealed), ttl, most
	return nil
}

func (s *shared) Response(_ context.Context, tenant id.ID, name string) ([]byte, error) {
	return s.data[tenant.String()+name], nil
}

func (s *shared) DropResponse(_ context.Context, tenant id.ID, name string) error {
	delete(s.data, tenant.String()+name)
	return nil
}

func open(t *testing.T, b Backend, master byte) *Store {
	t.Helper()
	box, err := secret.NewBox(secret.New(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{master}, secret.KeySize))))
	require.NoError(t, err)
	return New(Options{Backend: b, Box: box, PerTenant: 1000, Logger: slog.New(slog.DiscardHandler)})
}

func record(input, answer string) Record {
	return Record{Input: body.Copy([]byte(input)), Answer: body.Copy([]byte(answer))}
}

func TestOnlyItsTenantAndEpochOpensAResponse(t *testing.T) {
	t.Parallel()
	ctx, b := t.Context(), &shared{data: map[string][]byte{}}
	a, far, foreign := open(t, b, 7), open(t, b, 7), open(t, b, 8)
	key := &vkey.Record{Tenant: id.New(), ResponseEpoch: id.New(), ResponseHours: 5}
	require.NoError(t, a.Save(ctx, key, "resp_1", record("[canary]", "{answer}")))
	require.Equal(t, 5*time.Hour, b.ttl)
	require.Equal(t, int64(1000), b.most)
	got, err := far.Load(ctx, key, "resp_1")
	require.NoError(t, err)
	require.Equal(t, "[canary]", string(got.Input.Open()))
	require.Equal(t, "{answer}", string(got.Answer.Open()))

	_, err = a.Load(ctx, key, "resp_2")
	require.ErrorIs(t, err, ErrNotFound)
	_, err = foreign.Load(ctx, key, "resp_1")
	require.ErrorIs(t, err, ErrNotFound, "another master key opens it")
	for _, other := range []*vkey.Record{{Tenant: id.New(), ResponseEpoch: key.ResponseEpoch}, {Tenant: key.Tenant, ResponseEpoch: id.New()}} {
		for at, sealed := range b.data {
			require.NotContains(t, at+string(sealed), "canary")
			require.NotContains(t, at, "resp_1")
			b.data[other.Tenant.String()+name(other, "resp_1")] = sealed // whoever writes Redis may move entries
		}
		_, err = a.Load(ctx, other, "resp_1")
		require.ErrorIs(t, err, ErrNotFound, "an entry opens for another tenant or epoch")
	}
	b.data[key.Tenant.String()+name(key, "resp_2")] = b.data[key.Tenant.String()+name(key, "resp_1")]
	_, err = a.Load(ctx, key, "resp_2")
	require.ErrorIs(t, err, ErrNotFound, "an entry opens under another id")

	require.NoError(t, a.Delete(ctx, key, "resp_1"))
	_, err = a.Load(ctx, key, "resp_1")
	require.ErrorIs(t, err, ErrNotFound)
}

func TestSaveIsBounded(t *testing.T) {
	t.Parallel()
	b := &shared{data: map[string][]byte{}}
	s, key := open(t, b, 7), &vkey.Record{Tenant: id.New(), ResponseEpoch: id.New(), ResponseHours: 1}
	half := strings.Repeat("x", MaxBytes/2)
	require.NoError(t, s.Save(t.Context(), key, "r", record(half, half)))
	require.ErrorIs(t, s.Save(t.Context(), key, "s", record(half, half+"x")), ErrTooLarge)
	require.Len(t, b.data, 1)
	b.hang = true
	begin := time.Now()
	require.ErrorIs(t, s.Save(t.Context(), key, "t", record("", "")), context.DeadlineExceeded)
	require.Less(t, time.Since(begin), 3*wait)
}
