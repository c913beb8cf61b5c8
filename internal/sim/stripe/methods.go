package stripe

import "strings"

type paymentMethod struct {
	base
	AllowRedisplay string         `json:"allow_redisplay"`
	BillingDetails billingDetails `json:"billing_details"`
	Card           card           `json:"card"`
	Customer       *string        `json:"customer"`
	Type           string         `json:"type"`
	// Magic names the behaviour; Stripe has no such field.
	Magic string `json:"sim_magic"`
	SetUp bool   `json:"sim_set_up"` // authenticated once for later use
}

type billingDetails struct {
	Address *address `json:"address"`
	Email   *string  `json:"email"`
	Name    *string  `json:"name"`
	Phone   *string  `json:"phone"`
}

type card struct {
	Brand       string       `json:"brand"`
	Checks      cardChecks   `json:"checks"`
	Country     string       `json:"country"`
	ExpMonth    int          `json:"exp_month"`
	ExpYear     int          `json:"exp_year"`
	Fingerprint string       `json:"fingerprint"`
	Funding     string       `json:"funding"`
	Last4       string       `json:"last4"`
	ThreeDS     *threeDSInfo `json:"three_d_secure_usage,omitempty"` // absent on a charge
}

// charged is the card as a charge shows it.
func (c card) charged() card {
	c.ThreeDS = nil
	return c
}

type cardChecks struct {
	AddressLine1 *string `json:"address_line1_check"`
	PostalCode   *string `json:"address_postal_code_check"`
	CVC          string  `json:"cvc_check"`
}

type threeDSInfo struct {
	Supported bool `json:"supported"`
}

// magicCard is one of Stripe's test payment methods.
type magicCard struct {
	number      string // the public test card number
	brand       string
	declineCode string // the charge is declined with this code
	code        string // the error code, card_declined if empty
	attachFails bool   // it cannot be attached to a customer either
	always3DS   bool   // asks the customer every time
	offSession  bool   // asks the customer unless it was set up before
	refundFails bool   // a refund succeeds first and fails later
	refundAsync bool   // a refund stays pending until the clock moves
	then        string // decline code after authentication
}

// magicCards are named and numbered as in Stripe's public testing guide.
var magicCards = map[string]magicCard{ //nolint:gochecknoglobals // a fixed table
	"pm_card_visa":                            {number: "4242424242424242", brand: "visa"},
	"pm_card_visa_debit":                      {number: "4000056655665556", brand: "visa"},
	"pm_card_mastercard":                      {number: "5555555555554444", brand: "mastercard"},
	"pm_card_amex":                            {number: "378282246310005", brand: "amex"},
	"pm_card_discover":                        {number: "6011111111111117", brand: "discover"},
	"pm_card_chargeDeclined":                  {number: "4000000000000002", brand: "visa", declineCode: "generic_decline", attachFails: true},
	"pm_card_visa_chargeDeclined":             {number: "4000000000000002", brand: "visa", declineCode: "generic_decline", attachFails: true},
	"pm_card_chargeDeclinedInsufficientFunds": {number: "4000000000009995", brand: "visa", declineCode: "insufficient_funds", attachFails: true},
	"pm_card_chargeDeclinedExpiredCard":       {number: "4000000000000069", brand: "visa", declineCode: "expired_card", code: "expired_card", attachFails: true},
	"pm_card_chargeDeclinedIncorrectCvc":      {number: "4000000000000127", brand: "visa", declineCode: "incorrect_cvc", code: "incorrect_cvc", attachFails: true},
	"pm_card_chargeDeclinedProcessingError":   {number: "4000000000000119", brand: "visa", declineCode: "processing_error", code: "processing_error", attachFails: true},
	"pm_card_chargeDeclinedFraudulent":        {number: "4100000000000019", brand: "visa", declineCode: "fraudulent", attachFails: true},
	"pm_card_chargeCustomerFail":              {number: "4000000000000341", brand: "visa", declineCode: "generic_decline"},
	"pm_card_authenticationRequired":          {number: "4000002760003184", brand: "visa", always3DS: true},
	"pm_card_threeDSecure2Required":           {number: "4000000000003220", brand: "visa", always3DS: true},
	"pm_card_authenticationRequiredOnSetup":   {number: "4000002500003155", brand: "visa", offSession: true},
	"pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": {
		number: "4000008260003178", brand: "visa", always3DS: true, then: "insufficient_funds",
	},
	"pm_card_refundFail":    {number: "4000000000005126", brand: "visa", refundFails: true},
	"pm_card_pendingRefund": {number: "4000000000007726", brand: "visa", refundAsync: true},
}

// behaviour returns what the card does when it is charged or refunded.
func (m *paymentMethod) behaviour() magicCard { return magicCards[m.Magic] }

// magicOf returns the name for a card number or a tok_ token.
func magicOf(numberOrToken string) (string, bool) {
	token, isToken := strings.CutPrefix(numberOrToken, "tok_")
	for name, m := range magicCards {
		if m.number == numberOrToken && name != "pm_card_visa_chargeDeclined" || isToken && name == "pm_card_"+token {
			return name, true
		}
	}
	return "", false
}

// newMethod makes a card that behaves like the magic method of that name.
func (c *call) newMethod(magic string) *paymentMethod {
	m := magicCards[magic]
	check := "pass"
	method := &paymentMethod{
		base: c.newBase("pm_", "payment_method", nil), AllowRedisplay: "unspecified", Type: "card", Magic: magic,
		BillingDetails: billingDetails{Address: &address{}},
		Card: card{
			Brand: m.brand, Checks: cardChecks{CVC: check}, Country: "US", ExpMonth: 12, ExpYear: c.now().Year() + 4,
			Fingerprint: c.token(16), Funding: "credit", Last4: m.number[len(m.number)-4:], ThreeDS: &threeDSInfo{Supported: true},
		},
	}
	c.st.Methods.put(method)
	return method
}

// useMethod returns the payment method of that id; a magic name makes a new one, as Stripe does.
func (c *call) useMethod(id string) (*paymentMethod, error) {
	if _, magic := magicCards[id]; magic {
		return c.newMethod(id), nil
	}
	method, ok := c.st.Methods.get(id)
	if !ok {
		return nil, missing("PaymentMethod", id, "payment_method")
	}
	return method, nil
}

func (c *call) attach(method *paymentMethod, cus *customer) error {
	if owner := textOf(method.Customer); owner != "" && owner != cus.ID {
		return illegal("payment_method_unexpected_state", "The payment method you provided has already been attached to a customer.")
	}
	if m := method.behaviour(); m.attachFails {
		return cardError(m, method)
	}
	method.Customer = &cus.ID
	c.emit("payment_method.attached", method)
	return nil
}

func createMethod(c *call) (any, error) {
	kind := c.p.oneOf("type", "card")
	fields := c.p.table("card")
	token, number := fields.str("token"), strings.ReplaceAll(fields.str("number"), " ", "")
	fields.ignore("exp_month", "exp_year", "cvc")
	metadata := c.p.metadata("metadata", nil)
	details := c.p.table("billing_details")
	billing := billingDetails{
		Address: readAddress(details, "address", &address{}), Email: optional(details.str("email")),
		Name: optional(details.str("name")), Phone: optional(details.str("phone")),
	}
	c.p.ignore("allow_redisplay")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	magic, known := magicOf(token + number)
	if kind != "card" || !known {
		return nil, &apiError{
			Status: 402, Type: typeCard, Code: "incorrect_number", Param: "number",
			Message: "Your card number is incorrect. The simulator knows Stripe's public test cards only.",
		}
	}
	method := c.newMethod(magic)
	method.Metadata, method.BillingDetails = metadata, billing
	return method, nil
}

func getMethod(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	method, ok := c.st.Methods.get(c.id())
	if !ok {
		return nil, missing("PaymentMethod", c.id(), "id")
	}
	return method, nil
}

func attachMethod(c *call) (any, error) {
	owner := c.p.need("customer")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	cus, err := c.customer(owner, "customer")
	if err != nil {
		return nil, err
	}
	method, err := c.useMethod(c.id())
	if err != nil {
		return nil, err
	}
	if err := c.attach(method, cus); err != nil {
		return nil, err
	}
	return method, nil
}

func detachMethod(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	method, ok := c.st.Methods.get(c.id())
	if !ok {
		return nil, missing("PaymentMethod", c.id(), "id")
	}
	if method.Customer == nil {
		return nil, illegal("payment_method_unexpected_state", "The payment method you provided is not attached to a customer.")
	}
	if cus, ok := c.st.Customers.get(*method.Customer); ok && textOf(cus.InvoiceSettings.DefaultPaymentMethod) == method.ID {
		cus.InvoiceSettings.DefaultPaymentMethod = nil
	}
	method.Customer = nil
	c.emit("payment_method.detached", method)
	return method, nil
}

func listMethods(c *call) (any, error) {
	owner := c.p.str("customer")
	return methodsOf(c, owner)
}

func listCustomerMethods(c *call) (any, error) {
	if _, err := c.customer(c.id(), "id"); err != nil {
		return nil, err
	}
	return methodsOf(c, c.id())
}

func methodsOf(c *call, owner string) (any, error) {
	cur, kind := c.p.cursor(), c.p.str("type")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return paginate(c, cur, c.st.Methods.newestFirst(), func(m *paymentMethod) bool {
		return owner != "" && textOf(m.Customer) == owner && (kind == "" || kind == m.Type)
	}, asIs)
}
