package openairesponses

import (
	"bytes"
	"net/http"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/fate"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// Native is the way to an upstream that speaks the format itself. Bytes pass, but for what depends on answers that are kept, for
// thoughts that this upstream cannot read, and for tools of the vendor that are not offered because no price says what
// they cost.
type Native struct{ dialect.Direct }

// NewNative makes the way.
func NewNative(d *Responses) *Native { return &Native{dialect.Direct{Client: d, Upstream: d}} }

var _ dialect.Egress = (*Native)(nil)

// EncodeRequest implements dialect.Egress.
func (n *Native) EncodeRequest(r *llm.Request, to dialect.Target) (body.Message, error) {
	r.Notes.Reset()
	r.Original.Edits[editTools], r.Original.Edits[editInput] = llm.Change{}, llm.Change{}
	c := guard.NewCursor(r.Content.Open())
	wire.Object(&c, func(k string) {
		switch k {
		case "tools":
			r.Original.Edits[editTools] = without(&c, func(item *guard.Cursor) bool { return offered(item, to.Search, &r.Notes) })
		case "input":
			r.Original.Edits[editInput] = without(&c, func(item *guard.Cursor) bool { return readable(item, &r.Notes) })
		default:
			c.Skip()
		}
	})
	if err := r.Notes.Err(); err != nil {
		return body.Message{}, err //nolint:wrapcheck // an apperr for the client
	}
	return request.Encode(r, to.Model) //nolint:wrapcheck // a name that is no text is a mistake of ours
}

// ReadAnswer implements dialect.Egress.
func (n *Native) ReadAnswer(r *llm.Request, content body.Content, m dialect.Meter) (llm.Answer, error) {
	a, err := n.Direct.ReadAnswer(r, content, m)
	if err == nil && r.Stored != nil {
		a.Body = saved(r, told(r, content.Open()))
	}
	return a, err //nolint:wrapcheck // Direct's own
}

// NewTap implements dialect.Egress.
func (n *Native) NewTap(r *llm.Request, m dialect.Meter) dialect.Tap {
	tap := n.Direct.NewTap(r, m)
	if r.Stored != nil {
		tap = &storing{Tap: tap, request: r}
	}
	return tap
}

// Forward implements dialect.Forwarder.
func (*Native) Forward(r *llm.Request) http.Header { return r.Header }

// MeasurePrompt implements dialect.Egress.
func (n *Native) MeasurePrompt(r *llm.Request) llm.Size {
	size := n.Direct.MeasurePrompt(r)
	size.MaySkip = true
	return size
}

// without is the change that leaves of a list what keep is true for.
func without(c *guard.Cursor, keep func(item *guard.Cursor) bool) (change llm.Change) {
	if c.Kind() != guard.Array {
		c.Skip()
		return change
	}
	from := c.At()
	var kept [][]byte
	wire.List(c, func() {
		item := *c
		if raw := c.Raw(); keep(&item) {
			kept = append(kept, raw)
		} else {
			change.Present = true
		}
	})
	if change.Present {
		change.Edit = body.Edit{From: from, To: c.At(), Text: "[" + string(bytes.Join(kept, []byte(","))) + "]"}
	}
	return change
}

// offered judges a tool.
func offered(c *guard.Cursor, search bool, n *llm.Notes) bool {
	kind := family(typeOf(c))
	name := "tools." + kind
	if kind == webSearch && !search { // some clients ask for it with every call
		n.Drop(name)
		return false
	}
	switch fate.Of(Dialect, openai.Dialect, name) {
	case fate.Rejected:
		n.Reject(name)
		return false
	case fate.Dropped:
		n.Drop(name)
		return false
	case fate.Lossless, fate.Approximated, fate.Meaningless:
	}
	return true
}

// readable judges an item: thoughts have to be encrypted, and by this vendor, who keeps none of them.
func readable(c *guard.Cursor, n *llm.Notes) bool {
	var kind string
	var sealed llm.Text
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			kind = string(wire.Text(c))
		case "encrypted_content":
			sealed = wire.Text(c)
		default:
			c.Skip()
		}
	})
	if kind != itemReasoning || len(sealed) > 0 && wire.Unseal(sealed, Dialect, true).Origin == Dialect {
		return true
	}
	n.Drop("input.reasoning")
	return false
}
