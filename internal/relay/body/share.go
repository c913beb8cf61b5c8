package body

import (
	"sync"

	"starlane/internal/platform/id"
)

// sharePart is the part of a pool that one owner may hold. Bodies take as long as their senders like to arrive, up to a
// deadline; without a share one tenant's slow uploads would keep everybody else out.
const sharePart = 4

// largestTimes is how many times the largest body of unknown length a buffer and its next one hold together while it grows:
// a share below that would make such bodies impossible.
const largestTimes = 3

// keepShares is how many owners are remembered while they hold nothing, so that a usual set of tenants costs no allocation.
const keepShares = 1024

// shares counts what each owner holds.
type shares struct {
	each int64 // bytes one owner may hold
	mu   sync.Mutex
	held map[id.ID]int64
}

// take counts n bytes for owner if they fit in its share. Nobody's bytes always do.
func (s *shares) take(owner id.ID, n int64) bool {
	if owner == id.Nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[owner]+n > s.each {
		return false
	}
	s.held[owner] += n
	return true
}

func (s *shares) giveBack(owner id.ID, n int64) {
	if owner == id.Nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.held[owner] - n
	if left == 0 && len(s.held) > keepShares {
		delete(s.held, owner)
		return
	}
	s.held[owner] = left
}
