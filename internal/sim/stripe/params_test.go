package stripe

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestParams(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, form string
		read       func(p *params) string
		want       string
	}{
		{"nested", "a[b][c]=1", func(p *params) string { return p.table("a").table("b").str("c") }, "1"},
		{"array by index", "a[0]=x&a[1]=y", func(p *params) string { return strings.Join(p.texts("a"), ",") }, "x,y"},
		{"array by brackets", "a[]=x&a[]=y", func(p *params) string { return strings.Join(p.texts("a"), ",") }, "x,y"},
		{"array of tables", "a[0][n]=x&a[1][n]=y", func(p *params) string {
			return p.list("a")[0].str("n") + p.list("a")[1].str("n")
		}, "xy"},
		{"escaped", url.QueryEscape("a[b]") + "=" + url.QueryEscape("ä & b"), func(p *params) string { return p.table("a").str("b") }, "ä & b"},
		{"absent table", "", func(p *params) string { return p.table("a").table("b").str("c") }, ""},
		{"metadata", "metadata[a]=1&metadata[b]=", func(p *params) string {
			m := p.metadata("metadata", map[string]string{"b": "2", "c": "3"})
			return m["a"] + m["b"] + m["c"]
		}, "13"},
		{"metadata emptied", "metadata=", func(p *params) string { return p.metadata("metadata", map[string]string{"b": "2"})["b"] }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, err := parseForm(tc.form)
			if err != nil {
				t.Fatal(err)
			}
			if got := tc.read(p); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if err := p.done(); err != nil {
				t.Errorf("done: %v", err)
			}
		})
	}
}

func TestParamsRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		form, code string
		read       func(p *params)
	}{
		{"a=1&b=2", "parameter_unknown", func(p *params) { p.str("a") }},
		{"a[x]=1", "parameter_unknown", func(p *params) { p.table("a").str("y") }},
		{"a=x", "parameter_invalid_integer", func(p *params) { p.num("a") }},
		{"a=99999999999999999999", "parameter_invalid_integer", func(p *params) { p.num("a") }},
		{"", "parameter_missing", func(p *params) { p.need("a") }},
		{"a=maybe", "parameter_invalid", func(p *params) { p.flag("a", false) }},
		{"a=c", "parameter_invalid", func(p *params) { p.oneOf("a", "x", "y") }},
		{"a[b]=1", "parameter_invalid", func(p *params) { p.str("a") }},
		{"a=1", "parameter_invalid", func(p *params) { p.table("a") }},
		{"limit=101", "parameter_invalid_integer", func(p *params) { p.cursor() }},
	} {
		p, err := parseForm(tc.form)
		if err != nil {
			t.Fatal(err)
		}
		tc.read(p)
		var got *apiError
		if !errors.As(p.done(), &got) || got.Code != tc.code {
			t.Errorf("%q: %v, want code %s", tc.form, got, tc.code)
		}
	}
	for _, form := range []string{"a=1&a[b]=2", "a[b]=2&a=1", "%zz=1", "a=%zz"} {
		if _, err := parseForm(form); err == nil {
			t.Errorf("%q: no error", form)
		}
	}
}

func FuzzParseForm(f *testing.F) {
	for _, seed := range []string{"a=1", "a[b][0][c]=1", "a[]=1&a[]=2", "[[]]=1", "a[=1", "a]b=1", "=", "a[b]c=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, raw string) {
		p, err := parseForm(raw)
		if err != nil {
			return
		}
		p.texts("a")
		p.table("a").list("b")
		p.metadata("metadata", nil)
		_ = p.done()
	})
}
