package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"starlane/internal/devstack/proc"
)

const (
	readyTimeout   = 60 * time.Second
	restartPause   = 200 * time.Millisecond
	restartLongest = 5 * time.Second
	steadyAfter    = 10 * time.Second // a process that lived that long starts anew without a pause
)

// child is a running process; proc.Process and the two servers are.
type child interface {
	PID() int
	Done() <-chan struct{}
}

// service is something to keep running.
type service struct {
	name  string
	log   string
	start func(ctx context.Context) (child, error)
	ready func(ctx context.Context) error // nil: ready when started
	stop  func(ctx context.Context, c child, hurry bool) error
	grace time.Duration // how long an orderly stop may take
}

// supervisor keeps services running and stops them in the opposite order of their start.
type supervisor struct {
	life    context.Context // ends the watching, which outlives every call
	event   func(string)
	changed func(pids map[string]int)

	mu       sync.Mutex
	running  []*kept
	stopping bool
	watchers sync.WaitGroup
}

type kept struct {
	service
	mu    sync.Mutex
	child child
}

func (k *kept) current() child {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.child
}

// start starts a service, waits until it is ready, and from then on starts it again whenever it ends.
func (s *supervisor) start(ctx context.Context, svc service) error {
	c, err := svc.start(ctx)
	if err != nil {
		return err
	}
	k := &kept{service: svc, child: c}
	s.mu.Lock()
	s.running = append(s.running, k)
	s.mu.Unlock()
	if err := waitReady(ctx, svc, c); err != nil {
		return err
	}
	s.tell()
	s.watchers.Go(func() { s.watch(k) })
	return nil
}

func waitReady(ctx context.Context, svc service, c child) error {
	if svc.ready == nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var last error
	ended := false
	err := proc.WaitFor(limited, 25*time.Millisecond, func() bool {
		select {
		case <-c.Done():
			ended = true
			return true
		default:
		}
		last = svc.ready(limited)
		return last == nil
	})
	switch {
	case ended:
		return fmt.Errorf("%s ended at once:\n%s", svc.name, indent(tailOf(svc.log, 12)))
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%s is not ready after %s (%w):\n%s", svc.name, readyTimeout, last, indent(tailOf(svc.log, 12)))
	}
	return nil
}

func (s *supervisor) watch(k *kept) {
	ctx := s.life
	pause := restartPause
	began := time.Now()
	for {
		c := k.current()
		select {
		case <-ctx.Done():
			return
		case <-c.Done():
		}
		if s.isStopping() || ctx.Err() != nil {
			return
		}
		if time.Since(began) > steadyAfter {
			pause = restartPause
		}
		s.event(fmt.Sprintf("%s ended unexpectedly, starting it again (log: %s)", k.name, k.log))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, restartLongest)
		began = time.Now()
		again, err := k.start(ctx)
		if err != nil {
			s.event(fmt.Sprintf("%s could not be started: %v", k.name, err))
			continue // its old child is done, so the loop comes back here after the pause
		}
		k.mu.Lock()
		k.child = again
		k.mu.Unlock()
		s.tell()
	}
}

func (s *supervisor) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// pids returns the process ids by service.
func (s *supervisor) pids() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := make(map[string]int, len(s.running))
	for _, k := range s.running {
		m[k.name] = k.current().PID()
	}
	return m
}

func (s *supervisor) tell() {
	if s.changed != nil {
		s.changed(maps.Clone(s.pids()))
	}
}

// stopAll stops everything in the opposite order of the start. hurry, when it closes, shortens every wait; what the
// product has acknowledged is on disk by then, so nothing is lost.
func (s *supervisor) stopAll(hurry <-chan struct{}) error {
	s.mu.Lock()
	s.stopping = true
	list := append([]*kept(nil), s.running...)
	s.mu.Unlock()
	var problems []error
	for i := len(list) - 1; i >= 0; i-- {
		problems = append(problems, stopOne(list[i], hurry))
	}
	s.watchers.Wait()
	return errors.Join(problems...)
}

func stopOne(k *kept, hurry <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), k.grace)
	defer cancel()
	hurried := false
	select {
	case <-hurry:
		hurried = true
	default:
	}
	done := make(chan error, 1)
	go func() { done <- k.stop(ctx, k.current(), hurried) }()
	select {
	case err := <-done:
		return err
	case <-hurry:
		if !hurried {
			_ = k.stop(ctx, k.current(), true)
		}
		return <-done
	}
}

// stopWith stops a child by a signal, and by a harder one in a hurry.
func stopWith(orderly, hurried syscall.Signal) func(context.Context, child, bool) error {
	return func(ctx context.Context, c child, hurry bool) error {
		sig := orderly
		if hurry {
			sig = hurried
		}
		p, ok := c.(interface {
			Stop(ctx context.Context, sig syscall.Signal) error
		})
		if !ok {
			return fmt.Errorf("cannot stop %T", c)
		}
		return p.Stop(ctx, sig)
	}
}

func tailOf(path string, n int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "(no log)"
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func indent(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") }
