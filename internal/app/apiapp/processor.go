package apiapp

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"starlane/internal/app/cashier"
	"starlane/internal/billing/payments"
	"starlane/internal/platform/config"
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
	p.gateway, err = cashier.Open(cfg.Stripe)
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
