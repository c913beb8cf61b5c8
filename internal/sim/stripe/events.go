package stripe

import (
	"encoding/json"
	"slices"
)

// event is one entry of the event list; Data holds the object as it was at that moment.
type event struct {
	ID              string       `json:"id"`
	Object          string       `json:"object"`
	APIVersion      string       `json:"api_version"`
	Created         int64        `json:"created"`
	Data            eventData    `json:"data"`
	Livemode        bool         `json:"livemode"`
	PendingWebhooks int          `json:"pending_webhooks"`
	Request         eventRequest `json:"request"`
	Type            string       `json:"type"`
}

type eventData struct {
	Object json.RawMessage `json:"object"`
}

type eventRequest struct {
	ID             *string `json:"id"`
	IdempotencyKey *string `json:"idempotency_key"`
}

func (e *event) identity() string   { return e.ID }
func (e *event) createdUnix() int64 { return e.Created }

// emit records that something happened to object, for the event list and the webhooks.
func (c *call) emit(eventType string, object any) {
	raw, err := json.Marshal(object)
	if err != nil {
		c.log.Error("simulated stripe: event lost", "type", eventType, "error", err)
		return
	}
	e := &event{
		ID: c.newID("evt_"), Object: "event", APIVersion: APIVersion, Created: c.now().Unix(),
		Data: eventData{Object: raw}, Type: eventType,
	}
	if c.r != nil {
		if key := c.r.Header.Get("Idempotency-Key"); key != "" {
			e.Request.IdempotencyKey = &key
		}
	}
	for _, endpoint := range c.st.Endpoints.oldestFirst() {
		if endpoint.wants(eventType) {
			e.PendingWebhooks++
		}
	}
	c.st.Events.put(e)
	c.st.Events.trim(maxEvents)
	c.fired = append(c.fired, e)
}

func listEvents(c *call) (any, error) {
	cur := c.p.cursor()
	kind, kinds := c.p.str("type"), c.p.texts("types")
	c.p.ignore("delivery_success")
	if err := c.p.done(); err != nil {
		return nil, err
	}
	return paginate(c, cur, c.st.Events.newestFirst(), func(e *event) bool {
		return (kind == "" || kind == e.Type) && (len(kinds) == 0 || slices.Contains(kinds, e.Type))
	}, asIs)
}

func getEvent(c *call) (any, error) {
	if err := c.p.done(); err != nil {
		return nil, err
	}
	e, ok := c.st.Events.get(c.id())
	if !ok {
		return nil, missing("event", c.id(), "id")
	}
	return e, nil
}
