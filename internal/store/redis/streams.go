package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"starlane/internal/platform/id"
	"starlane/internal/usage"
)

// AddEvents appends events to the streams of their tenants, in one pipeline. On an error some may have been added:
// repeating the call is harmless, because billing knows every event id.
func (s *Store) AddEvents(ctx context.Context, events []usage.Event) error {
	if len(events) == 0 {
		return nil
	}
	pipe := s.rdb.Pipeline()
	var names [usage.NumFields]any // converted once for all events
	fields := make([]string, 0, 2*usage.NumFields)
	for i := range events {
		fields = events[i].AppendFields(fields[:0])
		values := make([]any, 2*usage.NumFields)
		for n := range names {
			if i == 0 {
				names[n] = fields[2*n]
			}
			values[2*n], values[2*n+1] = names[n], fields[2*n+1]
		}
		pipe.XAdd(ctx, &redis.XAddArgs{Stream: keyUsage(id.Shard(events[i].Tenant)), Values: values}) //nolint:gosec // i ranges over events
	}
	_, err := pipe.Exec(ctx)
	return wrap("add usage", err)
}

// Message is one entry of a usage stream. Err tells that the entry is no valid event; Raw then goes to the dead letters.
type Message struct {
	Shard int
	ID    string // of the stream entry
	Event usage.Event
	Raw   map[string]any
	Err   error
}

// Ref names the entry: stream and entry id.
func (m *Message) Ref() string { return keyUsage(m.Shard) + " " + m.ID }

func message(shard int, m redis.XMessage) Message {
	out := Message{Shard: shard, ID: m.ID, Raw: m.Values}
	out.Event, out.Err = usage.ParseFields(m.Values)
	return out
}

// EnsureGroups makes the consumer group on the streams of the shards, from their beginning. It is idempotent.
func (s *Store) EnsureGroups(ctx context.Context, shards []int) error {
	pipe := s.rdb.Pipeline()
	cmds := make([]*redis.StatusCmd, len(shards))
	for i, shard := range shards {
		cmds[i] = pipe.XGroupCreateMkStream(ctx, keyUsage(shard), group, "0")
	}
	_, err := pipe.Exec(ctx)
	for _, cmd := range cmds {
		if cmd.Err() != nil && !strings.HasPrefix(cmd.Err().Error(), "BUSYGROUP") {
			return wrap("create consumer group", cmd.Err())
		}
	}
	if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return wrap("create consumer group", err)
	}
	return nil
}

// ReadGroup reads new entries of the shards for a consumer, at most about count, waiting up to block for the first. The
// entries stay pending until Ack. An emptied Redis gets its groups back by itself.
func (s *Store) ReadGroup(ctx context.Context, consumer string, shards []int, count int, block time.Duration) ([]Message, error) {
	if len(shards) == 0 || count <= 0 {
		return nil, nil
	}
	per := max(count/len(shards), 16)
	out, full, err := s.readOnce(ctx, consumer, shards, per, block)
	if err != nil && strings.Contains(err.Error(), "NOGROUP") {
		if err = s.EnsureGroups(ctx, shards); err == nil {
			out, full, err = s.readOnce(ctx, consumer, shards, per, block)
		}
	}
	// Where more waits than an even share, the rest of the batch is filled from there.
	for err == nil && len(full) > 0 && len(out) < count {
		var next []Message
		next, full, err = s.readOnce(ctx, consumer, full, max((count-len(out))/len(full), 1), -1)
		out = append(out, next...)
	}
	if len(out) > 0 {
		return out, nil // what was read is pending for us; an error will show again
	}
	return nil, err
}

// readOnce returns the messages and the shards that gave as many as asked for. A negative block does not wait.
func (s *Store) readOnce(ctx context.Context, consumer string, shards []int, per int, block time.Duration) (out []Message, full []int, err error) {
	var streams []redis.XStream
	if _, cluster := s.rdb.(*redis.ClusterClient); cluster {
		streams, err = s.readCluster(ctx, consumer, shards, per, block)
	} else {
		streams, err = s.rdb.XReadGroup(ctx, readArgs(consumer, shards, per, block)).Result()
	}
	if errors.Is(err, redis.Nil) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, wrap("read usage", err)
	}
	for _, stream := range streams {
		shard, err := shardOf(stream.Stream)
		if err != nil {
			return nil, nil, err
		}
		if len(stream.Messages) >= per {
			full = append(full, shard)
		}
		for _, m := range stream.Messages {
			out = append(out, message(shard, m))
		}
	}
	return out, full, nil
}

// readCluster asks each stream by itself, as they live on different nodes, and waits on the caller's behalf.
func (s *Store) readCluster(ctx context.Context, consumer string, shards []int, per int, block time.Duration) ([]redis.XStream, error) {
	deadline := time.Now().Add(block)
	for {
		pipe := s.rdb.Pipeline()
		cmds := make([]*redis.XStreamSliceCmd, len(shards))
		for i, shard := range shards {
			cmds[i] = pipe.XReadGroup(ctx, readArgs(consumer, []int{shard}, per, -1))
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return nil, err
		}
		var all []redis.XStream
		for _, cmd := range cmds {
			all = append(all, cmd.Val()...)
		}
		if len(all) > 0 || !time.Now().Before(deadline) {
			return all, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func readArgs(consumer string, shards []int, per int, block time.Duration) *redis.XReadGroupArgs {
	streams := make([]string, 0, 2*len(shards))
	for _, shard := range shards {
		streams = append(streams, keyUsage(shard))
	}
	for range shards {
		streams = append(streams, ">")
	}
	if block >= 0 {
		block = max(block, time.Millisecond) // 0 would wait for ever
	}
	return &redis.XReadGroupArgs{Group: group, Consumer: consumer, Streams: streams, Count: int64(per), Block: block}
}

func shardOf(stream string) (int, error) {
	if i := strings.IndexByte(stream, '{'); i >= 0 && strings.HasSuffix(stream, "}") {
		if n, err := strconv.Atoi(stream[i+1 : len(stream)-1]); err == nil && n >= 0 && n < id.Shards {
			return n, nil
		}
	}
	return 0, fmt.Errorf("redis: read usage: unexpected stream %q", stream)
}

// AutoClaim takes over entries of a shard that some consumer has held unacknowledged for minIdle. cursor starts as "0-0"
// and is done when it comes back as that. deleted are entries that were pending and are gone from the stream: that means
// lost money and is worth an alarm.
func (s *Store) AutoClaim(ctx context.Context, consumer string, shard int, minIdle time.Duration, cursor string, count int) (out []Message, next string, deleted []string, err error) {
	messages, next, deleted, err := s.rdb.XAutoClaimWithDeleted(ctx, &redis.XAutoClaimArgs{
		Stream: keyUsage(shard), Group: group, Consumer: consumer, MinIdle: minIdle, Start: cursor, Count: int64(count),
	}).Result()
	if err != nil {
		return nil, "", nil, wrap("claim usage", err)
	}
	for _, m := range messages {
		out = append(out, message(shard, m))
	}
	return out, next, deleted, nil
}

// Ack acknowledges entries. It must be called only after the transaction that billed them has committed.
func (s *Store) Ack(ctx context.Context, messages []Message) error {
	byShard := map[int][]string{}
	for i := range messages {
		byShard[messages[i].Shard] = append(byShard[messages[i].Shard], messages[i].ID)
	}
	pipe := s.rdb.Pipeline()
	for shard, ids := range byShard {
		pipe.XAck(ctx, keyUsage(shard), group, ids...)
	}
	if len(byShard) == 0 {
		return nil
	}
	_, err := pipe.Exec(ctx)
	return wrap("acknowledge usage", err)
}

// Deliveries returns how often pending entries of a shard were handed out, by entry id.
func (s *Store) Deliveries(ctx context.Context, shard, count int) (map[string]int64, error) {
	pending, err := s.rdb.XPendingExt(ctx, &redis.XPendingExtArgs{Stream: keyUsage(shard), Group: group, Start: "-", End: "+", Count: int64(count)}).Result()
	if err != nil {
		return nil, wrap("read pending usage", err)
	}
	out := make(map[string]int64, len(pending))
	for _, p := range pending {
		out[p.ID] = p.RetryCount
	}
	return out, nil
}

// DeadLetter copies an entry to the stream of dead letters with the reason. The worker stores it in Postgres first.
func (s *Store) DeadLetter(ctx context.Context, m *Message, reason string) error {
	values := []any{"ref", m.Ref(), "reason", reason}
	for name, value := range m.Raw {
		values = append(values, "f:"+name, value)
	}
	return wrap("copy dead letter", s.rdb.XAdd(ctx, &redis.XAddArgs{Stream: keyDeadLetters, Values: values}).Err())
}

// Lag is how far billing is behind on one shard.
type Lag struct {
	Shard        int
	Length       int64     // entries in the stream
	Undelivered  int64     // not yet read; -1: unknown
	Pending      int64     // read and not acknowledged
	OldestUnread time.Time // time of the oldest entry not acknowledged; zero: none
}

// Lags reports the backlog of the shards.
func (s *Store) Lags(ctx context.Context, shards []int) ([]Lag, error) {
	pipe := s.rdb.Pipeline()
	lengths, groups := make([]*redis.IntCmd, len(shards)), make([]*redis.XInfoGroupsCmd, len(shards))
	pending := make([]*redis.XPendingCmd, len(shards))
	for i, shard := range shards {
		lengths[i] = pipe.XLen(ctx, keyUsage(shard))
		groups[i] = pipe.XInfoGroups(ctx, keyUsage(shard))
		pending[i] = pipe.XPending(ctx, keyUsage(shard), group)
	}
	if _, err := pipe.Exec(ctx); err != nil && errors.Is(wrap("", err), ErrUnavailable) {
		return nil, wrap("read backlog", err)
	}
	out := make([]Lag, 0, len(shards))
	for i, shard := range shards {
		lag := Lag{Shard: shard, Length: lengths[i].Val(), Undelivered: lengths[i].Val()}
		for _, g := range groups[i].Val() {
			if g.Name == group {
				lag.Undelivered = g.Lag
			}
		}
		if p := pending[i].Val(); p != nil && p.Count > 0 {
			lag.Pending = p.Count
			lag.OldestUnread = entryTime(p.Lower)
		}
		out = append(out, lag)
	}
	return out, nil
}

func entryTime(entry string) time.Time {
	ms, err := strconv.ParseInt(strings.SplitN(entry, "-", 2)[0], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// TrimCommitted removes entries older than keep that every group has read and acknowledged, and returns how many.
func (s *Store) TrimCommitted(ctx context.Context, shard int, keep time.Duration) (int64, error) {
	n, err := s.run(ctx, "trim", []string{keyUsage(shard)}, time.Now().Add(-keep).UnixMilli()).Int64()
	return n, wrap("trim usage", err)
}

// Producer is one boot of a relay.
type Producer struct {
	Relay string
	Boot  int64
}

// SetCommitted publishes, for each producer, the highest sequence number up to which all its events are in Postgres.
// A watermark never goes down. After Redis was emptied the worker publishes all of them again.
func (s *Store) SetCommitted(ctx context.Context, marks map[Producer]uint64) error {
	if len(marks) == 0 {
		return nil
	}
	args := make([]any, 0, 2*len(marks))
	for p, seq := range marks {
		args = append(args, producerField(p.Relay, p.Boot), strconv.FormatUint(seq, 10))
	}
	return wrap("publish watermarks", s.run(ctx, "committed", []string{keyCommitted}, args...).Err())
}

// Committed returns the watermarks of the given boots of a relay. A boot that Redis does not know is left out.
func (s *Store) Committed(ctx context.Context, relay string, boots []int64) (map[int64]uint64, error) {
	if len(boots) == 0 {
		return map[int64]uint64{}, nil
	}
	fields := make([]string, len(boots))
	for i, boot := range boots {
		fields[i] = producerField(relay, boot)
	}
	values, err := s.rdb.HMGet(ctx, keyCommitted, fields...).Result()
	if err != nil {
		return nil, wrap("read watermarks", err)
	}
	out := make(map[int64]uint64, len(boots))
	for i, v := range values {
		text, ok := v.(string)
		if !ok {
			continue
		}
		if out[boots[i]], err = strconv.ParseUint(text, 10, 64); err != nil {
			return nil, fmt.Errorf("redis: read watermarks: %w", err)
		}
	}
	return out, nil
}
