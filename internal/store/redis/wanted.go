package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// Wanted is something that a relay waits for and only the worker can bring. With Key Nil it is a slice of the tenant's
// credit (Escrow says how much would do); otherwise the use of a key's budget since Window, to be answered by SeedBudget.
type Wanted struct {
	Tenant id.ID
	Key    id.ID
	Window time.Time // start of the budget window; zero for a budget without one
}

func (w Wanted) member() string {
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
	z := redis.Z{Score: float64(time.Now().UnixMilli()), Member: w.member()}
	return wrap("push wanted", s.rdb.ZAddNX(ctx, keyWanted, z).Err())
}

// PopWanted takes the request that has waited longest, waiting up to block for one. ok is false when none came.
func (s *Store) PopWanted(ctx context.Context, block time.Duration) (w Wanted, ok bool, err error) {
	z, err := s.rdb.BZPopMin(ctx, block, keyWanted).Result()
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

// SeedBudget says what a key has used of its budget in a window, in nano-USD, if Redis does not know it yet.
func (s *Store) SeedBudget(ctx context.Context, tenant, key id.ID, window time.Time, used money.Amount) error {
	return wrap("seed budget", s.rdb.HSetNX(ctx, keyBudget(tenant), budgetField(key, window), int64(used)).Err())
}

// SetBudget replaces what Redis believes a key has used: for reconciliation while no relay holds a lease on it.
func (s *Store) SetBudget(ctx context.Context, tenant, key id.ID, window time.Time, used money.Amount) error {
	return wrap("set budget", s.rdb.HSet(ctx, keyBudget(tenant), budgetField(key, window), int64(used)).Err())
}

// BudgetReply answers LeaseBudget.
type BudgetReply struct {
	Granted money.Amount
	Used    money.Amount // used or leased by anybody, before this grant
	Known   bool         // false: ask the worker for the use so far
}

// LeaseBudget takes up to want of a key's budget, at least need or nothing.
func (s *Store) LeaseBudget(ctx context.Context, tenant, key id.ID, window time.Time, limit, want, need money.Amount) (BudgetReply, error) {
	values, err := s.run(ctx, "budget_lease", []string{keyBudget(tenant)}, budgetField(key, window), int64(limit), int64(want), int64(need)).Slice()
	if err != nil {
		return BudgetReply{}, wrap("lease budget", err)
	}
	v := replyReader{values: values}
	granted, used := v.amount(), v.amount()
	if v.err != nil {
		return BudgetReply{}, fmt.Errorf("redis: lease budget: %w", v.err)
	}
	return BudgetReply{Granted: max(granted, 0), Used: used, Known: granted >= 0}, nil
}

// ReturnBudget gives back what was leased and not spent; a negative amount books what was spent beyond the lease.
func (s *Store) ReturnBudget(ctx context.Context, tenant, key id.ID, window time.Time, unspent money.Amount) error {
	return wrap("return budget", s.run(ctx, "budget_return", []string{keyBudget(tenant)}, budgetField(key, window), int64(unspent)).Err())
}

// Bucket asks for a share of a limit per minute.
type Bucket struct {
	Limit int64 // a minute; 0: no limit
	Want  int64
	Need  int64 // this much or nothing
	Used  int64 // spent without asking, because an estimate was too low; negative: given back
}

// LimitRequest asks for shares of a key's limits on behalf of a relay.
type LimitRequest struct {
	Tenant, Key id.ID
	Relay       string
	Slots       int64 // concurrency limit; 0: none
	WantSlots   int64 // requests at once that this relay would like to be able to run
	TTL         time.Duration
	Requests    Bucket
	Tokens      Bucket
}

// LimitReply holds the shares. A wait is how long until the need can be met.
type LimitReply struct {
	Slots        int64
	Requests     int64
	RequestsWait time.Duration
	Tokens       int64
	TokensWait   time.Duration
}

// BorrowLimits takes shares in one round trip.
func (s *Store) BorrowLimits(ctx context.Context, r LimitRequest) (LimitReply, error) {
	values, err := s.run(ctx, "limits", []string{keyLimits(r.Tenant, r.Key)}, r.Relay, r.TTL.Milliseconds(), r.Slots, r.WantSlots,
		r.Requests.Limit, r.Requests.Want, r.Requests.Need, r.Requests.Used,
		r.Tokens.Limit, r.Tokens.Want, r.Tokens.Need, r.Tokens.Used).Slice()
	if err != nil {
		return LimitReply{}, wrap("borrow limits", err)
	}
	v := replyReader{values: values}
	reply := LimitReply{
		Slots: v.int(), Requests: v.int(), RequestsWait: time.Duration(v.int()) * time.Millisecond,
		Tokens: v.int(), TokensWait: time.Duration(v.int()) * time.Millisecond,
	}
	if v.err != nil {
		return LimitReply{}, fmt.Errorf("redis: borrow limits: %w", v.err)
	}
	return reply, nil
}
