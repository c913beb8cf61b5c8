package anthropic

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// Native is the way of this format's own clients to the API itself. Bytes pass, but for thoughts that nobody signed, which the vendor
// refuses, and for features that change what a token costs.
type Native struct{ dialect.Direct }

// NewNative makes the way.
func NewNative(m *Messages) *Native {
	return &Native{dialect.Direct{Client: m, Upstream: m, Foreign: Foreign}}
}

var (
	_ dialect.Egress    = (*Native)(nil)
	_ dialect.Forwarder = (*Native)(nil)
)

// EncodeRequest implements dialect.Egress.
func (n *Native) EncodeRequest(r *llm.Request, to dialect.Target) (body.Message, error) {
	src := r.Content.Open()
	if n.Refused(r, to) != nil || bytes.Contains(src, []byte(n.Foreign)) {
		return n.Direct.EncodeRequest(r, to) //nolint:wrapcheck // an apperr for the client
	}
	r.Notes.Reset()
	edits := unsigned(src, &r.Notes)
	forward(r, &r.Notes)
	if err := r.Notes.Err(); err != nil {
		return body.Message{}, err //nolint:wrapcheck // an apperr for the client
	}
	return request.Encode(r, to.Model, edits...) //nolint:wrapcheck // a name that is no text is a mistake of ours
}

// Forward implements dialect.Forwarder.
func (*Native) Forward(r *llm.Request) http.Header { return forward(r, nil) }

// dearBetas begin the names of those features at which tokens have other prices, or are spent beside those of the answer: longer
// prompts, faster answers, summaries and advice by further calls.
var dearBetas = [...]string{"context-1m-", "fast-mode-", "compact-", "advisor-tool-"} //nolint:gochecknoglobals // a constant table

func dear(beta string) bool {
	return slices.ContainsFunc(dearBetas[:], func(prefix string) bool { return strings.HasPrefix(beta, prefix) })
}

const betaHeader = "Anthropic-Beta"

// forward is what the upstream is shown of the client's headers: features that cost more are left out.
func forward(r *llm.Request, n *llm.Notes) http.Header {
	lines := r.Header[betaHeader]
	var kept []string
	changed := false
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			switch {
			case name == "":
			case dear(name):
				changed = true
				if n != nil {
					n.Drop("anthropic-beta:" + name)
				}
			default:
				kept = append(kept, name)
			}
		}
	}
	if !changed {
		return r.Header
	}
	h := r.Header.Clone()
	delete(h, betaHeader)
	if kept != nil {
		h[betaHeader] = []string{strings.Join(kept, ",")}
	}
	return h
}

// unsigned is the edit that takes out thoughts that nobody signed: those of vendors that sign none.
func unsigned(src []byte, n *llm.Notes) []body.Edit {
	const mark = `"signature"`
	if !bytes.Contains(src, []byte(mark)) {
		return nil
	}
	var edits []body.Edit
	c := guard.NewCursor(src)
	wire.Object(&c, func(k string) {
		if k != "messages" {
			c.Skip()
			return
		}
		from := c.At()
		out := wire.Builder{}
		out.Open('[')
		dropped := false
		wire.List(&c, func() {
			raw, took := signedOnly(c.Raw())
			dropped = dropped || took
			if raw != nil {
				out.Raw(raw)
			}
		})
		if out.Close(']'); dropped {
			n.Drop("thinking")
			edits = []body.Edit{{From: from, To: c.At(), Text: string(out.B)}}
		}
	})
	return edits
}

// signedOnly is a message without its thoughts that nobody signed; nil if it has nothing else.
func signedOnly(message []byte) (out llm.Raw, took bool) {
	out = message
	c := guard.NewCursor(message)
	wire.Object(&c, func(k string) {
		if k != "content" || c.Kind() != guard.Array {
			c.Skip()
			return
		}
		from := c.At()
		kept := wire.Builder{}
		kept.Open('[')
		some := false
		wire.List(&c, func() {
			if block := c.Raw(); isUnsigned(block) {
				took = true
			} else {
				some = true
				kept.Raw(block)
			}
		})
		if kept.Close(']'); took {
			out = slices.Concat(message[:from], kept.B, message[c.At():])
		}
		if took && !some {
			out = nil
		}
	})
	return out, took
}

func isUnsigned(block []byte) bool {
	kind, unsigned := "", false
	c := guard.NewCursor(block)
	wire.Object(&c, func(k string) {
		switch k {
		case "type":
			kind = string(wire.Text(&c))
		case "signature":
			unsigned = string(c.Raw()) == `""`
		default:
			c.Skip()
		}
	})
	return kind == "thinking" && unsigned
}
