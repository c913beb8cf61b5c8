package provider

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// wire is what differs between the vendors' APIs around an answer: where the key is, which headers come with every
// answer, how limits are told and what an error looks like.
type wire interface {
	// greet sets the headers that each answer carries, whatever becomes of it.
	greet(c *call)
	// key finds the key of a request, or says how a request without one is refused.
	key(r *http.Request) (string, *apiError)
	// maxBody is the largest request body in bytes that the vendor takes; zero leaves the server's own bound.
	maxBody() int64
	// limits tells a key's limits.
	limits(c *call, l limits)
	// exhausted tells that the next request may come after wait.
	exhausted(c *call, wait time.Duration)
	// timed tells the time spent before the answer.
	timed(c *call)
	// refuse answers with an error. Errors that all APIs share come in OpenAI's terms.
	refuse(c *call, e *apiError)
}

// limits are the figures of one key in the current minute.
type limits struct {
	requests, requestsLeft int
	tokens, tokensLeft     int
	// reset is the end of the minute, left the time until then.
	reset time.Time
	left  time.Duration
	// exceeded says that the request is refused for its limits.
	exceeded bool
}

// reply is a planned answer of some API.
type reply interface {
	// streamed says whether the client asked for events.
	streamed() bool
	// size is the number of content chunks, which paces an answer that is sent as a whole.
	size() int
	// appendBody appends the answer as one JSON text.
	appendBody(out []byte, withUsage bool) []byte
	// writeStream sends the answer as events.
	writeStream(s *eventStream) error
}

// openAI is the wire of OpenAI's own endpoints.
type openAI struct{}

func (openAI) greet(c *call) {
	h := c.w.Header()
	h["X-Request-Id"] = []string{c.id}
	h["Openai-Version"] = []string{"2020-10-01"}
	h["Openai-Organization"] = []string{"starlane-sim"}
}

func (openAI) key(r *http.Request) (string, *apiError) {
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || key == "" {
		return "", errNoKey()
	}
	return key, nil
}

func (openAI) maxBody() int64 { return 0 }

func (openAI) limits(c *call, l limits) {
	h := c.w.Header()
	if l.exceeded {
		h["Retry-After"] = []string{strconv.Itoa(wholeSeconds(l.left))}
	}
	reset := []string{strconv.FormatInt(int64(l.left/time.Second), 10) + "s"}
	h["X-Ratelimit-Limit-Requests"] = []string{strconv.Itoa(l.requests)}
	h["X-Ratelimit-Remaining-Requests"] = []string{strconv.Itoa(l.requestsLeft)}
	h["X-Ratelimit-Reset-Requests"] = reset
	h["X-Ratelimit-Limit-Tokens"] = []string{strconv.Itoa(l.tokens)}
	h["X-Ratelimit-Remaining-Tokens"] = []string{strconv.Itoa(l.tokensLeft)}
	h["X-Ratelimit-Reset-Tokens"] = reset
}

func (openAI) exhausted(c *call, wait time.Duration) {
	h := c.w.Header()
	h.Set("Retry-After", strconv.Itoa(wholeSeconds(wait)))
	h.Set("Retry-After-Ms", strconv.FormatInt(wait.Milliseconds(), 10))
	h["X-Ratelimit-Remaining-Requests"] = []string{"0"}
	h["X-Ratelimit-Reset-Requests"] = []string{wait.String()}
}

func (openAI) timed(c *call) {
	c.w.Header()["Openai-Processing-Ms"] = []string{strconv.FormatInt(c.elapsed().Milliseconds(), 10)}
}

func (v openAI) refuse(c *call, e *apiError) {
	c.status = e.status
	v.timed(c)
	writeError(c.w, e)
}

// wholeSeconds rounds up, as Retry-After must not invite anybody too early.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
