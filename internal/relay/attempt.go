package relay

import (
	"context"
	"errors"
	"net/http"
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/billing/pricing"
	"starlane/internal/catalog"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
	"starlane/internal/relay/pool"
	"starlane/internal/usage"
)

const (
	maxAttempts  = 2
	maxErrorBody = 64 << 10 // of an upstream's error
	maxAnswer    = 64 << 20 // of an upstream's JSON answer
)

// exchange is one call on its way. It is used by one goroutine, but for the watch.
type exchange struct {
	p    *Pipeline
	call *Call
	sink Sink
	req  *llm.Request

	alias    string
	primary  *catalog.Model // that the first attempt serves
	unpriced []*catalog.Model
	prices   *pricing.Book
	chooser  pool.Chooser
	pick     pool.Pick
	wire     dialect.Egress // of the pick

	estimate    estimate
	reserved    money.Amount
	reservation Reservation

	watch    watch
	attempts [maxAttempts]usage.Attempt
	tries    int
	event    usage.Event
	tap      dialect.Tap
	sent     bool // an upstream has the request
	started  bool // the client has the head of the answer
	broken   bool // the client cannot tell that the answer is not whole
	settled  bool
	counted  tally // by the tokenizer of the pick
	media    fetching
}

// run makes attempts until one is answered or the verdict on the last one is final. Nothing is tried again once the client
// has got a part of an answer.
func (x *exchange) run(ctx context.Context) error {
	x.watch.start(x.p.Clock, x.p.Timeouts, x.call.Start, x.sink.Abort)
	var final verdict
	for {
		fault := x.attempt(ctx)
		if fault == nil || fault.Kind != llm.Unfit { // who cannot do what is asked is not called
			x.tries++
		}
		if fault == nil {
			return nil
		}
		v := judge(fault)
		if x.started || ctx.Err() != nil || fault.Kind == llm.Caller {
			return x.give(ctx, fault, v)
		}
		if v.rank >= final.rank {
			final = v
		}
		if !v.retry || x.tries >= maxAttempts || x.watch.over() || !x.another() {
			if x.tries >= maxAttempts { // asking again has been done: clients that do it on their own multiply it
				x.sink.Header()["X-Should-Retry"] = x.p.never
			}
			x.event.HTTPStatus = StatusOf(final.err)
			if x.event.HTTPStatus == http.StatusBadRequest { // no upstream can do what the client asks for
				x.settle(usage.ClientError)
			}
			return final.err
		}
	}
}

// another picks the upstream of the next attempt.
func (x *exchange) another() bool {
	next, ok := x.chooser.Next()
	if ok {
		x.pick = next
		x.event.Deployment, x.event.Provider = next.Candidate.Deployment.ID, next.Candidate.Provider.Slug
		x.event.ServedModel, x.event.SellVersion = next.Candidate.Model.Name, x.rates().Version
	}
	return ok
}

// give ends the call after a fault that no other attempt can mend.
func (x *exchange) give(ctx context.Context, f *llm.Fault, v verdict) error {
	defer f.Answer.Release()
	switch {
	case ctx.Err() != nil || f.Kind == llm.Gone:
		x.event.HTTPStatus = statusClientGone
		x.settle(usage.ClientGone)
		return v.err
	case x.started:
		x.event.HTTPStatus = http.StatusOK
		x.settle(usage.Cut)
		x.endStream(v.err)
		return v.err
	case f.Answer.Len() > 0: // the client's own mistake, in the upstream's words
		x.event.HTTPStatus = f.Status
		x.settle(usage.ClientError)
		x.head(f.Status, x.p.json)
		_, _ = f.Answer.WriteTo(x.sink)
		return v.err
	default: // the same, in words that are not fit to be passed on
		x.event.HTTPStatus = StatusOf(v.err)
		x.settle(usage.ClientError)
		return v.err
	}
}

// statusClientGone stands in records for an answer that nobody waited for.
const statusClientGone = 499

// attempt makes one upstream call and brings its answer to the client. It returns nil when the call is settled.
func (x *exchange) attempt(ctx context.Context) *llm.Fault {
	begin := x.p.Clock.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	x.watch.beat()
	x.watch.arm(x.p.Timeouts.Header, cancel)
	status, fault := x.exchange(ctx, begin)
	x.watch.arm(0, nil)
	took := x.p.Clock.Now().Sub(begin)
	a := usage.Attempt{Deployment: x.pick.Candidate.Deployment.ID, Status: status, Millis: took.Milliseconds()}
	if fault != nil {
		if cause := context.Cause(ctx); cause != nil && fault.Phase != llm.Status {
			fault.Timeout = errors.Is(cause, errSlow) || errors.Is(cause, errTooLong)
			if !fault.Timeout {
				fault.Phase, fault.Kind = llm.Client, llm.Gone
			}
			fault.Err = cause
		}
		a.Fault = string(fault.Phase)
		x.p.Metrics.faults.WithLabelValues(string(fault.Phase), fault.Kind.String()).Inc()
	}
	if !x.settled && (fault == nil || fault.Kind != llm.Unfit) {
		x.event.Attempts = append(x.event.Attempts, a)
	}
	return fault
}

// exchange is an attempt under its own context.
func (x *exchange) exchange(ctx context.Context, begin time.Time) (status int, fault *llm.Fault) {
	x.closeTap()
	x.wire = x.egress(x.pick.Candidate)
	c := x.pick.Candidate
	to := dialect.Target{Model: c.Deployment.UpstreamModel, MaxOutput: c.Model.MaxOutput}
	if x.req.Search.Most > 0 {
		to.Search = x.rates().Has[usage.SearchQuery]
	}
	x.req.Notes.Reset()
	x.req.Gather = false
	x.mediaSource(ctx)
	message, err := x.wire.EncodeRequest(x.req, to)
	if err != nil {
		return 0, &llm.Fault{Phase: llm.Dial, Kind: llm.Unfit, Err: err}
	}
	header := x.req.Header
	if f, ok := x.wire.(dialect.Forwarder); ok {
		header = f.Forward(x.req)
	} else if x.req.Original.Dialect != catalog.Format(c.Provider.Dialect) {
		header = nil // of another format
	}
	x.sent = true
	res, err := x.p.Sender.Send(ctx, Dispatch{
		Candidate: c, Key: x.pick.Key, Path: x.wire.Path(x.req, to.Model), Body: message, Stream: x.req.Stream || x.req.Gather, Form: x.req.Form(), Header: header,
	})
	if err != nil {
		if !errors.As(err, &fault) {
			fault = &llm.Fault{Phase: llm.Send, Err: err}
		}
		if fault.Phase == llm.Dial {
			x.sent = false
		}
		return 0, fault
	}
	defer res.Body.Close() //nolint:errcheck // nothing is lost by it
	x.p.Metrics.upstream.Observe(x.p.Clock.Now().Sub(begin).Seconds())
	x.watch.beat()
	x.watch.phase(x.p.Timeouts.Idle)
	x.note(res)
	streams := isEventStream(res)
	switch {
	case res.StatusCode != http.StatusOK:
		return res.StatusCode, x.refused(res)
	case res.Header.Get("Content-Encoding") != "" || !x.fits(streams):
		return res.StatusCode, &llm.Fault{Phase: llm.Status, Status: res.StatusCode, Err: errKind}
	case x.req.Gather:
		return res.StatusCode, x.gather(res, begin)
	case streams:
		return res.StatusCode, x.stream(res, begin)
	case x.req.Form() == llm.Bytes:
		return res.StatusCode, x.pass(res, begin)
	default:
		return res.StatusCode, x.whole(res, begin)
	}
}

// fits tells whether the answer may be one, or none, that streams. Models for pictures and sound that cannot stream overlook that
// they were asked to.
func (x *exchange) fits(streams bool) bool {
	return streams == (x.req.Stream || x.req.Gather) || !streams && x.req.Media != nil
}

var errKind = errors.New("the answer is of another kind than asked for")

func isEventStream(res *http.Response) bool {
	const kind = "text/event-stream"
	t := res.Header.Get("Content-Type")
	return len(t) >= len(kind) && t[:len(kind)] == kind
}

// note keeps the upstream's own id of the request, for its support, and passes on the few headers that clients read. All
// others stay behind: cookies, limits and names of the account are not the client's.
func (x *exchange) note(res *http.Response) {
	h := x.sink.Header()
	for _, name := range [...]string{"Openai-Processing-Ms", "Openai-Version"} {
		if v := res.Header[name]; len(v) == 1 {
			h[name] = v
		} else {
			delete(h, name)
		}
	}
	v := ""
	for _, name := range [...]string{"X-Request-Id", "Request-Id", "Apim-Request-Id", "X-Amzn-Requestid"} {
		if h := res.Header[name]; len(h) > 0 && v == "" {
			v = h[0]
		}
	}
	if len(v) > maxUpstreamID {
		v = v[:maxUpstreamID]
	}
	for i := range len(v) {
		if v[i] <= ' ' || v[i] > '~' {
			return
		}
	}
	x.event.UpstreamRequestID = v
}

const maxUpstreamID = 64

// refused reads an answer that says no.
func (x *exchange) refused(res *http.Response) *llm.Fault {
	content, err := x.p.Bodies.Read(res.Body, res.ContentLength, maxErrorBody)
	if err != nil {
		content = body.Content{}
	}
	return x.wire.ReadFault(res.StatusCode, res.Header, content)
}

// whole reads an answer that is no stream, settles, and passes it on.
func (x *exchange) whole(res *http.Response, begin time.Time) *llm.Fault {
	content, err := x.p.Bodies.Read(&pulse{res.Body, &x.watch}, res.ContentLength, maxAnswer)
	if err != nil {
		return &llm.Fault{Phase: llm.Stream, Status: res.StatusCode, Err: err}
	}
	defer content.Release()
	answer, err := x.wire.ReadAnswer(x.req, content, x)
	if err != nil {
		var refusal *llm.Fault
		if errors.As(err, &refusal) {
			return refusal
		}
		return &llm.Fault{Phase: llm.Status, Status: res.StatusCode, Err: err}
	}
	x.event.Counts = answer.Counts
	if !answer.Reported {
		x.fillCounts(x.wire.EstimateAnswer(content, x.Count))
	}
	kind := x.p.json
	if x.req.Form() == llm.Lines {
		kind = res.Header["Content-Type"]
	}
	x.complete(begin, content, answer, kind)
	return nil
}

// complete settles an answer that is in one piece and passes it on.
func (x *exchange) complete(begin time.Time, content body.Content, answer llm.Answer, kind []string) {
	x.event.TTFTMillis = x.p.Clock.Now().Sub(x.call.Start).Milliseconds()
	x.succeed(begin)
	x.deliver(content, answer, kind)
}

// deliver writes a settled answer.
func (x *exchange) deliver(content body.Content, answer llm.Answer, kind []string) {
	if answer.Body != nil {
		content = body.Own(answer.Body)
	}
	cost := x.event.Estimate.String()
	h := x.sink.Header()
	h["X-Starlane-Cost-Usd"] = []string{cost}
	if x.req.WantsCost && answer.UsageAt > 0 {
		extra := string(x.wire.AppendCost(nil, cost))
		m := content.Edited(body.Edit{From: answer.UsageAt, To: answer.UsageAt, Text: extra})
		h["Content-Length"] = decimal(m.Len())
		x.head(http.StatusOK, kind)
		_, _ = m.WriteTo(x.sink) // the answer is settled: whether the client still took it changes nothing
		return
	}
	h["Content-Length"] = decimal(int64(content.Len()))
	x.head(http.StatusOK, kind)
	_, _ = content.WriteTo(x.sink) // see above
}
