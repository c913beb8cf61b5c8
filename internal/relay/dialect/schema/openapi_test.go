package schema

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"starlane/internal/relay/guard"
)

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	runTurned(t, []turned{
		{
			"pitfall: reference, const, exclusiveMinimum, additionalProperties, null",
			`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","additionalProperties":false,"properties":{"z":{"$ref":"#/$defs/Z"},"k":{"const":"fixed"},"n":{"type":"number","exclusiveMinimum":0.50},"s":{"type":["string","null"]}},"required":["z","k"],"$defs":{"Z":{"type":"object","properties":{"q":{"type":"integer"}},"additionalProperties":false}}}`,
			`{"type":"OBJECT","properties":{"z":{"type":"OBJECT","properties":{"q":{"type":"INTEGER"}}},"k":{"type":"STRING","enum":["fixed"]},"n":{"type":"NUMBER","minimum":0.50},"s":{"type":"STRING","nullable":true}},"propertyOrdering":["z","k","n","s"],"required":["z","k"]}`,
			true, // zero is now allowed
		},
		{"as it is", `{"type":"object","properties":{"a":{"type":"string","description":"d"}},"required":["a"],"additionalProperties":false}`, `{"type":"OBJECT","properties":{"a":{"type":"STRING","description":"d"}},"required":["a"]}`, false},
		{"every keyword that is kept", `{"title":"t","description":"d","type":"object","minProperties":1,"maxProperties":2,"default":{},"example":1,"properties":{"s":{"type":"string","minLength":1,"maxLength":2,"pattern":"x","format":"date-time"},"a":{"type":"array","minItems":1,"maxItems":2,"items":{"type":"number","minimum":1,"maximum":2,"format":"double"}}}}`, `{"title":"t","description":"d","type":"OBJECT","minProperties":1,"maxProperties":2,"default":{},"example":1,"properties":{"s":{"type":"STRING","minLength":1,"maxLength":2,"pattern":"x","format":"date-time"},"a":{"type":"ARRAY","minItems":1,"maxItems":2,"items":{"type":"NUMBER","minimum":1,"maximum":2,"format":"double"}}},"propertyOrdering":["s","a"]}`, false},
		{"keywords that no list of the forbidden would have", `{"type":"string","x-mine":1}`, `{"type":"STRING"}`, true},
		{"rules that are stripped", `{"type":"array","items":{"type":"number","multipleOf":2},"uniqueItems":true}`, `{"type":"ARRAY","items":{"type":"NUMBER"}}`, true},
		{"notes that are stripped", `{"type":"string","examples":["x"],"$id":"i","$comment":"c","deprecated":true}`, `{"type":"STRING"}`, false},
		{"a dictionary", `{"type":"object","additionalProperties":{"type":"string"}}`, `{"type":"OBJECT"}`, true},
		{"optional", `{"anyOf":[{"type":"string","maxLength":3},{"type":"null"}],"title":"T","default":null}`, `{"type":"STRING","nullable":true,"maxLength":3,"title":"T","default":null}`, false},
		{"choice", `{"anyOf":[{"type":"string"},{"type":"integer"},{"type":"null"}]}`, `{"anyOf":[{"type":"STRING","nullable":true},{"type":"INTEGER","nullable":true}]}`, false},
		{"one and no other", `{"oneOf":[{"type":"string"},{"type":"integer"}]}`, `{"anyOf":[{"type":"STRING"},{"type":"INTEGER"}]}`, true},
		{"nothing stands beside a choice", `{"description":"d","type":"object","properties":{"a":{"type":"string"}},"anyOf":[{"required":["a"]},{"description":"e"}]}`, `{"anyOf":[{"required":["a"],"description":"d","type":"OBJECT","properties":{"a":{"type":"STRING"}}},{"description":"e","type":"OBJECT","properties":{"a":{"type":"STRING"}}}]}`, false},
		{"an alternative that cannot be", `{"type":"string","anyOf":[{"type":"integer"},{"maxLength":3}]}`, `{"maxLength":3,"type":"STRING"}`, false},
		{"several types", `{"type":["string","integer","null"],"minimum":1}`, `{"anyOf":[{"type":"STRING","nullable":true},{"type":"INTEGER","nullable":true,"minimum":1}]}`, false},
		{"a whole number is a number", `{"type":["integer","number"]}`, `{"type":"NUMBER"}`, false},
		{"only null", `{"type":"null"}`, `{"type":"NULL"}`, false},
		{"enum of strings", `{"type":"string","enum":["b","a"]}`, `{"type":"STRING","enum":["b","a"]}`, false},
		{"enum that may be null", `{"type":["string","null"],"enum":["b",null]}`, `{"type":"STRING","nullable":true,"enum":["b"]}`, false},
		{"enum of numbers", `{"type":"integer","enum":[10,2],"minimum":1,"format":"int32"}`, `{"type":"STRING","enum":["10","2"]}`, true},
		{"enum with what no string can be", `{"enum":["",{"a":1},"x","x",true]}`, `{"type":"STRING","enum":["x","true"]}`, true},
		{"enum without strings", `{"type":"object","const":{"a":1}}`, `{"type":"OBJECT"}`, true},
		{"parts are merged", `{"allOf":[{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"integer","minimum":1}},"required":["b"]},{"properties":{"a":{"minimum":3,"description":"x"},"c":{"type":"boolean"}},"required":["a","b"]}],"description":"d"}`, `{"type":"OBJECT","properties":{"b":{"type":"STRING"},"a":{"type":"INTEGER","minimum":3,"description":"x"},"c":{"type":"BOOLEAN"}},"propertyOrdering":["b","a","c"],"required":["b","a"],"description":"d"}`, false},
		{"limits of parts", `{"allOf":[{"type":"string","maxLength":10,"minLength":1e1},{"maxLength":20,"minLength":2}]}`, `{"type":"STRING","maxLength":10,"minLength":1e1}`, false},
		{"types of parts", `{"allOf":[{"type":["number","string"]},{"type":["integer","null"]}]}`, `{"type":"INTEGER"}`, false},
		{"values of parts", `{"allOf":[{"enum":["a","b","c"]},{"enum":["c","b"]}]}`, `{"type":"STRING","enum":["b","c"]}`, false},
		{"items of parts", `{"allOf":[{"type":"array","items":{"type":"string"}},{"items":{"maxLength":3}}]}`, `{"type":"ARRAY","items":{"type":"STRING","maxLength":3}}`, false},
		{"what stands beside a reference wins", `{"type":"object","properties":{"a":{"description":"here","$ref":"#/definitions/A"}},"definitions":{"A":{"description":"there","type":"string"}}}`, `{"type":"OBJECT","properties":{"a":{"description":"here","type":"STRING"}}}`, false},
		{"a reference twice", `{"type":"object","properties":{"a":{"$ref":"#/$defs/A~1B"},"b":{"allOf":[{"$ref":"#/$defs/A~1B"},{"$ref":"#/$defs/A%7E1B"}]}},"$defs":{"A/B":{"type":"boolean"}}}`, `{"type":"OBJECT","properties":{"a":{"type":"BOOLEAN"},"b":{"type":"BOOLEAN"}},"propertyOrdering":["a","b"]}`, false},
		{"a reference to a neighbour", `{"type":"object","properties":{"a":{"type":"boolean"},"b":{"$ref":"#/properties/a"}}}`, `{"type":"OBJECT","properties":{"a":{"type":"BOOLEAN"},"b":{"type":"BOOLEAN"}},"propertyOrdering":["a","b"]}`, false},
		{"bounds of whole numbers", `{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":10}`, `{"type":"INTEGER","minimum":1,"maximum":9}`, false},
		{"the tighter bound", `{"type":"integer","minimum":5,"exclusiveMinimum":2,"maximum":5,"exclusiveMaximum":5}`, `{"type":"INTEGER","minimum":5,"maximum":4}`, false},
		{"bounds of draft 4", `{"type":"number","minimum":5,"exclusiveMinimum":true}`, `{"type":"NUMBER","minimum":5}`, true},
		{"formats", `{"type":"object","properties":{"a":{"type":"string","format":"email"},"b":{"type":"integer","format":"double"},"c":{"type":"integer","format":"int64"}}}`, `{"type":"OBJECT","properties":{"a":{"type":"STRING"},"b":{"type":"INTEGER"},"c":{"type":"INTEGER","format":"int64"}},"propertyOrdering":["a","b","c"]}`, true},
		{"types left out", `{"properties":{"a":{"items":{"pattern":"x"}},"b":{"minimum":1}}}`, `{"type":"OBJECT","properties":{"a":{"type":"ARRAY","items":{"type":"STRING","pattern":"x"}},"b":{"type":"NUMBER","minimum":1}},"propertyOrdering":["a","b"]}`, false},
		{"anything", `{"type":"object","properties":{"a":{},"b":true,"c":false}}`, `{"type":"OBJECT","properties":{"a":{"type":"STRING"},"b":{"type":"STRING"}},"propertyOrdering":["a","b"]}`, true},
		{"an array of anything", `{"type":"array"}`, `{"type":"ARRAY","items":{"type":"STRING"}}`, true},
		{"required but not there", `{"type":"object","properties":{"a":{"type":"string"}},"required":["b"]}`, `{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}`, true},
		{"an order that was asked for", `{"type":"OBJECT","properties":{"a":{"type":"STRING"},"b":{"type":"STRING"}},"propertyOrdering":["b","x"]}`, `{"type":"OBJECT","properties":{"a":{"type":"STRING"},"b":{"type":"STRING"}},"propertyOrdering":["b","a"]}`, false},
		{"nullable by OpenAPI", `{"nullable":true,"allOf":[{"type":"string"}]}`, `{"type":"STRING","nullable":true}`, false},
	}, OpenAPI)
	runRefused(t, []refused{
		{"recursion", `{"$ref":"#/$defs/T","$defs":{"T":{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#/$defs/T"}}}}}}`, ErrRecursion, "#/properties/kids/items/$ref"},
		{"recursion to the root", `{"type":"object","properties":{"a":{"$ref":"#"}}}`, ErrRecursion, "#/properties/a/$ref"},
		{"recursion in a choice", `{"type":"object","properties":{"a":{"anyOf":[{"$ref":"#"},{"type":"null"}]}}}`, ErrRecursion, "#/properties/a/anyOf/0/$ref"},
		{"recursion of parts", `{"$ref":"#/$defs/A","$defs":{"A":{"allOf":[{"$ref":"#/$defs/A"}]}}}`, ErrRecursion, "#/$ref/allOf/0/$ref"},
		{"recursion below parts", `{"$ref":"#/$defs/A","$defs":{"A":{"allOf":[{"properties":{"x":{"$ref":"#/$defs/A"}}},{"properties":{"x":{"$ref":"#/$defs/A"}}}]}}}`, ErrRecursion, "#/properties/x/allOf/0/$ref"},
		{"elsewhere", `{"type":"array","items":{"$ref":"https://example.com/secret"}}`, ErrReference, "#/items/$ref"},
		{"an anchor", `{"$ref":"#here"}`, ErrReference, "#/$ref"},
		{"dangling", `{"$ref":"#/$defs/A"}`, ErrReference, "#/$ref"},
		{"nothing fits", `{"allOf":[{"type":"string"},{"type":"number"}]}`, ErrNever, "#"},
		{"no schema", `{"type":"array","items":"secret"}`, ErrShape, "#/items"},
		{"properties in a list", `{"properties":[]}`, ErrShape, "#/properties"},
	}, func(src []byte) error { _, _, err := OpenAPI(src); return err })
}

// TestSmallSchemasThatGrow refuses schemas whose references multiply, whatever it is that multiplies.
func TestSmallSchemasThatGrow(t *testing.T) {
	t.Parallel()
	chain := func(n int, last string, link func(next string) string) string {
		var defs []string
		for i := range n {
			defs = append(defs, fmt.Sprintf(`"d%d":%s`, i, link(fmt.Sprintf(`{"$ref":"#/$defs/d%d"}`, i+1))))
		}
		return fmt.Sprintf(`{"$ref":"#/$defs/d0","$defs":{%s,"d%d":%s}}`, strings.Join(defs, ","), n, last)
	}
	text := `{"type":"string"}`
	cases := map[string]string{
		"properties": chain(20, text, func(next string) string { return `{"type":"object","properties":{"a":` + next + `,"b":` + next + `}}` }),
		"choices":    chain(20, text, func(next string) string { return `{"anyOf":[` + next + `,` + next + `]}` }),
		"parts":      chain(40, text, func(next string) string { return `{"allOf":[` + next + `,` + next + `]}` }),
		"same parts": chain(20, text, func(next string) string {
			return `{"allOf":[{"properties":{"a":` + next + `}},{"properties":{"a":` + next + `}}]}`
		}),
		"values": chain(1, `{"enum":["x"`+strings.Repeat(`,"y"`, 5000)+`]}`, func(next string) string {
			return `{"type":"object","properties":{"p":` + next + many(100, next) + `}}`
		}),
		"text": chain(1, `{"type":"string","description":"`+strings.Repeat("x", MaxSize/10)+`"}`, func(next string) string {
			return `{"type":"object","properties":{"p":` + next + many(20, next) + `}}`
		}),
		"a long way": chain(1000, text, func(next string) string { return next }),
	}
	for name, src := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, _, err := OpenAPI([]byte(src)); !errors.Is(err, ErrSize) && !errors.Is(err, guard.ErrDepth) {
				t.Errorf("OpenAPI: err = %.200v, want ErrSize or ErrDepth", err)
			}
			if out, _, err := Anthropic([]byte(src)); err == nil && len(out) > 2*len(src) {
				t.Errorf("Anthropic makes %d bytes of %d", len(out), len(src))
			}
			if err := Validate([]byte(src), []byte(`{"a":1}`)); err == nil || errors.Is(err, ErrMismatch) {
				if name != "text" {
					t.Errorf("Validate: err = %v, want a refusal", err)
				}
			}
		})
	}
}

func many(n int, schema string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"p%d":%s`, i, schema)
	}
	return b.String()
}
