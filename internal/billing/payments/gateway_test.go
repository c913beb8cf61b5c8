package payments_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/billing/payments"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/secret"
	"starlane/internal/sim/stripe"
)

var start = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

type fixture struct {
	sim   *stripe.Server
	url   string
	clock *clock.Fake
	gw    *payments.Gateway
}

// newFixture gives a gateway that never repeats a call by itself, so that the tests decide about repeats.
func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{clock: clock.NewFake(start)}
	f.sim = stripe.New(stripe.Config{Seed: 1, Clock: f.clock, WebhookBackoff: time.Millisecond})
	srv := httptest.NewServer(f.sim)
	f.url = srv.URL
	f.gw = newGateway(t, srv.URL, -1)
	t.Cleanup(func() {
		srv.Close()
		f.sim.Close()
	})
	return f
}

func newGateway(t testing.TB, url string, retries int) *payments.Gateway {
	t.Helper()
	gw, err := payments.New(payments.Config{Key: secret.New("sk_test_1"), URL: url, Timeout: 5 * time.Second, Retries: retries, Rate: 1000})
	require.NoError(t, err)
	t.Cleanup(gw.Close)
	return gw
}

func (f *fixture) faults(t testing.TB, rules ...stripe.Fault) {
	t.Helper()
	require.NoError(t, f.sim.SetFaults(stripe.FaultPlan{Rules: rules}))
}

func (f *fixture) customer(t testing.TB, tenant string) string {
	t.Helper()
	id, err := f.gw.EnsureCustomer(t.Context(), "cust:"+tenant, tenant, "Tenant "+tenant, tenant+"@example.com")
	require.NoError(t, err)
	return id
}

func (f *fixture) request(t testing.TB, topup string, cents int64) payments.CheckoutRequest {
	t.Helper()
	return payments.CheckoutRequest{
		OpID: "checkout:" + topup, TenantID: "t1", TopupID: topup, CustomerID: f.customer(t, "t1"), AmountCents: cents, Currency: "usd",
		SuccessURL: "http://127.0.0.1:1/ok?s={CHECKOUT_SESSION_ID}", CancelURL: "http://127.0.0.1:1/no",
	}
}

// buyer does on the pay page what action says and returns the status.
func (f *fixture) buyer(t testing.TB, session, action string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/_sim/checkout/"+session+"/"+action, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	_ = resp.Body.Close()
	return resp.StatusCode
}

func TestNewRefusesDangerousSettings(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		key, url string
		ok       bool
	}{
		{"sk_test_1", "http://127.0.0.1:8083", true},
		{"sk_sim_1", "http://127.0.0.1:8083/", true},
		{"sk_test_1", "", true},
		{"sk_live_1", "", true},
		{"sk_live_1", "https://api.stripe.com", true},
		{"sk_live_1", "http://127.0.0.1:8083", false},
		{"sk_live_1", "http://localhost:8083", false},
		{"rk_live_1", "https://stripe.internal", false},
		{"sk_sim_1", "", false},
		{"sk_test_1", "127.0.0.1:8083", false},
		{"", "http://127.0.0.1:8083", false},
	} {
		_, err := payments.New(payments.Config{Key: secret.New(tc.key), URL: tc.url})
		if (err == nil) != tc.ok {
			t.Errorf("New(%q, %q): error %v, want ok=%v", tc.key, tc.url, err, tc.ok)
		}
		if err != nil && tc.key != "" && strings.Contains(err.Error(), tc.key) {
			t.Errorf("New(%q, %q): the error shows the key: %v", tc.key, tc.url, err)
		}
	}
}

func TestEnsureCustomerMakesOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.customer(t, "t1")
	require.Equal(t, first, f.customer(t, "t1"))
	require.NotEqual(t, first, f.customer(t, "t2"))
	f.clock.Advance(48 * time.Hour) // the key is forgotten, the customer is not
	require.Equal(t, first, f.customer(t, "t1"))
}

func TestEnsureCustomerAfterLostResponseAndRename(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.faults(t, stripe.Fault{Kind: stripe.FaultCutAfter, Method: http.MethodPost, Path: "/v1/customers"})
	_, err := f.gw.EnsureCustomer(t.Context(), "cust:t1", "t1", "Old", "old@example.com")
	require.ErrorIs(t, err, payments.Unknown)
	require.True(t, payments.Retryable(err))
	f.faults(t)
	id, err := f.gw.EnsureCustomer(t.Context(), "cust:t1", "t1", "New", "new@example.com")
	require.NoError(t, err)
	again, err := f.gw.EnsureCustomer(t.Context(), "cust:t1", "t1", "New", "new@example.com")
	require.NoError(t, err)
	require.Equal(t, id, again)
}

func TestCheckoutPaid(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	made, err := f.gw.CreateCheckout(t.Context(), f.request(t, "u1", 2500))
	require.NoError(t, err)
	require.Equal(t, "open", made.Status)
	require.False(t, made.Paid)
	require.True(t, strings.HasPrefix(made.URL, f.url), made.URL)

	require.Equal(t, 200, f.buyer(t, made.ID, "pay"))
	paid, err := f.gw.GetCheckout(t.Context(), made.ID)
	require.NoError(t, err)
	require.True(t, paid.Paid)
	require.Equal(t, "u1", paid.TopupID)
	require.Equal(t, "t1", paid.TenantID)
	require.EqualValues(t, 2500, paid.SubtotalCents)
	require.Equal(t, "usd", paid.Currency)

	payment, err := f.gw.GetPaymentIntent(t.Context(), paid.PaymentIntentID)
	require.NoError(t, err)
	require.True(t, payment.Succeeded())
	require.EqualValues(t, 2500, payment.ReceivedCents)
	require.EqualValues(t, 103, payment.FeeCents)
	require.Equal(t, "u1", payment.TopupID)
	require.NotEmpty(t, payment.BalanceTxnID)

	after, err := f.gw.ExpireCheckout(t.Context(), "expire:u1", made.ID)
	require.NoError(t, err)
	require.True(t, after.Paid, "a paid page cannot be expired and says that it is paid")
}

func TestCheckoutLostResponse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	req := f.request(t, "u1", 2500)
	f.faults(t, stripe.Fault{Kind: stripe.FaultCutAfter, Path: "/v1/checkout/sessions"})
	_, err := f.gw.CreateCheckout(t.Context(), req)
	require.ErrorIs(t, err, payments.Unknown)
	f.faults(t)
	again, err := f.gw.CreateCheckout(t.Context(), req)
	require.NoError(t, err)
	found, err := f.gw.FindCheckout(t.Context(), req.CustomerID, "u1")
	require.NoError(t, err)
	require.Equal(t, again.ID, found.ID, "the repeat found the first page")
	_, err = f.gw.FindCheckout(t.Context(), req.CustomerID, "u2")
	require.ErrorIs(t, err, payments.NotFound)
}

func TestLibraryRepeatsUnderTheSameKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	req := f.request(t, "u1", 2500)
	f.faults(t, stripe.Fault{Kind: stripe.FaultCutAfter, Path: "/v1/checkout/sessions", Times: 1})
	made, err := newGateway(t, f.url, 1).CreateCheckout(t.Context(), req)
	require.NoError(t, err)
	found, err := f.gw.FindCheckout(t.Context(), req.CustomerID, "u1")
	require.NoError(t, err)
	require.Equal(t, made.ID, found.ID)
}

func TestCheckoutConflict(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	req := f.request(t, "u1", 2500)
	_, err := f.gw.CreateCheckout(t.Context(), req)
	require.NoError(t, err)
	req.AmountCents = 9900
	_, err = f.gw.CreateCheckout(t.Context(), req)
	require.ErrorIs(t, err, payments.Conflict)
	require.False(t, payments.Retryable(err))
}

func TestCheckoutDeclinedAndExpired(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	made, err := f.gw.CreateCheckout(t.Context(), f.request(t, "u1", 2500))
	require.NoError(t, err)
	require.Equal(t, 402, f.buyer(t, made.ID, "decline"))
	open, err := f.gw.GetCheckout(t.Context(), made.ID)
	require.NoError(t, err)
	require.False(t, open.Paid)
	gone, err := f.gw.ExpireCheckout(t.Context(), "expire:u1", made.ID)
	require.NoError(t, err)
	require.Equal(t, "expired", gone.Status)
	require.Equal(t, 400, f.buyer(t, made.ID, "pay"))
}

func TestErrorsAreNeutralAndSilent(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		fault stripe.Fault
		want  payments.Kind
	}{
		{"rate limit", stripe.Fault{Kind: stripe.FaultRateLimit}, payments.RateLimited},
		{"lock", stripe.Fault{Kind: stripe.FaultLockTimeout}, payments.RateLimited},
		{"500", stripe.Fault{Kind: stripe.FaultErrorBefore}, payments.Unknown},
		{"500 after", stripe.Fault{Kind: stripe.FaultErrorAfter}, payments.Unknown},
		{"outage", stripe.Fault{Kind: stripe.FaultOutage}, payments.Unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			req := f.request(t, "u1", 2500)
			f.faults(t, tc.fault)
			_, err := f.gw.CreateCheckout(t.Context(), req)
			require.ErrorIs(t, err, tc.want)
			require.True(t, payments.Retryable(err))
			for _, leak := range []string{"sk_test_1", "_secret_", "whsec_"} {
				require.NotContains(t, err.Error(), leak)
			}
		})
	}
}

func TestDeadlineIsUnknown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	req := f.request(t, "u1", 2500)
	f.faults(t, stripe.Fault{Kind: stripe.FaultLatency, DelayMS: 5000, Times: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := f.gw.CreateCheckout(ctx, req)
	require.ErrorIs(t, err, payments.Unknown)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestOperationIDIsRequired(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, opID := range []string{"", strings.Repeat("x", 241)} {
		req := f.request(t, "u1", 2500)
		req.OpID = opID
		_, err := f.gw.CreateCheckout(t.Context(), req)
		require.ErrorIs(t, err, payments.Refused)
	}
	_, err := f.gw.GetCheckout(t.Context(), "cs_nobody")
	require.ErrorIs(t, err, payments.NotFound)
}

// defaultCard makes a magic card the customer's default, as the customer would on a page of Stripe.
func (f *fixture) defaultCard(t testing.TB, customer, magic string) {
	t.Helper()
	post := func(path, body string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer sk_test_1")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		require.Equal(t, 200, resp.StatusCode)
		var out struct{ ID string }
		require.NoError(t, decode(resp, &out))
		return out.ID
	}
	card := post("/v1/payment_methods/"+magic+"/attach", "customer="+customer)
	post("/v1/customers/"+customer, "invoice_settings[default_payment_method]="+card)
}

func lines(n int) ([]payments.InvoiceLine, int64) {
	var all []payments.InvoiceLine
	var sum int64
	for i := range n {
		all = append(all, payments.InvoiceLine{
			LineID: fmt.Sprintf("l%03d", i), Description: fmt.Sprintf("demo/echo %d", i), AmountCents: int64(i + 1),
			PeriodStart: start, PeriodEnd: start.AddDate(0, 1, 0),
		})
		sum += int64(i + 1)
	}
	return all, sum
}

func (f *fixture) invoice(t testing.TB, id string, n, daysUntilDue int) payments.Invoice {
	t.Helper()
	inv, err := f.gw.CreateInvoiceDraft(t.Context(), payments.InvoiceRequest{
		OpID: "inv:" + id, TenantID: "t1", InvoiceID: id, CustomerID: f.customer(t, "t1"), Currency: "usd", Period: "2026-11", DaysUntilDue: daysUntilDue,
	})
	require.NoError(t, err)
	all, sum := lines(n)
	inv, err = f.gw.AddLines(t.Context(), "lines:"+id, inv.ID, all)
	require.NoError(t, err)
	require.Equal(t, sum, inv.SubtotalCents)
	return inv
}

func TestInvoiceLinesSurvivePaging(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	inv := f.invoice(t, "i1", 237, 14)
	got, err := f.gw.ListLines(t.Context(), inv.ID)
	require.NoError(t, err)
	want, sum := lines(237)
	require.Equal(t, want, got)
	inv, err = f.gw.FinalizeInvoice(t.Context(), "fin:i1", inv.ID)
	require.NoError(t, err)
	require.Equal(t, "open", inv.Status)
	require.Equal(t, sum, inv.DueCents)
	require.Equal(t, start.AddDate(0, 0, 14), inv.DueAt)
	require.NotEmpty(t, inv.HostedURL)
	inv, err = f.gw.VoidInvoice(t.Context(), "void:i1", inv.ID)
	require.NoError(t, err)
	require.Equal(t, "void", inv.Status)
	_, err = f.gw.AddLines(t.Context(), "more:i1", inv.ID, want[:1])
	require.ErrorIs(t, err, payments.Refused)
}

func TestAddLinesInterrupted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	inv, err := f.gw.CreateInvoiceDraft(t.Context(), payments.InvoiceRequest{
		OpID: "inv:i1", TenantID: "t1", InvoiceID: "i1", CustomerID: f.customer(t, "t1"), Currency: "usd", Period: "2026-11",
	})
	require.NoError(t, err)
	all, sum := lines(120)
	f.faults(t, stripe.Fault{Kind: stripe.FaultCutAfter, Path: "/v1/invoices/"})
	_, err = f.gw.AddLines(t.Context(), "lines:i1", inv.ID, all)
	require.ErrorIs(t, err, payments.Unknown)
	f.faults(t)
	done, err := f.gw.AddLines(t.Context(), "lines:i1", inv.ID, all)
	require.NoError(t, err)
	require.Equal(t, sum, done.SubtotalCents, "no line came twice")
	found, err := f.gw.FindInvoice(t.Context(), inv.CustomerID, "i1")
	require.NoError(t, err)
	require.Equal(t, inv.ID, found.ID)
}

func TestPayInvoice(t *testing.T) {
	t.Parallel()
	for card, want := range map[string]payments.Kind{
		"pm_card_visa": "", "pm_card_chargeCustomerFail": payments.Declined, "pm_card_authenticationRequired": payments.NeedsAction,
	} {
		t.Run(card, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			inv := f.invoice(t, "i1", 20, 0)
			f.defaultCard(t, inv.CustomerID, card)
			_, err := f.gw.FinalizeInvoice(t.Context(), "fin:i1", inv.ID)
			require.NoError(t, err)
			paid, err := f.gw.PayInvoice(t.Context(), "pay:i1", inv.ID)
			if want == "" {
				require.NoError(t, err)
				require.Equal(t, "paid", paid.Status)
				require.Equal(t, inv.SubtotalCents, f.sim.Cash()["usd"].Charges)
				return
			}
			require.ErrorIs(t, err, want)
			var failure *payments.Error
			require.ErrorAs(t, err, &failure)
			require.NotEmpty(t, failure.PaymentIntentID)
			require.NotContains(t, err.Error(), "_secret_")
			now, err := f.gw.GetInvoice(t.Context(), inv.ID)
			require.NoError(t, err)
			require.Equal(t, "open", now.Status)
		})
	}
}

func TestDeleteDraftTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	inv := f.invoice(t, "i1", 3, 0)
	require.NoError(t, f.gw.DeleteDraft(t.Context(), inv.ID))
	require.NoError(t, f.gw.DeleteDraft(t.Context(), inv.ID))
	_, err := f.gw.GetInvoice(t.Context(), inv.ID)
	require.ErrorIs(t, err, payments.NotFound)
}

func TestEventsSinceOldestFirst(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var want []string
	for i := range 130 {
		made, err := f.gw.CreateCheckout(t.Context(), f.request(t, fmt.Sprintf("u%d", i), 2500))
		require.NoError(t, err)
		require.Equal(t, 200, f.buyer(t, made.ID, "pay"))
		want = append(want, made.ID)
		f.clock.Advance(time.Second)
	}
	events, err := f.gw.ListEventsSince(t.Context(), start.Add(10*time.Second))
	require.NoError(t, err)
	var got []string
	for _, e := range events {
		require.True(t, slices.Contains(payments.EventTypes(), e.Type), e.Type)
		got = append(got, e.ObjectID)
	}
	require.Equal(t, want[10:], got)
	require.Equal(t, "checkout.session", events[0].ObjectType)
	require.Equal(t, start.Add(10*time.Second), events[0].Created)
}
