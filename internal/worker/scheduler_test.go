package worker

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"starlane/internal/platform/clock"
)

// chair lets one owner at a time have a duty.
type chair struct {
	mu       sync.Mutex
	owner    map[string]string
	resigned map[string]bool
}

func (c *chair) Lead(_ context.Context, duty, owner string, _ time.Duration) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if have := c.owner[duty]; have != "" && have != owner {
		return false, nil
	}
	c.owner[duty] = owner
	return true, nil
}

func (c *chair) Resign(_ context.Context, duty, _ string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resigned[duty] = true
	return nil
}

// A duty is run again and again by its owner, whatever it returns and even if it panics; a duty of somebody else is not.
func TestScheduler(t *testing.T) {
	t.Parallel()
	seats := &chair{owner: map[string]string{"duty:theirs": "other"}, resigned: map[string]bool{}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var mu sync.Mutex
	runs := map[string]int{}
	count := func(name string, result func() error) Duty {
		return Duty{Name: name, Every: time.Millisecond, Run: func(context.Context) error {
			mu.Lock()
			runs[name]++
			if runs["fails"] > 2 && runs["panics"] > 2 && runs["works"] > 2 {
				cancel()
			}
			mu.Unlock()
			return result()
		}}
	}
	s := NewScheduler("me", seats, NewMetrics(prometheus.NewRegistry()), quiet(), clock.System{},
		count("works", func() error { return nil }), count("fails", func() error { return errors.New("no") }),
		count("panics", func() error { panic("no") }), count("theirs", func() error { return nil }))
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if runs["works"] < 3 || runs["fails"] < 3 || runs["panics"] < 3 || runs["theirs"] != 0 {
		t.Errorf("runs = %v; want at least three of ours and none of theirs", runs)
	}
	if !seats.resigned["duty:works"] || seats.resigned["duty:theirs"] {
		t.Errorf("resigned = %v; want ours only", seats.resigned)
	}
}
