package openaiembed

import (
	"net/http"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/fate"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// Dialect is what the table of fates calls the format of such clients.
const Dialect = "openai_embeddings"

var (
	_ dialect.EmbedClient   = (*Embeddings)(nil)
	_ dialect.EmbedUpstream = Upstream{}
)

// ParseEmbed implements dialect.EmbedClient.
func (*Embeddings) ParseEmbed(r *llm.Request) (*llm.EmbedPrompt, error) {
	p := &llm.EmbedPrompt{Client: Dialect}
	var err error
	c := guard.NewCursor(r.Content.Open())
	text := func() {
		if c.Kind() != guard.String {
			err = apperr.New(apperr.UnsupportedParam, "The model cannot embed tokens: input must be a text or a list of texts.").WithParam("input")
		}
		p.Texts = append(p.Texts, llm.EmbedText{Text: wire.Text(&c)})
	}
	wire.Object(&c, func(k string) {
		switch k {
		case "model", "encoding_format":
			c.Skip()
		case "input":
			if c.Kind() == guard.String {
				text()
				return
			}
			wire.List(&c, text)
		case "dimensions":
			p.Dimensions = wire.Number(&c)
		default:
			p.Extras = append(p.Extras, llm.Extra{Name: k, Value: llm.Raw(c.Raw())})
		}
	})
	return p, err
}

// AppendVectors implements dialect.EmbedClient.
func (*Embeddings) AppendVectors(dst []byte, r *llm.Request, v *llm.Vectors) (out []byte, usageAt int, ok bool) {
	packed := wantsPacked(r)
	b := wire.Builder{B: dst}
	b.Open('{')
	b.Key("object")
	b.String("list")
	b.Key("data")
	b.Open('[')
	for i, one := range v.List {
		b.Open('{')
		b.Key("object")
		b.String("embedding")
		b.Key("index")
		b.Int(int64(i))
		b.Key("embedding")
		if packed {
			b.B, ok = dialect.AppendPacked(append(b.B, '"'), one)
			b.B = append(b.B, '"')
		} else {
			b.B, ok = dialect.AppendNumbers(b.B, one)
		}
		if !ok {
			return nil, 0, false
		}
		b.Close('}')
	}
	b.Close(']')
	b.Key("model")
	b.String(r.Model)
	b.Key("usage")
	b.Open('{')
	usageAt = len(b.B)
	b.Key("prompt_tokens")
	b.Int(v.Counts.Input())
	b.Key("total_tokens")
	b.Int(v.Counts.Input())
	b.Close('}')
	b.Close('}')
	return b.B, usageAt, true
}

// wantsPacked tells whether the vectors are to be base64, as the API's own SDKs ask for by themselves.
func wantsPacked(r *llm.Request) (yes bool) {
	c := guard.NewCursor(r.Content.Open())
	wire.Object(&c, func(k string) {
		if k == "encoding_format" {
			yes = string(wire.Text(&c)) == "base64"
			return
		}
		c.Skip()
	})
	return yes
}

// Upstream is the side of the format that faces upstreams, for clients of other formats.
type Upstream struct{}

// Path implements dialect.EmbedUpstream.
func (Upstream) Path(string) string { return path }

// Encode implements dialect.EmbedUpstream.
func (Upstream) Encode(p *llm.EmbedPrompt, model string, n *llm.Notes) ([]byte, error) {
	var b wire.Builder
	b.Open('{')
	b.Key("model")
	b.String(model)
	b.Key("input")
	b.Open('[')
	for _, t := range p.Texts {
		b.Text(t.Text)
		if t.Task != nil {
			n.Drop("taskType")
		}
		if t.Title != nil {
			n.Drop("title")
		}
	}
	b.Close(']')
	if p.Dimensions != nil {
		b.Key("dimensions")
		b.Raw(p.Dimensions)
	}
	b.Close('}')
	fate.Apply(openai.Dialect, &llm.Prompt{Client: p.Client, Extras: p.Extras}, n)
	return b.B, nil
}

// ReadVectors implements dialect.EmbedUpstream. Vectors say themselves which text they are of.
func (Upstream) ReadVectors(src []byte) (v llm.Vectors, ok bool) {
	c := guard.NewCursor(src)
	wire.Object(&c, func(k string) {
		switch {
		case k == "data" && c.Kind() == guard.Array:
			ok = true
			wire.List(&c, func() {
				at, one := readVector(&c, len(v.List))
				if ok = ok && at <= maxIndex; !ok {
					return
				}
				for len(v.List) <= at {
					v.List = append(v.List, llm.Vector{})
				}
				v.List[at] = one
			})
		case k == "usage" && c.Kind() == guard.Object:
			v.Counts, v.Reported = openai.ReadUsage(&c)
		default:
			c.Skip()
		}
	})
	return v, ok && c.End()
}

// maxIndex bounds the vectors of an answer.
const maxIndex = 1 << 16

// readVector reads a vector and which it is; next if it does not say.
func readVector(c *guard.Cursor, next int) (at int, v llm.Vector) {
	at = next
	wire.Object(c, func(k string) {
		switch {
		case k == "index" && c.Kind() == guard.Number:
			n, ok := c.Int(maxIndex)
			if at = int(n); !ok {
				at = maxIndex + 1
			}
		case k == "embedding" && c.Kind() == guard.String:
			v.Packed = wire.Text(c)
		case k == "embedding":
			v.Numbers = c.Raw()
		default:
			c.Skip()
		}
	})
	return at, v
}

// ReadFault implements dialect.EmbedUpstream.
func (Upstream) ReadFault(status int, h http.Header, c body.Content) (*llm.Fault, string) {
	return openai.ReadRefusal(status, h, c)
}
