// Package relayapi is the public face of the model API: gin routes that turn HTTP into calls of the relay's pipeline.
package relayapi

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"starlane/internal/catalog"
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/httpserver"
	"starlane/internal/platform/id"
	"starlane/internal/relay"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/anthropic"
	"starlane/internal/relay/dialect/gemini"
	"starlane/internal/relay/dialect/openairesponses"
	"starlane/internal/relay/llm"
	"starlane/internal/relay/responsestore"
	"starlane/internal/usage"
)

// Deps is what the routes work with.
type Deps struct {
	Pipeline    *relay.Pipeline
	Catalog     func() *catalog.Snapshot
	Chat        dialect.Ingress
	Completions dialect.Ingress
	Embeddings  dialect.Ingress
	Moderations dialect.Ingress
	Rerank      dialect.Ingress
	Messages    *anthropic.Messages
	Responses   *openairesponses.Responses
	Stored      *responsestore.Store
	Bodies      *body.Pool
	MaxBody     int64 // bytes of one request body
	Health      *httpserver.Health
	CORSOrigins []string // browser origins that may call; empty: none
	Clock       clock.Clock
	Logger      *slog.Logger
}

type server struct{ Deps }

// New returns the handler of the public listener.
func New(d Deps) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	s := &server{d}
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false
	if len(d.CORSOrigins) > 0 {
		e.Use(s.cors)
	}
	e.GET("/healthz", gin.WrapF(d.Health.Live))
	e.GET("/readyz", gin.WrapF(d.Health.Ready))
	e.POST("/v1/chat/completions", func(c *gin.Context) { s.call(c, dialect.Chat, s.Chat) })
	e.POST("/v1/embeddings", func(c *gin.Context) { s.call(c, dialect.Embeddings, s.Embeddings) })
	e.POST("/v1/completions", func(c *gin.Context) { s.call(c, dialect.Completions, s.Completions) })
	e.POST("/v1/moderations", func(c *gin.Context) { s.call(c, dialect.Moderation, s.Moderations) })
	for _, version := range [...]string{"/v1", "/v2"} { // Jina's and Voyage's clients say one, Cohere's the other
		e.POST(version+"/rerank", func(c *gin.Context) { s.call(c, dialect.Rerank, s.Rerank) })
	}
	e.POST("/v1/messages", func(c *gin.Context) { s.call(c, dialect.Chat, s.Messages) })
	e.POST("/v1/messages/count_tokens", func(c *gin.Context) { s.countTokens(c, s.Messages) })
	e.POST("/v1/responses", func(c *gin.Context) { s.call(c, dialect.Chat, s.Responses) })
	s.storedResponses(e)
	e.GET("/v1/realtime", s.realtime)
	s.media(e)
	for _, version := range [...]string{"/v1", "/v1beta", "/v1alpha"} {
		e.POST(version+"/models/*call", s.contents)
	}
	e.POST("/v1beta/:vendor/*call", s.contents)              // as Vercel's SDK has it
	for _, version := range [...]string{"/v1", "/v1beta1"} { // as Vertex AI has it
		e.POST(version+"/projects/:project/locations/:location/publishers/google/models/*call", s.contents)
		e.POST(version+"/publishers/google/models/*call", s.contents)
	}
	for _, version := range [...]string{"/v1beta", "/v1alpha"} {
		e.GET(version+"/models", s.models)
		e.GET(version+"/models/*id", s.model)
	}
	e.HEAD("/", func(c *gin.Context) { c.Status(http.StatusOK) }) // a client asks whether anybody is there
	e.GET("/v1/models", s.models)
	e.GET("/v1/models/*id", s.model)
	e.NoRoute(func(c *gin.Context) {
		s.refuse(c, s.spoken(c), s.begin(c), noSuchPath(c.Request))
	})
	e.NoMethod(func(c *gin.Context) {
		s.fail(c, s.spoken(c), s.begin(c), http.StatusMethodNotAllowed, apperr.New(apperr.InvalidRequest, "This path does not take %s.", clip(c.Request.Method)))
	})
	return e
}

// noSuchPath refuses an unknown path. Base URLs with no version, or with two, are the commonest slip.
func noSuchPath(r *http.Request) *apperr.Error {
	path := r.URL.Path
	for strings.HasPrefix(path, "/v1/") {
		path = strings.TrimPrefix(path, "/v1")
	}
	hint := ""
	known := []string{"/chat/completions", "/completions", "/embeddings", "/responses", "/models", "/moderations", "/rerank"}
	if right := "/v1" + path; right != r.URL.Path && slices.Contains(known, path) {
		hint = " Did you mean " + right + "? The base URL ends in /v1, once."
	}
	return apperr.New(apperr.NotFound, "There is no %s %s here.%s", r.Method, clip(r.URL.Path), hint)
}

func clip(s string) string { return s[:min(len(s), 100)] }

// call serves one model call.
func (s *server) call(c *gin.Context, capability string, in dialect.Ingress) {
	rid := s.begin(c)
	out := newSink(c.Writer)
	defer s.recover(c, in, rid, out)
	call := relay.Call{ID: rid, Capability: capability, Ingress: in, Start: s.Clock.Now()}
	var err error
	if call.Key, err = s.Pipeline.Authenticate(c.Request.Context(), presentedKey(c.Request)); err != nil {
		s.refuse(c, in, rid, err)
		return
	}
	if call.Body, err = s.read(c.Request, call.Key.Tenant, out); err != nil {
		s.refuse(c, in, rid, err)
		return
	}
	defer func() { call.Body.Release() }()
	if in == s.Responses && call.Key.StoresResponses() {
		if err = s.expand(c.Request.Context(), &call); err != nil {
			s.refuse(c, in, rid, err)
			return
		}
	}
	call.Strict = c.GetHeader("X-Starlane-Strict") == "1"
	call.Lenient = c.GetHeader("X-Starlane-Compat") == "lenient"
	call.Header = forwarded(c.Request.Header)
	served, err := s.Pipeline.Serve(c.Request.Context(), &call, out)
	if err != nil {
		s.refuse(c, in, rid, err)
	}
	if served.Broken {
		panic(http.ErrAbortHandler) // cuts the connection, which is the one sign that is left
	}
}

// counting is a format whose clients may have a prompt counted.
type counting interface {
	dialect.Client
	DecodeCount(c body.Content) (*llm.Request, error)
	AppendCount(dst []byte, n usage.Tokens) []byte
}

// countTokens counts the prompt of a request.
func (s *server) countTokens(c *gin.Context, in counting) {
	rid := s.begin(c)
	out := newSink(c.Writer)
	defer s.recover(c, in, rid, out)
	ctx := c.Request.Context()
	key, err := s.Pipeline.Authenticate(ctx, presentedKey(c.Request))
	if err != nil {
		s.refuse(c, in, rid, err)
		return
	}
	content, err := s.read(c.Request, key.Tenant, out)
	if err != nil {
		s.refuse(c, in, rid, err)
		return
	}
	defer content.Release()
	r, err := in.DecodeCount(content)
	if err != nil {
		s.refuse(c, in, rid, err)
		return
	}
	n, err := s.Pipeline.CountPrompt(ctx, key, r, in)
	if err != nil {
		s.refuse(c, in, rid, err)
		return
	}
	c.Data(http.StatusOK, "application/json", append(in.AppendCount(nil, n), '\n'))
}

// forwarded are the headers of a client that an upstream of the same format is shown.
func forwarded(h http.Header) (out http.Header) {
	for _, name := range [...]string{"Openai-Beta", "Anthropic-Beta", "Anthropic-Version"} {
		if v := h[name]; len(v) == 1 {
			if out == nil {
				out = make(http.Header, 2)
			}
			out[name] = v
		}
	}
	return out
}

// spoken is the format that a client speaks who asks for what there is not.
func (s *server) spoken(c *gin.Context) dialect.Ingress {
	if asksAnthropic(c) || strings.HasPrefix(c.Request.URL.Path, "/v1/messages") {
		return s.Messages
	}
	if asGemini(c.Request) {
		return &gemini.Contents{}
	}
	return s.Chat
}

// begin gives the request its id. A client's own id is echoed beside it, never used in its place.
func (s *server) begin(c *gin.Context) id.ID {
	rid := id.New()
	h := c.Writer.Header()
	h["X-Request-Id"] = []string{rid.String()}
	if theirs := c.Request.Header["X-Request-Id"]; len(theirs) == 1 && plain(theirs[0]) {
		h["X-Client-Request-Id"] = theirs
	}
	return rid
}

// plain tells whether a client's id is fit to be repeated.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

// recover turns a panic into an answer. It logs where, never what: a value could hold content.
func (s *server) recover(c *gin.Context, in dialect.Ingress, rid id.ID, out *sink) {
	v := recover()
	switch v {
	case nil:
		return
	case http.ErrAbortHandler:
		panic(v)
	}
	s.Logger.ErrorContext(c.Request.Context(), "panic while serving", "request_id", rid.String(), "stack", string(debug.Stack()))
	if out.started {
		panic(http.ErrAbortHandler)
	}
	s.refuse(c, in, rid, apperr.New(apperr.Internal, "Something went wrong on our side. The request id helps us find it."))
}

// presentedKey reads the virtual key from the headers of the formats, or the URL where Gemini's clients put it.
func presentedKey(r *http.Request) string {
	const scheme = "bearer "
	if a := r.Header["Authorization"]; len(a) == 1 && len(a[0]) > len(scheme) && strings.EqualFold(a[0][:len(scheme)], scheme) {
		return strings.TrimSpace(a[0][len(scheme):])
	}
	for _, name := range [...]string{"X-Api-Key", "X-Goog-Api-Key"} {
		if k := r.Header[name]; len(k) == 1 {
			return k[0]
		}
	}
	if strings.Contains(r.URL.Path, "/models") {
		return r.URL.Query().Get("key")
	}
	return ""
}

// A body must come in at slowestBody bytes a second, after a grace.
const (
	bodyGrace   = 30 * time.Second
	slowestBody = 32 << 10
)

// paramBodies names the limit on what an organisation's requests may hold in memory at once.
const paramBodies = "request_bytes_at_once"

// read takes the whole body in before anything else happens: the relay has to look into it, retries need it, and an HTTP
// server that still reads while it answers breaks connections.
func (s *server) read(r *http.Request, tenant id.ID, out *sink) (body.Content, error) {
	size := r.ContentLength
	if size > s.MaxBody {
		return body.Content{}, s.tooLarge()
	}
	allowed := bodyGrace + time.Duration(max(size, 0)/slowestBody)*time.Second
	if size < 0 {
		allowed = bodyGrace + time.Duration(s.MaxBody/slowestBody)*time.Second
	}
	out.readWithin(s.Clock.Now().Add(allowed))
	content, err := s.Bodies.ReadFor(tenant, r.Body, size, s.MaxBody)
	out.readWithin(time.Time{})
	return content, s.unread(err)
}

// unread tells a client why a body could not be taken in, nil if it was.
func (s *server) unread(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, body.ErrTooLarge):
		return s.tooLarge()
	case errors.Is(err, body.ErrNoRoom):
		return apperr.New(apperr.NoCapacity, "The relay holds as many requests as it can. Try again soon.").WithRetryAfter(time.Second)
	case errors.Is(err, body.ErrShare):
		return apperr.New(apperr.RateLimitExceeded, "The requests of this organisation hold %d bytes, which is as much as it may send at once.", s.Bodies.Share()).
			WithParam(paramBodies).WithRetryAfter(time.Second)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return apperr.New(apperr.InvalidRequest, "The request body came in too slowly.")
	default:
		return apperr.Wrap(err, apperr.InvalidRequest, "The request body could not be read to its end.")
	}
}

func (s *server) tooLarge() error {
	return apperr.New(apperr.RequestTooLarge, "The request body is larger than %d bytes.", s.MaxBody)
}

// statusOverloaded is what Anthropic's API answers in place of 503.
const statusOverloaded = 529

// refuse answers with an error of ours.
func (s *server) refuse(c *gin.Context, in dialect.Ingress, rid id.ID, err error) {
	e := apperr.From(err)
	var over *relay.OverLimit
	if errors.As(err, &over) {
		over.Limits.Write(c.Writer.Header())
	}
	s.fail(c, in, rid, relay.StatusOf(e), e)
}

func (s *server) fail(c *gin.Context, in dialect.Ingress, rid id.ID, status int, e *apperr.Error) {
	h := c.Writer.Header()
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10))
		h.Set("Retry-After-Ms", strconv.FormatInt(e.RetryAfter.Milliseconds(), 10))
	}
	h.Set("Content-Type", "application/json")
	if in == s.Messages && status == http.StatusServiceUnavailable {
		status = statusOverloaded
	}
	c.Status(status)
	_, _ = c.Writer.Write(append(in.AppendError(nil, e, rid.String()), '\n'))
}
