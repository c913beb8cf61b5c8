package stripe_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	stripego "github.com/stripe/stripe-go/v79"
	"github.com/stripe/stripe-go/v79/webhook"

	"starlane/internal/sim/stripe"
)

// receiver counts what arrives and how it verifies.
type receiver struct {
	url    string
	mu     sync.Mutex
	secret string
	refuse int // answer 500 to this many deliveries first
	good   []stripego.Event
	bad    []error
	got    chan struct{}
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{got: make(chan struct{}, 1000)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		payload, err := io.ReadAll(req.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.refuse > 0 {
			r.refuse--
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		// The simulated clock of the tests is not today's: check the age here, not in the library.
		e, err := webhook.ConstructEventWithOptions(payload, req.Header.Get("Stripe-Signature"), r.secret, webhook.ConstructEventOptions{IgnoreTolerance: true})
		if err != nil {
			r.bad = append(r.bad, err)
		} else {
			r.good = append(r.good, e)
		}
		r.got <- struct{}{}
	}))
	t.Cleanup(srv.Close)
	r.url = srv.URL
	return r
}

func (r *receiver) wait(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-r.got:
		case <-time.After(10 * time.Second):
			t.Fatal("no webhook came")
		}
	}
}

func (f *fixture) listen(t *testing.T, events ...string) *receiver {
	t.Helper()
	r := newReceiver(t)
	endpoint, err := f.api.WebhookEndpoints.New(&stripego.WebhookEndpointParams{
		URL: stripego.String(r.url), EnabledEvents: stripego.StringSlice(events), APIVersion: stripego.String(stripego.APIVersion),
	})
	require.NoError(t, err)
	require.NotEmpty(t, endpoint.Secret)
	r.secret = endpoint.Secret
	again, err := f.api.WebhookEndpoints.Get(endpoint.ID, nil)
	require.NoError(t, err)
	require.Empty(t, again.Secret, "the secret is shown once")
	return r
}

func TestWebhookIsSignedAndListed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := f.listen(t, "checkout.session.completed")
	session := f.session(t, f.customer(t).ID, 2000)
	f.control(t, http.MethodPost, "/_sim/checkout/"+session.ID+"/pay", nil, nil)
	r.wait(t, 1)
	require.Empty(t, r.bad)
	require.Equal(t, stripego.EventTypeCheckoutSessionCompleted, r.good[0].Type)
	require.Equal(t, session.ID, r.good[0].Data.Object["id"])
	require.Equal(t, "paid", r.good[0].Data.Object["payment_status"])

	listed := f.api.Events.List(&stripego.EventListParams{Type: stripego.String("checkout.session.completed")})
	require.True(t, listed.Next())
	require.Equal(t, r.good[0].ID, listed.Event().ID)
	require.False(t, listed.Next())
}

func TestWebhookRetries(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := f.listen(t, "customer.created")
	r.mu.Lock()
	r.refuse = 3
	r.mu.Unlock()
	f.customer(t)
	r.wait(t, 1)
	require.Len(t, r.good, 1)
}

func TestWebhookChaos(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rule      stripe.WebhookRule
		good, bad int
	}{
		{stripe.WebhookRule{Kind: stripe.HookDuplicate, Count: 4}, 5, 0},
		{stripe.WebhookRule{Kind: stripe.HookCorrupt}, 0, 1},
		{stripe.WebhookRule{Kind: stripe.HookAPIVersion, APIVersion: "2024-09-30.acacia"}, 0, 1},
		{stripe.WebhookRule{Kind: stripe.HookDelay, DelayMS: 20}, 1, 0},
		{stripe.WebhookRule{Kind: stripe.HookReorder, DelayMS: 20}, 1, 0},
	} {
		t.Run(tc.rule.Kind, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			r := f.listen(t, "customer.created")
			require.NoError(t, f.sim.SetFaults(stripe.FaultPlan{Webhooks: []stripe.WebhookRule{tc.rule}}))
			f.customer(t)
			r.wait(t, tc.good+tc.bad)
			r.mu.Lock()
			defer r.mu.Unlock()
			require.Len(t, r.good, tc.good)
			require.Len(t, r.bad, tc.bad)
		})
	}
}

func TestWebhookDropped(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := f.listen(t, "customer.created")
	require.NoError(t, f.sim.SetFaults(stripe.FaultPlan{Webhooks: []stripe.WebhookRule{{Kind: stripe.HookDrop, Type: "customer.created", Times: 1}}}))
	dropped, sent := f.customer(t), f.customer(t)
	r.wait(t, 1)
	require.Equal(t, sent.ID, r.good[0].Data.Object["id"])
	it, ids := f.api.Events.List(&stripego.EventListParams{}), map[any]bool{}
	for it.Next() {
		ids[it.Event().Data.Object["id"]] = true
	}
	require.True(t, ids[dropped.ID], "the event list has it all the same")
}

func TestWebhookBeforeResponse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := f.listen(t, "customer.created")
	require.NoError(t, f.sim.SetFaults(stripe.FaultPlan{Webhooks: []stripe.WebhookRule{{Kind: stripe.HookBeforeResponse}}}))
	f.customer(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Len(t, r.good, 1, "it was there before the answer")
}
