package adminapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/gin-gonic/gin"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/platform/obs"
)

const requestIDHeader = "X-Request-Id"

// observe names the request, in the answer and in every log line, and writes one line when it is done. Paths are logged as
// in the contract, so that no identifier of another tenant and no query gets into the log.
func (s *Server) observe(c *gin.Context) {
	rid := c.GetHeader(requestIDHeader)
	if !validRequestID(rid) {
		rid = id.New().String()
	}
	c.Writer.Header().Set(requestIDHeader, rid)
	start := s.Clock.Now()
	c.Request = c.Request.WithContext(obs.With(c.Request.Context(), slog.String("request_id", rid)))
	defer func() { // also when the answer is broken off
		took := s.Clock.Now().Sub(start)
		s.Metrics.done(c.Request.Method, c.FullPath(), c.Writer.Status(), took)
		if strings.HasPrefix(c.FullPath(), "/api/") || strings.HasPrefix(c.FullPath(), "/webhooks/") {
			s.Log.InfoContext(c.Request.Context(), "request", "method", c.Request.Method, "path", c.FullPath(),
				"status", c.Writer.Status(), "ms", took.Milliseconds())
		}
	}()
	c.Next()
}

const maxRequestID = 64

func validRequestID(s string) bool {
	if s == "" || len(s) > maxRequestID {
		return false
	}
	return strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") == ""
}

func requestID(c *gin.Context) string { return c.Writer.Header().Get(requestIDHeader) }

// recover turns a panic into a 500 and a log line with the stack. An answer that is broken off on purpose stays so.
func (s *Server) recover(c *gin.Context) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			panic(v)
		default:
			s.Log.ErrorContext(c.Request.Context(), "handler panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			s.problem(c, apperr.From(fmt.Errorf("panic: %v", v)))
		}
	}()
	c.Next()
}
