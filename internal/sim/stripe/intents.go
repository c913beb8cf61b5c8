package stripe

import (
	"net/http"
	"slices"
	"strings"
)

// Bounds of a charge in cents, as Stripe documents them for US dollars.
const (
	minCharge = 50
	maxCharge = 99_999_999
)

type paymentIntent struct {
	base
	Amount             int64       `json:"amount"` // cents
	AmountCapturable   int64       `json:"amount_capturable"`
	AmountReceived     int64       `json:"amount_received"`
	CanceledAt         *int64      `json:"canceled_at"`
	CancellationReason *string     `json:"cancellation_reason"`
	CaptureMethod      string      `json:"capture_method"`
	ClientSecret       string      `json:"client_secret"`
	ConfirmationMethod string      `json:"confirmation_method"`
	Currency           string      `json:"currency"`
	Customer           *string     `json:"customer"`
	Description        *string     `json:"description"`
	Invoice            *string     `json:"invoice"`
	LastPaymentError   *apiError   `json:"last_payment_error"`
	LatestCharge       *string     `json:"latest_charge"`
	NextAction         *nextAction `json:"next_action"`
	PaymentMethod      *string     `json:"payment_method"`
	PaymentMethodTypes []string    `json:"payment_method_types"`
	ReceiptEmail       *string     `json:"receipt_email"`
	ReturnURL          *string     `json:"sim_return_url,omitempty"`
	SetupFutureUsage   *string     `json:"setup_future_usage"`
	Status             string      `json:"status"`
}

type nextAction struct {
	Type          string        `json:"type"`
	RedirectToURL redirectToURL `json:"redirect_to_url"`
}

type redirectToURL struct {
	ReturnURL *string `json:"return_url"`
	URL       string  `json:"url"`
}

func (pi *paymentIntent) confirmable() bool {
	return slices.Contains([]string{"requires_payment_method", "requires_confirmation", "requires_action"}, pi.Status)
}

// newIntent makes an intent that waits for a payment method.
func (c *call) newIntent(amount int64, currency string, cus *string, metadata map[string]string) *paymentIntent {
	pi := &paymentIntent{
		base: c.newBase("pi_", "payment_intent", metadata), Amount: amount, CaptureMethod: "automatic",
		ConfirmationMethod: "automatic", Currency: currency, Customer: cus, PaymentMethodTypes: []string{"card"},
		Status: "requires_payment_method",
	}
	pi.ClientSecret = pi.ID + "_secret_" + c.token(24)
	c.st.Intents.put(pi)
	c.emit("payment_intent.created", pi)
	return pi
}

func checkAmount(p *params, amount int64) {
	switch {
	case p.form.err != nil:
	case amount < minCharge:
		p.child("amount").fail("amount_too_small", "Amount must be at least $0.50 usd")
	case amount > maxCharge:
		p.child("amount").fail("amount_too_large", "Amount must be no more than $999,999.99")
	}
}

// currency reads a three-letter code; the simulator keeps to US dollars and euros.
func (p *params) currency(key string) string {
	v := strings.ToLower(p.need(key))
	if v != "" && v != "usd" && v != "eur" {
		p.child(key).fail("", "Invalid currency: %s. The simulator knows usd and eur.", v)
	}
	return v
}

func createIntent(c *call) (any, error) {
	p := c.p
	amount, currency := p.needNum("amount"), p.currency("currency")
	checkAmount(p, amount)
	owner, methodID := p.str("customer"), p.str("payment_method")
	confirm, offSession := p.flag("confirm", false), p.flag("off_session", false)
	description, receipt := p.str("description"), p.str("receipt_email")
	usage, returnURL := p.str("setup_future_usage"), p.str("return_url")
	metadata := p.metadata("metadata", nil)
	failOnAction := p.flag("error_on_requires_action", false)
	p.oneOf("capture_method", "automatic", "automatic_async")
	p.ignore("automatic_payment_methods", "payment_method_types", "statement_descriptor", "statement_descriptor_suffix", "confirmation_method", "use_stripe_sdk")
	if offSession && !confirm {
		p.child("off_session").fail("", "You must set confirm=true when passing off_session.")
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	if owner != "" {
		if _, err := c.customer(owner, "customer"); err != nil {
			return nil, err
		}
	}
	var method *paymentMethod
	if methodID != "" {
		var err error
		if method, err = c.useMethod(methodID); err != nil {
			return nil, err
		}
		if err := mayUse(method, owner); err != nil {
			return nil, err
		}
	}
	pi := c.newIntent(amount, currency, optional(owner), metadata)
	pi.Description, pi.ReceiptEmail = optional(description), optional(receipt)
	pi.SetupFutureUsage, pi.ReturnURL = optional(usage), optional(returnURL)
	if method != nil {
		pi.PaymentMethod, pi.Status = &method.ID, "requires_confirmation"
	}
	if !confirm {
		return pi, nil
	}
	if err := c.confirm(pi, confirmation{offSession: offSession, failOnAction: failOnAction}); err != nil {
		return nil, err
	}
	return pi, nil
}

// mayUse refuses a method that belongs to somebody else.
func mayUse(method *paymentMethod, owner string) error {
	if holder := textOf(method.Customer); holder != "" && holder != owner {
		return illegal("", "The PaymentMethod %s does not belong to the Customer %s.", method.ID, owner)
	}
	return nil
}

type confirmation struct {
	offSession    bool
	failOnAction  bool
	authenticated bool // the customer has answered the bank's question
}

// confirm tries to take the money. It returns a card error, with the intent inside, when the bank says no.
func (c *call) confirm(pi *paymentIntent, how confirmation) error {
	if pi.PaymentMethod == nil {
		return illegal("payment_intent_unexpected_state",
			"You cannot confirm this PaymentIntent because it's missing a payment method.")
	}
	method, ok := c.st.Methods.get(*pi.PaymentMethod)
	if !ok {
		return missing("PaymentMethod", *pi.PaymentMethod, "payment_method")
	}
	m := method.behaviour()
	asks := m.always3DS || m.offSession && !method.SetUp
	switch {
	case asks && !how.authenticated && (how.offSession || how.failOnAction):
		return c.fail(pi, method, magicCard{code: "authentication_required", declineCode: "authentication_required"})
	case asks && !how.authenticated:
		pi.Status = "requires_action"
		pi.NextAction = &nextAction{Type: "redirect_to_url", RedirectToURL: redirectToURL{
			ReturnURL: pi.ReturnURL, URL: c.baseURL + "/c/3ds/" + pi.ID,
		}}
		c.emit("payment_intent.requires_action", pi)
		return nil
	case m.then != "":
		return c.fail(pi, method, magicCard{declineCode: m.then})
	case m.declineCode != "":
		return c.fail(pi, method, m)
	}
	c.succeed(pi, method)
	return nil
}

func (c *call) succeed(pi *paymentIntent, method *paymentMethod) {
	ch := c.newCharge(pi, method)
	c.book(ch)
	pi.Status, pi.AmountReceived = "succeeded", pi.Amount
	pi.NextAction, pi.LastPaymentError = nil, nil
	pi.LatestCharge = &ch.ID
	if pi.SetupFutureUsage != nil && pi.Customer != nil {
		method.SetUp = true
		if cus, ok := c.st.Customers.get(*pi.Customer); ok && method.Customer == nil {
			method.Customer = &cus.ID
			c.emit("payment_method.attached", method)
		}
	}
	c.emit("charge.succeeded", ch)
	c.emit("payment_intent.succeeded", pi)
}

// fail records a declined charge; the intent waits for another payment method.
func (c *call) fail(pi *paymentIntent, method *paymentMethod, m magicCard) error {
	ch := c.newCharge(pi, method)
	declined := cardError(m, method)
	declined.Charge = ch.ID
	ch.Status, ch.Paid, ch.Captured, ch.AmountCaptured = "failed", false, false, 0
	ch.FailureCode, ch.FailureMessage = optional(declined.Code), optional(declined.Message)
	ch.Outcome = chargeOutcome{NetworkStatus: "declined_by_network", Reason: optional(declined.DeclineCode), SellerMessage: "The bank did not return any further details with this decline.", Type: "issuer_declined"}
	pi.Status, pi.PaymentMethod, pi.NextAction = "requires_payment_method", nil, nil
	pi.LatestCharge = &ch.ID
	last := *declined
	pi.LastPaymentError = &last
	c.emit("charge.failed", ch)
	c.emit("payment_intent.payment_failed", pi)
	shown := *pi
	declined.PaymentIntent = &shown
	return declined
}

var declineMessages = map[string]string{ //nolint:gochecknoglobals // a fixed table
	"insufficient_funds":      "Your card has insufficient funds.",
	"expired_card":            "Your card has expired.",
	"incorrect_cvc":           "Your card's security code is incorrect.",
	"processing_error":        "An error occurred while processing your card. Try again in a little bit.",
	"authentication_required": "Your card was declined. This transaction requires authentication.",
}

func cardError(m magicCard, method *paymentMethod) *apiError {
	code, message := m.code, declineMessages[m.declineCode]
	if code == "" {
		code = "card_declined"
	}
	if message == "" {
		message = "Your card was declined."
	}
	shown := *method
	return &apiError{
		Status: http.StatusPaymentRequired, Type: typeCard, Code: code, DeclineCode: m.declineCode, Message: message, PaymentMethod: &shown,
	}
}

func (c *call) intent() (*paymentIntent, error) {
	pi, ok := c.st.Intents.get(c.id())
	if !ok {
		return nil, missing("payment_intent", c.id(), "id")
	}
	return pi, nil
}

func confirmIntent(c *call) (any, error) {
	pi, err := c.intent()
	if err != nil {
		return nil, err
	}
	methodID, returnURL := c.p.str("payment_method"), c.p.str("return_url")
	how := confirmation{offSession: c.p.flag("off_session", false), failOnAction: c.p.flag("error_on_requires_action", false)}
	c.p.ignore("setup_future_usage", "receipt_email", "use_stripe_sdk")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	if !pi.confirmable() {
		return nil, unexpectedState(pi, "confirm")
	}
	if methodID != "" {
		method, err := c.useMethod(methodID)
		if err != nil {
			return nil, err
		}
		if err := mayUse(method, textOf(pi.Customer)); err != nil {
			return nil, err
		}
		pi.PaymentMethod = &method.ID
	}
	if returnURL != "" {
		pi.ReturnURL = &returnURL
	}
	if err := c.confirm(pi, how); err != nil {
		return nil, err
	}
	return pi, c.intentSettled(pi)
}

func unexpectedState(pi *paymentIntent, act string) *apiError {
	e := illegal("payment_intent_unexpected_state", "You cannot %s this PaymentIntent because it has a status of %s.", act, pi.Status)
	shown := *pi
	e.PaymentIntent = &shown
	return e
}

func cancelIntent(c *call) (any, error) {
	pi, err := c.intent()
	if err != nil {
		return nil, err
	}
	reason := c.p.oneOf("cancellation_reason", "", "duplicate", "fraudulent", "requested_by_customer", "abandoned")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	if !pi.confirmable() {
		return nil, unexpectedState(pi, "cancel")
	}
	at := c.now().Unix()
	pi.Status, pi.CanceledAt, pi.CancellationReason, pi.NextAction = "canceled", &at, optional(reason), nil
	c.emit("payment_intent.canceled", pi)
	return pi, nil
}

func updateIntent(c *call) (any, error) {
	pi, err := c.intent()
	if err != nil {
		return nil, err
	}
	amount, hasAmount := c.p.num("amount")
	if hasAmount {
		checkAmount(c.p, amount)
	}
	metadata, description := c.p.metadata("metadata", pi.Metadata), c.p.str("description")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	if hasAmount && !pi.confirmable() {
		return nil, unexpectedState(pi, "update")
	}
	if hasAmount {
		pi.Amount = amount
	}
	if description != "" {
		pi.Description = &description
	}
	pi.Metadata = metadata
	return pi, nil
}

func getIntent(c *call) (any, error) {
	c.p.ignore("client_secret")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return c.intent()
}

func listIntents(c *call) (any, error) {
	cur, owner := c.p.cursor(), c.p.str("customer")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return paginate(c, cur, c.st.Intents.newestFirst(), func(pi *paymentIntent) bool {
		return owner == "" || textOf(pi.Customer) == owner
	}, asIs)
}
