package gemini

import (
	"net/http"

	"starlane/internal/catalog"
	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/fate"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// PredictDialect names the format in which Vertex AI makes vectors.
const PredictDialect = "vertex_predict"

// Predict is the format of predict, the method by which Vertex AI makes vectors, as Embeddings is of the methods of the other host.
type Predict struct{ Embeddings }

var (
	_ dialect.EmbedClient   = (*Predict)(nil)
	_ dialect.Egress        = (*Predict)(nil)
	_ dialect.EmbedUpstream = PredictUpstream{}
)

// DecodeRequest implements dialect.Ingress.
func (d *Predict) DecodeRequest(c body.Content) (*llm.Request, error) {
	if err := d.checkModel(); err != nil {
		return nil, err
	}
	var found [2]guard.Member
	if err := scan(c.Open(), []string{"instances", "parameters"}, found[:]); err != nil {
		return nil, err
	}
	if found[0].Kind != guard.Array {
		return nil, invalid("instances", "instances must be a list of instances.")
	}
	r := &llm.Request{Content: c, Model: d.Model, Choices: 1, Original: llm.Original{Dialect: PredictDialect}}
	r.Notes.Words = map[string]string{"taskType": "instances.task_type", "title": "instances.title"}
	return r, nil
}

// Path implements dialect.Egress.
func (*Predict) Path(_ *llm.Request, model string) string { return PredictUpstream{}.Path(model) }

// EncodeRequest implements dialect.Egress: bytes pass, for the model is named in the path.
func (*Predict) EncodeRequest(r *llm.Request, _ dialect.Target) (body.Message, error) {
	inside := false
	instances(r, func(c *guard.Cursor, k string) {
		wire.Object(c, func(k string) {
			inside = inside || camel(k) == "gcsUri"
			c.Skip()
		})
	}, func() {})
	if inside {
		return body.Message{}, refuseInside()
	}
	return r.Content.Edited(), nil
}

// ReadAnswer implements dialect.Egress.
func (*Predict) ReadAnswer(_ *llm.Request, content body.Content, _ dialect.Meter) (llm.Answer, error) {
	return readVectors(PredictUpstream{}, content)
}

// ReadFault implements dialect.Egress.
func (*Predict) ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	return dialect.Relayed(PredictUpstream{}.ReadFault, status, h, c)
}

// instances visits the members of each instance of a request, and says where one ends.
func instances(r *llm.Request, visit func(c *guard.Cursor, k string), end func()) {
	c := guard.NewCursor(r.Content.Open())
	wire.Object(&c, func(k string) {
		if k != "instances" {
			c.Skip()
			return
		}
		wire.List(&c, func() {
			wire.Object(&c, func(k string) { visit(&c, k) })
			end()
		})
	})
}

// MeasurePrompt implements dialect.Egress and dialect.EmbedClient. Of pictures no byte says how many tokens they cost.
func (*Predict) MeasurePrompt(r *llm.Request) (size llm.Size) {
	instances(r, func(c *guard.Cursor, k string) {
		size.Open = size.Open || k == "image" || k == "video"
		c.Skip()
	}, func() { size.Prompts++ })
	size.Most = usage.Tokens(r.Content.Len()) + perText*size.Prompts
	return size
}

// EstimatePrompt implements dialect.Egress and dialect.EmbedClient.
func (*Predict) EstimatePrompt(r *llm.Request, count dialect.Count) (total usage.Tokens) {
	instances(r, func(c *guard.Cursor, k string) {
		if k == "content" || k == "title" {
			text := wire.Text(c)
			total += dialect.CountEscaped(text, len(text), count)
			return
		}
		c.Skip()
	}, func() {})
	return total
}

// ParseEmbed implements dialect.EmbedClient.
func (*Predict) ParseEmbed(r *llm.Request) (*llm.EmbedPrompt, error) {
	p := &llm.EmbedPrompt{Client: PredictDialect}
	var one llm.EmbedText
	var err error
	instances(r, func(c *guard.Cursor, k string) {
		switch camel(k) {
		case "content":
			one.Text = wire.Text(c)
		case "taskType":
			one.Task = wire.Text(c)
		case "title":
			one.Title = wire.Text(c)
		default:
			p.Extras = append(p.Extras, llm.Extra{Name: "instances." + k, Value: llm.Raw(c.Raw())})
		}
	}, func() {
		if one.Text == nil {
			err = apperr.New(apperr.UnsupportedParam, "The model can embed nothing but texts.").WithParam("instances.content")
		}
		p.Texts, one = append(p.Texts, one), llm.EmbedText{}
	})
	c := guard.NewCursor(r.Content.Open())
	wire.Object(&c, func(k string) {
		if k != "parameters" {
			c.Skip()
			return
		}
		wire.Object(&c, func(k string) {
			if camel(k) == "outputDimensionality" {
				p.Dimensions = wire.Number(&c)
				return
			}
			p.Extras = append(p.Extras, llm.Extra{Name: "parameters." + camel(k), Value: llm.Raw(c.Raw())})
		})
	})
	return p, err
}

// AppendVectors implements dialect.EmbedClient. How many tokens which text had is known of a single one.
func (*Predict) AppendVectors(dst []byte, _ *llm.Request, v *llm.Vectors) (out []byte, usageAt int, ok bool) {
	b := wire.Builder{B: dst}
	b.Open('{')
	b.Key("predictions")
	b.Open('[')
	for _, one := range v.List {
		b.Open('{')
		b.Key("embeddings")
		b.Open('{')
		b.Key("values")
		if b.B, ok = dialect.AppendNumbers(b.B, one); !ok {
			return nil, 0, false
		}
		if len(v.List) == 1 {
			b.Key("statistics")
			b.Open('{')
			b.Key("token_count")
			b.Int(v.Counts.Input())
			b.Key("truncated")
			b.Bool(false)
			b.Close('}')
		}
		b.Close('}')
		b.Close('}')
	}
	b.Close(']')
	b.Close('}')
	return b.B, 0, true
}

// PredictUpstream is the side of the format that faces Vertex AI.
type PredictUpstream struct{}

// Path implements dialect.EmbedUpstream.
func (PredictUpstream) Path(model string) string {
	return "/publishers/google" + embedPath(model) + ":predict"
}

// Encode implements dialect.EmbedUpstream.
func (PredictUpstream) Encode(p *llm.EmbedPrompt, _ string, n *llm.Notes) ([]byte, error) {
	var b wire.Builder
	member := func(name string, t llm.Text) {
		if t != nil {
			b.Key(name)
			b.Text(t)
		}
	}
	b.Open('{')
	b.Key("instances")
	b.Open('[')
	for _, t := range p.Texts {
		b.Open('{')
		member("content", t.Text)
		member("task_type", t.Task)
		member("title", t.Title)
		b.Close('}')
	}
	b.Close(']')
	if p.Dimensions != nil {
		b.Key("parameters")
		b.Open('{')
		b.Key("outputDimensionality")
		b.Raw(p.Dimensions)
		b.Close('}')
	}
	b.Close('}')
	fate.Apply(catalog.VertexGemini, &llm.Prompt{Client: p.Client, Extras: p.Extras}, n)
	return b.B, nil
}

// ReadVectors implements dialect.EmbedUpstream. Each vector says how many tokens its text had.
func (PredictUpstream) ReadVectors(src []byte) (v llm.Vectors, ok bool) {
	var tokens int64
	v.Reported = true
	c := guard.NewCursor(src)
	wire.Object(&c, func(k string) {
		if k != "predictions" {
			c.Skip()
			return
		}
		ok = c.Kind() == guard.Array
		wire.List(&c, func() {
			one, n, said := readPrediction(&c)
			v.List, v.Reported = append(v.List, one), v.Reported && said
			tokens += n
		})
	})
	if v.Reported = v.Reported && tokens > 0 && tokens <= maxTokens; v.Reported {
		v.Counts.Set(usage.InText, tokens, usage.Reported)
	}
	return v, ok && c.End()
}

// readPrediction reads a vector, and the number of tokens if it says one.
func readPrediction(c *guard.Cursor) (v llm.Vector, tokens int64, said bool) {
	wire.Object(c, func(k string) {
		if k != "embeddings" {
			c.Skip()
			return
		}
		wire.Object(c, func(k string) {
			switch {
			case k == "values" && c.Kind() == guard.Array:
				v.Numbers = c.Raw()
			case k == "statistics":
				wire.Object(c, func(k string) {
					if camel(k) == "tokenCount" {
						tokens, said = c.Int(maxTokens)
						return
					}
					c.Skip()
				})
			default:
				c.Skip()
			}
		})
	})
	return v, tokens, said
}

// ReadFault implements dialect.EmbedUpstream.
func (PredictUpstream) ReadFault(status int, h http.Header, c body.Content) (*llm.Fault, string) {
	return (&Vertex{}).ReadFault(status, h, c)
}
