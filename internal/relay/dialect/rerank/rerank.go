// Package rerank is the wire format of POST /rerank as Cohere (version 2), Jina, Voyage and vLLM have it, towards clients and
// upstreams: documents are put in the order of what they have to do with a query. All but the model's name passes as it came.
package rerank

import (
	"errors"
	"net/http"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

var errNoAnswer = errors.New("the answer is not a ranking")

const (
	model = iota
	query
	documents
	members
)

// Rerank implements dialect.Ingress and dialect.Egress.
type Rerank struct {
	openai.Plain
	names [members]string
}

// New returns the dialect.
func New() *Rerank { return &Rerank{names: [members]string{"model", "query", "documents"}} }

var (
	_ dialect.Ingress = (*Rerank)(nil)
	_ dialect.Egress  = (*Rerank)(nil)
)

// Path is where rankings are, below a base URL that ends in the version.
func (*Rerank) Path(*llm.Request, string) string { return "/rerank" }

// DecodeRequest implements dialect.Ingress.
func (d *Rerank) DecodeRequest(c body.Content) (*llm.Request, error) {
	src := c.Open()
	var found [members]guard.Member
	if err := guard.Scan(src, d.names[:], found[:]); err != nil {
		return nil, request.Refuse(err)
	}
	name, err := request.Model(src, &found[model])
	if err != nil {
		return nil, err
	}
	switch k := found[query].Kind; {
	case k != guard.String && k != guard.Object: // an object is a picture
		return nil, apperr.New(apperr.InvalidRequest, "query must be a text.").WithParam("query")
	case found[documents].Kind != guard.Array:
		return nil, apperr.New(apperr.InvalidRequest, "documents must be a list of texts or objects.").WithParam("documents")
	}
	return &llm.Request{
		Content: c, Model: name, Choices: 1,
		Original: llm.Original{Dialect: openai.Dialect, Model: llm.Span{From: found[model].From, To: found[model].To}},
	}, nil
}

// ReadAnswer implements dialect.Egress.
func (*Rerank) ReadAnswer(_ *llm.Request, content body.Content, _ dialect.Meter) (llm.Answer, error) {
	var u report
	a := llm.Answer{Finished: true}
	found := false
	c := guard.NewCursor(content.Open())
	wire.Object(&c, func(k string) {
		switch {
		case (k == "results" || k == "data") && c.Kind() == guard.Array:
			found = true
			c.Skip()
		case k == "usage":
			u.tokens(&c)
		case k == "meta":
			wire.Object(&c, func(k string) {
				switch k {
				case "billed_units":
					u.billed(&c)
				case "tokens":
					u.tokens(&c)
				default:
					c.Skip()
				}
			})
		default:
			c.Skip()
		}
	})
	if !c.End() || !found {
		return llm.Answer{}, errNoAnswer
	}
	a.Counts, a.Reported = u.counts()
	return a, nil
}

// ReadFault implements dialect.Egress. The vendors' errors differ: the client gets their words in one form.
func (d *Rerank) ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	message := messageOf(c.Open())
	f := openai.ReadFault(status, h, c)
	if f.Kind == llm.Caller && message != "" {
		f.Answer.Release()
		f.Answer = body.Copy(d.AppendError(nil, apperr.New(apperr.InvalidRequest, "%s", message), ""))
	}
	return f
}

// messageOf reads the sentence of an error: of OpenAI's form, Cohere's message, or the detail of Jina and FastAPI.
func messageOf(src []byte) (message string) {
	if message = openai.ErrorMessage(src); message != "" {
		return message
	}
	c := guard.NewCursor(src)
	wire.Object(&c, func(k string) {
		if k == "message" || k == "detail" {
			message, _ = guard.Unquote(wire.Text(&c))
			return
		}
		c.Skip()
	})
	if !c.End() {
		return ""
	}
	return message
}

// AppendError implements dialect.Ingress. Clients of Cohere's API read the message beside the error.
func (*Rerank) AppendError(dst []byte, e *apperr.Error, requestID string) []byte {
	b := wire.Builder{B: dst}
	b.Open('{')
	b.Key("message")
	b.String(e.Message)
	b.B = append(b.B, ',')
	return append(b.B, openai.AppendError(nil, e, requestID)[1:]...)
}
