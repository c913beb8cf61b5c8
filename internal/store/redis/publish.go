package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"starlane/internal/platform/id"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/usage"
)

const publishChunk = 500 // records in one script call

// PublishCatalog stores a catalog snapshot (catalog.Data as JSON) if its version is newer than the one in Redis.
func (s *Store) PublishCatalog(ctx context.Context, version int64, data []byte) (stored bool, err error) {
	n, err := s.run(ctx, "publish_catalog", []string{keyCatalog, keyCatalogVersion}, version, data).Int()
	return n == 1, wrap("publish catalog", err)
}

// PublishKeys stores the records that are newer than those in Redis and returns how many were. A revoked key is published
// with Active false, not removed.
func (s *Store) PublishKeys(ctx context.Context, records []vkey.Record) (stored int, err error) {
	for from := 0; from < len(records); from += publishChunk {
		args := []any{id.New().String()}
		for i := from; i < min(from+publishChunk, len(records)); i++ {
			r := &records[i]
			b, err := json.Marshal(r)
			if err != nil {
				return stored, fmt.Errorf("publish keys: %w", err)
			}
			args = append(args, r.PublicID, r.Version, b)
		}
		n, err := s.run(ctx, "publish_keys", []string{keyRecords, keyRecordVersions, keyRecordLog, keyRecordVersion, keyRecordSeq}, args...).Int()
		if err != nil {
			return stored, wrap("publish keys", err)
		}
		stored += n
	}
	return stored, nil
}

// Published returns the versions that Redis has: of the catalog, and the highest among the keys. -1 means none, which
// after a first publication tells that Redis was emptied and everything must be published again.
func (s *Store) Published(ctx context.Context) (catalogVersion, keysVersion int64, err error) {
	pipe := s.rdb.Pipeline()
	c, k := pipe.Get(ctx, keyCatalogVersion), pipe.Get(ctx, keyRecordVersion)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return 0, 0, wrap("read versions", err)
	}
	if catalogVersion, err = intOr(c, -1); err != nil {
		return 0, 0, err
	}
	keysVersion, err = intOr(k, -1)
	return catalogVersion, keysVersion, err
}

func intOr(cmd *redis.StringCmd, missing int64) (int64, error) {
	n, err := cmd.Int64()
	if errors.Is(err, redis.Nil) {
		return missing, nil
	}
	return n, wrap("read version", err)
}

// Catalog returns the published snapshot (catalog.Data as JSON) and its version; nil and -1 if there is none.
func (s *Store) Catalog(ctx context.Context) (data []byte, version int64, err error) {
	pipe := s.rdb.TxPipeline() // both from one publication
	d, v := pipe.Get(ctx, keyCatalog), pipe.Get(ctx, keyCatalogVersion)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, 0, wrap("read catalog", err)
	}
	if version, err = intOr(v, -1); err != nil || version < 0 {
		return nil, -1, err
	}
	data, err = d.Bytes()
	return data, version, wrap("read catalog", err)
}

// Versions returns what a relay polls: the catalog's version (-1: none), the number of key publications so far, and a
// generation that changes when Redis was emptied (empty: nothing is published).
func (s *Store) Versions(ctx context.Context) (catalogVersion, keySeq int64, generation string, err error) {
	pipe := s.rdb.Pipeline()
	c, k := pipe.Get(ctx, keyCatalogVersion), pipe.HGetAll(ctx, keyRecordSeq)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return 0, 0, "", wrap("read versions", err)
	}
	if catalogVersion, err = intOr(c, -1); err != nil {
		return 0, 0, "", err
	}
	if seq := k.Val()["seq"]; seq != "" {
		if keySeq, err = strconv.ParseInt(seq, 10, 64); err != nil {
			return 0, 0, "", fmt.Errorf("redis: read versions: %w", err)
		}
	}
	return catalogVersion, keySeq, k.Val()["gen"], nil
}

// KeysSince returns the records of the publications after a number, at most limit, in order, and the number reached.
func (s *Store) KeysSince(ctx context.Context, after int64, limit int) (records []vkey.Record, reached int64, err error) {
	members, err := s.rdb.ZRangeArgsWithScores(ctx, redis.ZRangeArgs{
		Key: keyRecordLog, ByScore: true, Start: "(" + strconv.FormatInt(after, 10), Stop: "+inf", Count: int64(limit),
	}).Result()
	if err != nil || len(members) == 0 {
		return nil, after, wrap("read key log", err)
	}
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i], _ = m.Member.(string)
	}
	values, err := s.rdb.HMGet(ctx, keyRecords, ids...).Result()
	if err != nil {
		return nil, after, wrap("read key records", err)
	}
	for _, v := range values {
		text, ok := v.(string)
		if !ok {
			continue
		}
		var r vkey.Record
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			return nil, after, fmt.Errorf("redis: read key records: %w", err)
		}
		records = append(records, r)
	}
	return records, int64(members[len(members)-1].Score), nil
}

// Key returns one record by public id; ok is false if there is none.
func (s *Store) Key(ctx context.Context, publicID string) (r vkey.Record, ok bool, err error) {
	b, err := s.rdb.HGet(ctx, keyRecords, publicID).Bytes()
	if errors.Is(err, redis.Nil) {
		return vkey.Record{}, false, nil
	}
	if err != nil {
		return vkey.Record{}, false, wrap("read key record", err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return vkey.Record{}, false, fmt.Errorf("redis: read key record: %w", err)
	}
	return r, true, nil
}

// AllKeys walks over all records; each may be called more than once for a record.
func (s *Store) AllKeys(ctx context.Context, each func(vkey.Record) error) error {
	var cursor uint64
	for {
		pairs, next, err := s.rdb.HScan(ctx, keyRecords, cursor, "", 1000).Result()
		if err != nil {
			return wrap("scan key records", err)
		}
		for i := 1; i < len(pairs); i += 2 {
			var r vkey.Record
			if err := json.Unmarshal([]byte(pairs[i]), &r); err != nil {
				return fmt.Errorf("redis: scan key records: %w", err)
			}
			if err := each(r); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// Heartbeat publishes the state of a relay.
func (s *Store) Heartbeat(ctx context.Context, state usage.RelayState) error {
	b, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	return wrap("heartbeat", s.rdb.HSet(ctx, keyRelays, state.ID, b).Err())
}

// Relays returns the last heartbeat of every relay that ever was; the reader judges by At which ones live.
func (s *Store) Relays(ctx context.Context) ([]usage.RelayState, error) {
	all, err := s.rdb.HGetAll(ctx, keyRelays).Result()
	if err != nil {
		return nil, wrap("read heartbeats", err)
	}
	out := make([]usage.RelayState, 0, len(all))
	for _, text := range all {
		var st usage.RelayState
		if err := json.Unmarshal([]byte(text), &st); err != nil {
			return nil, fmt.Errorf("redis: read heartbeats: %w", err)
		}
		out = append(out, st)
	}
	return out, nil
}
