// Package cashier lets the billing packages use the payment gateway: it translates between their words and the gateway's.
// The api opens payment pages with it, the worker ends them and brings invoices to the processor.
package cashier

import (
	"context"
	"errors"

	"starlane/internal/billing/credit"
	"starlane/internal/billing/invoicing"
	"starlane/internal/billing/payments"
	"starlane/internal/platform/config"
	"starlane/internal/platform/id"
)

// daysUntilDue is the time to pay an invoice that was sent.
const daysUntilDue = 14

// Pages is credit.Cashier.
type Pages struct{ gateway *payments.Gateway }

// Invoices is invoicing.Processor.
type Invoices struct{ gateway *payments.Gateway }

// Open makes a gateway of the configuration; nil if payments are switched off.
func Open(cfg config.StripeConfig) (*payments.Gateway, error) {
	g, err := payments.New(payments.Config{Key: cfg.Key, URL: cfg.URL})
	if errors.Is(err, payments.ErrNotConfigured) {
		return nil, nil
	}
	return g, err
}

// NewPages sells credit.
func NewPages(g *payments.Gateway) Pages { return Pages{g} }

// NewInvoices brings invoices to the processor.
func NewInvoices(g *payments.Gateway) Invoices { return Invoices{g} }

// EnsureCustomer makes a tenant known to the processor.
func (p Pages) EnsureCustomer(ctx context.Context, opID string, c credit.Customer) (string, error) {
	return p.gateway.EnsureCustomer(ctx, opID, c.Tenant.String(), c.Name, c.Email)
}

// OpenPage opens a payment page.
func (p Pages) OpenPage(ctx context.Context, r credit.PageRequest) (credit.Page, error) {
	c, err := p.gateway.CreateCheckout(ctx, payments.CheckoutRequest{
		OpID: r.OpID, TenantID: r.Tenant.String(), TopupID: r.Topup.String(), CustomerID: r.Customer, AmountCents: r.AmountCents,
		Currency: r.Currency, Description: r.Description, SuccessURL: r.SuccessURL, CancelURL: r.CancelURL, ExpiresAt: r.ExpiresAt,
	})
	return pageFrom(c), err
}

// ReadPage reads a payment page anew.
func (p Pages) ReadPage(ctx context.Context, session string) (credit.Page, error) {
	c, err := p.gateway.GetCheckout(ctx, session)
	return pageFrom(c), err
}

// FindPage looks for the payment page of a top-up.
func (p Pages) FindPage(ctx context.Context, customer string, topup id.ID) (credit.Page, bool, error) {
	c, err := p.gateway.FindCheckout(ctx, customer, topup.String())
	if errors.Is(err, payments.NotFound) {
		return credit.Page{}, false, nil
	}
	return pageFrom(c), err == nil, err
}

func pageFrom(c payments.Checkout) credit.Page {
	return credit.Page{
		ID: c.ID, URL: c.URL, Ended: c.Status == "expired", Paid: c.Paid, PaymentIntent: c.PaymentIntentID, Tenant: c.TenantID, Topup: c.TopupID,
		SubtotalCents: c.SubtotalCents, TaxCents: c.TaxCents, Currency: c.Currency,
	}
}

// CreateDraft makes an empty draft.
func (p Invoices) CreateDraft(ctx context.Context, r invoicing.DraftRequest) (invoicing.Remote, error) {
	inv, err := p.gateway.CreateInvoiceDraft(ctx, payments.InvoiceRequest{
		OpID: r.OpID, TenantID: r.Tenant.String(), InvoiceID: r.Invoice.String(), CustomerID: r.Customer, Currency: r.Currency, Period: r.Period,
		Description: r.Description, DaysUntilDue: daysUntilDue,
	})
	return remoteFrom(inv), err
}

// FindDraft looks for the processor's invoice of one of ours.
func (p Invoices) FindDraft(ctx context.Context, customer string, invoice id.ID) (invoicing.Remote, bool, error) {
	inv, err := p.gateway.FindInvoice(ctx, customer, invoice.String())
	if errors.Is(err, payments.NotFound) {
		return invoicing.Remote{}, false, nil
	}
	return remoteFrom(inv), err == nil, err
}

// AddLines puts lines on a draft.
func (p Invoices) AddLines(ctx context.Context, opID, remote string, lines []invoicing.RemoteLine) error {
	out := make([]payments.InvoiceLine, len(lines))
	for i, l := range lines {
		out[i] = payments.InvoiceLine{LineID: l.ID, Description: l.Description, AmountCents: l.Cents, PeriodStart: l.Start, PeriodEnd: l.End}
	}
	_, err := p.gateway.AddLines(ctx, opID, remote, out)
	return err
}

// Read reads an invoice anew.
func (p Invoices) Read(ctx context.Context, remote string) (invoicing.Remote, error) {
	inv, err := p.gateway.GetInvoice(ctx, remote)
	return remoteFrom(inv), err
}

// Finalize opens an invoice for payment.
func (p Invoices) Finalize(ctx context.Context, opID, remote string) (invoicing.Remote, error) {
	inv, err := p.gateway.FinalizeInvoice(ctx, opID, remote)
	return remoteFrom(inv), err
}

func remoteFrom(inv payments.Invoice) invoicing.Remote {
	return invoicing.Remote{
		ID: inv.ID, Invoice: inv.InvoiceID, Tenant: inv.TenantID, Draft: inv.Status == "draft", Paid: inv.Status == "paid",
		SubtotalCents: inv.SubtotalCents, TaxCents: inv.TaxCents, PaidCents: inv.PaidCents, Currency: inv.Currency, URL: inv.HostedURL,
	}
}
