package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/usage/allowance"
)

// Credit states that the worker publishes for a tenant.
const (
	CreditOK        = allowance.CreditOK
	CreditExhausted = allowance.CreditExhausted
	CreditSuspended = allowance.CreditSuspended
)

// PutHold puts a slice at the relays' disposal: amount nano-USD until expires. It is idempotent for a hold, so a worker
// that died between its commit and this call repeats it. ok is false when epoch is older than the one in force; a newer
// epoch drops all slices and leases of older ones.
func (s *Store) PutHold(ctx context.Context, tenant id.ID, epoch int64, hold id.ID, amount money.Amount, expires time.Time) (ok bool, err error) {
	n, err := s.run(ctx, "put_hold", escrowKeys(tenant), epoch, hold.String(), int64(amount), expires.UnixMilli()).Int()
	return n == 1, wrap("put hold", err)
}

// ExtendHold lets a hold be granted from until expires, if it is there under this epoch; it never shortens it.
func (s *Store) ExtendHold(ctx context.Context, tenant id.ID, epoch int64, hold id.ID, expires time.Time) (ok bool, err error) {
	n, err := s.run(ctx, "extend_hold", escrowKeys(tenant), epoch, hold.String(), expires.UnixMilli()).Int()
	return n == 1, wrap("extend hold", err)
}

// CloseHold ends granting from a hold and returns the nano-USD that were free. Leases on it run out within their time to
// live.
func (s *Store) CloseHold(ctx context.Context, tenant, hold id.ID) (free money.Amount, err error) {
	text, err := s.run(ctx, "close_hold", escrowKeys(tenant), hold.String()).Text()
	if err != nil {
		return 0, wrap("close hold", err)
	}
	return parseAmount(text)
}

// SetAvail says how much could still be sliced for a tenant, and its state (CreditOK, CreditExhausted, CreditSuspended).
// Relays answer 402 only on this word; ok is false when epoch is older than the one in force.
func (s *Store) SetAvail(ctx context.Context, tenant id.ID, epoch int64, avail money.Amount, state string) (ok bool, err error) {
	n, err := s.run(ctx, "set_avail", escrowKeys(tenant)[:1], epoch, int64(avail), state).Int()
	return n == 1, wrap("set available credit", err)
}

// Hold is a slice as Redis sees it.
type Hold struct {
	ID        id.ID
	Free      money.Amount // not leased
	ExpiresAt time.Time
}

// Escrow is what Redis knows of a tenant's credit.
type Escrow struct {
	Epoch  int64 // -1: Redis knows nothing of the tenant
	Holds  []Hold
	Avail  money.Amount // by the last SetAvail
	State  string       // by the last SetAvail, empty if there was none
	Need   money.Amount // largest reservation that found no room since the last PutHold; 0: none
	Want   money.Amount // what a relay would have liked to lease then, to be covered for some seconds; at least Need
	Leased money.Amount // granted to relays, not given back, lease still running
}

// Escrow reads the state of a tenant's credit, for the slicer and for reconciliation.
func (s *Store) Escrow(ctx context.Context, tenant id.ID) (Escrow, error) {
	keys := escrowKeys(tenant)
	pipe := s.rdb.Pipeline()
	fields, leases := pipe.HGetAll(ctx, keys[0]), pipe.HVals(ctx, keys[1])
	if _, err := pipe.Exec(ctx); err != nil {
		return Escrow{}, wrap("read escrow", err)
	}
	e := Escrow{Epoch: -1, State: fields.Val()["state"]}
	var err error
	for name, value := range fields.Val() {
		kind, holdText, isHold := strings.Cut(name, ":")
		switch {
		case isHold && kind == "h":
			var h Hold
			if h.ID, err = id.Parse(holdText); err == nil {
				h.Free, err = parseAmount(value)
				ms, _ := strconv.ParseInt(fields.Val()["x:"+holdText], 10, 64)
				h.ExpiresAt = time.UnixMilli(ms).UTC()
				e.Holds = append(e.Holds, h)
			}
		case name == "epoch":
			e.Epoch, err = strconv.ParseInt(value, 10, 64)
		case name == "avail":
			e.Avail, err = parseAmount(value)
		case name == "need":
			e.Need, err = parseAmount(value)
		case name == "want":
			e.Want, err = parseAmount(value)
		}
		if err != nil {
			return Escrow{}, fmt.Errorf("redis: read escrow: field %s: %w", name, err)
		}
	}
	for _, v := range leases.Val() {
		n, err := parseAmount(v)
		if err != nil {
			return Escrow{}, fmt.Errorf("redis: read escrow: leases: %w", err)
		}
		e.Leased += n
	}
	return e, nil
}

// Lease moves money from the tenant's live holds to the relay, the oldest hold first.
func (s *Store) Lease(ctx context.Context, r allowance.LeaseRequest) (allowance.LeaseReply, error) {
	args := make([]any, 0, 4+len(r.Renew))
	args = append(args, r.Relay, int64(r.Want), int64(r.Need), r.TTL.Milliseconds())
	for _, hold := range r.Renew {
		args = append(args, hold.String())
	}
	values, err := s.run(ctx, "lease", escrowKeys(r.Tenant), args...).Slice()
	if err != nil {
		return allowance.LeaseReply{}, wrap("lease credit", err)
	}
	v := replyReader{values: values}
	reply := allowance.LeaseReply{Free: v.amount()}
	if avail := v.text(); avail != "" {
		reply.AvailKnown = true
		if reply.Avail, err = parseAmount(avail); err != nil {
			return allowance.LeaseReply{}, fmt.Errorf("redis: lease credit: %w", err)
		}
	}
	reply.State = v.text()
	reply.More = v.int() == 1
	reply.Answered = v.int() == 1
	for v.more() {
		reply.Leases = append(reply.Leases, allowance.Lease{Hold: v.id(), Amount: v.amount(), For: time.Duration(v.int()) * time.Millisecond})
	}
	if v.err != nil {
		return allowance.LeaseReply{}, fmt.Errorf("redis: lease credit: %w", v.err)
	}
	return reply, nil
}

// ReturnLease gives unspent money back to its hold; end tells that the relay has no more use for the lease. It returns
// what was taken back: nothing once the lease or the hold has run out.
func (s *Store) ReturnLease(ctx context.Context, tenant id.ID, relay string, hold id.ID, unspent money.Amount, end bool) (money.Amount, error) {
	text, err := s.run(ctx, "return_lease", escrowKeys(tenant), relay, hold.String(), int64(unspent), boolInt(end)).Text()
	if err != nil {
		return 0, wrap("return lease", err)
	}
	return parseAmount(text)
}

func escrowKeys(tenant id.ID) []string {
	return []string{keyEscrow(tenant), keyLeases(tenant), keyLeaseExpiry(tenant)}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func parseAmount(s string) (money.Amount, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("amount %q: not a whole number", s)
	}
	return money.Amount(n), nil
}

// replyReader walks the array that a script returns and keeps the first error.
type replyReader struct {
	values []any
	n      int
	err    error
}

func (r *replyReader) more() bool { return r.err == nil && r.n < len(r.values) }

func (r *replyReader) text() string {
	if r.n >= len(r.values) {
		r.err = redis.Nil
		return ""
	}
	v := r.values[r.n]
	r.n++
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	r.err = fmt.Errorf("script reply %d: unexpected %T", r.n-1, v)
	return ""
}

func (r *replyReader) int() int64 {
	n, err := strconv.ParseInt(r.text(), 10, 64)
	if err != nil && r.err == nil {
		r.err = err
	}
	return n
}

func (r *replyReader) amount() money.Amount { return money.Amount(r.int()) }

func (r *replyReader) id() id.ID {
	v, err := id.Parse(r.text())
	if err != nil && r.err == nil {
		r.err = err
	}
	return v
}
