package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"starlane/internal/platform/id"
	"starlane/internal/store/postgres/pgdb"
)

// Leases shares shards and duties among the workers that are alive.
type Leases struct {
	pool *pgxpool.Pool
	q    *pgdb.Queries
}

// NewLeases takes the worker's pool.
func NewLeases(pool *pgxpool.Pool) *Leases { return &Leases{pool: pool, q: pgdb.New()} }

// Hold shows that the worker is alive and brings what it holds to its fair share: it renews, gives up what is too much, and
// takes what is free, together with shards that an earlier life under the same name has left. It returns shard → token.
// Worker names must be unique in the fleet.
func (l *Leases) Hold(ctx context.Context, owner string, held []int, ttl time.Duration) (map[int]int64, error) {
	out := map[int]int64{}
	err := operatorTx(ctx, l.pool, func(tx pgx.Tx) error {
		clear(out)
		if err := l.q.SeedShards(ctx, tx); err != nil {
			return fmt.Errorf("seed shards: %w", err)
		}
		seconds := ttl.Seconds()
		if _, err := l.q.TakeLeader(ctx, tx, "worker:"+owner, owner, seconds); err != nil {
			return fmt.Errorf("show life: %w", err)
		}
		alive, err := l.q.CountAlive(ctx, tx)
		if err != nil {
			return fmt.Errorf("count workers: %w", err)
		}
		share := (id.Shards + int(alive) - 1) / int(alive)
		keep := slices.Sorted(slices.Values(held))
		if len(keep) > share {
			if err := l.q.DropShards(ctx, tx, owner, int16s(keep[share:])); err != nil {
				return fmt.Errorf("give up shards: %w", err)
			}
			keep = keep[:share]
		}
		renewed, err := l.q.RenewShards(ctx, tx, seconds, owner, int16s(keep))
		if err != nil {
			return fmt.Errorf("renew shards: %w", err)
		}
		var have []int16
		for _, r := range renewed {
			out[int(r.Shard)] = r.Token
			have = append(have, r.Shard)
		}
		if len(have) >= share {
			return nil
		}
		taken, err := l.q.TakeShards(ctx, tx, pgdb.TakeShardsParams{Owner: owner, TtlSeconds: seconds, Held: nonNil(have), Most: int32(share - len(have))})
		if err != nil {
			return fmt.Errorf("take shards: %w", err)
		}
		for _, r := range taken {
			out[int(r.Shard)] = r.Token
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Drop gives up shards and the sign of life, so that others need not wait for the lease to run out.
func (l *Leases) Drop(ctx context.Context, owner string, held []int) error {
	return operatorTx(ctx, l.pool, func(tx pgx.Tx) error {
		if err := l.q.DropShards(ctx, tx, owner, int16s(held)); err != nil {
			return fmt.Errorf("give up shards: %w", err)
		}
		if err := l.q.DropLeader(ctx, tx, "worker:"+owner, owner); err != nil {
			return fmt.Errorf("give up sign of life: %w", err)
		}
		return nil
	})
}

// Lead takes or renews a duty; false means that another worker has it.
func (l *Leases) Lead(ctx context.Context, duty, owner string, ttl time.Duration) (bool, error) {
	_, err := l.q.TakeLeader(ctx, l.pool, duty, owner, ttl.Seconds())
	if isNoRows(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lead %s: %w", duty, err)
	}
	return true, nil
}

// Resign gives a duty up.
func (l *Leases) Resign(ctx context.Context, duty, owner string) error {
	if err := l.q.DropLeader(ctx, l.pool, duty, owner); err != nil {
		return fmt.Errorf("resign %s: %w", duty, err)
	}
	return nil
}

func int16s(list []int) []int16 {
	out := make([]int16, len(list))
	for i, v := range list {
		out[i] = int16(v)
	}
	return out
}

// nonNil makes an empty array of a nil slice, which would be NULL.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
