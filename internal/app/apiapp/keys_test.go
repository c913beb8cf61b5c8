package apiapp

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"starlane/internal/platform/id"
	"starlane/internal/tenancy/vkey"
)

func (in *installation) record(public string) (vkey.Record, bool) {
	in.t.Helper()
	r, ok, err := in.app.redis.Key(in.t.Context(), public)
	if err != nil {
		in.t.Fatal(err)
	}
	return r, ok
}

// TestKeyReachesRelays: what relays read follows creation, change, revocation, suspension, and the loss of Redis.
func TestKeyReachesRelays(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	const soon = 2 * time.Second
	made := o.owner.do("POST", "/keys", map[string]any{
		"name": "app", "rpm": 60, "allowed_models": []string{"demo/echo"}, "budget": map[string]any{"amount": "5.00", "window": "week"},
	}).want(201)
	public, path := made.text("public_id"), "/keys/"+made.text("id")
	if got, err := vkey.PublicID(made.text("secret")); err != nil || got != public {
		t.Fatalf("secret's public id = %q, %v; want %q", got, err, public)
	}
	digest := func() vkey.Digest {
		h, err := vkey.NewHasher(in.app.cfg.KeyPepper)
		if err != nil {
			t.Fatal(err)
		}
		return h.Digest(made.text("secret"))
	}()
	eventually(t, soon, "new key is published", func() bool {
		r, ok := in.record(public)
		return ok && r.Active && r.RPM == 60 && r.Budget == 5_000_000_000 && r.BudgetWindow == "week" && r.Tenant == o.id && vkey.Digest(r.Digest).Equal(digest)
	})
	o.owner.do("PATCH", path, map[string]any{"rpm": nil, "tpm": 900, "budget": nil, "allowed_models": []string{}}).want(200)
	eventually(t, soon, "changed key is published", func() bool {
		r, _ := in.record(public)
		return r.RPM == 0 && r.TPM == 900 && r.Budget == 0 && len(r.Models) == 0
	})
	in.op.do("PATCH", "/tenants/"+o.id.String(), map[string]any{"status": "suspended"}).want(200)
	eventually(t, soon, "suspension is published", func() bool {
		r, _ := in.record(public)
		return !r.Active && r.Reason == "tenant_suspended"
	})
	in.op.do("PATCH", "/tenants/"+o.id.String(), map[string]any{"status": "active"}).want(200)
	eventually(t, soon, "return is published", func() bool { r, _ := in.record(public); return r.Active })
	if err := in.redis.Client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, soon, "everything is published again", func() bool { _, ok := in.record(public); return ok })
	o.owner.do("DELETE", path, nil).want(204)
	eventually(t, soon, "revocation is published", func() bool {
		r, _ := in.record(public)
		return !r.Active && r.Reason == "revoked"
	})
	o.owner.do("DELETE", path, nil).want(204)
	o.owner.do("PATCH", path, map[string]any{"name": "x"}).problem(409, "conflict")
}

func TestKeySettings(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	for name, body := range map[string]string{
		"no name":        `{}`,
		"empty name":     `{"name":""}`,
		"unknown member": `{"name":"x","colour":"y"}`,
		"case variant":   `{"Name":"x"}`,
		"zero rate":      `{"name":"x","rpm":0}`,
		"bad budget":     `{"name":"x","budget":{"amount":"-1","window":"day"}}`,
		"zero budget":    `{"name":"x","budget":{"amount":"0.00","window":"day"}}`,
		"bad window":     `{"name":"x","budget":{"amount":"1","window":"year"}}`,
		"past expiry":    `{"name":"x","expires_at":"2020-01-01T00:00:00Z"}`,
		"bad project":    `{"name":"x","project_id":"no"}`,
		"not JSON":       `{"name":`,
		"not an object":  `[]`,
		"trailing text":  `{"name":"x"} {"name":"y"}`,
	} {
		if a := o.owner.do("POST", "/keys", body); a.status != http.StatusBadRequest || a.text("code") != "invalid_request" || a.object()["errors"] == nil {
			t.Errorf("%s: answer = %d %s, want 400 invalid_request with errors", name, a.status, a.body)
		}
	}
	if a := o.owner.do("POST", "/keys", `{"name":"`+strings.Repeat("x", 2<<20)+`"}`); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("2 MiB body: status = %d, want 413", a.status)
	}
	o.owner.do("POST", "/keys", map[string]any{"name": "x", "project_id": id.New()}).problem(404, "not_found")
	o.owner.do("GET", "/keys?limit=0", nil).problem(400, "invalid_request")
	o.owner.do("GET", "/keys?cursor=%21", nil).problem(400, "invalid_request")
	o.owner.do("GET", "/keys/no-uuid", nil).problem(400, "invalid_request")

	made := o.owner.do("POST", "/keys", map[string]any{"name": "x", "rpm": 5}).want(201)
	path := "/keys/" + made.text("id")
	read := o.owner.do("GET", path, nil).want(200)
	tag := read.header.Get("ETag")
	o.owner.with("If-Match", tag).do("PATCH", path, map[string]any{"name": "y"}).want(200)
	o.owner.with("If-Match", tag).do("PATCH", path, map[string]any{"name": "z"}).problem(412, "precondition_failed")
	got := o.owner.do("GET", path, nil).want(200).object()
	if got["name"] != "y" || got["rpm"] != float64(5) {
		t.Errorf("key = %v, want name y and rpm 5 untouched", got)
	}
}

func TestKeyPages(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	for range 5 {
		o.owner.do("POST", "/keys", map[string]any{"name": "k"}).want(201)
	}
	seen := map[string]bool{}
	cursor, pages := "", 0
	for {
		a := o.owner.do("GET", "/keys?limit=2&cursor="+cursor, nil).want(200)
		for _, item := range a.items() {
			seen[item.(map[string]any)["id"].(string)] = true
		}
		pages++
		if cursor = a.text("next_cursor"); cursor == "" {
			break
		}
	}
	if len(seen) != 5 || pages != 3 {
		t.Errorf("saw %d keys on %d pages, want 5 on 3", len(seen), pages)
	}
}

// TestRepeat: a creating call with an Idempotency-Key happens once and gives the same answer, secret included, while the
// database holds no secret in the clear.
func TestRepeat(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	dev, _ := in.member(o, "developer")
	once := o.owner.with("Idempotency-Key", "one")
	first := once.do("POST", "/keys", map[string]any{"name": "k"}).want(201)
	again := once.do("POST", "/keys", map[string]any{"name": "k"}).want(201)
	if string(first.body) != string(again.body) || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("second answer = %s, want that of the first: %s", again.body, first.body)
	}
	once.do("POST", "/keys", map[string]any{"name": "other"}).problem(409, "conflict")
	once.do("POST", "/projects", map[string]any{"name": "k"}).problem(409, "conflict")
	dev.with("Idempotency-Key", "one").do("POST", "/keys", map[string]any{"name": "k"}).problem(409, "conflict")
	if got := len(o.owner.do("GET", "/keys", nil).items()); got != 1 {
		t.Errorf("%d keys, want 1", got)
	}
	failed := o.owner.with("Idempotency-Key", "two")
	failed.do("POST", "/keys", map[string]any{"name": "k", "project_id": id.New()}).problem(404, "not_found")
	failed.do("POST", "/keys", map[string]any{"name": "k"}).want(201) // a failure keeps nothing

	if _, err := in.db.Pool.Exec(t.Context(), `insert into starlane.idempotency (tenant_id, key, request_hash) select tenant_id, 'dead', request_hash from starlane.idempotency where key = 'one'`); err != nil {
		t.Fatal(err)
	}
	o.owner.with("Idempotency-Key", "dead").do("POST", "/keys", map[string]any{"name": "k"}).problem(409, "conflict")

	var kept string
	if err := in.db.Pool.QueryRow(t.Context(), `select encode(body, 'escape') from starlane.idempotency where key = 'one'`).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(kept, first.text("secret")[10:40]) {
		t.Error("the kept answer shows the secret")
	}
}
