package dialect

import (
	"errors"
	"net/http"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

var (
	errNoAnswer   = errors.New("the answer is not of the upstream's format")
	errBrokenCall = errors.New("the model wrote a call of a tool that is none")
)

// Bridge is the way between two formats. It implements Egress.
type Bridge struct {
	Client   Client
	Upstream Upstream
	Origin   llm.Origin // of what the upstream seals
	Keeper   Keeper     // nil for none
}

// Path implements Egress.
func (b *Bridge) Path(r *llm.Request, model string) string {
	return b.Upstream.Path(r.Stream || r.Gather, model)
}

// EncodeRequest implements Egress.
func (b *Bridge) EncodeRequest(r *llm.Request, to Target) (body.Message, error) {
	return b.encode(r, to, true)
}

// encode renders a call; gather: what is long may be asked for as a stream.
func (b *Bridge) encode(r *llm.Request, to Target, gather bool) (body.Message, error) {
	p, err := b.Client.Parse(r, &r.Notes)
	if err != nil {
		return body.Message{}, err //nolint:wrapcheck // an apperr for the client
	}
	if r.Bound > 0 && (p.MaxOutput == 0 || p.MaxOutput > r.Bound) {
		p.MaxOutput = r.Bound
	}
	if b.Keeper != nil {
		restore(b.Keeper, r.Tenant, p.Turns, b.Origin)
	}
	if err := fetch(b.Upstream, r, p); err != nil {
		return body.Message{}, err
	}
	r.Schema = nil
	if p.Format.Kind == llm.JSONSchema {
		r.Schema = p.Format.Schema
	}
	if !to.Search {
		p.SkipSearch(&r.Notes)
	}
	long, ok := b.Upstream.(LongAnswerer)
	r.Gather = gather && !r.Stream && ok && long.Long(p, to)
	out, err := b.Upstream.Encode(p, to, r.Stream || r.Gather, &r.Notes)
	if err != nil {
		return body.Message{}, err //nolint:wrapcheck // an apperr for the client
	}
	if err := r.Notes.Err(); err != nil {
		return body.Message{}, err //nolint:wrapcheck // an apperr for the client
	}
	r.Searches = p.Search != nil // it may have been left out
	return body.Own(out).Edited(), nil
}

// AppendCost implements Egress.
func (b *Bridge) AppendCost(dst []byte, usd string) []byte { return AppendCost(dst, usd) }

// AppendCost renders the member that tells the cost, to stand first in a usage that is not empty.
func AppendCost(dst []byte, usd string) []byte {
	dst = append(dst, `"cost":`...)
	dst = append(dst, usd...)
	return append(dst, ',')
}

// ReadFault implements Egress. A mistake of the client is told in the upstream's words and the client's format.
func (b *Bridge) ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	return told(b.Client, b.Upstream.ReadFault, status, h, c)
}

// MeasurePrompt implements Egress.
func (b *Bridge) MeasurePrompt(r *llm.Request) llm.Size {
	size := measure(b.Client, b.Upstream, r)
	if s, ok := b.Upstream.(Searcher); !ok || !s.Searches() {
		size.Searches = 0
	}
	size.MaySkip = !r.Search.Must
	return size
}

// measure has what is marked for a cache cost more where the upstream bills that.
func measure(c Client, u Upstream, r *llm.Request) llm.Size {
	size := c.MeasurePrompt(r)
	if u.BillsCacheWrites() {
		size.Also = append(size.Also, size.Marks...)
	}
	return size
}

// Marks are the classes of what is marked to be kept in a cache for five minutes, for an hour.
func Marks(minutes5, hour1 bool) (classes []usage.Class) {
	if minutes5 {
		classes = append(classes, usage.CacheWrite5m)
	}
	if hour1 {
		classes = append(classes, usage.CacheWrite1h)
	}
	return classes
}

// EstimatePrompt implements Egress.
func (b *Bridge) EstimatePrompt(r *llm.Request, count Count) usage.Tokens {
	return b.Client.EstimatePrompt(r, count)
}

// EstimateAnswer implements Egress.
func (b *Bridge) EstimateAnswer(content body.Content, count Count) usage.Tokens {
	var t tally
	b.Upstream.ReadWhole(content.Open(), &t)
	return t.estimate(count)
}

// NewTap implements Egress.
func (b *Bridge) NewTap(r *llm.Request, m Meter) Tap {
	// An event of which nothing is told has an empty Out: none at all would be the event itself, in the upstream's format.
	t := &translation{client: b.Client, request: r, meter: m, reader: b.newReader(r), keeper: b.Keeper, form: newFormCheck(r), out: []byte{}}
	t.tally.one = b.oneSearch(r)
	t.order.first.to, t.order.most, t.writer = t, int(r.Choices), b.Client.NewWriter(r)
	return t
}

// oneSearch tells whether the answer is one search, of which its usage says nothing.
func (b *Bridge) oneSearch(r *llm.Request) bool {
	_, one := b.Upstream.(OneSearcher)
	return one && r.Searches
}

func (b *Bridge) newReader(r *llm.Request) Reader {
	reader := b.Upstream.NewReader()
	if k, ok := reader.(TextKeeper); ok && r.Search.Most > 0 {
		k.KeepText()
	}
	return reader
}

// translation is the tap of a Bridge.
type translation struct {
	client  Client
	request *llm.Request
	meter   Meter
	reader  Reader
	order   sequences
	writer  Writer
	tally   tally
	keeper  Keeper
	keeping keeping
	form    formCheck
	out     []byte
	content bool
	broken  bool // the model wrote a call that is none: no format but the vendor's own can say so
}

// Event implements Tap.
func (t *translation) Event(data []byte) Seen {
	t.out, t.content = t.out[:0], false
	step := t.reader.Read(data, &t.order)
	switch {
	case step == Pass && (t.order.full() || t.broken):
		step = Failed
	case step == End && !t.tally.finished():
		step = Failed // the mark of an end without a reason is a cut
	case step == End:
		t.end()
	}
	return Seen{Step: step, Content: t.content, Out: t.out[:len(t.out):len(t.out)]}
}

// Take writes an event that is in its place.
func (t *translation) Take(e *llm.Event) {
	if t.broken = t.broken || e.Kind == llm.Stop && e.Reason == llm.BrokenCall; t.broken {
		return
	}
	if e.Kind == llm.Start && len(e.ID) == 0 {
		e.ID = llm.Text(t.request.ID.String())
	}
	t.tally.Take(e)
	if t.keeper != nil {
		t.keeping.Take(e)
	}
	t.content = t.content || says(e)
	if t.form.take(e); e.Kind == llm.Stop && e.Choice == 0 {
		e.Late = t.form.warn(&t.request.Notes, e.Reason, e.Lost)
	}
	t.out = t.writer.Append(t.out, e)
}

// says tells whether an event is one that an answer cannot be taken back after. The opening of a thought is one: what follows may
// be hidden, for minutes, and be signed by more than is held back.
func says(e *llm.Event) bool {
	return e.Kind == llm.Delta || e.Kind == llm.Open && e.What != llm.TextBlock
}

// Finish implements Tap.
func (t *translation) Finish() ([]byte, bool) {
	if !t.tally.finished() {
		return nil, false
	}
	t.out = t.out[:0]
	t.end()
	return t.out, true
}

// end writes what stands behind the answer. From here on the counts are those that the client was told.
func (t *translation) end() {
	t.order.flush() // what an upstream opens behind its reason to stop
	if !t.tally.answer().Reported {
		t.tally.counts.Fill(func() usage.Tokens { return t.client.EstimatePrompt(t.request, t.meter.Count) }, t.EstimateOutput(t.meter.Count))
		t.tally.count(&t.tally.counts)
		t.tally.reported = true
	}
	t.keeping.done(t.keeper, t.request.Tenant)
	cost := ""
	if t.request.WantsCost {
		cost = t.meter.Cost(t.tally.counts)
	}
	t.out = t.writer.AppendEnd(t.out, t.tally.counts, cost)
}

// Answer implements Tap.
func (t *translation) Answer() llm.Answer { return t.tally.answer() }

// EstimateOutput implements Tap.
func (t *translation) EstimateOutput(count Count) usage.Tokens { return t.tally.estimate(count) }

// AppendFailure implements FailureWriter if the writer does.
func (t *translation) AppendFailure(dst []byte, e *apperr.Error, requestID string) []byte {
	return appendFailure(dst, t.writer, e, requestID)
}

// Close implements Tap.
func (t *translation) Close() { *t = translation{} }

// tally keeps of an answer what settling needs.
type tally struct {
	counts   usage.Counts
	reported bool
	begun    int // answers
	ended    int // of those
	said     Said
	one      bool // the answer is a search
}

// finished tells whether each answer that began has come to its end.
func (t *tally) finished() bool { return t.ended > 0 && t.ended >= t.begun }

// Take implements llm.Sink.
func (t *tally) Take(e *llm.Event) {
	t.begun = max(t.begun, e.Choice+1)
	switch e.Kind {
	case llm.Delta:
		t.said.Add(e.Text)
	case llm.Open:
		t.said.Add(e.Name)
	case llm.Report:
		t.count(&e.Counts)
		t.counts, t.reported = e.Counts, true
	case llm.Stop:
		t.ended++
	case llm.Start, llm.Seal, llm.Cite, llm.Close:
	}
}

// count adds the search that an answer is.
func (t *tally) count(c *usage.Counts) {
	if t.one {
		c.Set(usage.SearchQuery, 1, usage.Derived)
	}
}

// answer is what is known so far. A report that a text or its prompt cost no tokens is not one.
func (t *tally) answer() llm.Answer {
	return llm.Answer{Counts: t.counts, Reported: t.reported && t.counts.Input() > 0 && (t.said.Nothing() || t.counts.Output() > 0), Finished: t.finished()}
}

func (t *tally) estimate(count Count) usage.Tokens { return t.said.Estimate(count) }
