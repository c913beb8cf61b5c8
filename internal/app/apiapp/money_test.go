package apiapp

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"starlane/internal/platform/id"
)

func TestUsageAndRequests(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	th := in.things(o)

	byModel := o.owner.do("GET", "/usage?group_by=model", nil).want(200)
	row := byModel.items()[0].(map[string]any)
	for name, want := range map[string]any{"model": "demo/echo", "requests": float64(1), "input_tokens": float64(1000), "output_tokens": float64(500), "units": float64(1500), "charge": "0.002000001"} {
		if row[name] != want {
			t.Errorf("usage by model: %s = %v, want %v", name, row[name], want)
		}
	}
	if got := byModel.text("total.charge"); got != "0.002000001" {
		t.Errorf("total charge = %s, want 0.002000001", got)
	}
	classes := o.owner.do("GET", "/usage?group_by=class,key", nil).want(200).items()
	if len(classes) != 2 || classes[0].(map[string]any)["key_name"] != "k" {
		t.Errorf("usage by class and key = %v, want two rows of key k", classes)
	}
	for _, a := range []answer{
		o.owner.do("GET", "/usage?group_by=day&format=csv", nil).want(200),
		o.owner.with("Accept", "text/csv").do("GET", "/usage?group_by=day", nil).want(200),
	} {
		if lines := strings.Split(string(a.body), "\r\n"); a.header.Get("Content-Type") != "text/csv" || len(lines) != 3 || !strings.HasSuffix(lines[1], ",1,1000,500,1500,0.002000001") {
			t.Errorf("csv = %q", a.body)
		}
	}
	o.owner.do("GET", "/usage?from=2026-02-01&to=2026-01-01", nil).problem(400, "invalid_request")
	o.owner.do("GET", "/usage?group_by=colour", nil).problem(400, "invalid_request")

	for query, want := range map[string]int{
		"": 1, "?model=demo/echo": 1, "?model=other": 0, "?outcome=ok": 1, "?outcome=cut": 0, "?class=in_text": 1, "?class=in_cached": 0,
		"?key_id=" + th["key_id"]: 1, "?key_id=" + id.New().String(): 0, "?invoice_id=" + th["invoice_id"]: 1, "?invoice_id=" + id.New().String(): 0,
		"?from=2020-01-01T00:00:00Z": 1, "?to=2020-01-01T00:00:00Z": 0,
	} {
		if got := len(o.owner.do("GET", "/requests"+query, nil).want(200).items()); got != want {
			t.Errorf("requests%s: %d, want %d", query, got, want)
		}
	}
	detail := o.owner.do("GET", "/requests/"+th["request_id"], nil).want(200).object()
	class := detail["classes"].([]any)[1].(map[string]any)
	if class["class"] != "out_text" || class["units"] != float64(500) || class["provenance"] != "estimated" || class["charge"] != "0.001000001" {
		t.Errorf("second class = %v", class)
	}
	if got := detail["attempts"].([]any)[0].(map[string]any)["duration_ms"]; got != float64(300) {
		t.Errorf("attempt duration = %v, want 300", got)
	}
	if got := o.owner.do("GET", "/keys/"+th["key_id"], nil).want(200); got.text("spent") != "0.002000001" || got.text("last_used_at") == "" {
		t.Errorf("key = %s, want what was spent and when it was used", got.body)
	}
}

func TestInvoiceLeadsToItsRequests(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	th := in.things(o)
	inv := o.owner.do("GET", "/invoices/"+th["invoice_id"], nil).want(200)
	if inv.text("usage") != "0.002000001" || inv.text("billed") != "0.00" || inv.text("carry_out") != "0.002000001" {
		t.Errorf("invoice = %s", inv.body)
	}
	lines := o.owner.do("GET", "/invoices/"+th["invoice_id"]+"/lines?limit=1", nil).want(200)
	url := lines.items()[0].(map[string]any)["requests_url"].(string)
	if got := o.owner.do("GET", strings.TrimPrefix(url, "/api/v1"), nil).want(200).items(); len(got) != 1 || got[0].(map[string]any)["id"] != th["request_id"] {
		t.Errorf("requests behind the line = %v, want %s", got, th["request_id"])
	}
	narrowed := "/requests?invoice_id=" + th["invoice_id"] + "&class=out_text"
	if got := o.owner.do("GET", narrowed, nil).want(200).items()[0].(map[string]any); got["class_units"] != float64(500) || got["class_charge"] != "0.001000001" || got["charge"] != "0.002000001" {
		t.Errorf("narrowed by class the request is %v, want 500 units for 0.001000001 of 0.002000001", got)
	}
	for _, path := range []string{"/requests", "/requests/" + th["request_id"]} {
		if got := o.owner.do("GET", path, nil).want(200); strings.Contains(string(got.body), `"class_`) {
			t.Errorf("%s is not narrowed by a class and says %s", path, got.body)
		}
	}
	for path, want := range map[string][2]string{
		narrowed + "&format=csv": {",duration_ms,class_units,class_charge_usd", ",340,500,0.001000001"},
		"/requests?format=csv":   {",charge_usd,duration_ms", ",340"},
	} {
		rows := strings.Split(string(o.owner.do("GET", path, nil).want(200).body), "\r\n")
		if len(rows) != 3 || !strings.HasSuffix(rows[0], want[0]) || !strings.HasSuffix(rows[1], want[1]) {
			t.Errorf("%s = %q, want rows that end in %q", path, rows, want)
		}
	}
	second := o.owner.do("GET", "/invoices/"+th["invoice_id"]+"/lines?cursor="+lines.text("next_cursor"), nil).want(200)
	if got := second.items()[0].(map[string]any)["class"]; got != "out_text" {
		t.Errorf("second line's class = %v, want out_text", got)
	}
	csv := o.owner.do("GET", "/invoices/"+th["invoice_id"]+"/csv", nil).want(200)
	if !strings.Contains(string(csv.body), "0,usage,demo/echo,in_text,1000,0.001,0.00\r\n") && !strings.Contains(string(csv.body), "0,usage,demo/echo,in_text,1000,0.0010,0.00\r\n") {
		t.Errorf("csv = %q", csv.body)
	}
}

func TestGrantedCredit(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	path := "/tenants/" + o.id.String() + "/credits"
	grant := map[string]any{"kind": "promo", "amount": "25.000000001", "reason": "welcome"}
	o.owner.do("POST", path, grant).problem(403, "forbidden")
	lot := in.op.with("Idempotency-Key", "g").do("POST", path, grant).want(201)
	in.op.with("Idempotency-Key", "g").do("POST", path, grant).want(201)
	in.op.do("POST", path, map[string]any{"kind": "promo", "amount": "0.00", "reason": "x"}).problem(400, "invalid_request")
	in.op.do("POST", path, map[string]any{"kind": "promo", "amount": "99999999.00", "reason": "x"}).problem(400, "invalid_request")
	in.op.do("POST", "/tenants/"+id.New().String()+"/credits", grant).problem(404, "not_found")
	got := o.owner.do("GET", "/credits", nil).want(200)
	lots, _ := got.object()["lots"].([]any)
	if got.text("balance.balance") != "25.000000001" || len(lots) != 1 || lots[0].(map[string]any)["id"] != lot.text("id") {
		t.Errorf("credits = %s, want one lot of 25.000000001", got.body)
	}
	log := o.owner.do("GET", "/audit?action=credit", nil).want(200).items()
	if len(log) != 1 || log[0].(map[string]any)["action"] != "credit.grant" {
		t.Errorf("audit = %v, want one credit.grant", log)
	}
}

// TestTopup walks to the payment page, pays, and finds the processor's event stored.
func TestTopup(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	eventually(t, 10*time.Second, "webhook endpoint is registered", func() bool { return len(in.app.payments.secrets()) > 0 })
	for _, amount := range []string{"1.00", "20000", "5.001", "-5.00", "5"} {
		if a := o.owner.do("POST", "/topups", map[string]any{"amount": amount}); amount == "5" {
			a.want(201)
		} else {
			a.problem(400, "invalid_request")
		}
	}
	made := o.owner.with("Idempotency-Key", "buy").do("POST", "/topups", map[string]any{"amount": "25.00"}).want(201)
	if made.text("state") != "session_open" || made.text("checkout_url") == "" {
		t.Fatalf("top-up = %s, want a payment page", made.body)
	}
	var session string
	if err := in.db.Pool.QueryRow(t.Context(), `select stripe_session_id from starlane.topup where id = $1`, made.text("id")).Scan(&session); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, in.stripe+"/_sim/checkout/"+session+"/pay", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode >= 300 {
		t.Fatalf("pay: %d %s", resp.StatusCode, b)
	}
	eventually(t, 10*time.Second, "event is stored", func() bool {
		var n int
		err := in.db.Pool.QueryRow(t.Context(), `select count(*) from starlane.stripe_event where type = 'checkout.session.completed' and object_id = $1`, session).Scan(&n)
		return err == nil && n == 1
	})
	if got := len(o.owner.do("GET", "/topups", nil).want(200).items()); got != 2 {
		t.Errorf("%d top-ups, want 2", got)
	}
}

func TestForgedWebhook(t *testing.T) {
	t.Parallel()
	in := start(t)
	eventually(t, 10*time.Second, "webhook endpoint is registered", func() bool { return len(in.app.payments.secrets()) > 0 })
	for name, c := range map[string]struct {
		body   string
		sign   string
		status int
	}{
		"no signature":    {`{"id":"evt_1"}`, "", 400},
		"wrong signature": {`{"id":"evt_1"}`, "t=1,v1=00", 400},
		"too large":       {strings.Repeat("x", 1<<20+1), "t=1,v1=00", 413},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, in.url+"/webhooks/stripe", bytes.NewReader([]byte(c.body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Stripe-Signature", c.sign)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s: status = %d, want %d", name, resp.StatusCode, c.status)
		}
	}
	var n int
	if err := in.db.Pool.QueryRow(t.Context(), `select count(*) from starlane.stripe_event where id = 'evt_1'`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d forged events stored, %v; want none", n, err)
	}
}
