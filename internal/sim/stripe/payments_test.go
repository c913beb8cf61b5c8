package stripe_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	stripego "github.com/stripe/stripe-go/v79"

	"starlane/internal/sim/stripe"
)

func TestCheckoutPaid(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cus := f.customer(t)
	session := f.session(t, cus.ID, 2000)
	require.Equal(t, stripego.CheckoutSessionStatusOpen, session.Status)
	require.Equal(t, f.url+"/c/pay/"+session.ID, session.URL)
	require.EqualValues(t, 2000, session.AmountSubtotal)

	var shown struct{ Status string }
	require.Equal(t, 200, f.control(t, http.MethodPost, "/_sim/checkout/"+session.ID+"/pay", nil, &shown))
	require.Equal(t, "complete", shown.Status)

	params := &stripego.CheckoutSessionParams{}
	params.AddExpand("payment_intent.latest_charge.balance_transaction")
	paid, err := f.api.CheckoutSessions.Get(session.ID, params)
	require.NoError(t, err)
	require.Equal(t, stripego.CheckoutSessionPaymentStatusPaid, paid.PaymentStatus)
	require.Equal(t, "u1", paid.Metadata["topup_id"])
	pi := paid.PaymentIntent
	require.Equal(t, stripego.PaymentIntentStatusSucceeded, pi.Status)
	require.Equal(t, "u1", pi.Metadata["topup_id"])
	require.EqualValues(t, 2000, pi.LatestCharge.Amount)
	require.EqualValues(t, 88, pi.LatestCharge.BalanceTransaction.Fee, "2.9 % and 30 cents")
	require.Equal(t, stripe.CashFlow{Charges: 2000, Fees: 88, Net: 1912, Transactions: 1}, f.sim.Cash()["usd"])

	methods := f.api.PaymentMethods.List(&stripego.PaymentMethodListParams{Customer: stripego.String(cus.ID)})
	require.True(t, methods.Next(), "setup_future_usage keeps the card")
	require.Equal(t, "4242", methods.PaymentMethod().Card.Last4)

	require.Equal(t, 400, f.control(t, http.MethodPost, "/_sim/checkout/"+session.ID+"/pay", nil, nil), "a second payment is refused")
	require.EqualValues(t, 2000, f.sim.Cash()["usd"].Charges)
}

func TestCheckoutDeclinedThenPaid(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	session := f.session(t, f.customer(t).ID, 500)
	require.Equal(t, 402, f.control(t, http.MethodPost, "/_sim/checkout/"+session.ID+"/decline", nil, nil))
	open, err := f.api.CheckoutSessions.Get(session.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripego.CheckoutSessionStatusOpen, open.Status)
	require.Zero(t, f.sim.Cash()["usd"].Charges)
	require.Equal(t, 200, f.control(t, http.MethodPost, "/_sim/checkout/"+session.ID+"/pay", nil, nil))
	require.EqualValues(t, 500, f.sim.Cash()["usd"].Charges)
}

// browser posts the form of a page and returns where it is sent, or the page's text.
func (f *fixture) browser(t *testing.T, path, action string) (location, text string) {
	t.Helper()
	hc := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+path, strings.NewReader(url.Values{"action": {action}}.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", f.url)
	resp, err := hc.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.Header.Get("Location"), string(body)
}

func TestPayPageButtons(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	session := f.session(t, f.customer(t).ID, 123456)
	page := "/c/pay/" + session.ID
	resp, err := http.Get(f.url + page)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	require.NoError(t, err)
	for _, want := range []string{"Simulated Stripe", "$1,234.56", "ada@example.com", `value="pay"`, `value="decline"`, `value="3ds"`, `value="abandon"`} {
		require.Contains(t, string(body), want)
	}
	require.NotContains(t, string(body), "<script")

	location, _ := f.browser(t, page, "abandon")
	require.Equal(t, "http://127.0.0.1:1/no", location)
	_, text := f.browser(t, page, "decline")
	require.Contains(t, text, "Your card was declined.")
	bank, _ := f.browser(t, page, "3ds")
	require.True(t, strings.HasPrefix(bank, "/c/3ds/pi_"), bank)
	back, _ := f.browser(t, bank, "fail")
	require.Equal(t, f.url+page, back)
	bank, _ = f.browser(t, page, "3ds")
	back, _ = f.browser(t, bank, "complete")
	require.Equal(t, f.url+page, back)
	resp, err = (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get(back)
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, "http://127.0.0.1:1/ok?s="+session.ID, resp.Header.Get("Location"))
	require.EqualValues(t, 123456, f.sim.Cash()["usd"].Charges)
}

func TestOverviewPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	session := f.session(t, f.customer(t).ID, 2500)
	f.control(t, http.MethodPost, "/_sim/checkout/"+session.ID+"/pay", nil, nil)
	resp, err := http.Get(f.url + "/")
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	for _, want := range []string{"Simulated Stripe account", "Ada Ltd", "$25.00", "complete", "None sent yet."} {
		require.Contains(t, string(body), want)
	}
}

func TestSessionExpires(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	session := f.session(t, f.customer(t).ID, 500)
	require.Equal(t, 200, f.control(t, http.MethodPost, "/_sim/clock/advance", map[string]int{"seconds": 24 * 3600}, nil))
	gone, err := f.api.CheckoutSessions.Get(session.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripego.CheckoutSessionStatusExpired, gone.Status)
	require.Equal(t, 400, f.control(t, http.MethodPost, "/_sim/checkout/"+session.ID+"/pay", nil, nil))
	_, err = f.api.CheckoutSessions.Expire(session.ID, nil)
	require.Equal(t, 400, stripeError(t, err).HTTPStatusCode)
}

func (f *fixture) charge(t testing.TB, cents int64, method string, offSession bool) (*stripego.PaymentIntent, error) {
	t.Helper()
	return f.api.PaymentIntents.New(&stripego.PaymentIntentParams{
		Amount: stripego.Int64(cents), Currency: stripego.String("usd"), PaymentMethod: stripego.String(method),
		Confirm: stripego.Bool(true), OffSession: stripego.Bool(offSession),
	})
}

func TestMagicCards(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		method     string
		offSession bool
		status     stripego.PaymentIntentStatus
		code       stripego.ErrorCode
		decline    stripego.DeclineCode
	}{
		{method: "pm_card_visa", offSession: true, status: "succeeded"},
		{method: "pm_card_chargeDeclined", code: "card_declined", decline: "generic_decline"},
		{method: "pm_card_chargeDeclinedInsufficientFunds", code: "card_declined", decline: "insufficient_funds"},
		{method: "pm_card_chargeDeclinedExpiredCard", code: "expired_card", decline: "expired_card"},
		{method: "pm_card_authenticationRequired", offSession: true, code: "authentication_required", decline: "authentication_required"},
		{method: "pm_card_authenticationRequired", status: "requires_action"},
		{method: "pm_card_authenticationRequiredOnSetup", offSession: true, code: "authentication_required", decline: "authentication_required"},
	} {
		t.Run(tc.method, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			pi, err := f.charge(t, 1000, tc.method, tc.offSession)
			if tc.code == "" {
				require.NoError(t, err)
				require.Equal(t, tc.status, pi.Status)
				return
			}
			se := stripeError(t, err)
			require.Equal(t, 402, se.HTTPStatusCode)
			require.Equal(t, stripego.ErrorTypeCard, se.Type)
			require.Equal(t, tc.code, se.Code)
			require.Equal(t, tc.decline, se.DeclineCode)
			require.NotNil(t, se.PaymentIntent)
			require.Equal(t, stripego.PaymentIntentStatusRequiresPaymentMethod, se.PaymentIntent.Status)
			require.Zero(t, f.sim.Cash()["usd"].Net)
		})
	}
}

func TestIllegalTransitions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	pi, err := f.charge(t, 1000, "pm_card_visa", false)
	require.NoError(t, err)
	_, err = f.api.PaymentIntents.Cancel(pi.ID, nil)
	require.Equal(t, stripego.ErrorCode("payment_intent_unexpected_state"), stripeError(t, err).Code)
	_, err = f.api.PaymentIntents.Confirm(pi.ID, nil)
	require.Equal(t, 400, stripeError(t, err).HTTPStatusCode)
	_, err = f.charge(t, 49, "pm_card_visa", false)
	require.Equal(t, stripego.ErrorCodeAmountTooSmall, stripeError(t, err).Code)
}

func TestRefunds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	pi, err := f.charge(t, 1000, "pm_card_visa", false)
	require.NoError(t, err)
	for _, cents := range []int64{400, 600} {
		re, err := f.api.Refunds.New(&stripego.RefundParams{PaymentIntent: stripego.String(pi.ID), Amount: stripego.Int64(cents)})
		require.NoError(t, err)
		require.Equal(t, stripego.RefundStatusSucceeded, re.Status)
	}
	_, err = f.api.Refunds.New(&stripego.RefundParams{PaymentIntent: stripego.String(pi.ID)})
	require.Equal(t, stripego.ErrorCodeChargeAlreadyRefunded, stripeError(t, err).Code)
	require.Equal(t, stripe.CashFlow{Charges: 1000, Refunds: 1000, Fees: 59, Net: -59, Transactions: 3}, f.sim.Cash()["usd"])
}

func TestRefundFailsLater(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	pi, err := f.charge(t, 1000, "pm_card_refundFail", false)
	require.NoError(t, err)
	re, err := f.api.Refunds.New(&stripego.RefundParams{PaymentIntent: stripego.String(pi.ID)})
	require.NoError(t, err)
	require.Equal(t, stripego.RefundStatusSucceeded, re.Status)
	_, err = f.sim.Advance(t.Context(), time.Hour)
	require.NoError(t, err)
	re, err = f.api.Refunds.Get(re.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripego.RefundStatusFailed, re.Status)
	require.EqualValues(t, 1000-59, f.sim.Cash()["usd"].Net)
}

func TestSetupIntentThenOffSession(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cus := f.customer(t)
	si, err := f.api.SetupIntents.New(&stripego.SetupIntentParams{
		Customer: stripego.String(cus.ID), PaymentMethod: stripego.String("pm_card_authenticationRequiredOnSetup"), Confirm: stripego.Bool(true),
	})
	require.NoError(t, err)
	require.Equal(t, stripego.SetupIntentStatusRequiresAction, si.Status)
	_, _ = f.browser(t, strings.TrimPrefix(si.NextAction.RedirectToURL.URL, f.url), "complete")
	si, err = f.api.SetupIntents.Get(si.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripego.SetupIntentStatusSucceeded, si.Status)
	pi, err := f.api.PaymentIntents.New(&stripego.PaymentIntentParams{
		Amount: stripego.Int64(700), Currency: stripego.String("usd"), Customer: stripego.String(cus.ID),
		PaymentMethod: stripego.String(si.PaymentMethod.ID), Confirm: stripego.Bool(true), OffSession: stripego.Bool(true),
	})
	require.NoError(t, err)
	require.Equal(t, stripego.PaymentIntentStatusSucceeded, pi.Status)
}

func TestPagesRefuseOtherOrigins(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	session := f.session(t, f.customer(t).ID, 500)
	for _, path := range []string{"/c/pay/" + session.ID, "/_sim/checkout/" + session.ID + "/pay", "/_sim/reset"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+path, strings.NewReader("action=pay"))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", "http://evil.example")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s from another origin: %d, want 403", path, resp.StatusCode)
		}
	}
	require.Zero(t, f.sim.Cash()["usd"].Charges)
}
