package stripe

import (
	"slices"
	"time"
)

const (
	maxInvoiceLines  = 250
	autoAdvanceAfter = time.Hour
	embeddedLines    = 10 // an invoice carries this many lines; the others are on the lines endpoint
)

type invoice struct {
	base
	AccountCountry       string            `json:"account_country"`
	AccountName          string            `json:"account_name"`
	AmountDue            int64             `json:"amount_due"` // cents, as all figures here
	AmountPaid           int64             `json:"amount_paid"`
	AmountRemaining      int64             `json:"amount_remaining"`
	AmountShipping       int64             `json:"amount_shipping"`
	AttemptCount         int64             `json:"attempt_count"`
	Attempted            bool              `json:"attempted"`
	AutoAdvance          bool              `json:"auto_advance"`
	AutomaticTax         automaticTax      `json:"automatic_tax"`
	BillingReason        string            `json:"billing_reason"`
	Charge               *string           `json:"charge"`
	CollectionMethod     string            `json:"collection_method"`
	Currency             string            `json:"currency"`
	Customer             string            `json:"customer"`
	CustomerEmail        *string           `json:"customer_email"`
	CustomerName         *string           `json:"customer_name"`
	DefaultPaymentMethod *string           `json:"default_payment_method"`
	Description          *string           `json:"description"`
	DueDate              *int64            `json:"due_date"`
	EndingBalance        *int64            `json:"ending_balance"`
	Footer               *string           `json:"footer"`
	HostedInvoiceURL     *string           `json:"hosted_invoice_url"`
	InvoicePDF           *string           `json:"invoice_pdf"`
	NextPaymentAttempt   *int64            `json:"next_payment_attempt"`
	Number               *string           `json:"number"`
	Paid                 bool              `json:"paid"`
	PaidOutOfBand        bool              `json:"paid_out_of_band"`
	PaymentIntent        *string           `json:"payment_intent"`
	PeriodEnd            int64             `json:"period_end"`
	PeriodStart          int64             `json:"period_start"`
	PostPaymentNotes     int64             `json:"post_payment_credit_notes_amount"`
	PrePaymentNotes      int64             `json:"pre_payment_credit_notes_amount"`
	StartingBalance      int64             `json:"starting_balance"`
	Status               string            `json:"status"`
	StatusTransitions    statusTransitions `json:"status_transitions"`
	Subtotal             int64             `json:"subtotal"`
	SubtotalExclTax      int64             `json:"subtotal_excluding_tax"`
	Tax                  *int64            `json:"tax"`
	Total                int64             `json:"total"`
	TotalExclTax         int64             `json:"total_excluding_tax"`
	TotalTaxAmounts      []taxAmount       `json:"total_tax_amounts"`
	DaysUntilDue         int64             `json:"sim_days_until_due"`
	ItemIDs              []string          `json:"sim_items"` // in the order they were added
}

type statusTransitions struct {
	FinalizedAt           *int64 `json:"finalized_at"`
	MarkedUncollectibleAt *int64 `json:"marked_uncollectible_at"`
	PaidAt                *int64 `json:"paid_at"`
	VoidedAt              *int64 `json:"voided_at"`
}

type taxAmount struct {
	Amount        int64 `json:"amount"`
	Inclusive     bool  `json:"inclusive"`
	TaxableAmount int64 `json:"taxable_amount"`
}

// invoiceShown is an invoice with its first lines, as the API shows it.
type invoiceShown struct {
	*invoice
	Lines lineList `json:"lines"`
}

type lineList struct {
	page
	TotalCount int `json:"total_count"`
}

func (s *Server) invoiceView(inv *invoice) any {
	items := s.itemsOf(inv)
	lines := lineList{
		page:       page{Object: "list", URL: "/v1/invoices/" + inv.ID + "/lines", HasMore: len(items) > embeddedLines, Data: []any{}},
		TotalCount: len(items),
	}
	for _, item := range items[:min(len(items), embeddedLines)] {
		lines.Data = append(lines.Data, item.line())
	}
	return invoiceShown{invoice: inv, Lines: lines}
}

// itemsOf returns the items of an invoice in the order they were added.
func (s *Server) itemsOf(inv *invoice) []*invoiceItem {
	items := make([]*invoiceItem, 0, len(inv.ItemIDs))
	for _, id := range inv.ItemIDs {
		items = append(items, s.st.Items.rows[id])
	}
	return items
}

func createInvoice(c *call) (any, error) {
	p := c.p
	owner, currency := p.need("customer"), p.str("currency")
	inv := &invoice{
		AccountCountry: "US", AccountName: "Simulated account", AutoAdvance: p.flag("auto_advance", false), BillingReason: "manual",
		CollectionMethod: p.oneOf("collection_method", "charge_automatically", "send_invoice"), Currency: "usd", Customer: owner,
		DefaultPaymentMethod: optional(p.str("default_payment_method")), Description: optional(p.str("description")),
		Footer: optional(p.str("footer")), Status: "draft", TotalTaxAmounts: []taxAmount{},
	}
	days, hasDays := p.num("days_until_due")
	due, hasDue := p.num("due_date")
	taxed := p.table("automatic_tax").flag("enabled", false)
	pending := p.oneOf("pending_invoice_items_behavior", "exclude", "include")
	metadata := p.metadata("metadata", nil)
	p.ignore("statement_descriptor", "payment_settings", "rendering", "custom_fields")
	if (hasDays || hasDue) != (inv.CollectionMethod == "send_invoice") && p.form.err == nil {
		p.child("days_until_due").fail("", "days_until_due or due_date is required for, and only for, collection_method=send_invoice.")
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	cus, err := c.customer(owner, "customer")
	if err != nil {
		return nil, err
	}
	if currency != "" {
		inv.Currency = currency
	}
	inv.base = c.newBase("in_", "invoice", metadata)
	inv.AutomaticTax, inv.CustomerEmail, inv.CustomerName = newAutomaticTax(taxed, cus), cus.Email, cus.Name
	inv.PeriodStart, inv.PeriodEnd = inv.Created, inv.Created
	inv.DaysUntilDue = days
	if hasDue {
		inv.DueDate = &due
	}
	c.st.Invoices.put(inv)
	if pending == "include" {
		for _, item := range c.st.Items.oldestFirst() {
			if item.Invoice == nil && item.Customer == owner && item.Currency == inv.Currency {
				item.Invoice = &inv.ID
				inv.ItemIDs = append(inv.ItemIDs, item.ID)
			}
		}
	}
	c.total(inv)
	c.emit("invoice.created", c.invoiceView(inv))
	return c.invoiceView(inv), nil
}

// total adds the lines up again.
func (c *call) total(inv *invoice) {
	cus := c.st.Customers.rows[inv.Customer]
	inv.Subtotal = 0
	var tax int64
	for _, item := range c.itemsOf(inv) {
		inv.Subtotal += item.Amount
		tax += taxOn(item.Amount, inv.AutomaticTax.Enabled, cus)
	}
	inv.Tax, inv.TotalTaxAmounts = nil, []taxAmount{}
	if inv.AutomaticTax.Enabled {
		inv.Tax = &tax
		inv.TotalTaxAmounts = append(inv.TotalTaxAmounts, taxAmount{Amount: tax, TaxableAmount: inv.Subtotal})
	}
	inv.SubtotalExclTax, inv.TotalExclTax, inv.Total = inv.Subtotal, inv.Subtotal, inv.Subtotal+tax
	inv.AmountDue = max(0, inv.Total)
	inv.AmountRemaining = inv.AmountDue - inv.AmountPaid
}

func (c *call) invoice() (*invoice, error) {
	inv, ok := c.st.Invoices.get(c.id())
	if !ok {
		return nil, missing("invoice", c.id(), "id")
	}
	return inv, nil
}

// invoiceIn returns the invoice of the path when it is in one of the states that act needs.
func (c *call) invoiceIn(act string, states ...string) (*invoice, error) {
	inv, err := c.invoice()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(states, inv.Status) {
		code := "invoice_not_editable"
		if act != "modify" {
			code = "status_transition_invalid"
		}
		return nil, illegal(code, "You cannot %s this invoice because it has a status of %s.", act, inv.Status)
	}
	return inv, nil
}

func updateInvoice(c *call) (any, error) {
	inv, err := c.invoice()
	if err != nil {
		return nil, err
	}
	p := c.p
	metadata := p.metadata("metadata", inv.Metadata)
	description, footer, advance := p.str("description"), p.str("footer"), p.flag("auto_advance", inv.AutoAdvance)
	method := p.str("default_payment_method")
	if err := p.done(); err != nil {
		return nil, err
	}
	if inv.Status != "draft" && (description != "" || footer != "") {
		return nil, illegal("invoice_not_editable", "Finalized invoices can't be updated in this way.")
	}
	inv.Metadata, inv.AutoAdvance = metadata, advance
	setText(&inv.Description, description)
	setText(&inv.Footer, footer)
	setText(&inv.DefaultPaymentMethod, method)
	c.emit("invoice.updated", c.invoiceView(inv))
	return c.invoiceView(inv), nil
}

// setText changes a field unless the new text is empty.
func setText(field **string, text string) {
	if text != "" {
		*field = &text
	}
}

func getInvoice(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	inv, err := c.invoice()
	if err != nil {
		return nil, err
	}
	return c.invoiceView(inv), nil
}

func listInvoices(c *call) (any, error) {
	cur, owner, status := c.p.cursor(), c.p.str("customer"), c.p.str("status")
	c.p.ignore("collection_method")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return paginate(c, cur, c.st.Invoices.newestFirst(), func(inv *invoice) bool {
		return (owner == "" || inv.Customer == owner) && (status == "" || inv.Status == status)
	}, func(inv *invoice) any { return c.invoiceView(inv) })
}

func deleteInvoice(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	inv, err := c.invoiceIn("delete", "draft")
	if err != nil {
		return nil, err
	}
	c.st.Invoices.remove(inv.ID)
	deleted := c.invoiceView(inv)
	for _, item := range c.itemsOf(inv) {
		c.st.Items.remove(item.ID)
	}
	c.emit("invoice.deleted", deleted)
	return deletedObject{ID: inv.ID, Object: "invoice", Deleted: true}, nil
}

// finalize numbers the invoice and opens it. Nothing to pay, or less than the smallest charge, means paid at once; the
// small rest goes to the customer's balance.
func (c *call) finalize(inv *invoice) error {
	items := c.itemsOf(inv)
	if len(items) == 0 {
		return illegal("invoice_no_customer_line_items", "Nothing to invoice: the invoice has no line items.")
	}
	cus, err := c.customer(inv.Customer, "customer")
	if err != nil {
		return err
	}
	c.total(inv)
	now := c.now().Unix()
	number := cus.InvoicePrefix + "-" + pad(cus.NextInvoiceSequence)
	cus.NextInvoiceSequence++
	hosted, pdf := c.baseURL+"/i/"+inv.ID, c.baseURL+"/i/"+inv.ID+"/pdf"
	inv.Number, inv.HostedInvoiceURL, inv.InvoicePDF = &number, &hosted, &pdf
	inv.Status, inv.StatusTransitions.FinalizedAt = "open", &now
	if inv.CollectionMethod == "send_invoice" && inv.DueDate == nil {
		due := now + inv.DaysUntilDue*24*3600
		inv.DueDate = &due
	}
	inv.StartingBalance = cus.Balance
	if inv.Total < 0 || inv.Total > 0 && inv.Total < minCharge {
		cus.Balance += inv.Total
		inv.AmountDue, inv.AmountRemaining = 0, 0
	}
	ending := cus.Balance
	inv.EndingBalance = &ending
	if inv.AmountDue > 0 {
		pi := c.newIntent(inv.AmountDue, inv.Currency, &inv.Customer, nil)
		pi.Invoice, pi.Description = &inv.ID, optional("Payment for Invoice "+number)
		inv.PaymentIntent = &pi.ID
	}
	c.emit("invoice.finalized", c.invoiceView(inv))
	if inv.AmountDue == 0 {
		c.markPaid(inv, nil)
	}
	return nil
}

func finalizeInvoice(c *call) (any, error) {
	advance := c.p.str("auto_advance")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	inv, err := c.invoiceIn("finalize", "draft")
	if err != nil {
		return nil, err
	}
	if err := c.finalize(inv); err != nil {
		return nil, err
	}
	if advance != "" {
		inv.AutoAdvance = advance == "true"
	}
	return c.invoiceView(inv), nil
}

// markPaid closes the invoice; pi is nil when nothing had to be charged.
func (c *call) markPaid(inv *invoice, pi *paymentIntent) {
	now := c.now().Unix()
	inv.Status, inv.Paid, inv.StatusTransitions.PaidAt, inv.AutoAdvance = "paid", true, &now, false
	if pi != nil {
		inv.Charge, inv.Attempted = pi.LatestCharge, true
	}
	inv.AmountPaid, inv.AmountRemaining = inv.AmountDue, 0
	c.emit("invoice.paid", c.invoiceView(inv))
	c.emit("invoice.payment_succeeded", c.invoiceView(inv))
}
