package credit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
)

// Bounds of one purchase, and its life.
const (
	MinTopup    = 5 * money.USD
	MaxTopup    = 10_000 * money.USD
	checkoutTTL = 23 * time.Hour
	// lostAfter is when a purchase that nobody has told us about is looked up: the operation id that made its page is still
	// known to the processor then, or the page has ended.
	lostAfter = 24 * time.Hour
	currency  = "usd"
)

// States of a purchase. Credited is reached once.
const (
	TopupCreated     = "created"
	TopupOpen        = "session_open"
	TopupCredited    = "credited"
	TopupExpired     = "expired"
	TopupFailed      = "failed"
	TopupQuarantined = "quarantined"
)

// ErrUnknownTopup: the processor speaks of a purchase that is not in the books, or not yet.
var ErrUnknownTopup = errors.New("unknown top-up")

// Topup is a purchase of credit.
type Topup struct {
	ID        id.ID
	Tenant    id.ID
	Amount    money.Amount
	State     string
	Session   string // the processor's name of the payment page
	URL       string // of the payment page
	CreatedBy string
	CreatedAt time.Time
}

// Customer is a tenant as the processor knows it.
type Customer struct {
	Tenant id.ID
	ID     string // empty: not known there yet
	Name   string
	Email  string
}

// Page is a payment page and what became of it. Amounts are cents.
type Page struct {
	ID            string
	URL           string
	Ended         bool // cannot be paid any more
	Paid          bool // the money is there
	PaymentIntent string
	Tenant        string
	Topup         string
	SubtotalCents int64
	TaxCents      int64
	Currency      string
}

// PageRequest asks for a payment page. The same operation id never makes two.
type PageRequest struct {
	OpID        string
	Tenant      id.ID
	Topup       id.ID
	Customer    string
	AmountCents int64
	Currency    string
	Description string
	SuccessURL  string
	CancelURL   string
	ExpiresAt   time.Time
}

// Cashier is the processor's payment pages.
type Cashier interface {
	EnsureCustomer(ctx context.Context, opID string, c Customer) (string, error)
	OpenPage(ctx context.Context, r PageRequest) (Page, error)
	ReadPage(ctx context.Context, session string) (Page, error)
	// FindPage looks for the page of a top-up; ok is false when there is none.
	FindPage(ctx context.Context, customer string, topup id.ID) (p Page, ok bool, err error)
}

// TopupStore keeps purchases.
type TopupStore interface {
	Customer(ctx context.Context, tenant id.ID) (Customer, error)
	SetCustomer(ctx context.Context, tenant id.ID, customer string) error
	AddTopup(ctx context.Context, t Topup) error
	OpenTopup(ctx context.Context, tenant, topup id.ID, session, url string) error
	// CreditTopup adds the lot and ends the purchase in one transaction; fresh is false if that was done before.
	CreditTopup(ctx context.Context, tenant, topup id.ID, p Page, tax money.Amount) (fresh bool, err error)
	// EndTopup ends a purchase that is not credited.
	EndTopup(ctx context.Context, tenant, topup id.ID, session, state, note string) error
	Topup(ctx context.Context, tenant, topup id.ID) (Topup, error)
	StaleTopups(ctx context.Context, before time.Time) ([]Stale, error)
}

// Stale is a purchase without an end.
type Stale struct {
	Tenant, Topup id.ID
	Session       string
	Customer      string
}

// Topups sells credit. The api opens purchases, the worker ends them.
type Topups struct {
	store   TopupStore
	cashier Cashier
	clock   clock.Clock
	log     *slog.Logger
	changed func(tenant id.ID)
}

// NewTopups takes changed to hear of tenants whose credit has grown; it may be nil.
func NewTopups(store TopupStore, cashier Cashier, c clock.Clock, log *slog.Logger, changed func(id.ID)) *Topups {
	if changed == nil {
		changed = func(id.ID) {}
	}
	return &Topups{store: store, cashier: cashier, clock: c, log: log, changed: changed}
}

// Order is a wish to buy.
type Order struct {
	Tenant     id.ID
	Amount     money.Amount // whole cents
	By         string       // "user:<id>"
	SuccessURL string       // may hold {TOPUP_ID}
	CancelURL  string       // may hold {TOPUP_ID}
}

func named(url string, topup id.ID) string {
	return strings.ReplaceAll(url, "{TOPUP_ID}", topup.String())
}

// Create writes the purchase down, then opens its payment page. Errors: apperr.InvalidRequest for an amount out of bounds,
// apperr.UpstreamError when the processor does not answer; the purchase then stays without a page.
func (t *Topups) Create(ctx context.Context, o Order) (Topup, error) {
	if o.Amount < MinTopup || o.Amount > MaxTopup || o.Amount%money.Cent != 0 {
		return Topup{}, apperr.New(apperr.InvalidRequest, "Credit is sold in whole cents, from %v to %v USD.", MinTopup, MaxTopup).WithParam("amount")
	}
	now := t.clock.Now()
	topup := Topup{ID: id.New(), Tenant: o.Tenant, Amount: o.Amount, State: TopupCreated, CreatedBy: o.By, CreatedAt: now}
	if err := t.store.AddTopup(ctx, topup); err != nil {
		return Topup{}, fmt.Errorf("add top-up: %w", err)
	}
	customer, err := EnsureCustomer(ctx, t.store, t.cashier, o.Tenant)
	if err != nil {
		return Topup{}, unavailable(err)
	}
	page, err := t.cashier.OpenPage(ctx, PageRequest{
		OpID: opTopup(topup.ID), Tenant: o.Tenant, Topup: topup.ID, Customer: customer, AmountCents: int64(o.Amount / money.Cent), Currency: currency,
		Description: "Starlane credit", SuccessURL: named(o.SuccessURL, topup.ID), CancelURL: named(o.CancelURL, topup.ID), ExpiresAt: now.Add(checkoutTTL).Truncate(time.Second),
	})
	if err != nil {
		return Topup{}, unavailable(err)
	}
	if err := t.store.OpenTopup(ctx, o.Tenant, topup.ID, page.ID, page.URL); err != nil {
		return Topup{}, fmt.Errorf("open top-up: %w", err)
	}
	topup.State, topup.Session, topup.URL = TopupOpen, page.ID, page.URL
	return topup, nil
}

func opTopup(topup id.ID) string { return "topup:" + topup.String() }

func unavailable(err error) error {
	return apperr.Wrap(err, apperr.UpstreamError, "The payment service does not answer. Nothing was charged; please try again.")
}

// EnsureCustomer returns the processor's name of a tenant, making it known there if need be.
func EnsureCustomer(ctx context.Context, store interface {
	Customer(ctx context.Context, tenant id.ID) (Customer, error)
	SetCustomer(ctx context.Context, tenant id.ID, customer string) error
}, cashier interface {
	EnsureCustomer(ctx context.Context, opID string, c Customer) (string, error)
}, tenant id.ID,
) (string, error) {
	c, err := store.Customer(ctx, tenant)
	if err != nil {
		return "", fmt.Errorf("read customer: %w", err)
	}
	if c.ID != "" {
		return c.ID, nil
	}
	made, err := cashier.EnsureCustomer(ctx, "cust:"+tenant.String(), c)
	if err != nil {
		return "", fmt.Errorf("make customer: %w", err)
	}
	if err := store.SetCustomer(ctx, tenant, made); err != nil {
		return "", fmt.Errorf("keep customer: %w", err)
	}
	return made, nil
}

// PageChanged is called when the processor says that something happened to a payment page: it reads the page anew and
// acts on what it finds, so that repeats, false alarms and events out of order do no harm. Error: ErrUnknownTopup.
func (t *Topups) PageChanged(ctx context.Context, session string) error {
	p, err := t.cashier.ReadPage(ctx, session)
	if err != nil {
		return fmt.Errorf("read payment page: %w", err)
	}
	return t.apply(ctx, p)
}

func (t *Topups) apply(ctx context.Context, p Page) error {
	if p.Topup == "" {
		return nil // a page that somebody else opened on the same account
	}
	tenant, errTenant := id.Parse(p.Tenant)
	topupID, errTopup := id.Parse(p.Topup)
	if errTenant != nil || errTopup != nil {
		return fmt.Errorf("%w: page %s", ErrUnknownTopup, p.ID)
	}
	topup, err := t.store.Topup(ctx, tenant, topupID)
	if err != nil {
		return fmt.Errorf("read top-up: %w", err)
	}
	switch {
	case topup.State == TopupCredited || topup.State == TopupQuarantined:
		return nil
	case p.Paid:
		return t.pay(ctx, topup, p)
	case p.Ended:
		return t.store.EndTopup(ctx, tenant, topupID, p.ID, TopupExpired, "the payment page ended unpaid")
	}
	return nil
}

// pay credits what was ordered, if that is what was paid.
func (t *Topups) pay(ctx context.Context, topup Topup, p Page) error {
	paid, err := money.FromCents(p.SubtotalCents)
	tax, errTax := money.FromCents(p.TaxCents)
	if err != nil || errTax != nil || paid != topup.Amount || p.Currency != currency || tax < 0 || tax > topup.Amount {
		t.log.ErrorContext(ctx, "a payment does not fit its top-up and waits for a person", slog.String("topup", topup.ID.String()), slog.String("session", p.ID))
		note := fmt.Sprintf("paid %d %s cents and %d tax for an order of %v USD", p.SubtotalCents, p.Currency, p.TaxCents, topup.Amount)
		return t.store.EndTopup(ctx, topup.Tenant, topup.ID, p.ID, TopupQuarantined, note)
	}
	fresh, err := t.store.CreditTopup(ctx, topup.Tenant, topup.ID, p, tax)
	if err != nil {
		return fmt.Errorf("credit top-up: %w", err)
	}
	if fresh {
		t.log.InfoContext(ctx, "credit was bought", slog.String("tenant", topup.Tenant.String()), slog.String("topup", topup.ID.String()))
		t.changed(topup.Tenant)
	}
	return nil
}

// PaymentFailed ends a purchase whose delayed payment did not come.
func (t *Topups) PaymentFailed(ctx context.Context, session string) error {
	p, err := t.cashier.ReadPage(ctx, session)
	if err != nil {
		return fmt.Errorf("read payment page: %w", err)
	}
	if p.Paid {
		return t.apply(ctx, p)
	}
	tenant, errTenant := id.Parse(p.Tenant)
	topup, errTopup := id.Parse(p.Topup)
	if errTenant != nil || errTopup != nil {
		return nil
	}
	return t.store.EndTopup(ctx, tenant, topup, p.ID, TopupFailed, "the payment failed")
}

// Sweep looks up purchases that have had no end for a day, so that none is lost when no event arrives at all.
func (t *Topups) Sweep(ctx context.Context) error {
	stale, err := t.store.StaleTopups(ctx, t.clock.Now().Add(-lostAfter))
	if err != nil {
		return fmt.Errorf("find stale top-ups: %w", err)
	}
	for _, s := range stale {
		if err := t.lookUp(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (t *Topups) lookUp(ctx context.Context, s Stale) error {
	if s.Session != "" {
		return t.PageChanged(ctx, s.Session)
	}
	if s.Customer != "" {
		p, ok, err := t.cashier.FindPage(ctx, s.Customer, s.Topup)
		if err != nil {
			return fmt.Errorf("find payment page: %w", err)
		}
		if ok {
			return t.apply(ctx, p)
		}
	}
	return t.store.EndTopup(ctx, s.Tenant, s.Topup, "", TopupExpired, "no payment page was ever opened")
}
