package pool

import (
	"testing"

	"starlane/internal/catalog"
	"starlane/internal/platform/id"
)

func candidate(m *catalog.Model, weight, keys int) catalog.Candidate {
	c := catalog.Candidate{Deployment: catalog.Deployment{ID: id.New(), Weight: weight}, Model: m}
	for range keys {
		c.Keys = append(c.Keys, catalog.UpstreamKey{ID: id.New(), Weight: 1})
	}
	return c
}

func all(*catalog.Candidate) bool { return true }

func TestOrder(t *testing.T) {
	t.Parallel()
	first, second := &catalog.Model{Name: "first"}, &catalog.Model{Name: "second"}
	for range 100 {
		list := []catalog.Candidate{candidate(first, 1, 1), candidate(first, 1, 1), candidate(second, 1, 2)}
		c := New(list, all)
		var models []string
		seen := map[id.ID]bool{}
		for p, ok := c.Next(); ok; p, ok = c.Next() {
			models = append(models, p.Candidate.Model.Name)
			if seen[p.Key.ID] {
				t.Fatal("a key was picked twice")
			}
			seen[p.Key.ID] = true
		}
		if got := len(models); got != 4 || models[0] != "first" || models[1] != "first" || models[2] != "second" || models[3] != "second" {
			t.Fatalf("models tried: %v, want first, first, second, second with its other key", models)
		}
	}
}

func TestWeight(t *testing.T) {
	t.Parallel()
	m := &catalog.Model{}
	list := []catalog.Candidate{candidate(m, 9, 1), candidate(m, 1, 1), candidate(m, 5, 1)}
	unusable := list[2].Deployment.ID
	n := [3]int{}
	const rounds = 20_000
	for range rounds {
		c := New(list, func(d *catalog.Candidate) bool { return d.Deployment.ID != unusable })
		p, _ := c.Next()
		for i := range list {
			if p.Candidate.Deployment.ID == list[i].Deployment.ID {
				n[i]++
			}
		}
	}
	if share := float64(n[0]) / rounds; share < 0.88 || share > 0.92 || n[2] != 0 {
		t.Errorf("picks %v, want 9 of 10 for the first and none of the last", n)
	}
}

func TestNothingToPick(t *testing.T) {
	t.Parallel()
	c := New(nil, all)
	if _, ok := c.Next(); ok {
		t.Error("something was picked out of nothing")
	}
}
