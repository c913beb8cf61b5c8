package workerapp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"starlane/internal/app/cashier"
	"starlane/internal/billing/credit"
	"starlane/internal/billing/invoicing"
	"starlane/internal/billing/payments"
	"starlane/internal/billing/reconcile"
	"starlane/internal/platform/id"
	"starlane/internal/store/postgres"
	"starlane/internal/worker"
)

const (
	barrierLook  = 50 * time.Millisecond
	barrierLimit = 2 * time.Minute
)

func (a *App) closer() *invoicing.Closer {
	return invoicing.NewCloser(postgres.NewInvoicing(a.ledger), a.barrier, a.clock, a.cfg.Worker.CollectAfter, a.log)
}

// barrier waits until each usage stream was seen without anything that relays had sent before now.
func (a *App) barrier(ctx context.Context) error {
	began := a.clock.Now()
	ctx, cancel := context.WithTimeout(ctx, barrierLimit)
	defer cancel()
	waiting := allShards()
	for {
		lags, err := a.redis.Lags(ctx, waiting)
		if err != nil {
			return err
		}
		waiting = waiting[:0]
		for _, lag := range lags {
			if lag.Undelivered != 0 || (lag.Pending > 0 && lag.OldestUnread.Before(began)) {
				waiting = append(waiting, lag.Shard)
			}
		}
		if len(waiting) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d usage streams are still not posted: %w", len(waiting), ctx.Err())
		case <-time.After(barrierLook):
		}
	}
}

// errBroken means that the books are not in order.
var errBroken = errors.New("the books break an identity")

// checkBooks runs the identities and shows what breaks them.
func (a *App) checkBooks(ctx context.Context) error {
	results, err := reconcile.Check(ctx, a.ledger)
	if err != nil {
		return err
	}
	broken := false
	for _, r := range results {
		a.metrics.Identity(r.Identity.Name, int64(len(r.Breaks)))
		broken = broken || len(r.Breaks) > 0
		for _, b := range r.Breaks {
			a.log.ErrorContext(ctx, "the books break an identity",
				slog.String("identity", r.Identity.Name), slog.String("what", b.What), slog.String("off_by_nano", b.OffNano))
		}
	}
	if broken {
		return errBroken
	}
	return nil
}

// stripeDuties are there only when payments are switched on.
func (a *App) stripeDuties() ([]worker.Duty, error) {
	gateway, err := cashier.Open(a.cfg.Stripe)
	if err != nil {
		return nil, err
	}
	if gateway == nil {
		a.log.Warn("payments are switched off: STARLANE_STRIPE_KEY is empty")
		return nil, nil
	}
	a.gateway = gateway
	pages := cashier.NewPages(gateway)
	topups := credit.NewTopups(a.credit, pages, a.clock, a.log, a.slicer.Refresh)
	pusher := invoicing.NewPusher(postgres.NewInvoicing(a.ledger), cashier.NewInvoices(gateway), func(ctx context.Context, tenant id.ID) (string, error) {
		return credit.EnsureCustomer(ctx, a.credit, pages, tenant)
	}, a.clock, a.log)
	events := worker.NewEvents(eventStore{postgres.NewStripeEvents(a.pool)}, listEvents(gateway), map[string]worker.Handler{
		"checkout.session.completed":               topups.PageChanged,
		"checkout.session.async_payment_succeeded": topups.PageChanged,
		"checkout.session.expired":                 topups.PageChanged,
		"checkout.session.async_payment_failed":    topups.PaymentFailed,
		"invoice.paid":                             pusher.Changed,
	}, a.log)
	return []worker.Duty{
		{Name: "stripe_events", Every: 500 * time.Millisecond, Run: events.Work},
		{Name: "stripe_poll", Every: 5 * time.Minute, Run: events.Poll},
		{Name: "topups", Every: 10 * time.Minute, Run: topups.Sweep},
		{Name: "invoices", Every: 5 * time.Second, Run: pusher.Push},
	}, nil
}

func listEvents(g *payments.Gateway) func(context.Context, time.Time) ([]worker.Event, error) {
	return func(ctx context.Context, since time.Time) ([]worker.Event, error) {
		list, err := g.ListEventsSince(ctx, since)
		out := make([]worker.Event, len(list))
		for i, e := range list {
			out[i] = worker.Event{ID: e.ID, Type: e.Type, Object: e.ObjectID, Created: e.Created}
		}
		return out, err
	}
}

// eventStore adapts the stored events to the worker.
type eventStore struct{ *postgres.StripeEvents }

func (s eventStore) Add(ctx context.Context, e worker.Event) (bool, error) {
	return s.StripeEvents.Add(ctx, postgres.StripeEvent{ID: e.ID, Type: e.Type, ObjectID: e.Object, Created: e.Created})
}

func (s eventStore) Due(ctx context.Context, most int) ([]worker.Event, error) {
	list, err := s.StripeEvents.Due(ctx, most)
	out := make([]worker.Event, len(list))
	for i, e := range list {
		out[i] = worker.Event{ID: e.ID, Type: e.Type, Object: e.ObjectID, Created: e.Created, Attempts: e.Attempts}
	}
	return out, err
}
