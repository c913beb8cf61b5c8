package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"starlane/internal/devstack/proc"
)

// Ports are fixed distances from the base.
type Ports struct{ Base int }

// DefaultPortBase is the relay's port unless STARLANE_PORT_BASE says otherwise.
const DefaultPortBase = 8080

// The listeners, in the order in which they are reported.
func (p Ports) Relay() int         { return p.Base }
func (p Ports) API() int           { return p.Base + 1 }
func (p Ports) SimProvider() int   { return p.Base + 2 }
func (p Ports) SimStripe() int     { return p.Base + 3 }
func (p Ports) RelayPrivate() int  { return p.Base + 10 }
func (p Ports) APIPrivate() int    { return p.Base + 11 }
func (p Ports) WorkerPrivate() int { return p.Base + 12 }

type namedPort struct {
	name string
	port int
}

func (p Ports) all() []namedPort {
	return []namedPort{
		{"relay", p.Relay()},
		{"api and console", p.API()},
		{"simulated provider", p.SimProvider()},
		{"simulated Stripe", p.SimStripe()},
		{"relay, private", p.RelayPrivate()},
		{"api, private", p.APIPrivate()},
		{"worker, private", p.WorkerPrivate()},
	}
}

// Check returns one error that names every taken port with its owner. Ports that a killed stack is about to let go are waited for.
func (p Ports) Check(ctx context.Context, host string, leaving time.Duration) error {
	if p.Base < 1024 || p.Base+13 > 65535 {
		return fmt.Errorf("STARLANE_PORT_BASE (or --port): want 1024 to 65522, got %d", p.Base)
	}
	wait, cancel := context.WithTimeout(ctx, leaving)
	defer cancel()
	if proc.WaitFor(wait, 50*time.Millisecond, func() bool { return len(p.taken(host)) == 0 }) == nil {
		return nil
	}
	var problems []error
	for _, t := range p.taken(host) {
		problems = append(problems, fmt.Errorf("port %d (%s) is in use by %s", t.port, t.name, proc.PortOwner(ctx, t.port)))
	}
	if len(problems) == 0 {
		return nil
	}
	problems = append(problems, fmt.Errorf("stop it, or take other ports: STARLANE_PORT_BASE=%d make up", p.suggestion(host)))
	return errors.Join(problems...)
}

func (p Ports) taken(host string) []namedPort {
	var out []namedPort
	for _, n := range p.all() {
		// A listener on all addresses is in the way as well, and a listener of ours on one address would not notice it.
		if !proc.PortFree(host, n.port) || answers(n.port) {
			out = append(out, n)
		}
	}
	return out
}

func answers(port int) bool {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), 200*time.Millisecond)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func (p Ports) suggestion(host string) int {
	for base := p.Base + 100; base < 60000; base += 100 {
		if len((Ports{base}).taken(host)) == 0 {
			return base
		}
	}
	return p.Base + 1000
}

// IsLoopback tells whether an address is reachable from this machine only.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
