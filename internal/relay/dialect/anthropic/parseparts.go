package anthropic

import (
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// quoted puts a JSON value into the inside of a JSON string.
func quoted(raw []byte) llm.Text { return wire.Escape(make([]byte, 0, len(raw)+len(raw)/8), raw) }

func unseal(t llm.Text, alone bool) llm.Sealed { return wire.Unseal(t, Dialect, alone) }

// source reads where a picture or a document comes from; a document made of blocks gives those.
func (d *parsing) source(c *guard.Cursor, at string, have []llm.Block) (m llm.Media, blocks []llm.Block) {
	kind := ""
	blocks = have
	var data llm.Text
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			kind = string(wire.Text(c))
		case "media_type":
			m.Type = wire.Text(c)
		case "data":
			data = wire.Text(c)
		case "url":
			m.URL = wire.Text(c)
		case "file_id":
			m.File = wire.Text(c)
		case "content":
			blocks = d.content(c, at+".source.content")
		default:
			c.Skip()
		}
	})
	if kind == "text" {
		return llm.Media{}, []llm.Block{{Kind: llm.TextBlock, Text: data}}
	}
	m.Data, m.At = data, at
	return m, blocks
}

func (d *parsing) cache(c *guard.Cursor) llm.TTL {
	if c.Kind() != guard.Object {
		c.Skip()
		return llm.NoCache
	}
	ttl := llm.Minutes5
	wire.Object(c, func(k string) {
		if raw := c.Raw(); k == "ttl" && string(raw) == `"1h"` {
			ttl = llm.Hour1
		}
	})
	return ttl
}

func (d *parsing) tools(c *guard.Cursor) {
	d.each(c, "tools", func(int) {
		var t llm.Tool
		kind, whole := "", *c
		wire.Object(c, func(k string) {
			switch k {
			case "type":
				kind = string(wire.Text(c))
			case "name":
				t.Name = wire.Text(c)
			case "description":
				t.Description = wire.Text(c)
			case "input_schema":
				t.Schema = llm.Raw(c.Raw())
			case "strict":
				t.Strict = wire.Tri(c)
			case "cache_control":
				t.Cache = d.cache(c)
			case "defer_loading", "input_examples", "allowed_callers", "eager_input_streaming":
				d.notes.Drop("tools." + k)
				c.Skip()
			default:
				c.Skip()
			}
		})
		switch kind {
		case "", "custom":
			d.p.Tools = append(d.p.Tools, t)
		default:
			name := family(kind)
			if name == webSearch {
				d.search(&whole)
				return
			}
			d.p.Extras = append(d.p.Extras, llm.Extra{Name: "tools." + name})
			if s := statedTool(kind); s != nil {
				s.state(&t, llm.Raw(whole.Raw()))
				d.p.Tools = append(d.p.Tools, t)
			}
		}
	})
}

// search reads the vendor's tool that looks things up in the web.
func (d *parsing) search(c *guard.Cursor) {
	at := *c
	s := &llm.WebSearch{Field: "tools." + webSearch, Raw: llm.Raw(at.Raw())}
	wire.Object(c, func(k string) {
		switch k {
		case "max_uses":
			s.MaxUses, _ = c.Int(maxUses)
		case "allowed_domains":
			wire.List(c, func() { s.Allowed = append(s.Allowed, wire.Text(c)) })
		case "blocked_domains":
			wire.List(c, func() { s.Blocked = append(s.Blocked, wire.Text(c)) })
		case "user_location":
			s.Place = wire.ReadPlace(c)
		default:
			c.Skip()
		}
	})
	d.p.Search = s
}

// family is the type of a vendor's tool without its date.
func family(kind string) string {
	for i := len(kind) - 1; i > 0; i-- {
		if kind[i] == '_' {
			return kind[:i]
		}
		if kind[i] < '0' || kind[i] > '9' {
			break
		}
	}
	return kind
}

func (d *parsing) choice(c *guard.Cursor) {
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			switch kind := string(wire.Text(c)); kind {
			case "auto":
				d.p.Choice.Mode = llm.ChoiceAuto
			case "any":
				d.p.Choice.Mode = llm.ChoiceAny
			case "none":
				d.p.Choice.Mode = llm.ChoiceNone
			case "tool":
				d.p.Choice.Mode = llm.ChoiceNamed
			default:
				d.fail("tool_choice.type", "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'.")
			}
		case "name":
			d.p.Choice.Name = wire.Text(c)
		case "disable_parallel_tool_use":
			if wire.Tri(c) == llm.Yes {
				d.p.Parallel = llm.No
			}
		default:
			c.Skip()
		}
	})
}

func (d *parsing) thinking(c *guard.Cursor) {
	r := &d.p.Reasoning
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			switch string(wire.Text(c)) {
			case "adaptive":
				r.Adaptive = true
			case "disabled":
				r.Effort = llm.EffortNone
			}
		case "budget_tokens":
			r.Budget, _ = c.Int(maxOutput)
		case "display":
			r.Hidden = string(wire.Text(c)) == "omitted"
		default:
			c.Skip()
		}
	})
}

func (d *parsing) output(c *guard.Cursor) {
	wire.Object(c, func(k string) {
		switch k {
		case "effort":
			if e, ok := llm.ParseEffort(string(wire.Text(c))); ok && d.p.Reasoning.Effort != llm.EffortNone {
				d.p.Reasoning.Effort = e
			}
		case "format":
			wire.Object(c, func(k string) {
				switch k {
				case "type":
					if string(wire.Text(c)) == "json_schema" {
						d.p.Format.Kind, d.p.Format.Strict = llm.JSONSchema, llm.Yes
					}
				case "schema":
					d.p.Format.Schema = llm.Raw(c.Raw())
				default:
					c.Skip()
				}
			})
		default:
			d.notes.Drop("output_config." + k)
			c.Skip()
		}
	})
	if f := &d.p.Format; f.Kind == llm.JSONSchema && f.Schema == nil {
		d.fail("output_config.format.schema", "output_config.format.schema: Field required")
	}
}
