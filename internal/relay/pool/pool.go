// Package pool chooses the deployment and the upstream key of the next attempt.
package pool

import (
	"math/rand/v2"

	"starlane/internal/catalog"
)

// Pick is the choice for one attempt.
type Pick struct {
	Candidate *catalog.Candidate
	Key       *catalog.UpstreamKey
}

// Chooser picks for one request. It tries the models of a route in their order, the deployments of a model by weight, and
// never the same key of the same deployment twice. The zero value is not usable; use New.
type Chooser struct {
	candidates []catalog.Candidate
	usable     func(*catalog.Candidate) bool
	tried      [maxTried]Pick
	n          int
}

const maxTried = 4

// New chooses among the candidates that are usable. Both must not change.
func New(candidates []catalog.Candidate, usable func(*catalog.Candidate) bool) Chooser {
	return Chooser{candidates: candidates, usable: usable}
}

// Next returns the choice for the next attempt; ok is false when there is nothing left to try. A deployment that was tried
// comes again, with another key, only after all others.
func (c *Chooser) Next() (Pick, bool) {
	if c.n == maxTried {
		return Pick{}, false
	}
	p, ok := c.weighted(func(d *catalog.Candidate) bool { return !c.triedDeployment(d) })
	if !ok {
		p, ok = c.weighted(func(d *catalog.Candidate) bool { return c.freeKeys(d) > 0 })
	}
	if ok {
		c.tried[c.n] = p
		c.n++
	}
	return p, ok
}

// weighted draws among the first model's deployments that are eligible.
func (c *Chooser) weighted(eligible func(*catalog.Candidate) bool) (Pick, bool) {
	var chosen *catalog.Candidate
	total := 0
	for i := range c.candidates {
		d := &c.candidates[i]
		if (chosen != nil && d.Model != chosen.Model) || !c.usable(d) || !eligible(d) {
			continue
		}
		w := max(d.Deployment.Weight, 1)
		if total += w; chosen == nil || rand.IntN(total) < w {
			chosen = d
		}
	}
	if chosen == nil {
		return Pick{}, false
	}
	return Pick{chosen, c.key(chosen)}, true
}

func (c *Chooser) key(d *catalog.Candidate) *catalog.UpstreamKey {
	var chosen *catalog.UpstreamKey
	total := 0
	for i := range d.Keys {
		k := &d.Keys[i]
		if c.triedKey(d, k) {
			continue
		}
		w := max(k.Weight, 1)
		if total += w; chosen == nil || rand.IntN(total) < w {
			chosen = k
		}
	}
	return chosen
}

func (c *Chooser) triedDeployment(d *catalog.Candidate) bool {
	for _, p := range c.tried[:c.n] {
		if p.Candidate.Deployment.ID == d.Deployment.ID {
			return true
		}
	}
	return false
}

func (c *Chooser) triedKey(d *catalog.Candidate, k *catalog.UpstreamKey) bool {
	for _, p := range c.tried[:c.n] {
		if p.Candidate.Deployment.ID == d.Deployment.ID && p.Key.ID == k.ID {
			return true
		}
	}
	return false
}

func (c *Chooser) freeKeys(d *catalog.Candidate) int {
	n := 0
	for i := range d.Keys {
		if !c.triedKey(d, &d.Keys[i]) {
			n++
		}
	}
	return n
}
