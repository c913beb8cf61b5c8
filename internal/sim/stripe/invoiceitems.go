package stripe

import "slices"

type invoiceItem struct {
	ident
	Amount       int64             `json:"amount"` // cents
	Currency     string            `json:"currency"`
	Customer     string            `json:"customer"`
	Date         int64             `json:"date"`
	Description  *string           `json:"description"`
	Discountable bool              `json:"discountable"`
	Invoice      *string           `json:"invoice"`
	Livemode     bool              `json:"livemode"`
	Metadata     map[string]string `json:"metadata"`
	Period       linePeriod        `json:"period"`
	Price        *price            `json:"price"`
	Proration    bool              `json:"proration"`
	Quantity     int64             `json:"quantity"`
	UnitAmount   int64             `json:"unit_amount"`
	LineID       string            `json:"sim_line_id"`
}

type linePeriod struct {
	End   int64 `json:"end"`
	Start int64 `json:"start"`
}

func (item *invoiceItem) createdUnix() int64 { return item.Date }

// invoiceLine is an item as it appears on an invoice.
type invoiceLine struct {
	ID             string            `json:"id"`
	Object         string            `json:"object"`
	Amount         int64             `json:"amount"` // cents
	AmountExclTax  int64             `json:"amount_excluding_tax"`
	Currency       string            `json:"currency"`
	Description    *string           `json:"description"`
	Discountable   bool              `json:"discountable"`
	Invoice        *string           `json:"invoice"`
	InvoiceItem    string            `json:"invoice_item"`
	Livemode       bool              `json:"livemode"`
	Metadata       map[string]string `json:"metadata"`
	Period         linePeriod        `json:"period"`
	Price          *price            `json:"price"`
	Proration      bool              `json:"proration"`
	Quantity       int64             `json:"quantity"`
	Type           string            `json:"type"`
	createdSeconds int64
}

func (l *invoiceLine) identity() string   { return l.ID }
func (l *invoiceLine) createdUnix() int64 { return l.createdSeconds }

func (item *invoiceItem) line() *invoiceLine {
	return &invoiceLine{
		ID: item.LineID, Object: "line_item", Amount: item.Amount, AmountExclTax: item.Amount, Currency: item.Currency,
		Description: item.Description, Discountable: item.Discountable, Invoice: item.Invoice, InvoiceItem: item.ID,
		Metadata: item.Metadata, Period: item.Period, Price: item.Price, Quantity: item.Quantity, Type: "invoiceitem",
		createdSeconds: item.Date,
	}
}

// itemDraft is a requested line, before anything is made.
type itemDraft struct {
	amount, unitAmount, quantity int64
	description                  string
	metadata                     map[string]string
	period                       linePeriod
	price                        *priceData
}

// readItem reads what invoice items and added lines have in common.
func readItem(p *params, now int64) itemDraft {
	in := itemDraft{quantity: 1, description: p.str("description"), metadata: p.metadata("metadata", nil), period: linePeriod{Start: now, End: now}}
	amount, hasAmount := p.num("amount")
	quantity, hasQuantity := p.num("quantity")
	in.amount, in.unitAmount = amount, amount
	if hasQuantity {
		in.quantity = quantity
	}
	if p.has("price_data") {
		data := readPriceData(p)
		in.price, in.unitAmount, in.amount = &data, data.unitAmount, data.unitAmount*in.quantity
	} else if hasQuantity && hasAmount && quantity != 1 {
		p.child("quantity").fail("", "You may only specify one of these parameters: amount, quantity.")
	}
	if hasAmount == (in.price != nil) {
		p.child("amount").fail("parameter_missing", "You must provide one of amount and price_data.")
	}
	if p.has("period") {
		period := p.table("period")
		in.period = linePeriod{Start: period.needNum("start"), End: period.needNum("end")}
		if in.period.End < in.period.Start {
			p.child("period").fail("", "The period's end must not be before its start.")
		}
	}
	p.ignore("discountable", "discounts", "tax_behavior", "tax_code", "tax_rates")
	return in
}

// makeItem adds an item to inv, or leaves it pending when inv is nil.
func (c *call) makeItem(in itemDraft, owner, currency string, inv *invoice) (*invoiceItem, error) {
	var one *price
	if in.price != nil {
		var err error
		var name string
		if one, name, err = c.makePrice(*in.price); err != nil {
			return nil, err
		}
		if in.description == "" {
			in.description = name
		}
	} else {
		one = c.newPrice(c.newProduct(in.description, "", "", nil).ID, currency, in.unitAmount, "")
		one.Active = false
	}
	item := &invoiceItem{
		ident: ident{ID: c.newID("ii_"), Object: "invoiceitem"}, Metadata: orEmpty(in.metadata), Amount: in.amount, Currency: currency, Customer: owner, Date: c.now().Unix(),
		Description: optional(in.description), Discountable: true, Period: in.period, Price: one,
		Quantity: in.quantity, UnitAmount: in.unitAmount, LineID: c.newID("il_"),
	}
	c.st.Items.put(item)
	if inv != nil {
		item.Invoice = &inv.ID
		inv.ItemIDs = append(inv.ItemIDs, item.ID)
	}
	return item, nil
}

func createItem(c *call) (any, error) {
	owner, invoiceID := c.p.need("customer"), c.p.str("invoice")
	currency := "usd"
	if c.p.has("currency") {
		currency = c.p.currency("currency")
	}
	in := readItem(c.p, c.now().Unix())
	if err := c.p.done(); err != nil {
		return nil, err
	}
	if _, err := c.customer(owner, "customer"); err != nil {
		return nil, err
	}
	var inv *invoice
	if invoiceID != "" {
		known, ok := c.st.Invoices.get(invoiceID)
		if !ok || known.Customer != owner {
			return nil, missing("invoice", invoiceID, "invoice")
		}
		if err := c.mayAdd(known, 1); err != nil {
			return nil, err
		}
		inv, currency = known, known.Currency
	}
	item, err := c.makeItem(in, owner, currency, inv)
	if err != nil {
		return nil, err
	}
	if inv != nil {
		c.total(inv)
	}
	c.emit("invoiceitem.created", item)
	return item, nil
}

func (c *call) mayAdd(inv *invoice, lines int) error {
	if inv.Status != "draft" {
		return illegal("invoice_not_editable", "You can only add lines to a draft invoice. This invoice has a status of %s.", inv.Status)
	}
	if len(inv.ItemIDs)+lines > maxInvoiceLines {
		return illegal("", "An invoice can have at most %d line items.", maxInvoiceLines)
	}
	return nil
}

func addInvoiceLines(c *call) (any, error) {
	inv, err := c.invoice()
	if err != nil {
		return nil, err
	}
	lines := c.p.list("lines")
	var drafts []itemDraft
	for _, line := range lines {
		drafts = append(drafts, readItem(line, c.now().Unix()))
	}
	metadata := c.p.metadata("invoice_metadata", inv.Metadata)
	if len(lines) == 0 {
		c.p.child("lines").fail("parameter_missing", "Missing required param: lines.")
	}
	if err := c.p.done(); err != nil {
		return nil, err
	}
	if err := c.mayAdd(inv, len(drafts)); err != nil {
		return nil, err
	}
	for _, in := range drafts {
		if _, err := c.makeItem(in, inv.Customer, inv.Currency, inv); err != nil {
			return nil, err
		}
	}
	inv.Metadata = metadata
	c.total(inv)
	c.emit("invoice.updated", c.invoiceView(inv))
	return c.invoiceView(inv), nil
}

// listInvoiceLines shows lines in the order they were added.
func listInvoiceLines(c *call) (any, error) {
	inv, err := c.invoice()
	if err != nil {
		return nil, err
	}
	cur := c.p.cursor()
	if err := c.p.done(); err != nil {
		return nil, err
	}
	var lines []*invoiceLine
	for _, item := range c.itemsOf(inv) {
		lines = append(lines, item.line())
	}
	return paginate(c, cur, lines, func(*invoiceLine) bool { return true }, asIs)
}

func getItem(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	item, ok := c.st.Items.get(c.id())
	if !ok {
		return nil, missing("invoiceitem", c.id(), "id")
	}
	return item, nil
}

func deleteItem(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	item, ok := c.st.Items.get(c.id())
	if !ok {
		return nil, missing("invoiceitem", c.id(), "id")
	}
	inv, attached := c.st.Invoices.get(textOf(item.Invoice))
	if attached && inv.Status != "draft" {
		return nil, illegal("invoice_not_editable", "The invoice item belongs to an invoice that is no longer a draft.")
	}
	c.st.Items.remove(item.ID)
	if attached {
		inv.ItemIDs = slices.DeleteFunc(inv.ItemIDs, func(id string) bool { return id == item.ID })
		c.total(inv)
	}
	c.emit("invoiceitem.deleted", item)
	return deletedObject{ID: item.ID, Object: "invoiceitem", Deleted: true}, nil
}

func listItems(c *call) (any, error) {
	cur, owner, invoiceID := c.p.cursor(), c.p.str("customer"), c.p.str("invoice")
	pending, hasPending := c.p.str("pending"), c.p.has("pending")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return paginate(c, cur, c.st.Items.newestFirst(), func(item *invoiceItem) bool {
		return (owner == "" || item.Customer == owner) && (invoiceID == "" || textOf(item.Invoice) == invoiceID) &&
			(!hasPending || (pending == "true") == (item.Invoice == nil))
	}, asIs)
}
