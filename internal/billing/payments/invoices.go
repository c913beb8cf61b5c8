package payments

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stripe/stripe-go/v79"
)

const (
	linesPerCall = 50
	// MaxInvoiceLines is how many lines Stripe takes on one invoice.
	MaxInvoiceLines = 250
)

// InvoiceRequest asks for an empty draft. Everything in it must be the same when OpID is used again.
type InvoiceRequest struct {
	OpID         string
	TenantID     string
	InvoiceID    string // our row
	CustomerID   string
	Currency     string // "usd"
	Period       string // for people, for example "2026-11"
	Description  string
	DaysUntilDue int // above zero: the customer pays a sent invoice; zero: the default card is charged
}

// InvoiceLine is one line. PeriodStart and PeriodEnd may be zero.
type InvoiceLine struct {
	LineID      string // our row
	Description string
	AmountCents int64
	PeriodStart time.Time
	PeriodEnd   time.Time
}

// Invoice is an invoice at Stripe. Amounts are cents; SubtotalCents is what must equal our ledger before it is finalised.
type Invoice struct {
	ID              string
	InvoiceID       string // our row
	TenantID        string
	Status          string // draft, open, paid, void or uncollectible
	Number          string
	CustomerID      string
	Currency        string
	SubtotalCents   int64
	TaxCents        int64
	TotalCents      int64
	DueCents        int64
	PaidCents       int64
	RemainingCents  int64
	PaymentIntentID string
	HostedURL       string
	PDFURL          string
	DueAt           time.Time // zero: at once
}

// CreateInvoiceDraft makes an empty draft that Stripe will not finalise by itself and that takes no stray items.
func (g *Gateway) CreateInvoiceDraft(ctx context.Context, req InvoiceRequest) (Invoice, error) {
	const op = "create invoice"
	base, err := g.change(ctx, op, req.OpID)
	if err != nil {
		return Invoice{}, err
	}
	params := &stripe.InvoiceParams{
		Metadata: map[string]string{metaTenant: req.TenantID, metaInvoice: req.InvoiceID, metaPeriod: req.Period, metaOp: req.OpID},
		Params:   base, Customer: stripe.String(req.CustomerID), Currency: stripe.String(req.Currency), AutoAdvance: stripe.Bool(false),
		CollectionMethod:            stripe.String(string(stripe.InvoiceCollectionMethodChargeAutomatically)),
		PendingInvoiceItemsBehavior: stripe.String("exclude"),
	}
	if req.Description != "" {
		params.Description = stripe.String(req.Description)
	}
	if req.DaysUntilDue > 0 {
		params.CollectionMethod = stripe.String(string(stripe.InvoiceCollectionMethodSendInvoice))
		params.DaysUntilDue = stripe.Int64(int64(req.DaysUntilDue))
	}
	inv, err := g.api.Invoices.New(params)
	return invoiceFrom(op, inv, err)
}

// AddLines puts lines on a draft, in order. The lines must be the same when opID is used again; then nothing is added
// twice, also when only some of them had arrived.
func (g *Gateway) AddLines(ctx context.Context, opID, stripeInvoiceID string, lines []InvoiceLine) (Invoice, error) {
	const op = "add invoice lines"
	if len(lines) == 0 || len(lines) > MaxInvoiceLines {
		return Invoice{}, &Error{Kind: Refused, Op: op, Message: fmt.Sprintf("an invoice takes 1 to %d lines, not %d", MaxInvoiceLines, len(lines))}
	}
	var last Invoice
	chunk := 0
	for part := range slices.Chunk(lines, linesPerCall) {
		base, err := g.change(ctx, op, fmt.Sprintf("%s:%d", opID, chunk))
		if err != nil {
			return Invoice{}, err
		}
		params := &stripe.InvoiceAddLinesParams{Params: base}
		for _, line := range part {
			params.Lines = append(params.Lines, lineParams(line))
		}
		inv, err := g.api.Invoices.AddLines(stripeInvoiceID, params)
		if last, err = invoiceFrom(op, inv, err); err != nil {
			return Invoice{}, err
		}
		chunk++
	}
	return last, nil
}

func lineParams(line InvoiceLine) *stripe.InvoiceAddLinesLineParams {
	p := &stripe.InvoiceAddLinesLineParams{
		Amount: stripe.Int64(line.AmountCents), Description: stripe.String(line.Description), Metadata: map[string]string{metaLine: line.LineID},
	}
	if !line.PeriodStart.IsZero() && !line.PeriodEnd.IsZero() {
		p.Period = &stripe.InvoiceAddLinesLinePeriodParams{Start: stripe.Int64(line.PeriodStart.Unix()), End: stripe.Int64(line.PeriodEnd.Unix())}
	}
	return p
}

// ListLines reads all lines of an invoice, page by page; the ones inside an invoice are only the first few.
func (g *Gateway) ListLines(ctx context.Context, stripeInvoiceID string) ([]InvoiceLine, error) {
	const op = "list invoice lines"
	list, err := g.list(ctx, op)
	if err != nil {
		return nil, err
	}
	var lines []InvoiceLine
	it := g.api.Invoices.ListLines(&stripe.InvoiceListLinesParams{ListParams: list, Invoice: stripe.String(stripeInvoiceID)})
	for it.Next() {
		l := it.InvoiceLineItem()
		line := InvoiceLine{LineID: l.Metadata[metaLine], Description: l.Description, AmountCents: l.Amount}
		if l.Period != nil {
			line.PeriodStart, line.PeriodEnd = time.Unix(l.Period.Start, 0).UTC(), time.Unix(l.Period.End, 0).UTC()
		}
		lines = append(lines, line)
	}
	return lines, wrap(op, it.Err())
}

// GetInvoice reads an invoice anew.
func (g *Gateway) GetInvoice(ctx context.Context, stripeInvoiceID string) (Invoice, error) {
	const op = "get invoice"
	params, err := g.begin(ctx, op)
	if err != nil {
		return Invoice{}, err
	}
	inv, err := g.api.Invoices.Get(stripeInvoiceID, &stripe.InvoiceParams{Params: params})
	return invoiceFrom(op, inv, err)
}

// FindInvoice looks for the invoice of one of our rows, for when the answer to CreateInvoiceDraft was lost and its OpID may
// be forgotten (after about 20 hours). It returns NotFound when there is none.
func (g *Gateway) FindInvoice(ctx context.Context, customerID, invoiceID string) (Invoice, error) {
	const op = "find invoice"
	list, err := g.list(ctx, op)
	if err != nil {
		return Invoice{}, err
	}
	it := g.api.Invoices.List(&stripe.InvoiceListParams{ListParams: list, Customer: stripe.String(customerID)})
	for it.Next() {
		if inv := it.Invoice(); inv.Metadata[metaInvoice] == invoiceID {
			return invoiceFrom(op, inv, nil)
		}
	}
	if err := it.Err(); err != nil {
		return Invoice{}, wrap(op, err)
	}
	return Invoice{}, &Error{Kind: NotFound, Op: op}
}

// FinalizeInvoice opens a verified draft for payment. From then on Stripe collects it as its collection method says.
func (g *Gateway) FinalizeInvoice(ctx context.Context, opID, stripeInvoiceID string) (Invoice, error) {
	const op = "finalize invoice"
	params, err := g.change(ctx, op, opID)
	if err != nil {
		return Invoice{}, err
	}
	inv, err := g.api.Invoices.FinalizeInvoice(stripeInvoiceID, &stripe.InvoiceFinalizeInvoiceParams{Params: params, AutoAdvance: stripe.Bool(true)})
	return invoiceFrom(op, inv, err)
}

// SendInvoice mails an open invoice whose collection method is to be sent.
func (g *Gateway) SendInvoice(ctx context.Context, opID, stripeInvoiceID string) (Invoice, error) {
	const op = "send invoice"
	params, err := g.change(ctx, op, opID)
	if err != nil {
		return Invoice{}, err
	}
	inv, err := g.api.Invoices.SendInvoice(stripeInvoiceID, &stripe.InvoiceSendInvoiceParams{Params: params})
	return invoiceFrom(op, inv, err)
}

// PayInvoice charges the customer's default card now. Declined and NeedsAction leave the invoice open.
func (g *Gateway) PayInvoice(ctx context.Context, opID, stripeInvoiceID string) (Invoice, error) {
	const op = "pay invoice"
	params, err := g.change(ctx, op, opID)
	if err != nil {
		return Invoice{}, err
	}
	inv, err := g.api.Invoices.Pay(stripeInvoiceID, &stripe.InvoicePayParams{Params: params, OffSession: stripe.Bool(true)})
	return invoiceFrom(op, inv, err)
}

// VoidInvoice cancels an open invoice for good.
func (g *Gateway) VoidInvoice(ctx context.Context, opID, stripeInvoiceID string) (Invoice, error) {
	const op = "void invoice"
	params, err := g.change(ctx, op, opID)
	if err != nil {
		return Invoice{}, err
	}
	inv, err := g.api.Invoices.VoidInvoice(stripeInvoiceID, &stripe.InvoiceVoidInvoiceParams{Params: params})
	return invoiceFrom(op, inv, err)
}

// DeleteDraft removes a draft. One that is gone already is no error.
func (g *Gateway) DeleteDraft(ctx context.Context, stripeInvoiceID string) error {
	const op = "delete draft"
	params, err := g.begin(ctx, op)
	if err != nil {
		return err
	}
	_, err = g.api.Invoices.Del(stripeInvoiceID, &stripe.InvoiceParams{Params: params})
	if failure := wrap(op, err); kindFrom(failure) != NotFound {
		return failure
	}
	return nil
}

func invoiceFrom(op string, inv *stripe.Invoice, err error) (Invoice, error) {
	if err != nil {
		return Invoice{}, wrap(op, err)
	}
	out := Invoice{
		ID: inv.ID, InvoiceID: inv.Metadata[metaInvoice], TenantID: inv.Metadata[metaTenant], Status: string(inv.Status), Number: inv.Number,
		Currency: string(inv.Currency), SubtotalCents: inv.Subtotal, TaxCents: inv.Tax, TotalCents: inv.Total, DueCents: inv.AmountDue,
		PaidCents: inv.AmountPaid, RemainingCents: inv.AmountRemaining, HostedURL: inv.HostedInvoiceURL, PDFURL: inv.InvoicePDF,
	}
	if inv.Customer != nil {
		out.CustomerID = inv.Customer.ID
	}
	if inv.PaymentIntent != nil {
		out.PaymentIntentID = inv.PaymentIntent.ID
	}
	if inv.DueDate != 0 {
		out.DueAt = time.Unix(inv.DueDate, 0).UTC()
	}
	return out, nil
}

// kindFrom returns the kind of an error made by wrap, or "".
func kindFrom(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}
