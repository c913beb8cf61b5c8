package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/usage/allowance"
)

// errLate answers a call that arrived after a newer one of the same relay; nobody waits for such an answer any more.
var errLate = errors.New("redis: lease budget: overtaken by a newer call")

// Budget is what Redis knows of a key's budget in one window.
type Budget struct {
	Key    id.ID
	Window time.Time    // its start; zero for a budget without a window
	Used   money.Amount // spent or leased
	Mark   string       // changes with every correction, and when the window is seeded anew
	Leases []BudgetLease
}

// BudgetLease is what one relay last said of its part of a budget.
type BudgetLease struct {
	Relay  string        // instance and boot
	Held   money.Amount  // it may still spend this
	Over   time.Duration // since the lease ran out; negative while it runs
	Logged uint64        // up to this event of its log, all that it spent is written down and no longer held

	member, value string
}

// SeedBudget says what a key has used of its budget in a window, in nano-USD, if Redis does not know it yet.
func (s *Store) SeedBudget(ctx context.Context, tenant, key id.ID, window time.Time, used money.Amount) error {
	err := s.run(ctx, "budget_seed", []string{keyBudget(tenant)}, budgetField(key, window), int64(used), id.New().String()).Err()
	return wrap("seed budget", err)
}

// LeaseBudget takes up to what is wanted of a key's budget, at least what is needed or nothing, and keeps the relay's lease.
func (s *Store) LeaseBudget(ctx context.Context, r allowance.BudgetRequest) (allowance.BudgetReply, error) {
	values, err := s.run(ctx, "budget_lease", []string{keyBudget(r.Tenant)}, budgetField(r.Key, r.Window), r.Relay, int64(r.Limit), int64(r.Want), int64(r.Need),
		int64(r.Held), boolInt(r.Leased), r.Logged, r.Turn, r.TTL.Milliseconds()).Slice()
	if err != nil {
		return allowance.BudgetReply{}, wrap("lease budget", err)
	}
	v := replyReader{values: values}
	reply := allowance.BudgetReply{Granted: v.amount(), Used: v.amount()}
	state := v.text()
	if v.err != nil {
		return allowance.BudgetReply{}, fmt.Errorf("redis: lease budget: %w", v.err)
	}
	if state == "late" {
		return allowance.BudgetReply{}, errLate
	}
	reply.Known, reply.Lost = state != "unknown", state == "lost"
	return reply, nil
}

// ReturnBudget gives back what was leased and not spent; a negative amount books what was spent beyond the lease.
func (s *Store) ReturnBudget(ctx context.Context, r allowance.BudgetReturn) error {
	err := s.run(ctx, "budget_return", []string{keyBudget(r.Tenant)}, budgetField(r.Key, r.Window), r.Relay, int64(r.Unspent),
		int64(r.Held), r.Logged, r.Turn, r.TTL.Milliseconds()).Err()
	return wrap("return budget", err)
}

// Budgets reads all budgets of a tenant as of one moment.
func (s *Store) Budgets(ctx context.Context, tenant id.ID) ([]Budget, error) {
	pipe := s.rdb.Pipeline()
	clock, fields := pipe.Time(ctx), pipe.HGetAll(ctx, keyBudget(tenant)) // in this order a lease looks no older than it is
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, wrap("read budgets", err)
	}
	type windowOf struct {
		key    id.ID
		window string
	}
	found := map[windowOf]*Budget{}
	for name, value := range fields.Val() {
		keyText, rest, _ := strings.Cut(name, ":")
		window, rest, _ := strings.Cut(rest, ":")
		key, err := id.Parse(keyText)
		unix, badUnix := strconv.ParseInt(window, 10, 64)
		if err = errors.Join(err, badUnix); err != nil {
			return nil, fmt.Errorf("redis: read budgets: field %q: %w", name, err)
		}
		b := found[windowOf{key, window}]
		if b == nil {
			b = &Budget{Key: key}
			if unix != 0 {
				b.Window = time.Unix(unix, 0).UTC()
			}
			found[windowOf{key, window}] = b
		}
		if err := b.take(name, rest, value, clock.Val()); err != nil {
			return nil, fmt.Errorf("redis: read budgets: field %q: %w", name, err)
		}
	}
	out := make([]Budget, 0, len(found))
	for _, b := range found {
		out = append(out, *b)
	}
	return out, nil
}

// take reads one field; rest is its name after key and window.
func (b *Budget) take(name, rest, value string, now time.Time) (err error) {
	relay, isLease := strings.CutPrefix(rest, "at:")
	switch {
	case rest == "":
		b.Used, err = parseAmount(value)
	case rest == "mark":
		b.Mark = value
	case isLease:
		parts := strings.Split(value, ":")
		if len(parts) != 4 {
			return errors.New("a lease has four parts")
		}
		l := BudgetLease{Relay: relay, member: name, value: value}
		var expires int64
		var bad [3]error
		l.Held, bad[0] = parseAmount(parts[0])
		expires, bad[1] = strconv.ParseInt(parts[1], 10, 64)
		l.Logged, bad[2] = strconv.ParseUint(parts[2], 10, 64)
		l.Over = now.Sub(time.UnixMilli(expires))
		b.Leases = append(b.Leases, l)
		err = errors.Join(bad[:]...)
	default:
		err = errors.New("unknown kind")
	}
	return err
}

// CorrectBudget moves what a window has used by a difference and removes leases, if since b was read no other correction
// was made, Redis was not emptied, and none of the leases to remove has changed. What relays leased and returned meanwhile is
// kept. ok tells whether it was done.
func (s *Store) CorrectBudget(ctx context.Context, tenant id.ID, b *Budget, by money.Amount, remove []BudgetLease) (ok bool, err error) {
	args := []any{budgetField(b.Key, b.Window), b.Mark, id.New().String(), int64(by)}
	for _, l := range remove {
		args = append(args, l.member, l.value)
	}
	n, err := s.run(ctx, "budget_correct", []string{keyBudget(tenant)}, args...).Int()
	return n == 1, wrap("correct budget", err)
}

// ForgetBudgets removes windows that are over.
func (s *Store) ForgetBudgets(ctx context.Context, tenant id.ID, over []Budget) error {
	var fields []string
	for i := range over {
		field := budgetField(over[i].Key, over[i].Window)
		fields = append(fields, field, field+":mark")
		for _, l := range over[i].Leases {
			fields = append(fields, l.member)
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return wrap("forget budgets", s.rdb.HDel(ctx, keyBudget(tenant), fields...).Err())
}
