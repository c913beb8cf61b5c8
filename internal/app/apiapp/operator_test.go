package apiapp

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"starlane/internal/catalog"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
)

// TestCatalogReachesRelays builds a catalogue from nothing and opens what relays are given with it.
func TestCatalogReachesRelays(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	provider := in.op.do("POST", "/providers", map[string]any{"slug": "demo", "name": "Demo", "dialect": "openai", "simulated": true}).want(201).text("id")
	account := in.op.do("POST", "/accounts", map[string]any{"provider_id": provider, "name": "main", "base_url": "http://up.test/v1"}).want(201).text("id")
	upstream := in.op.do("POST", "/upstream-keys", map[string]any{"account_id": account, "name": "k", "secret": "sk-upstream-credential"}).want(201)
	model := map[string]any{"name": "demo/echo", "display_name": "Echo", "capabilities": []string{"chat"}, "context_length": 128000, "max_output": 4096}
	in.op.do("POST", "/models", model).want(201)
	in.op.do("POST", "/models", model).problem(409, "conflict")
	in.op.do("POST", "/routes", map[string]any{"alias": "demo/echo", "models": []string{"demo/echo"}}).problem(409, "conflict")
	in.op.do("POST", "/routes", map[string]any{"alias": "demo/auto", "models": []string{"demo/none"}}).problem(422, "unprocessable")
	in.op.do("POST", "/deployments", map[string]any{"model": "demo/echo", "account_id": account, "upstream_model": "echo"}).want(201)
	in.op.do("POST", "/routes", map[string]any{"alias": "demo/auto", "models": []string{"demo/echo"}}).want(201)
	in.op.do("POST", "/price-books/1/versions", map[string]any{"model": "demo/none", "rates": map[string]string{"in_text": "1"}}).problem(404, "not_found")
	in.op.do("POST", "/price-books/1/versions", map[string]any{"model": "demo/echo", "rates": map[string]string{"in_words": "1"}}).problem(400, "invalid_request")
	in.op.do("POST", "/price-books/1/versions", map[string]any{"model": "demo/echo", "rates": map[string]string{}}).problem(400, "invalid_request")
	in.op.do("POST", "/price-books/9/versions", map[string]any{"model": "demo/echo", "rates": map[string]string{"in_text": "1"}}).problem(404, "not_found")
	in.op.do("POST", "/price-books/1/versions", map[string]any{"model": "demo/echo", "rates": map[string]string{"in_text": "1.00", "out_text": "2.00"}}).want(201)
	book := in.op.do("POST", "/price-books", map[string]any{"tenant_id": o.id, "name": "Acme 2026"}).want(201)
	in.op.do("POST", "/price-books", map[string]any{"tenant_id": o.id, "name": "again"}).problem(409, "conflict")
	number, _ := json.Marshal(book.object()["id"])
	in.op.do("POST", "/price-books/"+string(number)+"/versions", map[string]any{"model": "demo/echo", "rates": map[string]string{"in_text": "0.5", "out_text": "1"}}).want(201)

	m := o.owner.do("GET", "/models/demo%2Fecho", nil).want(200)
	price := m.object()["price"].(map[string]any)
	if price["contract"] != true || price["rates"].(map[string]any)["in_text"] != "0.50" || m.object()["available"] != true {
		t.Errorf("model for the tenant with a contract = %s", m.body)
	}
	if got := in.newOrg("Bolt").owner.do("GET", "/models", nil).want(200).items()[0].(map[string]any)["price"].(map[string]any)["contract"]; got != false {
		t.Errorf("another tenant sees a contract price: %v", got)
	}
	var snap *catalog.Snapshot
	eventually(t, 2*time.Second, "catalogue is published", func() bool {
		b, _, err := in.app.redis.Catalog(t.Context())
		if err != nil || b == nil {
			return false
		}
		if snap, err = catalog.Decode(b); err != nil {
			t.Fatal(err)
		}
		c, alias, ok := snap.Resolve("demo/auto")
		return ok && alias == "demo/auto" && len(c) == 1 && snap.Prices.Lookup(o.id, "demo/echo", time.Now()) != snap.Prices.Lookup(id.Nil, "demo/echo", time.Now())
	})
	candidates, _, _ := snap.Resolve("demo/echo")
	box, err := secret.NewBox(secret.New(testMaster))
	if err != nil {
		t.Fatal(err)
	}
	key := candidates[0].Keys[0]
	if got, err := box.Open(key.Sealed, catalog.SealContext(key.ID)); err != nil || got.Reveal() != "sk-upstream-credential" {
		t.Errorf("upstream key opens to %q, %v", got.Reveal(), err)
	}
	if list, contract := snap.Prices.Lookup(id.Nil, "demo/echo", time.Now()), snap.Prices.Lookup(o.id, "demo/echo", time.Now()); list.Price[0] != 1_000_000_000 || contract.Price[0] != 500_000_000 {
		t.Errorf("published prices: list %v, contract %v", list.Price[0], contract.Price[0])
	}
	in.op.do("DELETE", "/upstream-keys/"+upstream.text("id"), nil).want(204)
	in.op.do("PATCH", "/upstream-keys/"+upstream.text("id"), map[string]any{"state": "active"}).problem(404, "not_found")
	eventually(t, 2*time.Second, "revoked upstream key is gone", func() bool {
		b, _, err := in.app.redis.Catalog(t.Context())
		if err != nil {
			return false
		}
		s, err := catalog.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		c, _, _ := s.Resolve("demo/echo")
		return len(c) == 0
	})
}

// TestSecretsAreShownOnce looks for every secret in every answer after the one that made it, and in the database.
func TestSecretsAreShownOnce(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	provider := in.op.do("POST", "/providers", map[string]any{"slug": "demo", "name": "Demo", "dialect": "openai"}).want(201).text("id")
	account := in.op.do("POST", "/accounts", map[string]any{"provider_id": provider, "name": "main", "base_url": "http://up.test/v1"}).want(201).text("id")
	secrets := map[string]string{"upstream key": "sk-upstream-very-secret", "password": o.password}
	in.op.with("Idempotency-Key", "up").do("POST", "/upstream-keys", map[string]any{"account_id": account, "name": "k", "secret": secrets["upstream key"]}).want(201)
	secrets["virtual key"] = o.owner.with("Idempotency-Key", "k").do("POST", "/keys", map[string]any{"name": "k"}).want(201).text("secret")
	secrets["api token"] = o.owner.with("Idempotency-Key", "t").do("POST", "/api-tokens", map[string]any{"name": "t"}).want(201).text("secret")
	look := func(where string, text string) {
		for name, s := range secrets {
			if strings.Contains(text, s) || strings.Contains(text, s[6:]) {
				t.Errorf("%s shows the %s", where, name)
			}
		}
		if strings.Contains(text, "$argon2id$") {
			t.Errorf("%s shows a password hash", where)
		}
	}
	for _, op := range operations(t) {
		if op.method != http.MethodGet || strings.Contains(op.path, "{") {
			continue
		}
		look("operator's "+op.path, string(in.op.do("GET", op.path, nil).want(200).body))
		look("operator's "+op.path+" in the tenant", string(in.op.at(o.id).do("GET", op.path, nil).want(200).body))
		look("owner's "+op.path, string(o.owner.do("GET", op.path, nil).body))
	}
	for _, table := range []string{"virtual_key", "api_token", "upstream_key", "audit_log", "idempotency", "session", "config_change"} {
		var dump string
		if err := in.db.Pool.QueryRow(t.Context(), `select coalesce(string_agg(x::text, ' '), '') from starlane.`+table+` x`).Scan(&dump); err != nil {
			t.Fatal(err)
		}
		look("table "+table, dump)
	}
}

func TestPeriodClose(t *testing.T) {
	t.Parallel()
	in := start(t)
	now := time.Now().UTC()
	this, before, after := now.Format("2006-01"), now.AddDate(0, 0, -now.Day()).Format("2006-01"), now.AddDate(0, 0, 40-now.Day()).Format("2006-01")
	in.op.do("POST", "/periods/"+after+"/close", nil).problem(409, "conflict")
	in.op.do("POST", "/periods/"+this+"/close", nil).problem(409, "conflict")
	in.op.do("POST", "/periods/2026-13/close", nil).problem(400, "invalid_request")
	if got := in.op.do("POST", "/periods/"+this+"/close", map[string]any{"force": true}).want(202); got.text("state") != "closing" || got.object()["forced"] != true {
		t.Errorf("close = %s, want closing and forced", got.body)
	}
	in.op.do("POST", "/periods/"+before+"/close", nil).want(202)
	in.op.do("POST", "/periods/"+before+"/close", nil).want(202)
	if got := len(in.op.do("GET", "/periods", nil).want(200).items()); got != 2 {
		t.Errorf("%d periods, want 2", got)
	}
	var asked int
	if err := in.db.Pool.QueryRow(t.Context(), `select count(*) from starlane.audit_log where action = 'period.close'`).Scan(&asked); err != nil || asked != 2 {
		t.Errorf("%d closes in the audit log, %v; want 2", asked, err)
	}
}

func (in *installation) page(path string) (*http.Response, string) {
	in.t.Helper()
	req, err := http.NewRequestWithContext(in.t.Context(), http.MethodGet, in.url+path, nil)
	if err != nil {
		in.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		in.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		in.t.Fatal(err)
	}
	return resp, string(b)
}

func TestPages(t *testing.T) {
	t.Parallel()
	in := start(t)
	for path, want := range map[string]string{
		"/": "<title>Starlane", "/keys/some/where": "<title>Starlane", "/docs": "/docs/docs.js", "/docs/openapi.json": `"openapi":"3.1.0"`,
		"/api/openapi.yaml": "openapi: 3.1.0", "/healthz": `"ok"`, "/readyz": `"postgres":"ok"`,
	} {
		resp, body := in.page(path)
		if resp.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d without %q", path, resp.StatusCode, want)
		}
		policy := resp.Header.Get("Content-Security-Policy")
		html := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html")
		if html && (!strings.Contains(policy, "script-src 'self';") || !strings.Contains(policy, "frame-ancestors 'none'")) {
			t.Errorf("%s: policy = %q", path, policy)
		}
		if strings.Contains(body, "https://cdn") || (html && strings.Contains(body, "<script>")) {
			t.Errorf("%s loads something from elsewhere or has a script inside", path)
		}
	}
	for _, path := range []string{
		"/assets/gone.js", "/metrics", "/metrics/", "/debug/pprof/", "/debug/vars", "/v1/models", "/.env", "/.git/config", "/robots.txt", "/keys/x.php", "/api", "//metrics",
	} {
		if resp, body := in.page(path); resp.StatusCode != http.StatusNotFound || strings.Contains(body, "<html") {
			t.Errorf("%s: %d %.60q, want 404 and no page", path, resp.StatusCode, body)
		}
	}
	if resp, body := in.page("/api/v1/nothing"); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, `"code":"not_found"`) {
		t.Errorf("unknown operation: %d %s", resp.StatusCode, body)
	}
}

func TestCreateAdminTwice(t *testing.T) {
	t.Parallel()
	in := start(t)
	flags, err := parseAdminFlags([]string{"--email", "Second@Platform.test", "--generate", "--operator", "--json"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	first, err := addAdmin(t.Context(), in.app.cfg, flags, secret.New("the first password"))
	if err != nil || !first.Created || first.Password == "" || first.Token != "" {
		t.Fatalf("first = %+v, %v", first, err)
	}
	again, err := addAdmin(t.Context(), in.app.cfg, flags, secret.New("the second password"))
	if err != nil || again.Created || again.Password != "" || again.UserID != first.UserID {
		t.Errorf("again = %+v, %v; want the same person, untouched", again, err)
	}
	in.login("second@platform.test", "the first password")
	flags.reset = true
	if _, err := addAdmin(t.Context(), in.app.cfg, flags, secret.New("the second password")); err != nil {
		t.Fatal(err)
	}
	in.login("second@platform.test", "the second password")
	var out bytes.Buffer
	if err := first.print(&out, true); err != nil || !json.Valid(out.Bytes()) {
		t.Errorf("json = %s, %v", out.Bytes(), err)
	}
	for _, args := range [][]string{{}, {"--email", "x"}, {"--email", "a@b"}, {"--email", "a@b", "--generate", "--password-stdin"}, {"--email", "a@b", "--generate", "rest"}} {
		if _, err := parseAdminFlags(args, io.Discard); err == nil {
			t.Errorf("flags %v are accepted", args)
		}
	}
}

// TestCloudAccounts: an account of a cloud says where its models are, and takes only keys of the cloud's kind.
func TestCloudAccounts(t *testing.T) {
	t.Parallel()
	in := start(t)
	vendor := func(dialect string) string {
		return in.op.do("POST", "/providers", map[string]any{"slug": strings.ReplaceAll(dialect, "_", "-"), "name": dialect, "dialect": dialect}).want(201).text("id")
	}
	account := func(provider string, more map[string]any) answer {
		body := map[string]any{"provider_id": provider, "name": id.New().String(), "base_url": "https://up.test"}
		for k, v := range more {
			body[k] = v
		}
		return in.op.do("POST", "/accounts", body)
	}
	key := func(account, secret string) answer {
		return in.op.do("POST", "/upstream-keys", map[string]any{"account_id": account, "name": "k", "secret": secret})
	}
	azure, bedrock, vertex := vendor("azure_openai"), vendor("bedrock"), vendor("vertex_gemini")

	account(azure, map[string]any{"api_version": "latest"}).problem(400, "invalid_request")
	account(azure, map[string]any{"region": "eu"}).problem(400, "invalid_request")
	account(azure, nil).want(201)
	at := account(azure, map[string]any{"api_version": "2024-10-21"}).want(201)
	if got := at.text("api_version"); got != "2024-10-21" {
		t.Errorf("api_version = %q", got)
	}
	in.op.do("PATCH", "/accounts/"+at.text("id"), map[string]any{"project": "p"}).problem(400, "invalid_request")
	if got := in.op.do("PATCH", "/accounts/"+at.text("id"), map[string]any{"api_version": ""}).want(200).text("api_version"); got != "" {
		t.Errorf("api_version = %q after it was taken away", got)
	}
	in.op.do("PATCH", "/accounts/"+at.text("id"), map[string]any{"state": "paused"}).want(200)
	key(at.text("id"), "a key with spaces").problem(400, "invalid_request")

	account(bedrock, nil).problem(400, "invalid_request")
	account(bedrock, map[string]any{"region": "us-east-1/../x"}).problem(400, "invalid_request")
	aws := account(bedrock, map[string]any{"region": "us-east-1"}).want(201).text("id")
	const half = "AKIAIOSFODNN7EXAMPLE"
	refused := key(aws, half)
	refused.problem(400, "invalid_request")
	if strings.Contains(string(refused.body), half) || !strings.Contains(string(refused.body), "ACCESS_KEY_ID:SECRET_ACCESS_KEY") {
		t.Errorf("refusal of half a key: %s", refused.body)
	}
	if hint := key(aws, half+":wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").want(201).text("hint"); hint != "MPLE" {
		t.Errorf("hint = %q, want the end of the access key's id", hint)
	}
	key(aws, half+":secret:token:more").problem(400, "invalid_request")
	key(aws, "an-api-key-of-bedrock").want(201)

	account(vertex, map[string]any{"region": "us-east5"}).problem(400, "invalid_request")
	google := account(vertex, map[string]any{"region": "us-east5", "project": "acme-1"}).want(201).text("id")
	key(google, "an-api-key").problem(400, "invalid_request")
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file := map[string]string{
		"type": "service_account", "client_email": "a@b.test", "private_key_id": "0123456789abcdef", "token_uri": "https://oauth2.test/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	}
	text, _ := json.Marshal(file)
	if hint := key(google, string(text)).want(201).text("hint"); hint != "cdef" {
		t.Errorf("hint = %q, want the end of the private key's id", hint)
	}
	file["private_key"] = "-----BEGIN PRIVATE KEY-----\nbm8=\n-----END PRIVATE KEY-----\n"
	text, _ = json.Marshal(file)
	key(google, string(text)).problem(400, "invalid_request")
	key(id.New().String(), "sk-some-credential").problem(422, "unprocessable")
	account(id.New().String(), nil).problem(422, "unprocessable")
}

// TestProviderVendors: a provider says whose dialect of OpenAI's format it speaks, or leaves it to its base URL.
func TestProviderVendors(t *testing.T) {
	t.Parallel()
	in := start(t)
	create := func(slug, vendor string) answer {
		return in.op.do("POST", "/providers", map[string]any{"slug": slug, "name": slug, "dialect": "openai", "vendor": vendor})
	}
	create("a", "nobody").problem(400, "invalid_request")
	own := create("b", "vllm").want(201)
	if got := own.text("vendor"); got != "vllm" {
		t.Errorf("vendor = %q", got)
	}
	path := "/providers/" + own.text("id")
	if got := in.op.do("PATCH", path, map[string]any{"name": "Box"}).want(200).text("vendor"); got != "vllm" {
		t.Errorf("vendor = %q after a new name", got)
	}
	if got := in.op.do("PATCH", path, map[string]any{"name": "Box", "vendor": ""}).want(200).text("vendor"); got != "" {
		t.Errorf("vendor = %q after it was taken away", got)
	}
}
