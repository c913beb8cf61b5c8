package lease

import (
	"context"
	"sync"
	"time"

	"starlane/internal/platform/id"
	"starlane/internal/usage/allowance"
)

// Run refills and renews leases, and gives back what is not used, until ctx ends. It then returns everything that no
// request holds; call it to an end only after the last request has settled.
func (m *Manager) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for range refillers {
		wg.Go(func() { m.refillLoop(ctx) })
	}
	tick, count := time.NewTicker(tendEvery), time.NewTicker(countEvery)
	defer tick.Stop()
	defer count.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			m.tend(ctx)
		case <-count.C:
			m.countRelays(ctx)
		}
	}
	wg.Wait()
	m.returnAll(context.WithoutCancel(ctx))
	return nil
}

func (m *Manager) refillLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-m.refill:
			a.refillNow(ctx)
		}
	}
}

func (a *account) refillNow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	a.mu.Lock()
	want := a.target(0) - a.free()
	a.mu.Unlock()
	// Nobody waits for this: the need is nothing, so the worker is called only when the store itself runs low.
	reply, err := a.lease(ctx, max(want, 0), 0)
	if err == nil && (reply.More || reply.Free == 0) {
		err = a.m.o.Store.PushWanted(ctx, allowance.Wanted{Tenant: a.tenant})
	}
	if err != nil && ctx.Err() == nil {
		a.m.o.Logger.Debug("credit lease is not refilled", "error", err)
	}
	a.mu.Lock()
	a.queued = false
	if err != nil || reply.Free == 0 {
		a.dryUntil = a.m.o.Clock.Now().Add(deniedFor)
	}
	a.mu.Unlock()
}

// tend renews leases in use, returns surplus and idle ones, and forgets tenants and keys that are gone.
func (m *Manager) tend(ctx context.Context) {
	accounts, keys := m.all()
	for _, a := range accounts {
		if a.tend(ctx) {
			m.forgetAccount(a.tenant)
		}
	}
	for keyID, k := range keys {
		if k.tend(ctx) {
			m.forgetKey(keyID)
		}
	}
}

func (m *Manager) all() ([]*account, map[id.ID]*keyState) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	accounts, keys := make([]*account, 0, len(m.accounts)), make(map[id.ID]*keyState, len(m.keys))
	for _, a := range m.accounts {
		accounts = append(accounts, a)
	}
	for v, k := range m.keys {
		keys[v] = k
	}
	return accounts, keys
}

// tend returns true when nothing is left and nobody came for a long time.
func (a *account) tend(ctx context.Context) (forget bool) {
	a.mu.Lock()
	now := a.m.o.Clock.Now()
	a.dropExpired(now)
	idle := a.inFlight == 0 && a.waiting == 0 && now.Sub(a.used) > idleAfter
	empty := len(a.grants) == 0
	renew := false
	for _, g := range a.grants {
		renew = renew || g.expires.Sub(now) < a.m.o.TTL/2
	}
	a.mu.Unlock()
	switch {
	case empty:
		return idle && now.Sub(a.used) > forgetAfter
	case idle:
		a.giveBackAll(ctx)
	case renew:
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		if _, err := a.lease(ctx, 0, 0); err != nil && ctx.Err() == nil {
			a.m.o.Logger.Debug("credit lease is not renewed", "error", err)
		}
		a.giveBackSurplus(ctx)
	}
	return false
}

// giveBackAll ends all leases of an account. Money of requests that still run stays with them.
func (a *account) giveBackAll(ctx context.Context) {
	a.mu.Lock()
	grants := a.grants
	a.grants = nil
	for _, g := range grants {
		g.dead = true
	}
	a.mu.Unlock()
	for _, g := range grants {
		if _, err := a.m.o.Store.ReturnLease(ctx, a.tenant, a.m.o.Relay, g.hold, max(g.free, 0), true); err != nil {
			a.m.o.Logger.Debug("credit lease is not returned; it runs out by itself", "error", err)
		}
	}
}

// giveBackSurplus returns what is free beyond four times the target, so that other relays find it.
func (a *account) giveBackSurplus(ctx context.Context) {
	a.mu.Lock()
	surplus := a.free() - 4*a.target(0)
	var from *grant
	for _, g := range a.grants {
		if surplus > 0 && g.free > 0 && (from == nil || g.free > from.free) {
			from = g
		}
	}
	if from == nil {
		a.mu.Unlock()
		return
	}
	back := min(surplus, from.free/2)
	from.free -= back
	hold := from.hold
	a.mu.Unlock()
	if _, err := a.m.o.Store.ReturnLease(ctx, a.tenant, a.m.o.Relay, hold, back, false); err != nil {
		a.m.o.Logger.Debug("surplus credit is not returned", "error", err)
	}
}

// returnAll is the end of Run.
func (m *Manager) returnAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, returnLimit)
	defer cancel()
	accounts, keys := m.all()
	for _, a := range accounts {
		a.giveBackAll(ctx)
	}
	for _, k := range keys {
		k.giveBackAll(ctx)
	}
}

func (m *Manager) forgetAccount(tenant id.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a := m.accounts[tenant]; a != nil && a.quiet() {
		delete(m.accounts, tenant)
	}
}

func (a *account) quiet() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.grants) == 0 && a.inFlight == 0 && a.waiting == 0 && a.m.o.Clock.Now().Sub(a.used) > forgetAfter
}

func (m *Manager) forgetKey(v id.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.keys[v]; k != nil && k.quiet() {
		delete(m.keys, v)
	}
}
