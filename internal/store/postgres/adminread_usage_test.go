package postgres

import (
	"math/rand/v2"
	"testing"
	"time"

	"starlane/internal/billing/invoicing"
	"starlane/internal/billing/money"
	"starlane/internal/billing/statement"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
	"starlane/internal/platform/secret"
	"starlane/internal/usage"
)

// lineSum is what a line says, or what the requests behind it come to.
type lineSum struct {
	units  int64
	amount money.Amount
}

// behind sums a class over all pages of a list of requests.
func behind(t *testing.T, s *Statements, tenant id.ID, f statement.RequestFilter) (sum lineSum, seen map[id.ID]bool) {
	t.Helper()
	seen = map[id.ID]bool{}
	for ask := (page.Ask{Limit: 3}); ; {
		list, err := s.Requests(t.Context(), tenant, f, ask)
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			r := &list.Items[i]
			if seen[r.ID] {
				t.Errorf("request %s is on two pages", r.ID)
			}
			seen[r.ID] = true
			sum.units += r.Units[f.Class]
			sum.amount += r.Charges[f.Class]
		}
		if list.Next == "" {
			return sum, seen
		}
		ask.After = list.Next
	}
}

// Two invoices of one tenant, several models and classes, some classes free, some requests not charged at all: the requests
// behind every line come to that line in units and to the nano.
func TestRequestsComeToTheirLine(t *testing.T) {
	t.Parallel()
	r := newInvoiceRig(t)
	rng := rand.New(rand.NewPCG(5, 6))
	addPrice(t, r.db, "half", map[string]int64{"in_text": 333_333_333, "in_cached": 0, "out_text": 777_777_777, "out_reasoning": 1})
	tenant, other := addTenant(t, r.db, "postpaid", 100*money.USD), addTenant(t, r.db, "postpaid", 100*money.USD)
	post := func(e usage.Event) id.ID {
		t.Helper()
		r.seq++
		e.Seq = r.seq
		if got, err := r.meter.Process(t.Context(), messagesOf(e), r.fence); err != nil || got.New != 1 || len(got.Letters) != 0 {
			t.Fatalf("post: %+v, %v", got, err)
		}
		return e.ID
	}
	uncharged := map[id.ID]bool{}
	for _, state := range []string{"first", "second"} {
		for n := range 21 {
			e := testEvent(tenant, []string{testModel, "odd", "half"}[n%3], rng.Int64N(400_000), rng.Int64N(90_000))
			e.RequestedModel = "demo/auto" // lines go by what served
			if n%2 == 0 && e.ServedModel != "odd" {
				e.Counts.Set(usage.InCached, rng.Int64N(50_000), usage.Reported)
			}
			if n%4 == 0 && e.ServedModel == "half" {
				e.Counts.Set(usage.OutReasoning, 1+rng.Int64N(900), usage.Derived)
			}
			post(e)
		}
		post(testEvent(other, testModel, 1_000, 1_000))
		gone := testEvent(tenant, testModel, 5_000, 0)
		gone.Outcome, gone.HTTPStatus = usage.ClientGone, 499
		uncharged[post(gone)] = true
		r.clock.Advance(time.Hour)
		if got, err := r.closer.Close(t.Context(), r.month.Format(invoicing.MonthLayout), true, "test"); err != nil || got.Invoices != 2 {
			t.Fatalf("%s invoice: %+v, %v", state, got, err)
		}
	}

	api, err := Open(t.Context(), secret.New(r.db.AppDSN), API)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	s := NewStatements(api)
	invoices, err := s.Invoices(t.Context(), tenant, page.Ask{Limit: 10})
	if err != nil || len(invoices.Items) != 2 {
		t.Fatalf("%d invoices, %v; want 2", len(invoices.Items), err)
	}
	for _, inv := range invoices.Items {
		lines, err := s.Lines(t.Context(), tenant, inv.ID, page.Ask{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		uses := 0
		for _, line := range lines.Items {
			if line.Kind != invoicing.LineUsage {
				continue
			}
			uses++
			got, seen := behind(t, s, tenant, statement.RequestFilter{Invoice: inv.ID, Model: line.Model, Class: line.Class})
			if want := (lineSum{line.Units, line.Amount}); got != want {
				t.Errorf("%s %s · %s: the requests come to %+v, want the line's %+v", inv.Number, line.Model, line.Class, got, want)
			}
			for r := range seen {
				if uncharged[r] {
					t.Errorf("%s %s · %s: request %s was not charged and is listed", inv.Number, line.Model, line.Class, r)
				}
			}
		}
		if uses != 3+3+4 {
			t.Errorf("%s has %d lines of use, want three of demo/echo, three of odd and four of half", inv.Number, uses)
		}
	}
	_, seen := behind(t, s, tenant, statement.RequestFilter{Model: testModel, Class: "in_text"})
	for r := range uncharged {
		if !seen[r] {
			t.Errorf("request %s counted in_text and is not among those that did", r)
		}
	}
}
