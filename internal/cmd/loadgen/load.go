package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// stats collects the answers of a phase.
type stats struct {
	mu     sync.Mutex
	total  []time.Duration
	first  []time.Duration
	ok     int
	failed int
	errs   map[string]int
}

func (s *stats) add(a answer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || !a.whole {
		s.failed++
		text := "answer not whole"
		if err != nil {
			text = err.Error()
		}
		if s.errs == nil {
			s.errs = map[string]int{}
		}
		s.errs[text]++
		return
	}
	s.ok++
	s.total = append(s.total, a.total)
	s.first = append(s.first, a.firstByte)
}

func percentile(values []time.Duration, p int) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}

// closedLoop keeps n connections busy until the time is over; each sends its next request when the last has ended.
// ramp spreads the first requests of the connections evenly.
func closedLoop(ctx context.Context, t target, stream bool, n int, d, ramp time.Duration) *stats {
	var s stats
	var wg sync.WaitGroup
	end := ""
	if stream {
		end = t.end
	}
	over := time.Now().Add(d)
	limit, cancel := context.WithTimeout(ctx, d+30*time.Second)
	defer cancel()
	for i := range n {
		wg.Go(func() {
			c := conn{addr: t.addr}
			defer c.close()
			pause(limit, ramp*time.Duration(i)/time.Duration(n))
			for time.Now().Before(over) {
				a, err := c.do(limit, t.raw, end)
				s.add(a, err)
				if err != nil {
					pause(limit, 10*time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
	return &s
}

// openLoop sends rate requests a second whatever the answers do; latency counts from the moment a request was due.
func openLoop(ctx context.Context, t target, rate int, d time.Duration) *stats {
	var s stats
	var wg sync.WaitGroup
	limit, cancel := context.WithTimeout(ctx, d+30*time.Second)
	defer cancel()
	idle := make(chan *conn, 4*rate)
	start := time.Now()
	for i := range rate * int(d/time.Second) {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		pause(limit, time.Until(due))
		wg.Go(func() {
			var c *conn
			select {
			case c = <-idle:
			default:
				c = &conn{addr: t.addr}
			}
			a, err := c.do(limit, t.raw, "")
			a.total = time.Since(due)
			s.add(a, err)
			select {
			case idle <- c:
			default:
				c.close()
			}
		})
	}
	wg.Wait()
	close(idle)
	for c := range idle {
		c.close()
	}
	return &s
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
