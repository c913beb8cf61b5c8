package stripe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	shutdownWait = 5 * time.Second
	dueEvery     = 15 * time.Second // how often sessions expire and drafts advance when nobody calls
)

// Run serves a simulator on cfg.Addr until ctx ends, with the state of cfg.SnapshotFile. It refuses addresses beyond
// loopback unless cfg.AllowNonLoopback is set: everybody who reaches it can make simulated payments.
func Run(ctx context.Context, cfg Config) error {
	if !cfg.AllowNonLoopback && !isLoopback(cfg.Addr) {
		return fmt.Errorf("simulated stripe: %q is not a loopback address such as 127.0.0.1:8083", cfg.Addr)
	}
	s := New(cfg) //nolint:contextcheck // deliveries end with Close, after the last request
	defer s.Close()
	if err := s.Load(); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("simulated stripe: %w", err)
	}
	srv := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	s.log.Info("simulated stripe: listening", "addr", listener.Addr().String())
	ticker := time.NewTicker(dueEvery)
	defer ticker.Stop()
	for {
		select {
		case err := <-failed:
			return fmt.Errorf("simulated stripe: %w", err)
		case <-ticker.C:
			if _, err := s.Advance(ctx, 0); err != nil {
				s.log.Error("simulated stripe: due work failed", "error", err)
			}
		case <-ctx.Done():
			return s.shutdown(ctx, srv, failed)
		}
	}
}

func (s *Server) shutdown(ctx context.Context, srv *http.Server, failed <-chan error) error {
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
	defer cancel()
	err := srv.Shutdown(stop)
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err = errors.Join(err, s.Save()); err != nil {
		return fmt.Errorf("simulated stripe: stop: %w", err)
	}
	return nil
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Advance moves the simulated time forward by d, in whole seconds, and does what is due by then. It returns the new time.
func (s *Server) Advance(ctx context.Context, d time.Duration) (time.Time, error) {
	if d < 0 {
		return time.Time{}, errors.New("the clock only moves forward")
	}
	s.mu.Lock()
	s.st.OffsetSeconds += int64(d / time.Second)
	s.mu.Unlock()
	var now time.Time
	_, fired, err := s.commit(nil, nil, func(c *call) (any, error) {
		now = c.now()
		c.pruneKeys()
		return nil, nil // only the due work counts
	})
	if d > 0 || len(fired) > 0 {
		s.saveOrLog()
	}
	s.hooks.hurry(d)
	s.hooks.deliver(ctx, s.plan(fired))
	return now, err
}

// Load reads the snapshot file. A file that is not there is an empty account.
func (s *Server) Load() error {
	if s.cfg.SnapshotFile == "" {
		return nil
	}
	raw, err := os.ReadFile(s.cfg.SnapshotFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("simulated stripe: snapshot: %w", err)
	}
	st := newState()
	if err := json.Unmarshal(raw, st); err != nil {
		return fmt.Errorf("simulated stripe: snapshot %s does not read, remove it to start empty: %w", s.cfg.SnapshotFile, err)
	}
	for key, kept := range st.Keys {
		if kept.Status == 0 { // was under way when the process ended
			delete(st.Keys, key)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st = st
	return nil
}

// Save writes the snapshot file, whole or not at all. Without a file it does nothing.
func (s *Server) Save() error {
	if s.cfg.SnapshotFile == "" {
		return nil
	}
	s.saveM.Lock()
	defer s.saveM.Unlock()
	raw, err := s.snapshot()
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	dir := filepath.Dir(s.cfg.SnapshotFile)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	temp, err := os.CreateTemp(dir, ".stripe-*")
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	_, err = temp.Write(raw)
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), s.cfg.SnapshotFile)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}

// savedEvents bounds the events in a snapshot: it is written after every change.
const savedEvents = 500

func (s *Server) snapshot() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	shown := *s.st
	shown.Events.order = shown.Events.order[max(0, len(shown.Events.order)-savedEvents):]
	return json.Marshal(&shown)
}

// saveOrLog saves after every change, before the client hears of it: the product keeps the ids it was given, so a
// killed simulator must remember them too.
func (s *Server) saveOrLog() {
	if err := s.Save(); err != nil {
		s.log.Error("simulated stripe: state not saved", "error", err)
	}
}
