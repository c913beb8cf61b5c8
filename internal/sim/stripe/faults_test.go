package stripe_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	stripego "github.com/stripe/stripe-go/v79"

	"starlane/internal/sim/stripe"
)

func createWithKey(f *fixture, key, name string) (*stripego.Customer, error) {
	params := &stripego.CustomerParams{Name: stripego.String(name)}
	params.Metadata = map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"}
	params.SetIdempotencyKey(key)
	return f.api.Customers.New(params)
}

func (f *fixture) plan(t testing.TB, rules ...stripe.Fault) {
	t.Helper()
	require.NoError(t, f.sim.SetFaults(stripe.FaultPlan{Rules: rules}))
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first, err := createWithKey(f, "cust:t1", "Ada")
	require.NoError(t, err)
	again, err := createWithKey(f, "cust:t1", "Ada")
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
	_, err = createWithKey(f, "cust:t1", "Eve")
	require.Equal(t, stripego.ErrorTypeIdempotency, stripeError(t, err).Type)

	f.clock.Advance(24 * time.Hour)
	later, err := createWithKey(f, "cust:t1", "Ada")
	require.NoError(t, err)
	require.NotEqual(t, first.ID, later.ID, "a key is forgotten after 24 hours")
}

func TestLostResponseThenRetry(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.plan(t, stripe.Fault{Kind: stripe.FaultCutAfter, Path: "/v1/customers", Times: 1})
	_, err := createWithKey(f, "op1", "Ada")
	require.Error(t, err)
	_, err = createWithKey(f, "op1", "Ada")
	require.NoError(t, err)
	it := f.api.Customers.List(&stripego.CustomerListParams{})
	n := 0
	for it.Next() {
		n++
	}
	require.Equal(t, 1, n)
}

func TestServerErrorsAreReplayed(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]int{stripe.FaultErrorBefore: 0, stripe.FaultErrorAfter: 1} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.plan(t, stripe.Fault{Kind: kind, Method: http.MethodPost, Times: 1})
			for range 2 { // the second one is the kept 500
				_, err := createWithKey(f, "op1", "Ada")
				require.Equal(t, 500, stripeError(t, err).HTTPStatusCode)
			}
			it, n := f.api.Customers.List(&stripego.CustomerListParams{}), 0
			for it.Next() {
				n++
			}
			require.Equal(t, want, n)
		})
	}
}

func TestKeyInUse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.plan(t, stripe.Fault{Kind: stripe.FaultLatency, DelayMS: 1500, Times: 1, Method: http.MethodPost})
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := createWithKey(f, "op1", "Ada")
			results <- err
		}()
	}
	busy := stripeError(t, <-results) // the other one still waits in the simulator
	require.Equal(t, http.StatusConflict, busy.HTTPStatusCode)
	require.Equal(t, "idempotency_key_in_use", string(busy.Code))
	require.NoError(t, <-results)
}

func TestRateLimitAndOutage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.plan(t, stripe.Fault{Kind: stripe.FaultRateLimit, Times: 1}, stripe.Fault{Kind: stripe.FaultLockTimeout, Times: 1}, stripe.Fault{Kind: stripe.FaultOutage, Seconds: 60})
	_, err := createWithKey(f, "op1", "Ada")
	se := stripeError(t, err)
	require.Equal(t, 429, se.HTTPStatusCode)
	require.Equal(t, stripego.ErrorCodeRateLimit, se.Code)
	_, err = createWithKey(f, "op1", "Ada")
	require.Equal(t, stripego.ErrorCodeLockTimeout, stripeError(t, err).Code)
	_, err = createWithKey(f, "op1", "Ada")
	require.Error(t, err)
	require.Equal(t, 200, f.control(t, http.MethodPost, "/_sim/clock/advance", map[string]int{"seconds": 61}, nil))
	_, err = createWithKey(f, "op1", "Ada")
	require.NoError(t, err)
}

func TestFaultPlanIsChecked(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, body := range []any{
		map[string]any{"rules": []any{map[string]any{"kind": "earthquake"}}},
		map[string]any{"webhooks": []any{map[string]any{"kind": "duplicate", "count": 100000}}},
		map[string]any{"rulez": []any{}},
	} {
		require.Equal(t, 400, f.control(t, http.MethodPost, "/_sim/faults", body, nil), "%v", body)
	}
}

func TestRequestsAndReset(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cus := f.customer(t)
	var seen struct {
		Total   int            `json:"total"`
		ByRoute map[string]int `json:"by_route"`
	}
	f.control(t, http.MethodGet, "/_sim/requests", nil, &seen)
	require.Equal(t, 1, seen.Total)
	require.Equal(t, 1, seen.ByRoute["POST /v1/customers"])
	require.Equal(t, 200, f.control(t, http.MethodPost, "/_sim/reset", nil, nil))
	_, err := f.api.Customers.Get(cus.ID, nil)
	require.Equal(t, 404, stripeError(t, err).HTTPStatusCode)
	require.NotEqual(t, cus.ID, f.customer(t).ID)
}

func TestBodyBound(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/v1/customers", strings.NewReader("name="+strings.Repeat("x", 1<<20)))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer sk_test_1")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, 400, resp.StatusCode)
}
