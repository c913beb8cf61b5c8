package stripe

import (
	"net/url"
	"slices"
)

// webhookEndpoint is where events go. Secret is shown by the create call alone.
type webhookEndpoint struct {
	base
	APIVersion    *string  `json:"api_version"`
	Application   *string  `json:"application"`
	Description   *string  `json:"description"`
	EnabledEvents []string `json:"enabled_events"`
	Status        string   `json:"status"`
	URL           string   `json:"url"`
	Secret        string   `json:"secret,omitempty"`
}

func (e *webhookEndpoint) wants(eventType string) bool {
	return e.Status == "enabled" && (slices.Contains(e.EnabledEvents, "*") || slices.Contains(e.EnabledEvents, eventType))
}

func (e *webhookEndpoint) withoutSecret() any {
	shown := *e
	shown.Secret = ""
	return &shown
}

// maxEndpoints is Stripe's bound for a test account.
const maxEndpoints = 16

func createEndpoint(c *call) (any, error) {
	target, version := c.p.need("url"), c.p.str("api_version")
	enabled := c.p.texts("enabled_events")
	description := c.p.str("description")
	metadata := c.p.metadata("metadata", nil)
	c.p.ignore("connect")
	if len(enabled) == 0 {
		c.p.need("enabled_events")
	}
	checkHookURL(c.p, target)
	if err := c.p.done(); err != nil {
		return nil, err
	}
	if len(c.st.Endpoints.order) >= maxEndpoints {
		return nil, illegal("", "You have reached the maximum of %d test webhook endpoints.", maxEndpoints)
	}
	e := &webhookEndpoint{
		base: c.newBase("we_", "webhook_endpoint", metadata), APIVersion: optional(version), Description: optional(description),
		EnabledEvents: enabled, Status: "enabled", URL: target, Secret: "whsec_" + c.token(32),
	}
	c.st.Endpoints.put(e)
	return e, nil
}

func checkHookURL(p *params, target string) {
	if target == "" {
		return
	}
	if u, err := url.Parse(target); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		p.child("url").fail("url_invalid", "Invalid URL: An explicit scheme (such as https) must be provided.")
	}
}

func updateEndpoint(c *call) (any, error) {
	e, ok := c.st.Endpoints.get(c.id())
	if !ok {
		return nil, missing("webhook endpoint", c.id(), "id")
	}
	target, enabled := c.p.str("url"), c.p.texts("enabled_events")
	disabled := c.p.flag("disabled", e.Status == "disabled")
	description := c.p.str("description")
	metadata := c.p.metadata("metadata", e.Metadata)
	checkHookURL(c.p, target)
	if err := c.p.done(); err != nil {
		return nil, err
	}
	if target != "" {
		e.URL = target
	}
	if len(enabled) > 0 {
		e.EnabledEvents = enabled
	}
	if description != "" {
		e.Description = &description
	}
	e.Status, e.Metadata = "enabled", metadata
	if disabled {
		e.Status = "disabled"
	}
	return e.withoutSecret(), nil
}

func getEndpoint(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	e, ok := c.st.Endpoints.get(c.id())
	if !ok {
		return nil, missing("webhook endpoint", c.id(), "id")
	}
	return e.withoutSecret(), nil
}

func listEndpoints(c *call) (any, error) {
	cur := c.p.cursor()
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return paginate(c, cur, c.st.Endpoints.newestFirst(), func(*webhookEndpoint) bool { return true },
		func(e *webhookEndpoint) any { return e.withoutSecret() })
}

func deleteEndpoint(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	if _, ok := c.st.Endpoints.get(c.id()); !ok {
		return nil, missing("webhook endpoint", c.id(), "id")
	}
	c.st.Endpoints.remove(c.id())
	c.hooks.forget(c.id())
	return deletedObject{ID: c.id(), Object: "webhook_endpoint", Deleted: true}, nil
}

// deletedObject is what Stripe answers to a DELETE.
type deletedObject struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Deleted bool   `json:"deleted"`
}

// optional turns an absent text into null.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// textOf is the reverse of optional.
func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
