package apiapp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"starlane/internal/billing/credit"
	"starlane/internal/billing/payments"
	"starlane/internal/platform/config"
	"starlane/internal/platform/id"
)

const (
	webhookPath   = "/webhooks/stripe"
	endpointRetry = 5 * time.Second
)

// processor is Stripe, or nothing when no key is configured.
type processor struct {
	gateway *payments.Gateway
	log     *slog.Logger
	hook    string                   // address that Stripe sends events to
	fixed   []string                 // signing secrets from the configuration
	made    atomic.Pointer[[]string] // that of the endpoint which this process has made
}

func newProcessor(cfg *config.Config, log *slog.Logger) (*processor, error) {
	p := &processor{log: log}
	for _, s := range strings.Split(cfg.Stripe.WebhookSecret.Reveal(), ",") {
		if s = strings.TrimSpace(s); s != "" {
			p.fixed = append(p.fixed, s)
		}
	}
	base := cfg.Stripe.WebhookURL
	if base == "" {
		base = cfg.API.PublicURL
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("STARLANE_STRIPE_WEBHOOK_URL: %w", err)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = webhookPath
	}
	p.hook = u.String()
	p.gateway, err = payments.New(payments.Config{Key: cfg.Stripe.Key, URL: cfg.Stripe.URL})
	if errors.Is(err, payments.ErrNotConfigured) {
		return p, nil
	}
	return p, err
}

func (p *processor) on() bool { return p.gateway != nil }

func (p *processor) close() {
	if p.gateway != nil {
		p.gateway.Close()
	}
}

func (p *processor) secrets() []string {
	if made := p.made.Load(); made != nil {
		return append(append([]string{}, p.fixed...), *made...)
	}
	return p.fixed
}

// keepEndpoint registers this api at Stripe unless a signing secret is configured. Stripe tells a secret once, so a
// restart makes a new endpoint in the place of the old; several apis need a configured secret.
func (p *processor) keepEndpoint(ctx context.Context) error {
	if !p.on() || len(p.fixed) > 0 {
		return nil
	}
	for failed := false; ; {
		e, err := p.gateway.EnsureWebhookEndpoint(ctx, p.hook)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			p.made.Store(&[]string{e.Secret.Reveal()})
			p.log.InfoContext(ctx, "webhook endpoint registered", "endpoint", e.ID, "url", p.hook)
			return nil
		case !failed:
			failed = true
			p.log.ErrorContext(ctx, "webhook endpoint cannot be registered; trying again", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(endpointRetry):
		}
	}
}

// EnsureCustomer makes a tenant known to Stripe.
func (p *processor) EnsureCustomer(ctx context.Context, opID string, c credit.Customer) (string, error) {
	return p.gateway.EnsureCustomer(ctx, opID, c.Tenant.String(), c.Name, c.Email)
}

// OpenPage opens a Checkout session.
func (p *processor) OpenPage(ctx context.Context, r credit.PageRequest) (credit.Page, error) {
	c, err := p.gateway.CreateCheckout(ctx, payments.CheckoutRequest{
		OpID: r.OpID, TenantID: r.Tenant.String(), TopupID: r.Topup.String(), CustomerID: r.Customer, AmountCents: r.AmountCents,
		Currency: r.Currency, Description: r.Description, SuccessURL: r.SuccessURL, CancelURL: r.CancelURL, ExpiresAt: r.ExpiresAt,
	})
	return pageFrom(c), err
}

// ReadPage reads a Checkout session anew.
func (p *processor) ReadPage(ctx context.Context, session string) (credit.Page, error) {
	c, err := p.gateway.GetCheckout(ctx, session)
	return pageFrom(c), err
}

// FindPage looks for the session of a top-up.
func (p *processor) FindPage(ctx context.Context, customer string, topup id.ID) (credit.Page, bool, error) {
	c, err := p.gateway.FindCheckout(ctx, customer, topup.String())
	if errors.Is(err, payments.NotFound) {
		return credit.Page{}, false, nil
	}
	return pageFrom(c), err == nil && c.ID != "", err
}

func pageFrom(c payments.Checkout) credit.Page {
	return credit.Page{
		ID: c.ID, URL: c.URL, Ended: c.Status == "expired", Paid: c.Paid, PaymentIntent: c.PaymentIntentID, Tenant: c.TenantID, Topup: c.TopupID,
		SubtotalCents: c.SubtotalCents, TaxCents: c.TaxCents, Currency: c.Currency,
	}
}
