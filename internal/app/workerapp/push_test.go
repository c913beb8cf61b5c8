package workerapp

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"starlane/internal/app/cashier"
	"starlane/internal/billing/credit"
	"starlane/internal/billing/invoicing"
	"starlane/internal/billing/money"
	"starlane/internal/billing/payments"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/sim/stripe"
	"starlane/internal/store/postgres"
	"starlane/internal/testkit/pgtest"
	"starlane/internal/testkit/redistest"
)

// till is an installation with a processor that the test breaks, and no worker that pushes by itself.
type till struct {
	*App
	db      *pgtest.DB
	sim     *stripe.Server
	url     string
	gateway *payments.Gateway
	clock   *clock.Fake
	tenant  id.ID
}

// newTill has an invoice of 3.30 USD to push.
func newTill(t testing.TB) *till {
	t.Helper()
	db, rds := pgtest.New(t), redistest.New(t)
	k := &till{db: db, clock: clock.NewFake(time.Now())}
	k.sim = stripe.New(stripe.Config{Seed: 7, Clock: k.clock})
	srv := httptest.NewServer(k.sim)
	t.Cleanup(func() { srv.Close(); k.sim.Close() })
	k.url = srv.URL
	var err error
	k.gateway, err = payments.New(payments.Config{Key: secret.New("sk_test_1"), URL: srv.URL, Timeout: 5 * time.Second, Retries: -1, Rate: 1000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.gateway.Close)
	cfg := testConfig(t, db, rds)
	var stop func()
	k.App, stop = startApp(t, cfg)
	k.tenant = seedTenant(t, db)
	_, err = db.Pool.Exec(t.Context(), `update starlane.tenant set billing_mode = 'postpaid', billing_email = 'pay@example.com' where id = $1`, k.tenant)
	if err != nil {
		t.Fatal(err)
	}
	const n = 1650 // of 0.002 USD
	if err := k.redis.AddEvents(t.Context(), usageOf([]id.ID{k.tenant}, n)); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "all events", func() bool { got, _ := charged(t, db); return got == n })
	if _, err := k.closer().Close(t.Context(), time.Now().UTC().Format("2006-01"), true, "test"); err != nil {
		t.Fatal(err)
	}
	stop()
	k.App = openApp(t, db, rds, "worker-2")
	return k
}

func (k *till) pusher() *invoicing.Pusher {
	pages := cashier.NewPages(k.gateway)
	return invoicing.NewPusher(postgres.NewInvoicing(k.ledger), cashier.NewInvoices(k.gateway), func(ctx context.Context, tenant id.ID) (string, error) {
		return credit.EnsureCustomer(ctx, k.credit, pages, tenant)
	}, k.clock, k.log)
}

func (k *till) faults(t testing.TB, rules ...stripe.Fault) {
	t.Helper()
	if err := k.sim.SetFaults(stripe.FaultPlan{Rules: rules}); err != nil {
		t.Fatal(err)
	}
}

func (k *till) state(t testing.TB) (state, remote string) {
	t.Helper()
	err := k.db.Pool.QueryRow(t.Context(), `select state, coalesce(stripe_id, '') from starlane.invoice where tenant_id = $1`, k.tenant).Scan(&state, &remote)
	if err != nil {
		t.Fatal(err)
	}
	return state, remote
}

// checkOne: the processor has exactly one invoice of the tenant, with the right sum.
func (k *till) checkOne(t testing.TB) {
	t.Helper()
	customer, err := k.credit.Customer(t.Context(), k.tenant)
	if err != nil {
		t.Fatal(err)
	}
	var invoice id.ID
	if err := k.db.Pool.QueryRow(t.Context(), `select id from starlane.invoice where tenant_id = $1`, k.tenant).Scan(&invoice); err != nil {
		t.Fatal(err)
	}
	_, remote := k.state(t)
	found, err := k.gateway.FindInvoice(t.Context(), customer.ID, invoice.String())
	if err != nil || found.ID != remote || found.SubtotalCents != 330 || found.Status != "open" {
		t.Errorf("at the processor: %+v, %v; want %s of 330 cents, open", found, err, remote)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.url+"/v1/invoices?limit=100", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sk_test_1")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var list struct{ Data []struct{ ID string } }
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil || len(list.Data) != 1 {
		t.Errorf("%d invoices at the processor, %v; want one", len(list.Data), err)
	}
}

// Whatever gets lost on the way, one invoice comes out, with lines that were added once.
func TestPushThroughFaults(t *testing.T) {
	t.Parallel()
	k := newTill(t)
	often := 0.4
	k.faults(t,
		stripe.Fault{Kind: stripe.FaultCutAfter, Probability: &often}, stripe.Fault{Kind: stripe.FaultOutage, Probability: &often},
		stripe.Fault{Kind: stripe.FaultRateLimit, Probability: &often})
	pusher := k.pusher()
	for tries := 0; ; tries++ {
		_ = pusher.Push(t.Context()) // fails more often than not
		if state, _ := k.state(t); state == invoicing.Finalized {
			t.Logf("after %d tries", tries+1)
			break
		}
		if tries > 500 {
			t.Fatalf("not finalised: %v", pusher.Push(t.Context()))
		}
	}
	k.faults(t)
	k.checkOne(t)
	if err := pusher.Push(t.Context()); err != nil {
		t.Errorf("push with nothing to do: %v", err)
	}
}

// The answer was lost and a day has passed, so that the processor has forgotten the operation: the draft is found and used.
func TestPushAfterADay(t *testing.T) {
	t.Parallel()
	k := newTill(t)
	k.faults(t, stripe.Fault{Kind: stripe.FaultCutAfter, Method: "POST", Path: "/v1/invoices"})
	if err := k.pusher().Push(t.Context()); err == nil {
		t.Fatal("the lost answer went unnoticed")
	}
	k.faults(t)
	k.clock.Advance(25 * time.Hour)
	if err := k.pusher().Push(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state, _ := k.state(t); state != invoicing.Finalized {
		t.Errorf("state = %s, want finalized", state)
	}
	k.checkOne(t)
}

// A draft that somebody has tampered with at the processor is not finalised.
func TestPushRefusesForeignDraft(t *testing.T) {
	t.Parallel()
	k := newTill(t)
	k.faults(t, stripe.Fault{Kind: stripe.FaultOutage, Method: "POST", Path: "/v1/invoices/"})
	if err := k.pusher().Push(t.Context()); err == nil {
		t.Fatal("the outage went unnoticed")
	}
	k.faults(t)
	customer, err := k.credit.Customer(t.Context(), k.tenant)
	if err != nil {
		t.Fatal(err)
	}
	var invoice id.ID
	if err := k.db.Pool.QueryRow(t.Context(), `select id from starlane.invoice where tenant_id = $1`, k.tenant).Scan(&invoice); err != nil {
		t.Fatal(err)
	}
	draft, err := k.gateway.FindInvoice(t.Context(), customer.ID, invoice.String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.gateway.AddLines(t.Context(), "somebody", draft.ID, []payments.InvoiceLine{{LineID: "x", Description: "x", AmountCents: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := k.pusher().Push(t.Context()); err == nil {
		t.Error("a draft that differs by a cent was accepted")
	}
	if state, _ := k.state(t); state != invoicing.Drafted {
		t.Errorf("state = %s, want drafted", state)
	}
}

// Purchases without any event are looked up after a day: paid ones are credited, others end.
func TestStaleTopups(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tenant := s.tenant(t, "prepaid")
	paid, open := s.order(t, tenant, 10*money.USD), s.order(t, tenant, 20*money.USD)
	never := credit.Topup{ID: id.New(), Tenant: tenant, Amount: 5 * money.USD, CreatedBy: "user:test", CreatedAt: time.Now()}
	if err := s.credit.AddTopup(t.Context(), never); err != nil {
		t.Fatal(err)
	}
	s.post(t, "/_sim/checkout/"+paid.Session+"/pay", "")
	if err := s.topups.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.state(t, paid); got != credit.TopupOpen {
		t.Errorf("a fresh purchase is %s, want it left alone", got)
	}
	if _, err := s.db.Pool.Exec(t.Context(), `update starlane.topup set created_at = created_at - interval '2 days'`); err != nil {
		t.Fatal(err)
	}
	if err := s.topups.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for topup, want := range map[id.ID]string{paid.ID: credit.TopupCredited, open.ID: credit.TopupOpen, never.ID: credit.TopupExpired} {
		if got := s.state(t, credit.Topup{ID: topup}); got != want {
			t.Errorf("top-up is %s, want %s", got, want)
		}
	}
	if got := s.avail(t, tenant); got != 10*money.USD {
		t.Errorf("available = %v, want 10.00", got)
	}
	if err := s.topups.PaymentFailed(t.Context(), open.Session); err != nil {
		t.Fatal(err)
	}
	if got := s.state(t, open); got != credit.TopupFailed {
		t.Errorf("after a failed payment: %s, want failed", got)
	}
}
