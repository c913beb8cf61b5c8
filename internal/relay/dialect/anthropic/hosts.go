package anthropic

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/awsfault"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// host is a cloud that serves the Messages API at paths of its own. The model is in the path, not in the body.
type host struct {
	version string // in the body
	stream  bool   // the body says whether a stream is wanted
	search  bool   // its models search the web
	path    func(stream bool, model string) string
	fault   func(status int, h http.Header, c body.Content) (*llm.Fault, string)
	// betas are those features that a host takes in the body; nil: it takes the header as it is.
	betas []string
}

// Hosted is the Messages API as a cloud serves it. It implements dialect.Upstream.
type Hosted struct {
	*Messages
	at *host
}

var _ dialect.Upstream = (*Hosted)(nil)

// OnBedrock is Claude by InvokeModel.
func OnBedrock(m *Messages) *Hosted {
	return &Hosted{m, &host{
		version: "bedrock-2023-05-31", fault: awsfault.Read,
		path: func(stream bool, model string) string {
			if stream {
				return "/model/" + wire.PathSegment(model) + "/invoke-with-response-stream"
			}
			return "/model/" + wire.PathSegment(model) + "/invoke"
		},
		betas: []string{
			"computer-use-2025-01-24", "token-efficient-tools-2025-02-19", "interleaved-thinking-2025-05-14", "output-128k-2025-02-19",
			"dev-full-thinking-2025-05-14", "context-management-2025-06-27", "effort-2025-11-24",
			"tool-search-tool-2025-10-19", "tool-examples-2025-10-29",
		},
	}}
}

// OnVertex is Claude by rawPredict.
func OnVertex(m *Messages) *Hosted {
	return &Hosted{m, &host{
		version: "vertex-2023-10-16", stream: true, search: true, fault: m.readGoogleFault,
		path: func(stream bool, model string) string {
			if stream {
				return "/publishers/anthropic/models/" + url.PathEscape(model) + ":streamRawPredict"
			}
			return "/publishers/anthropic/models/" + url.PathEscape(model) + ":rawPredict"
		},
	}}
}

// readGoogleFault reads a refusal, which is in this format or Google's; both have their message at the same place.
func (m *Messages) readGoogleFault(status int, h http.Header, c body.Content) (*llm.Fault, string) {
	f, message := m.ReadFault(status, h, c)
	if strings.Contains(message, "projects/") { // names our account
		message = ""
	}
	return f, message
}

// Searches implements dialect.Searcher.
func (d *Hosted) Searches() bool { return d.at.search }

// Path implements dialect.Upstream.
func (d *Hosted) Path(stream bool, model string) string { return d.at.path(stream, model) }

// Encode implements dialect.Upstream.
func (d *Hosted) Encode(p *llm.Prompt, to dialect.Target, stream bool, n *llm.Notes) ([]byte, error) {
	return encode(p, to, stream, n, d.at), nil
}

// Fetches implements dialect.Fetching: hosts look nothing up.
func (*Hosted) Fetches(b *llm.Block) bool { return b.Kind == llm.Image || b.Kind == llm.Document }

// ReadFault implements dialect.Upstream.
func (d *Hosted) ReadFault(status int, h http.Header, c body.Content) (*llm.Fault, string) {
	return d.at.fault(status, h, c)
}

// Direct is the way of this format's own clients: bytes pass, but for what the host wants otherwise.
func (d *Hosted) Direct() dialect.Egress {
	return &passage{dialect.Direct{Client: d.Messages, Upstream: d, Foreign: Foreign}, d.at}
}

type passage struct {
	dialect.Direct
	at *host
}

// EncodeRequest implements dialect.Egress: the version takes the place of the model.
func (p *passage) EncodeRequest(r *llm.Request, to dialect.Target) (body.Message, error) {
	const model, stream, betas, messages = 0, 1, 2, 3
	src := r.Content.Open()
	if p.Refused(r, to) != nil || bytes.Contains(src, []byte(p.Foreign)) {
		return p.Direct.EncodeRequest(r, to) //nolint:wrapcheck // an apperr for the client
	}
	var found [4]guard.Member
	if err := guard.Scan(src, []string{"model", "stream", "anthropic_beta", "messages"}, found[:]); err != nil {
		return body.Message{}, err //nolint:wrapcheck // DecodeRequest has read it
	}
	r.Notes.Reset()
	version := `"anthropic_version":"` + p.at.version + `"`
	edits := unsigned(src, &r.Notes)
	if m := &found[betas]; m.Kind == guard.Absent {
		version += p.betas(r)
	} else if edit, dear := withoutDear(src, m, &r.Notes); dear {
		edits = append(edits, edit)
	}
	if p.at.betas == nil {
		forward(r, &r.Notes)
	}
	if err := r.Notes.Err(); err != nil {
		return body.Message{}, err //nolint:wrapcheck // an apperr for the client
	}
	edits = append(edits, body.Edit{From: found[model].Key, To: found[model].To, Text: version})
	if found[stream].Kind != guard.Absent && !p.at.stream {
		edits = append(edits, without(src, &found[stream]))
	}
	fetched, err := fetchSources(r, src[:found[messages].To], found[messages].From)
	if err != nil {
		return body.Message{}, err
	}
	edits = append(edits, fetched...)
	slices.SortFunc(edits, func(a, b body.Edit) int { return a.From - b.From })
	return r.Content.Edited(edits...), nil
}

// Forward implements dialect.Forwarder.
func (p *passage) Forward(r *llm.Request) http.Header { return forward(r, nil) }

// withoutDear takes those features out of a client's list that change what a token costs.
func withoutDear(src []byte, m *guard.Member, n *llm.Notes) (edit body.Edit, found bool) {
	kept := wire.Builder{}
	kept.Open('[')
	c := guard.NewCursor(src[m.From:m.To])
	wire.List(&c, func() {
		at := c
		if name := string(wire.Text(&at)); dear(name) {
			found = true
			n.Drop("anthropic-beta:" + name)
			c.Skip()
			return
		}
		kept.Raw(c.Raw())
	})
	kept.Close(']')
	return body.Edit{From: m.From, To: m.To, Text: string(kept.B)}, found
}

// without takes a member away, and the comma that parts it from its neighbour.
func without(src []byte, m *guard.Member) body.Edit {
	if m.Comma >= 0 {
		return body.Edit{From: m.Comma, To: m.To}
	}
	to := m.To
	for src[to] != ',' { // the model stands behind it
		to++
	}
	return body.Edit{From: m.Key, To: to + 1}
}

// betas are the client's, as a further member of the body. What the host does not know it would refuse.
func (p *passage) betas(r *llm.Request) string {
	if p.at.betas == nil {
		return ""
	}
	var known []string
	for _, line := range r.Header["Anthropic-Beta"] {
		for name := range strings.SplitSeq(line, ",") {
			switch name = strings.TrimSpace(name); {
			case name == "":
			case slices.Contains(p.at.betas, name):
				known = append(known, `"`+name+`"`)
			default:
				r.Notes.Drop("anthropic-beta:" + name)
			}
		}
	}
	if known == nil {
		return ""
	}
	return `,"anthropic_beta":[` + strings.Join(known, ",") + `]`
}

// ReadFault implements dialect.Egress. Hosts refuse in their own format.
func (p *passage) ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	f, message := p.Upstream.ReadFault(status, h, c)
	if f.Kind == llm.Caller && message != "" {
		f.Answer = body.Copy(p.Client.AppendError(nil, apperr.New(apperr.InvalidRequest, "%s", message), ""))
	}
	return f
}
