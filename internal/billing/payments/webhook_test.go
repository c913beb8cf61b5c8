package payments_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/billing/payments"
	"starlane/internal/sim/stripe"
)

func decode(resp *http.Response, out any) error { return json.NewDecoder(resp.Body).Decode(out) }

func payload(version string) []byte {
	return []byte(`{"id":"evt_1","object":"event","api_version":"` + version + `","created":1793523600,"type":"invoice.paid",` +
		`"data":{"object":{"id":"in_1","object":"invoice"}}}`)
}

func TestVerifyWebhook(t *testing.T) {
	t.Parallel()
	good := payload("2024-06-20")
	sign := func(body []byte, secret string, at time.Time) string { return stripe.SignWebhook(body, secret, at) }
	for _, tc := range []struct {
		name    string
		body    []byte
		header  string
		secrets []string
		want    error
	}{
		{name: "good", body: good, header: sign(good, "whsec_a", start), secrets: []string{"whsec_a"}},
		{name: "rotated", body: good, header: sign(good, "whsec_b", start), secrets: []string{"whsec_a", " whsec_b"}},
		{name: "300 s old", body: good, header: sign(good, "whsec_a", start.Add(-300*time.Second)), secrets: []string{"whsec_a"}},
		{name: "301 s old", body: good, header: sign(good, "whsec_a", start.Add(-301*time.Second)), secrets: []string{"whsec_a"}, want: payments.ErrWebhookTime},
		{name: "60 s ahead", body: good, header: sign(good, "whsec_a", start.Add(60*time.Second)), secrets: []string{"whsec_a"}},
		{name: "61 s ahead", body: good, header: sign(good, "whsec_a", start.Add(61*time.Second)), secrets: []string{"whsec_a"}, want: payments.ErrWebhookTime},
		{name: "other secret", body: good, header: sign(good, "whsec_x", start), secrets: []string{"whsec_a"}, want: payments.ErrWebhookSignature},
		{name: "no header", body: good, secrets: []string{"whsec_a"}, want: payments.ErrWebhookSignature},
		{name: "changed body", body: append([]byte(" "), good...), header: sign(good, "whsec_a", start), secrets: []string{"whsec_a"}, want: payments.ErrWebhookSignature},
		{name: "empty secret", body: good, header: sign(good, "", start), secrets: []string{"", " "}, want: payments.ErrWebhookNoSecret},
		{name: "two times", body: good, header: "t=1," + sign(good, "whsec_a", start), secrets: []string{"whsec_a"}, want: payments.ErrWebhookSignature},
		{name: "two times, signed one first", body: good, header: sign(good, "whsec_a", start.Add(-time.Hour)) + ",t=1793523600", secrets: []string{"whsec_a"}, want: payments.ErrWebhookSignature},
		{name: "other version", body: payload("2024-09-30.acacia"), header: sign(payload("2024-09-30.acacia"), "whsec_a", start), secrets: []string{"whsec_a"}, want: payments.ErrWebhookVersion},
		{name: "not an event", body: []byte(`[]`), header: sign([]byte(`[]`), "whsec_a", start), secrets: []string{"whsec_a"}, want: payments.ErrWebhookPayload},
		{name: "empty object", body: []byte(`{"api_version":"2024-06-20"}`), header: sign([]byte(`{"api_version":"2024-06-20"}`), "whsec_a", start), secrets: []string{"whsec_a"}, want: payments.ErrWebhookPayload},
		{name: "5 MB", body: make([]byte, 5<<20), header: sign(make([]byte, 5<<20), "whsec_a", start), secrets: []string{"whsec_a"}, want: payments.ErrWebhookTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e, err := payments.VerifyWebhook(tc.body, tc.header, tc.secrets, start)
			if !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Fatalf("VerifyWebhook: %v, want %v", err, tc.want)
			}
			if tc.want == nil {
				require.Equal(t, payments.Event{ID: "evt_1", Type: "invoice.paid", ObjectID: "in_1", ObjectType: "invoice", Created: time.Unix(1793523600, 0).UTC()}, e)
			}
		})
	}
}

func TestEndpointAndDelivery(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	type arrived struct {
		event payments.Event
		err   error
	}
	var signing string
	got := make(chan arrived, 100)
	ready := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-ready
		body, err := io.ReadAll(r.Body)
		if err != nil {
			got <- arrived{err: err}
			return
		}
		e, err := payments.VerifyWebhook(body, r.Header.Get("Stripe-Signature"), []string{signing}, f.clock.Now())
		got <- arrived{e, err}
	}))
	t.Cleanup(srv.Close)
	first, err := f.gw.EnsureWebhookEndpoint(t.Context(), srv.URL+"/webhooks/stripe")
	require.NoError(t, err)
	second, err := f.gw.EnsureWebhookEndpoint(t.Context(), srv.URL+"/webhooks/stripe")
	require.NoError(t, err)
	require.NotEqual(t, first.ID, second.ID)
	signing = second.Secret.Reveal()
	require.True(t, strings.HasPrefix(signing, "whsec_"))
	close(ready)

	made, err := f.gw.CreateCheckout(t.Context(), f.request(t, "u1", 2500))
	require.NoError(t, err)
	require.Equal(t, 200, f.buyer(t, made.ID, "pay"))
	select {
	case one := <-got:
		require.NoError(t, one.err)
		require.Equal(t, "checkout.session.completed", one.event.Type)
		require.Equal(t, made.ID, one.event.ObjectID)
	case <-time.After(10 * time.Second):
		t.Fatal("no webhook came")
	}
	require.Empty(t, got, "the older endpoint is gone and no other event was asked for")

	for kind, want := range map[string]error{
		stripe.HookCorrupt: payments.ErrWebhookSignature, stripe.HookOldTimestamp: payments.ErrWebhookTime, stripe.HookFutureTime: payments.ErrWebhookTime,
	} {
		require.NoError(t, f.sim.SetFaults(stripe.FaultPlan{Webhooks: []stripe.WebhookRule{{Kind: kind}}}))
		made, err := f.gw.CreateCheckout(t.Context(), f.request(t, "u-"+kind, 2500))
		require.NoError(t, err)
		require.Equal(t, 200, f.buyer(t, made.ID, "pay"))
		select {
		case one := <-got:
			require.ErrorIs(t, one.err, want, kind)
		case <-time.After(10 * time.Second):
			t.Fatal("no webhook came")
		}
	}
}
