package openaichat

import (
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// content reads a text or a list of parts.
func (d *parsing) content(at string, c *guard.Cursor) []llm.Block {
	if c.Kind() == guard.String {
		t, _ := c.Text()
		return []llm.Block{{Kind: llm.TextBlock, Text: t}}
	}
	var blocks []llm.Block
	d.each(c, at+".content", func(at string, c *guard.Cursor) { blocks = append(blocks, d.part(at, c)) })
	return blocks
}

func (d *parsing) part(at string, c *guard.Cursor) (b llm.Block) {
	kind := ""
	var refusal llm.Text // some clients send both members, one of them null
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			kind = string(wire.Text(c))
		case "text":
			b.Text = wire.Text(c)
		case "refusal":
			refusal = wire.Text(c)
		case "image_url":
			b.Media = image(c)
		case "input_audio":
			wire.Object(c, func(k string) {
				switch k {
				case "data":
					b.Media.Data = wire.Text(c)
				case "format":
					b.Media.Type = append(llm.Text("audio/"), wire.Text(c)...)
				default:
					c.Skip()
				}
			})
		case "file":
			b.Media, b.Name = file(c)
		case "cache_control", "prompt_cache_breakpoint":
			b.Cache = cacheMark(c)
		default:
			c.Skip()
		}
	})
	switch kind {
	case "text":
		b.Kind = llm.TextBlock
	case "refusal":
		b.Kind, b.Text = llm.Refusal, refusal
		d.notes.Approx("messages.refusal")
	case "image_url":
		b.Kind = llm.Image
	case "input_audio":
		b.Kind = llm.Audio
	case "file":
		b.Kind = llm.Document
	default:
		d.fail(at+".type", "%s.type must be text, image_url, input_audio, file or refusal.", at)
	}
	b.Media.At = at
	return b
}

func image(c *guard.Cursor) (m llm.Media) {
	if c.Kind() == guard.String {
		m.URL = wire.Text(c)
	} else {
		wire.Object(c, func(k string) {
			switch k {
			case "url":
				m.URL = wire.Text(c)
			case "detail":
				m.Detail = wire.Text(c)
			default:
				c.Skip()
			}
		})
	}
	if kind, data, ok := wire.DataURI(m.URL); ok {
		m.Type, m.Data, m.URL = wire.ImageType(kind, data), data, nil
	}
	return m
}

func file(c *guard.Cursor) (m llm.Media, name llm.Text) {
	wire.Object(c, func(k string) {
		switch k {
		case "file_data":
			m.Data = wire.Text(c)
		case "file_id":
			m.File = wire.Text(c)
		case "filename":
			name = wire.Text(c)
		default:
			c.Skip()
		}
	})
	m.Type = llm.Text("application/pdf")
	if kind, data, ok := wire.DataURI(m.Data); ok {
		m.Type, m.Data = kind, data
	}
	return m, name
}

// cacheMark reads either form in which clients mark the end of a cached prompt.
func cacheMark(c *guard.Cursor) llm.TTL {
	if c.Kind() != guard.Object {
		c.Skip()
		return llm.NoCache
	}
	ttl := llm.Minutes5
	wire.Object(c, func(k string) {
		if t := wire.Text(c); k == "ttl" && (string(t) == "1h" || string(t) == "12h") {
			ttl = llm.Hour1
		}
	})
	return ttl
}

func (d *parsing) tool(at string, c *guard.Cursor) {
	kind := ""
	var t llm.Tool
	var cache llm.TTL
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			kind = string(wire.Text(c))
		case "function":
			t = d.function(c)
		case "custom":
			t = d.custom(c)
		case "cache_control":
			cache = cacheMark(c)
		default:
			c.Skip()
		}
	})
	t.Cache = max(t.Cache, cache)
	switch kind {
	case "function", "custom":
		d.p.Tools = append(d.p.Tools, t)
	default:
		d.fail(at+".type", "%s.type must be function or custom.", at)
	}
}

func (d *parsing) function(c *guard.Cursor) (t llm.Tool) {
	wire.Object(c, func(k string) {
		switch k {
		case "name":
			t.Name = wire.Text(c)
		case "description":
			t.Description = wire.Text(c)
		case "parameters":
			t.Schema = llm.Raw(c.Raw())
		case "strict":
			t.Strict = wire.Tri(c)
		default:
			c.Skip()
		}
	})
	return t
}

// custom reads a tool whose input is free text: a function with one text stands for it.
func (d *parsing) custom(c *guard.Cursor) llm.Tool {
	t := llm.Tool{Schema: llm.Raw(openai.CustomSchema)}
	d.notes.Approx("tools.custom")
	wire.Object(c, func(k string) {
		switch k {
		case "name":
			t.Name = wire.Text(c)
		case "description":
			t.Description = wire.Text(c)
		case "format":
			wire.Object(c, func(k string) {
				if k == "type" && string(wire.Text(c)) != "text" { // nothing would hold the model to it
					d.notes.Reject("tools.custom.format")
				} else if k != "type" {
					c.Skip()
				}
			})
		default:
			c.Skip()
		}
	})
	return t
}

func (d *parsing) choice(name string, c *guard.Cursor) {
	choice := &d.p.Choice
	if c.Kind() == guard.String {
		switch string(wire.Text(c)) {
		case "auto":
			choice.Mode = llm.ChoiceAuto
		case "none":
			choice.Mode = llm.ChoiceNone
		case "required":
			choice.Mode = llm.ChoiceAny
		default:
			d.fail(name, "%s must be auto, none, required or name a tool.", name)
		}
		return
	}
	kind := ""
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			kind = string(wire.Text(c))
		case "function", "custom":
			wire.Object(c, func(k string) {
				if k == "name" {
					choice.Name = wire.Text(c)
					return
				}
				c.Skip()
			})
		case "name":
			choice.Name = wire.Text(c)
		case "allowed_tools":
			d.allowed(c)
		default:
			c.Skip()
		}
	})
	switch {
	case kind == "allowed_tools":
	case len(choice.Name) > 0:
		choice.Mode = llm.ChoiceNamed
	}
}

// allowed reads the choice among some of the tools.
func (d *parsing) allowed(c *guard.Cursor) {
	choice := &d.p.Choice
	choice.Allowed = []llm.Text{}
	wire.Object(c, func(k string) {
		switch k {
		case "mode":
			if choice.Mode = llm.ChoiceAuto; string(wire.Text(c)) == "required" {
				choice.Mode = llm.ChoiceAny
			}
		case "tools":
			wire.List(c, func() {
				wire.Object(c, func(k string) {
					if k != "function" && k != "custom" {
						c.Skip()
						return
					}
					choice.Allowed = append(choice.Allowed, functionOf(c).Name)
				})
			})
		default:
			c.Skip()
		}
	})
}

func (d *parsing) format(c *guard.Cursor) {
	f := &d.p.Format
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			switch string(wire.Text(c)) {
			case "json_object":
				f.Kind = llm.JSONObject
			case "json_schema":
				f.Kind = llm.JSONSchema
			}
		case "json_schema":
			wire.Object(c, func(k string) {
				switch k {
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
			c.Skip()
		}
	})
	if f.Kind == llm.JSONSchema && f.Schema == nil {
		d.fail("response_format.json_schema.schema", "response_format.json_schema.schema is missing.")
	}
}
