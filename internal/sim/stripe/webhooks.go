package stripe

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"starlane/internal/platform/clock"
)

// Kinds of webhook chaos.
const (
	HookDuplicate      = "duplicate"         // sends count copies more (1 if absent)
	HookReorder        = "reorder"           // waits a random part of delay_ms (500 if absent)
	HookDelay          = "delay"             // waits delay_ms
	HookDrop           = "drop"              // never sends it; the event list still has it
	HookCorrupt        = "corrupt_signature" // signs with another secret
	HookOldTimestamp   = "old_timestamp"     // signs with a time seconds ago (301 if absent)
	HookFutureTime     = "future_timestamp"  // signs with a time seconds ahead (120 if absent)
	HookAPIVersion     = "api_version"       // sends api_version instead of the endpoint's
	HookBeforeResponse = "before_response"   // delivers before the request that caused it is answered
)

var hookKinds = []string{ //nolint:gochecknoglobals // a fixed table
	HookDuplicate, HookReorder, HookDelay, HookDrop, HookCorrupt, HookOldTimestamp, HookFutureTime, HookAPIVersion, HookBeforeResponse,
}

// WebhookRule is chaos for the deliveries of one event type.
type WebhookRule struct {
	Type       string `json:"type,omitempty"` // event type; empty or *: all
	Kind       string `json:"kind"`
	Count      int    `json:"count,omitempty"`
	DelayMS    int64  `json:"delay_ms,omitempty"`
	Seconds    int64  `json:"seconds,omitempty"`
	APIVersion string `json:"api_version,omitempty"`
	Times      int    `json:"times,omitempty"` // how many events it hits; 0: no limit
}

// maxDuplicates bounds the copies of one event.
const maxDuplicates = 100

func (r WebhookRule) validate() error {
	if !slices.Contains(hookKinds, r.Kind) {
		return fmt.Errorf("kind %q is not one of %s", r.Kind, strings.Join(hookKinds, ", "))
	}
	if r.Count < 0 || r.Count > maxDuplicates || r.DelayMS < 0 || r.Seconds < 0 || r.Times < 0 {
		return fmt.Errorf("count must be 0 to %d; delay_ms, seconds and times must not be negative", maxDuplicates)
	}
	return nil
}

// delivery is one event on its way to one endpoint.
type delivery struct {
	event    event
	endpoint webhookEndpoint
	skew     time.Duration // added to the signature's time
	corrupt  bool
	first    bool // deliver before the response
	wait     time.Duration
	attempt  int
	due      time.Time
}

// plan turns events into deliveries, with the chaos in force applied.
func (s *Server) plan(events []*event) []delivery {
	var out []delivery
	for _, e := range events {
		endpoints := s.endpointsFor(e.Type)
		if len(endpoints) == 0 {
			continue
		}
		rules := s.faults.takeWebhook(e.Type)
		for _, endpoint := range endpoints {
			out = append(out, s.applyChaos(delivery{event: *e, endpoint: endpoint}, rules)...)
		}
	}
	return out
}

func (s *Server) endpointsFor(eventType string) []webhookEndpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []webhookEndpoint
	for _, endpoint := range s.st.Endpoints.oldestFirst() {
		if endpoint.wants(eventType) {
			out = append(out, *endpoint)
		}
	}
	return out
}

func (s *Server) applyChaos(d delivery, rules []WebhookRule) []delivery {
	copies := 1
	if version := textOf(d.endpoint.APIVersion); version != "" {
		d.event.APIVersion = version
	}
	for _, rule := range rules {
		switch rule.Kind {
		case HookDrop:
			return nil
		case HookDuplicate:
			copies += max(1, rule.Count)
		case HookDelay:
			d.wait += time.Duration(rule.DelayMS) * time.Millisecond
		case HookReorder:
			d.wait += time.Duration(s.random(orDefault(rule.DelayMS, 500))) * time.Millisecond
		case HookCorrupt:
			d.corrupt = true
		case HookOldTimestamp:
			d.skew = -time.Duration(orDefault(rule.Seconds, 301)) * time.Second
		case HookFutureTime:
			d.skew = time.Duration(orDefault(rule.Seconds, 120)) * time.Second
		case HookAPIVersion:
			d.event.APIVersion = rule.APIVersion
		case HookBeforeResponse:
			d.first = true
		}
	}
	return slices.Repeat([]delivery{d}, copies)
}

func orDefault(v, absent int64) int64 {
	if v == 0 {
		return absent
	}
	return v
}

func (s *Server) random(below int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Int64N(max(1, below))
}

const (
	maxAttempts  = 10 // with the default back-off the last one comes after about 17 minutes
	maxQueued    = 10_000
	parallelSend = 4
)

// dispatcher owns the goroutine that sends webhooks, and the few that it starts for slow receivers.
type dispatcher struct {
	client  *http.Client
	clock   clock.Clock // signature time
	wall    clock.Clock // schedule
	log     *slog.Logger
	backoff time.Duration

	cancel context.CancelFunc
	done   chan struct{}
	wake   chan struct{}

	mu      sync.Mutex
	queue   []*delivery
	history []deliveryRecord
}

// deliveryRecord is one attempt, for /_sim/requests.
type deliveryRecord struct {
	At      time.Time `json:"at"`
	Event   string    `json:"event"`
	Type    string    `json:"type"`
	URL     string    `json:"url"`
	Attempt int       `json:"attempt"`
	Status  int       `json:"status"` // 0: no answer
}

func newDispatcher(cfg Config, signing clock.Clock, log *slog.Logger) *dispatcher {
	ctx, cancel := context.WithCancel(context.Background()) // ended by stop
	d := &dispatcher{
		client: &http.Client{
			Timeout:       cfg.WebhookTimeout,
			Transport:     &http.Transport{MaxIdleConnsPerHost: parallelSend, IdleConnTimeout: 30 * time.Second},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		clock: signing, wall: clock.System{}, log: log, backoff: cfg.WebhookBackoff,
		cancel: cancel, done: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	go d.loop(ctx)
	return d
}

func (d *dispatcher) stop() {
	d.cancel()
	<-d.done
	d.client.CloseIdleConnections()
}

// deliver sends those marked first at once, in the caller's time, and queues the others.
func (d *dispatcher) deliver(ctx context.Context, deliveries []delivery) {
	for i := range deliveries {
		if one := &deliveries[i]; one.first {
			d.attempt(ctx, one)
			continue
		}
		d.push(&deliveries[i], deliveries[i].wait)
	}
}

func (d *dispatcher) push(one *delivery, wait time.Duration) {
	d.mu.Lock()
	one.due = d.wall.Now().Add(wait)
	if len(d.queue) < maxQueued {
		d.queue = append(d.queue, one)
	} else {
		d.log.Warn("simulated stripe: webhook queue full", "event", one.event.ID)
	}
	d.mu.Unlock()
	d.poke()
}

func (d *dispatcher) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// hurry brings every waiting delivery forward, as when the clock is advanced.
func (d *dispatcher) hurry(by time.Duration) {
	d.mu.Lock()
	for _, one := range d.queue {
		one.due = one.due.Add(-by)
	}
	d.mu.Unlock()
	d.poke()
}

// forget drops what waits for an endpoint that is gone.
func (d *dispatcher) forget(endpointID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queue = slices.DeleteFunc(d.queue, func(one *delivery) bool { return one.endpoint.ID == endpointID })
}

func (d *dispatcher) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queue, d.history = nil, nil
}

// next takes the deliveries that are due and says how long to wait for the one after them.
func (d *dispatcher) next() ([]*delivery, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.wall.Now()
	wait := time.Minute
	var due, later []*delivery
	for _, one := range d.queue {
		if left := one.due.Sub(now); left > 0 {
			later = append(later, one)
			wait = min(wait, left)
		} else {
			due = append(due, one)
		}
	}
	d.queue = later
	return due, wait
}

func (d *dispatcher) loop(ctx context.Context) {
	defer close(d.done)
	slots := make(chan struct{}, parallelSend)
	var running sync.WaitGroup
	defer running.Wait()
	for {
		due, wait := d.next()
		for _, one := range due {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			running.Go(func() {
				defer func() { <-slots }()
				d.attempt(ctx, one)
			})
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-d.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// attempt sends once and queues the next try when the receiver did not say 2xx.
func (d *dispatcher) attempt(ctx context.Context, one *delivery) {
	one.attempt++
	status, err := d.send(ctx, one)
	d.mu.Lock()
	d.history = append(d.history, deliveryRecord{
		At: d.clock.Now(), Event: one.event.ID, Type: one.event.Type, URL: one.endpoint.URL, Attempt: one.attempt, Status: status,
	})
	if len(d.history) > maxRecords {
		d.history = d.history[1:]
	}
	d.mu.Unlock()
	if err == nil && status >= 200 && status < 300 || errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	d.log.Info("simulated stripe: webhook not accepted", "event", one.event.ID, "type", one.event.Type, "status", status, "attempt", one.attempt)
	if one.attempt < maxAttempts {
		d.push(one, d.backoff<<(one.attempt-1))
	}
}

func (d *dispatcher) send(ctx context.Context, one *delivery) (int, error) {
	payload, err := json.MarshalIndent(one.event, "", "  ")
	if err != nil {
		return 0, fmt.Errorf("encode event: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, one.endpoint.URL, bytes.NewReader(payload))
	if err != nil {
		return 0, fmt.Errorf("webhook request: %w", err)
	}
	secret := one.endpoint.Secret
	if one.corrupt {
		secret += "-wrong"
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "Stripe/1.0 (simulated)")
	req.Header.Set("Stripe-Signature", SignWebhook(payload, secret, d.clock.Now().Add(one.skew)))
	resp, err := d.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("send webhook: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // lets the connection be used again
	return resp.StatusCode, nil
}

// SignWebhook returns the Stripe-Signature header for payload at t: t=<seconds>,v1=<HMAC-SHA256 of "t.payload">.
func SignWebhook(payload []byte, secret string, t time.Time) string {
	stamp := strconv.FormatInt(t.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp))
	mac.Write([]byte{'.'})
	mac.Write(payload)
	return "t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
