package openaichat

import (
	"net/http"

	"starlane/internal/catalog/vendor"
	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/fate"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// Compatible is the side of the format that faces a vendor who speaks it with differences, for clients of other formats. It implements
// dialect.Upstream.
type Compatible struct {
	Upstream
	profile *vendor.Profile
}

var _ dialect.Upstream = Compatible{}

// NewCompatible makes the side of a vendor.
func NewCompatible(c *Chat, p *vendor.Profile) Compatible { return Compatible{Upstream{c}, p} }

// Origin names who sealed what the vendor wants back.
func (c Compatible) Origin() llm.Origin { return llm.Origin(c.profile.Name) }

// BillsCacheWrites implements dialect.Upstream.
func (c Compatible) BillsCacheWrites() bool { return c.profile.Rules.CacheControl.Or(false) }

// Fetches implements dialect.Fetching.
func (c Compatible) Fetches(b *llm.Block) bool {
	return c.Upstream.Fetches(b) || b.Kind == llm.Image && !c.profile.Rules.ImageURLs.Or(true)
}

// Encode implements dialect.Upstream.
func (c Compatible) Encode(p *llm.Prompt, to dialect.Target, stream bool, n *llm.Notes) ([]byte, error) {
	e := &encoding{p: p, to: to, notes: n, vendor: c.Origin(), rules: &c.profile.Rules}
	return e.encode(fate.Compatible, stream), nil
}

// NewReader implements dialect.Upstream.
func (c Compatible) NewReader() dialect.Reader { return newReader(c.Origin(), &c.profile.Rules) }

// ReadWhole implements dialect.Upstream.
func (c Compatible) ReadWhole(src []byte, to llm.Sink) bool {
	return readWhole(newReader(c.Origin(), &c.profile.Rules), src, to)
}

// kinds are what the words of vendor.Rules.Errors mean.
var kinds = map[string]llm.Kind{ //nolint:gochecknoglobals // a constant table
	"transient": llm.Transient, "limited": llm.Limited, "exhausted": llm.Exhausted, "auth": llm.Auth, "missing": llm.Missing, "caller": llm.Caller,
}

// ReadFault implements dialect.Upstream.
func (c Compatible) ReadFault(status int, h http.Header, content body.Content) (*llm.Fault, string) {
	e := readRefusal(content.Open())
	f, _ := c.Upstream.ReadFault(status, h, content)
	for _, word := range [...]string{e.code, e.kind} {
		if kind, known := c.profile.Rules.Errors.Or(nil)[word]; known {
			f.Kind = kinds[kind]
			break
		}
	}
	return f, e.message
}

// refusal is what an error body says.
type refusal struct{ code, kind, message string }

// readRefusal reads the errors of vendors: OpenAI's object, its members without the object around them, an error that is a text, or a
// detail.
func readRefusal(src []byte) (e refusal) {
	c := guard.NewCursor(src)
	if e.object(&c); !c.End() {
		return refusal{}
	}
	return e
}

func (e *refusal) object(c *guard.Cursor) {
	text := func(into *string) {
		if c.Kind() == guard.Number {
			*into = string(c.Raw())
			return
		}
		*into, _ = guard.Unquote(wire.Text(c))
	}
	wire.Object(c, func(k string) {
		switch {
		case k == "error" && c.Kind() == guard.Object:
			e.object(c)
		case k == "message", k == "error", k == "detail" && c.Kind() == guard.String, k == "msg":
			text(&e.message)
		case k == "detail" && c.Kind() == guard.Array:
			wire.List(c, func() { e.object(c) })
		case k == "code":
			text(&e.code)
		case k == "type":
			text(&e.kind)
		default:
			c.Skip()
		}
	})
}

// Direct is the way of this format's own clients: bytes pass, but for what the vendor would refuse. keeper keeps thoughts that clients
// do not give back; nil for none.
func (c Compatible) Direct(keeper dialect.Keeper) dialect.Egress {
	p := &passage{Chat: c.Chat, to: c}
	if c.profile.Rules.ThoughtsBack.Or("") == reasoningContent {
		p.keeper = keeper
	}
	return p
}

// passage is the way between this format's clients and a vendor. It implements dialect.Egress.
type passage struct {
	*Chat
	to     Compatible
	keeper dialect.Keeper
}

// MeasurePrompt implements dialect.Egress.
func (p *passage) MeasurePrompt(r *llm.Request) llm.Size {
	size := p.Chat.MeasurePrompt(r)
	if p.to.BillsCacheWrites() {
		size.Also = append(size.Also, size.Marks...)
	}
	return size
}

// ReadAnswer implements dialect.Egress.
func (p *passage) ReadAnswer(r *llm.Request, content body.Content, m dialect.Meter) (llm.Answer, error) {
	a, err := p.Chat.ReadAnswer(r, content, m)
	if err == nil && p.keeper != nil {
		kept := dialect.NewCollector(p.keeper, r.Tenant)
		p.to.ReadWhole(content.Open(), kept)
		kept.Done()
	}
	return a, err
}

// NewTap implements dialect.Egress.
func (p *passage) NewTap(r *llm.Request, m dialect.Meter) dialect.Tap {
	inner := p.Chat.NewTap(r, m)
	if p.keeper == nil {
		return inner
	}
	return &keepingTap{Tap: inner, reader: p.to.NewReader(), kept: dialect.NewCollector(p.keeper, r.Tenant)}
}

// keepingTap keeps what a model thought before it calls tools.
type keepingTap struct {
	dialect.Tap
	reader dialect.Reader
	kept   *dialect.Collector
}

// Event implements dialect.Tap.
func (t *keepingTap) Event(data []byte) dialect.Seen {
	if t.reader.Read(data, t.kept) == dialect.End {
		t.kept.Done()
	}
	return t.Tap.Event(data)
}

// Finish implements dialect.Tap.
func (t *keepingTap) Finish() ([]byte, bool) {
	mark, finished := t.Tap.Finish()
	if finished {
		t.kept.Done()
	}
	return mark, finished
}

// ReadFault implements dialect.Egress. What is not in OpenAI's form is put into it, for its clients look there.
func (p *passage) ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	c.Retain()
	f, message := p.to.ReadFault(status, h, c)
	switch {
	case f.Kind != llm.Caller || message == "":
		c.Release()
	case openai.ErrorMessage(c.Open()) != "":
		f.Answer = c
	default:
		c.Release()
		f.Answer = body.Copy(p.AppendError(nil, apperr.New(apperr.InvalidRequest, "%s", message), ""))
	}
	return f
}
