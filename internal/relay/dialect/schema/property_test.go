package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"starlane/internal/relay/guard"
)

// drawSchema draws a schema with the keywords that the transforms know, in any order, and some that they do not.
func drawSchema(t *rapid.T, depth int) string {
	var members []string
	add := func(key, value string) { members = append(members, fmt.Sprintf("%q:%s", key, value)) }
	sub := func() string { return drawSchema(t, depth-1) }
	list := func(least int) string {
		var out []string
		for range rapid.IntRange(least, 3).Draw(t, "variants") {
			out = append(out, sub())
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	kinds := []string{`"string"`, `"integer"`, `"number"`, `"boolean"`, `["string","null"]`, `["integer","string"]`, `"STRING"`}
	if depth > 0 {
		kinds = append(kinds, `"object"`, `"array"`, `["object","null"]`, `"anyOf"`, `"oneOf"`, `"allOf"`, `"$ref"`)
	}
	switch kind := rapid.SampledFrom(kinds).Draw(t, "kind"); strings.Trim(kind, `"`) {
	case "object", `["object","null`, `["object","null"]`:
		add("type", kind)
		var props, required []string
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"z", "type", "m/~", "a", "é", "$ref"}), 0, 4, rapid.ID).Draw(t, "names") {
			props = append(props, fmt.Sprintf("%q:%s", name, sub()))
			if rapid.Bool().Draw(t, "required") {
				required = append(required, fmt.Sprintf("%q", name))
			}
		}
		add("properties", "{"+strings.Join(props, ",")+"}")
		add("required", "["+strings.Join(required, ",")+"]")
	case "array":
		add("type", kind)
		add("items", sub())
	case "anyOf", "oneOf", "allOf":
		add(strings.Trim(kind, `"`), list(1))
	case "$ref":
		add("$ref", fmt.Sprintf(`"#/$defs/d%d"`, rapid.IntRange(0, 1).Draw(t, "def")))
	default:
		add("type", kind)
	}
	extra := map[string]string{
		"description": `"say \"x\" \\ é"`, "title": `"T"`, "minimum": "1.50", "exclusiveMinimum": "0", "maxLength": "10", "minItems": "2",
		"format": `"email"`, "pattern": `"^\\d+$"`, "enum": `["b","a",1e1,null]`, "const": `"c"`, "nullable": "true", "default": "null",
		"additionalProperties": "false", "x-mine": `{"a":[1,{}]}`, "propertyOrdering": `["a","z"]`,
	}
	keys := make([]string, 0, len(extra))
	for key := range extra {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 0, 3, rapid.ID).Draw(t, "extra") {
		add(key, extra[key])
	}
	return "{" + strings.Join(rapid.Permutation(members).Draw(t, "order"), ",") + "}"
}

func drawRoot(t *rapid.T) []byte {
	schema := drawSchema(t, 3)
	defs := fmt.Sprintf(`"$defs":{"d0":%s,"d1":%s}`, drawSchema(t, 0), drawSchema(t, 0))
	return []byte(strings.TrimSuffix(schema, "}") + "," + defs + "}")
}

// sameOrder checks that the properties of an object come in one order before and after, wherever both have them.
func sameOrder(t interface{ Fatalf(string, ...any) }, before, after *node, at string) {
	if !before.isObject() || !after.isObject() {
		return
	}
	a, b := before.get("properties"), after.get("properties")
	if a.isObject() && b.isObject() {
		var was, is []string
		for _, m := range a.members {
			if b.find(m.key) >= 0 {
				was = append(was, m.key)
			}
		}
		for _, m := range b.members {
			if a.find(m.key) >= 0 {
				is = append(is, m.key)
			}
			sameOrder(t, a.get(m.key), m.value, at+"/"+m.key)
		}
		if !slices.Equal(was, is) {
			t.Fatalf("%s: properties %v became %v", at, was, is)
		}
	}
	sameOrder(t, before.get("items"), after.get("items"), at+"/items")
}

func TestTransformsOfAnySchema(t *testing.T) {
	t.Parallel()
	transforms := map[string]func([]byte) ([]byte, bool, error){
		"Anthropic":   Anthropic,
		"OpenAPI":     OpenAPI,
		"FromOpenAPI": func(src []byte) ([]byte, bool, error) { out, err := FromOpenAPI(src); return out, false, err },
	}
	for name, transform := range transforms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			done, total := 0, 0
			rapid.Check(t, func(t *rapid.T) {
				src := drawRoot(t)
				if !json.Valid(src) {
					t.Fatalf("drew %s", src)
				}
				total++
				out, changed, err := transform(src)
				if err != nil {
					return
				}
				done++
				if guard.Valid(out) != nil || !json.Valid(out) {
					t.Fatalf("%s made %s", src, out)
				}
				again, _, err := transform(out)
				if err != nil || !bytes.Equal(again, out) {
					t.Fatalf("%s made %s, and that %s, %v", src, out, again, err)
				}
				if same, other, err := transform(src); err != nil || other != changed || !bytes.Equal(same, out) {
					t.Fatalf("%s made %s, and then %s, %v", src, out, same, err)
				}
				if name == "FromOpenAPI" {
					return // it orders properties as it is told
				}
				before, err := parseSchema(src)
				if err != nil {
					t.Fatalf("parse: %v", err)
				}
				after, err := parseSchema(out)
				if err != nil {
					t.Fatalf("parse: %v", err)
				}
				sameOrder(t, before, after, "#")
				if name == "OpenAPI" {
					onlyGemini(t, after, "#")
				}
			})
			if done*4 < total {
				t.Errorf("%d of %d schemas could be turned, want more", done, total)
			}
		})
	}
}

// onlyGemini checks that a schema has what Gemini's older endpoints ask for and nothing else.
func onlyGemini(t *rapid.T, n *node, at string) {
	if list := n.get("anyOf"); list != nil {
		if len(n.members) > 1 {
			t.Fatalf("%s: something stands beside anyOf", at)
		}
		for i, v := range list.items {
			onlyGemini(t, v, fmt.Sprintf("%s/anyOf/%d", at, i))
		}
		return
	}
	typ, ok := n.get("type").text()
	if !ok || typ != strings.ToUpper(typ) {
		t.Fatalf("%s: type %q", at, typ)
	}
	for _, m := range n.members {
		switch {
		case m.key == "nullable":
		case m.key == "propertyOrdering" && typ == "OBJECT":
		case !keyword(m.key, strings.ToLower(typ)):
			t.Fatalf("%s: %s beside type %s", at, m.key, typ)
		case m.key == "properties":
			for _, p := range m.value.members {
				onlyGemini(t, p.value, at+"/"+p.key)
			}
		case m.key == "items":
			onlyGemini(t, m.value, at+"/items")
		case m.key == "enum":
			for _, v := range m.value.items {
				if !v.isString() {
					t.Fatalf("%s: a value that is no string", at)
				}
			}
		}
	}
}

// FuzzTransforms feeds anything to everything: no panic, valid JSON, and nothing larger than the bound.
func FuzzTransforms(f *testing.F) {
	for _, seed := range []string{
		`{"type":"object","properties":{"z":{"$ref":"#/$defs/a"},"b":{"oneOf":[{"const":1},{"type":["string","null"]}]}},"$defs":{"a":{"enum":["x",null]}}}`,
		`{"allOf":[{"minimum":1},{"exclusiveMinimum":2}],"type":"integer","format":"int32"}`,
		`{"type":"ARRAY","min_items":"1","items":{"any_of":[{"type":"STRING","nullable":true}]}}`,
		`{"$ref":"#"}`, `{"properties":[]}`, `{"items":[{}],"description":"\ud800"}`, `true`, `{"required":{},"enum":{},"anyOf":{},"type":{}}`,
	} {
		f.Add([]byte(seed), []byte(`{"a":[1,"x",null]}`))
	}
	f.Fuzz(func(t *testing.T, src, value []byte) {
		start := time.Now()
		defer func() {
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
		}()
		for name, transform := range map[string]func([]byte) ([]byte, error){
			"Anthropic":   func(src []byte) ([]byte, error) { out, _, err := Anthropic(src); return out, err },
			"OpenAPI":     func(src []byte) ([]byte, error) { out, _, err := OpenAPI(src); return out, err },
			"FromOpenAPI": FromOpenAPI,
		} {
			out, err := transform(src)
			if err != nil {
				continue
			}
			if !json.Valid(out) || len(out) > MaxSize+MaxNodes {
				t.Fatalf("%s: %d bytes: %.500s", name, len(out), out)
			}
			if again, err := transform(out); err != nil || !bytes.Equal(again, out) {
				t.Fatalf("%s makes %s, and of that %s, %v", name, out, again, err)
			}
		}
		if OpenAIStrict(src) && !json.Valid(src) {
			t.Fatal("qualifies and is no JSON")
		}
		if err := Validate(src, value); err == nil && (!json.Valid(src) || !json.Valid(value)) {
			t.Fatal("checked what is no JSON")
		}
	})
}
