package stripe

import "fmt"

// pad writes an invoice's sequence number with at least four digits.
func pad(n int64) string { return fmt.Sprintf("%04d", n) }

type creditNote struct {
	base
	Amount                     int64   `json:"amount"` // cents
	Currency                   string  `json:"currency"`
	Customer                   string  `json:"customer"`
	CustomerBalanceTransaction *string `json:"customer_balance_transaction"`
	Invoice                    string  `json:"invoice"`
	Memo                       *string `json:"memo"`
	Number                     string  `json:"number"`
	OutOfBandAmount            int64   `json:"out_of_band_amount"`
	Reason                     *string `json:"reason"`
	Refund                     *string `json:"refund"`
	Status                     string  `json:"status"`
	Subtotal                   int64   `json:"subtotal"`
	Total                      int64   `json:"total"`
	Type                       string  `json:"type"`
	VoidedAt                   *int64  `json:"voided_at"`
}

func createCreditNote(c *call) (any, error) {
	p := c.p
	invoiceID, amount := p.need("invoice"), p.needNum("amount")
	refunded, hasRefund := p.num("refund_amount")
	credited, hasCredit := p.num("credit_amount")
	outside, hasOutside := p.num("out_of_band_amount")
	reason := p.oneOf("reason", "", "duplicate", "fraudulent", "order_change", "product_unsatisfactory")
	memo, metadata := p.str("memo"), p.metadata("metadata", nil)
	if err := p.done(); err != nil {
		return nil, err
	}
	inv, ok := c.st.Invoices.get(invoiceID)
	if !ok {
		return nil, missing("invoice", invoiceID, "invoice")
	}
	left := inv.Total - inv.PrePaymentNotes - inv.PostPaymentNotes
	switch {
	case inv.Status != "open" && inv.Status != "paid":
		return nil, illegal("", "You cannot issue a credit note for an invoice with a status of %s.", inv.Status)
	case amount <= 0 || amount > left:
		return nil, illegal("", "The amount (%d) must be positive and at most what is left of the invoice (%d).", amount, left)
	case inv.Status == "open" && (hasRefund || hasCredit || hasOutside):
		return nil, illegal("", "An open invoice has not been paid: a credit note can only reduce what is due.")
	case inv.Status == "paid" && refunded+credited+outside != amount:
		return nil, illegal("", "The sum of credit_amount, refund_amount and out_of_band_amount (%d) must equal the credit note amount (%d).", refunded+credited+outside, amount)
	}
	note := &creditNote{
		Amount: amount, Currency: inv.Currency, Customer: inv.Customer, Invoice: inv.ID, Memo: optional(memo),
		OutOfBandAmount: outside, Reason: optional(reason), Status: "issued", Subtotal: amount, Total: amount, Type: "pre_payment",
	}
	if inv.Status == "paid" {
		note.Type = "post_payment"
		if err := c.settleNote(inv, note, refunded, credited); err != nil {
			return nil, err
		}
		inv.PostPaymentNotes += amount
	} else {
		inv.PrePaymentNotes += amount
		inv.AmountDue, inv.AmountRemaining = inv.AmountDue-amount, inv.AmountRemaining-amount
		c.shrinkIntent(inv)
	}
	note.base = c.newBase("cn_", "credit_note", metadata)
	note.Number = textOf(inv.Number) + "-CN-" + pad(int64(len(c.st.CreditNotes.order)+1))
	c.st.CreditNotes.put(note)
	c.emit("credit_note.created", note)
	return note, nil
}

// settleNote gives the money of a paid invoice back, by card or to the customer's balance.
func (c *call) settleNote(inv *invoice, note *creditNote, refunded, credited int64) error {
	if refunded > 0 {
		ch, ok := c.st.Charges.get(textOf(inv.Charge))
		if !ok {
			return illegal("", "This invoice was not paid by card; nothing can be refunded.")
		}
		re, err := c.refund(ch, refunded, true, "", nil)
		if err != nil {
			return err
		}
		note.Refund = &re.ID
	}
	if credited > 0 {
		cus, err := c.customer(inv.Customer, "customer")
		if err != nil {
			return err
		}
		cus.Balance -= credited
	}
	return nil
}

// shrinkIntent makes the open payment follow a smaller amount due.
func (c *call) shrinkIntent(inv *invoice) {
	if inv.AmountRemaining == 0 {
		c.cancelInvoiceIntent(inv)
		c.markPaid(inv, nil)
		return
	}
	if pi, ok := c.st.Intents.get(textOf(inv.PaymentIntent)); ok && pi.confirmable() {
		pi.Amount = inv.AmountRemaining
	}
}

func getCreditNote(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	note, ok := c.st.CreditNotes.get(c.id())
	if !ok {
		return nil, missing("credit note", c.id(), "id")
	}
	return note, nil
}

func listCreditNotes(c *call) (any, error) {
	cur, owner, invoiceID := c.p.cursor(), c.p.str("customer"), c.p.str("invoice")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return paginate(c, cur, c.st.CreditNotes.newestFirst(), func(note *creditNote) bool {
		return (owner == "" || note.Customer == owner) && (invoiceID == "" || note.Invoice == invoiceID)
	}, asIs)
}
