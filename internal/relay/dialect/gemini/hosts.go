package gemini

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"starlane/internal/catalog"
	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// host is one of the two places where Google serves the format.
type host struct {
	dialect string // in the table of fates
	callIDs bool   // takes ids of calls; where not, answers of tools follow the order of the calls
	tiers   bool   // takes a service tier in the body
	labels  bool   // takes labels, which show up on the account's bill
	pieces  bool   // tells the arguments of a call as the model writes them
}

//nolint:gochecknoglobals // constant tables
var (
	studio = host{dialect: Dialect, callIDs: true, tiers: true}
	vertex = host{dialect: catalog.VertexGemini, labels: true, pieces: true}
)

// Vertex is the format as Vertex AI serves it. It implements dialect.Upstream.
type Vertex struct{ Contents }

var _ dialect.Upstream = (*Vertex)(nil)

// Path implements dialect.Upstream.
func (v *Vertex) Path(stream bool, model string) string {
	return "/publishers/google" + v.Contents.Path(stream, model)
}

// Fetches implements dialect.Fetching: Vertex AI looks up what stands at addresses itself.
func (*Vertex) Fetches(*llm.Block) bool { return false }

// Encode implements dialect.Upstream.
func (*Vertex) Encode(p *llm.Prompt, to dialect.Target, stream bool, n *llm.Notes) ([]byte, error) {
	return encode(p, to, stream, n, &vertex), nil
}

// ReadFault implements dialect.Upstream.
func (v *Vertex) ReadFault(status int, h http.Header, c body.Content) (*llm.Fault, string) {
	f, message := v.Contents.ReadFault(status, h, c)
	if strings.Contains(message, "projects/") { // names our account
		message = ""
	}
	return f, message
}

// Direct is the way of this format's own clients: bytes pass, but for what Vertex AI refuses and the other host takes.
func (v *Vertex) Direct() dialect.Egress {
	return &passage{dialect.Direct{Client: &v.Contents, Upstream: v, Foreign: Foreign}}
}

type passage struct{ dialect.Direct }

// EncodeRequest implements dialect.Egress.
func (p *passage) EncodeRequest(r *llm.Request, to dialect.Target) (body.Message, error) {
	src := r.Content.Open()
	if p.Refused(r, to) != nil || bytes.Contains(src, []byte(Foreign)) {
		return p.Direct.EncodeRequest(r, to) //nolint:wrapcheck // an apperr for the client
	}
	if err := outside(r); err != nil {
		return body.Message{}, err
	}
	r.Notes.Reset()
	d := differing{src: src, c: guard.NewCursor(src)}
	d.request()
	return request.Encode(r, to.Model, d.edits...) //nolint:wrapcheck // a name that is no text is a mistake of ours
}

// outside refuses files by their names in Google's storage, which Vertex AI reads with the rights of our account: what lies there
// belongs to the operator, or to nobody here.
func outside(r *llm.Request) error {
	src := r.Content.Open()
	if !bytes.Contains(src, []byte("ileUri")) && !bytes.Contains(src, []byte("ile_uri")) {
		return nil
	}
	nothing := func([]byte) usage.Tokens { return 0 }
	w := walk{weights: weights{text: nothing, json: nothing}}
	if w.prompt(r); w.inner {
		return refuseInside()
	}
	return nil
}

func refuseInside() error {
	return apperr.New(apperr.UnsupportedParam, "Files in Google's storage cannot be used here. Send the file itself, or an http or https address.").WithParam("fileUri")
}

// ReadFault implements dialect.Egress: what names our account stays here.
func (p *passage) ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	f, message := p.Upstream.ReadFault(status, h, c)
	if f.Kind == llm.Caller && message != "" {
		f.Answer = body.Copy(p.Client.AppendError(nil, apperr.New(apperr.InvalidRequest, "%s", message), ""))
	}
	return f
}

// differing finds what Vertex AI does not take and the other host does: a service tier, ids of calls and answers, contents that
// do not say whose they are.
type differing struct {
	src   []byte
	c     guard.Cursor
	edits []body.Edit
}

// members calls visit for each member of an object, with where the object would be cut to take the member out.
func (d *differing) members(visit func(k string, from int)) {
	if d.c.Kind() != guard.Object {
		d.c.Skip()
		return
	}
	from := d.c.At() + 1
	for k, ok := d.c.Object(); ok; k, ok = d.c.Next() {
		visit(camel(string(k)), from)
		from = d.c.At()
	}
}

// remove takes the member at the cursor out, with the comma that parts it from its neighbour.
func (d *differing) remove(from int) {
	d.c.Skip()
	to := d.c.At()
	if d.src[from] != ',' && to < len(d.src) && d.src[to] == ',' {
		to++
	}
	d.edits = append(d.edits, body.Edit{From: from, To: to})
}

func (d *differing) request() {
	d.members(func(k string, from int) {
		switch k {
		case "serviceTier":
			d.remove(from)
		case "contents":
			wire.List(&d.c, d.content)
		default:
			d.c.Skip()
		}
	})
}

func (d *differing) content() {
	if d.c.Kind() != guard.Object {
		d.c.Skip()
		return
	}
	open, role, some := d.c.At()+1, false, ""
	d.members(func(k string, _ int) {
		some = ","
		role = role || k == "role"
		if k != "parts" {
			d.c.Skip()
			return
		}
		wire.List(&d.c, func() {
			d.members(func(k string, _ int) {
				if k != "functionCall" && k != "functionResponse" {
					d.c.Skip()
					return
				}
				named := false
				d.members(func(k string, from int) {
					if k == "id" && !named {
						named = true
						d.remove(from)
						return
					}
					d.c.Skip()
				})
			})
		})
	})
	if !role {
		d.edits = append(d.edits, body.Edit{From: open, To: open, Text: `"role":"user"` + some})
	}
}

// labels writes what a client says about its request as labels, which take lower-case letters, digits, _ and - alone.
func (e *encoding) labels() {
	if !e.at.labels {
		if len(e.p.User) > 0 {
			e.notes.Drop("user")
		}
		return
	}
	names, values := []string{}, []string{}
	add := func(name, value string) {
		if name = label(name); name != "" && !slices.Contains(names, name) && len(names) < maxLabels {
			names, values = append(names, name), append(values, label(value))
		}
	}
	wire.Labels(e.p, add)
	if len(e.p.User) > 0 {
		e.notes.Approx("user")
	}
	if len(names) == 0 {
		return
	}
	e.Key("labels")
	e.Open('{')
	for i := range names {
		e.Key(names[i])
		e.String(values[i])
	}
	e.Close('}')
}

// Bounds of labels.
const (
	maxLabels = 64
	maxLabel  = 63
)

// label makes a text fit for a label.
func label(s string) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		}
		return '_'
	}, s)
	return out[:min(len(out), maxLabel)]
}
