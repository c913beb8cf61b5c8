package openairesponses

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// maxToolName is the longest name of a function that all vendors take.
const maxToolName = 64

// flat is the name, in formats that have no namespaces, of a tool that is in one.
func flat(space, name llm.Text) llm.Text {
	if len(space) == 0 {
		return name
	}
	long := append(append(append(make(llm.Text, 0, len(space)+2+len(name)), space...), "__"...), name...)
	if len(long) <= maxToolName {
		return long
	}
	sum := sha256.Sum256(long)
	return hex.AppendEncode(append(long[:maxToolName-9], '_'), sum[:4])
}

// toolSpec is a tool as the client describes it.
type toolSpec struct {
	kind, space string
	name        llm.Text
	description llm.Text
	schema      llm.Raw
	strict      llm.Tri
	grammar     bool
	inner       guard.Cursor // of a namespace: its tools
	domains     []llm.Text   // of a search: the only ones
	place       llm.Place    // of a search: of who asks
}

func readTool(c *guard.Cursor) (t toolSpec) {
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			t.kind = string(wire.Text(c))
		case "name":
			t.name = wire.Text(c)
		case "description":
			t.description = wire.Text(c)
		case "parameters":
			if raw := llm.Raw(c.Raw()); string(raw) != "null" {
				t.schema = raw
			}
		case "strict":
			t.strict = wire.Tri(c)
		case "format":
			t.grammar = typeOf(c) == "grammar"
		case "tools":
			t.inner = *c
			c.Skip()
		case "filters":
			wire.Object(c, func(k string) {
				if k == "allowed_domains" {
					wire.List(c, func() { t.domains = append(t.domains, wire.Text(c)) })
					return
				}
				c.Skip()
			})
		case "user_location":
			t.place = wire.ReadPlace(c)
		default:
			c.Skip()
		}
	})
	return t
}

// family is the type of a tool without the marks of its versions.
func family(kind string) string {
	for _, name := range [...]string{"web_search", "computer", "code_interpreter", "file_search"} {
		if kind == name || strings.HasPrefix(kind, name+"_") {
			return name
		}
	}
	return kind
}

func (d *parsing) tool(at string, c *guard.Cursor) {
	t := readTool(c)
	switch t.kind {
	case "function", "custom":
		d.function(&t, nil)
	case "namespace":
		d.notes.Approx("tools.namespace")
		d.each(&t.inner, at+".tools", func(at string, c *guard.Cursor) {
			if inner := readTool(c); inner.kind == "function" || inner.kind == "custom" {
				d.function(&inner, t.name)
			} else {
				d.hosted(at, &inner)
			}
		})
	default:
		d.hosted(at, &t)
	}
}

// hosted is a tool that the vendor knows, and often runs, itself.
func (d *parsing) hosted(at string, t *toolSpec) {
	if t.kind == "" {
		d.fail(at+".type", "%s.type is missing.", at)
	}
	if family(t.kind) == webSearch {
		d.p.Search = &llm.WebSearch{Field: "tools." + webSearch, Allowed: t.domains, Place: t.place}
		return
	}
	d.extra("tools."+family(t.kind), nil)
}

func (d *parsing) function(t *toolSpec, space llm.Text) {
	if t.kind == "custom" {
		d.notes.Approx("tools.custom")
		if t.grammar { // nothing would hold the model to it
			d.notes.Reject("tools.custom.format")
		}
		t.schema, t.strict = llm.Raw(openai.CustomSchema), llm.Unsaid
	}
	d.p.Tools = append(d.p.Tools, llm.Tool{Name: flat(space, t.name), Description: t.description, Schema: t.schema, Strict: t.strict})
}

func (d *parsing) choice(c *guard.Cursor) {
	choice := &d.p.Choice
	if c.Kind() == guard.String {
		var known bool
		if choice.Mode, known = choiceMode(wire.Text(c)); !known {
			d.fail("tool_choice", "tool_choice must be auto, none, required or name a tool.")
		}
		return
	}
	var kind string
	var name, space, mode llm.Text
	var tools guard.Cursor
	wire.Object(c, func(k string) {
		switch k {
		case "type":
			kind = string(wire.Text(c))
		case "name":
			name = wire.Text(c)
		case "namespace":
			space = wire.Text(c)
		case "mode":
			mode = wire.Text(c)
		case "tools":
			tools = *c
			c.Skip()
		default:
			c.Skip()
		}
	})
	switch kind {
	case "":
	case "function", "custom":
		choice.Mode, choice.Name = llm.ChoiceNamed, flat(space, name)
	case "allowed_tools":
		choice.Mode, _ = choiceMode(mode)
		choice.Allowed = []llm.Text{}
		wire.List(&tools, func() {
			var name, space llm.Text
			wire.Object(&tools, func(k string) {
				switch k {
				case "name":
					name = wire.Text(&tools)
				case "namespace":
					space = wire.Text(&tools)
				default:
					tools.Skip()
				}
			})
			choice.Allowed = append(choice.Allowed, flat(space, name))
		})
	default:
		d.notes.Reject("tool_choice")
	}
}

func choiceMode(t llm.Text) (mode llm.ChoiceMode, known bool) {
	switch string(t) {
	case "auto":
		return llm.ChoiceAuto, true
	case "none":
		return llm.ChoiceNone, true
	case "required":
		return llm.ChoiceAny, true
	}
	return llm.ChoiceUnsaid, false
}

// toolNames tells which of the client's tools a name of the neutral form stands for.
type toolNames map[string]toolSpec

// namesOf reads the tools of a request that go by another name or form than their own.
func namesOf(r *llm.Request) toolNames {
	names := toolNames{}
	add := func(t toolSpec, space llm.Text) {
		if t.kind == "custom" || len(space) > 0 {
			t.space = string(space)
			names[string(flat(space, t.name))] = t
		}
	}
	c := guard.NewCursor(r.Content.Open())
	wire.Object(&c, func(k string) {
		if k != "tools" {
			c.Skip()
			return
		}
		wire.List(&c, func() {
			t := readTool(&c)
			if t.kind != "namespace" {
				add(t, nil)
				return
			}
			wire.List(&t.inner, func() { add(readTool(&t.inner), t.name) })
		})
	})
	return names
}
