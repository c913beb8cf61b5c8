package stripe

import (
	"errors"
	"time"
)

func payInvoice(c *call) (any, error) {
	inv, err := c.invoice()
	if err != nil {
		return nil, err
	}
	methodID, outside := c.p.str("payment_method"), c.p.flag("paid_out_of_band", false)
	offSession := c.p.flag("off_session", true)
	c.p.ignore("forgive", "source", "mandate")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	if inv.Status == "paid" {
		return nil, illegal("invoice_already_paid", "Invoice is already paid")
	}
	if inv.Status == "draft" {
		if err := c.finalize(inv); err != nil {
			return nil, err
		}
		if inv.Paid {
			return c.invoiceView(inv), nil
		}
	}
	if inv.Status != "open" && inv.Status != "uncollectible" {
		return nil, illegal("status_transition_invalid", "You cannot pay this invoice because it has a status of %s.", inv.Status)
	}
	if outside {
		inv.PaidOutOfBand = true
		c.cancelInvoiceIntent(inv)
		c.markPaid(inv, nil)
		return c.invoiceView(inv), nil
	}
	if err := c.charge(inv, methodID, offSession); err != nil {
		return nil, err
	}
	return c.invoiceView(inv), nil
}

// charge takes an invoice's amount from the given method, or from the default one.
func (c *call) charge(inv *invoice, methodID string, offSession bool) error {
	cus, err := c.customer(inv.Customer, "customer")
	if err != nil {
		return err
	}
	for _, fallback := range []*string{inv.DefaultPaymentMethod, cus.InvoiceSettings.DefaultPaymentMethod} {
		if methodID == "" {
			methodID = textOf(fallback)
		}
	}
	if methodID == "" {
		return illegal("resource_missing", "There is no `default_payment_method` set on this Customer or Invoice. Please attach a payment method.")
	}
	method, err := c.useMethod(methodID)
	if err != nil {
		return err
	}
	if err := mayUse(method, cus.ID); err != nil {
		return err
	}
	pi, ok := c.st.Intents.get(textOf(inv.PaymentIntent))
	if !ok {
		return illegal("", "This invoice has nothing to pay.")
	}
	inv.Attempted = true
	inv.AttemptCount++
	pi.PaymentMethod = &method.ID
	if err := c.confirm(pi, confirmation{offSession: offSession}); err != nil {
		c.emit("invoice.payment_failed", c.invoiceView(inv))
		return err
	}
	if pi.Status == "requires_action" {
		c.emit("invoice.payment_action_required", c.invoiceView(inv))
		shown := *pi
		return &apiError{
			Status: 402, Type: typeCard, Code: "invoice_payment_intent_requires_action", PaymentIntent: &shown,
			Message: "This payment requires additional user action before it can be completed successfully.",
		}
	}
	c.markPaid(inv, pi)
	return nil
}

func (c *call) cancelInvoiceIntent(inv *invoice) {
	if pi, ok := c.st.Intents.get(textOf(inv.PaymentIntent)); ok && pi.confirmable() {
		at, why := c.now().Unix(), "void_invoice"
		pi.Status, pi.CanceledAt, pi.CancellationReason, pi.NextAction = "canceled", &at, &why, nil
		c.emit("payment_intent.canceled", pi)
	}
}

func sendInvoice(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	inv, err := c.invoiceIn("send", "draft", "open", "paid")
	if err != nil {
		return nil, err
	}
	if inv.CollectionMethod != "send_invoice" {
		return nil, illegal("", "You can only manually send an invoice if its collection method is 'send_invoice'.")
	}
	if inv.Status == "draft" {
		if err := c.finalize(inv); err != nil {
			return nil, err
		}
	}
	c.emit("invoice.sent", c.invoiceView(inv))
	return c.invoiceView(inv), nil
}

func voidInvoice(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	inv, err := c.invoiceIn("void", "open", "uncollectible")
	if err != nil {
		return nil, err
	}
	now := c.now().Unix()
	inv.Status, inv.StatusTransitions.VoidedAt, inv.AutoAdvance = "void", &now, false
	c.cancelInvoiceIntent(inv)
	c.emit("invoice.voided", c.invoiceView(inv))
	return c.invoiceView(inv), nil
}

func markUncollectible(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	inv, err := c.invoiceIn("mark uncollectible", "open")
	if err != nil {
		return nil, err
	}
	now := c.now().Unix()
	inv.Status, inv.StatusTransitions.MarkedUncollectibleAt, inv.AutoAdvance = "uncollectible", &now, false
	c.emit("invoice.marked_uncollectible", c.invoiceView(inv))
	return c.invoiceView(inv), nil
}

// invoiceForSession writes the paid invoice that a session with invoice_creation leaves behind.
func (c *call) invoiceForSession(session *checkoutSession) (*invoice, error) {
	cus, err := c.customer(*session.Customer, "customer")
	if err != nil {
		return nil, err
	}
	inv := &invoice{
		base: c.newBase("in_", "invoice", session.Metadata), AccountCountry: "US", AccountName: "Simulated account",
		AutomaticTax: session.AutomaticTax, BillingReason: "manual", CollectionMethod: "send_invoice", Currency: *session.Currency,
		Customer: cus.ID, CustomerEmail: cus.Email, CustomerName: cus.Name, Status: "draft", TotalTaxAmounts: []taxAmount{},
	}
	inv.PeriodStart, inv.PeriodEnd = inv.Created, inv.Created
	c.st.Invoices.put(inv)
	for _, line := range session.Items {
		item, err := c.makeItem(itemDraft{
			amount: line.AmountSubtotal, unitAmount: line.Price.UnitAmount, quantity: line.Quantity, description: line.Description,
			period: linePeriod{Start: inv.Created, End: inv.Created},
		}, cus.ID, inv.Currency, inv)
		if err != nil {
			return nil, err
		}
		item.Price = line.Price
	}
	pi, ok := c.st.Intents.get(textOf(session.PaymentIntent))
	if !ok {
		return nil, errors.New("a paid session has no payment intent")
	}
	number := cus.InvoicePrefix + "-" + pad(cus.NextInvoiceSequence)
	cus.NextInvoiceSequence++
	hosted, pdf, now := c.baseURL+"/i/"+inv.ID, c.baseURL+"/i/"+inv.ID+"/pdf", c.now().Unix()
	inv.Number, inv.HostedInvoiceURL, inv.InvoicePDF, inv.StatusTransitions.FinalizedAt = &number, &hosted, &pdf, &now
	inv.PaymentIntent, pi.Invoice = &pi.ID, &inv.ID
	c.total(inv)
	c.markPaid(inv, pi)
	return inv, nil
}

// settleDue does what time alone brings: sessions expire, drafts advance, asynchronous refunds end. The mutex is held.
func (c *call) settleDue() {
	now := c.now().Unix()
	for _, session := range c.st.Sessions.oldestFirst() {
		if session.Status == "open" && session.ExpiresAt <= now {
			c.expireNow(session)
		}
	}
	for _, inv := range c.st.Invoices.oldestFirst() {
		if inv.Status == "draft" && inv.AutoAdvance && inv.Created+int64(autoAdvanceAfter/time.Second) <= now && len(inv.ItemIDs) > 0 {
			c.advance(inv)
		}
	}
	for _, re := range c.st.Refunds.oldestFirst() {
		if re.Settles != 0 && re.Settles <= now {
			c.settleRefund(re)
		}
	}
}

// advance finalises a draft and collects it as its collection method says.
func (c *call) advance(inv *invoice) {
	err := c.finalize(inv)
	switch {
	case err != nil || inv.Status != "open":
	case inv.CollectionMethod == "send_invoice":
		c.emit("invoice.sent", c.invoiceView(inv))
	default:
		err = c.charge(inv, "", true)
	}
	if err != nil {
		c.log.Info("simulated stripe: an invoice did not collect by itself", "invoice", inv.ID, "error", err)
	}
}
