// Package config is the only reader of the environment. Every setting is a field with its variable, default and meaning
// in struct tags; the table in the README is generated from them.
package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"starlane/internal/platform/secret"
)

// Role is a process that reads a configuration.
type Role string

// The roles. Each validates only what it uses.
const (
	Relay  Role = "relay"
	API    Role = "api"
	Worker Role = "worker"
)

// Config is the configuration of all processes. Durations are Go durations ("30s"), sizes are bytes.
type Config struct {
	DatabaseURL secret.String `env:"DATABASE_URL" roles:"api,worker" example:"postgres://starlane@db:5432/starlane" help:"Postgres 15 to 18. The relay never reads it."`
	RedisURL    secret.String `env:"REDIS_URL" roles:"relay,api,worker" example:"redis://localhost:6379/0" help:"Redis 7.0 or Valkey 7.2 and later, append-only file on, maxmemory-policy noeviction."`
	LogLevel    string        `env:"STARLANE_LOG_LEVEL" envDefault:"info" help:"debug, info, warn or error."`
	DemoMode    bool          `env:"STARLANE_DEMO" envDefault:"false" help:"Marks the console as showing demo data on simulated providers."`

	KeyPepper secret.String `env:"STARLANE_KEY_PEPPER" roles:"relay,api" example:"$(openssl rand -base64 32)" help:"Secret under which virtual keys are hashed. The same on api and relay; changing it invalidates every key."`
	MasterKey secret.String `env:"STARLANE_MASTER_KEY" roles:"relay,api" example:"$(openssl rand -base64 32)" help:"32 bytes in base64 that seal upstream keys. The same on api and relay."`

	Relay  RelayConfig
	API    APIConfig
	Worker WorkerConfig
	Stripe StripeConfig
}

// RelayConfig belongs to cmd/relay.
type RelayConfig struct {
	Listen            string        `env:"STARLANE_RELAY_LISTEN" envDefault:"127.0.0.1:8080" help:"Public listener."`
	PrivateListen     string        `env:"STARLANE_RELAY_PRIVATE_LISTEN" envDefault:"127.0.0.1:8090" help:"Metrics, health and pprof; never public."`
	ID                string        `env:"STARLANE_RELAY_ID" envDefault:"relay-1" help:"Name of this instance, unique in the fleet and stable over restarts."`
	SpoolDir          string        `env:"STARLANE_SPOOL_DIR" envDefault:"var/spool" help:"Folder of the usage log. Must survive restarts; one folder per relay."`
	SpoolMaxBytes     int64         `env:"STARLANE_SPOOL_MAX_BYTES" envDefault:"1073741824" help:"At 90 % of it the relay admits no more requests."`
	SpoolSync         time.Duration `env:"STARLANE_SPOOL_SYNC" envDefault:"5ms" help:"Time between forced writes of the usage log: what a loss of power may cost. The death of the process costs nothing."`
	MaxBodyBytes      int64         `env:"STARLANE_MAX_BODY_BYTES" envDefault:"33554432" help:"Largest request body."`
	MaxBodiesBytes    int64         `env:"STARLANE_MAX_BODIES_BYTES" envDefault:"1073741824" help:"Largest sum of all request bodies in memory; one tenant may hold a quarter of it."`
	RequestTimeout    time.Duration `env:"STARLANE_REQUEST_TIMEOUT" envDefault:"10m" help:"Longest life of one request."`
	UpstreamTimeout   time.Duration `env:"STARLANE_UPSTREAM_HEADER_TIMEOUT" envDefault:"2m" help:"Longest wait for the first byte of an upstream answer."`
	IdleTimeout       time.Duration `env:"STARLANE_UPSTREAM_IDLE_TIMEOUT" envDefault:"2m" help:"Longest silence inside an upstream stream."`
	SessionTime       time.Duration `env:"STARLANE_REALTIME_SESSION" envDefault:"60m" help:"Longest life of a realtime session; 0 for no bound."`
	SessionIdle       time.Duration `env:"STARLANE_REALTIME_IDLE" envDefault:"15m" help:"How long nobody may say anything in a realtime session; 0 for no bound."`
	VaultTTL          time.Duration `env:"STARLANE_VAULT_TTL" envDefault:"1h" help:"How long a model's sealed thoughts behind tool calls are kept, in memory and encrypted in Redis, for clients that do not give them back; 0 for not at all."`
	ResponsesMaxBytes int64         `env:"STARLANE_RESPONSES_MAX_BYTES" envDefault:"67108864" help:"Bytes in Redis that the stored responses of one tenant may take, if it has them stored; those that expire first go."`
	Heartbeat         time.Duration `env:"STARLANE_HEARTBEAT" envDefault:"15s" help:"Silence of a stream after which its client gets a sign of life, where its kind of client bears one; 0 for never."`
	DrainTimeout      time.Duration `env:"STARLANE_DRAIN_TIMEOUT" envDefault:"30s" help:"How long a stopping relay waits for running streams."`
	AllowPrivate      bool          `env:"STARLANE_ALLOW_PRIVATE_UPSTREAMS" envDefault:"false" help:"Lets upstream base URLs point to loopback and private networks."`
	MediaFetch        string        `env:"STARLANE_MEDIA_FETCH" envDefault:"on" help:"Whether relays get pictures and documents at public addresses for upstreams that take bytes alone: on or off."`
	CORSOrigins       []string      `env:"STARLANE_RELAY_CORS_ORIGINS" help:"Browser origins that may call the relay; empty: none."`
}

// APIConfig belongs to cmd/api.
type APIConfig struct {
	Listen        string        `env:"STARLANE_API_LISTEN" envDefault:"127.0.0.1:8081" help:"Public listener of admin API and console."`
	PrivateListen string        `env:"STARLANE_API_PRIVATE_LISTEN" envDefault:"127.0.0.1:8091" help:"Metrics, health and pprof; never public."`
	PublicURL     string        `env:"STARLANE_CONSOLE_URL" envDefault:"http://127.0.0.1:8081" help:"Where browsers reach the console; return address of payments, origin of cookies."`
	RelayURL      string        `env:"STARLANE_RELAY_URL" envDefault:"http://127.0.0.1:8080" help:"Where clients reach the relay; shown in snippets."`
	JWTKey        secret.String `env:"STARLANE_JWT_KEY" roles:"api" example:"$(openssl rand -base64 32)" help:"Signs short-lived access tokens, at least 32 characters."`
	Proxies       []string      `env:"STARLANE_TRUSTED_PROXIES" help:"Networks of the proxies in front of the api, such as 10.0.0.0/8, whose X-Forwarded-For is believed; empty: none."`
	SessionTTL    time.Duration `env:"STARLANE_SESSION_TTL" envDefault:"168h" help:"Life of a console session."`
}

// WorkerConfig belongs to cmd/worker.
type WorkerConfig struct {
	PrivateListen string        `env:"STARLANE_WORKER_PRIVATE_LISTEN" envDefault:"127.0.0.1:8092" help:"Metrics, health and pprof; never public."`
	ID            string        `env:"STARLANE_WORKER_ID" envDefault:"worker-1" help:"Name of this instance, unique in the fleet."`
	BatchSize     int           `env:"STARLANE_WORKER_BATCH" envDefault:"2000" help:"Most events in one transaction."`
	Linger        time.Duration `env:"STARLANE_WORKER_LINGER" envDefault:"250ms" help:"Longest wait for a batch to fill."`
	CollectAfter  time.Duration `env:"STARLANE_CLOSE_GRACE" envDefault:"2h" help:"Wait after the end of a month before it can be closed."`
}

// StripeConfig is used by api (webhooks, Checkout) and worker (invoices, events).
type StripeConfig struct {
	Key           secret.String `env:"STARLANE_STRIPE_KEY" example:"sk_test_…" help:"Secret key. Empty: top-ups and card invoices are switched off."`
	URL           string        `env:"STARLANE_STRIPE_URL" help:"Other address of the Stripe API, for the simulator. Refused together with a live key."`
	WebhookSecret secret.String `env:"STARLANE_STRIPE_WEBHOOK_SECRET" help:"Signing secret; several separated by commas while rotating. Empty: the api creates its endpoint and keeps the secret in memory."`
	WebhookURL    string        `env:"STARLANE_STRIPE_WEBHOOK_URL" help:"Where Stripe reaches /webhooks/stripe; default: the console URL."`
}

// Load reads the environment for a role. It reports all problems at once, one per line: variable, what is wrong, example.
func Load(role Role) (*Config, error) {
	environ := env.ToMap(os.Environ())
	var problems []error
	for name, path := range environ {
		base, ok := strings.CutSuffix(name, "_FILE")
		if !ok || path == "" || !known(base) {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: cannot read the file: %w", name, err))
			continue
		}
		environ[base] = strings.TrimSpace(string(b))
	}
	var c Config
	if err := env.ParseWithOptions(&c, env.Options{Environment: environ}); err != nil {
		problems = append(problems, err)
	}
	problems = append(problems, c.validate(role)...)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return &c, nil
}

func (c *Config) validate(role Role) []error {
	var problems []error
	for _, f := range Fields() {
		if f.Needs(role) && c.empty(f) {
			problems = append(problems, fmt.Errorf("%s: missing, %s Example: %s=%s", f.Env, f.Help, f.Env, f.Example))
		}
	}
	add := func(name, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: "+format, append([]any{name}, args...)...))
	}
	if role != Worker && !c.MasterKey.Empty() {
		if _, err := secret.NewBox(c.MasterKey); err != nil {
			add("STARLANE_MASTER_KEY", "want 32 bytes in base64. Example: STARLANE_MASTER_KEY=$(openssl rand -base64 32)")
		}
	}
	if role == API && !c.API.JWTKey.Empty() && len(c.API.JWTKey.Reveal()) < 32 {
		add("STARLANE_JWT_KEY", "want at least 32 characters")
	}
	for name, raw := range map[string]string{"STARLANE_CONSOLE_URL": c.API.PublicURL, "STARLANE_RELAY_URL": c.API.RelayURL, "STARLANE_STRIPE_URL": c.Stripe.URL} {
		if u, err := url.Parse(raw); raw != "" && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
			add(name, "want an address such as https://console.example.com, got %q", raw)
		}
	}
	if role == Worker && (c.Worker.BatchSize < 1 || c.Worker.BatchSize > 10_000) {
		add("STARLANE_WORKER_BATCH", "want 1 to 10000, got %d", c.Worker.BatchSize)
	}
	if role == Relay && (c.Relay.MaxBodyBytes < 1024 || c.Relay.SpoolMaxBytes < 1<<20) {
		add("STARLANE_MAX_BODY_BYTES, STARLANE_SPOOL_MAX_BYTES", "too small to work: want at least 1024 and 1048576")
	}
	if role == Relay && c.Relay.ResponsesMaxBytes < 8<<20 {
		add("STARLANE_RESPONSES_MAX_BYTES", "want at least 8388608, which the largest response fits in, got %d", c.Relay.ResponsesMaxBytes)
	}
	if role == Relay && c.Relay.MediaFetch != "on" && c.Relay.MediaFetch != "off" {
		add("STARLANE_MEDIA_FETCH", "want on or off, got %q", c.Relay.MediaFetch)
	}
	if role == Relay && (c.Relay.SpoolSync < time.Millisecond || c.Relay.SpoolSync > time.Minute) {
		add("STARLANE_SPOOL_SYNC", "want 1ms to 1m, got %s", c.Relay.SpoolSync)
	}
	return problems
}
