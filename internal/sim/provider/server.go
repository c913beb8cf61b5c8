package provider

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"starlane/internal/platform/clock"
)

// Server is the simulated provider. It is an http.Handler and safe for concurrent use.
type Server struct {
	cfg    Config
	mux    *http.ServeMux
	words  []string
	cache  *prefixCache
	blocks *blockCache
	// responses are those that clients did not ask to forget.
	responses *responseStore
	faults    *plan
	flaky     *plan
	journal   *journal
	windows   *windows
	google    *google
	buffers   sync.Pool // of *[]byte: request bodies and stream buffers
	nonce     uint64
	serial    atomic.Uint64
	open      atomic.Int64
}

// New gives a server that is ready to serve.
func New(cfg Config) *Server {
	cfg = cfg.withDefaults()
	s := &Server{
		cfg: cfg, mux: http.NewServeMux(), words: vocabulary(), cache: newPrefixCache(), blocks: newBlockCache(), responses: newResponseStore(),
		faults: newPlan(cfg.Seed, nil), flaky: newPlan(cfg.Seed, cfg.FlakyFaults),
		journal: newJournal(), windows: &windows{}, google: newGoogle(),
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	s.nonce = binary.LittleEndian.Uint64(b[:])
	s.mux.HandleFunc("POST /v1/chat/completions", s.api(openAI{}, s.chat))
	s.mux.HandleFunc("POST /v1/completions", s.api(openAI{}, s.completions))
	s.mux.HandleFunc("POST /v1/embeddings", s.api(openAI{}, s.embeddings))
	for path, serve := range s.media() {
		s.mux.HandleFunc("POST /v1/"+path, s.api(openAI{}, serve))
	}
	s.mux.HandleFunc("POST /v1/moderations", s.api(openAI{}, s.moderations))
	s.mux.HandleFunc("POST /v1/rerank", s.api(openAI{}, s.rerank))
	s.mux.HandleFunc("POST /v2/rerank", s.api(cohere{}, s.rerank))
	s.mux.HandleFunc("GET /v1/models", byVersion(s.api(anthropic{}, s.listAnthropicModels), s.api(openAI{}, s.listModels)))
	s.mux.HandleFunc("GET /v1/models/{model}",
		byVersion(s.api(anthropic{}, s.getAnthropicModel), s.api(openAI{}, s.getModel)))
	s.mux.HandleFunc("POST /v1/responses", s.api(openAI{}, s.createResponse))
	s.mux.HandleFunc("POST /v1/responses/input_tokens", s.api(openAI{}, s.countResponseTokens))
	s.mux.HandleFunc("GET /v1/responses/{id}", s.api(openAI{}, s.getResponse))
	s.mux.HandleFunc("DELETE /v1/responses/{id}", s.api(openAI{}, s.deleteResponse))
	s.mux.HandleFunc("POST /v1/messages", s.api(anthropic{}, s.messages))
	s.mux.HandleFunc("POST /v1/messages/count_tokens", s.api(anthropic{}, s.countMessageTokens))
	s.gemini()
	s.azure()
	s.bedrock()
	s.vertex()
	s.realtime()
	s.vendors()
	// Anthropic's clients look whether anybody is there before they ask.
	s.mux.HandleFunc("HEAD /{$}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	s.mux.HandleFunc("GET /_sim/requests", s.handleReport)
	s.mux.HandleFunc("POST /_sim/faults", s.handleFaults)
	s.mux.HandleFunc("POST /_sim/reset", s.handleReset)
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, []byte(`{"status":"ok"}`+"\n"))
	})
	s.mux.HandleFunc("/", byVersion(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusNotFound, appendAnthropicError(nil, "not_found_error", "Not Found", s.newID("req_")))
	}, func(w http.ResponseWriter, r *http.Request) {
		writeError(w, newError(http.StatusNotFound, invalidRequest, "", "",
			"Invalid URL ("+r.Method+" "+r.URL.Path+")"))
	}))
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// call is one API request on its way through the server.
type call struct {
	wire  wire
	w     http.ResponseWriter
	r     *http.Request
	start time.Time
	id    string
	key   string
	path  string
	body  []byte
	// pooled is where body's memory comes from.
	pooled *[]byte
	// deployment is the model that the path names.
	deployment string

	model   string
	stream  bool
	fault   Kind
	status  int
	outcome string
	chunks  int
	usage   tokenUsage
	// wait is when the next request may come, for wires that tell that in the error's body.
	wait time.Duration
}

func (c *call) elapsed() time.Duration { return clock.System{}.Now().Sub(c.start) }

// api wraps an endpoint of some vendor's API: request id, key, limits, body, error answer and record.
func (s *Server) api(v wire, serve func(*call) *apiError) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{
			wire: v, w: w, r: r, start: clock.System{}.Now(), id: s.newID("req_"), path: r.URL.Path, outcome: outcomeFailed,
		}
		v.greet(c)
		s.open.Add(1)
		defer func() {
			s.open.Add(-1)
			s.journal.finish(c, s.cfg.Clock.Now(), s.cfg.RecordBodies)
			s.release(c.pooled)
		}()
		e := s.admit(c)
		if e == nil {
			e = serve(c)
		}
		if e != nil {
			v.refuse(c, e)
		}
	}
}

// admit checks the key, tells the limits and reads the body.
func (s *Server) admit(c *call) *apiError {
	key, e := c.wire.key(c.r)
	if e != nil {
		return e
	}
	if !strings.HasPrefix(key, KeyPrefix) {
		return errBadKey(key)
	}
	c.key = key
	if s.tellLimits(c) && s.cfg.EnforceLimits {
		return errRate(s.cfg.LimitRequests)
	}
	if c.r.Method == http.MethodGet {
		return nil
	}
	limit := s.cfg.MaxBody
	if n := c.wire.maxBody(); n > 0 {
		limit = min(limit, n)
	}
	c.pooled = s.buffer()
	body, err := readBody(c.w, c.r, limit, *c.pooled)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return newError(http.StatusRequestEntityTooLarge, invalidRequest, "", "", "Request body is too large.").
			of(classTooLarge)
	}
	if err != nil {
		c.outcome = outcomeCancelled
		return errBadJSON()
	}
	c.body, *c.pooled = body, body
	return nil
}

// maxPooled bounds the buffers that are kept, in bytes.
const maxPooled = 4 << 20

func (s *Server) buffer() *[]byte {
	if b, ok := s.buffers.Get().(*[]byte); ok {
		return b
	}
	return &[]byte{}
}

func (s *Server) release(b *[]byte) {
	if b != nil && cap(*b) <= maxPooled {
		s.buffers.Put(b)
	}
}

// readBody reads a whole body of at most limit bytes, into space if it fits.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, space []byte) ([]byte, error) {
	if n := r.ContentLength; n > 0 && n <= limit {
		body := slices.Grow(space[:0], int(n))[:n]
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, fmt.Errorf("read request body: %w", err)
		}
		return body, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return nil, fmt.Errorf("read request body: %w", err)
	}
	return body, nil
}

// window counts the requests of one key in the current minute.
type window struct {
	minute int64
	used   int
}

type windows struct {
	mu    sync.Mutex
	byKey map[string]*window
}

// take counts one request and gives the number in this minute.
func (w *windows) take(key string, minute int64) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byKey == nil || len(w.byKey) > 100_000 {
		w.byKey = map[string]*window{}
	}
	v := w.byKey[key]
	if v == nil {
		v = &window{}
		w.byKey[key] = v
	}
	if v.minute != minute {
		*v = window{minute: minute}
	}
	v.used++
	return v.used
}

func (w *windows) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.byKey = nil
}

// tellLimits sets the headers of the key's limits and says whether the key is over its limit.
func (s *Server) tellLimits(c *call) bool {
	now := s.cfg.Clock.Now()
	used := s.windows.take(c.key, now.Unix()/60)
	left := time.Duration(60-now.Unix()%60) * time.Second
	over := used > s.cfg.LimitRequests
	c.wire.limits(c, limits{
		requests: s.cfg.LimitRequests, requestsLeft: max(0, s.cfg.LimitRequests-used),
		tokens: s.cfg.LimitTokens, tokensLeft: max(0, s.cfg.LimitTokens-int(max(0, c.r.ContentLength))/4),
		reset: now.Truncate(time.Second).Add(left), left: left, exceeded: over && s.cfg.EnforceLimits,
	})
	return over
}

// newID gives an id that no other call of this or another run has.
func (s *Server) newID(prefix string) string {
	r := newRandom(s.nonce, s.serial.Add(1))
	return appendID(prefix, r.next(), r.next())
}

// callID gives the id of a tool call, which follows from the request.
func callID(prefix string, rng *random) string {
	return appendID(prefix, rng.next(), rng.next())[:len(prefix)+24]
}

func appendID(prefix string, a, b uint64) string {
	out := make([]byte, 0, 48)
	out = append(out, prefix...)
	for _, v := range [2]uint64{a, b} {
		for shift := 60; shift >= 0; shift -= 4 {
			out = append(out, hexDigits[v>>shift&15])
		}
	}
	return string(out)
}

// Run listens on cfg.Addr and serves until ctx ends; then it lets open answers finish for cfg.DrainTimeout.
func Run(ctx context.Context, cfg Config) error {
	cfg = cfg.withDefaults()
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("simulated provider: listen on %s: %w", cfg.Addr, err)
	}
	// Requests live on while the server drains; stop ends the stalled ones after that.
	base, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	srv := &http.Server{
		Handler: New(cfg), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 5 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return base },
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	if cfg.Ready != nil {
		cfg.Ready(ln.Addr().String())
	}
	select {
	case err := <-served:
		return fmt.Errorf("simulated provider: serve: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(base, cfg.DrainTimeout)
	defer cancel()
	if err := srv.Shutdown(drain); err != nil {
		stop()
		if err := srv.Close(); err != nil {
			return fmt.Errorf("simulated provider: close: %w", err)
		}
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("simulated provider: serve: %w", err)
	}
	return nil
}
