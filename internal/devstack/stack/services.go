package stack

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"starlane/internal/devstack/proc"
)

// relayDrain bounds how long running streams hold up a stop of the stack.
const relayDrain = 5 * time.Second

// environment is what the product's processes are told; it is the whole difference between this stack and production.
func (u *up) environment() map[string]string {
	p := u.ports
	return map[string]string{
		"REDIS_URL":           u.redisURL,
		"STARLANE_DEMO":       strconv.FormatBool(u.Seed),
		"STARLANE_KEY_PEPPER": u.secrets.KeyPepper,
		"STARLANE_MASTER_KEY": u.secrets.MasterKey,

		"STARLANE_RELAY_LISTEN":            u.public(p.Relay()),
		"STARLANE_RELAY_PRIVATE_LISTEN":    local(p.RelayPrivate()),
		"STARLANE_SPOOL_DIR":               u.dir.Path("spool"),
		"STARLANE_DRAIN_TIMEOUT":           relayDrain.String(),
		"STARLANE_ALLOW_PRIVATE_UPSTREAMS": "true",         // the simulated provider is on loopback
		"STARLANE_RELAY_CORS_ORIGINS":      u.consoleURL(), // the console sends its test requests from the browser

		"STARLANE_API_LISTEN":         u.public(p.API()),
		"STARLANE_API_PRIVATE_LISTEN": local(p.APIPrivate()),
		"STARLANE_CONSOLE_URL":        u.consoleURL(),
		"STARLANE_RELAY_URL":          u.relayURL(),
		"STARLANE_JWT_KEY":            u.secrets.JWTKey,

		"STARLANE_WORKER_PRIVATE_LISTEN": local(p.WorkerPrivate()),

		"STARLANE_STRIPE_KEY":         u.secrets.StripeKey,
		"STARLANE_STRIPE_URL":         u.stripeURL(),
		"STARLANE_STRIPE_WEBHOOK_URL": "http://" + local(p.API()),
	}
}

// environ merges the settings of the stack over the caller's environment. Only api and worker learn where the database is.
func (u *up) environ(database bool) []string {
	set := u.environment()
	if database {
		set["DATABASE_URL"] = u.databaseURL
	}
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if _, ours := set[name]; ours || name == "DATABASE_URL" || name == "DATABASE_URL_FILE" {
			continue
		}
		env = append(env, kv)
	}
	for name, value := range set {
		env = append(env, name+"="+value)
	}
	return env
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (u *up) public(port int) string { return net.JoinHostPort(u.Host, strconv.Itoa(port)) }

// reachable is where this machine reaches a public listener: a wildcard address is no address to go to.
func (u *up) reachable(port int) string {
	if ip := net.ParseIP(u.Host); ip != nil && ip.IsUnspecified() {
		return "http://" + local(port)
	}
	return "http://" + u.public(port)
}

func (u *up) relayURL() string    { return u.reachable(u.ports.Relay()) }
func (u *up) consoleURL() string  { return u.reachable(u.ports.API()) }
func (u *up) providerURL() string { return "http://" + local(u.ports.SimProvider()) }
func (u *up) stripeURL() string   { return "http://" + local(u.ports.SimStripe()) }

// program is one of the binaries in the data folder, run as a service.
func (u *up) program(name, binary string, args []string, database bool, readyURL string, grace time.Duration) service {
	logPath := u.dir.Path("logs", name+".log")
	return service{
		name: name, log: logPath, grace: grace,
		start: func(context.Context) (child, error) {
			return proc.Start(proc.Spec{
				Name: name, Path: u.dir.Path("bin", binary), Args: args, Env: u.environ(database), Dir: u.dir.Root, LogPath: logPath,
				// What they have acknowledged is on disk, so a hard end loses nothing, and a soft one might linger.
				OnParentDeath: syscall.SIGKILL,
			})
		},
		ready: func(ctx context.Context) error { return answersOK(ctx, readyURL) },
		stop:  stopWith(syscall.SIGTERM, syscall.SIGKILL),
	}
}

func (u *up) simProvider() service {
	return u.program("sim-provider", "starlane", []string{"sim", "provider", "--listen", local(u.ports.SimProvider())}, false,
		u.providerURL()+"/_sim/requests", 6*time.Second)
}

func (u *up) simStripe() service {
	args := []string{"sim", "stripe", "--listen", local(u.ports.SimStripe()), "--state", u.dir.Path("sim-stripe.json")}
	return u.program("sim-stripe", "starlane", args, false, u.stripeURL()+"/_sim/requests", 6*time.Second)
}

func (u *up) api() service {
	return u.program("api", "api", []string{"serve"}, true, "http://"+local(u.ports.APIPrivate())+"/readyz", 10*time.Second)
}

func (u *up) worker() service {
	return u.program("worker", "worker", []string{"serve"}, true, "http://"+local(u.ports.WorkerPrivate())+"/readyz", 15*time.Second)
}

func (u *up) relay() service {
	return u.program("relay", "relay", []string{"serve"}, false, "http://"+local(u.ports.RelayPrivate())+"/readyz", relayDrain+5*time.Second)
}

// answersOK tells whether a GET is answered with 200.
func answersOK(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %d: %s", url, res.StatusCode, strings.TrimSpace(string(body)))
	}
	return nil
}
