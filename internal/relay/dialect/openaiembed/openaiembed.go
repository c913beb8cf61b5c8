// Package openaiembed is the wire format of POST /v1/embeddings, towards clients and upstreams. Between the two it changes the
// model's name and nothing else.
package openaiembed

import (
	"errors"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

var errNoAnswer = errors.New("the answer is not a list of embeddings")

const (
	model = iota
	input
	members
)

// Embeddings implements dialect.Ingress and dialect.Egress.
type Embeddings struct {
	openai.Plain
	names [members]string
}

// New returns the dialect.
func New() *Embeddings { return &Embeddings{names: [members]string{"model", "input"}} }

var (
	_ dialect.Ingress = (*Embeddings)(nil)
	_ dialect.Egress  = (*Embeddings)(nil)
)

const path = "/embeddings"

// Path is where embeddings are.
func (*Embeddings) Path(*llm.Request, string) string { return path }

// DecodeRequest implements dialect.Ingress.
func (d *Embeddings) DecodeRequest(c body.Content) (*llm.Request, error) {
	src := c.Open()
	var found [members]guard.Member
	if err := guard.Scan(src, d.names[:], found[:]); err != nil {
		return nil, request.Refuse(err)
	}
	name, err := request.Model(src, &found[model])
	if err != nil {
		return nil, err
	}
	if k := found[input].Kind; k != guard.String && k != guard.Array {
		return nil, apperr.New(apperr.InvalidRequest, "input must be a string or a list.").WithParam("input")
	}
	return &llm.Request{
		Content: c, Model: name, Choices: 1,
		Original: llm.Original{Dialect: openai.Dialect, Model: llm.Span{From: found[model].From, To: found[model].To}},
	}, nil
}

// ReadAnswer implements dialect.Egress.
func (*Embeddings) ReadAnswer(_ *llm.Request, content body.Content, _ dialect.Meter) (llm.Answer, error) {
	var a llm.Answer
	var data bool
	c := guard.NewCursor(content.Open())
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch {
		case string(k) == "usage" && c.Kind() == guard.Object:
			a.UsageAt = c.At() + 1
			a.Counts, a.Reported = openai.ReadUsage(&c)
		case string(k) == "data" && c.Kind() == guard.Array:
			data = true
			c.Skip()
		default:
			c.Skip()
		}
	}
	if !c.End() || !data {
		return llm.Answer{}, errNoAnswer
	}
	if !a.Reported {
		a.UsageAt = 0
	}
	a.Finished = true
	return a, nil
}

// MeasurePrompt implements dialect.Egress.
func (*Embeddings) MeasurePrompt(r *llm.Request) llm.Size { return openai.MeasureTexts(r, "input") }

// EstimatePrompt implements dialect.Egress.
func (*Embeddings) EstimatePrompt(r *llm.Request, count dialect.Count) usage.Tokens {
	return openai.CountTexts(r, "input", count)
}
