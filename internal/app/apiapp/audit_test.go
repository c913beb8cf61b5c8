package apiapp

import (
	"net/http"
	"strings"
	"testing"

	"starlane/internal/platform/id"
)

// TestEveryChangeIsInTheAuditLog makes every changing call of the contract succeed once and counts the log. Names in
// braces are filled from earlier answers.
func TestEveryChangeIsInTheAuditLog(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	_, memberID := in.member(o, "viewer")
	browser, me := in.login(o.email, o.password)
	browser = browser.with("X-Csrf-Token", me.text("csrf_token"))
	op, owner := in.op, o.owner
	have := map[string]string{"tenant_id": o.id.String(), "user_id": memberID.String(), "name": "m", "alias": "r", "price_book_id": "1", "month": "2026-01"}
	missing := map[string]bool{}
	for _, x := range operations(t) {
		if x.method != http.MethodGet {
			missing[x.op.OperationID] = true
		}
	}
	delete(missing, "createAccessToken") // changes nothing
	logged := func() (n int) {
		t.Helper()
		if err := in.db.Pool.QueryRow(t.Context(), `select count(*) from starlane.audit_log`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, step := range []struct {
		name string
		by   client
		body string // empty: the one of bodies
		keep string // name under which the answer's id is kept
	}{
		{"login", client{in: in}, `{"email":"` + o.email + `","password":"` + o.password + `"}`, ""},
		{"updateMe", owner, "", ""},
		{"createTenant", op, "", ""},
		{"updateTenant", owner, "", ""},
		{"grantCredit", op, "", ""},
		{"createProject", owner, "", "project_id"},
		{"updateProject", owner, "", ""},
		{"createKey", owner, "", "key_id"},
		{"updateKey", owner, "", ""},
		{"revokeKey", owner, "", ""},
		{"createTopup", owner, "", ""},
		{"createApiToken", owner, "", "token_id"},
		{"revokeApiToken", owner, "", ""},
		{"addMember", owner, "", ""},
		{"updateMember", owner, `{"role":"billing"}`, ""},
		{"removeMember", owner, "", ""},
		{"createProvider", op, "", "provider_id"},
		{"updateProvider", op, "", ""},
		{"createAccount", op, `{"provider_id":"{provider_id}","name":"a","base_url":"http://x.test"}`, "account_id"},
		{"updateAccount", op, "", ""},
		{"createUpstreamKey", op, `{"account_id":"{account_id}","name":"k","secret":"12345678"}`, "upstream_key_id"},
		{"updateUpstreamKey", op, "", ""},
		{"revokeUpstreamKey", op, "", ""},
		{"createModel", op, "", ""},
		{"updateModel", op, "", ""},
		{"createDeployment", op, `{"model":"m","account_id":"{account_id}","upstream_model":"m"}`, "deployment_id"},
		{"updateDeployment", op, "", ""},
		{"createRoute", op, "", ""},
		{"replaceRoute", op, "", ""},
		{"deleteRoute", op, "", ""},
		{"createPriceBook", op, `{"tenant_id":"{tenant_id}","name":"b"}`, ""},
		{"createPriceVersion", op, "", ""},
		{"closePeriod", op, "", ""},
		{"changePassword", browser, `{"current_password":"` + o.password + `","new_password":"another-long-one"}`, ""},
		{"logout", browser, "", ""},
	} {
		var found operation
		for _, x := range operations(t) {
			if x.op.OperationID == step.name {
				found = x
			}
		}
		body := step.body
		if body == "" {
			body = bodies[step.name]
		}
		fillAll := func(text string) string {
			for name, v := range have {
				text = strings.ReplaceAll(text, "{"+name+"}", v)
			}
			return text
		}
		before := logged()
		var payload any
		if body != "" {
			payload = fillAll(body)
		}
		a := step.by.do(found.method, fillAll(found.path), payload)
		if a.status >= 300 {
			t.Fatalf("%s: %d %s", step.name, a.status, a.body)
		}
		if logged() == before {
			t.Errorf("%s is not in the audit log", step.name)
		}
		if step.keep != "" {
			have[step.keep] = a.text("id")
		}
		delete(missing, step.name)
	}
	for name := range missing {
		t.Errorf("%s changes something and is not tried here", name)
	}
	if _, err := in.app.pool.Exec(t.Context(), `delete from starlane.audit_log`); err == nil {
		t.Error("the api may delete from the audit log")
	}
}

// TestDatabaseIsTheSecondWall: the api's own role sees nothing of a tenant that the transaction does not name.
func TestDatabaseIsTheSecondWall(t *testing.T) {
	t.Parallel()
	in := start(t)
	a, b := in.newOrg("Acme"), in.newOrg("Bolt")
	in.things(a)
	in.things(b)
	for _, table := range []string{"project", "member", "api_token", "virtual_key", "audit_log", "usage_event", "usage_rollup", "topup", "invoice", "invoice_line", "credit_lot"} {
		count := func(t0 string) (all, theirs int) {
			tx, err := in.app.pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(t.Context()) }()
			if _, err := tx.Exec(t.Context(), `select set_config('starlane.tenant', $1, true)`, t0); err != nil {
				t.Fatal(err)
			}
			if err := tx.QueryRow(t.Context(), `select count(*), count(*) filter (where tenant_id <> $1) from `+table, a.id).Scan(&all, &theirs); err != nil {
				t.Fatal(err)
			}
			return all, theirs
		}
		if all, _ := count(""); all != 0 {
			t.Errorf("%s: %d rows without a tenant, want none", table, all)
		}
		if all, theirs := count(a.id.String()); theirs != 0 || (all == 0 && table != "credit_lot") {
			t.Errorf("%s: %d rows for Acme, %d of them not its own", table, all, theirs)
		}
		if all, _ := count(id.New().String()); all != 0 {
			t.Errorf("%s: %d rows for nobody", table, all)
		}
	}
}
