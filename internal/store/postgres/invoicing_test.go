package postgres

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"starlane/internal/billing/credit"
	"starlane/internal/billing/invoicing"
	"starlane/internal/billing/ledger"
	"starlane/internal/billing/money"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
)

const grace = 2 * time.Hour

type invoiceRig struct {
	*creditRig
	closer *invoicing.Closer
	store  *Invoicing
	month  time.Time
}

func newInvoiceRig(t testing.TB) *invoiceRig {
	t.Helper()
	r := &invoiceRig{creditRig: newCreditRig(t)}
	now := r.clock.Now()
	r.month = time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	r.clock.Advance(r.month.AddDate(0, 0, 9).Add(7 * time.Hour).Sub(now)) // the 10th of this month
	r.store = NewInvoicing(r.ledger)
	log := slog.New(slog.DiscardHandler)
	r.closer = invoicing.NewCloser(r.store, func(context.Context) error { return nil }, r.clock, grace, log)
	return r
}

func (r *invoiceRig) close(t testing.TB, month time.Time, force bool, want invoicing.Outcome) {
	t.Helper()
	got, err := r.closer.Close(t.Context(), month.Format(invoicing.MonthLayout), force, "test")
	if err != nil || got.Invoices != want.Invoices || got.Closed != want.Closed {
		t.Fatalf("Close(%s) at %s = %+v, %v; want %+v", month.Format("2006-01"), r.clock.Now().Format(time.RFC3339), got, err, want)
	}
	soundBooks(t.Context(), t, r.ledger)
}

// use posts events of random sizes and returns what they cost.
func (r *invoiceRig) use(t testing.TB, rng *rand.Rand, tenant id.ID, n int) money.Amount {
	t.Helper()
	var sum money.Amount
	for range n {
		e := testEvent(tenant, []string{testModel, "odd"}[rng.IntN(2)], rng.Int64N(400_000), rng.Int64N(90_000))
		r.seq++
		e.Seq = r.seq
		got, err := r.meter.Process(t.Context(), messagesOf(e), r.fence)
		if err != nil || got.New != 1 {
			t.Fatalf("use: %+v, %v", got, err)
		}
		sum += got.Charged[tenant]
	}
	return sum
}

type invoiceSum struct {
	count                                     int
	usage, credit, billed, carryOut, lineNano money.Amount
}

func (r *invoiceRig) invoices(t testing.TB, tenant id.ID) invoiceSum {
	t.Helper()
	var s invoiceSum
	var cents int64
	err := r.db.Pool.QueryRow(t.Context(), `
		select count(*), coalesce(sum(usage_nano), 0)::bigint, coalesce(sum(credit_nano), 0)::bigint, coalesce(sum(billed_cents), 0)::bigint,
			coalesce((select carry_out_nano from starlane.invoice where tenant_id = $1 order by period_start desc limit 1), 0),
			coalesce((select sum(amount_nano) from starlane.invoice_line where tenant_id = $1 and kind = 'usage'), 0)::bigint
		from starlane.invoice where tenant_id = $1`, tenant).Scan(&s.count, &s.usage, &s.credit, &cents, &s.carryOut, &s.lineNano)
	if err != nil {
		t.Fatal(err)
	}
	s.billed = money.Amount(cents) * money.Cent
	return s
}

// Three months of three tenants, one month closed early twice: every nano of use is on exactly one invoice, what credit
// covered is credited, the rest is billed or carried, and what is owed is what was billed and carried.
func TestCloseOverMonths(t *testing.T) {
	t.Parallel()
	r := newInvoiceRig(t)
	rng := rand.New(rand.NewPCG(3, 4))
	rich, poor, line := addTenant(t, r.db, "prepaid", 0), addTenant(t, r.db, "prepaid", 0), addTenant(t, r.db, "postpaid", 100*money.USD)
	grant(t, r.credit, rich, credit.Purchase, "topup:1", 500*money.USD, nil)
	grant(t, r.credit, poor, credit.Promo, "promo:1", money.USD, nil)
	used := map[id.ID]money.Amount{}
	work := func() {
		for _, tenant := range []id.ID{rich, poor, line} {
			used[tenant] += r.use(t, rng, tenant, 8)
		}
	}
	first, second, third := r.month, r.month.AddDate(0, 1, 0), r.month.AddDate(0, 2, 0)

	work()
	r.clock.Advance(time.Hour)
	r.close(t, first, true, invoicing.Outcome{Invoices: 3}) // early
	r.clock.Advance(time.Hour)
	r.close(t, first, true, invoicing.Outcome{}) // again, nothing has happened
	work()
	r.clock.Advance(time.Hour)
	r.close(t, first, true, invoicing.Outcome{Invoices: 3})
	work()
	r.clock.Advance(first.AddDate(0, 1, 0).Add(grace).Sub(r.clock.Now()))
	work() // late: it belongs to the next month
	r.close(t, first, false, invoicing.Outcome{Invoices: 3, Closed: true})
	r.close(t, first, false, invoicing.Outcome{Closed: true})
	r.close(t, first, true, invoicing.Outcome{Closed: true})

	grant(t, r.credit, poor, credit.Purchase, "topup:2", 5*money.USD, nil) // pays what is carried
	r.clock.Advance(second.AddDate(0, 1, 0).Add(grace).Sub(r.clock.Now()))
	r.close(t, second, false, invoicing.Outcome{Invoices: 3, Closed: true})
	r.clock.Advance(time.Hour)
	work()
	r.clock.Advance(third.AddDate(0, 1, 0).Add(grace).Sub(r.clock.Now()))
	r.close(t, third, false, invoicing.Outcome{Invoices: 3, Closed: true})

	for name, tenant := range map[string]id.ID{"rich": rich, "poor": poor, "line": line} {
		s := r.invoices(t, tenant)
		if s.count != 5 || s.usage != used[tenant] || s.lineNano != used[tenant] {
			t.Errorf("%s: %d invoices of %v use (lines %v); want 5 of %v", name, s.count, s.usage, s.lineNano, used[tenant])
		}
		if s.usage-s.credit != s.billed+s.carryOut {
			t.Errorf("%s: use %v less credit %v is not billed %v and carried %v", name, s.usage, s.credit, s.billed, s.carryOut)
		}
		if owed := r.balance(t, ledger.ReceivableOf(tenant)); owed != s.billed+s.carryOut {
			t.Errorf("%s owes %v; want %v billed and %v carried", name, owed, s.billed, s.carryOut)
		}
		if name != "line" && s.billed != 0 {
			t.Errorf("%s is prepaid and was billed %v", name, s.billed)
		}
		if name == "rich" && s.credit != s.usage {
			t.Errorf("rich: credit %v, want all of %v", s.credit, s.usage)
		}
	}
	// A closed month takes no posting, even from a clock that went wrong.
	back := NewLedgerAt(r.ledger.pool, clock.NewFake(first.AddDate(0, 0, 15)))
	if _, err := back.Post(t.Context(), grantTxn(rich, id.New(), money.USD, "promo:late")); Code(err) != "23000" {
		t.Errorf("posting into a closed month: err = %v, want it refused", err)
	}
}

func TestCloseRefuses(t *testing.T) {
	t.Parallel()
	r := newInvoiceRig(t)
	tenant := addTenant(t, r.db, "postpaid", money.USD)
	r.spend(t, tenant, id.Nil, money.Cent)
	next := r.month.AddDate(0, 1, 0)
	refused := func(name string, month time.Time, force bool) {
		t.Helper()
		_, err := r.closer.Close(t.Context(), month.Format(invoicing.MonthLayout), force, "test")
		if !apperr.Is(err, apperr.Unprocessable) {
			t.Errorf("%s: err = %v, want a refusal", name, err)
		}
		p, err := r.store.Period(t.Context(), month.Format(invoicing.MonthLayout))
		if err != nil || p.State != invoicing.PeriodOpen {
			t.Errorf("%s: the month is %s, %v; want open", name, p.State, err)
		}
	}
	refused("not begun", next, true)
	refused("not over", r.month, false)
	r.clock.Advance(next.Add(grace - time.Minute).Sub(r.clock.Now()))
	refused("in grace", r.month, false)
	refused("earlier month is open", next, true)
	r.clock.Advance(time.Minute)
	if _, err := r.db.Pool.Exec(t.Context(), `insert into starlane.dead_letter (stream_ref, received_at, reason, payload) values ('x', $1, 'x', '{}')`, r.month); err != nil {
		t.Fatal(err)
	}
	refused("dead letter", r.month, false)
	if err := r.meterRig.store.Resolve(t.Context(), "x", "test"); err != nil {
		t.Fatal(err)
	}
	r.close(t, r.month, false, invoicing.Outcome{Invoices: 1, Closed: true})
	if _, err := r.closer.Close(t.Context(), "november", false, "test"); !apperr.Is(err, apperr.InvalidRequest) {
		t.Errorf("no month: err = %v, want invalid_request", err)
	}
}

// When the books disagree nothing is billed and the month stays open.
func TestCloseStopsAtMismatch(t *testing.T) {
	t.Parallel()
	r := newInvoiceRig(t)
	tenant := addTenant(t, r.db, "postpaid", 10*money.USD)
	r.spend(t, tenant, id.Nil, money.USD)
	if _, err := r.db.Pool.Exec(t.Context(), `update starlane.usage_rollup set charge_nano = charge_nano + 1 where class = 'in_text'`); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(r.month.AddDate(0, 1, 0).Add(grace).Sub(r.clock.Now()))
	if _, err := r.closer.Close(t.Context(), r.month.Format(invoicing.MonthLayout), false, "test"); err == nil {
		t.Error("closed over a roll-up that is off by a nano")
	}
	p, err := r.store.Period(t.Context(), r.month.Format(invoicing.MonthLayout))
	if err != nil || p.State != invoicing.PeriodOpen || r.invoices(t, tenant).count != 0 {
		t.Errorf("the month is %s with %d invoices, %v; want open with none", p.State, r.invoices(t, tenant).count, err)
	}
}
