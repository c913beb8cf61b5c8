package stripe

type product struct {
	base
	Active      bool    `json:"active"`
	Description *string `json:"description"`
	Name        string  `json:"name"`
	TaxCode     *string `json:"tax_code"`
	Type        string  `json:"type"`
	Updated     int64   `json:"updated"`
}

type price struct {
	base
	Active            bool    `json:"active"`
	BillingScheme     string  `json:"billing_scheme"`
	Currency          string  `json:"currency"`
	Nickname          *string `json:"nickname"`
	Product           string  `json:"product"`
	TaxBehavior       string  `json:"tax_behavior"`
	Type              string  `json:"type"`
	UnitAmount        int64   `json:"unit_amount"` // cents
	UnitAmountDecimal string  `json:"unit_amount_decimal"`
}

func (c *call) newProduct(name, description, taxCode string, metadata map[string]string) *product {
	pr := &product{
		base: c.newBase("prod_", "product", metadata), Active: true, Description: optional(description), Name: name,
		TaxCode: optional(taxCode), Type: "service", Updated: c.now().Unix(),
	}
	c.st.Products.put(pr)
	return pr
}

func (c *call) newPrice(productID, currency string, unitAmount int64, taxBehavior string) *price {
	if taxBehavior == "" {
		taxBehavior = "unspecified"
	}
	p := &price{
		base: c.newBase("price_", "price", nil), Active: true, BillingScheme: "per_unit", Currency: currency, Product: productID,
		TaxBehavior: taxBehavior, Type: "one_time", UnitAmount: unitAmount, UnitAmountDecimal: decimal(unitAmount),
	}
	c.st.Prices.put(p)
	return p
}

// priceData is an inline price; make turns it into objects once the whole request is known to be right.
type priceData struct {
	currency, product, name, description, taxCode, taxBehavior string
	unitAmount                                                 int64
}

func readPriceData(p *params) priceData {
	data := p.child("price_data")
	in := priceData{
		currency: data.currency("currency"), product: data.str("product"), unitAmount: data.needNum("unit_amount"),
		taxBehavior: data.oneOf("tax_behavior", "unspecified", "exclusive", "inclusive"),
	}
	inline := data.child("product_data")
	if inline.node != nil {
		in.name, in.description, in.taxCode = inline.need("name"), inline.str("description"), inline.str("tax_code")
		inline.ignore("images", "metadata")
	} else if in.product == "" {
		data.need("product_data")
	}
	if in.unitAmount < 0 {
		data.child("unit_amount").fail("parameter_invalid_integer", "Invalid non-negative integer")
	}
	return in
}

func (c *call) makePrice(in priceData) (*price, string, error) {
	name, productID := in.name, in.product
	if productID == "" {
		productID = c.newProduct(in.name, in.description, in.taxCode, nil).ID
	} else {
		known, ok := c.st.Products.get(productID)
		if !ok {
			return nil, "", missing("product", productID, "price_data[product]")
		}
		name = known.Name
	}
	return c.newPrice(productID, in.currency, in.unitAmount, in.taxBehavior), name, nil
}

func createProduct(c *call) (any, error) {
	name, description, taxCode := c.p.need("name"), c.p.str("description"), c.p.str("tax_code")
	metadata := c.p.metadata("metadata", nil)
	c.p.ignore("active", "images", "url", "unit_label")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return c.newProduct(name, description, taxCode, metadata), nil
}

func getProduct(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	pr, ok := c.st.Products.get(c.id())
	if !ok {
		return nil, missing("product", c.id(), "id")
	}
	return pr, nil
}

func createPrice(c *call) (any, error) {
	currency, amount, productID := c.p.currency("currency"), c.p.needNum("unit_amount"), c.p.need("product")
	behavior := c.p.oneOf("tax_behavior", "unspecified", "exclusive", "inclusive")
	nickname, metadata := c.p.str("nickname"), c.p.metadata("metadata", nil)
	if err := c.p.done(); err != nil {
		return nil, err
	}
	if _, ok := c.st.Products.get(productID); !ok {
		return nil, missing("product", productID, "product")
	}
	p := c.newPrice(productID, currency, amount, behavior)
	p.Nickname, p.Metadata = optional(nickname), metadata
	return p, nil
}

func getPrice(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	p, ok := c.st.Prices.get(c.id())
	if !ok {
		return nil, missing("price", c.id(), "id")
	}
	return p, nil
}
