package adminapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"starlane/internal/platform/apperr"
)

// WebhookEvent is what the payment processor tells: that something happened to an object. What exactly, the worker reads
// from the processor itself.
type WebhookEvent struct {
	ID       string
	Type     string
	ObjectID string
	Created  time.Time
}

// Webhook takes in events of the payment processor.
type Webhook interface {
	// Verify checks the signature over the raw body.
	Verify(body []byte, signature string, now time.Time) (WebhookEvent, error)
	// Save stores an event once; the worker deals with it.
	Save(ctx context.Context, e WebhookEvent) error
}

// maxWebhook bounds a webhook's body.
const maxWebhook = 1 << 20

// stripeWebhook answers 200 as soon as the event is stored: the processor repeats what is not answered, and gives up on
// endpoints that take long.
func (s *Server) stripeWebhook(c *gin.Context) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxWebhook))
	if err != nil {
		s.problem(c, describe(err))
		return
	}
	event, err := s.Webhook.Verify(body, c.GetHeader("Stripe-Signature"), s.Clock.Now())
	if err != nil {
		s.Log.WarnContext(c.Request.Context(), "webhook refused", "error", err.Error())
		s.problem(c, apperr.Wrap(err, apperr.InvalidRequest, "The signature or the event is not valid."))
		return
	}
	if err := s.Webhook.Save(c.Request.Context(), event); err != nil {
		s.problem(c, errors.Join(errors.New("store webhook"), err))
		return
	}
	c.JSON(http.StatusOK, gin.H{"received": true})
}
