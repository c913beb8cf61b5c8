package credit

import (
	"context"
	"fmt"
	"time"

	"starlane/internal/platform/id"
)

// ExtendWithin is how near the end of a hold has to be for it to be extended.
const ExtendWithin = 5 * time.Minute

// extend gives holds that are nearly over another term. Closing one puts its rest out of reach until the last request on
// it has certainly ended; a tenant whose whole credit is in one hold would be refused for that time, for no reason.
//
// A hold that lost money to a relay which died is not extended for ever: once less than half of what is unspent can be
// accounted for on the shelf, it is left to end, and the release brings the rest back.
func (s *Slicer) extend(ctx context.Context) error {
	holds, err := s.store.EndingHolds(ctx, ExtendWithin)
	if err != nil {
		return fmt.Errorf("find holds that end soon: %w", err)
	}
	for _, h := range holds {
		if err := s.extendOne(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

func (s *Slicer) extendOne(ctx context.Context, h Hold) error {
	defer s.turn(h.Tenant)()
	esc, err := s.shelf.Escrow(ctx, h.Tenant)
	if err != nil {
		return fmt.Errorf("read shelf: %w", err)
	}
	if !worthExtending(h, esc) {
		return nil
	}
	until, ok, err := s.store.ExtendHold(ctx, h.Tenant, h.ID, HoldTTL)
	if err != nil {
		return fmt.Errorf("extend hold: %w", err)
	}
	if !ok {
		return nil // closed meanwhile, or its lot ends
	}
	h.ExpiresAt = until
	// Postgres is first: a shelf that does not hear of it stops granting too early, never too late.
	if err := s.shelf.ExtendHold(ctx, h); err != nil {
		return fmt.Errorf("extend hold on the shelf: %w", err)
	}
	return nil
}

func worthExtending(h Hold, esc Escrow) bool {
	free, there := esc.Holds[h.ID]
	rest := h.Amount - h.Settled
	return there && esc.Epoch == h.Epoch && rest > 0 && free+esc.Leased >= rest/2
}

// Extender is the part of SliceStore that extends holds.
type Extender interface {
	// EndingHolds returns open holds of active tenants that end within a time and whose lots last longer.
	EndingHolds(ctx context.Context, within time.Duration) ([]Hold, error)
	// ExtendHold moves the end of an open hold to a time from now, or to the end of its lot if that is sooner. ok is false
	// if that would not move it.
	ExtendHold(ctx context.Context, tenant, hold id.ID, by time.Duration) (until time.Time, ok bool, err error)
}
