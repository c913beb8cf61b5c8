package dialect

import (
	"bytes"
	"net/http"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Direct is the way between a format and itself: bytes pass, but for the name of the model and the edits that decoding found.
// It implements Egress.
type Direct struct {
	Client   Client
	Upstream Upstream
	// Foreign begins, quote included, what another vendor sealed, as clients of this format carry it; empty for none. A vendor
	// refuses what it did not seal itself, so a request that holds such a thing, because its client changed models in the middle
	// of a conversation, is written anew without it.
	Foreign string
}

// Path implements Egress.
func (d *Direct) Path(r *llm.Request, model string) string { return d.Upstream.Path(r.Stream, model) }

// EncodeRequest implements Egress.
func (d *Direct) EncodeRequest(r *llm.Request, to Target) (body.Message, error) {
	r.Notes.Reset()
	if err := d.Refused(r, to); err != nil {
		return body.Message{}, err
	}
	if d.Foreign != "" && bytes.Contains(r.Content.Open(), []byte(d.Foreign)) {
		return (&Bridge{Client: d.Client, Upstream: d.Upstream}).encode(r, to, false)
	}
	return request.Encode(r, to.Model) //nolint:wrapcheck // a name that is no text is a mistake of ours
}

// Refused is why a request cannot pass as it is; nil if it can. What has no price does not pass.
func (d *Direct) Refused(r *llm.Request, to Target) error {
	if r.Original.Refused != nil {
		return r.Original.Refused
	}
	if s, ok := d.Upstream.(Searcher); r.Search.Most > 0 && (!to.Search || !ok || !s.Searches()) {
		return NoSearch(r)
	}
	return nil
}

// NoSearch refuses a search in the web.
func NoSearch(r *llm.Request) error {
	return apperr.New(apperr.UnsupportedParam, "%s: The model cannot search the web here, or searches have no price.", r.Search.Field).WithParam(r.Search.Field)
}

// ReadAnswer implements Egress.
func (d *Direct) ReadAnswer(r *llm.Request, content body.Content, m Meter) (llm.Answer, error) {
	var t tally
	if !d.Upstream.ReadWhole(content.Open(), &t) {
		return llm.Answer{}, errNoAnswer
	}
	a := t.answer()
	if !a.Reported {
		a.Counts.Fill(func() usage.Tokens { return d.EstimatePrompt(r, m.Count) }, t.estimate(m.Count))
		a.Reported = true
	}
	return a, nil
}

// AppendCost implements Egress.
func (d *Direct) AppendCost(dst []byte, usd string) []byte { return AppendCost(dst, usd) }

// ReadFault implements Egress. A mistake of the client is told as the upstream tells it.
func (d *Direct) ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	return Relayed(d.Upstream.ReadFault, status, h, c)
}

// Relayed reads a refusal and has the client get it as the upstream sent it, if it is about the client's mistake.
func Relayed(read func(int, http.Header, body.Content) (*llm.Fault, string), status int, h http.Header, c body.Content) *llm.Fault {
	c.Retain()
	f, message := read(status, h, c)
	if f.Kind == llm.Caller && message != "" {
		f.Answer = c
	} else {
		c.Release()
	}
	return f
}

// MeasurePrompt implements Egress.
func (d *Direct) MeasurePrompt(r *llm.Request) llm.Size { return measure(d.Client, d.Upstream, r) }

// EstimatePrompt implements Egress.
func (d *Direct) EstimatePrompt(r *llm.Request, count Count) usage.Tokens {
	return d.Client.EstimatePrompt(r, count)
}

// EstimateAnswer implements Egress.
func (d *Direct) EstimateAnswer(content body.Content, count Count) usage.Tokens {
	var t tally
	d.Upstream.ReadWhole(content.Open(), &t)
	return t.estimate(count)
}

// NewTap implements Egress.
func (d *Direct) NewTap(r *llm.Request, _ Meter) Tap {
	return &listener{reader: d.Upstream.NewReader(), array: r.Framing == llm.Array}
}

// listener is the tap of a Direct: it reads along.
type listener struct {
	reader  Reader
	tally   tally
	content bool
	array   bool   // events become the elements of a JSON array
	begun   bool   // its first one is out
	out     []byte // an element
}

// Take notes what an event says.
func (l *listener) Take(e *llm.Event) {
	l.content = l.content || says(e)
	l.tally.Take(e)
}

// Event implements Tap.
func (l *listener) Event(data []byte) Seen {
	l.content = false
	step := l.reader.Read(data, l)
	if step == End && !l.tally.finished() {
		step = Failed // the mark of an end without a reason is a cut
	}
	seen := Seen{Step: step, Content: l.content}
	if l.array {
		l.out = AppendElement(l.out[:0], l.begun, data)
		l.begun, seen.Out = true, l.out
	}
	return seen
}

// AppendElement appends an element of a stream that is one JSON array.
func AppendElement(dst []byte, begun bool, element []byte) []byte {
	if begun {
		dst = append(dst, ",\r\n"...)
	} else {
		dst = append(dst, '[')
	}
	return append(dst, element...)
}

// Finish implements Tap.
func (l *listener) Finish() ([]byte, bool) {
	if l.array && l.tally.finished() {
		return []byte{']'}, true
	}
	return nil, l.tally.finished()
}

// Answer implements Tap.
func (l *listener) Answer() llm.Answer { return l.tally.answer() }

// EstimateOutput implements Tap.
func (l *listener) EstimateOutput(count Count) usage.Tokens { return l.tally.estimate(count) }

// AppendFailure implements FailureWriter if the reader does.
func (l *listener) AppendFailure(dst []byte, e *apperr.Error, requestID string) []byte {
	return appendFailure(dst, l.reader, e, requestID)
}

// Close implements Tap.
func (l *listener) Close() { *l = listener{} }
