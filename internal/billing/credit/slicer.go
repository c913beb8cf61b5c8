package credit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
)

// Sizes of slices.
const (
	SliceFloor = 500_000_000 * money.Nano // 0.50 USD
	SliceMax   = 1_000_000 * money.USD    // below 2⁵³ nano-USD, up to where Redis scripts count exactly
	sliceTries = 8                        // lots that one wish may be put together from
	keepSpend  = 5 * time.Minute          // tenants quiet for longer are forgotten
)

// States that relays are told.
const (
	StateOK        = "ok"
	StateExhausted = "exhausted"
	StateSuspended = "suspended"
)

// SliceStore keeps holds.
type SliceStore interface {
	Extender
	Standing(ctx context.Context, tenant id.ID) (Standing, error)
	// Slice sets up to amount aside, from one lot or from the credit line, and returns what is then still available.
	Slice(ctx context.Context, tenant id.ID, epoch int64, amount money.Amount) (Hold, money.Amount, error)
	// CloseHolds closes the open holds of a tenant that are of an earlier epoch.
	CloseHolds(ctx context.Context, tenant id.ID, before int64) ([]id.ID, error)
	CloseExpired(ctx context.Context) ([]Hold, error)
	// ReleaseFree gives back what of a closed hold no relay had a lease on.
	ReleaseFree(ctx context.Context, tenant, hold id.ID, free money.Amount) error
	// ReleaseDue gives what closed holds did not need back to their lots and returns the tenants.
	ReleaseDue(ctx context.Context) ([]id.ID, error)
	StoppedTenants(ctx context.Context) ([]id.ID, error)
	OpenTenants(ctx context.Context) ([]id.ID, error)
	KeyUse(ctx context.Context, tenant, key id.ID, since time.Time) (money.Amount, error)
	BudgetBooks
}

// Escrow is what the shelf holds for a tenant.
type Escrow struct {
	Epoch int64 // -1: the shelf knows nothing of the tenant
	Free  money.Amount
	Holds map[id.ID]money.Amount // free by hold
	// Leased is with relays at the moment, of all holds together.
	Leased money.Amount
	Need   money.Amount // largest reservation that found no room, 0: none
	Want   money.Amount // what a relay would have liked then, to be covered for some seconds
}

// Wish is something that a relay waits for: credit of a tenant, or, with Key, the use of a key's budget since a time.
type Wish struct {
	Tenant id.ID
	Key    id.ID
	Since  time.Time
}

// Shelf is where relays take leases from.
type Shelf interface {
	Escrow(ctx context.Context, tenant id.ID) (Escrow, error)
	PutHold(ctx context.Context, h Hold, free money.Amount) (bool, error)
	ExtendHold(ctx context.Context, h Hold) error
	// CloseHold takes a hold off the shelf and returns what of it no relay had a lease on.
	CloseHold(ctx context.Context, tenant, hold id.ID) (free money.Amount, err error)
	SetAvail(ctx context.Context, tenant id.ID, epoch int64, avail money.Amount, state string) error
	SeedBudget(ctx context.Context, tenant, key id.ID, window time.Time, used money.Amount) error
	BudgetShelf
	NextWish(ctx context.Context, block time.Duration) (Wish, bool, error)
	// Generation changes when the server was restarted, replaced or emptied: what it granted last may be forgotten then.
	Generation(ctx context.Context) (string, error)
}

// Slicer keeps the shelf filled.
type Slicer struct {
	store SliceStore
	shelf Shelf
	clock clock.Clock
	log   *slog.Logger

	refresh chan id.ID // tenants whose available credit has changed

	turns [id.Shards]sync.Mutex // two answers for a tenant at once would slice twice

	mu         sync.Mutex
	spend      map[id.ID]*spending
	generation string
}

const refreshQueue = 1024

// NewSlicer starts nothing.
func NewSlicer(store SliceStore, shelf Shelf, c clock.Clock, log *slog.Logger) *Slicer {
	return &Slicer{store: store, shelf: shelf, clock: c, log: log, refresh: make(chan id.ID, refreshQueue), spend: map[id.ID]*spending{}}
}

// Serve brings the shelf of a tenant up to date: a slice if relays have waited for one or run low, what they could still
// get, and whether the tenant may spend at all. It is idempotent.
func (s *Slicer) Serve(ctx context.Context, tenant id.ID) error {
	defer s.turn(tenant)()
	st, err := s.store.Standing(ctx, tenant)
	if errors.Is(err, ErrUnknownTenant) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("standing: %w", err)
	}
	esc, err := s.shelf.Escrow(ctx, tenant)
	if err != nil {
		return fmt.Errorf("read shelf: %w", err)
	}
	if !st.Active {
		return s.suspend(ctx, tenant, st, esc)
	}
	epoch := esc.Epoch
	if esc.Epoch < st.Epoch || esc.Epoch < 1 {
		// The shelf was emptied or set back: nobody knows what was granted from the old holds, so none is granted any more.
		epoch = st.Epoch + 1
		if _, err := s.store.CloseHolds(ctx, tenant, epoch); err != nil {
			return fmt.Errorf("close holds of epoch %d: %w", st.Epoch, err)
		}
		esc = Escrow{Need: esc.Need, Want: esc.Want}
	} else if err := s.putBack(ctx, st, &esc); err != nil {
		return err
	}
	return s.fill(ctx, tenant, epoch, st.Avail, esc)
}

// turn waits for the tenant's turn and returns what ends it.
func (s *Slicer) turn(tenant id.ID) func() {
	m := &s.turns[id.Shard(tenant)]
	m.Lock()
	return m.Unlock
}

// putBack repairs holds that were committed and never reached the shelf, because the worker died in between.
func (s *Slicer) putBack(ctx context.Context, st Standing, esc *Escrow) error {
	for _, h := range st.Holds {
		if _, there := esc.Holds[h.ID]; there || h.Epoch != esc.Epoch || !h.ExpiresAt.After(st.At) {
			continue
		}
		free := h.Amount - h.Settled
		if free <= 0 {
			continue
		}
		if _, err := s.shelf.PutHold(ctx, h, free); err != nil {
			return fmt.Errorf("put hold back: %w", err)
		}
		esc.Free += free
	}
	return nil
}

func (s *Slicer) fill(ctx context.Context, tenant id.ID, epoch int64, avail money.Amount, esc Escrow) error {
	size := s.sliceSize(tenant, avail)
	need := money.Amount(0)
	switch {
	case esc.Need > 0: // free money on the shelf was not enough
		need = max(size, esc.Need, min(esc.Want, avail/4))
	case esc.Free < size/2:
		need = size
	}
	for range sliceTries {
		if need <= 0 || avail <= 0 {
			break
		}
		h, left, err := s.store.Slice(ctx, tenant, epoch, min(need, SliceMax))
		if errors.Is(err, ErrNoCredit) {
			avail = 0
			break
		}
		if err != nil {
			return fmt.Errorf("slice: %w", err)
		}
		fits, err := s.shelf.PutHold(ctx, h, h.Amount)
		if err != nil {
			return fmt.Errorf("put hold: %w", err)
		}
		if !fits {
			return nil // another worker has opened a newer epoch; it closes this hold and serves the tenant
		}
		avail, need = left, need-h.Amount
		esc.Free += h.Amount
	}
	state := StateOK
	if avail <= 0 && esc.Free <= 0 {
		state = StateExhausted
	}
	if err := s.shelf.SetAvail(ctx, tenant, epoch, avail, state); err != nil {
		return fmt.Errorf("publish available credit: %w", err)
	}
	return nil
}

// sliceSize is a minute of recent spending, at most a quarter of what there is, and not so little that it is not worth
// the trouble.
func (s *Slicer) sliceSize(tenant id.ID, avail money.Amount) money.Amount {
	size := min(s.recent(tenant), avail/4, SliceMax)
	return max(size, SliceFloor)
}

func (s *Slicer) suspend(ctx context.Context, tenant id.ID, st Standing, esc Escrow) error {
	closed, err := s.store.CloseHolds(ctx, tenant, max(st.Epoch, esc.Epoch)+1)
	if err != nil {
		return fmt.Errorf("close holds: %w", err)
	}
	for _, h := range closed {
		if _, err := s.shelf.CloseHold(ctx, tenant, h); err != nil {
			return fmt.Errorf("take hold off the shelf: %w", err)
		}
	}
	if err := s.shelf.SetAvail(ctx, tenant, max(st.Epoch, esc.Epoch, 1), 0, StateSuspended); err != nil {
		return fmt.Errorf("publish suspension: %w", err)
	}
	return nil
}

// Sweep extends holds that are in use, closes those whose time is over, gives back what closed holds did not need, takes
// back what suspended tenants have on the shelf, and starts all tenants over when the shelf's server was replaced.
func (s *Slicer) Sweep(ctx context.Context) error {
	if err := s.extend(ctx); err != nil {
		return err
	}
	expired, err := s.store.CloseExpired(ctx)
	if err != nil {
		return fmt.Errorf("close expired holds: %w", err)
	}
	for _, h := range expired {
		free, err := s.shelf.CloseHold(ctx, h.Tenant, h.ID)
		if err != nil {
			return fmt.Errorf("take expired hold off the shelf: %w", err)
		}
		if err := s.store.ReleaseFree(ctx, h.Tenant, h.ID, free); err != nil {
			return err
		}
		s.Refresh(h.Tenant)
	}
	released, err := s.store.ReleaseDue(ctx)
	if err != nil {
		return fmt.Errorf("release holds: %w", err)
	}
	stopped, err := s.store.StoppedTenants(ctx)
	if err != nil {
		return fmt.Errorf("find stopped tenants: %w", err)
	}
	for _, t := range append(released, stopped...) {
		s.Refresh(t)
	}
	s.forgetQuiet()
	return s.watchServer(ctx)
}

// watchServer notices a restarted shelf. With its log written once a second it may have forgotten grants of the last
// moment; they would be granted again. The first look of a worker only remembers.
func (s *Slicer) watchServer(ctx context.Context) error {
	now, err := s.shelf.Generation(ctx)
	if err != nil {
		return fmt.Errorf("look at the shelf's server: %w", err)
	}
	s.mu.Lock()
	before := s.generation
	s.generation = now
	s.mu.Unlock()
	if before == "" || before == now {
		return nil
	}
	tenants, err := s.store.OpenTenants(ctx)
	if err != nil {
		return fmt.Errorf("find tenants with open holds: %w", err)
	}
	s.log.WarnContext(ctx, "the server of the leases was replaced, all slices are cut anew", slog.Int("tenants", len(tenants)))
	for _, t := range tenants {
		if err := s.renew(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// renew opens a new epoch for a tenant: its first hold drops everything older from the shelf.
func (s *Slicer) renew(ctx context.Context, tenant id.ID) error {
	defer s.turn(tenant)()
	st, err := s.store.Standing(ctx, tenant)
	if err != nil {
		return fmt.Errorf("standing: %w", err)
	}
	esc, err := s.shelf.Escrow(ctx, tenant)
	if err != nil {
		return fmt.Errorf("read shelf: %w", err)
	}
	epoch := max(st.Epoch, esc.Epoch) + 1
	closed, err := s.store.CloseHolds(ctx, tenant, epoch)
	if err != nil {
		return fmt.Errorf("close holds: %w", err)
	}
	for _, h := range closed {
		if _, err := s.shelf.CloseHold(ctx, tenant, h); err != nil {
			return fmt.Errorf("take hold off the shelf: %w", err)
		}
	}
	return s.fill(ctx, tenant, epoch, st.Avail, Escrow{})
}
