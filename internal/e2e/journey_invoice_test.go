package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"starlane/internal/billing/money"
)

// checkInvoice compares an invoice with its lines, with the usage records and with the ledger, to the nano-dollar.
func (j *journey) checkInvoice(t *testing.T, id string) {
	t.Helper()
	for name, query := range map[string]string{
		"usage - credit + carried in = billed + carried out":      `select usage_nano - credit_nano + carry_in_nano - billed_cents * 10000000 - carry_out_nano from inv`,
		"usage lines sum to the usage":                            `select usage_nano - (select sum(amount_nano)::bigint from line where kind = 'usage') from inv`,
		"lines sum to the bill":                                   `select billed_cents * 10000000 - (select sum(amount_nano)::bigint from line) from inv`,
		"cents of lines sum to the bill":                          `select billed_cents - (select sum(amount_cents)::bigint from line) from inv`,
		"usage is what the usage records charge":                  `select usage_nano - (select sum(charge_nano)::bigint from event) from inv`,
		"usage is what the tenant's accounts were debited for it": `select usage_nano - (select sum(amount_nano)::bigint from posting where tenant_id <> platform) from inv`,
		"usage is the platform's revenue":                         `select usage_nano + (select sum(amount_nano)::bigint from posting where tenant_id = platform) from inv`,
		"something was used":                                      `select case when usage_nano > 0 then 0 else 1 end::bigint from inv`,
	} {
		n := j.scalar(t, `with inv as (select * from starlane.invoice where id = $1),
			line as (select l.* from starlane.invoice_line l join inv on inv.tenant_id = l.tenant_id and inv.id = l.invoice_id),
			event as (select e.* from starlane.usage_event e join inv on inv.tenant_id = e.tenant_id and e.posted_at >= inv.period_start and e.posted_at < inv.period_end),
			posting as (select e.*, '00000000-0000-0000-0000-000000000000'::uuid as platform
				from starlane.ledger_txn x join inv on inv.tenant_id = x.tenant_id and x.posted_at >= inv.period_start and x.posted_at < inv.period_end
				join starlane.ledger_entry e on e.txn_id = x.id where x.kind = 'usage')
			`+query, id)
		if n != 0 {
			t.Errorf("invoice %s: %s: off by %d", id, name, n)
		}
	}
}

// checkLines compares each line of use with what the requests behind it, page by page, have of its class.
func (j *journey) checkLines(t *testing.T, invoice, token string) {
	t.Helper()
	var lines struct {
		Items []struct {
			Kind   string `json:"kind"`
			Model  string `json:"model"`
			Class  string `json:"class"`
			Units  int64  `json:"units"`
			Amount string `json:"amount"`
		} `json:"items"`
	}
	j.api(t, http.MethodGet, "/invoices/"+invoice+"/lines?limit=200", token, nil, &lines)
	uses := 0
	for _, line := range lines.Items {
		if line.Kind != "usage" {
			continue
		}
		uses++
		narrowed := url.Values{"invoice_id": {invoice}, "model": {line.Model}, "class": {line.Class}}
		if units, charge := j.behind(t, narrowed, token); units != line.Units || charge != amount(t, line.Amount) {
			t.Errorf("invoice %s: %s · %s: the requests come to %d units for %s, want the line's %d for %s",
				invoice, line.Model, line.Class, units, charge, line.Units, line.Amount)
		}
	}
	if uses < 2 {
		t.Errorf("invoice %s has %d lines of use, want the prompts and the answers at least", invoice, uses)
	}
}

// behind sums what requests have of the class that their list is narrowed by.
func (j *journey) behind(t *testing.T, narrowed url.Values, token string) (units int64, charge money.Amount) {
	t.Helper()
	narrowed.Set("limit", "3") // so that there is more than one page
	for {
		var list struct {
			Items []struct {
				Units  int64  `json:"class_units"`
				Charge string `json:"class_charge"`
			} `json:"items"`
			Next string `json:"next_cursor"`
		}
		j.api(t, http.MethodGet, "/requests?"+narrowed.Encode(), token, nil, &list)
		for _, r := range list.Items {
			units += r.Units
			charge += amount(t, r.Charge)
		}
		if list.Next == "" {
			return units, charge
		}
		narrowed.Set("cursor", list.Next)
	}
}

// business is a tenant that pays afterwards, so that its invoice goes to Stripe.
type business struct{ token string }

// postpaidTenant makes one as an operator does, with use worth more than the smallest bill.
func (j *journey) postpaidTenant(t *testing.T) business {
	t.Helper()
	const email, password = "owner@business.test", "a password of the journey"
	j.api(t, http.MethodPost, "/tenants", j.env["STARLANE_OPERATOR_TOKEN"], map[string]any{
		"name": "Business", "billing_mode": "postpaid", "credit_limit": "100.00", "billing_email": email,
		"owner": map[string]string{"email": email, "password": password},
	}, nil)
	b := business{token: j.token(t, email, password)}
	var key struct {
		Secret string `json:"secret"`
	}
	j.api(t, http.MethodPost, "/keys", b.token, map[string]string{"name": "batch"}, &key)
	// Long prompts, no two with the same beginning, which a provider would have in its cache: about 9 cents each.
	ask := func(n int) error {
		body, err := json.Marshal(map[string]any{"model": j.env["STARLANE_MODEL"], "max_tokens": 4, "messages": []map[string]string{
			{"role": "user", "content": fmt.Sprint(n, strings.Repeat(" lorem ipsum dolor sit amet,", 15_000))},
		}})
		if err != nil {
			return err
		}
		return j.chat(key.Secret, body)
	}
	eventually(t, 5*time.Second, "the relay knows the new key", func() error { return ask(0) })
	var g errgroup.Group
	g.SetLimit(4)
	for n := range 10 { // the first one again, now from the cache
		g.Go(func() error { return ask(n) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return b
}

// chat sends a body to the relay and reads the whole answer.
func (j *journey) chat(key string, body []byte) error {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, j.env["OPENAI_BASE_URL"]+"/chat/completions", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	return answer(req, nil)
}

// get reads an object of the admin API.
func (j *journey) get(path, token string, out any) error {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, j.env["STARLANE_API_URL"]+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return answer(req, out)
}

var errStatus = errors.New("status")

func answer(req *http.Request, out any) error {
	client := http.Client{Timeout: 20 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%w %d: %s", errStatus, res.StatusCode, b[:min(len(b), 300)])
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// checkBusinessInvoice compares the invoice that went to Stripe with what Stripe has.
func (j *journey) checkBusinessInvoice(t *testing.T, b business) {
	t.Helper()
	inv := j.invoices(t, b.token, 1)[0]
	j.checkInvoice(t, inv.ID)
	j.checkLines(t, inv.ID, b.token)
	var stripeID string
	var cents int64
	if err := j.db.QueryRow(t.Context(), "select coalesce(stripe_id, ''), billed_cents from starlane.invoice where id = $1", inv.ID).Scan(&stripeID, &cents); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, j.env["STARLANE_SIM_STRIPE_URL"]+"/v1/invoices/"+stripeID, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sk_test_journey")
	var theirs struct {
		Subtotal int64  `json:"subtotal"`
		Status   string `json:"status"`
	}
	if err := answer(req, &theirs); err != nil {
		t.Fatalf("Stripe's invoice %q: %v", stripeID, err)
	}
	if cents < 50 || theirs.Subtotal != cents || (theirs.Status != "open" && theirs.Status != "paid") {
		t.Errorf("Stripe says %+v, the invoice %d cents, want the same, final and above the smallest bill", theirs, cents)
	}
	if want := money.Amount(cents) * money.Cent; amount(t, inv.Billed) != want {
		t.Errorf("the API says %s is billed, want %s", inv.Billed, want)
	}
}
