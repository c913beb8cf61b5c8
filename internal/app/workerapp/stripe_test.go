package workerapp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"starlane/internal/app/cashier"
	"starlane/internal/billing/credit"
	"starlane/internal/billing/ledger"
	"starlane/internal/billing/money"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/sim/stripe"
	"starlane/internal/store/postgres"
	"starlane/internal/testkit/pgtest"
	"starlane/internal/testkit/redistest"
	"starlane/internal/usage"
	"starlane/internal/worker"
)

// shop is a worker with a simulated Stripe that sends no webhooks: events come by polling or from the test.
type shop struct {
	*App
	db     *pgtest.DB
	sim    *stripe.Server
	url    string
	topups *credit.Topups // as the api has them
	events *worker.Events
}

func newShop(t testing.TB) *shop {
	t.Helper()
	db, rds := pgtest.New(t), redistest.New(t)
	s := &shop{db: db, sim: stripe.New(stripe.Config{Seed: 1, Clock: clock.System{}})}
	srv := httptest.NewServer(s.sim)
	t.Cleanup(func() { srv.Close(); s.sim.Close() })
	s.url = srv.URL
	cfg := testConfig(t, db, rds)
	cfg.Stripe.Key, cfg.Stripe.URL = secret.New("sk_test_1"), srv.URL
	s.App, _ = startApp(t, cfg)
	gateway, err := cashier.Open(cfg.Stripe)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gateway.Close)
	api, err := postgres.Open(t.Context(), secret.New(db.AppDSN), postgres.API)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	s.topups = credit.NewTopups(postgres.NewCredit(postgres.NewLedger(api)), cashier.NewPages(gateway), clock.System{}, s.log, nil)
	s.events = worker.NewEvents(eventStore{postgres.NewStripeEvents(api)}, listEvents(gateway), nil, s.log)
	return s
}

func (s *shop) post(t testing.TB, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode/100 != 2 {
		t.Fatalf("POST %s: %s", path, res.Status)
	}
}

func (s *shop) tenant(t testing.TB, mode string) id.ID {
	t.Helper()
	tenant := seedTenant(t, s.db)
	_, err := s.db.Pool.Exec(t.Context(), `
		update starlane.tenant set billing_mode = $2, credit_limit_nano = 1000000000000, billing_email = 'pay@example.com' where id = $1`, tenant, mode)
	if err != nil {
		t.Fatal(err)
	}
	return tenant
}

func (s *shop) order(t testing.TB, tenant id.ID, amount money.Amount) credit.Topup {
	t.Helper()
	topup, err := s.topups.Create(t.Context(), credit.Order{Tenant: tenant, Amount: amount, By: "user:test", SuccessURL: "http://localhost/ok", CancelURL: "http://localhost/no"})
	if err != nil {
		t.Fatal(err)
	}
	return topup
}

func (s *shop) state(t testing.TB, topup credit.Topup) string {
	t.Helper()
	var state string
	if err := s.db.Pool.QueryRow(t.Context(), `select state from starlane.topup where id = $1`, topup.ID).Scan(&state); err != nil {
		t.Fatal(err)
	}
	return state
}

// avail is what the tenant can spend: what is left of its lots, and what a slice has set aside for relays meanwhile.
func (s *shop) avail(t testing.TB, tenant id.ID) money.Amount {
	t.Helper()
	st, err := s.credit.Standing(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	sum := st.Avail
	for _, h := range st.Holds {
		sum += h.Amount - h.Settled
	}
	return sum
}

// hint stores an event as a webhook would.
func (s *shop) hint(t testing.TB, event, kind, object string) {
	t.Helper()
	_, err := postgres.NewStripeEvents(s.pool).Add(t.Context(), postgres.StripeEvent{ID: event, Type: kind, ObjectID: object, Created: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
}

// Paid is credited once, however many events tell of it, at the same time and from several sides.
func TestTopupIsCreditedOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tenant := s.tenant(t, "prepaid")
	topup := s.order(t, tenant, 20*money.USD)
	if topup.State != credit.TopupOpen || topup.URL == "" {
		t.Fatalf("order = %+v; want an open page", topup)
	}
	s.hint(t, "evt_early", "checkout.session.completed", topup.Session) // a false alarm
	eventually(t, 5*time.Second, "the false alarm is dealt with", func() bool {
		var state string
		err := s.db.Pool.QueryRow(t.Context(), `select state from starlane.stripe_event where id = 'evt_early'`).Scan(&state)
		return err == nil && state == "done"
	})
	if got := s.avail(t, tenant); got != 0 {
		t.Fatalf("available before payment = %v, want 0", got)
	}
	s.post(t, "/_sim/checkout/"+topup.Session+"/pay", "")
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if err := s.topups.PageChanged(context.WithoutCancel(t.Context()), topup.Session); err != nil {
				t.Errorf("PageChanged: %v", err)
			}
		})
	}
	for _, event := range []string{"evt_1", "evt_2", "evt_1"} {
		s.hint(t, event, "checkout.session.completed", topup.Session)
	}
	wg.Wait()
	eventually(t, 5*time.Second, "credit", func() bool { return s.state(t, topup) == credit.TopupCredited })
	if got := s.avail(t, tenant); got != 20*money.USD {
		t.Errorf("available = %v, want 20.00", got)
	}
	eventually(t, 5*time.Second, "all events dealt with", func() bool {
		var n int
		err := s.db.Pool.QueryRow(t.Context(), `select count(*) from starlane.stripe_event where state = 'pending'`).Scan(&n)
		return err == nil && n == 0
	})
	cash, err := s.ledger.Balance(t.Context(), ledger.Platform(ledger.Cash))
	if err != nil || cash != money.Amount(s.sim.Cash()["usd"].Charges)*money.Cent {
		t.Errorf("cash = %v, %v; Stripe has %+v", cash, err, s.sim.Cash())
	}
}

// Without any webhook the poll finds the payment.
func TestTopupByPollAlone(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tenant := s.tenant(t, "prepaid")
	topup := s.order(t, tenant, 10*money.USD)
	s.post(t, "/_sim/checkout/"+topup.Session+"/pay", "")
	if err := s.events.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "credit", func() bool { return s.avail(t, tenant) == 10*money.USD })
}

func TestTopupRefusesOtherAmount(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tenant := s.tenant(t, "prepaid")
	topup := s.order(t, tenant, 10*money.USD)
	if _, err := s.db.Pool.Exec(t.Context(), `update starlane.topup set amount_nano = amount_nano * 2 where id = $1`, topup.ID); err != nil {
		t.Fatal(err)
	}
	s.post(t, "/_sim/checkout/"+topup.Session+"/pay", "")
	s.hint(t, "evt_1", "checkout.session.completed", topup.Session)
	eventually(t, 5*time.Second, "quarantine", func() bool { return s.state(t, topup) == credit.TopupQuarantined })
	if got := s.avail(t, tenant); got != 0 {
		t.Errorf("available = %v, want nothing", got)
	}
}

// Usage of a post-paid tenant goes on an invoice, to Stripe, and its payment into the ledger.
func TestInvoiceThroughStripe(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tenant := s.tenant(t, "postpaid")
	var events []usage.Event
	for i := range 300 {
		e := event(tenant, id.Nil, uint64(i+1))
		e.Counts.Set(usage.InText, 10_007, usage.Reported)
		events = append(events, e)
	}
	const total = 300 * (10_007_000 + 1_000_000) // 3.3021 USD
	if err := s.redis.AddEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	month := time.Now().UTC().Format("2006-01")
	if _, err := s.db.Pool.Exec(t.Context(), `insert into starlane.period (month, state, force) values ($1, 'closing', true)`, month); err != nil {
		t.Fatal(err)
	}
	var state, remote string
	var cents, carry, use int64
	eventually(t, 15*time.Second, "a finalised invoice", func() bool {
		err := s.db.Pool.QueryRow(t.Context(), `
			select state, coalesce(stripe_id, ''), billed_cents, carry_out_nano, usage_nano from starlane.invoice where tenant_id = $1`, tenant).
			Scan(&state, &remote, &cents, &carry, &use)
		return err == nil && state == "finalized"
	})
	if use != total || cents != 330 || carry != total-330*int64(money.Cent) {
		t.Errorf("invoice: use %d, %d cents, carry %d; want %d, 330, %d", use, cents, carry, total, total-330*int64(money.Cent))
	}
	lines, err := s.gateway.ListLines(t.Context(), remote)
	if err != nil || len(lines) < 2 {
		t.Errorf("Stripe has %d lines, %v; want one for each class", len(lines), err)
	}
	for _, l := range lines {
		cents -= l.AmountCents
	}
	if cents != 0 {
		t.Errorf("Stripe's lines differ from the bill by %d cents", cents)
	}
	s.post(t, "/i/"+remote, "action=pay")
	if err := s.events.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "the payment in the ledger", func() bool {
		err := s.db.Pool.QueryRow(t.Context(), `select state from starlane.invoice where tenant_id = $1`, tenant).Scan(&state)
		return err == nil && state == "paid"
	})
	owed, err := s.ledger.Balance(t.Context(), ledger.ReceivableOf(tenant))
	if err != nil || owed != money.Amount(carry) {
		t.Errorf("owed after payment = %v, %v; want the carry of %v", owed, err, money.Amount(carry))
	}
	var p string
	if err := s.db.Pool.QueryRow(t.Context(), `select state from starlane.period where month = $1`, month).Scan(&p); err != nil || p != "open" {
		t.Errorf("the month is %s, %v; want open, as it is not over", p, err)
	}
	if err := s.checkBooks(t.Context()); err != nil {
		t.Fatal(err)
	}
}
