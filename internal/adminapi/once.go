package adminapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/tenancy/once"
)

// OnceStore keeps the answers of calls that carry an Idempotency-Key.
type OnceStore interface {
	BeginOnce(ctx context.Context, t id.ID, key string, hash []byte, now time.Time) (first once.Answer, ok bool, err error)
	EndOnce(ctx context.Context, t id.ID, key string, status int, body []byte) error
}

const (
	onceHeader   = "Idempotency-Key"
	replayHeader = "Idempotent-Replayed"
	onceRetry    = 2 * time.Second
)

// tee keeps a copy of the answer.
type tee struct {
	gin.ResponseWriter
	copy bytes.Buffer
}

func (t *tee) Write(b []byte) (int, error) {
	t.copy.Write(b)
	return t.ResponseWriter.Write(b)
}

func (t *tee) WriteString(s string) (int, error) { return t.Write([]byte(s)) }

// once lets a creating call with an Idempotency-Key happen one time. Only success is kept: a call that failed changed
// nothing, and may be tried again. A call that died in the middle keeps its key, as nobody knows how far it came.
func (s *Server) once(c *gin.Context) {
	key, p := c.GetHeader(onceHeader), from(c)
	if key == "" || p == nil || c.Request.Method != http.MethodPost {
		return
	}
	body, err := io.ReadAll(c.Request.Body)
	if err != nil {
		s.problem(c, describe(err))
		return
	}
	c.Request.Body = rewind{c.Request.Body, bytes.NewReader(body)}
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%s\x00%s\x00%s\x00%s\x00%s\x00", c.Request.Method, c.Request.URL.Path, p.tenant, p.User.ID, p.role) // a hash does not fail
	sum.Write(body)
	hash := sum.Sum(nil)
	ctx := c.Request.Context()
	first, fresh, err := s.Once.BeginOnce(ctx, p.tenant, key, hash, s.Clock.Now())
	switch {
	case err != nil:
		s.problem(c, err)
		return
	case !fresh:
		s.replay(c, p, key, hash, first)
		return
	}
	w := &tee{ResponseWriter: c.Writer}
	c.Writer = w
	c.Next()
	after := context.WithoutCancel(ctx) // the work is done, whether or not the caller waits for it
	var kept []byte
	if status := w.Status(); status >= 200 && status < 300 {
		if kept, err = s.Box.Seal(secret.New(w.copy.String()), onceContext(p.tenant, key)); err != nil {
			s.Log.ErrorContext(ctx, "answer cannot be kept", "error", err.Error())
			return
		}
	}
	if err := s.Once.EndOnce(after, p.tenant, key, w.Status(), kept); err != nil {
		s.Log.ErrorContext(ctx, "answer cannot be kept", "error", err.Error())
	}
}

// rewind reads a body again and keeps what the validator has attached to it.
type rewind struct {
	io.ReadCloser
	again io.Reader
}

func (r rewind) Read(b []byte) (int, error) { return r.again.Read(b) }

// ValidatedValue is what the generated server binds.
func (r rewind) ValidatedValue() any {
	if v, ok := r.ReadCloser.(interface{ ValidatedValue() any }); ok {
		return v.ValidatedValue()
	}
	return nil
}

func onceContext(t id.ID, key string) string { return "idempotency:" + t.String() + ":" + key }

func (s *Server) replay(c *gin.Context, p *principal, key string, hash []byte, first once.Answer) {
	if !bytes.Equal(first.RequestHash, hash) {
		s.problem(c, apperr.New(apperr.Conflict, "This Idempotency-Key was used for another request.").WithParam(onceHeader))
		return
	}
	if first.Status == 0 {
		s.problem(c, apperr.New(apperr.Conflict, "The first call with this Idempotency-Key has not finished.").WithParam(onceHeader).WithRetryAfter(onceRetry))
		return
	}
	body, err := s.Box.Open(first.Body, onceContext(p.tenant, key))
	if err != nil {
		s.problem(c, errors.Join(errors.New("kept answer"), err))
		return
	}
	c.Header(replayHeader, "true")
	c.Data(first.Status, "application/json", []byte(body.Reveal()))
	c.Abort()
}
