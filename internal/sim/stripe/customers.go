package stripe

import "strings"

type address struct {
	City       *string `json:"city"`
	Country    *string `json:"country"`
	Line1      *string `json:"line1"`
	Line2      *string `json:"line2"`
	PostalCode *string `json:"postal_code"`
	State      *string `json:"state"`
}

type customer struct {
	base
	Address             *address         `json:"address"`
	Balance             int64            `json:"balance"` // cents; positive is owed to us
	Currency            *string          `json:"currency"`
	DefaultSource       *string          `json:"default_source"`
	Delinquent          bool             `json:"delinquent"`
	Description         *string          `json:"description"`
	Email               *string          `json:"email"`
	InvoicePrefix       string           `json:"invoice_prefix"`
	InvoiceSettings     customerInvoices `json:"invoice_settings"`
	Name                *string          `json:"name"`
	NextInvoiceSequence int64            `json:"next_invoice_sequence"`
	Phone               *string          `json:"phone"`
	PreferredLocales    []string         `json:"preferred_locales"`
	TaxExempt           string           `json:"tax_exempt"`
	TestClock           *string          `json:"test_clock"`
	Deleted             bool             `json:"deleted,omitempty"`
}

type customerInvoices struct {
	CustomFields         []string `json:"custom_fields"`
	DefaultPaymentMethod *string  `json:"default_payment_method"`
	Footer               *string  `json:"footer"`
}

// country returns the customer's two-letter country, or "".
func (c *customer) country() string {
	if c.Address == nil {
		return ""
	}
	return textOf(c.Address.Country)
}

func readAddress(p *params, key string, old *address) *address {
	if !p.has(key) {
		return old
	}
	t := p.table(key)
	return &address{
		City: optional(t.str("city")), Country: optional(t.str("country")), Line1: optional(t.str("line1")),
		Line2: optional(t.str("line2")), PostalCode: optional(t.str("postal_code")), State: optional(t.str("state")),
	}
}

// customerFields reads what create and update share into cus.
func customerFields(c *call, cus *customer) {
	p := c.p
	for key, field := range map[string]**string{
		"name": &cus.Name, "email": &cus.Email, "phone": &cus.Phone, "description": &cus.Description,
	} {
		if p.has(key) {
			*field = optional(p.str(key))
		}
	}
	if email := textOf(cus.Email); email != "" && !strings.Contains(email, "@") {
		p.child("email").fail("email_invalid", "Invalid email address: %s", email)
	}
	cus.Address = readAddress(p, "address", cus.Address)
	cus.Metadata = p.metadata("metadata", cus.Metadata)
	cus.TaxExempt = p.oneOf("tax_exempt", "none", "exempt", "reverse")
	if n, ok := p.num("balance"); ok {
		cus.Balance = n
	}
	settings := p.table("invoice_settings")
	if settings.has("default_payment_method") {
		cus.InvoiceSettings.DefaultPaymentMethod = optional(settings.str("default_payment_method"))
	}
	settings.ignore("custom_fields", "footer", "rendering_options")
	p.ignore("tax", "tax_id_data", "shipping", "preferred_locales", "test_clock", "invoice_prefix", "next_invoice_sequence")
}

func createCustomer(c *call) (any, error) {
	var draft customer
	customerFields(c, &draft)
	magic := c.p.str("payment_method")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	draft.base = c.newBase("cus_", "customer", draft.Metadata)
	draft.ID = draft.ID[:18] // customer ids are shorter
	draft.InvoicePrefix = strings.ToUpper(c.token(8))
	draft.NextInvoiceSequence = 1
	draft.PreferredLocales = []string{}
	cus := &draft
	if magic != "" {
		method, err := c.useMethod(magic)
		if err != nil {
			return nil, err
		}
		if err := c.attach(method, cus); err != nil {
			return nil, err
		}
	}
	c.st.Customers.put(cus)
	c.emit("customer.created", cus)
	return cus, nil
}

// customer finds a customer named by a parameter.
func (c *call) customer(id, param string) (*customer, error) {
	cus, ok := c.st.Customers.get(id)
	if !ok || cus.Deleted && param != "id" {
		return nil, missing("customer", id, param)
	}
	return cus, nil
}

func updateCustomer(c *call) (any, error) {
	cus, err := c.customer(c.id(), "id")
	if err != nil {
		return nil, err
	}
	changed := *cus
	if cus.Deleted {
		return nil, missing("customer", c.id(), "id")
	}
	exempt := cus.TaxExempt
	customerFields(c, &changed)
	if !c.p.has("tax_exempt") {
		changed.TaxExempt = exempt
	}
	if err := c.p.done(); err != nil {
		return nil, err
	}
	if id := textOf(changed.InvoiceSettings.DefaultPaymentMethod); id != "" {
		if method, ok := c.st.Methods.get(id); !ok || textOf(method.Customer) != cus.ID {
			return nil, illegal("resource_missing", "The payment method %s is not attached to this customer.", id)
		}
	}
	*cus = changed
	c.emit("customer.updated", cus)
	return cus, nil
}

func getCustomer(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	cus, err := c.customer(c.id(), "id")
	if err != nil {
		return nil, err
	}
	if cus.Deleted {
		return deletedObject{ID: cus.ID, Object: "customer", Deleted: true}, nil
	}
	return cus, nil
}

func deleteCustomer(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	cus, err := c.customer(c.id(), "id")
	if err != nil {
		return nil, err
	}
	cus.Deleted = true
	c.emit("customer.deleted", cus)
	return deletedObject{ID: cus.ID, Object: "customer", Deleted: true}, nil
}

func listCustomers(c *call) (any, error) {
	cur, email := c.p.cursor(), c.p.str("email")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return paginate(c, cur, c.st.Customers.newestFirst(), func(cus *customer) bool {
		return !cus.Deleted && (email == "" || textOf(cus.Email) == email)
	}, asIs)
}
