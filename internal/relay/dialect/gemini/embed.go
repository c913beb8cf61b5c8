package gemini

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/fate"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// EmbedDialect is what the table of fates calls the format of clients that want vectors.
const EmbedDialect = "gemini_embeddings"

const (
	embedOne  = ":embedContent"
	embedMany = ":batchEmbedContents"
	maxBatch  = 100 // requests in one call, of the API
	perText   = 8   // tokens that no byte shows: what stands around a text
)

var errNoVectors = errors.New("the answer has no embeddings")

// Embeddings is the format of embedContent and batchEmbedContents. It implements dialect.EmbedClient, and dialect.Egress towards
// upstreams of the same format. As with Contents, a call has a value of its own and the zero value serves the rest.
type Embeddings struct {
	Model string // that the client asks for
	Batch bool   // by batchEmbedContents
}

var (
	_ dialect.EmbedClient   = (*Embeddings)(nil)
	_ dialect.Egress        = (*Embeddings)(nil)
	_ dialect.EmbedUpstream = EmbedUpstream{}
)

// DecodeRequest implements dialect.Ingress.
func (d *Embeddings) DecodeRequest(c body.Content) (*llm.Request, error) {
	if err := d.checkModel(); err != nil {
		return nil, err
	}
	name, kind := "content", guard.Object
	if d.Batch {
		name, kind = "requests", guard.Array
	}
	var found [3]guard.Member // whatever else is looked at later must be there once, too
	names := []string{name, "model", "outputDimensionality"}
	if err := scan(c.Open(), names, found[:]); err != nil {
		return nil, err
	}
	if found[0].Kind != kind {
		return nil, invalid(name, map[bool]string{false: "content must be a content.", true: "requests must be a list of requests."}[d.Batch])
	}
	r := &llm.Request{Content: c, Model: d.Model, Choices: 1, Batch: d.Batch, Original: llm.Original{Dialect: Dialect}}
	var err error
	models(r, func(from, to int) {
		text, _ := guard.Unquote(c.Open()[from+1 : to-1])
		if strings.TrimPrefix(text, "models/") != d.Model {
			err = invalid("model", "Requests must name the model of the path.")
		}
	})
	return r, err
}

func (d *Embeddings) checkModel() error {
	if d.Model == "" || len(d.Model) > maxModelName {
		return invalid("model", "The path must name a model of 1 to "+strconv.Itoa(maxModelName)+" characters.")
	}
	return nil
}

// each visits the requests of a call, one or many; visit reads it.
func each(r *llm.Request, visit func(c *guard.Cursor)) {
	c := guard.NewCursor(r.Content.Open())
	if !r.Batch {
		visit(&c)
		return
	}
	wire.Object(&c, func(k string) {
		if k == "requests" {
			wire.List(&c, func() { visit(&c) })
			return
		}
		c.Skip()
	})
}

// models visits the places of the model's names, quotes included, in order: each request of a batch has one.
func models(r *llm.Request, visit func(from, to int)) {
	each(r, func(c *guard.Cursor) {
		wire.Object(c, func(k string) {
			from, text := c.At(), c.Kind() == guard.String
			c.Skip()
			if k == "model" && text && !c.Bad() {
				visit(from, c.At())
			}
		})
	})
}

// Path implements dialect.Egress.
func (*Embeddings) Path(r *llm.Request, model string) string {
	if r.Batch {
		return embedPath(model) + embedMany
	}
	return embedPath(model) + embedOne
}

func embedPath(model string) string { return "/models/" + url.PathEscape(model) }

// EncodeRequest implements dialect.Egress: bytes pass, but for the model's names.
func (*Embeddings) EncodeRequest(r *llm.Request, to dialect.Target) (body.Message, error) {
	src, at := r.Content.Open(), 0
	out := make([]byte, 0, len(src)+64)
	models(r, func(from, end int) {
		out = append(append(out, src[at:from]...), `"models/`...)
		out = append(wire.Escape(out, to.Model), '"')
		at = end
	})
	return body.Own(append(out, src[at:]...)).Edited(), nil
}

// ReadAnswer implements dialect.Egress.
func (*Embeddings) ReadAnswer(_ *llm.Request, content body.Content, _ dialect.Meter) (llm.Answer, error) {
	return readVectors(EmbedUpstream{}, content)
}

func readVectors(from dialect.EmbedUpstream, content body.Content) (llm.Answer, error) {
	v, ok := from.ReadVectors(content.Open())
	if !ok {
		return llm.Answer{}, errNoVectors
	}
	return llm.Answer{Counts: v.Counts, Reported: v.Reported, Finished: true}, nil
}

// NewTap implements dialect.Egress: vectors do not stream.
func (*Embeddings) NewTap(*llm.Request, dialect.Meter) dialect.Tap { return nil }

// AppendCost implements dialect.Egress.
func (*Embeddings) AppendCost(dst []byte, usd string) []byte { return dialect.AppendCost(dst, usd) }

// ReadFault implements dialect.Egress. A mistake of the client is told as the upstream tells it.
func (*Embeddings) ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	return dialect.Relayed((&Contents{}).ReadFault, status, h, c)
}

// MeasurePrompt implements dialect.Egress and dialect.EmbedClient: a token for each byte. Of pictures and films no byte says how
// many tokens they cost.
func (*Embeddings) MeasurePrompt(r *llm.Request) llm.Size {
	size := llm.Size{}
	each(r, func(c *guard.Cursor) {
		size.Prompts++
		wire.Object(c, func(k string) {
			if camel(k) != "content" {
				c.Skip()
				return
			}
			_, only := textOf(c)
			size.Open = size.Open || !only
		})
	})
	size.Most = usage.Tokens(r.Content.Len()) + perText*size.Prompts
	return size
}

// EstimatePrompt implements dialect.Egress and dialect.EmbedClient.
func (*Embeddings) EstimatePrompt(r *llm.Request, count dialect.Count) (total usage.Tokens) {
	each(r, func(c *guard.Cursor) {
		wire.Object(c, func(k string) {
			var text llm.Text
			switch k {
			case "content":
				text, _ = textOf(c)
			case "title":
				text = wire.Text(c)
			default:
				c.Skip()
			}
			total += dialect.CountEscaped(text, len(text), count)
		})
	})
	return total
}

// EstimateAnswer implements dialect.Egress: vectors cost nothing.
func (*Embeddings) EstimateAnswer(body.Content, dialect.Count) usage.Tokens { return 0 }

// textOf reads a content's texts as one, in lines. False: there is more in it than texts.
func textOf(c *guard.Cursor) (text llm.Text, only bool) {
	only = true
	var lines []llm.Text
	wire.Object(c, func(k string) {
		if k != "parts" {
			c.Skip()
			return
		}
		wire.List(c, func() {
			wire.Object(c, func(k string) {
				if k == "text" {
					lines = append(lines, wire.Text(c))
					return
				}
				only = false
				c.Skip()
			})
		})
	})
	if len(lines) == 1 {
		return lines[0], only
	}
	for i, line := range lines {
		if i > 0 {
			text = append(text, `\n`...)
		}
		text = append(text, line...)
	}
	return text, only
}

// ParseEmbed implements dialect.EmbedClient.
func (*Embeddings) ParseEmbed(r *llm.Request) (*llm.EmbedPrompt, error) {
	p := &llm.EmbedPrompt{Client: EmbedDialect}
	prefix := ""
	if r.Batch {
		prefix = "requests."
	}
	var err error
	each(r, func(c *guard.Cursor) {
		var one llm.EmbedText
		var dimensions llm.Raw
		var member func(k string)
		member = func(k string) {
			switch name := camel(k); name {
			case "model":
				c.Skip()
			case "content":
				var only bool
				if one.Text, only = textOf(c); !only {
					err = apperr.New(apperr.UnsupportedParam, "The model can embed nothing but texts.").WithParam(prefix + "content.parts")
				}
			case "embedContentConfig": // where newer clients say the same
				wire.Object(c, member)
			case "taskType":
				one.Task = wire.Text(c)
			case "title":
				one.Title = wire.Text(c)
			case "outputDimensionality":
				dimensions = wire.Number(c)
			default:
				p.Extras = append(p.Extras, llm.Extra{Name: name, Value: llm.Raw(c.Raw())})
			}
		}
		wire.Object(c, member)
		if len(p.Texts) > 0 && string(dimensions) != string(p.Dimensions) {
			err = apperr.New(apperr.UnsupportedParam, "The model makes all vectors of a batch equally long.").WithParam(prefix + "outputDimensionality")
		}
		p.Texts, p.Dimensions = append(p.Texts, one), dimensions
	})
	return p, err
}

// AppendVectors implements dialect.EmbedClient.
func (*Embeddings) AppendVectors(dst []byte, r *llm.Request, v *llm.Vectors) (out []byte, usageAt int, ok bool) {
	if !r.Batch && len(v.List) != 1 {
		return nil, 0, false
	}
	b := wire.Builder{B: dst}
	b.Open('{')
	if r.Batch {
		b.Key("embeddings")
		b.Open('[')
	} else {
		b.Key("embedding")
	}
	for _, one := range v.List {
		b.Open('{')
		b.Key("values")
		if b.B, ok = dialect.AppendNumbers(b.B, one); !ok {
			return nil, 0, false
		}
		b.Close('}')
	}
	if r.Batch {
		b.Close(']')
	}
	b.Key("usageMetadata")
	b.Open('{')
	usageAt = len(b.B)
	b.Key("promptTokenCount")
	b.Int(v.Counts.Input())
	b.Close('}')
	b.Close('}')
	return b.B, usageAt, true
}

// AppendError implements dialect.Ingress.
func (*Embeddings) AppendError(dst []byte, e *apperr.Error, requestID string) []byte {
	return (&Contents{}).AppendError(dst, e, requestID)
}

// AppendStreamError implements dialect.Ingress: nothing streams.
func (d *Embeddings) AppendStreamError(dst []byte, e *apperr.Error, requestID string) []byte {
	return d.AppendError(dst, e, requestID)
}

// EmbedUpstream is the side of the format that faces upstreams, for clients of other formats.
type EmbedUpstream struct{}

// Path implements dialect.EmbedUpstream.
func (EmbedUpstream) Path(model string) string { return embedPath(model) + embedMany }

// Encode implements dialect.EmbedUpstream.
func (EmbedUpstream) Encode(p *llm.EmbedPrompt, model string, n *llm.Notes) ([]byte, error) {
	if len(p.Texts) > maxBatch {
		return nil, apperr.New(apperr.UnsupportedParam, "The model embeds at most %d texts at once.", maxBatch).WithParam("input")
	}
	var b wire.Builder
	b.Open('{')
	b.Key("requests")
	b.Open('[')
	for _, t := range p.Texts {
		b.Open('{')
		b.Key("model")
		b.String("models/" + model)
		b.Key("content")
		b.Open('{')
		b.Key("parts")
		b.Open('[')
		b.Open('{')
		b.Key("text")
		b.Text(t.Text)
		b.Close('}')
		b.Close(']')
		b.Close('}')
		if t.Task != nil {
			b.Key("taskType")
			b.Text(t.Task)
		}
		if t.Title != nil {
			b.Key("title")
			b.Text(t.Title)
		}
		if p.Dimensions != nil {
			b.Key("outputDimensionality")
			b.Raw(p.Dimensions)
		}
		b.Close('}')
	}
	b.Close(']')
	b.Close('}')
	fate.Apply(Dialect, &llm.Prompt{Client: p.Client, Extras: p.Extras}, n)
	return b.B, nil
}

// ReadVectors implements dialect.EmbedUpstream: of one text or of many.
func (EmbedUpstream) ReadVectors(src []byte) (v llm.Vectors, ok bool) {
	var said report
	c := guard.NewCursor(src)
	vector := func() {
		wire.Object(&c, func(k string) {
			if k == "values" && c.Kind() == guard.Array {
				v.List = append(v.List, llm.Vector{Numbers: c.Raw()})
				return
			}
			c.Skip()
		})
	}
	wire.Object(&c, func(k string) {
		switch k {
		case "embedding":
			ok = true
			vector()
		case "embeddings":
			ok = true
			wire.List(&c, vector)
		case "usageMetadata":
			said.merge(&c)
		default:
			c.Skip()
		}
	})
	v.Counts, v.Reported = said.counts()
	return v, ok && c.End()
}

// ReadFault implements dialect.EmbedUpstream.
func (EmbedUpstream) ReadFault(status int, h http.Header, c body.Content) (*llm.Fault, string) {
	return (&Contents{}).ReadFault(status, h, c)
}
