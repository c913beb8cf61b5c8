package apiapp

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"starlane/internal/platform/id"
	"starlane/internal/tenancy/vkey"
)

// TestResponseStore: people of the organisation turn the store of responses on, relays hear of it, and turning it off forgets
// the key and deletes what there was.
func TestResponseStore(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	in := start(t)
	o := in.newOrg("Acme")
	path := "/tenants/" + o.id.String()
	o.owner.do(http.MethodPost, "/keys", map[string]any{"name": "k"}).want(201)
	set := func(c client, store map[string]any) answer {
		return c.do(http.MethodPatch, path, map[string]any{"response_store": store})
	}
	// heard waits for what relays are told, which they look for every half second.
	heard := func(what string, ok func(r vkey.Record) bool) (found vkey.Record) {
		t.Helper()
		eventually(t, 1500*time.Millisecond, what, func() bool {
			if err := in.app.redis.AllKeys(ctx, func(r vkey.Record) error { found = r; return nil }); err != nil {
				t.Fatal(err)
			}
			return found.Tenant == o.id && ok(found)
		})
		return found
	}
	store := func(a answer) (enabled bool, hours float64) {
		t.Helper()
		m, _ := a.object()["response_store"].(map[string]any)
		enabled, _ = m["enabled"].(bool)
		hours, _ = m["ttl_hours"].(float64)
		return enabled, hours
	}
	if on, hours := store(o.owner.do(http.MethodGet, path, nil).want(200)); on || hours != 720 {
		t.Errorf("a new tenant: enabled %v for %v hours, want off and 720", on, hours)
	}
	heard("the key without a store", func(r vkey.Record) bool { return !r.StoresResponses() })

	developer, _ := in.member(o, "developer")
	set(developer, map[string]any{"enabled": true}).problem(403, "forbidden")
	set(in.op, map[string]any{"enabled": true}).problem(403, "forbidden")
	for _, hours := range []int{0, 721} {
		set(o.owner, map[string]any{"enabled": true, "ttl_hours": hours}).problem(400, "invalid_request")
	}
	if on, hours := store(set(o.owner, map[string]any{"enabled": true}).want(200)); !on || hours != 720 {
		t.Errorf("turned on: enabled %v for %v hours, want on and 720", on, hours)
	}
	first := heard("the store", func(r vkey.Record) bool { return r.StoresResponses() && r.ResponseHours == 720 })
	admin, _ := in.member(o, "admin")
	set(admin, map[string]any{"enabled": true, "ttl_hours": 1}).want(200)
	second := heard("the shorter time", func(r vkey.Record) bool { return r.ResponseHours == 1 })
	if first.ResponseEpoch != second.ResponseEpoch {
		t.Error("another time made unreadable what was stored")
	}

	put := func() {
		t.Helper()
		if err := in.app.redis.PutResponse(ctx, o.id, "a", []byte("sealed"), time.Hour, 1000); err != nil {
			t.Fatal(err)
		}
	}
	gone := func(what string) {
		t.Helper()
		b, err := in.app.redis.Response(ctx, o.id, "a")
		if err != nil || b != nil {
			t.Errorf("%s: %q, %v; want no response", what, b, err)
		}
		heard(what, func(r vkey.Record) bool { return !r.StoresResponses() })
		var epoch *id.ID
		if err := in.db.Pool.QueryRow(ctx, `select response_epoch from starlane.tenant where id = $1`, o.id).Scan(&epoch); err != nil || epoch != nil {
			t.Errorf("%s: epoch %v, %v; want it forgotten", what, epoch, err)
		}
	}
	put()
	set(in.op, map[string]any{"enabled": false}).want(200)
	gone("turned off")
	log := string(o.owner.do(http.MethodGet, "/audit?action=tenant.update", nil).want(200).body)
	for _, part := range []string{`"stores_responses":true`, `"stores_responses":false`, `"response_hours":1`} {
		if !strings.Contains(log, part) {
			t.Errorf("audit log: %s, want %s in it", log, part)
		}
	}
	if strings.Contains(log, first.ResponseEpoch.String()) {
		t.Error("the audit log keeps the epoch")
	}

	set(o.owner, map[string]any{"enabled": true}).want(200)
	if again := heard("the store again", func(r vkey.Record) bool { return r.StoresResponses() }); again.ResponseEpoch == first.ResponseEpoch {
		t.Error("the old epoch is back")
	}
	put()
	in.op.do(http.MethodPatch, path, map[string]any{"status": "closed"}).want(200)
	gone("closed")
}
