package schema

import (
	"errors"
	"strings"
	"testing"
	"time"

	"starlane/internal/relay/guard"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	const person = `{"type":"object","properties":{"age":{"type":"integer","minimum":18},"id":{"$ref":"#/$defs/id","maxLength":3}},"required":["age"],"additionalProperties":false,"$defs":{"id":{"type":"string","pattern":"^[a-z]+$"}}}`
	cases := []struct {
		name, schema, value string
		want                error
		text                string
	}{
		{"fits", person, `{"age":18,"id":"abc"}`, nil, ""},
		{"rule of a property", person, `{"age":17}`, ErrMismatch, "#/properties/age/minimum: the value does not fit the schema"},
		{"rule of what is referred to", person, `{"age":18,"id":"SECRET"}`, ErrMismatch, "#/properties/id/allOf/0/pattern: the value does not fit the schema"},
		{"rule beside a reference", person, `{"age":18,"id":"abcd"}`, ErrMismatch, "#/properties/id/maxLength: the value does not fit the schema"},
		{"a key that is not there", person, `{}`, ErrMismatch, "#/required: the value does not fit the schema"},
		{"a key of the model's own", person, `{"age":18,"SECRET":1}`, ErrMismatch, "#/additionalProperties: the value does not fit the schema"},
		{"names of keys", `{"propertyNames":{"maxLength":2}}`, `{"SECRET":1}`, ErrMismatch, "#/propertyNames"},
		{"the first of several", `{"properties":{"b":{"type":"string"},"a":{"type":"string"}}}`, `{"a":1,"b":2}`, ErrMismatch, "#/properties/a/type"},
		{"exact numbers", `{"const":9007199254740993}`, `9007199254740992`, ErrMismatch, "#/const"},
		{"draft 4", `{"$schema":"http://json-schema.org/draft-04/schema#","minimum":1,"exclusiveMinimum":true}`, `1`, ErrMismatch, "#/"},
		{"identity is no address", `{"$id":"https://example.com/a","$ref":"#/$defs/x","$defs":{"x":{"$id":"file:///etc/passwd","type":"string"}}}`, `1`, ErrMismatch, "#/allOf/0/type"},
		{"true", `true`, `1`, nil, ""},
		{"false", `false`, `1`, ErrMismatch, "#: the value does not fit the schema"},
		{"elsewhere", `{"$ref":"https://example.com/secret"}`, `1`, ErrReference, "#/$ref: "},
		{"a file", `{"items":{"$ref":"file:///etc/passwd"}}`, `1`, ErrReference, "#/items/$ref: "},
		{"a draft elsewhere", `{"$schema":"https://example.com/secret"}`, `1`, ErrCompile, "#: "},
		{"a draft in a file", `{"$schema":"file:///etc/passwd"}`, `1`, ErrCompile, "#: "},
		{"recursion", `{"properties":{"a":{"$ref":"#"}}}`, `{}`, ErrRecursion, "#/properties/a/$ref: "},
		{"dynamic", `{"$dynamicRef":"#x"}`, `{}`, ErrReference, "#/$dynamicRef: "},
		{"broken schema", `{"type":"secret"}`, `1`, ErrCompile, "#: the schema cannot be used to check values"},
		{"pattern of another dialect", `{"pattern":"(?=secret)"}`, `"x"`, ErrCompile, "#: the schema cannot be used to check values"},
		{"nothing to divide by", `{"multipleOf":0}`, `1`, ErrCompile, "#: "},
		{"no JSON", `{}`, `{"secret`, guard.ErrSyntax, "#: "},
		{"a key twice", `{}`, `{"SECRET":{"a":1,"a":2}}`, ErrTwice, "#: "},
		{"a huge number", `{"minimum":1}`, `1e999999999`, ErrCostly, "#: "},
		{"a tiny number", `{"minimum":1e-99999}`, `1`, ErrCostly, "#: "},
		{"a long number", `{"minimum":1}`, strings.Repeat("1", maxDigits+1), ErrCostly, "#: "},
		{"the longest number", `{"minimum":1}`, strings.Repeat("1", maxDigits), nil, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := Validate([]byte(c.schema), []byte(c.value))
			if !errors.Is(err, c.want) {
				t.Fatalf("err = %v, want %v", err, c.want)
			}
			if err != nil && (!strings.HasPrefix(err.Error(), c.text) || strings.Contains(strings.ToLower(err.Error()), "secret")) {
				t.Errorf("err = %q, want %q and no content", err, c.text)
			}
		})
	}
}

// TestValidateIsBounded gives it what would take minutes, or for ever.
func TestValidateIsBounded(t *testing.T) {
	t.Parallel()
	list := func(n int, item string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
	}
	cases := map[string]struct{ schema, value string }{
		"many rules for many values": {`{"items":{"allOf":` + list(4000, `{"minimum":1}`) + `}}`, list(40_000, "0")},
		"many schemas":               {`{"allOf":` + list(maxChecked, `{}`) + `}`, `1`},
		"a wide pattern":             {`{"items":{"pattern":"(x?){1000}y"}}`, list(10, `"`+strings.Repeat("x", MaxSize/11)+`"`)},
		"long values of references":  {`{"properties":{"a":{"$ref":"#/$defs/x"}` + many(1000, `{"$ref":"#/$defs/x"}`) + `},"$defs":{"x":{"const":{"v":` + list(40_000, "1") + `}}}}`, `{}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			if err := Validate([]byte(c.schema), []byte(c.value)); !errors.Is(err, ErrCostly) && !errors.Is(err, ErrSize) {
				t.Errorf("err = %.200v, want ErrCostly or ErrSize", err)
			}
			t.Log(time.Since(start))
		})
	}
}
