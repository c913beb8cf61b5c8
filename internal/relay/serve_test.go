package relay_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"starlane/internal/billing/money"
	"starlane/internal/billing/pricing"
	"starlane/internal/catalog"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/relay"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/openaichat"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/usage"
)

// canned answers every call with the same bytes.
type canned struct {
	kind, text string
	fail       func()
}

func (c *canned) Send(_ context.Context, d relay.Dispatch) (*http.Response, error) {
	if c.fail != nil {
		c.fail()
	}
	r := d.Body.Reader()
	_, _ = io.Copy(io.Discard, r)
	_ = r.Close()
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {c.kind}}, ContentLength: int64(len(c.text)),
		Body: io.NopCloser(strings.NewReader(c.text)),
	}, nil
}

type ledger struct {
	events  []usage.Event
	settled int
	actual  money.Amount // of the last settlement
	tokens  usage.Tokens
}

func (*ledger) Resolve(context.Context, string) (*vkey.Record, error) {
	return nil, relay.ErrUnknownKey
}

func (l *ledger) Reserve(context.Context, relay.Demand) (relay.Reservation, error) { return l, nil }
func (*ledger) Hold() id.ID                                                        { return id.Nil }
func (*ledger) Limits() relay.Limits                                               { return relay.Limits{} }

func (l *ledger) Settle(actual money.Amount, tokens usage.Tokens) {
	l.settled++
	l.actual, l.tokens = actual, tokens
}
func (l *ledger) Release()             { l.settled++ }
func (*ledger) Begin(usage.Open) error { return nil }
func (l *ledger) Append(e *usage.Event) error {
	if len(l.events) < 10 {
		l.events = append(l.events, *e)
	}
	return nil
}

type discard struct {
	h http.Header
	n int
}

func (d *discard) Header() http.Header         { return d.h }
func (*discard) WriteHeader(int)               {}
func (d *discard) Write(p []byte) (int, error) { d.n += len(p); return len(p), nil }
func (*discard) Flush() error                  { return nil }
func (*discard) Abort()                        {}

type noTokens struct{}

func (noTokens) Count(_ string, text []byte) usage.Tokens { return usage.Tokens(len(text) / 4) }

func newPipeline(t testing.TB, sender relay.Sender, l *ledger) (*relay.Pipeline, *openaichat.Chat, *body.Pool) {
	t.Helper()
	vendor := catalog.Provider{ID: id.New(), Slug: "sim", Dialect: "openai"}
	acc := catalog.Account{ID: id.New(), Provider: vendor.ID, Active: true}
	snapshot, err := catalog.Compile(catalog.Data{
		Providers: []catalog.Provider{vendor}, Accounts: []catalog.Account{acc},
		Keys:        []catalog.UpstreamKey{{ID: id.New(), Account: acc.ID, Active: true}},
		Models:      []catalog.Model{{Name: "m", Capabilities: []string{"chat"}, State: "active"}},
		Deployments: []catalog.Deployment{{ID: id.New(), Model: "m", Account: acc.ID, UpstreamModel: "up", Active: true}},
		Prices:      []pricing.Version{{ID: 1, Model: "m", Rates: pricing.RatesByName{"in_text": 1_000_000_000_000, "out_text": 1_000_000_000_000, "cache_write_5m": 3_000_000_000_000}}},
	})
	require.NoError(t, err)
	hasher, err := vkey.NewHasher(secret.New("a pepper for the tests"))
	require.NoError(t, err)
	chat, bodies := openaichat.New(), body.NewPool(1<<26, 1<<20)
	p, err := relay.New(relay.Deps{
		Keys: l, Hasher: hasher, Admitter: l, Log: l, Catalog: func() *catalog.Snapshot { return snapshot }, Sender: sender, Dialer: noSessions{},
		Egress: dialect.Registry{{Client: "openai", Upstream: "openai", Capability: dialect.Chat}: chat}, Bodies: bodies, Tokens: noTokens{},
		Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler), Metrics: relay.NewMetrics(prometheus.NewRegistry(), bodies),
		Timeouts: relay.Timeouts{Request: time.Minute, Header: time.Minute, Idle: time.Minute},
	})
	require.NoError(t, err)
	return p, chat, bodies
}

type noSessions struct{ relay.Dialer }

const (
	jsonText  = `{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}`
	usageText = `data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":100}}` + "\n\ndata: [DONE]\n\n"
)

func streamText(chunks int) string {
	return strings.Repeat(`data: {"id":"c","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}`+"\n\n", chunks) + usageText
}

func serve(t testing.TB, p *relay.Pipeline, chat *openaichat.Chat, bodies *body.Pool, text string, sink relay.Sink) error {
	t.Helper()
	c, err := bodies.Read(strings.NewReader(text), int64(len(text)), 1<<20)
	require.NoError(t, err)
	defer c.Release()
	_, err = p.Serve(t.Context(), &relay.Call{
		ID: id.New(), Key: &vkey.Record{Tenant: id.New()}, Capability: dialect.Chat, Ingress: chat, Body: c, Start: time.Now(),
	}, sink)
	return err
}

// TestServeAllocates is a ratchet: what a call costs in allocations, without HTTP. A stream's chunks cost none. The
// bounds leave room for the race detector, which makes pools forget now and then.
func TestServeAllocates(t *testing.T) {
	for _, c := range []struct {
		name, request string
		sender        *canned
		most          float64
	}{
		{"JSON", `{"model":"m","messages":[]}`, &canned{kind: "application/json", text: jsonText}, 40},
		{"stream of 10", `{"model":"m","messages":[],"stream":true}`, &canned{kind: "text/event-stream", text: streamText(10)}, 34},
		{"stream of 1000", `{"model":"m","messages":[],"stream":true}`, &canned{kind: "text/event-stream", text: streamText(1000)}, 34},
	} {
		l := &ledger{}
		p, chat, bodies := newPipeline(t, c.sender, l)
		sink := &discard{h: http.Header{}}
		got := testing.AllocsPerRun(100, func() { require.NoError(t, serve(t, p, chat, bodies, c.request, sink)) })
		t.Logf("%s: %v allocations", c.name, got)
		if got > c.most {
			t.Errorf("%s: %v allocations a call, want at most %v", c.name, got, c.most)
		}
		if sink.n == 0 || l.events[0].Outcome != usage.OK {
			t.Errorf("%s: nothing was served", c.name)
		}
		require.Zero(t, bodies.Used(), c.name)
	}
}

// TestPanicSettles: whatever breaks, what was reserved is settled.
func TestPanicSettles(t *testing.T) {
	t.Parallel()
	l := &ledger{}
	p, chat, bodies := newPipeline(t, &canned{fail: func() { panic("broken") }}, l)
	require.Panics(t, func() { _ = serve(t, p, chat, bodies, `{"model":"m","messages":[]}`, &discard{h: http.Header{}}) })
	require.Equal(t, 1, l.settled)
	require.Len(t, l.events, 1)
	require.Equal(t, usage.UpstreamError, l.events[0].Outcome)
	require.NoError(t, p.Wait(t.Context()))
}

// TestReportBeyondBelief: the event keeps what the upstream said, for people to look at, but credit, budget and limits lose
// no more than was reserved.
func TestReportBeyondBelief(t *testing.T) {
	t.Parallel()
	text := `{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":900000000,"completion_tokens":900000000}}`
	l := &ledger{}
	p, chat, bodies := newPipeline(t, &canned{kind: "application/json", text: text}, l)
	require.NoError(t, serve(t, p, chat, bodies, `{"model":"m","messages":[]}`, &discard{h: http.Header{}}))
	require.Len(t, l.events, 1)
	require.Equal(t, usage.Tokens(900_000_000), l.events[0].Counts.Output())
	require.Greater(t, l.events[0].Estimate, usage.MaxCharge)
	require.Equal(t, l.events[0].Reserved, l.actual)
	require.Less(t, l.tokens, usage.Tokens(10_000))
}

// TestCacheWritesAreReserved: OpenAI writes prompts to its cache by itself, and what that costs is set aside.
func TestCacheWritesAreReserved(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		prompt := strings.Repeat("a", rapid.IntRange(0, 5000).Draw(rt, "prompt"))
		read := len(prompt)
		written := rapid.IntRange(0, read).Draw(rt, "written")
		text := fmt.Sprintf(`{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":%d,"completion_tokens":1,"prompt_tokens_details":{"cache_write_tokens":%d}}}`, read, written)
		l := &ledger{}
		p, chat, bodies := newPipeline(t, &canned{kind: "application/json", text: text}, l)
		request := fmt.Sprintf(`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":%q}]}`, prompt)
		require.NoError(t, serve(t, p, chat, bodies, request, &discard{h: http.Header{}}))
		e := &l.events[0]
		require.Equal(t, usage.Tokens(written), e.Counts.Units[usage.CacheWrite5m])
		require.LessOrEqual(t, e.Estimate, e.Reserved)
		require.Equal(t, e.Estimate, l.actual)
	})
}

// TestMissingMark: a stream that ends in order after its finish reason is whole, and gets the mark that was left out.
func TestMissingMark(t *testing.T) {
	t.Parallel()
	text := `data: {"choices":[{"delta":{"content":"a"}}]}` + "\n\n" + `data: {"choices":[{"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	l := &ledger{}
	p, chat, bodies := newPipeline(t, &canned{kind: "text/event-stream", text: text}, l)
	var out bytes.Buffer
	sink := &recorder{discard{h: http.Header{}}, &out}
	require.NoError(t, serve(t, p, chat, bodies, `{"model":"m","messages":[],"stream":true}`, sink))
	require.Equal(t, text+"data: [DONE]\n\n", out.String())
	require.Equal(t, usage.OK, l.events[0].Outcome)
}

type recorder struct {
	discard
	out *bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) { return r.out.Write(p) }

func BenchmarkServeJSON(b *testing.B) {
	p, chat, bodies := newPipeline(b, &canned{kind: "application/json", text: jsonText}, &ledger{})
	sink := &discard{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		if err := serve(b, p, chat, bodies, `{"model":"m","messages":[]}`, sink); err != nil {
			b.Fatal(err)
		}
	}
}
