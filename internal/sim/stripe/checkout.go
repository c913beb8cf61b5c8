package stripe

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

const (
	sessionLifetime    = 24 * time.Hour
	minSessionLifetime = 30 * time.Minute
	maxLineItems       = 100
)

type checkoutSession struct {
	base
	AmountSubtotal     *int64           `json:"amount_subtotal"` // cents
	AmountTotal        *int64           `json:"amount_total"`
	AutomaticTax       automaticTax     `json:"automatic_tax"`
	CancelURL          *string          `json:"cancel_url"`
	ClientReferenceID  *string          `json:"client_reference_id"`
	Currency           *string          `json:"currency"`
	Customer           *string          `json:"customer"`
	CustomerDetails    *customerDetails `json:"customer_details"`
	CustomerEmail      *string          `json:"customer_email"`
	ExpiresAt          int64            `json:"expires_at"`
	Invoice            *string          `json:"invoice"`
	InvoiceCreation    *invoiceCreation `json:"invoice_creation"`
	Mode               string           `json:"mode"`
	PaymentIntent      *string          `json:"payment_intent"`
	PaymentMethodTypes []string         `json:"payment_method_types"`
	PaymentStatus      string           `json:"payment_status"`
	SetupIntent        *string          `json:"setup_intent"`
	Status             string           `json:"status"`
	SuccessURL         string           `json:"success_url"`
	TotalDetails       *totalDetails    `json:"total_details"`
	UIMode             string           `json:"ui_mode"`
	URL                *string          `json:"url"`

	Items      []*lineItem   `json:"sim_line_items"`
	IntentData sessionIntent `json:"sim_intent_data"`
}

type customerDetails struct {
	Address   *address `json:"address"`
	Email     *string  `json:"email"`
	Name      *string  `json:"name"`
	Phone     *string  `json:"phone"`
	TaxExempt string   `json:"tax_exempt"`
	TaxIDs    []string `json:"tax_ids"`
}

type invoiceCreation struct {
	Enabled bool `json:"enabled"`
}

type totalDetails struct {
	AmountDiscount int64 `json:"amount_discount"`
	AmountShipping int64 `json:"amount_shipping"`
	AmountTax      int64 `json:"amount_tax"`
}

// sessionIntent is what the intent made at payment time takes over.
type sessionIntent struct {
	Metadata    map[string]string `json:"metadata"`
	Description string            `json:"description"`
	Usage       string            `json:"setup_future_usage"`
}

type lineItem struct {
	ID             string `json:"id"`
	Object         string `json:"object"`
	AmountDiscount int64  `json:"amount_discount"`
	AmountSubtotal int64  `json:"amount_subtotal"` // cents
	AmountTax      int64  `json:"amount_tax"`
	AmountTotal    int64  `json:"amount_total"`
	Currency       string `json:"currency"`
	Description    string `json:"description"`
	Price          *price `json:"price"`
	Quantity       int64  `json:"quantity"`
}

func (l *lineItem) identity() string   { return l.ID }
func (l *lineItem) createdUnix() int64 { return 0 }

// sessionItem is one requested line, before its price is made.
type sessionItem struct {
	priceID  string
	data     priceData
	quantity int64
}

func readItems(p *params) []sessionItem {
	var items []sessionItem
	list := p.list("line_items")
	if len(list) > maxLineItems {
		p.child("line_items").fail("", "You can have at most %d line items.", maxLineItems)
	}
	for _, in := range list {
		item := sessionItem{priceID: in.str("price"), quantity: 1}
		if n, ok := in.num("quantity"); ok {
			item.quantity = n
		} else {
			in.need("quantity")
		}
		if item.priceID == "" {
			item.data = readPriceData(in)
		}
		items = append(items, item)
	}
	return items
}

func createSession(c *call) (any, error) {
	p := c.p
	mode := p.oneOf("mode", "payment", "setup")
	session := &checkoutSession{
		CancelURL: optional(p.str("cancel_url")), ClientReferenceID: optional(p.str("client_reference_id")),
		Customer: optional(p.str("customer")), CustomerEmail: optional(p.str("customer_email")), Mode: mode,
		PaymentMethodTypes: []string{"card"}, PaymentStatus: "unpaid", Status: "open", SuccessURL: p.need("success_url"), UIMode: "hosted",
	}
	metadata := p.metadata("metadata", nil)
	intent := p.table("payment_intent_data")
	session.IntentData = sessionIntent{
		Metadata: intent.metadata("metadata", nil), Description: intent.str("description"), Usage: intent.str("setup_future_usage"),
	}
	intent.ignore("receipt_email", "statement_descriptor", "statement_descriptor_suffix")
	taxed := p.table("automatic_tax").flag("enabled", false)
	session.InvoiceCreation = &invoiceCreation{Enabled: p.table("invoice_creation").flag("enabled", false)}
	p.table("invoice_creation").ignore("invoice_data")
	expires, hasExpiry := p.num("expires_at")
	items := readItems(p)
	currency := p.str("currency")
	p.ignore("customer_update", "tax_id_collection", "billing_address_collection", "payment_method_types", "locale", "ui_mode",
		"submit_type", "allow_promotion_codes", "customer_creation", "saved_payment_method_options", "setup_intent_data", "custom_text",
		"payment_method_options", "consent_collection", "phone_number_collection")
	c.checkSession(session, items, expires, hasExpiry)
	if err := p.done(); err != nil {
		return nil, err
	}
	var cus *customer
	if session.Customer != nil {
		var err error
		if cus, err = c.customer(*session.Customer, "customer"); err != nil {
			return nil, err
		}
	}
	session.base = base{
		core: core{ident: ident{ID: "cs_test_" + c.token(32), Object: "checkout.session"}, Created: c.now().Unix()}, Metadata: metadata,
	}
	session.ExpiresAt = c.now().Add(sessionLifetime).Unix()
	if hasExpiry {
		session.ExpiresAt = expires
	}
	session.AutomaticTax = newAutomaticTax(taxed, cus)
	if mode == "setup" {
		session.Currency, session.PaymentStatus = optional(currency), "no_payment_required"
	} else if err := c.priceSession(session, items, cus); err != nil {
		return nil, err
	}
	link := c.baseURL + "/c/pay/" + session.ID
	session.URL = &link
	c.st.Sessions.put(session)
	return session, nil
}

func (c *call) checkSession(session *checkoutSession, items []sessionItem, expires int64, hasExpiry bool) {
	p := c.p
	checkReturnURL(p, "success_url", session.SuccessURL)
	checkReturnURL(p, "cancel_url", textOf(session.CancelURL))
	if session.Mode == "payment" && len(items) == 0 {
		p.child("line_items").fail("parameter_missing", "You must provide line_items in payment mode.")
	}
	if session.Customer != nil && session.CustomerEmail != nil {
		p.fail("", "You may only specify one of these parameters: customer, customer_email.")
	}
	from, to := c.now().Add(minSessionLifetime).Unix(), c.now().Add(sessionLifetime).Unix()
	if hasExpiry && (expires < from || expires > to) {
		p.child("expires_at").fail("", "The expires_at timestamp must be 30 minutes to 24 hours from Checkout Session creation.")
	}
}

func checkReturnURL(p *params, key, raw string) {
	if raw == "" {
		return
	}
	u, err := url.Parse(strings.ReplaceAll(raw, "{CHECKOUT_SESSION_ID}", "id"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		p.child(key).fail("url_invalid", "Not a valid URL")
	}
}

// priceSession makes the inline prices and adds everything up.
func (c *call) priceSession(session *checkoutSession, items []sessionItem, cus *customer) error {
	var subtotal, tax int64
	for _, item := range items {
		var one *price
		name := item.data.name
		if item.priceID != "" {
			known, ok := c.st.Prices.get(item.priceID)
			if !ok {
				return missing("price", item.priceID, "line_items[price]")
			}
			one = known
			if pr, ok := c.st.Products.get(known.Product); ok {
				name = pr.Name
			}
		} else {
			var err error
			if one, name, err = c.makePrice(item.data); err != nil {
				return err
			}
		}
		if session.Currency != nil && *session.Currency != one.Currency {
			return illegal("", "All line items must have the same currency.")
		}
		session.Currency = &one.Currency
		amount := one.UnitAmount * item.quantity
		extra := taxOn(amount, session.AutomaticTax.Enabled, cus)
		session.Items = append(session.Items, &lineItem{
			ID: c.newID("li_"), Object: "item", AmountSubtotal: amount, AmountTax: extra, AmountTotal: amount + extra,
			Currency: one.Currency, Description: name, Price: one, Quantity: item.quantity,
		})
		subtotal, tax = subtotal+amount, tax+extra
	}
	total := subtotal + tax
	if total < minCharge || total > maxCharge {
		return illegal("amount_too_small", "The Checkout Session's total amount due must add up to at least $0.50 usd and at most $999,999.99")
	}
	session.AmountSubtotal, session.AmountTotal, session.TotalDetails = &subtotal, &total, &totalDetails{AmountTax: tax}
	return nil
}

func (c *call) session(id string) (*checkoutSession, error) {
	session, ok := c.st.Sessions.get(id)
	if !ok {
		return nil, missing("checkout.session", id, "id")
	}
	return session, nil
}

func getSession(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return c.session(c.id())
}

func listSessions(c *call) (any, error) {
	cur := c.p.cursor()
	owner, intent, status := c.p.str("customer"), c.p.str("payment_intent"), c.p.str("status")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return paginate(c, cur, c.st.Sessions.newestFirst(), func(s *checkoutSession) bool {
		return (owner == "" || textOf(s.Customer) == owner) && (intent == "" || textOf(s.PaymentIntent) == intent) &&
			(status == "" || s.Status == status)
	}, asIs)
}

func listSessionItems(c *call) (any, error) {
	cur := c.p.cursor()
	if err := c.p.done(); err != nil {
		return nil, err
	}
	session, err := c.session(c.id())
	if err != nil {
		return nil, err
	}
	return paginate(c, cur, session.Items, func(*lineItem) bool { return true }, asIs)
}

func expireSession(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	session, err := c.session(c.id())
	if err != nil {
		return nil, err
	}
	if session.Status != "open" {
		return nil, illegal("", "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of %q.", session.Status)
	}
	c.expireNow(session)
	return session, nil
}

func (c *call) expireNow(session *checkoutSession) {
	session.Status, session.URL = "expired", nil
	if pi, ok := c.st.Intents.get(textOf(session.PaymentIntent)); ok && pi.confirmable() {
		at, why := c.now().Unix(), "abandoned"
		pi.Status, pi.CanceledAt, pi.CancellationReason, pi.NextAction = "canceled", &at, &why, nil
		c.emit("payment_intent.canceled", pi)
	}
	c.emit("checkout.session.expired", session)
}

// pay charges the session with a new card of the magic kind. A decline leaves the session open.
func (c *call) pay(session *checkoutSession, magic string) error {
	if session.Status != "open" {
		return illegal("", "This Checkout Session has a status of %q and cannot be paid.", session.Status)
	}
	method := c.newMethod(magic)
	email := session.CustomerEmail
	if cus, ok := c.st.Customers.get(textOf(session.Customer)); ok {
		email = cus.Email
		method.BillingDetails.Name = cus.Name
	}
	method.BillingDetails.Email = email
	if session.Mode == "setup" {
		return c.paySetup(session, method)
	}
	pi, ok := c.st.Intents.get(textOf(session.PaymentIntent))
	if !ok {
		pi = c.newIntent(*session.AmountTotal, *session.Currency, session.Customer, session.IntentData.Metadata)
		pi.Description, pi.SetupFutureUsage = optional(session.IntentData.Description), optional(session.IntentData.Usage)
		back := c.baseURL + "/c/pay/" + session.ID
		pi.ReturnURL = &back
		session.PaymentIntent = &pi.ID
	}
	pi.PaymentMethod = &method.ID
	if err := c.confirm(pi, confirmation{}); err != nil {
		return err
	}
	return c.intentSettled(pi)
}

func (c *call) paySetup(session *checkoutSession, method *paymentMethod) error {
	si, ok := c.st.SetupIntents.get(textOf(session.SetupIntent))
	if !ok {
		si = c.newSetupIntent(session.Customer, nil)
		back := c.baseURL + "/c/pay/" + session.ID
		si.ReturnURL = &back
		session.SetupIntent = &si.ID
	}
	si.PaymentMethod = &method.ID
	if err := c.confirmSetup(si, false); err != nil {
		return err
	}
	c.setupSettled(si)
	return nil
}

// intentSettled completes the open session and the open invoice that a succeeded intent pays for.
func (c *call) intentSettled(pi *paymentIntent) error {
	if pi.Status != "succeeded" {
		return nil
	}
	for _, session := range c.st.Sessions.oldestFirst() {
		if session.Status == "open" && textOf(session.PaymentIntent) == pi.ID {
			return c.complete(session, "paid")
		}
	}
	if inv, ok := c.st.Invoices.get(textOf(pi.Invoice)); ok && inv.Status == "open" {
		c.markPaid(inv, pi)
	}
	return nil
}

func (c *call) setupSettled(si *setupIntent) {
	for _, session := range c.st.Sessions.oldestFirst() {
		if si.Status == "succeeded" && session.Status == "open" && textOf(session.SetupIntent) == si.ID {
			_ = c.complete(session, "no_payment_required") // only a paid session can fail here
		}
	}
}

func (c *call) complete(session *checkoutSession, paymentStatus string) error {
	session.Status, session.PaymentStatus, session.URL = "complete", paymentStatus, nil
	details := &customerDetails{Email: session.CustomerEmail, TaxExempt: "none", TaxIDs: []string{}}
	if cus, ok := c.st.Customers.get(textOf(session.Customer)); ok {
		details.Address, details.Email, details.Name, details.Phone, details.TaxExempt = cus.Address, cus.Email, cus.Name, cus.Phone, cus.TaxExempt
	}
	session.CustomerDetails = details
	if session.InvoiceCreation.Enabled && session.Customer != nil && paymentStatus == "paid" {
		inv, err := c.invoiceForSession(session)
		if err != nil {
			return fmt.Errorf("invoice for session: %w", err)
		}
		session.Invoice = &inv.ID
	}
	c.emit("checkout.session.completed", session)
	return nil
}

// successURL is where the browser goes after payment.
func (session *checkoutSession) successURL() string {
	return strings.ReplaceAll(session.SuccessURL, "{CHECKOUT_SESSION_ID}", session.ID)
}

func (session *checkoutSession) cancelURL() string {
	return strings.ReplaceAll(textOf(session.CancelURL), "{CHECKOUT_SESSION_ID}", session.ID)
}
