// Package openaimoderation is the wire format of POST /v1/moderations, towards clients and upstreams. Texts and pictures pass as
// they came; what a request costs is its fee.
package openaimoderation

import (
	"bytes"
	"errors"

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
type Moderations struct {
	openai.Plain
	names [members]string
}

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
	r := &llm.Request{Content: c, Model: defaultModel, Choices: 1, Original: llm.Original{Dialect: openai.Dialect, Model: at(src, &found[model])}}
	if found[model].Present() {
		var err error
		if r.Model, err = request.Model(src, &found[model]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// at is where the model's name stands: an empty place, at the begin of the object, if it has none.
func at(src []byte, m *guard.Member) llm.Span {
	if m.Kind == guard.Absent {
		begin := bytes.IndexByte(src, '{') + 1
		return llm.Span{From: begin, To: begin}
	}
	return llm.Span{From: m.From, To: m.To}
}

// EncodeRequest implements dialect.Egress.
func (d *Moderations) EncodeRequest(r *llm.Request, to dialect.Target) (body.Message, error) {
	if place := r.Original.Model; place.From == place.To {
		name, err := request.Quote(to.Model)
		return r.Content.Edited(body.Edit{From: place.From, To: place.To, Text: `"model":` + name + `,`}), err //nolint:wrapcheck // strings always marshal
	}
	return d.Plain.EncodeRequest(r, to)
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

// MeasurePrompt implements dialect.Egress: a request costs its fee, however long its texts are.
func (*Moderations) MeasurePrompt(*llm.Request) llm.Size {
	return llm.Size{Instead: []llm.Units{{Class: usage.Request, Most: 1}}}
}

// EstimatePrompt implements dialect.Egress: tokens are not billed.
func (*Moderations) EstimatePrompt(*llm.Request, dialect.Count) usage.Tokens { return 0 }
