package stripe

type setupIntent struct {
	base
	CancellationReason *string     `json:"cancellation_reason"`
	ClientSecret       string      `json:"client_secret"`
	Customer           *string     `json:"customer"`
	Description        *string     `json:"description"`
	LastSetupError     *apiError   `json:"last_setup_error"`
	NextAction         *nextAction `json:"next_action"`
	PaymentMethod      *string     `json:"payment_method"`
	PaymentMethodTypes []string    `json:"payment_method_types"`
	ReturnURL          *string     `json:"sim_return_url,omitempty"`
	Status             string      `json:"status"`
	Usage              string      `json:"usage"`
}

func createSetupIntent(c *call) (any, error) {
	p := c.p
	owner, methodID := p.str("customer"), p.str("payment_method")
	confirm, usage := p.flag("confirm", false), p.oneOf("usage", "off_session", "on_session")
	returnURL, description := p.str("return_url"), p.str("description")
	metadata := p.metadata("metadata", nil)
	p.ignore("automatic_payment_methods", "payment_method_types", "use_stripe_sdk")
	if err := p.done(); err != nil {
		return nil, err
	}
	if owner != "" {
		if _, err := c.customer(owner, "customer"); err != nil {
			return nil, err
		}
	}
	si := c.newSetupIntent(optional(owner), metadata)
	si.Usage, si.Description, si.ReturnURL = usage, optional(description), optional(returnURL)
	if methodID != "" {
		method, err := c.useMethod(methodID)
		if err != nil {
			return nil, err
		}
		si.PaymentMethod, si.Status = &method.ID, "requires_confirmation"
	}
	if !confirm {
		return si, nil
	}
	if err := c.confirmSetup(si, false); err != nil {
		return nil, err
	}
	return si, nil
}

func (c *call) newSetupIntent(owner *string, metadata map[string]string) *setupIntent {
	si := &setupIntent{
		base: c.newBase("seti_", "setup_intent", metadata), Customer: owner, PaymentMethodTypes: []string{"card"},
		Status: "requires_payment_method", Usage: "off_session",
	}
	si.ClientSecret = si.ID + "_secret_" + c.token(24)
	c.st.SetupIntents.put(si)
	c.emit("setup_intent.created", si)
	return si
}

// confirmSetup keeps the card for later; the bank may ask the customer first.
func (c *call) confirmSetup(si *setupIntent, authenticated bool) error {
	method, ok := c.st.Methods.get(textOf(si.PaymentMethod))
	if !ok {
		return illegal("setup_intent_unexpected_state", "You cannot confirm this SetupIntent because it's missing a payment method.")
	}
	m := method.behaviour()
	if m.declineCode != "" && m.attachFails {
		declined := cardError(m, method)
		last := *declined
		si.Status, si.PaymentMethod, si.LastSetupError = "requires_payment_method", nil, &last
		c.emit("setup_intent.setup_failed", si)
		shown := *si
		declined.SetupIntent = &shown
		return declined
	}
	if (m.always3DS || m.offSession) && !authenticated {
		si.Status = "requires_action"
		si.NextAction = &nextAction{Type: "redirect_to_url", RedirectToURL: redirectToURL{
			ReturnURL: si.ReturnURL, URL: c.baseURL + "/c/3ds/" + si.ID,
		}}
		c.emit("setup_intent.requires_action", si)
		return nil
	}
	method.SetUp = true
	si.Status, si.NextAction, si.LastSetupError = "succeeded", nil, nil
	if cus, ok := c.st.Customers.get(textOf(si.Customer)); ok && method.Customer == nil {
		method.Customer = &cus.ID
		c.emit("payment_method.attached", method)
	}
	c.emit("setup_intent.succeeded", si)
	return nil
}

func (c *call) setupIntent() (*setupIntent, error) {
	si, ok := c.st.SetupIntents.get(c.id())
	if !ok {
		return nil, missing("setupintent", c.id(), "id")
	}
	return si, nil
}

func confirmSetupIntent(c *call) (any, error) {
	si, err := c.setupIntent()
	if err != nil {
		return nil, err
	}
	methodID, returnURL := c.p.str("payment_method"), c.p.str("return_url")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	if si.Status == "succeeded" || si.Status == "canceled" {
		return nil, illegal("setup_intent_unexpected_state", "You cannot confirm this SetupIntent because it has a status of %s.", si.Status)
	}
	if methodID != "" {
		method, err := c.useMethod(methodID)
		if err != nil {
			return nil, err
		}
		si.PaymentMethod = &method.ID
	}
	if returnURL != "" {
		si.ReturnURL = &returnURL
	}
	if err := c.confirmSetup(si, false); err != nil {
		return nil, err
	}
	return si, nil
}

func cancelSetupIntent(c *call) (any, error) {
	si, err := c.setupIntent()
	if err != nil {
		return nil, err
	}
	reason := c.p.oneOf("cancellation_reason", "", "abandoned", "duplicate", "requested_by_customer")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	if si.Status == "succeeded" || si.Status == "canceled" {
		return nil, illegal("setup_intent_unexpected_state", "You cannot cancel this SetupIntent because it has a status of %s.", si.Status)
	}
	si.Status, si.NextAction, si.CancellationReason = "canceled", nil, optional(reason)
	c.emit("setup_intent.canceled", si)
	return si, nil
}

func getSetupIntent(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return c.setupIntent()
}

func listSetupIntents(c *call) (any, error) {
	cur, owner := c.p.cursor(), c.p.str("customer")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return paginate(c, cur, c.st.SetupIntents.newestFirst(), func(si *setupIntent) bool {
		return owner == "" || textOf(si.Customer) == owner
	}, asIs)
}
