package identity

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Failed sign-ins that are allowed at once, and how fast they come back. They are counted for the address that was typed,
// whether or not it belongs to anybody, so that being slowed down says nothing about an account.
const (
	perAddressBurst = 8
	perAddressEvery = 30 * time.Second
	perSourceBurst  = 40
	perSourceEvery  = 3 * time.Second
	maxTracked      = 20_000
)

type throttle struct {
	mu      sync.Mutex
	buckets map[string]*rate.Limiter
	burst   int
	every   time.Duration
}

func newThrottle(burst int, every time.Duration) *throttle {
	return &throttle{buckets: map[string]*rate.Limiter{}, burst: burst, every: every}
}

// take counts a try before its outcome is known, so that many at once are not all let in before the first has failed.
// Either undo, which forgets a try that succeeded, or how long until another is allowed.
func (t *throttle) take(key string, now time.Time) (undo func(), wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.buckets[key]
	if b == nil {
		t.prune(now)
		b = rate.NewLimiter(rate.Every(t.every), t.burst)
		t.buckets[key] = b
	}
	if have := b.TokensAt(now); have < 1 {
		return nil, time.Duration((1 - have) * float64(t.every))
	}
	r := b.ReserveN(now, 1)
	return func() { r.CancelAt(now) }, 0
}

// prune forgets who has recovered; when too many are left it forgets all, as memory matters more than a slowed attacker.
func (t *throttle) prune(now time.Time) {
	if len(t.buckets) < maxTracked {
		return
	}
	for k, b := range t.buckets {
		if b.TokensAt(now) >= float64(t.burst) {
			delete(t.buckets, k)
		}
	}
	if len(t.buckets) >= maxTracked {
		clear(t.buckets)
	}
}
