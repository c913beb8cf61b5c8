package payments

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v79"
	"github.com/stripe/stripe-go/v79/webhook"

	"starlane/internal/platform/secret"
)

// Event is a hint that something happened to an object. Read the object anew before acting on it.
type Event struct {
	ID         string
	Type       string // for example "checkout.session.completed"
	ObjectID   string
	ObjectType string // for example "checkout.session"
	Created    time.Time
}

// EventTypes are the events that the product subscribes to and polls for.
func EventTypes() []string {
	return []string{
		"checkout.session.completed", "checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed",
		"checkout.session.expired", "charge.refunded", "invoice.finalized", "invoice.finalization_failed", "invoice.paid",
		"invoice.payment_failed", "invoice.voided", "invoice.marked_uncollectible",
	}
}

// maxPolled bounds one poll of the event list.
const maxPolled = 10_000

// ListEventsSince returns the events of EventTypes created at or after since, oldest first. Stripe keeps them for 30 days.
// Poll with an overlap of two hours: events do not appear in order.
func (g *Gateway) ListEventsSince(ctx context.Context, since time.Time) ([]Event, error) {
	const op = "list events"
	list, err := g.list(ctx, op)
	if err != nil {
		return nil, err
	}
	it := g.api.Events.List(&stripe.EventListParams{
		ListParams: list, Types: stripe.StringSlice(EventTypes()),
		CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: since.Unix()},
	})
	var events []Event
	for it.Next() {
		if len(events) == maxPolled {
			return nil, &Error{Kind: Refused, Op: op, Message: fmt.Sprintf("more than %d events; poll from a later time", maxPolled)}
		}
		events = append(events, eventFrom(it.Event()))
	}
	slices.Reverse(events)
	return events, wrap(op, it.Err())
}

func eventFrom(e *stripe.Event) Event {
	out := Event{ID: e.ID, Type: string(e.Type), Created: time.Unix(e.Created, 0).UTC()}
	if e.Data != nil {
		out.ObjectID, _ = e.Data.Object["id"].(string)
		out.ObjectType, _ = e.Data.Object["object"].(string)
	}
	return out
}

// WebhookEndpoint is where Stripe sends events, and what it signs them with.
type WebhookEndpoint struct {
	ID     string
	Secret secret.String
}

// EnsureWebhookEndpoint registers url for EventTypes in the API version that this library reads, and takes away older
// endpoints of ours with the same url. Stripe shows a secret only once, so every call makes a new endpoint: give several
// api processes a fixed secret instead.
func (g *Gateway) EnsureWebhookEndpoint(ctx context.Context, url string) (WebhookEndpoint, error) {
	const op = "create webhook endpoint"
	list, err := g.list(ctx, op)
	if err != nil {
		return WebhookEndpoint{}, err
	}
	var old []string
	it := g.api.WebhookEndpoints.List(&stripe.WebhookEndpointListParams{ListParams: list})
	for it.Next() {
		if e := it.WebhookEndpoint(); e.URL == url && e.Metadata[metaOwner] == "starlane" {
			old = append(old, e.ID)
		}
	}
	if err := it.Err(); err != nil {
		return WebhookEndpoint{}, wrap(op, err)
	}
	params, err := g.begin(ctx, op)
	if err != nil {
		return WebhookEndpoint{}, err
	}
	made, err := g.api.WebhookEndpoints.New(&stripe.WebhookEndpointParams{
		Params: params, Metadata: map[string]string{metaOwner: "starlane"}, URL: stripe.String(url), EnabledEvents: stripe.StringSlice(EventTypes()), APIVersion: stripe.String(stripe.APIVersion),
	})
	if err != nil {
		return WebhookEndpoint{}, wrap(op, err)
	}
	for _, id := range old {
		params, err := g.begin(ctx, op)
		if err != nil {
			return WebhookEndpoint{}, err
		}
		if _, err := g.api.WebhookEndpoints.Del(id, &stripe.WebhookEndpointParams{Params: params}); err != nil && kindFrom(wrap(op, err)) != NotFound {
			return WebhookEndpoint{}, wrap(op, err)
		}
	}
	return WebhookEndpoint{ID: made.ID, Secret: secret.New(made.Secret)}, nil
}

// Bounds of a webhook.
const (
	MaxWebhookBytes = 1 << 20
	webhookMaxAge   = 300 * time.Second
	webhookMaxAhead = 60 * time.Second
)

// What VerifyWebhook may find wrong. All of them are answered with 400; ErrWebhookVersion should alert somebody.
var (
	ErrWebhookTooLarge  = errors.New("webhook: body larger than 1 MiB")
	ErrWebhookNoSecret  = errors.New("webhook: no signing secret is configured")
	ErrWebhookSignature = errors.New("webhook: signature missing or wrong")
	ErrWebhookTime      = errors.New("webhook: signed too long ago or in the future")
	ErrWebhookVersion   = errors.New("webhook: API version is not " + stripe.APIVersion + "; create the endpoint through the API")
	ErrWebhookPayload   = errors.New("webhook: payload is not an event")
)

// VerifyWebhook checks the raw body of a webhook against its Stripe-Signature header and any of the secrets (two while
// rotating). The body is evidence only after that: nothing of it is read before. now is the receiver's clock.
func VerifyWebhook(payload []byte, header string, secrets []string, now time.Time) (Event, error) {
	if len(payload) > MaxWebhookBytes {
		return Event{}, ErrWebhookTooLarge
	}
	secrets = slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return strings.TrimSpace(s) == "" })
	if len(secrets) == 0 {
		return Event{}, ErrWebhookNoSecret
	}
	for _, candidate := range secrets {
		// The library takes the time from the machine and accepts any future: ours comes after it.
		if err := webhook.ValidatePayloadIgnoringTolerance(payload, header, strings.TrimSpace(candidate)); err != nil {
			continue
		}
		if err := checkSignedAt(header, now); err != nil {
			return Event{}, err
		}
		return parseEvent(payload, header, strings.TrimSpace(candidate))
	}
	return Event{}, ErrWebhookSignature
}

// checkSignedAt reads t of a header whose signature is right. A header with several t is refused: which one was signed
// would be a guess.
func checkSignedAt(header string, now time.Time) error {
	var signed []int64
	for part := range strings.SplitSeq(header, ",") {
		if key, value, ok := strings.Cut(strings.TrimSpace(part), "="); ok && key == "t" {
			seconds, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return ErrWebhookSignature
			}
			signed = append(signed, seconds)
		}
	}
	if len(signed) != 1 {
		return ErrWebhookSignature
	}
	at := time.Unix(signed[0], 0)
	if now.Sub(at) > webhookMaxAge || at.Sub(now) > webhookMaxAhead {
		return ErrWebhookTime
	}
	return nil
}

func parseEvent(payload []byte, header, candidate string) (Event, error) {
	e, err := webhook.ConstructEventWithOptions(payload, header, candidate, webhook.ConstructEventOptions{IgnoreTolerance: true, IgnoreAPIVersionMismatch: true})
	if err != nil {
		return Event{}, ErrWebhookPayload
	}
	if e.APIVersion != stripe.APIVersion {
		return Event{}, fmt.Errorf("%w (it is %q)", ErrWebhookVersion, e.APIVersion)
	}
	out := eventFrom(&e)
	if out.ID == "" || out.Type == "" || out.ObjectID == "" {
		return Event{}, ErrWebhookPayload
	}
	return out, nil
}
