package stripe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	stripego "github.com/stripe/stripe-go/v79"
	"github.com/stripe/stripe-go/v79/client"

	"starlane/internal/platform/clock"
	"starlane/internal/sim/stripe"
)

var start = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

// fixture is a simulator behind HTTP and a real client.
type fixture struct {
	sim   *stripe.Server
	url   string
	clock *clock.Fake
	api   *client.API
}

func newFixture(t testing.TB, change ...func(*stripe.Config)) *fixture {
	t.Helper()
	f := &fixture{clock: clock.NewFake(start)}
	cfg := stripe.Config{Seed: 7, Clock: f.clock, WebhookBackoff: time.Millisecond}
	for _, fn := range change {
		fn(&cfg)
	}
	f.sim = stripe.New(cfg)
	srv := httptest.NewServer(f.sim)
	t.Cleanup(func() {
		srv.Close()
		f.sim.Close()
	})
	f.url = srv.URL
	f.api = newClient(t, srv.URL, 0)
	return f
}

func newClient(t testing.TB, url string, retries int64) *client.API {
	t.Helper()
	hc := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
	t.Cleanup(hc.CloseIdleConnections)
	backend := stripego.GetBackendWithConfig(stripego.APIBackend, &stripego.BackendConfig{
		URL: stripego.String(url), HTTPClient: hc, MaxNetworkRetries: stripego.Int64(retries), EnableTelemetry: stripego.Bool(false),
		LeveledLogger: &stripego.LeveledLogger{Level: stripego.LevelNull},
	})
	return client.New("sk_test_123", &stripego.Backends{API: backend, Connect: backend, Uploads: backend})
}

// control posts to a /_sim/ path and decodes the answer into out, when it is not nil.
func (f *fixture) control(t testing.TB, method, path string, body, out any) int {
	t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), method, f.url+path, bytes.NewReader(raw))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	if out != nil {
		require.NoError(t, json.Unmarshal(answer, out), string(answer))
	}
	return resp.StatusCode
}

func (f *fixture) customer(t testing.TB) *stripego.Customer {
	t.Helper()
	cus, err := f.api.Customers.New(&stripego.CustomerParams{
		Name: stripego.String("Ada Ltd"), Email: stripego.String("ada@example.com"),
		Metadata: map[string]string{"tenant_id": "t1"},
	})
	require.NoError(t, err)
	return cus
}

func (f *fixture) session(t testing.TB, customer string, cents int64) *stripego.CheckoutSession {
	t.Helper()
	session, err := f.api.CheckoutSessions.New(&stripego.CheckoutSessionParams{
		Mode: stripego.String("payment"), Customer: stripego.String(customer),
		SuccessURL: stripego.String("http://127.0.0.1:1/ok?s={CHECKOUT_SESSION_ID}"), CancelURL: stripego.String("http://127.0.0.1:1/no"),
		Metadata: map[string]string{"topup_id": "u1"},
		PaymentIntentData: &stripego.CheckoutSessionPaymentIntentDataParams{
			Metadata: map[string]string{"topup_id": "u1"}, SetupFutureUsage: stripego.String("off_session"),
		},
		LineItems: []*stripego.CheckoutSessionLineItemParams{{
			Quantity: stripego.Int64(1),
			PriceData: &stripego.CheckoutSessionLineItemPriceDataParams{
				Currency: stripego.String("usd"), UnitAmount: stripego.Int64(cents),
				ProductData: &stripego.CheckoutSessionLineItemPriceDataProductDataParams{Name: stripego.String("Credit")},
			},
		}},
	})
	require.NoError(t, err)
	return session
}

func stripeError(t testing.TB, err error) *stripego.Error {
	t.Helper()
	var se *stripego.Error
	require.ErrorAs(t, err, &se)
	return se
}

func TestCustomerRoundTrip(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cus := f.customer(t)
	require.True(t, strings.HasPrefix(cus.ID, "cus_"), cus.ID)
	require.Equal(t, start.Unix(), cus.Created)

	again, err := f.api.Customers.Get(cus.ID, nil)
	require.NoError(t, err)
	require.Equal(t, "t1", again.Metadata["tenant_id"])
	require.Equal(t, "ada@example.com", again.Email)

	changed, err := f.api.Customers.Update(cus.ID, &stripego.CustomerParams{Name: stripego.String("Ada AG")})
	require.NoError(t, err)
	require.Equal(t, "Ada AG", changed.Name)
	require.Equal(t, "ada@example.com", changed.Email, "an update keeps what it does not name")

	_, err = f.api.Customers.Get("cus_nobody", nil)
	se := stripeError(t, err)
	require.Equal(t, 404, se.HTTPStatusCode)
	require.Equal(t, stripego.ErrorCodeResourceMissing, se.Code)
}

func TestUnknownParameterIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	params := &stripego.CustomerParams{}
	params.AddExtra("address[colour]", "red")
	_, err := f.api.Customers.New(params)
	se := stripeError(t, err)
	require.Equal(t, 400, se.HTTPStatusCode)
	require.Equal(t, "parameter_unknown", string(se.Code))
	require.Equal(t, "address[colour]", se.Param)
}

func TestLiveKeysAreRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for key, want := range map[string]int{"sk_live_1": 401, "rk_test_1": 401, "": 401, "sk_test_1": 200, "sk_sim_1": 200} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/v1/customers", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("key %q: status %d, want %d", key, resp.StatusCode, want)
		}
	}
}

func TestSameSeedSameIDs(t *testing.T) {
	t.Parallel()
	a, b := newFixture(t).customer(t), newFixture(t).customer(t)
	require.Equal(t, a.ID, b.ID)
	other := newFixture(t, func(c *stripe.Config) { c.Seed = 8 }).customer(t)
	require.NotEqual(t, a.ID, other.ID)
}

func TestPagingWalksEveryCustomerOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	want := map[string]bool{}
	for range 23 {
		want[f.customer(t).ID] = true
	}
	params := &stripego.CustomerListParams{}
	params.Limit = stripego.Int64(5)
	it := f.api.Customers.List(params)
	got := map[string]bool{}
	for it.Next() {
		require.False(t, got[it.Customer().ID], "seen twice")
		got[it.Customer().ID] = true
	}
	require.NoError(t, it.Err())
	require.Equal(t, want, got)
}

func TestSnapshotKeepsTheAccount(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/stripe.json"
	keep := func(c *stripe.Config) { c.SnapshotFile = file }
	first := newFixture(t, keep)
	cus := first.customer(t)
	session := first.session(t, cus.ID, 2000)
	require.Equal(t, 200, first.control(t, http.MethodPost, "/_sim/checkout/"+session.ID+"/pay", nil, nil))

	second := newFixture(t, keep)
	require.NoError(t, second.sim.Load())
	again, err := second.api.Customers.Get(cus.ID, nil)
	require.NoError(t, err)
	require.Equal(t, "Ada Ltd", again.Name)
	paid, err := second.api.CheckoutSessions.Get(session.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripego.CheckoutSessionPaymentStatusPaid, paid.PaymentStatus)
	require.Equal(t, first.sim.Cash(), second.sim.Cash())
	require.NotEqual(t, cus.ID, second.customer(t).ID, "ids go on after a restart")
}

func TestRunRefusesOtherAddresses(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "nonsense"} {
		if err := stripe.Run(t.Context(), stripe.Config{Addr: addr}); err == nil {
			t.Errorf("Run on %q: no error, want a refusal", addr)
		}
	}
}

func TestRunServesUntilCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- stripe.Run(ctx, stripe.Config{Addr: "127.0.0.1:0", SnapshotFile: t.TempDir() + "/s.json"})
	}()
	cancel()
	select {
	case err := <-done:
		if err != nil && !strings.Contains(err.Error(), "canceled") {
			t.Errorf("Run: %v, want nil", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Run did not end")
	}
}

func sorted(ids []string) []string {
	slices.Sort(ids)
	return ids
}
