package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"starlane/internal/platform/id"
)

// responseBooks is how long the books of a tenant's responses outlive the last one written: longer than any response.
const responseBooks = 31 * 24 * time.Hour

// PutResponse stores an encrypted response for ttl. The tenant's responses come to most bytes; those that expire first go.
func (s *Store) PutResponse(ctx context.Context, tenant id.ID, name string, sealed []byte, ttl time.Duration, most int64) error {
	keys := []string{keyResponse(tenant, name), keyResponseExpiry(tenant), keyResponseSizes(tenant)}
	err := s.run(ctx, "put_response", keys, name, sealed, ttl.Milliseconds(), most, keyResponse(tenant, ""), responseBooks.Milliseconds()).Err()
	return wrap("put response", err)
}

// Response returns an encrypted response, nil if there is none.
func (s *Store) Response(ctx context.Context, tenant id.ID, name string) ([]byte, error) {
	b, err := s.rdb.Get(ctx, keyResponse(tenant, name)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return b, wrap("response", err)
}

// DropResponse deletes a response.
func (s *Store) DropResponse(ctx context.Context, tenant id.ID, name string) error {
	_, err := s.dropResponses(ctx, tenant, name)
	return err
}

// DropResponses deletes all responses of a tenant.
func (s *Store) DropResponses(ctx context.Context, tenant id.ID) error {
	for {
		n, err := s.dropResponses(ctx, tenant, "")
		if err != nil || n == 0 {
			return err
		}
	}
}

func (s *Store) dropResponses(ctx context.Context, tenant id.ID, name string) (int, error) {
	keys := []string{keyResponseExpiry(tenant), keyResponseSizes(tenant)}
	n, err := s.run(ctx, "drop_responses", keys, keyResponse(tenant, ""), name).Int()
	return n, wrap("drop responses", err)
}
