package lease

import (
	"testing"

	"starlane/internal/billing/money"
	"starlane/internal/platform/apperr"
	"starlane/internal/relay"
)

// TestSessionsHoldOneSlot: what is reserved inside of a session takes no slot of the key, and is not refused for want of one.
func TestSessionsHoldOneSlot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10*money.USD, money.USD)
	m, _ := w.manager("r1", Options{})
	key := w.key()
	key.Concurrency, key.RPM, key.TPM = 1, 100, 100_000
	reserve := func(d relay.Demand) (relay.Reservation, error) {
		d.Key = key
		return m.Reserve(t.Context(), d)
	}
	slot, err := reserve(relay.Demand{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		inside, err := reserve(relay.Demand{Amount: money.USD / 100, Tokens: 10, Inside: true})
		if err != nil {
			t.Fatalf("response %d: %v", i, err)
		}
		defer inside.Release()
		if _, err := reserve(relay.Demand{}); !apperr.Is(err, apperr.RateLimitExceeded) {
			t.Fatalf("a second session: %v, want it refused", err)
		}
	}
	// The part of the tokens a minute that this relay has at hand does not suffice: it is borrowed, slot or not.
	inside, err := reserve(relay.Demand{Tokens: 50_000, Inside: true})
	if err != nil {
		t.Fatal(err)
	}
	inside.Settle(0, 50_000)
	slot.Settle(0, 0)
	again, err := reserve(relay.Demand{})
	if err != nil {
		t.Fatalf("the slot is free again: %v", err)
	}
	again.Release()
}
