package relayapp

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"starlane/internal/billing/money"
	"starlane/internal/billing/pricing"
	"starlane/internal/catalog"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/config"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/sim/provider"
	redisstore "starlane/internal/store/redis"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/testkit/redistest"
	"starlane/internal/usage"
)

const pepper = "a pepper for the tests"

func masterKey() secret.String {
	return secret.New(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, secret.KeySize)))
}

// publish puts a catalog with one model, a key and some credit into Redis and returns the key.
func publish(t *testing.T, store *redisstore.Store, upstream string) string {
	t.Helper()
	box, err := secret.NewBox(masterKey())
	require.NoError(t, err)
	kid := id.New()
	sealed, err := box.Seal(secret.New(provider.KeyPrefix+"demo"), catalog.SealContext(kid))
	require.NoError(t, err)
	vendor := catalog.Provider{ID: id.New(), Slug: "sim", Dialect: "openai"}
	acc := catalog.Account{ID: id.New(), Provider: vendor.ID, BaseURL: upstream + "/v1", Active: true}
	data, err := json.Marshal(catalog.Data{
		Version: 1, Providers: []catalog.Provider{vendor}, Accounts: []catalog.Account{acc},
		Keys: []catalog.UpstreamKey{{ID: kid, Account: acc.ID, Sealed: sealed, Weight: 1, Active: true}},
		Models: []catalog.Model{
			{Name: "demo/echo", Capabilities: []string{"chat"}, State: "active"},
			{Name: "demo/realtime", Capabilities: []string{"realtime"}, State: "active"},
		},
		Deployments: []catalog.Deployment{
			{ID: id.New(), Model: "demo/echo", Account: acc.ID, UpstreamModel: provider.ModelEcho, Weight: 1, Active: true},
			{ID: id.New(), Model: "demo/realtime", Account: acc.ID, UpstreamModel: provider.ModelRealtime, Weight: 1, Active: true},
		},
		Prices: []pricing.Version{
			{ID: 1, Model: "demo/echo", Rates: pricing.RatesByName{"in_text": 1_000_000_000, "out_text": 2_000_000_000}},
			{ID: 2, Model: "demo/realtime", Rates: pricing.RatesByName{"in_text": 1_000_000_000, "out_text": 2_000_000_000, "in_audio": 4_000_000_000, "out_audio": 8_000_000_000}},
		},
	})
	require.NoError(t, err)
	_, err = store.PublishCatalog(t.Context(), 1, data)
	require.NoError(t, err)

	hasher, err := vkey.NewHasher(secret.New(pepper))
	require.NoError(t, err)
	key, public, err := vkey.Generate()
	require.NoError(t, err)
	digest := hasher.Digest(key.Reveal())
	tenant := id.New()
	_, err = store.PublishKeys(t.Context(), []vkey.Record{{
		PublicID: public, Digest: digest[:], Key: id.New(), Tenant: tenant, Project: id.New(), Active: true, Version: 1,
	}})
	require.NoError(t, err)
	ok, err := store.PutHold(t.Context(), tenant, 1, id.New(), money.USD, clock.System{}.Now().Add(10*time.Minute))
	require.NoError(t, err)
	require.True(t, ok)
	return key.Reveal()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(b)
}

func testConfig(t *testing.T, redis string) *config.Config {
	t.Helper()
	return &config.Config{
		RedisURL: secret.New(redis), LogLevel: "info", KeyPepper: secret.New(pepper), MasterKey: masterKey(),
		Relay: config.RelayConfig{
			Listen: freeAddress(t), PrivateListen: freeAddress(t), ID: "relay-1", SpoolDir: t.TempDir(), SpoolMaxBytes: 1 << 26,
			MaxBodyBytes: 1 << 20, MaxBodiesBytes: 1 << 26, RequestTimeout: time.Minute, UpstreamTimeout: 10 * time.Second,
			IdleTimeout: 10 * time.Second, DrainTimeout: 10 * time.Second, AllowPrivate: true,
		},
	}
}

// TestRelay runs the whole relay on a real Redis and a simulated provider, stops it in the middle of a stream, and looks for
// every request in the usage streams.
func TestRelay(t *testing.T) {
	r := redistest.New(t)
	store, err := redisstore.Open(secret.New(r.URL), redisstore.Options{})
	require.NoError(t, err)
	defer store.Close()
	sim := httptest.NewServer(provider.New(provider.Config{Echo: &provider.Pace{}}))
	defer sim.Close()
	key := publish(t, store, sim.URL)
	baseline := goleak.IgnoreCurrent()
	cfg := testConfig(t, r.URL)
	var logs bytes.Buffer
	stop, ended := start(t, cfg, &logs)
	defer stop()

	ask := func(more string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+cfg.Relay.Listen+"/v1/chat/completions",
			strings.NewReader(`{"model":"demo/echo","messages":[{"role":"user","content":"one two three"}]`+more+`}`))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+key)
		res, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		return res
	}
	res := ask("")
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode, string(text))
	require.NotEmpty(t, res.Header.Get("X-Starlane-Cost-Usd"))

	status, metrics := get(t, "http://"+cfg.Relay.PrivateListen+"/metrics")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, metrics, `relay_requests_total{outcome="ok",status="200"} 1`)

	res = ask(`,"stream":true,"metadata":{"x-sim-chunk-ms":"100"}`)
	_, err = io.ReadFull(res.Body, make([]byte, 10))
	require.NoError(t, err)
	stop() // a stream that runs is let to its end
	rest, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Contains(t, string(rest), "[DONE]")
	require.NoError(t, <-ended, logs.String())
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	goleak.VerifyNone(t, baseline, // the driver leaves a loop of its own behind; server connections end a moment after their client's
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/maintnotifications.(*CircuitBreakerManager).cleanupLoop"))

	var got []usage.Event
	shards := make([]int, id.Shards)
	for i := range shards {
		shards[i] = i
	}
	require.NoError(t, store.EnsureGroups(t.Context(), shards))
	messages, err := store.ReadGroup(t.Context(), "test", shards, 10, time.Second)
	require.NoError(t, err)
	for _, m := range messages {
		require.NoError(t, m.Err)
		got = append(got, m.Event)
	}
	require.Len(t, got, 2, logs.String())
	for _, e := range got {
		require.Equal(t, usage.OK, e.Outcome)
		require.Equal(t, "relay-1", e.Relay)
		require.Positive(t, int64(e.Estimate))
	}
	require.NotContains(t, logs.String(), "three", "content is in the log")
	require.NotContains(t, logs.String(), key)
}

func TestActs(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Main(t.Context(), []string{"help"}, &out))
	require.Contains(t, out.String(), "check-config")
	require.ErrorContains(t, Main(t.Context(), []string{"dance"}, &out), "unknown act")
	t.Setenv("REDIS_URL", "")
	require.ErrorContains(t, Main(t.Context(), []string{"check-config"}, &out), "REDIS_URL")
}

// start runs a relay until it is stopped, and waits until it is ready.
func start(t *testing.T, cfg *config.Config, logs io.Writer) (stop func(), ended <-chan error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, cfg, logs) }()
	require.Eventually(t, func() bool {
		status, _ := get(t, "http://"+cfg.Relay.PrivateListen+"/readyz")
		return status == http.StatusOK
	}, 10*time.Second, 10*time.Millisecond, "the relay does not become ready")
	return stop, done
}
