// Package httpserver runs the listeners of a process: the public one with a bounded life, and the private one for
// metrics, health and profiles.
package httpserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

// Limits of every listener. Bodies are bounded by their handlers, streams by the request's own deadline.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute // of a body, unless its handler sets a time of its own
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	checkTimeout      = 2 * time.Second
)

// Check tells whether a dependency works.
type Check func(ctx context.Context) error

// Health answers the two probes: live (the process runs) and ready (every dependency works and the process is not
// stopping). It is safe for concurrent use.
type Health struct {
	checks   map[string]Check
	stopping atomic.Bool
}

// NewHealth takes the checks by the name of the dependency.
func NewHealth(checks map[string]Check) *Health { return &Health{checks: checks} }

// Stopping makes readiness false, so that balancers look elsewhere.
func (h *Health) Stopping() { h.stopping.Store(true) }

// Live answers 200 as long as the process can answer.
func (h *Health) Live(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"status":"ok"}` + "\n"))
}

// Ready answers 200 or 503 with the state of each dependency.
func (h *Health) Ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	state := make(map[string]string, len(h.checks))
	ok := !h.stopping.Load()
	for name, check := range h.checks {
		state[name] = "ok"
		if err := check(ctx); err != nil {
			state[name], ok = err.Error(), false
		}
	}
	status, text := http.StatusOK, "ok"
	switch {
	case h.stopping.Load():
		status, text = http.StatusServiceUnavailable, "stopping"
	case !ok:
		status, text = http.StatusServiceUnavailable, "not ready"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": text, "dependencies": state})
}

// Private returns the handler of the private listener.
func Private(reg *prometheus.Registry, h *Health) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("/healthz", h.Live)
	mux.HandleFunc("/readyz", h.Ready)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// newServer bounds how long a body may take, also one that its handler refuses unread: nobody holds a connection for ever
// by sending nothing. An answer to a request without a body may take any time.
func newServer(h http.Handler, read time.Duration) *http.Server {
	lifted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == http.NoBody {
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		}
		h.ServeHTTP(w, r)
	})
	return &http.Server{
		Handler: lifted, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: read, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
}

// Listener is an address with its handler.
type Listener struct {
	Name    string // for errors: "relay", "private"
	Addr    string
	Handler http.Handler
}

// Serve runs all listeners until ctx ends, then marks health as stopping and gives running requests drain to finish. The
// first listener that fails stops the others.
func Serve(ctx context.Context, h *Health, drain time.Duration, listeners ...Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		var lc net.ListenConfig
		ln, err := lc.Listen(ctx, "tcp", l.Addr)
		if err != nil {
			return fmt.Errorf("%s listener: %w", l.Name, err)
		}
		srv := newServer(l.Handler, readTimeout)
		group.Go(func() error {
			if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("%s listener: %w", l.Name, err)
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			h.Stopping()
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
			defer cancel()
			if err := srv.Shutdown(stop); err != nil {
				return errors.Join(fmt.Errorf("%s listener: requests still running after %s", l.Name, drain), srv.Close())
			}
			return nil
		})
	}
	return group.Wait() //nolint:wrapcheck // every error in the group already names its listener
}
