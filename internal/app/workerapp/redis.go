package workerapp

import (
	"context"
	"errors"
	"strings"
	"time"

	"starlane/internal/billing/credit"
	"starlane/internal/billing/metering"
	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	redisstore "starlane/internal/store/redis"
	"starlane/internal/usage/allowance"
)

// stream adapts the usage streams to the consumer.
type stream struct{ *redisstore.Store }

func (s stream) Read(ctx context.Context, consumer string, shards []int, count int, block time.Duration) ([]metering.Message, error) {
	list, err := s.ReadGroup(ctx, consumer, shards, count, block)
	return toMetering(list), err
}

func (s stream) Claim(ctx context.Context, consumer string, shard int, minIdle time.Duration, count int) ([]metering.Message, []string, error) {
	var out []metering.Message
	var lost []string
	cursor := "0-0"
	for {
		list, next, deleted, err := s.AutoClaim(ctx, consumer, shard, minIdle, cursor, count)
		if err != nil {
			return nil, lost, err
		}
		out, lost = append(out, toMetering(list)...), append(lost, deleted...)
		// A page may be empty and not the last: entries that are not idle for long enough are skipped.
		if cursor = next; cursor == "0-0" || len(out) >= count {
			return out, lost, nil
		}
	}
}

func (s stream) Ack(ctx context.Context, messages []metering.Message) error {
	list := make([]redisstore.Message, len(messages))
	for i := range messages {
		list[i] = redisstore.Message{Shard: messages[i].Shard, ID: messages[i].Entry}
	}
	return s.Store.Ack(ctx, list)
}

func toMetering(list []redisstore.Message) []metering.Message {
	out := make([]metering.Message, len(list))
	for i := range list {
		m := &list[i]
		out[i] = metering.Message{Shard: m.Shard, Entry: m.ID, Ref: m.Ref(), Event: m.Event, Err: m.Err, Fields: m.Raw}
	}
	return out
}

func (s stream) SetCommitted(ctx context.Context, marks []metering.Mark) error {
	out := make(map[redisstore.Producer]uint64, len(marks))
	for _, m := range marks {
		p := redisstore.Producer{Relay: m.Relay, Boot: m.Boot}
		out[p] = max(out[p], m.Seq)
	}
	return s.Store.SetCommitted(ctx, out)
}

func (s stream) CopyLetters(ctx context.Context, letters []metering.Letter) error {
	var all error
	for _, letter := range letters {
		m := redisstore.Message{Raw: make(map[string]any, len(letter.Fields))}
		for name, v := range letter.Fields {
			m.Raw[name] = v
		}
		m.Shard, m.ID = splitRef(letter.Ref)
		all = errors.Join(all, s.DeadLetter(ctx, &m, letter.Reason))
	}
	return all
}

// splitRef is the inverse of redisstore.Message.Ref for the copy in Redis; the database has the reference as it is.
func splitRef(ref string) (shard int, entry string) {
	name, entry, _ := strings.Cut(ref, " ")
	for s := range id.Shards {
		if strings.HasSuffix(name, "{"+id.Tag(s)+"}") {
			return s, entry
		}
	}
	return 0, entry
}

// shelf adapts the leases' side of Redis to the slicer.
type shelf struct{ *redisstore.Store }

func (s shelf) Escrow(ctx context.Context, tenant id.ID) (credit.Escrow, error) {
	e, err := s.Store.Escrow(ctx, tenant)
	if err != nil {
		return credit.Escrow{}, err
	}
	out := credit.Escrow{Epoch: e.Epoch, Leased: e.Leased, Need: e.Need, Want: e.Want, Holds: map[id.ID]money.Amount{}}
	now := time.Now()
	for _, h := range e.Holds {
		out.Holds[h.ID] = h.Free
		if h.ExpiresAt.After(now) {
			out.Free += h.Free
		}
	}
	return out, nil
}

func (s shelf) PutHold(ctx context.Context, h credit.Hold, free money.Amount) (bool, error) {
	return s.Store.PutHold(ctx, h.Tenant, h.Epoch, h.ID, free, h.ExpiresAt)
}

func (s shelf) ExtendHold(ctx context.Context, h credit.Hold) error {
	_, err := s.Store.ExtendHold(ctx, h.Tenant, h.Epoch, h.ID, h.ExpiresAt)
	return err
}

func (s shelf) SetAvail(ctx context.Context, tenant id.ID, epoch int64, avail money.Amount, state string) error {
	_, err := s.Store.SetAvail(ctx, tenant, epoch, avail, relayState(state))
	return err
}

// relayState translates the slicer's words into those of the relays.
func relayState(state string) string {
	switch state {
	case credit.StateExhausted:
		return allowance.CreditExhausted
	case credit.StateSuspended:
		return allowance.CreditSuspended
	default:
		return allowance.CreditOK
	}
}

func (s shelf) Budgets(ctx context.Context, tenant id.ID) ([]credit.Budget, error) {
	list, err := s.Store.Budgets(ctx, tenant)
	out := make([]credit.Budget, len(list))
	for i := range list {
		b := &list[i]
		out[i] = credit.Budget{Key: b.Key, Since: b.Window, Used: b.Used, Seen: b}
		for _, l := range b.Leases {
			out[i].Leases = append(out[i].Leases, credit.BudgetLease{Relay: l.Relay, Held: l.Held, Over: l.Over, Logged: l.Logged})
		}
	}
	return out, err
}

func (s shelf) CorrectBudget(ctx context.Context, tenant id.ID, c credit.Correction) (bool, error) {
	seen, ok := c.Budget.Seen.(*redisstore.Budget)
	if !ok {
		return false, errors.New("correct budget: it was not read from the shelf")
	}
	over := make([]redisstore.BudgetLease, len(c.Over))
	for i, n := range c.Over {
		over[i] = seen.Leases[n]
	}
	return s.Store.CorrectBudget(ctx, tenant, seen, c.By, over)
}

func (s shelf) ForgetBudgets(ctx context.Context, tenant id.ID, list []credit.Budget) error {
	over := make([]redisstore.Budget, 0, len(list))
	for _, b := range list {
		if seen, ok := b.Seen.(*redisstore.Budget); ok {
			over = append(over, *seen)
		}
	}
	return s.Store.ForgetBudgets(ctx, tenant, over)
}

func (s shelf) NextWish(ctx context.Context, block time.Duration) (credit.Wish, bool, error) {
	w, ok, err := s.PopWanted(ctx, block)
	return credit.Wish{Tenant: w.Tenant, Key: w.Key, Since: w.Window}, ok, err
}
