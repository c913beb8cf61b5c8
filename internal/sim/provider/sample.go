package provider

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

const maxSchemaDepth = 16

// schema is the part of JSON Schema that sampleJSON follows.
type schema struct {
	Type       json.RawMessage   `json:"type"`
	Enum       []json.RawMessage `json:"enum"`
	Const      json.RawMessage   `json:"const"`
	Properties orderedSchemas    `json:"properties"`
	Items      json.RawMessage   `json:"items"`
	MinItems   int               `json:"minItems"`
	Minimum    *json.Number      `json:"minimum"`
	AnyOf      []json.RawMessage `json:"anyOf"`
	Ref        string            `json:"$ref"`
	Defs       orderedSchemas    `json:"$defs"`
}

// orderedSchemas keeps the members of an object in the order in which they were written.
type orderedSchemas struct {
	names []string
	raw   map[string]json.RawMessage
}

func (o *orderedSchemas) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &o.raw); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		if text, ok := name.(string); ok {
			o.names = append(o.names, text)
		}
		var skipped json.RawMessage
		if err := dec.Decode(&skipped); err != nil {
			return err
		}
	}
	return nil
}

// sampleJSON gives a JSON text that fits a schema; strings take the user's text where nothing else is said.
func sampleJSON(raw json.RawMessage, text string) string {
	if len(raw) == 0 {
		return "{}"
	}
	var root schema
	if json.Unmarshal(raw, &root) != nil {
		return "{}"
	}
	g := sampler{text: text, defs: root.Defs.raw}
	return string(g.value(nil, raw, 0))
}

type sampler struct {
	text string
	defs map[string]json.RawMessage
}

func (g sampler) value(out []byte, raw json.RawMessage, depth int) []byte {
	var s schema
	if depth > maxSchemaDepth || json.Unmarshal(raw, &s) != nil {
		return append(out, "null"...)
	}
	switch {
	case len(s.Const) > 0:
		return append(out, s.Const...)
	case len(s.Enum) > 0:
		return append(out, s.Enum[0]...)
	case len(s.AnyOf) > 0:
		return g.value(out, s.AnyOf[0], depth+1)
	case len(s.Ref) > len("#/$defs/") && g.defs[s.Ref[len("#/$defs/"):]] != nil:
		return g.value(out, g.defs[s.Ref[len("#/$defs/"):]], depth+1)
	}
	switch s.kind() {
	case "object":
		return g.object(out, s, depth)
	case "array":
		out = append(out, '[')
		for i := range max(1, min(s.MinItems, 8)) {
			if i > 0 {
				out = append(out, ',')
			}
			if len(s.Items) == 0 {
				out = appendQuoted(out, g.text)
			} else {
				out = g.value(out, s.Items, depth+1)
			}
		}
		return append(out, ']')
	case "integer", "number":
		if s.Minimum != nil {
			return append(out, s.Minimum.String()...)
		}
		return strconv.AppendInt(out, int64(len(g.text)), 10)
	case "boolean":
		return append(out, "true"...)
	case "null":
		return append(out, "null"...)
	}
	return appendQuoted(out, g.text)
}

func (g sampler) object(out []byte, s schema, depth int) []byte {
	out = append(out, '{')
	for i, name := range s.Properties.names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendQuoted(out, name), ':')
		out = g.value(out, s.Properties.raw[name], depth+1)
	}
	return append(out, '}')
}

// kind gives the schema's type, the first if it names several. Google's own schemas write types in capitals.
func (s schema) kind() string {
	var one string
	if json.Unmarshal(s.Type, &one) == nil {
		return strings.ToLower(one)
	}
	var many []string
	if json.Unmarshal(s.Type, &many) == nil && len(many) > 0 {
		return many[0]
	}
	if len(s.Properties.names) > 0 {
		return "object"
	}
	return "string"
}

func quote(s string) string { return string(appendQuoted(nil, s)) }

// validObject says whether a text is a whole JSON object.
func validObject(text []byte) bool { return jsonType(text) == "object" && json.Valid(text) }
