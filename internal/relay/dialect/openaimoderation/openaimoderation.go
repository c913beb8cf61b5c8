// Package openaimoderation is the wire format of POST /v1/moderations, towards clients and upstreams. Texts and pictures pass as
// they came; what a request costs is its fee.
package openaimoderation

import (
	"bytes"
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
	"starlane/internal/usage"
)

// defaultModel is the one that the API takes where the client names none, as its SDKs allow.
const defaultModel = "omni-moderation-latest"

var errNoAnswer = errors.New("the answer is not a list of moderations")

const (
	model = iota
	input
	members
)

// Moderations implements dialect.Ingress and dialect.Egress.
type Moderations struct{ names [members]string }

// New returns the dialect.
func New() *Moderations { return &Moderations{names: [members]string{"model", "input"}} }

var (
	_ dialect.Ingress = (*Moderations)(nil)
	_ dialect.Egress  = (*Moderations)(nil)
)

// Path is where moderations are.
func (*Moderations) Path(*llm.Request, string) string { return "/moderations" }

// DecodeRequest implements dialect.Ingress.
func (d *Moderations) DecodeRequest(c body.Content) (*llm.Request, error) {
	src := c.Open()
	var found [members]guard.Member
	if err := guard.Scan(src, d.names[:], found[:]); err != nil {
		return nil, request.Refuse(err)
	}
	if k := found[input].Kind; k != guard.String && k != guard.Array {
		return nil, apperr.New(apperr.InvalidRequest, "input must be a text, or a list of texts or of parts.").WithParam("input")
	}
	if !found[model].Present() {
		return d.DecodeRequest(body.Copy(named(src, &found[model])))
	}
	name, err := request.Model(src, &found[model])
	if err != nil {
		return nil, err
	}
	return &llm.Request{
		Content: c, Model: name, Choices: 1,
		Original: llm.Original{Dialect: openai.Dialect, Model: llm.Span{From: found[model].From, To: found[model].To}},
	}, nil
}

// named is a request that names no model, with the name of the default.
func named(src []byte, m *guard.Member) []byte {
	const name = `"` + defaultModel + `"`
	if m.Kind == guard.Null {
		return bytes.Join([][]byte{src[:m.From], src[m.To:]}, []byte(name))
	}
	at := bytes.IndexByte(src, '{') + 1
	return bytes.Join([][]byte{src[:at], src[at:]}, []byte(`"model":`+name+`,`))
}

// EncodeRequest implements dialect.Egress.
func (*Moderations) EncodeRequest(r *llm.Request, to dialect.Target) (body.Message, error) {
	return request.Encode(r, to.Model)
}

// ReadAnswer implements dialect.Egress. Vendors report no usage: it was one request.
func (*Moderations) ReadAnswer(_ *llm.Request, content body.Content, _ dialect.Meter) (llm.Answer, error) {
	a := llm.Answer{Reported: true, Finished: true}
	a.Counts.Set(usage.Request, 1, usage.Derived)
	found := false
	c := guard.NewCursor(content.Open())
	wire.Object(&c, func(k string) {
		found = found || k == "results" && c.Kind() == guard.Array
		c.Skip()
	})
	if !c.End() || !found {
		return llm.Answer{}, errNoAnswer
	}
	return a, nil
}

// NewTap says that moderations do not stream.
func (*Moderations) NewTap(*llm.Request, dialect.Meter) dialect.Tap { return nil }

// AppendCost implements dialect.Egress.
func (*Moderations) AppendCost(dst []byte, usd string) []byte { return dialect.AppendCost(dst, usd) }

// ReadFault implements dialect.Egress.
func (*Moderations) ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	return openai.ReadFault(status, h, c)
}

// MeasurePrompt implements dialect.Egress: a request costs its fee, however long its texts are.
func (*Moderations) MeasurePrompt(*llm.Request) llm.Size {
	return llm.Size{Instead: []llm.Units{{Class: usage.Request, Most: 1}}}
}

// EstimatePrompt implements dialect.Egress: tokens are not billed.
func (*Moderations) EstimatePrompt(*llm.Request, dialect.Count) usage.Tokens { return 0 }

// EstimateAnswer implements dialect.Egress: nothing is written.
func (*Moderations) EstimateAnswer(body.Content, dialect.Count) usage.Tokens { return 0 }

// AppendError implements dialect.Ingress.
func (*Moderations) AppendError(dst []byte, e *apperr.Error, requestID string) []byte {
	return openai.AppendError(dst, e, requestID)
}

// AppendStreamError implements dialect.Ingress.
func (*Moderations) AppendStreamError(dst []byte, e *apperr.Error, requestID string) []byte {
	return openai.AppendStreamError(dst, e, requestID)
}
