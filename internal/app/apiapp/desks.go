package apiapp

import (
	"context"
	"time"

	"starlane/internal/adminapi"
	"starlane/internal/app/cashier"
	"starlane/internal/billing/credit"
	"starlane/internal/billing/money"
	"starlane/internal/billing/payments"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/store/postgres"
	redisstore "starlane/internal/store/redis"
	"starlane/internal/tenancy/audit"
)

// creditDesk gives and sells credit.
type creditDesk struct {
	app   *App
	store *postgres.Credit
}

// Grant gives credit. The ledger holds who gave it; the audit log holds why.
func (d *creditDesk) Grant(ctx context.Context, by audit.Actor, t id.ID, g adminapi.Grant) (id.ID, error) {
	lot, fresh, err := d.store.Grant(ctx, credit.Grant{
		Tenant: t, Source: g.Kind, SourceRef: g.Kind + ":" + g.Ref, Amount: g.Amount, ExpiresAt: g.ExpiresAt, Actor: string(by),
	})
	if err != nil || !fresh {
		return lot.ID, err
	}
	detail := audit.Detail{"kind": g.Kind, "amount": g.Amount.String(), "reason": g.Reason, "expires_at": g.ExpiresAt}
	return lot.ID, d.app.tenancy.Note(ctx, by, t, "credit.grant", lot.ID.String(), detail)
}

// StartTopup opens a payment page that comes back to the console.
func (d *creditDesk) StartTopup(ctx context.Context, by audit.Actor, t id.ID, amount money.Amount) (id.ID, error) {
	p := d.app.payments
	if !p.on() {
		return id.Nil, apperr.New(apperr.Unprocessable, "Buying credit is switched off on this installation.")
	}
	back := d.app.cfg.API.PublicURL + "/credits/return?id={TOPUP_ID}&status="
	topup, err := credit.NewTopups(d.store, cashier.NewPages(p.gateway), d.app.clock, d.app.log, nil).Create(ctx, credit.Order{
		Tenant: t, Amount: amount, By: string(by), SuccessURL: back + "paid", CancelURL: back + "cancelled",
	})
	if err != nil {
		return id.Nil, err
	}
	return topup.ID, d.app.tenancy.Note(ctx, by, t, "topup.create", topup.ID.String(), audit.Detail{"amount": amount.String()})
}

// webhookDesk takes in what Stripe tells.
type webhookDesk struct {
	processor *processor
	store     *postgres.Statements
}

// Verify checks the signature.
func (d *webhookDesk) Verify(body []byte, signature string, now time.Time) (adminapi.WebhookEvent, error) {
	e, err := payments.VerifyWebhook(body, signature, d.processor.secrets(), now)
	if err != nil {
		return adminapi.WebhookEvent{}, err
	}
	return adminapi.WebhookEvent{ID: e.ID, Type: e.Type, ObjectID: e.ObjectID, Created: e.Created}, nil
}

// Save stores the event for the worker.
func (d *webhookDesk) Save(ctx context.Context, e adminapi.WebhookEvent) error {
	return d.store.SaveStripeEvent(ctx, e.ID, e.Type, e.ObjectID, e.Created)
}

// fleet asks Redis for the state of the way from relays to the ledger.
type fleet struct{ redis *redisstore.Store }

// DropResponses deletes the stored responses of a tenant.
func (f fleet) DropResponses(ctx context.Context, t id.ID) error {
	return f.redis.DropResponses(ctx, t)
}

// Traffic sums up all shards.
func (f fleet) Traffic(ctx context.Context) (adminapi.Traffic, error) {
	var out adminapi.Traffic
	relays, err := f.redis.Relays(ctx)
	if err != nil {
		return out, err
	}
	for _, r := range relays {
		out.Relays = append(out.Relays, adminapi.Relay{ID: r.ID, SeenAt: r.At, SpoolBytes: r.SpoolBytes, Open: int64(r.Open)})
	}
	shards := make([]int, id.Shards)
	for i := range shards {
		shards[i] = i
	}
	lags, err := f.redis.Lags(ctx, shards)
	if err != nil {
		return out, err
	}
	for _, l := range lags {
		out.Waiting += max(l.Undelivered, 0)
		out.Pending += l.Pending
	}
	out.CatalogVersion, _, err = f.redis.Published(ctx)
	return out, err
}
