package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"starlane/internal/relay/guard"
)

// turned is a case of a transform.
type turned struct {
	name, src, want string
	changed         bool
}

func runTurned(t *testing.T, cases []turned, transform func([]byte) ([]byte, bool, error)) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, changed, err := transform([]byte(c.src))
			if err != nil {
				t.Fatal(err)
			}
			if string(out) != c.want || changed != c.changed {
				t.Errorf("got  %s, changed %v\nwant %s, changed %v", out, changed, c.want, c.changed)
			}
			again, _, err := transform(out)
			if err != nil || string(again) != string(out) {
				t.Errorf("a second turn makes %s, %v\nof %s", again, err, out)
			}
		})
	}
}

type refused struct {
	name, src string
	want      error
	at        string // start of the message
}

func runRefused(t *testing.T, cases []refused, transform func([]byte) error) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := transform([]byte(c.src))
			if !errors.Is(err, c.want) || !strings.HasPrefix(err.Error(), c.at+": ") {
				t.Errorf("err = %v, want %v at %s", err, c.want, c.at)
			}
		})
	}
}

func TestAnthropic(t *testing.T) {
	t.Parallel()
	runTurned(t, []turned{
		{
			"pitfall: minimum, oneOf and pattern",
			`{"type":"object","properties":{"z":{"type":"integer","minimum":1.50},"a":{"oneOf":[{"type":"string","pattern":"^\\d+\"$","description":"An id."},{"type":"null"}]}},"required":["z","a"]}`,
			`{"type":"object","properties":{"z":{"type":"integer","description":"{minimum: 1.50}"},"a":{"anyOf":[{"type":"string","description":"An id.\n\n{pattern: \"^\\\\d+\\\"$\"}"},{"type":"null"}]}},"required":["z","a"],"additionalProperties":false}`,
			true,
		},
		{"nothing to do", `{"type":"object","properties":{},"additionalProperties":false,"required":[]}`, `{"type":"object","properties":{},"additionalProperties":false,"required":[]}`, false},
		{"white space goes", "{ \"type\" : \"string\" }\n", `{"type":"string"}`, false},
		{"objects are closed", `{"type":"object"}`, `{"type":"object","properties":{},"additionalProperties":false}`, false},
		{"an open object is owed a note", `{"type":"object","additionalProperties":{"type":"string"}}`, `{"type":"object","additionalProperties":false,"properties":{}}`, true},
		{"a reference stands alone", `{"type":"object","properties":{"a":{"$ref":"#/$defs/A","description":"x"}},"$defs":{"A":{"type":"object"}},"additionalProperties":false}`, `{"type":"object","properties":{"a":{"$ref":"#/$defs/A"}},"$defs":{"A":{"type":"object","properties":{},"additionalProperties":false}},"additionalProperties":false}`, false},
		{"a rule beside a reference is lost", `{"type":"array","items":{"$ref":"#/$defs/A","minLength":2},"$defs":{"A":{"type":"string"}}}`, `{"type":"array","items":{"$ref":"#/$defs/A"},"$defs":{"A":{"type":"string"}}}`, true},
		{"the root is what it refers to", `{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"#/definitions/A","definitions":{"A":{"type":"string"}}}`, `{"type":"string","definitions":{"A":{"type":"string"}}}`, false},
		{"formats", `{"anyOf":[{"type":"string","format":"date-time"},{"type":"string","format":"uri"},{"type":"string","format":"regex"},{"type":"integer","format":"int32"}]}`, `{"anyOf":[{"type":"string","format":"date-time"},{"type":"string","format":"uri"},{"type":"string","description":"{format: \"regex\"}"},{"type":"integer","description":"{format: \"int32\"}"}]}`, true},
		{"few items", `{"type":"array","items":{"type":"array","minItems":1,"items":{"type":"string"}},"minItems":0}`, `{"type":"array","items":{"type":"array","minItems":1,"items":{"type":"string"}},"minItems":0}`, false},
		{"more items", `{"type":"array","items":{"type":"string"},"minItems":2,"maxItems":3,"uniqueItems":true}`, `{"type":"array","items":{"type":"string"},"description":"{minItems: 2, maxItems: 3, uniqueItems: true}"}`, true},
		{"a default is told and no rule", `{"type":"string","default":"é"}`, `{"type":"string","description":"{default: \"é\"}"}`, false},
		{"a type that may be null keeps its rules", `{"type":["object","null"],"properties":{"a":{"type":["string","null"],"format":"date"}}}`, `{"type":["object","null"],"properties":{"a":{"type":["string","null"],"format":"date"}},"additionalProperties":false}`, false},
		{"enum and const", `{"anyOf":[{"enum":["b","a",1e2]},{"const":null},{"type":"string","enum":["x"]}]}`, `{"anyOf":[{"enum":["b","a",1e2]},{"const":null},{"type":"string","enum":["x"]}]}`, false},
		{"allOf", `{"allOf":[{"type":"string"}]}`, `{"allOf":[{"type":"string"}]}`, true},
		{"alternatives that are no schemas of their own", `{"type":"object","properties":{"a":{"type":"string"}},"anyOf":[{"required":["a"]}]}`, `{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false,"description":"{anyOf: [{\"required\":[\"a\"]}]}"}`, true},
		{"one list of alternatives", `{"anyOf":[{"type":"string"}],"oneOf":[{"type":"string"}]}`, `{"anyOf":[{"type":"string"}],"description":"{oneOf: [{\"type\":\"string\"}]}"}`, true},
		{"a tuple", `{"items":[{"type":"string"}]}`, `{"type":"array","description":"{items: [{\"type\":\"string\"}]}"}`, true},
		{"a type left out", `{"properties":{"not":{"items":{"type":"string"}}}}`, `{"type":"object","properties":{"not":{"type":"array","items":{"type":"string"}}},"additionalProperties":false}`, false},
		{"an escaped key", `{"ty\u0070e":"string","max\u004cength":3}`, `{"ty\u0070e":"string","description":"{max\\u004cength: 3}"}`, true},
		{"names of others", `{"type":"string","$id":"x","$comment":"y","$anchor":"z","description":null}`, `{"type":"string"}`, false},
	}, Anthropic)
	runRefused(t, []refused{
		{"no type", `{"type":"object","properties":{"a/b":{"description":"x"}}}`, ErrUntyped, "#/properties/a~1b"},
		{"a boolean", `{"type":"array","items":{"anyOf":[true]}}`, ErrUntyped, "#/items"},
		{"root to itself", `{"$ref":"#"}`, ErrRecursion, "#/$ref"},
		{"root around", `{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`, ErrRecursion, "#/$ref"},
		{"root elsewhere", `{"$ref":"https://example.com/x"}`, ErrReference, "#/$ref"},
	}, func(src []byte) error { _, _, err := Anthropic(src); return err })
}

func TestFromOpenAPI(t *testing.T) {
	t.Parallel()
	runTurned(t, []turned{
		{"types", `{"type":"OBJECT","properties":{"a":{"type":"ARRAY","items":{"type":"String"}}}}`, `{"type":"object","properties":{"a":{"type":"array","items":{"type":"string"}}}}`, false},
		{"nullable", `{"type":"STRING","nullable":true}`, `{"type":["string","null"]}`, false},
		{"not nullable", `{"type":"STRING","nullable":false}`, `{"type":"string"}`, false},
		{"nullable enum", `{"type":"STRING","format":"enum","enum":["A"],"nullable":true}`, `{"type":["string","null"],"enum":["A",null]}`, false},
		{"nullable choice", `{"anyOf":[{"type":"STRING"},{"type":"NUMBER"}],"nullable":true}`, `{"anyOf":[{"type":"string"},{"type":"number"},{"type":"null"}]}`, false},
		{"order", `{"type":"OBJECT","properties":{"a":{"type":"STRING"},"b":{"type":"STRING"},"c":{"type":"STRING"}},"propertyOrdering":["c","x","a"]}`, `{"type":"object","properties":{"c":{"type":"string"},"a":{"type":"string"},"b":{"type":"string"}}}`, false},
		{"as protobuf reads", `{"any_of":[{"type":"ARRAY","min_items":"2","maxItems":"x","items":{"type":"INTEGER","enum":["1","-2"]}}],"property_ordering":[]}`, `{"anyOf":[{"type":"array","minItems":2,"maxItems":"x","items":{"type":"integer","enum":[1,-2]}}]}`, false},
		{"an example", `{"type":"STRING","example":{"type":"STRING"}}`, `{"type":"string","examples":[{"type":"STRING"}]}`, false},
		{"no type", `{"type":"TYPE_UNSPECIFIED","description":"x"}`, `{"description":"x"}`, false},
		{"values and names are left alone", `{"type":"OBJECT","properties":{"nullable":{"type":"BOOLEAN"},"type":{"type":"STRING","default":"STRING"}}}`, `{"type":"object","properties":{"nullable":{"type":"boolean"},"type":{"type":"string","default":"STRING"}}}`, false},
	}, func(src []byte) ([]byte, bool, error) { out, err := FromOpenAPI(src); return out, false, err })
	runRefused(t, []refused{
		{"two spellings", `{"items":{"any_of":[],"anyOf":[]}}`, ErrTwice, "#/items/anyOf"},
	}, func(src []byte) error { _, err := FromOpenAPI(src); return err })
}

func TestEveryTransformRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"type":"array","items":`, guard.MaxDepth) + `{"type":"string"}` + strings.Repeat(`}`, guard.MaxDepth)
	cases := []refused{
		{"no object", `[]`, ErrShape, "#"},
		{"no JSON", `{"type":`, guard.ErrSyntax, "#"},
		{"a key twice", `{"properties":{"a":{"type":"string","ty\u0070e":"number"}}}`, ErrTwice, "#/properties/a"},
		{"too deep", deep, guard.ErrDepth, "#"},
		{"too long", `{"type":"string","description":"` + strings.Repeat("x", MaxSize) + `"}`, ErrSize, "#"},
		{"too many values", `{"enum":[` + strings.Repeat("1,", MaxNodes) + `1]}`, ErrSize, "#/enum/49998"},
	}
	for name, transform := range map[string]func([]byte) error{
		"Anthropic":   func(src []byte) error { _, _, err := Anthropic(src); return err },
		"OpenAPI":     func(src []byte) error { _, _, err := OpenAPI(src); return err },
		"FromOpenAPI": func(src []byte) error { _, err := FromOpenAPI(src); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runRefused(t, cases, transform)
		})
	}
	for _, c := range cases {
		if OpenAIStrict([]byte(c.src)) {
			t.Errorf("%s: qualifies as strict", c.name)
		}
	}
}

func TestPlacesAreShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 10_000)
	_, _, err := Anthropic([]byte(`{"type":"object","properties":{"` + long + `":{"properties":{"a\u0000b~":{}}}}}`))
	if want := "#/properties/" + long[:40] + "…/properties/a?b~0: no type is given"; err == nil || err.Error() != want {
		t.Errorf("err = %v, want %s", err, want)
	}
}

func TestOpenAIStrict(t *testing.T) {
	t.Parallel()
	object := func(props, required string) string {
		return `{"type":"object","properties":{` + props + `},"required":[` + required + `],"additionalProperties":false}`
	}
	of := func(schema string) string { return object(`"a":`+schema, `"a"`) }
	nest := func(n int) string {
		s := `{"type":"string"}`
		for range n {
			s = of(s)
		}
		return s
	}
	many := func(n int) string {
		var props, required []string
		for i := range n {
			props = append(props, fmt.Sprintf(`"p%d":{"type":"string"}`, i))
			required = append(required, fmt.Sprintf(`"p%d"`, i))
		}
		return object(strings.Join(props, ","), strings.Join(required, ","))
	}
	enum := func(n int) string {
		return of(`{"type":"string","enum":[` + strings.TrimSuffix(strings.Repeat(`"x",`, n), ",") + `]}`)
	}
	yes := map[string]string{
		"empty":        object("", ""),
		"no required":  `{"type":"object","properties":{},"additionalProperties":false}`,
		"supported":    of(`{"type":["string","null"],"description":"d","title":"t","pattern":"^(?:a|b)$","format":"uuid"}`),
		"numbers":      of(`{"type":"number","minimum":0,"maximum":9,"exclusiveMinimum":0,"exclusiveMaximum":9,"multipleOf":2}`),
		"arrays":       of(`{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":2}`),
		"choice":       of(`{"anyOf":[{"type":"string","const":"x"},{"type":"null"}]}`),
		"recursion":    object(`"a":{"anyOf":[{"$ref":"#"},{"type":"null"}]}`, `"a"`),
		"definitions":  strings.Replace(of(`{"$ref":"#/$defs/A"}`), `{`, `{"$defs":{"A":`+object("", "")+`},`, 1),
		"the deepest":  nest(strictDepth),
		"the widest":   many(strictProperties),
		"most values":  enum(strictValues),
		"named as one": of(of(`{"type":"string"}`)),
	}
	no := map[string]string{
		"root":               `{"type":"string"}`,
		"root choice":        `{"type":"object","properties":{},"additionalProperties":false,"anyOf":[{"type":"object"}]}`,
		"optional":           object(`"a":{"type":"string"}`, ``),
		"required too much":  object(``, `"a"`),
		"required twice":     object(`"a":{"type":"string"},"b":{"type":"string"}`, `"a","a"`),
		"open":               `{"type":"object","properties":{},"required":[]}`,
		"open inside":        of(`{"type":"object","properties":{}}`),
		"open, may be null":  of(`{"type":["object","null"],"properties":{}}`),
		"closed by a schema": of(`{"type":"object","properties":{},"additionalProperties":{"type":"string"}}`),
		"no properties":      of(`{"type":"object","additionalProperties":false}`),
		"no type":            of(`{"description":"x"}`),
		"unknown type":       of(`{"type":"any"}`),
		"boolean":            of(`true`),
		"no items":           of(`{"type":"array"}`),
		"default":            of(`{"type":"string","default":"x"}`),
		"minLength":          of(`{"type":"string","minLength":1}`),
		"oneOf":              of(`{"oneOf":[{"type":"string"}]}`),
		"allOf":              of(`{"allOf":[{"type":"string"}]}`),
		"empty choice":       of(`{"anyOf":[]}`),
		"bad choice":         of(`{"anyOf":[{"type":"object"}]}`),
		"empty enum":         of(`{"type":"string","enum":[]}`),
		"format":             of(`{"type":"string","format":"uri"}`),
		"lookahead":          of(`{"type":"string","pattern":"(?=a)"}`),
		"beside a reference": of(`{"$ref":"#","description":"x"}`),
		"dangling reference": of(`{"$ref":"#/$defs/A"}`),
		"too deep":           nest(strictDepth + 1),
		"too wide":           many(strictProperties + 1),
		"too many values":    enum(strictValues + 1),
		"too much text":      of(`{"type":"string","enum":["` + strings.Repeat("x", strictText) + `"]}`),
	}
	for name, src := range yes {
		if !json.Valid([]byte(src)) || !OpenAIStrict([]byte(src)) {
			t.Errorf("%s does not qualify", name)
		}
	}
	for name, src := range no {
		if !json.Valid([]byte(src)) || OpenAIStrict([]byte(src)) {
			t.Errorf("%s qualifies", name)
		}
	}
}
