package relayapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"starlane/internal/billing/money"
	"starlane/internal/billing/pricing"
	"starlane/internal/catalog"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/httpserver"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/relay"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/ways"
	"starlane/internal/relay/responsestore"
	"starlane/internal/relay/upstream"
	"starlane/internal/relayapi"
	"starlane/internal/sim/provider"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/usage"
)

// memory stands in for the stores: it keeps what the ports are told.
type memory struct {
	mu       sync.Mutex
	keys     map[string]*vkey.Record
	refuse   error        // of Reserve
	credit   money.Amount // largest reservation; 0 for no bound
	failLog  error        // of Append
	down     error        // of Resolve
	limits   relay.Limits
	opens    []usage.Open
	events   []usage.Event
	settled  []money.Amount
	released int
	running  int
	changed  chan struct{}
}

func (m *memory) Resolve(_ context.Context, public string) (*vkey.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	if r := m.keys[public]; r != nil {
		return r, nil
	}
	return nil, relay.ErrUnknownKey
}

func (m *memory) Reserve(_ context.Context, d relay.Demand) (relay.Reservation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuse != nil {
		return nil, m.refuse
	}
	if m.credit > 0 && d.Amount > m.credit {
		return nil, apperr.New(apperr.InsufficientCredit, "Not enough credit.")
	}
	m.running++
	return &reserved{m: m}, nil
}

type reserved struct {
	m     *memory
	ended bool
}

func (r *reserved) Hold() id.ID          { return id.Nil }
func (r *reserved) Limits() relay.Limits { return r.m.limits }
func (r *reserved) Release()             { r.end(func() { r.m.released++ }) }
func (r *reserved) Settle(actual money.Amount, _ usage.Tokens) {
	r.end(func() { r.m.settled = append(r.m.settled, actual) })
}

func (r *reserved) end(note func()) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if r.ended {
		panic("a reservation ended twice")
	}
	r.ended = true
	r.m.running--
	note()
}

func (m *memory) Begin(o usage.Open) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opens = append(m.opens, o)
	return nil
}

func (m *memory) Append(e *usage.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failLog != nil {
		return m.failLog
	}
	kept := *e
	kept.Attempts = append([]usage.Attempt(nil), e.Attempts...)
	m.events = append(m.events, kept)
	select {
	case m.changed <- struct{}{}:
	default:
	}
	return nil
}

// event waits for the n-th event.
func (m *memory) event(t testing.TB, n int) usage.Event {
	t.Helper()
	deadline := time.After(5 * time.Second)
	for {
		m.mu.Lock()
		if len(m.events) > n {
			e := m.events[n]
			m.mu.Unlock()
			return e
		}
		m.mu.Unlock()
		select {
		case <-m.changed:
		case <-deadline:
			t.Fatalf("no event %d was logged", n)
		}
	}
}

// world is a relay with its surroundings.
type world struct {
	*memory
	url     string
	key     string
	record  *vkey.Record
	sim     *provider.Server
	bodies  *body.Pool
	logs    *syncBuffer
	pipe    *relay.Pipeline
	handler http.Handler
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

type words struct{}

// Count counts a word as a token, which is what the simulated provider does.
func (words) Count(_ string, text []byte) usage.Tokens { return usage.Tokens(len(bytes.Fields(text))) }

const pepper = "a pepper for the tests"

type option func(*settings)

type settings struct {
	upstreams []string // base URLs of the deployments; default: the simulator twice
	timeouts  relay.Timeouts
	keeper    dialect.Keeper
	maxBody   int64
	private   bool
	vendors   func(simulator string, sim *provider.Server) []otherVendor
	cors      []string
	media     func(bodies *body.Pool) relay.MediaFetcher // default: nothing is fetched
	stored    responsestore.Backend
}

func newWorld(t testing.TB, options ...option) *world {
	t.Helper()
	w := &world{memory: &memory{keys: map[string]*vkey.Record{}, changed: make(chan struct{}, 64)}, logs: &syncBuffer{}}
	set := settings{timeouts: relay.Timeouts{Request: time.Minute, Header: 10 * time.Second, Idle: 10 * time.Second}, maxBody: 4 << 20, private: true}
	w.sim = provider.New(provider.Config{RecordBodies: true, Echo: &provider.Pace{}, Flaky: &provider.Pace{}, FlakyFaults: []provider.Rule{}})
	sim := httptest.NewServer(w.sim)
	t.Cleanup(sim.Close)
	set.upstreams = []string{sim.URL + "/v1", sim.URL + "/v1"}
	for _, o := range options {
		o(&set)
	}

	box, err := secret.NewBox(secret.New(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, secret.KeySize))))
	require.NoError(t, err)
	var vendors []otherVendor
	if set.vendors != nil {
		vendors = set.vendors(sim.URL, w.sim)
	}
	snapshot := testCatalog(t, box, set.upstreams, vendors)
	hasher, err := vkey.NewHasher(secret.New(pepper))
	require.NoError(t, err)
	w.key, w.record = w.issue(t, hasher)

	w.bodies = body.NewPool(64<<20, set.maxBody)
	sender := upstream.New(box, set.private)
	t.Cleanup(sender.Close)
	formats := ways.New()
	var fetcher relay.MediaFetcher
	if set.media != nil {
		fetcher = set.media(w.bodies)
	}
	w.pipe, err = relay.New(relay.Deps{
		Keys: w.memory, Hasher: hasher, Admitter: w.memory, Log: w.memory, Catalog: func() *catalog.Snapshot { return snapshot },
		Sender: sender, Dialer: sender, Bodies: w.bodies, Tokens: words{}, Clock: clock.System{}, Logger: slog.New(slog.NewJSONHandler(w.logs, nil)),
		Metrics: relay.NewMetrics(prometheus.NewRegistry(), w.bodies), Timeouts: set.timeouts,
		Egress: formats.Registry(set.keeper), Media: fetcher,
	})
	require.NoError(t, err)
	w.handler = relayapi.New(relayapi.Deps{
		Pipeline: w.pipe, Catalog: func() *catalog.Snapshot { return snapshot }, Chat: formats.Chat, Embeddings: formats.Embeddings, Messages: formats.Messages, Responses: formats.Responses, Bodies: w.bodies,
		Stored:      responsestore.New(responsestore.Options{Backend: set.stored, Box: box, PerTenant: 64 << 20, Logger: slog.New(slog.NewJSONHandler(w.logs, nil))}),
		Completions: formats.Completions, Moderations: formats.Moderations, Rerank: formats.Rerank,
		MaxBody: set.maxBody, Health: httpserver.NewHealth(nil), CORSOrigins: set.cors, Clock: clock.System{}, Logger: slog.New(slog.NewJSONHandler(w.logs, nil)),
	})
	srv := httptest.NewServer(w.handler)
	t.Cleanup(func() {
		srv.Close()
		w.check(t)
	})
	w.url = srv.URL
	return w
}

// issue makes a key of a tenant of its own.
func (w *world) issue(t testing.TB, hasher *vkey.Hasher) (string, *vkey.Record) {
	t.Helper()
	key, public, err := vkey.Generate()
	require.NoError(t, err)
	digest := hasher.Digest(key.Reveal())
	record := &vkey.Record{PublicID: public, Digest: digest[:], Key: id.New(), Tenant: id.New(), Project: id.New(), Active: true}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[public] = record
	return key.Reveal(), record
}

// check holds after every test: nothing stays reserved, every opening has its event, no memory is held.
func (w *world) check(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	require.NoError(t, w.pipe.Wait(ctx))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running != 0 {
		t.Errorf("%d reservations are still running", w.running)
	}
	if w.failLog == nil && len(w.opens) != len(w.events) {
		t.Errorf("%d records were opened, %d closed", len(w.opens), len(w.events))
	}
	// A transport may close what it sends a moment after its call has failed.
	require.Eventually(t, func() bool { return w.bodies.Used() == 0 }, 5*time.Second, time.Millisecond, "bodies are still held")
}

// otherVendor is one deployment at a vendor whose format is not OpenAI's, or at a cloud.
type otherVendor struct {
	model, dialect, base, secret string
	upstream                     string // default: the simulator's echo
	capability                   string // default: chat
	rates                        pricing.RatesByName
	place                        catalog.Place
	vendor                       string // whose dialect of OpenAI's format it speaks
}

func testCatalog(t testing.TB, box *secret.Box, upstreams []string, vendors []otherVendor) *catalog.Snapshot {
	t.Helper()
	vendor := catalog.Provider{ID: id.New(), Slug: "sim", Dialect: "openai", Simulated: true}
	d := catalog.Data{Version: 1, Providers: []catalog.Provider{vendor}}
	models := map[string]string{"demo/echo": provider.ModelEcho, "demo/slow": provider.ModelSlow, "demo/embed": provider.ModelEmbed, "demo/realtime": provider.ModelRealtime, "demo/free": provider.ModelEcho, "demo/voice": provider.ModelEcho, "demo/bench": "demo-bench-100x2x5"}
	media := mediaModels()
	for name, m := range media {
		if strings.HasPrefix(name, "demo/") {
			models[name] = m.upstream
		}
	}
	for i, base := range upstreams {
		acc := catalog.Account{ID: id.New(), Provider: vendor.ID, BaseURL: base, Active: true}
		kid := id.New()
		sealed, err := box.Seal(secret.New(provider.KeyPrefix+string(rune('a'+i))), catalog.SealContext(kid))
		require.NoError(t, err)
		d.Accounts = append(d.Accounts, acc)
		d.Keys = append(d.Keys, catalog.UpstreamKey{ID: kid, Account: acc.ID, Sealed: sealed, Weight: 1, Active: true})
		for name, up := range models {
			d.Deployments = append(d.Deployments, catalog.Deployment{ID: id.New(), Model: name, Account: acc.ID, UpstreamModel: up, Weight: 1, Active: true})
		}
	}
	vendors = append(vendors,
		otherVendor{model: "claude/echo", dialect: "anthropic", base: upstreams[0], secret: provider.KeyPrefix + "c"},
		otherVendor{model: "claude/search", dialect: "anthropic", base: upstreams[0], secret: provider.KeyPrefix + "c"},
		otherVendor{model: "gpt/search", dialect: "openai", base: upstreams[0], secret: provider.KeyPrefix + "c", upstream: provider.ModelSearch},
		otherVendor{model: "gemini/search", dialect: "gemini", base: strings.TrimSuffix(upstreams[0], "/v1") + "/v1beta", secret: provider.KeyPrefix + "c"},
		otherVendor{model: "gemini/image", dialect: "gemini", base: strings.TrimSuffix(upstreams[0], "/v1") + "/v1beta", secret: provider.KeyPrefix + "c"},
		otherVendor{model: "gemini/echo", dialect: "gemini", base: strings.TrimSuffix(upstreams[0], "/v1") + "/v1beta", secret: provider.KeyPrefix + "c"},
	)
	special := map[string]otherVendor{}
	for _, v := range vendors {
		other := catalog.Provider{ID: id.New(), Slug: "sim-" + v.dialect, Dialect: v.dialect, Vendor: v.vendor, Simulated: true}
		acc, kid := catalog.Account{ID: id.New(), Provider: other.ID, BaseURL: v.base, Active: true, Place: v.place}, id.New()
		sealed, err := box.Seal(secret.New(v.secret), catalog.SealContext(kid))
		require.NoError(t, err)
		d.Providers, d.Accounts = append(d.Providers, other), append(d.Accounts, acc)
		d.Keys = append(d.Keys, catalog.UpstreamKey{ID: kid, Account: acc.ID, Sealed: sealed, Weight: 1, Active: true})
		up := v.upstream
		if up == "" {
			up = provider.ModelEcho
		}
		d.Deployments = append(d.Deployments, catalog.Deployment{ID: id.New(), Model: v.model, Account: acc.ID, UpstreamModel: up, Weight: 1, Active: true})
		models[v.model] = up
		special[v.model] = v
	}
	for name := range models {
		m := catalog.Model{Name: name, DisplayName: name, Capabilities: []string{"chat"}, Features: []string{"tools"}, ContextLength: 128_000, MaxOutput: 16_000, State: "active", CreatedAt: time.Unix(1, 0)}
		if name == "demo/embed" {
			m.Capabilities = []string{"embeddings"}
		}
		if strings.HasSuffix(name, "/realtime") {
			m.Capabilities, m.ContextLength, m.MaxOutput = []string{"realtime"}, 32_000, 4096
		}
		if c := special[name].capability; c != "" {
			m.Capabilities = []string{c}
		}
		medium, isMedia := media[name]
		if isMedia {
			m.Capabilities, m.ContextLength, m.MaxOutput = []string{medium.capability}, 0, 0
			d.Prices = append(d.Prices, pricing.Version{ID: int64(len(d.Prices) + 1), Model: name, ValidFrom: time.Unix(0, 0), Rates: medium.rates})
		}
		d.Models = append(d.Models, m)
		if name != "demo/free" && !isMedia {
			rates := pricing.RatesByName{"in_text": 1_000_000_000, "out_text": 2_000_000_000, "in_cached": 100_000_000}
			if name == "demo/voice" || strings.HasSuffix(name, "/realtime") {
				rates["in_audio"], rates["out_audio"] = 50_000_000_000, 100_000_000_000
			}
			if r := special[name].rates; r != nil {
				rates = r
			}
			if strings.HasSuffix(name, "/search") {
				rates["search_query"] = 10_000_000_000_000 // a cent each
			}
			d.Prices = append(d.Prices, pricing.Version{ID: int64(len(d.Prices) + 1), Model: name, ValidFrom: time.Unix(0, 0), Rates: rates})
		}
	}
	d.Models = append(d.Models, catalog.Model{Name: "demo/nobody", Capabilities: []string{"chat"}, State: "active"})
	d.Routes = []catalog.Route{{Alias: "demo/auto", Models: []string{"demo/echo", "demo/slow"}}, {Alias: "demo/any", Models: []string{"claude/echo", "demo/echo"}}}
	s, err := catalog.Compile(d)
	require.NoError(t, err)
	return s
}

// upstreams makes the deployments of all models point to these servers.
func upstreams(t testing.TB, handlers ...http.HandlerFunc) option {
	t.Helper()
	var urls []string
	for _, h := range handlers {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		urls = append(urls, s.URL)
	}
	return func(s *settings) { s.upstreams = urls }
}

type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

// post sends a body and reads the whole answer.
func (w *world) post(t testing.TB, path, text string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.url+path, strings.NewReader(text))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+w.key)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return do(t, req)
}

func (w *world) get(t testing.TB, path string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, w.url+path, nil)
	require.NoError(t, err)
	req.Header.Set("X-Api-Key", w.key)
	return do(t, req)
}

func do(t testing.TB, req *http.Request) answer {
	t.Helper()
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(b), err}
}

func (w *world) chat(t testing.TB, more string, headers ...string) answer {
	t.Helper()
	return w.post(t, "/v1/chat/completions", `{"model":"demo/echo","messages":[{"role":"user","content":"one two three four five"}]`+more+`}`, headers...)
}

// errorCode reads the error of a body.
func errorCode(t testing.TB, text string) string {
	t.Helper()
	var e struct {
		Error struct {
			Message, Type, Code string
			RequestID           string `json:"request_id"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text), &e), "body: %s", text)
	require.NotEmpty(t, e.Error.Message)
	require.NotEmpty(t, e.Error.Type)
	return e.Error.Code
}

// events splits a stream into the data of its events.
func events(t testing.TB, text string) []string {
	t.Helper()
	var out []string
	for line := range strings.Lines(text) {
		if data, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "data: "); ok {
			out = append(out, data)
		}
	}
	return out
}

var errStore = errors.New("the store is away")

func noCredit() error { return apperr.New(apperr.InsufficientCredit, "Your credit is used up.") }
