package openairesponses

import (
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// parsing is a request on its way into the neutral form.
type parsing struct {
	p            *llm.Prompt
	notes        *llm.Notes
	instructions []llm.Block
	err          error
}

// Parse implements dialect.Client.
func (*Responses) Parse(r *llm.Request, n *llm.Notes) (*llm.Prompt, error) {
	n.Words = words
	d := &parsing{p: &llm.Prompt{Client: Dialect, MaxOutput: r.MaxOutput, Choices: r.Choices}, notes: n}
	c := guard.NewCursor(r.Content.Open())
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		d.member(string(k), &c)
	}
	if c.Bad() {
		d.fail("", "The request body is not JSON.")
	}
	d.p.System = append(d.instructions, d.p.System...)
	return d.p, d.err
}

func (d *parsing) member(name string, c *guard.Cursor) {
	p := d.p
	switch name {
	case "model", "stream", "max_output_tokens", "store", "background", "previous_response_id", "conversation", "prompt":
		c.Skip()
	case "instructions":
		if t := wire.Text(c); len(t) > 0 {
			d.instructions = []llm.Block{{Kind: llm.TextBlock, Text: t}}
		}
	case "input":
		if c.Kind() == guard.String {
			p.Turns = append(p.Turns, llm.Turn{Blocks: []llm.Block{{Kind: llm.TextBlock, Text: wire.Text(c)}}})
			return
		}
		d.each(c, name, d.item)
	case "tools":
		d.each(c, name, d.tool)
	case "tool_choice":
		d.choice(c)
	case "parallel_tool_calls":
		p.Parallel = wire.Tri(c)
	case "temperature":
		p.Temperature = wire.Number(c)
	case "top_p":
		p.TopP = wire.Number(c)
	case "text":
		d.form(c)
	case "reasoning":
		d.reasoning(c)
	case "include":
		d.include(c)
	case "user", "safety_identifier":
		if t := wire.Text(c); len(t) > 0 {
			p.User = t
		}
	case "service_tier":
		p.Tier = wire.Text(c)
	case "truncation":
		if string(wire.Text(c)) == "auto" {
			d.extra(name, nil)
		}
	default:
		d.extra(name, llm.Raw(c.Raw()))
	}
}

func (d *parsing) extra(name string, value llm.Raw) {
	d.p.Extras = append(d.p.Extras, llm.Extra{Name: name, Value: value})
}

// form reads the member text.
func (d *parsing) form(c *guard.Cursor) {
	f := &d.p.Format
	wire.Object(c, func(k string) {
		switch k {
		case "format":
			wire.Object(c, func(k string) {
				switch k {
				case "type":
					switch string(wire.Text(c)) {
					case "json_object":
						f.Kind = llm.JSONObject
					case "json_schema":
						f.Kind = llm.JSONSchema
					}
				case "name":
					f.Name = wire.Text(c)
				case "schema":
					f.Schema = llm.Raw(c.Raw())
				case "strict":
					f.Strict = wire.Tri(c)
				default:
					c.Skip()
				}
			})
		default:
			d.extra("text."+k, llm.Raw(c.Raw()))
		}
	})
	if f.Kind == llm.JSONSchema && f.Schema == nil {
		d.fail("text.format.schema", "text.format.schema is missing.")
	}
}

// reasoning reads how the model shall think. Thoughts are shown to whom asks for a summary.
func (d *parsing) reasoning(c *guard.Cursor) {
	r := &d.p.Reasoning
	r.Hidden = true
	wire.Object(c, func(k string) {
		switch k {
		case "effort":
			if said := wire.Text(c); len(said) > 0 {
				effort, known := llm.ParseEffort(string(said))
				if r.Effort = effort; !known {
					d.fail("reasoning.effort", "reasoning.effort must be none, minimal, low, medium, high, xhigh or max.")
				}
			}
		case "summary", "generate_summary":
			if said := string(wire.Text(c)); said != "" {
				r.Hidden = false
			}
		default:
			d.extra("reasoning."+k, llm.Raw(c.Raw()))
		}
	})
}

// include reads what the client wants besides the answer. Encrypted thoughts come in any case, and what belongs to tools that
// there are not is never missed.
func (d *parsing) include(c *guard.Cursor) {
	wire.List(c, func() {
		if name := string(wire.Text(c)); name == "message.output_text.logprobs" {
			d.extra("include."+name, nil)
		}
	})
}
