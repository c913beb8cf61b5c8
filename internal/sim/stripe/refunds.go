package stripe

// refundSettles is when an asynchronous refund ends, in simulated seconds after it was made.
const refundSettles = 3600

type refund struct {
	core
	Amount                    int64             `json:"amount"` // cents
	BalanceTransaction        *string           `json:"balance_transaction"`
	Charge                    string            `json:"charge"`
	Currency                  string            `json:"currency"`
	FailureBalanceTransaction *string           `json:"failure_balance_transaction,omitempty"`
	FailureReason             *string           `json:"failure_reason,omitempty"`
	Metadata                  map[string]string `json:"metadata"`
	PaymentIntent             *string           `json:"payment_intent"`
	Reason                    *string           `json:"reason"`
	Status                    string            `json:"status"`
	// Settles is when a refund to an asynchronous test card changes; 0: it does not.
	Settles int64  `json:"sim_settles"`
	Becomes string `json:"sim_becomes"`
}

func createRefund(c *call) (any, error) {
	intentID, chargeID := c.p.str("payment_intent"), c.p.str("charge")
	amount, partial := c.p.num("amount")
	reason := c.p.oneOf("reason", "", "duplicate", "fraudulent", "requested_by_customer")
	metadata := c.p.metadata("metadata", nil)
	if intentID == "" && chargeID == "" {
		c.p.need("charge")
	}
	if err := c.p.done(); err != nil {
		return nil, err
	}
	if intentID != "" {
		pi, ok := c.st.Intents.get(intentID)
		if !ok {
			return nil, missing("payment_intent", intentID, "payment_intent")
		}
		if pi.Status != "succeeded" {
			return nil, illegal("", "This PaymentIntent (%s) does not have a successful charge to refund.", intentID)
		}
		chargeID = textOf(pi.LatestCharge)
	}
	ch, ok := c.st.Charges.get(chargeID)
	if !ok {
		return nil, missing("charge", chargeID, "charge")
	}
	return c.refund(ch, amount, partial, reason, metadata)
}

// refund gives money of a charge back; without partial it gives back what is left.
func (c *call) refund(ch *charge, amount int64, partial bool, reason string, metadata map[string]string) (*refund, error) {
	left := ch.Amount - ch.AmountRefunded
	switch {
	case ch.Status != "succeeded":
		return nil, illegal("", "Charge %s has not succeeded and cannot be refunded.", ch.ID)
	case left == 0:
		return nil, illegal("charge_already_refunded", "Charge %s has already been refunded.", ch.ID)
	case !partial:
		amount = left
	case amount <= 0:
		return nil, badRequest("parameter_invalid_integer", "amount", "Invalid positive integer")
	case amount > left:
		return nil, illegal("", "Refund amount (%d) is greater than unrefunded amount on charge (%d)", amount, left)
	}
	re := &refund{
		core: c.newCore("re_", "refund"), Metadata: orEmpty(metadata), Amount: amount, Charge: ch.ID, Currency: ch.Currency,
		PaymentIntent: ch.PaymentIntent, Reason: optional(reason), Status: "succeeded",
	}
	if method, ok := c.st.Methods.get(textOf(ch.PaymentMethod)); ok {
		switch m := method.behaviour(); {
		case m.refundFails:
			re.Settles, re.Becomes = c.now().Unix()+refundSettles, "failed"
		case m.refundAsync:
			re.Status, re.Settles, re.Becomes = "pending", c.now().Unix()+refundSettles, "succeeded"
		}
	}
	txn := c.newBalanceTxn("refund", re.ID, ch.Currency, -amount, 0)
	re.BalanceTransaction = &txn.ID
	c.st.Refunds.put(re)
	ch.AmountRefunded += amount
	ch.Refunded = ch.AmountRefunded == ch.Amount
	c.emit("refund.created", re)
	c.emit("charge.refunded", ch)
	return re, nil
}

// settleRefund ends an asynchronous refund; a failed one brings the money back.
func (c *call) settleRefund(re *refund) {
	re.Status, re.Settles = re.Becomes, 0
	if re.Status == "failed" {
		txn := c.newBalanceTxn("refund_failure", re.ID, re.Currency, re.Amount, 0)
		why := "unknown"
		re.FailureBalanceTransaction, re.FailureReason = &txn.ID, &why
		if ch, ok := c.st.Charges.get(re.Charge); ok {
			ch.AmountRefunded -= re.Amount
			ch.Refunded = false
		}
	}
	c.emit("refund.updated", re)
}

func getRefund(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	re, ok := c.st.Refunds.get(c.id())
	if !ok {
		return nil, missing("refund", c.id(), "id")
	}
	return re, nil
}

func updateRefund(c *call) (any, error) {
	re, ok := c.st.Refunds.get(c.id())
	if !ok {
		return nil, missing("refund", c.id(), "id")
	}
	metadata := c.p.metadata("metadata", re.Metadata)
	if err := c.p.done(); err != nil {
		return nil, err
	}
	re.Metadata = metadata
	c.emit("refund.updated", re)
	return re, nil
}

func listRefunds(c *call) (any, error) {
	cur, chargeID, intentID := c.p.cursor(), c.p.str("charge"), c.p.str("payment_intent")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return paginate(c, cur, c.st.Refunds.newestFirst(), func(re *refund) bool {
		return (chargeID == "" || re.Charge == chargeID) && (intentID == "" || textOf(re.PaymentIntent) == intentID)
	}, asIs)
}
