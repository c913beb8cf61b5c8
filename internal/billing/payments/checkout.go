package payments

import (
	"context"
	"time"

	"github.com/stripe/stripe-go/v79"
)

// Metadata keys on Stripe's objects. They name our rows, so that an object can be found when its answer was lost.
const (
	metaTenant  = "tenant_id"
	metaTopup   = "topup_id"
	metaInvoice = "invoice_id"
	metaLine    = "line_id"
	metaPeriod  = "period"
	metaOp      = "op_id"
	metaOwner   = "managed_by"
)

// EnsureCustomer returns the Stripe customer of a tenant and gives it name and email. The same opID never makes two; when
// the answer was lost so long ago that Stripe has forgotten the opID, the customer is found by email and tenant.
func (g *Gateway) EnsureCustomer(ctx context.Context, opID, tenantID, name, email string) (string, error) {
	const op = "ensure customer"
	if found, err := g.findCustomer(ctx, tenantID, email); err != nil || found != "" {
		return found, err
	}
	params, err := g.change(ctx, op, opID)
	if err != nil {
		return "", err
	}
	// Only what never changes goes under the key: a repeat after a rename must not be a conflict.
	made, err := g.api.Customers.New(&stripe.CustomerParams{
		Params: params, Metadata: map[string]string{metaTenant: tenantID, metaOp: opID},
	})
	if err != nil {
		return "", wrap(op, err)
	}
	return made.ID, g.UpdateCustomer(ctx, made.ID, name, email)
}

// UpdateCustomer changes what invoices and receipts show. It may be repeated freely.
func (g *Gateway) UpdateCustomer(ctx context.Context, customerID, name, email string) error {
	params, err := g.begin(ctx, "update customer")
	if err != nil {
		return err
	}
	_, err = g.api.Customers.Update(customerID, &stripe.CustomerParams{Params: params, Name: stripe.String(name), Email: stripe.String(email)})
	return wrap("update customer", err)
}

func (g *Gateway) findCustomer(ctx context.Context, tenantID, email string) (string, error) {
	const op = "find customer"
	if email == "" {
		return "", nil
	}
	list, err := g.list(ctx, op)
	if err != nil {
		return "", err
	}
	it := g.api.Customers.List(&stripe.CustomerListParams{ListParams: list, Email: stripe.String(email)})
	for it.Next() {
		if cus := it.Customer(); cus.Metadata[metaTenant] == tenantID {
			return cus.ID, nil
		}
	}
	return "", wrap(op, it.Err())
}

// CheckoutRequest asks for a page on which the tenant buys credit. Everything in it must be the same when OpID is used
// again.
type CheckoutRequest struct {
	OpID        string
	TenantID    string
	TopupID     string
	CustomerID  string
	AmountCents int64  // before tax
	Currency    string // "usd"
	Description string // shown to the buyer
	SuccessURL  string // may hold {CHECKOUT_SESSION_ID}
	CancelURL   string
	ExpiresAt   time.Time // 30 minutes to 24 hours ahead; zero: 24 hours
}

// Checkout is a payment page and what became of it. Amounts are cents.
type Checkout struct {
	ID              string
	URL             string // empty once it is closed
	Status          string // open, complete or expired
	Paid            bool   // the money is there; complete alone does not say so
	PaymentIntentID string
	CustomerID      string
	TenantID        string
	TopupID         string
	SubtotalCents   int64
	TaxCents        int64
	TotalCents      int64
	Currency        string
	ExpiresAt       time.Time
}

// CreateCheckout opens a payment page.
func (g *Gateway) CreateCheckout(ctx context.Context, req CheckoutRequest) (Checkout, error) {
	const op = "create checkout"
	base, err := g.change(ctx, op, req.OpID)
	if err != nil {
		return Checkout{}, err
	}
	meta := map[string]string{metaTenant: req.TenantID, metaTopup: req.TopupID, metaOp: req.OpID}
	if req.Description == "" {
		req.Description = "Prepaid credit"
	}
	params := &stripe.CheckoutSessionParams{
		Params: base, Mode: stripe.String(string(stripe.CheckoutSessionModePayment)), Customer: stripe.String(req.CustomerID),
		ClientReferenceID: stripe.String(req.TopupID), SuccessURL: stripe.String(req.SuccessURL), CancelURL: stripe.String(req.CancelURL),
		// Stripe does not copy the session's metadata to the intent.
		Metadata:          meta,
		PaymentIntentData: &stripe.CheckoutSessionPaymentIntentDataParams{Metadata: meta, Description: stripe.String(req.Description)},
		LineItems: []*stripe.CheckoutSessionLineItemParams{{
			Quantity: stripe.Int64(1),
			PriceData: &stripe.CheckoutSessionLineItemPriceDataParams{
				Currency: stripe.String(req.Currency), UnitAmount: stripe.Int64(req.AmountCents), TaxBehavior: stripe.String("exclusive"),
				ProductData: &stripe.CheckoutSessionLineItemPriceDataProductDataParams{Name: stripe.String(req.Description)},
			},
		}},
	}
	if !req.ExpiresAt.IsZero() {
		params.ExpiresAt = stripe.Int64(req.ExpiresAt.Unix())
	}
	session, err := g.api.CheckoutSessions.New(params)
	if err != nil {
		return Checkout{}, wrap(op, err)
	}
	return checkoutFrom(session), nil
}

// GetCheckout reads a payment page anew.
func (g *Gateway) GetCheckout(ctx context.Context, id string) (Checkout, error) {
	const op = "get checkout"
	params, err := g.begin(ctx, op)
	if err != nil {
		return Checkout{}, err
	}
	session, err := g.api.CheckoutSessions.Get(id, &stripe.CheckoutSessionParams{Params: params})
	if err != nil {
		return Checkout{}, wrap(op, err)
	}
	return checkoutFrom(session), nil
}

// FindCheckout looks for the page of a top-up among the customer's sessions, for when the answer to CreateCheckout was
// lost and its OpID may be forgotten (after about 20 hours). It returns NotFound when there is none.
func (g *Gateway) FindCheckout(ctx context.Context, customerID, topupID string) (Checkout, error) {
	const op = "find checkout"
	list, err := g.list(ctx, op)
	if err != nil {
		return Checkout{}, err
	}
	it := g.api.CheckoutSessions.List(&stripe.CheckoutSessionListParams{ListParams: list, Customer: stripe.String(customerID)})
	for it.Next() {
		if session := it.CheckoutSession(); session.Metadata[metaTopup] == topupID {
			return checkoutFrom(session), nil
		}
	}
	if err := it.Err(); err != nil {
		return Checkout{}, wrap(op, err)
	}
	return Checkout{}, &Error{Kind: NotFound, Op: op}
}

// ExpireCheckout closes an open page so that it cannot be paid any more. A page that is closed already is returned as it
// is: look at Paid.
func (g *Gateway) ExpireCheckout(ctx context.Context, opID, id string) (Checkout, error) {
	const op = "expire checkout"
	params, err := g.change(ctx, op, opID)
	if err != nil {
		return Checkout{}, err
	}
	session, err := g.api.CheckoutSessions.Expire(id, &stripe.CheckoutSessionExpireParams{Params: params})
	if err == nil {
		return checkoutFrom(session), nil
	}
	failure := wrap(op, err)
	if kind := kindFrom(failure); kind != Refused {
		return Checkout{}, failure
	}
	now, err := g.GetCheckout(ctx, id)
	if err == nil && now.Status == string(stripe.CheckoutSessionStatusOpen) {
		return Checkout{}, failure
	}
	return now, err
}

func checkoutFrom(s *stripe.CheckoutSession) Checkout {
	c := Checkout{
		ID: s.ID, URL: s.URL, Status: string(s.Status), Paid: s.PaymentStatus == stripe.CheckoutSessionPaymentStatusPaid,
		TenantID: s.Metadata[metaTenant], TopupID: s.Metadata[metaTopup], SubtotalCents: s.AmountSubtotal, TotalCents: s.AmountTotal,
		Currency: string(s.Currency), ExpiresAt: time.Unix(s.ExpiresAt, 0).UTC(),
	}
	if s.PaymentIntent != nil {
		c.PaymentIntentID = s.PaymentIntent.ID
	}
	if s.Customer != nil {
		c.CustomerID = s.Customer.ID
	}
	if s.TotalDetails != nil {
		c.TaxCents = s.TotalDetails.AmountTax
	}
	return c
}

// Payment is a payment intent with its latest charge. Amounts are cents.
type Payment struct {
	ID            string
	Status        string // Stripe's: succeeded, processing, requires_payment_method, requires_action, canceled …
	AmountCents   int64
	ReceivedCents int64
	RefundedCents int64
	Disputed      bool
	Currency      string
	CustomerID    string
	TenantID      string
	TopupID       string
	ChargeID      string
	FeeCents      int64  // what Stripe keeps; known once BalanceTxnID is set
	BalanceTxnID  string // names the movement of cash
}

// Succeeded tells whether the money is there.
func (p Payment) Succeeded() bool { return p.Status == string(stripe.PaymentIntentStatusSucceeded) }

// GetPaymentIntent reads a payment anew, with its charge and fee.
func (g *Gateway) GetPaymentIntent(ctx context.Context, id string) (Payment, error) {
	const op = "get payment intent"
	params, err := g.begin(ctx, op)
	if err != nil {
		return Payment{}, err
	}
	params.AddExpand("latest_charge.balance_transaction")
	pi, err := g.api.PaymentIntents.Get(id, &stripe.PaymentIntentParams{Params: params})
	if err != nil {
		return Payment{}, wrap(op, err)
	}
	return paymentFrom(pi), nil
}

func paymentFrom(pi *stripe.PaymentIntent) Payment {
	p := Payment{
		ID: pi.ID, Status: string(pi.Status), AmountCents: pi.Amount, ReceivedCents: pi.AmountReceived, Currency: string(pi.Currency),
		TenantID: pi.Metadata[metaTenant], TopupID: pi.Metadata[metaTopup],
	}
	if pi.Customer != nil {
		p.CustomerID = pi.Customer.ID
	}
	if ch := pi.LatestCharge; ch != nil {
		p.ChargeID, p.RefundedCents, p.Disputed = ch.ID, ch.AmountRefunded, ch.Disputed
		if txn := ch.BalanceTransaction; txn != nil {
			p.BalanceTxnID, p.FeeCents = txn.ID, txn.Fee
		}
	}
	return p
}
