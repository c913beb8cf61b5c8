package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const requestTimeout = 10 * time.Second

// load is a crowd of clients that never stop asking.
type load struct {
	w    *world
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	whole   map[string]bool // request ids of answers that came whole
	partial map[string]bool // answered with 200, then cut off
	refused map[string]int  // status and code → times
	noReply int
}

func (w *world) startLoad(clients int) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{w: w, stop: cancel, whole: map[string]bool{}, partial: map[string]bool{}, refused: map[string]int{}}
	for n := range clients {
		l.wg.Go(func() { l.client(ctx, n) })
	}
	return l
}

// end lets the clients finish what they are at.
func (l *load) end() {
	l.stop()
	l.wg.Wait()
}

func (l *load) client(ctx context.Context, n int) {
	// Connections of its own: a killed relay takes them with it.
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport, Timeout: requestTimeout}
	for i := 0; ctx.Err() == nil; i++ {
		if !l.ask(c, i%2 == 0, fmt.Sprintf("client %d asks for the %dth time", n, i)) {
			select { // the relay is away
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// ask sends one request and notes how it went.
func (l *load) ask(c *http.Client, stream bool, text string) bool {
	body := fmt.Sprintf(`{"model":%q,"stream":%t,"max_tokens":100,"messages":[{"role":"user","content":%q}]}`, model, stream, text)
	req, err := http.NewRequest(http.MethodPost, l.w.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+l.w.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		l.note(func() { l.noReply++ })
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	requestID := resp.Header.Get("X-Request-Id")
	switch {
	case resp.StatusCode != http.StatusOK:
		l.note(func() { l.refused[resp.Status+" "+errorCode(answer)]++ })
		return false
	case err == nil && isWhole(answer, stream):
		l.note(func() { l.whole[requestID] = true })
		return true
	default:
		l.note(func() { l.partial[requestID] = true })
		return false
	}
}

func (l *load) note(what func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	what()
}

// count is the number of whole answers so far.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.whole)
}

// times is how often requests were refused in one way.
func (l *load) times(how string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused[how]
}

func isWhole(answer []byte, stream bool) bool {
	if stream {
		return bytes.HasSuffix(bytes.TrimSpace(answer), []byte("data: [DONE]"))
	}
	var v struct {
		Usage struct {
			Total int `json:"total_tokens"`
		} `json:"usage"`
	}
	return json.Unmarshal(answer, &v) == nil && v.Usage.Total > 0
}

func errorCode(answer []byte) string {
	var v struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	_ = json.Unmarshal(answer, &v) // an answer of another shape has no code
	return v.Error.Code
}
