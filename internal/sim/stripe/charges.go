package stripe

import (
	"net/http"
	"slices"
)

type charge struct {
	base
	Amount             int64          `json:"amount"` // cents
	AmountCaptured     int64          `json:"amount_captured"`
	AmountRefunded     int64          `json:"amount_refunded"`
	BalanceTransaction *string        `json:"balance_transaction"`
	BillingDetails     billingDetails `json:"billing_details"`
	Captured           bool           `json:"captured"`
	Currency           string         `json:"currency"`
	Customer           *string        `json:"customer"`
	Description        *string        `json:"description"`
	Disputed           bool           `json:"disputed"`
	FailureCode        *string        `json:"failure_code"`
	FailureMessage     *string        `json:"failure_message"`
	Invoice            *string        `json:"invoice"`
	Outcome            chargeOutcome  `json:"outcome"`
	Paid               bool           `json:"paid"`
	PaymentIntent      *string        `json:"payment_intent"`
	PaymentMethod      *string        `json:"payment_method"`
	Details            chargeDetails  `json:"payment_method_details"`
	ReceiptURL         *string        `json:"receipt_url"`
	Refunded           bool           `json:"refunded"`
	Status             string         `json:"status"`
}

type chargeOutcome struct {
	NetworkStatus string  `json:"network_status"`
	Reason        *string `json:"reason"`
	RiskLevel     string  `json:"risk_level"`
	SellerMessage string  `json:"seller_message"`
	Type          string  `json:"type"`
}

type chargeDetails struct {
	Card card   `json:"card"`
	Type string `json:"type"`
}

// newCharge makes a successful charge for the intent; the caller books it or marks it failed.
func (c *call) newCharge(pi *paymentIntent, method *paymentMethod) *charge {
	ch := &charge{
		base: c.newBase("ch_", "charge", pi.Metadata), Amount: pi.Amount, AmountCaptured: pi.Amount, Captured: true, Currency: pi.Currency,
		BillingDetails: method.BillingDetails, Customer: pi.Customer, Description: pi.Description, Invoice: pi.Invoice,
		Outcome: chargeOutcome{NetworkStatus: "approved_by_network", RiskLevel: "normal", SellerMessage: "Payment complete.", Type: "authorized"},
		Paid:    true, PaymentIntent: &pi.ID, PaymentMethod: &method.ID, Details: chargeDetails{Card: method.Card.charged(), Type: "card"}, Status: "succeeded",
	}
	c.st.Charges.put(ch)
	return ch
}

// balanceTxn is one movement of our money at Stripe, in cents; Net = Amount - Fee.
type balanceTxn struct {
	core
	Amount            int64       `json:"amount"`
	AvailableOn       int64       `json:"available_on"`
	Currency          string      `json:"currency"`
	Description       *string     `json:"description"`
	ExchangeRate      *float64    `json:"exchange_rate"` // always null: no conversion is simulated
	Fee               int64       `json:"fee"`
	FeeDetails        []feeDetail `json:"fee_details"`
	Net               int64       `json:"net"`
	ReportingCategory string      `json:"reporting_category"`
	Source            string      `json:"source"`
	Status            string      `json:"status"`
	Type              string      `json:"type"`
}

type feeDetail struct {
	Amount      int64  `json:"amount"`
	Currency    string `json:"currency"`
	Description string `json:"description"`
	Type        string `json:"type"`
}

const payoutDelaySeconds = 2 * 24 * 3600

// fee is 2.9 % rounded half up, plus 30 cents.
func fee(amount int64) int64 { return (amount*29+500)/1000 + 30 }

// book adds the charge and its fee to the balance.
func (c *call) book(ch *charge) {
	txn := c.newBalanceTxn("charge", ch.ID, ch.Currency, ch.Amount, fee(ch.Amount))
	ch.BalanceTransaction = &txn.ID
	receipt := c.baseURL + "/c/receipt/" + ch.ID
	ch.ReceiptURL = &receipt
}

func (c *call) newBalanceTxn(kind, source, currency string, amount, fee int64) *balanceTxn {
	now := c.now().Unix()
	txn := &balanceTxn{
		core: c.newCore("txn_", "balance_transaction"), Amount: amount, AvailableOn: now + payoutDelaySeconds, Currency: currency,
		Fee: fee, FeeDetails: []feeDetail{}, Net: amount - fee, ReportingCategory: kind, Source: source, Status: "pending", Type: kind,
	}
	if fee != 0 {
		txn.FeeDetails = append(txn.FeeDetails, feeDetail{Amount: fee, Currency: currency, Description: "Stripe processing fees", Type: "stripe_fee"})
	}
	c.st.Balance.put(txn)
	return txn
}

func getCharge(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	ch, ok := c.st.Charges.get(c.id())
	if !ok {
		return nil, missing("charge", c.id(), "id")
	}
	return ch, nil
}

func listCharges(c *call) (any, error) {
	cur, owner, intent := c.p.cursor(), c.p.str("customer"), c.p.str("payment_intent")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return paginate(c, cur, c.st.Charges.newestFirst(), func(ch *charge) bool {
		return (owner == "" || textOf(ch.Customer) == owner) && (intent == "" || textOf(ch.PaymentIntent) == intent)
	}, asIs)
}

func getBalanceTxn(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	txn, ok := c.st.Balance.get(c.id())
	if !ok {
		return nil, missing("balance transaction", c.id(), "id")
	}
	return txn, nil
}

func listBalance(c *call) (any, error) {
	cur, kind, source, currency := c.p.cursor(), c.p.str("type"), c.p.str("source"), c.p.str("currency")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return paginate(c, cur, c.st.Balance.newestFirst(), func(txn *balanceTxn) bool {
		return (kind == "" || txn.Type == kind) && (source == "" || txn.Source == source) && (currency == "" || txn.Currency == currency)
	}, asIs)
}

// CashFlow is what moved in one currency, in cents: Net = Charges - Refunds + RefundFailures - Fees.
type CashFlow struct {
	Charges        int64 `json:"charges"`
	Refunds        int64 `json:"refunds"`
	RefundFailures int64 `json:"refund_failures"`
	Fees           int64 `json:"fees"`
	Net            int64 `json:"net"`
	Transactions   int   `json:"transactions"`
}

// Cash sums the balance transactions by currency, in cents.
func (s *Server) Cash() map[string]CashFlow {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cash()
}

func (s *Server) cash() map[string]CashFlow {
	flows := map[string]CashFlow{"usd": {}}
	for _, txn := range s.st.Balance.oldestFirst() {
		f := flows[txn.Currency]
		switch txn.Type {
		case "charge":
			f.Charges += txn.Amount
		case "refund":
			f.Refunds -= txn.Amount
		case "refund_failure":
			f.RefundFailures += txn.Amount
		}
		f.Fees += txn.Fee
		f.Net += txn.Net
		f.Transactions++
		flows[txn.Currency] = f
	}
	return flows
}

func (s *Server) simCash(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Cash())
}

type balance struct {
	Object    string          `json:"object"`
	Available []balanceAmount `json:"available"`
	Pending   []balanceAmount `json:"pending"`
	Livemode  bool            `json:"livemode"`
}

type balanceAmount struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

func getBalance(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	available, pending := map[string]int64{}, map[string]int64{"usd": 0}
	now := c.now().Unix()
	for _, txn := range c.st.Balance.oldestFirst() {
		if txn.AvailableOn <= now {
			available[txn.Currency] += txn.Net
		} else {
			pending[txn.Currency] += txn.Net
		}
	}
	return balance{Object: "balance", Available: amounts(available), Pending: amounts(pending)}, nil
}

func amounts(by map[string]int64) []balanceAmount {
	out := []balanceAmount{}
	for currency, amount := range by {
		out = append(out, balanceAmount{Amount: amount, Currency: currency})
	}
	slices.SortFunc(out, func(a, b balanceAmount) int {
		if a.Currency < b.Currency {
			return -1
		}
		return 1
	})
	return out
}
