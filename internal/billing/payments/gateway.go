// Package payments is the border to Stripe and the only importer of its library. It speaks in neutral types and whole
// cents, sends every change under the caller's operation id, and decides nothing: what a payment or an invoice means is
// for packages credit and invoicing.
package payments

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v79"
	"github.com/stripe/stripe-go/v79/client"
	"golang.org/x/time/rate"

	"starlane/internal/platform/secret"
)

const (
	defaultTimeout = 25 * time.Second
	defaultRetries = 2
	defaultRate    = 20 // calls per second; Stripe allows 25 in test mode and 100 live
	pageSize       = 100
	maxOpID        = 240 // Stripe takes keys of 255 characters; chunks of one operation add a suffix
)

// Config says how to reach Stripe.
type Config struct {
	Key     secret.String // secret API key
	URL     string        // other address of the API, for the simulator; empty: Stripe
	Timeout time.Duration // longest wait for one answer; zero: 25 s
	Retries int           // repeats of one call by the library; zero: 2, negative: none
	Rate    int           // calls per second; zero: 20
}

// ErrNotConfigured means that there is no key: payments are switched off.
var ErrNotConfigured = errors.New("stripe is not configured: STARLANE_STRIPE_KEY is empty")

// Gateway calls Stripe. It is safe for concurrent use.
type Gateway struct {
	api     *client.API
	http    *http.Client
	limiter *rate.Limiter
}

// New checks the configuration and returns a Gateway; it makes no call. A live key goes to Stripe's own address or
// nowhere.
func New(cfg Config) (*Gateway, error) {
	if cfg.Key.Empty() {
		return nil, ErrNotConfigured
	}
	base, err := checkURL(cfg.URL, cfg.Key.Reveal())
	if err != nil {
		return nil, err
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Rate <= 0 {
		cfg.Rate = defaultRate
	}
	retries := max(0, int64(cfg.Retries))
	if cfg.Retries == 0 {
		retries = defaultRetries
	}
	hc := &http.Client{Timeout: cfg.Timeout, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: 90 * time.Second,
	}}
	backendConfig := func(url string) *stripe.BackendConfig {
		return &stripe.BackendConfig{
			URL: stripe.String(url), HTTPClient: hc, MaxNetworkRetries: stripe.Int64(retries), EnableTelemetry: stripe.Bool(false),
			LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull}, // its messages would hold parameters
		}
	}
	backends := &stripe.Backends{
		API:     stripe.GetBackendWithConfig(stripe.APIBackend, backendConfig(base)),
		Connect: stripe.GetBackendWithConfig(stripe.ConnectBackend, backendConfig(stripe.ConnectURL)),
		Uploads: stripe.GetBackendWithConfig(stripe.UploadsBackend, backendConfig(stripe.UploadsURL)),
	}
	return &Gateway{
		api: client.New(cfg.Key.Reveal(), backends), http: hc, limiter: rate.NewLimiter(rate.Limit(cfg.Rate), cfg.Rate),
	}, nil
}

// Close gives idle connections back.
func (g *Gateway) Close() { g.http.CloseIdleConnections() }

// checkURL returns the API address to use. Test keys may go anywhere; every other key may go to Stripe alone, because
// a simulator would answer that money has moved when it has not.
func checkURL(raw, key string) (string, error) {
	if raw == "" {
		raw = stripe.APIURL
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("stripe address %q: want http:// or https:// and a host", raw)
	}
	test := strings.HasPrefix(key, "sk_test_") || strings.HasPrefix(key, "rk_test_") || strings.HasPrefix(key, "sk_sim_")
	if official := raw == stripe.APIURL; !test && !official {
		return "", fmt.Errorf("stripe address %q: refused together with a live key; remove STARLANE_STRIPE_URL or use a test key", u.Host)
	} else if official && strings.HasPrefix(key, "sk_sim_") {
		return "", errors.New("the key is for the simulator: set STARLANE_STRIPE_URL to its address")
	}
	return strings.TrimSuffix(raw, "/"), nil
}

// begin waits for the rate limit and returns the parameters of a read.
func (g *Gateway) begin(ctx context.Context, op string) (stripe.Params, error) {
	if err := g.limiter.Wait(ctx); err != nil {
		return stripe.Params{}, &Error{Kind: RateLimited, Op: op, Message: "the wait for our own rate limit was given up", cause: err}
	}
	return stripe.Params{Context: ctx}, nil
}

// change is begin for a call that changes something: opID is its idempotency key.
func (g *Gateway) change(ctx context.Context, op, opID string) (stripe.Params, error) {
	if opID == "" || len(opID) > maxOpID {
		return stripe.Params{}, &Error{Kind: Refused, Op: op, Message: fmt.Sprintf("an operation id has 1 to %d characters", maxOpID)}
	}
	params, err := g.begin(ctx, op)
	if err == nil {
		params.SetIdempotencyKey(opID)
	}
	return params, err
}

// list is begin for a list; every page is a call of its own, the iterator makes them.
func (g *Gateway) list(ctx context.Context, op string) (stripe.ListParams, error) {
	if _, err := g.begin(ctx, op); err != nil {
		return stripe.ListParams{}, err
	}
	return stripe.ListParams{Context: ctx, Limit: stripe.Int64(pageSize)}, nil
}
