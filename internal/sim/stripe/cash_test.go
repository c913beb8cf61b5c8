package stripe_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	stripego "github.com/stripe/stripe-go/v79"
	"pgregory.net/rapid"

	"starlane/internal/sim/stripe"
)

// bookkeeper writes down, from the client's side alone, what must have happened to the money.
type bookkeeper struct {
	f        *fixture
	customer string
	want     stripe.CashFlow
	paid     map[string]int64 // intent → cents not yet refunded
	ops      int
}

func (b *bookkeeper) opID() *string {
	b.ops++
	return stripego.String(fmt.Sprintf("op-%d", b.ops))
}

func (b *bookkeeper) charged(intent string, cents int64) {
	b.paid[intent] = cents
	b.want.Charges += cents
	b.want.Fees += (cents*29+500)/1000 + 30
	b.want.Transactions++
}

var hundred = stripego.ListParams{Limit: stripego.Int64(100)}

var propertyCards = []string{
	"pm_card_visa", "pm_card_mastercard", "pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds", "pm_card_authenticationRequired", "pm_card_refundFail",
}

// charge sends the same payment up to three times under one key, through whatever faults are in force.
func (b *bookkeeper) charge(t *rapid.T) {
	cents := rapid.Int64Range(50, 500_000).Draw(t, "cents")
	card := rapid.SampledFrom(propertyCards).Draw(t, "card")
	params := &stripego.PaymentIntentParams{
		Amount: stripego.Int64(cents), Currency: stripego.String("usd"), PaymentMethod: stripego.String(card), Confirm: stripego.Bool(true), OffSession: stripego.Bool(true),
	}
	params.IdempotencyKey = b.opID()
	sends := rapid.IntRange(1, 3).Draw(t, "sends")
	var last *stripego.PaymentIntent
	for range sends {
		if pi, err := b.f.api.PaymentIntents.New(params); err == nil {
			last = pi
		}
	}
	if err := b.f.sim.SetFaults(stripe.FaultPlan{}); err != nil {
		t.Fatal(err)
	}
	if pi, err := b.f.api.PaymentIntents.New(params); err == nil {
		last = pi
	}
	if last != nil && last.Status == stripego.PaymentIntentStatusSucceeded {
		b.charged(last.ID, cents)
	}
}

func (b *bookkeeper) checkout(t *rapid.T, tb testing.TB) {
	cents := rapid.Int64Range(50, 500_000).Draw(t, "cents")
	session := b.f.session(tb, b.customer, cents)
	for _, action := range rapid.SliceOfN(rapid.SampledFrom([]string{"pay", "decline"}), 1, 4).Draw(t, "actions") {
		b.f.control(tb, http.MethodPost, "/_sim/checkout/"+session.ID+"/"+action, nil, nil)
	}
	now, err := b.f.api.CheckoutSessions.Get(session.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if now.PaymentStatus == stripego.CheckoutSessionPaymentStatusPaid {
		b.charged(now.PaymentIntent.ID, cents)
	}
}

func (b *bookkeeper) invoice(t *rapid.T, tb testing.TB) {
	cents := rapid.SliceOfN(rapid.Int64Range(1, 5000), 1, 5).Draw(t, "lines")
	var sum int64
	for _, c := range cents {
		sum += c
	}
	inv := b.f.draft(tb, b.customer, cents...)
	if _, err := b.f.api.Invoices.FinalizeInvoice(inv.ID, nil); err != nil {
		t.Fatal(err)
	}
	if sum < 50 {
		return // goes to the customer's balance
	}
	card := rapid.SampledFrom([]string{"pm_card_visa", "pm_card_chargeDeclined"}).Draw(t, "card")
	paid, err := b.f.api.Invoices.Pay(inv.ID, &stripego.InvoicePayParams{PaymentMethod: stripego.String(card)})
	if err == nil {
		b.charged(paid.PaymentIntent.ID, sum)
	}
}

func (b *bookkeeper) refund(t *rapid.T) {
	if len(b.paid) == 0 {
		return
	}
	ids := make([]string, 0, len(b.paid))
	for id := range b.paid {
		ids = append(ids, id)
	}
	id := rapid.SampledFrom(sorted(ids)).Draw(t, "intent")
	cents := rapid.Int64Range(1, b.paid[id]+10).Draw(t, "cents")
	_, err := b.f.api.Refunds.New(&stripego.RefundParams{PaymentIntent: stripego.String(id), Amount: stripego.Int64(cents)})
	var se *stripego.Error
	switch tooMuch := cents > b.paid[id]; {
	case tooMuch && errors.As(err, &se) && se.HTTPStatusCode == http.StatusBadRequest:
		return
	case tooMuch || err != nil:
		t.Fatalf("refund of %d with %d left: %v", cents, b.paid[id], err)
	}
	b.want.Refunds += cents
	b.want.Transactions++
	if b.paid[id] -= cents; b.paid[id] == 0 {
		delete(b.paid, id)
	}
}

// advance lets asynchronous refunds fail; each failure brings its money back.
func (b *bookkeeper) advance(t *rapid.T) {
	if _, err := b.f.sim.Advance(t.Context(), 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	b.want.RefundFailures = 0
	failed := int64(0)
	it := b.f.api.Refunds.List(&stripego.RefundListParams{ListParams: hundred})
	for it.Next() {
		if it.Refund().Status == stripego.RefundStatusFailed {
			b.want.RefundFailures += it.Refund().Amount
			failed++
		}
	}
	if it.Err() != nil {
		t.Fatal(it.Err())
	}
	// A failed refund makes room for another one; the list of what can be refunded is read anew.
	charges := b.f.api.Charges.List(&stripego.ChargeListParams{ListParams: hundred})
	b.paid = map[string]int64{}
	b.want.Transactions = int(failed)
	for charges.Next() {
		if ch := charges.Charge(); ch.Paid {
			b.want.Transactions++
			if left := ch.Amount - ch.AmountRefunded; left > 0 {
				b.paid[ch.PaymentIntent.ID] = left
			}
		}
	}
	refunds := b.f.api.Refunds.List(&stripego.RefundListParams{ListParams: hundred})
	for refunds.Next() {
		b.want.Transactions++
	}
}

func (b *bookkeeper) fault(t *rapid.T) {
	kind := rapid.SampledFrom([]string{
		stripe.FaultCutAfter, stripe.FaultErrorBefore, stripe.FaultErrorAfter, stripe.FaultRateLimit, stripe.FaultOutage,
	}).Draw(t, "fault")
	plan := stripe.FaultPlan{Rules: []stripe.Fault{{Kind: kind, Method: http.MethodPost, Path: "/v1/payment_intents", Times: rapid.IntRange(1, 2).Draw(t, "times")}}}
	if err := b.f.sim.SetFaults(plan); err != nil {
		t.Fatal(err)
	}
	b.charge(t)
	b.countUnseen(t)
}

// TestCashEqualsPaymentsLessRefundsAndFees drives random payments, refunds and faults. A 500 after the commit is the one
// case in which the client cannot know, so such charges are counted from the charge list.
func TestCashEqualsPaymentsLessRefundsAndFees(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		b := &bookkeeper{f: f, customer: f.customer(t).ID, paid: map[string]int64{}}
		actions := map[string]func(*rapid.T){
			"charge": b.charge, "refund": b.refund, "advance": b.advance, "fault": b.fault,
			"checkout": func(rt *rapid.T) { b.checkout(rt, t) },
			"invoice":  func(rt *rapid.T) { b.invoice(rt, t) },
		}
		names := rapid.SampledFrom(sorted(slices.Collect(maps.Keys(actions))))
		for _, name := range rapid.SliceOfN(names, 1, 10).Draw(rt, "actions") {
			actions[name](rt)
			b.want.Net = b.want.Charges - b.want.Refunds + b.want.RefundFailures - b.want.Fees
			if got := f.sim.Cash()["usd"]; got != b.want {
				rt.Fatalf("after %s: cash %+v, want %+v", name, got, b.want)
			}
		}
	})
}

// countUnseen adds the charges whose success was answered with a 500: nobody was told their intent.
func (b *bookkeeper) countUnseen(t *rapid.T) {
	var charges int64
	it := b.f.api.Charges.List(&stripego.ChargeListParams{ListParams: hundred})
	for it.Next() {
		ch := it.Charge()
		if !ch.Paid {
			continue
		}
		charges += ch.Amount
		if _, known := b.paid[ch.PaymentIntent.ID]; !known && ch.AmountRefunded == 0 {
			b.charged(ch.PaymentIntent.ID, ch.Amount)
		}
	}
	if it.Err() != nil {
		t.Fatal(it.Err())
	}
	if charges != b.want.Charges {
		t.Fatalf("charges in the list %d, want %d", charges, b.want.Charges)
	}
}

func TestNoMoneyFromRefusedCards(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for range 3 {
		_, err := f.charge(t, 1000, "pm_card_chargeDeclined", true)
		require.Error(t, err)
	}
	require.Equal(t, stripe.CashFlow{}, f.sim.Cash()["usd"])
}
