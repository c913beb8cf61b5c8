package relay

import (
	"net/http"
	"strconv"
	"time"
)

// Write sets the x-ratelimit headers of an answer, named as OpenAI names them. A limit that the key has not has none.
func (l Limits) Write(h http.Header) {
	l.Requests.write(h, "Requests")
	l.Tokens.write(h, "Tokens")
}

func (l Limit) write(h http.Header, unit string) {
	if l.Limit == 0 {
		return
	}
	h["X-Ratelimit-Limit-"+unit] = []string{strconv.FormatInt(l.Limit, 10)}
	h["X-Ratelimit-Remaining-"+unit] = []string{strconv.FormatInt(max(l.Remaining, 0), 10)}
	h["X-Ratelimit-Reset-"+unit] = []string{l.Reset.Round(time.Millisecond).String()}
}
