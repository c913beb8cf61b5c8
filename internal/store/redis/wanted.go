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
	"starlane/internal/usage/allowance"
)

// Wanted is what a relay waits for: with Key Nil a slice of credit (Escrow says how much), otherwise the use of a budget.
type Wanted = allowance.Wanted

func wantedMember(w Wanted) string {
	if w.Key == id.Nil {
		return "credit:" + w.Tenant.String()
	}
	return "budget:" + w.Tenant.String() + ":" + w.Key.String() + ":" + strconv.FormatInt(windowUnix(w.Window), 10)
}

func parseWanted(s string) (Wanted, error) {
	parts := strings.Split(s, ":")
	var w Wanted
	var err error
	switch {
	case len(parts) == 2 && parts[0] == "credit":
		w.Tenant, err = id.Parse(parts[1])
	case len(parts) == 4 && parts[0] == "budget":
		var unix int64
		if w.Tenant, err = id.Parse(parts[1]); err == nil {
			if w.Key, err = id.Parse(parts[2]); err == nil {
				unix, err = strconv.ParseInt(parts[3], 10, 64)
			}
		}
		if unix != 0 {
			w.Window = time.Unix(unix, 0).UTC()
		}
	default:
		err = errors.New("unknown kind")
	}
	if err != nil {
		return Wanted{}, fmt.Errorf("redis: wanted queue: %w", err)
	}
	return w, nil
}

// PushWanted asks the worker. Asking again while the first is still queued does nothing.
func (s *Store) PushWanted(ctx context.Context, w Wanted) error {
	z := redis.Z{Score: float64(time.Now().UnixMilli()), Member: wantedMember(w)}
	return wrap("push wanted", s.rdb.ZAddNX(ctx, keyWanted, z).Err())
}

// PopWanted takes the request that has waited longest, waiting up to block (at least a second) for one. ok is false when
// none came. The worker answers each one. Credit: PutHold if there is something to slice, then in any case SetAvail; only
// that entitles relays to answer 402. A budget: SeedBudget. Relays wait for the answer for a second.
func (s *Store) PopWanted(ctx context.Context, block time.Duration) (w Wanted, ok bool, err error) {
	z, err := s.rdb.BZPopMin(ctx, max(block, time.Second), keyWanted).Result()
	if errors.Is(err, redis.Nil) {
		return Wanted{}, false, nil
	}
	if err != nil {
		return Wanted{}, false, wrap("pop wanted", err)
	}
	member, _ := z.Member.(string)
	if w, err = parseWanted(member); err != nil {
		return Wanted{}, false, err
	}
	return w, true, nil
}

// BorrowLimits takes shares in one round trip.
func (s *Store) BorrowLimits(ctx context.Context, r allowance.LimitRequest) (allowance.LimitReply, error) {
	values, err := s.run(ctx, "limits", []string{keyLimits(r.Tenant, r.Key)}, r.Relay, r.TTL.Milliseconds(), r.Slots, r.WantSlots,
		r.Requests.Limit, r.Requests.Want, r.Requests.Need, r.Requests.Used,
		r.Tokens.Limit, r.Tokens.Want, r.Tokens.Need, r.Tokens.Used).Slice()
	if err != nil {
		return allowance.LimitReply{}, wrap("borrow limits", err)
	}
	v := replyReader{values: values}
	reply := allowance.LimitReply{Slots: v.int(), Requests: v.share(), Tokens: v.share()}
	if v.err != nil {
		return allowance.LimitReply{}, fmt.Errorf("redis: borrow limits: %w", v.err)
	}
	return reply, nil
}

func (r *replyReader) share() allowance.Share {
	return allowance.Share{Granted: r.int(), Wait: time.Duration(r.int()) * time.Millisecond, Left: r.int()}
}
