package relayapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// sink implements relay.Sink. It writes past gin's wrapper, which has nothing to add after the head.
type sink struct {
	head    gin.ResponseWriter
	body    http.ResponseWriter
	flusher interface{ FlushError() error }
	control *http.ResponseController
	started bool
}

func newSink(w gin.ResponseWriter) *sink {
	s := &sink{head: w, body: w}
	if u, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		s.body = u.Unwrap()
	}
	s.flusher, _ = s.body.(interface{ FlushError() error })
	s.control = http.NewResponseController(s.body)
	return s
}

func (s *sink) Header() http.Header { return s.head.Header() }

func (s *sink) WriteHeader(status int) {
	s.started = true
	s.head.WriteHeader(status)
	s.head.WriteHeaderNow()
}

func (s *sink) Write(p []byte) (int, error) { return s.body.Write(p) } //nolint:wrapcheck // only whether it failed counts

func (s *sink) Flush() error {
	if s.flusher != nil {
		return s.flusher.FlushError() //nolint:wrapcheck // see Write
	}
	return s.control.Flush() //nolint:wrapcheck // see Write
}

// Abort implements relay.Sink: a write deadline in the past wakes a write that is stuck.
func (s *sink) Abort() { _ = s.control.SetWriteDeadline(time.Unix(1, 0)) }

// readWithin bounds the reading of the request; the zero time lifts the bound. A server that cannot do it has its own.
func (s *sink) readWithin(until time.Time) { _ = s.control.SetReadDeadline(until) }
