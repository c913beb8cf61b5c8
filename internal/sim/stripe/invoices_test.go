package stripe_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	stripego "github.com/stripe/stripe-go/v79"
)

func (f *fixture) draft(t testing.TB, customer string, cents ...int64) *stripego.Invoice {
	t.Helper()
	inv, err := f.api.Invoices.New(&stripego.InvoiceParams{
		Customer: stripego.String(customer), AutoAdvance: stripego.Bool(false), CollectionMethod: stripego.String("send_invoice"),
		DaysUntilDue: stripego.Int64(14), PendingInvoiceItemsBehavior: stripego.String("exclude"), Currency: stripego.String("usd"),
		AutomaticTax: &stripego.InvoiceAutomaticTaxParams{Enabled: stripego.Bool(false)},
	})
	require.NoError(t, err)
	params := &stripego.InvoiceAddLinesParams{}
	for i, c := range cents {
		params.Lines = append(params.Lines, &stripego.InvoiceAddLinesLineParams{
			Amount: stripego.Int64(c), Description: stripego.String(fmt.Sprintf("line %d", i)),
			Metadata: map[string]string{"line_id": fmt.Sprint(i)},
			Period:   &stripego.InvoiceAddLinesLinePeriodParams{Start: stripego.Int64(start.Unix()), End: stripego.Int64(start.Unix() + 60)},
		})
	}
	if len(cents) > 0 {
		inv, err = f.api.Invoices.AddLines(inv.ID, params)
		require.NoError(t, err)
	}
	return inv
}

func TestInvoiceFromDraftToPaid(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cus := f.customer(t)
	cents := make([]int64, 25)
	var sum int64
	for i := range cents {
		cents[i] = int64(100 + i)
		sum += cents[i]
	}
	inv := f.draft(t, cus.ID, cents...)
	require.Equal(t, stripego.InvoiceStatusDraft, inv.Status)
	require.Equal(t, sum, inv.Subtotal)
	require.Len(t, inv.Lines.Data, 10)
	require.True(t, inv.Lines.HasMore)

	params := &stripego.InvoiceListLinesParams{Invoice: stripego.String(inv.ID)}
	params.Limit = stripego.Int64(7)
	lines, n := f.api.Invoices.ListLines(params), 0
	for lines.Next() {
		require.Equal(t, fmt.Sprint(n), lines.InvoiceLineItem().Metadata["line_id"])
		n++
	}
	require.NoError(t, lines.Err())
	require.Equal(t, 25, n)

	inv, err := f.api.Invoices.FinalizeInvoice(inv.ID, &stripego.InvoiceFinalizeInvoiceParams{AutoAdvance: stripego.Bool(true)})
	require.NoError(t, err)
	require.Equal(t, stripego.InvoiceStatusOpen, inv.Status)
	require.NotEmpty(t, inv.Number)
	require.Equal(t, start.Add(14*24*time.Hour).Unix(), inv.DueDate)
	_, err = f.api.Invoices.AddLines(inv.ID, &stripego.InvoiceAddLinesParams{Lines: []*stripego.InvoiceAddLinesLineParams{{Amount: stripego.Int64(1)}}})
	require.Equal(t, 400, stripeError(t, err).HTTPStatusCode)
	inv, err = f.api.Invoices.SendInvoice(inv.ID, nil)
	require.NoError(t, err)

	inv, err = f.api.Invoices.Pay(inv.ID, &stripego.InvoicePayParams{PaymentMethod: stripego.String("pm_card_visa"), OffSession: stripego.Bool(true)})
	require.NoError(t, err)
	require.True(t, inv.Paid)
	require.Equal(t, sum, inv.AmountPaid)
	require.Equal(t, sum, f.sim.Cash()["usd"].Charges)
	_, err = f.api.Invoices.VoidInvoice(inv.ID, nil)
	require.Equal(t, 400, stripeError(t, err).HTTPStatusCode)

	for _, path := range []string{inv.HostedInvoiceURL, inv.InvoicePDF} {
		resp, err := http.Get(path)
		require.NoError(t, err)
		_ = resp.Body.Close()
		require.Equal(t, 200, resp.StatusCode, path)
	}
}

func TestInvoiceDeclined(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	inv := f.draft(t, f.customer(t).ID, 5000)
	_, err := f.api.Invoices.FinalizeInvoice(inv.ID, nil)
	require.NoError(t, err)
	_, err = f.api.Invoices.Pay(inv.ID, &stripego.InvoicePayParams{PaymentMethod: stripego.String("pm_card_chargeCustomerFail")})
	se := stripeError(t, err)
	require.Equal(t, stripego.ErrorCodeCardDeclined, se.Code)
	require.NotNil(t, se.PaymentIntent)
	inv, err = f.api.Invoices.Get(inv.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripego.InvoiceStatusOpen, inv.Status)
	inv, err = f.api.Invoices.MarkUncollectible(inv.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripego.InvoiceStatusUncollectible, inv.Status)
}

func TestInvoiceBelowTheSmallestCharge(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cus := f.customer(t)
	inv := f.draft(t, cus.ID, 30)
	inv, err := f.api.Invoices.FinalizeInvoice(inv.ID, nil)
	require.NoError(t, err)
	require.True(t, inv.Paid)
	cus, err = f.api.Customers.Get(cus.ID, nil)
	require.NoError(t, err)
	require.EqualValues(t, 30, cus.Balance)
	require.Zero(t, f.sim.Cash()["usd"].Charges)
}

func TestAutoAdvance(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cus := f.customer(t)
	inv, err := f.api.Invoices.New(&stripego.InvoiceParams{
		Customer: stripego.String(cus.ID), AutoAdvance: stripego.Bool(true), DefaultPaymentMethod: stripego.String("pm_card_visa"),
	})
	require.NoError(t, err)
	_, err = f.api.InvoiceItems.New(&stripego.InvoiceItemParams{
		Customer: stripego.String(cus.ID), Invoice: stripego.String(inv.ID), Amount: stripego.Int64(900), Currency: stripego.String("usd"),
	})
	require.NoError(t, err)
	f.control(t, http.MethodPost, "/_sim/clock/advance", map[string]int{"seconds": 3600}, nil)
	inv, err = f.api.Invoices.Get(inv.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripego.InvoiceStatusPaid, inv.Status)
}

func TestAutomaticTax(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cus, err := f.api.Customers.New(&stripego.CustomerParams{Address: &stripego.AddressParams{Country: stripego.String("DE")}})
	require.NoError(t, err)
	inv, err := f.api.Invoices.New(&stripego.InvoiceParams{
		Customer: stripego.String(cus.ID), AutomaticTax: &stripego.InvoiceAutomaticTaxParams{Enabled: stripego.Bool(true)},
	})
	require.NoError(t, err)
	inv, err = f.api.Invoices.AddLines(inv.ID, &stripego.InvoiceAddLinesParams{Lines: []*stripego.InvoiceAddLinesLineParams{{Amount: stripego.Int64(10000)}}})
	require.NoError(t, err)
	require.EqualValues(t, 10000, inv.Subtotal)
	require.EqualValues(t, 1900, inv.Tax)
	require.EqualValues(t, 11900, inv.Total)
}

func TestCreditNotes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	inv := f.draft(t, f.customer(t).ID, 1000)
	_, err := f.api.Invoices.FinalizeInvoice(inv.ID, nil)
	require.NoError(t, err)
	_, err = f.api.Invoices.Pay(inv.ID, &stripego.InvoicePayParams{PaymentMethod: stripego.String("pm_card_visa")})
	require.NoError(t, err)
	note, err := f.api.CreditNotes.New(&stripego.CreditNoteParams{
		Invoice: stripego.String(inv.ID), Amount: stripego.Int64(400), RefundAmount: stripego.Int64(400),
	})
	require.NoError(t, err)
	require.NotNil(t, note.Refund)
	require.EqualValues(t, 400, f.sim.Cash()["usd"].Refunds)
	_, err = f.api.CreditNotes.New(&stripego.CreditNoteParams{
		Invoice: stripego.String(inv.ID), Amount: stripego.Int64(601), RefundAmount: stripego.Int64(601),
	})
	require.Equal(t, 400, stripeError(t, err).HTTPStatusCode, "never more than the invoice")
}
