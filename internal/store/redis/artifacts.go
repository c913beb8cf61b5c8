package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"starlane/internal/platform/id"
)

// PutArtifact keeps an encrypted entry of the relays' vault for ttl.
func (s *Store) PutArtifact(ctx context.Context, tenant id.ID, name string, sealed []byte, ttl time.Duration) error {
	if ttl <= 0 {
		return nil
	}
	return wrap("put artifact", s.rdb.Set(ctx, keyArtifact(tenant, name), sealed, ttl).Err())
}

// Artifact returns an entry, nil if there is none.
func (s *Store) Artifact(ctx context.Context, tenant id.ID, name string) ([]byte, error) {
	b, err := s.rdb.Get(ctx, keyArtifact(tenant, name)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return b, wrap("artifact", err)
}
