// Package metering turns usage events into ledger transactions, each event once however often it is delivered.
package metering

import (
	"context"
	"errors"
	"fmt"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/billing/pricing"
	"starlane/internal/platform/id"
	"starlane/internal/usage"
)

// Bounds of what is believed. Events beyond them wait as dead letters for a human.
const (
	// MaxCharge of one event. A batch of the largest size stays within money.MaxEntry.
	MaxCharge = usage.MaxCharge
	// maxSkew is how far the time of an event may be from the time in its identifier.
	maxSkew = 24 * time.Hour
	// maxLetterValue bounds what is kept of a field of an unreadable message, in bytes.
	maxLetterValue = 512
	maxLetterField = 64
)

// Message is an entry of a usage stream.
type Message struct {
	Shard  int
	Entry  string // id of the entry within its stream
	Ref    string // stream and entry id, unique for ever
	Event  usage.Event
	Err    error          // the entry is no valid event
	Fields map[string]any // the entry as it came
}

// Item is an event with its price.
type Item struct {
	Ref     string
	Event   usage.Event
	Charge  pricing.Charge
	Version int64 // price version, 0 when nothing is charged
}

// Letter is a message that cannot be posted as it is.
type Letter struct {
	Ref    string
	Reason string
	Fields map[string]string
}

// Mark says that events of a relay's boot were seen.
type Mark struct {
	Relay string
	Boot  int64
	Seq   uint64
}

// Batch is what one database transaction takes.
type Batch struct {
	Items   []Item // no two with the same event id
	Repeats int    // messages whose event is in Items already
	Letters []Letter
	Marks   []Mark
}

// Fence holds the tokens of the shards that a batch comes from. The batch is refused when one of them has a new owner.
type Fence struct {
	Owner  string
	Tokens map[int]int64 // shard → token
}

// Result tells what a batch changed.
type Result struct {
	New        int                    // events posted
	Duplicates int                    // events that had been posted before
	Letters    []Letter               // dead letters, for the copy in Redis
	Charged    map[id.ID]money.Amount // tenant → sum of charges posted
	Refresh    []id.ID                // tenants charged beyond their holds: what they can still spend has changed
	Committed  []Mark                 // contiguous watermarks after the batch
}

// Errors of a Store.
var (
	// ErrFenced: a shard of the batch belongs to somebody else by now. Nothing was changed and nothing may be acknowledged.
	ErrFenced = errors.New("a shard of the batch has a new owner")
	// ErrRefused: the database refuses the content of the batch, and would again.
	ErrRefused = errors.New("the database refuses the batch")
)

// Store commits a batch in one transaction.
type Store interface {
	Commit(ctx context.Context, b Batch, f Fence) (Result, error)
}

// Source knows what is needed to price events. It reads anew when the truth has changed.
type Source interface {
	// Facts returns the price book in force and which of the tenants exist.
	Facts(ctx context.Context, tenants []id.ID) (Facts, error)
}

// Facts are immutable.
type Facts struct {
	Book        *pricing.Book
	Tenants     map[id.ID]bool
	From, Until time.Time // event identifiers outside have no place in the database
}

// Meter processes messages.
type Meter struct {
	store  Store
	source Source
}

// New takes the store and the source of prices and tenants.
func New(store Store, source Source) *Meter { return &Meter{store: store, source: source} }

// Process posts messages. When the database refuses a batch it is split until the offending message is alone and becomes a
// dead letter. After a nil error every message may be acknowledged; parts of a failed batch may have been posted, which a
// repeat finds out.
func (m *Meter) Process(ctx context.Context, messages []Message, f Fence) (Result, error) {
	tenants := map[id.ID]struct{}{}
	for i := range messages {
		if messages[i].Err == nil {
			tenants[messages[i].Event.Tenant] = struct{}{}
		}
	}
	list := make([]id.ID, 0, len(tenants))
	for t := range tenants {
		list = append(list, t)
	}
	facts, err := m.source.Facts(ctx, list)
	if err != nil {
		return Result{}, fmt.Errorf("prices and tenants: %w", err)
	}
	total := Result{Charged: map[id.ID]money.Amount{}}
	if err := m.commit(ctx, messages, facts, f, &total); err != nil {
		return total, err
	}
	return total, nil
}

func (m *Meter) commit(ctx context.Context, list []Message, facts Facts, f Fence, total *Result) error {
	result, err := m.attempt(ctx, list, facts, f)
	switch {
	case err == nil:
		return total.add(result)
	case !errors.Is(err, ErrRefused):
		return fmt.Errorf("commit batch of %d: %w", len(list), err)
	case len(list) == 1 && list[0].Err == nil:
		alone := list[0] // the caller's slice stays as it is
		alone.Err = err
		return m.commit(ctx, []Message{alone}, facts, f, total)
	case len(list) == 1:
		return fmt.Errorf("not even as a dead letter: %w", err)
	}
	half := len(list) / 2
	if err := m.commit(ctx, list[:half], facts, f, total); err != nil {
		return err
	}
	return m.commit(ctx, list[half:], facts, f, total)
}

// attempt treats a panic as a refusal: a message that brings the worker down must not come back for ever.
func (m *Meter) attempt(ctx context.Context, list []Message, facts Facts, f Fence) (result Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: panic: %v", ErrRefused, r)
		}
	}()
	return m.store.Commit(ctx, prepare(list, facts), f)
}

func (r *Result) add(other Result) error {
	r.New += other.New
	r.Duplicates += other.Duplicates
	r.Letters = append(r.Letters, other.Letters...)
	r.Refresh = append(r.Refresh, other.Refresh...)
	r.Committed = append(r.Committed, other.Committed...)
	for t, a := range other.Charged {
		sum, err := money.Add(r.Charged[t], a)
		if err != nil {
			return fmt.Errorf("sum of charges: %w", err)
		}
		r.Charged[t] = sum
	}
	return nil
}

// prepare prices the events and sorts out what cannot be posted. It is pure.
func prepare(list []Message, facts Facts) Batch {
	var b Batch
	seen := make(map[id.ID]bool, len(list))
	for i := range list {
		msg := &list[i]
		mark, known := markOf(msg)
		if known {
			b.Marks = append(b.Marks, mark)
		}
		err := msg.Err
		var item Item
		if err == nil {
			item, err = price(msg, facts)
		}
		if err != nil {
			b.Letters = append(b.Letters, Letter{Ref: msg.Ref, Reason: err.Error(), Fields: letterFields(msg.Fields)})
			continue
		}
		if seen[item.Event.ID] {
			b.Repeats++
			continue
		}
		seen[item.Event.ID] = true
		b.Items = append(b.Items, item)
	}
	return b
}

// price decides what an event costs, with the prices that were in force when it occurred.
func price(msg *Message, facts Facts) (Item, error) {
	e := msg.Event
	item := Item{Ref: msg.Ref, Event: e}
	made := id.Time(e.ID)
	switch {
	case e.Tenant == id.Nil || !facts.Tenants[e.Tenant]:
		return item, errors.New("unknown tenant")
	case made.Before(facts.From) || !made.Before(facts.Until):
		return item, errors.New("the time in the identifier is outside the months that are kept")
	case e.OccurredAt.Sub(made).Abs() > maxSkew:
		return item, errors.New("the time of the event does not fit its identifier")
	}
	if e.Free() {
		return item, nil
	}
	rates := facts.Book.Lookup(e.Tenant, e.ServedModel, e.OccurredAt)
	if rates == nil {
		return item, fmt.Errorf("no price for model %q at that time", e.ServedModel)
	}
	charge, err := pricing.Rate(e.Counts, rates)
	if err != nil {
		return item, fmt.Errorf("rate: %w", err)
	}
	if charge.Total > MaxCharge {
		return item, fmt.Errorf("a charge of %v for one request is beyond belief", charge.Total)
	}
	item.Charge, item.Version = charge, rates.Version
	return item, nil
}
