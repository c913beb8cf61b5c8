package apiapp

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"starlane/internal/catalog/publish"
	"starlane/internal/platform/config"
	"starlane/internal/platform/httpserver"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/sim/stripe"
	"starlane/internal/store/postgres"
	"starlane/internal/tenancy/tenant"
	"starlane/internal/testkit/pgtest"
	"starlane/internal/testkit/redistest"
)

const testMaster = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// installation is an api over real stores, reached over real HTTP.
type installation struct {
	t      *testing.T
	url    string
	app    *App
	db     *pgtest.DB
	redis  *redistest.Redis
	stripe string
	op     client // operator by API token
}

// client calls as somebody.
type client struct {
	in     *installation
	header http.Header
	cookie *http.Cookie
}

// answer is what came back.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

func start(t *testing.T) *installation {
	t.Helper()
	db, rds := pgtest.New(t), redistest.New(t)
	simulator := stripe.New(stripe.Config{Seed: 1, WebhookBackoff: 20 * time.Millisecond})
	sim := httptest.NewServer(simulator)
	t.Cleanup(func() { sim.Close(); simulator.Close() })

	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	cfg := &config.Config{
		DatabaseURL: secret.New(db.AppDSN), RedisURL: secret.New(rds.URL), LogLevel: "warn", DemoMode: true,
		KeyPepper: secret.New("a pepper for tests"), MasterKey: secret.New(testMaster),
		API:    config.APIConfig{PublicURL: srv.URL, RelayURL: "http://relay.test", JWTKey: secret.New(strings.Repeat("k", 40)), SessionTTL: time.Hour},
		Stripe: config.StripeConfig{Key: secret.New("sk_test_simulated"), URL: sim.URL},
	}
	app, err := open(t.Context(), cfg, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.close)
	health := httpserver.NewHealth(map[string]httpserver.Check{"postgres": app.pool.Ping})
	if handler, err = app.handler(t.Context(), health, prometheus.NewRegistry()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	publisher := publish.New(postgres.NewSnapshots(app.pool), app.redis, app.log)
	go func() { done <- publisher.Run(ctx) }()
	go func() { done <- app.payments.keepEndpoint(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	in := &installation{t: t, url: srv.URL, app: app, db: db, redis: rds, stripe: sim.URL}
	got, err := addAdmin(t.Context(), cfg, adminFlags{email: "op@platform.test", token: "tests"}, secret.New("operator password"))
	if err != nil {
		t.Fatal(err)
	}
	in.op = in.bearer(got.Token)
	return in
}

func (in *installation) bearer(token string) client {
	return client{in: in, header: http.Header{"Authorization": {"Bearer " + token}}}
}

func (c client) with(name, value string) client {
	c.header = c.header.Clone()
	if c.header == nil {
		c.header = http.Header{}
	}
	c.header.Set(name, value)
	return c
}

func (c client) at(t id.ID) client { return c.with("X-Starlane-Tenant", t.String()) }

// do calls an operation of the contract. Every failure must be a problem with a code.
func (c client) do(method, path string, body any) answer {
	t := c.in.t
	t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, c.in.url+"/api/v1"+path, r)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range c.header {
		req.Header[name] = v
	}
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.cookie != nil {
		req.AddCookie(c.cookie)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{t: t, status: resp.StatusCode, header: resp.Header, body: raw}
	if a.status >= 400 {
		if got := resp.Header.Get("Content-Type"); got != "application/problem+json" || a.text("code") == "" || a.text("request_id") == "" {
			t.Errorf("%s %s: status %d is no problem: %s %s", method, path, a.status, got, raw)
		}
	}
	return a
}

// want checks the status.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status = %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// problem checks status and code.
func (a answer) problem(status int, code string) {
	a.t.Helper()
	if a.status != status || a.text("code") != code {
		a.t.Errorf("answer = %d %s, want %d with code %s", a.status, a.body, status, code)
	}
}

func (a answer) object() map[string]any {
	a.t.Helper()
	var m map[string]any
	if err := json.Unmarshal(a.body, &m); err != nil {
		a.t.Fatalf("body %q: %v", a.body, err)
	}
	return m
}

// text reads a string by its path, "owner.user_id".
func (a answer) text(path string) string {
	a.t.Helper()
	var at any = a.object()
	for _, name := range strings.Split(path, ".") {
		m, ok := at.(map[string]any)
		if !ok {
			return ""
		}
		at = m[name]
	}
	s, _ := at.(string)
	return s
}

func (a answer) items() []any {
	a.t.Helper()
	list, ok := a.object()["items"].([]any)
	if !ok {
		a.t.Fatalf("no items: %s", a.body)
	}
	return list
}

func (a answer) id(path string) id.ID {
	a.t.Helper()
	v, err := id.Parse(a.text(path))
	if err != nil {
		a.t.Fatalf("%s in %s: %v", path, a.body, err)
	}
	return v
}

// org is a tenant with an owner.
type org struct {
	id, ownerID id.ID
	email       string
	password    string
	owner       client // by access token
}

func (in *installation) newOrg(name string) org {
	in.t.Helper()
	o := org{email: "owner@" + strings.ToLower(name) + ".test"}
	a := in.op.do("POST", "/tenants", map[string]any{"name": name, "owner": map[string]any{"email": o.email}}).want(201)
	o.id, o.ownerID, o.password = a.id("id"), a.id("owner.user_id"), a.text("owner.initial_password")
	o.owner = in.access(o.email, o.password)
	return o
}

func (in *installation) access(email, password string) client {
	in.t.Helper()
	a := client{in: in}.do("POST", "/auth/token", map[string]any{"email": email, "password": password}).want(200)
	return in.bearer(a.text("access_token"))
}

// member adds a person to a tenant and returns them.
func (in *installation) member(o org, role tenant.Role) (client, id.ID) {
	in.t.Helper()
	email := string(role) + "." + o.email
	a := in.op.at(o.id).do("POST", "/members", map[string]any{"email": email, "role": role, "password": "a password of tests"}).want(201)
	return in.access(email, "a password of tests"), a.id("user_id")
}

// eventually polls until ok or the time is over.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(10 * time.Millisecond) // polling another process; there is nothing to wait on
	}
}
