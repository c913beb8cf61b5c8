package apiapp

import (
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"starlane/internal/adminapi"
	"starlane/internal/platform/id"
	"starlane/internal/tenancy/tenant"
)

// bodies are valid for the operations that need one, so that a call comes as far as the wall.
var bodies = map[string]string{
	"createProject": `{"name":"x"}`, "updateProject": `{"name":"x"}`, "addMember": `{"email":"a@b.test","role":"viewer"}`, "updateMember": `{"role":"viewer"}`,
	"createKey": `{"name":"x"}`, "updateKey": `{"name":"x"}`, "createTopup": `{"amount":"25.00"}`, "createApiToken": `{"name":"x"}`, "updateTenant": `{"name":"x"}`,
	"grantCredit": `{"kind":"promo","amount":"1.00","reason":"x"}`, "updateMe": `{"name":"x"}`, "createTenant": `{"name":"x"}`,
	"changePassword": `{"current_password":"x","new_password":"another-long-one"}`,
	"createModel":    `{"name":"m","display_name":"M","capabilities":["chat"],"context_length":1,"max_output":1}`, "updateModel": `{"state":"hidden"}`,
	"createProvider": `{"slug":"p","name":"P","dialect":"openai"}`, "updateProvider": `{"name":"P"}`,
	"createAccount": `{"provider_id":"00000000-0000-0000-0000-000000000001","name":"a","base_url":"http://x.test"}`, "updateAccount": `{"name":"a"}`,
	"createUpstreamKey": `{"account_id":"00000000-0000-0000-0000-000000000001","name":"k","secret":"12345678"}`, "updateUpstreamKey": `{"weight":1}`,
	"createDeployment": `{"model":"m","account_id":"00000000-0000-0000-0000-000000000001","upstream_model":"m"}`, "updateDeployment": `{"weight":1}`,
	"createRoute": `{"alias":"r","models":["m"]}`, "replaceRoute": `{"models":["m"]}`,
	"createPriceBook":    `{"tenant_id":"00000000-0000-0000-0000-000000000001","name":"b"}`,
	"createPriceVersion": `{"model":"m","rates":{"in_text":"1"}}`,
}

type operation struct {
	method, path string
	op           *openapi3.Operation
	tenantScoped bool
}

func operations(t *testing.T) []operation {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(adminapi.SpecYAML())
	if err != nil {
		t.Fatal(err)
	}
	var out []operation
	for path, item := range doc.Paths.Map() {
		scoped := item.Parameters.GetByInAndName("header", "X-Starlane-Tenant") != nil
		for method, op := range item.Operations() {
			out = append(out, operation{method, path, op, scoped})
		}
	}
	return out
}

func (o operation) body() any {
	if b := bodies[o.op.OperationID]; b != "" {
		return b
	}
	return nil
}

// things has one object of every kind in a tenant, by the name of the path parameter.
func (in *installation) things(o org) map[string]string {
	in.t.Helper()
	out := map[string]string{"tenant_id": o.id.String(), "user_id": o.ownerID.String()}
	out["project_id"] = o.owner.do("POST", "/projects", map[string]any{"name": "p"}).want(201).text("id")
	out["key_id"] = o.owner.do("POST", "/keys", map[string]any{"name": "k"}).want(201).text("id")
	out["token_id"] = o.owner.do("POST", "/api-tokens", map[string]any{"name": "t"}).want(201).text("id")
	out["request_id"], out["invoice_id"], out["topup_id"] = id.New().String(), id.New().String(), id.New().String()
	for _, s := range []struct {
		sql  string
		args []any
	}{
		{
			`insert into starlane.usage_event (tenant_id, event_id, project_id, key_id, occurred_at, posted_at, capability, provider, requested_model, served_model,
			service_tier, outcome, http_status, streamed, units, provenance, charges, sell_version, charge_nano, estimate_nano, ttft_ms, duration_ms, attempts, stream_ref)
			values ($1, $2, $3, $4, now(), now(), 'chat', 'demo', 'demo/auto', 'demo/echo', 'standard', 'ok', 200, true, '{"in_text":1000,"out_text":500}',
			'{"in_text":"reported","out_text":"estimated"}', '{"in_text":1000000,"out_text":1000001}', 0, 2000001, 3, 12, 340,
			'[{"deployment":"00000000-0000-0000-0000-000000000009","status":200,"fault":"","ms":300}]', 'usage:{00} 1-1')`,
			[]any{o.id, out["request_id"], out["project_id"], out["key_id"]},
		},
		{
			`insert into starlane.usage_rollup (tenant_id, day, project_id, key_id, model, class, units, charge_nano)
			select $1, (now() at time zone 'UTC')::date, $2, $3, 'demo/echo', class, units, charge
			from (values ('requests', 1, 0), ('in_text', 1000, 1000000), ('out_text', 500, 1000001)) as x (class, units, charge)`,
			[]any{o.id, out["project_id"], out["key_id"]},
		},
		{`insert into starlane.topup (tenant_id, id, amount_nano, state, created_by) values ($1, $2, 25000000000, 'created', 'system:test')`, []any{o.id, out["topup_id"]}},
		{
			`insert into starlane.invoice (tenant_id, id, number, month, period_start, period_end, state, usage_nano, credit_nano, carry_in_nano, billed_cents, carry_out_nano)
			values ($1, $2::uuid, 'INV-' || $2::uuid, to_char(now(), 'YYYY-MM'), now() - interval '1 day', now() + interval '1 day', 'finalized', 2000001, 0, 0, 0, 2000001)`,
			[]any{o.id, out["invoice_id"]},
		},
		{
			`insert into starlane.invoice_line (tenant_id, invoice_id, position, kind, model, class, units, amount_nano, amount_cents)
			values ($1, $2, 0, 'usage', 'demo/echo', 'in_text', 1000, 1000000, 0), ($1, $2, 1, 'usage', 'demo/echo', 'out_text', 500, 1000001, 0)`,
			[]any{o.id, out["invoice_id"]},
		},
	} {
		if _, err := in.db.Pool.Exec(in.t.Context(), s.sql, s.args...); err != nil {
			in.t.Fatal(err)
		}
	}
	return out
}

func fill(path string, things map[string]string) string {
	for name, value := range things {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	return strings.NewReplacer("{month}", "2026-01", "{name}", "m", "{alias}", "r", "{price_book_id}", "1").Replace(path)
}

// TestWallBetweenTenants: an owner of one tenant finds nothing of another's, by no path, and cannot choose to act there.
func TestWallBetweenTenants(t *testing.T) {
	t.Parallel()
	in := start(t)
	a, b := in.newOrg("Acme"), in.newOrg("Bolt")
	theirs := in.things(b)
	mine := in.things(a)
	for _, op := range operations(t) {
		what := op.method + " " + op.path
		if op.tenantScoped && op.op.OperationID != "changePassword" {
			for name, v := range theirs {
				if strings.Contains(op.path, "{"+name+"}") {
					if got := a.owner.do(op.method, strings.ReplaceAll(op.path, "{"+name+"}", v), op.body()); got.status != http.StatusNotFound {
						t.Errorf("%s with another tenant's id: %d %s, want 404", what, got.status, got.body)
					}
				}
			}
			if got := a.owner.at(b.id).do(op.method, fill(op.path, mine), op.body()); got.status != http.StatusNotFound {
				t.Errorf("%s in another tenant: %d %s, want 404", what, got.status, got.body)
			}
		}
		if strings.Contains(op.path, "{tenant_id}") {
			got := a.owner.do(op.method, fill(op.path, theirs), op.body())
			if got.status != http.StatusNotFound && got.status != http.StatusForbidden {
				t.Errorf("%s of another tenant: %d %s, want 404 or 403", what, got.status, got.body)
			}
		}
		if op.method == http.MethodGet && op.tenantScoped && !strings.Contains(op.path, "{") {
			if got := a.owner.do("GET", op.path, nil); got.status < 300 {
				for name, v := range theirs {
					if strings.Contains(string(got.body), v) {
						t.Errorf("%s shows another tenant's %s", what, name)
					}
				}
			}
		}
	}
	if got := a.owner.do("GET", "/requests?invoice_id="+theirs["invoice_id"], nil).want(200).items(); len(got) != 0 {
		t.Errorf("requests of another tenant's invoice: %v, want none", got)
	}
	// And its own is all there.
	for name, path := range map[string]string{"project_id": "/projects/", "key_id": "/keys/", "request_id": "/requests/", "invoice_id": "/invoices/", "topup_id": "/topups/"} {
		a.owner.do("GET", path+mine[name], nil).want(200)
	}
}

// TestAbilities: each operation is open to exactly the roles that hold its ability. The table of roles and abilities has
// its own test; here it counts that every operation asks.
func TestAbilities(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	viewer, _ := in.member(o, tenant.Viewer)
	billing, _ := in.member(o, tenant.Billing)
	forbidden := func(c client, op operation) bool {
		a := c.do(op.method, fill(op.path, map[string]string{
			"tenant_id": o.id.String(), "user_id": id.New().String(), "project_id": id.New().String(), "key_id": id.New().String(), "token_id": id.New().String(),
			"request_id": id.New().String(), "invoice_id": id.New().String(), "topup_id": id.New().String(), "provider_id": id.New().String(),
			"account_id": id.New().String(), "upstream_key_id": id.New().String(), "deployment_id": id.New().String(),
		}), op.body())
		if a.status == http.StatusBadRequest || a.status >= 500 {
			t.Errorf("%s %s: %d %s; the call does not come as far as it should", op.method, op.path, a.status, a.body)
		}
		return a.status == http.StatusForbidden
	}
	open := func(list string) map[string]bool {
		out := map[string]bool{}
		for _, name := range strings.Fields(list) {
			out[name] = true
		}
		return out
	}
	always := "createAccessToken getMe updateMe getTenant listProjects getProject listKeys getKey getUsage listRequests getRequest listModels getModel listApiTokens createApiToken revokeApiToken "
	forViewer := open(always)
	forBilling := open(always + "listMembers getBalance getCredits getTenantCredits listTopups getTopup createTopup listInvoices getInvoice listInvoiceLines getInvoiceCsv")
	for _, op := range operations(t) {
		switch op.op.OperationID {
		case "login", "logout", "createAccessToken", "changePassword": // need no ability or another way in
			continue
		}
		if got, want := forbidden(viewer, op), !forViewer[op.op.OperationID]; got != want {
			t.Errorf("viewer calling %s: forbidden = %v, want %v", op.op.OperationID, got, want)
		}
		if got, want := forbidden(billing, op), !forBilling[op.op.OperationID]; got != want {
			t.Errorf("billing calling %s: forbidden = %v, want %v", op.op.OperationID, got, want)
		}
		if forbidden(in.op.at(o.id), op) {
			t.Errorf("operator calling %s: forbidden", op.op.OperationID)
		}
	}
}

func TestNobodyHandsOutMoreThanTheyHave(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	admin, adminID := in.member(o, tenant.Admin)
	_, devID := in.member(o, tenant.Developer)
	admin.do("POST", "/members", map[string]any{"email": "n@x.test", "role": "owner"}).problem(403, "forbidden")
	admin.do("PATCH", "/members/"+devID.String(), map[string]any{"role": "owner"}).problem(403, "forbidden")
	admin.do("PATCH", "/members/"+adminID.String(), map[string]any{"role": "owner"}).problem(403, "forbidden")
	admin.do("PATCH", "/members/"+o.ownerID.String(), map[string]any{"role": "viewer"}).problem(403, "forbidden")
	admin.do("DELETE", "/members/"+o.ownerID.String(), nil).problem(403, "forbidden")
	o.owner.do("POST", "/members", map[string]any{"email": "n@x.test", "role": "operator"}).problem(422, "unprocessable")
	in.op.do("POST", "/members", map[string]any{"email": "n@x.test", "role": "owner"}).problem(422, "unprocessable")
	o.owner.do("PATCH", "/tenants/"+o.id.String(), map[string]any{"credit_limit": "100.00"}).problem(403, "forbidden")
	o.owner.do("PATCH", "/tenants/"+o.id.String(), map[string]any{"name": "New"}).want(200)
	o.owner.do("PATCH", "/members/"+adminID.String(), map[string]any{"role": "owner"}).want(200)
	o.owner.do("DELETE", "/members/"+o.ownerID.String(), nil).want(204)
}
