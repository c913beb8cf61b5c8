package catalog

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"starlane/internal/billing/pricing"
	"starlane/internal/platform/id"
)

// sample is a catalogue with two models, an alias and one thing of every kind that is switched off.
func sample() Data {
	provider, live, paused := id.New(), id.New(), id.New()
	return Data{
		Version:   7,
		Providers: []Provider{{ID: provider, Slug: "vendor", Dialect: "openai"}},
		Accounts: []Account{
			{ID: live, Provider: provider, Name: "main", BaseURL: "https://vendor.example/v1", Active: true},
			{ID: paused, Provider: provider, Name: "paused", BaseURL: "https://vendor.example/v1"},
		},
		Keys: []UpstreamKey{
			{ID: id.New(), Account: live, Weight: 100, Active: true},
			{ID: id.New(), Account: live, Weight: 100},
			{ID: id.New(), Account: paused, Weight: 100, Active: true},
		},
		Models: []Model{
			{Name: "m/small", Capabilities: []string{"chat"}, State: "active"},
			{Name: "m/hidden", Capabilities: []string{"chat"}, State: "hidden"},
			{Name: "m/old", Capabilities: []string{"chat"}, State: "retired"},
		},
		Deployments: []Deployment{
			{ID: id.New(), Model: "m/small", Account: live, UpstreamModel: "small-1", Active: true},
			{ID: id.New(), Model: "m/small", Account: live, UpstreamModel: "small-drained"},
			{ID: id.New(), Model: "m/small", Account: paused, UpstreamModel: "small-paused", Active: true},
			{ID: id.New(), Model: "m/hidden", Account: live, UpstreamModel: "hidden-1", Active: true},
			{ID: id.New(), Model: "m/old", Account: live, UpstreamModel: "old-1", Active: true},
		},
		Routes: []Route{{Alias: "auto", Models: []string{"m/hidden", "m/old", "m/small"}}},
		Prices: []pricing.Version{{ID: 1, Model: "m/small", ValidFrom: time.Unix(0, 0).UTC(), Rates: pricing.RatesByName{"in_text": 5}}},
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	s, err := Compile(sample())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, alias string
		want        []string // upstream models in order
		known       bool
	}{
		{name: "m/small", want: []string{"small-1"}, known: true},
		{name: "m/hidden", want: []string{"hidden-1"}, known: true},
		{name: "auto", alias: "auto", want: []string{"hidden-1", "small-1"}, known: true},
		{name: "m/old"},
		{name: "M/SMALL"},
		{name: ""},
	} {
		candidates, alias, ok := s.Resolve(tc.name)
		var got []string
		for _, c := range candidates {
			got = append(got, c.Deployment.UpstreamModel)
			if len(c.Keys) != 1 || c.Provider.Slug != "vendor" || !c.Account.Active {
				t.Errorf("%s: candidate %+v is not fit to be called", tc.name, c)
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || alias != tc.alias || ok != tc.known {
			t.Errorf("Resolve(%q) alias %q, known %v, want %q, %v; candidates (-want +got):\n%s", tc.name, alias, ok, tc.alias, tc.known, diff)
		}
	}
}

func TestOnlyActiveModelsAreListed(t *testing.T) {
	t.Parallel()
	s, err := Compile(sample())
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Models(); len(got) != 1 || got[0].Name != "m/small" {
		t.Errorf("Models() = %v, want m/small alone", got)
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil func(*Data)
		want  string
	}{
		"account of nobody":     {func(d *Data) { d.Accounts[0].Provider = id.New() }, "unknown provider"},
		"alias that is a model": {func(d *Data) { d.Routes[0].Alias = "m/small" }, "also a model"},
		"class that is none":    {func(d *Data) { d.Prices[0].Rates["in_txt"] = 1 }, "unknown token class"},
		"negative rate":         {func(d *Data) { d.Prices[0].Rates["in_text"] = -1 }, "negative rate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := sample()
			tc.spoil(&d)
			if _, err := Compile(d); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Compile: err = %v, want one that says %q", err, tc.want)
			}
		})
	}
}

func TestEncodeRoundTrip(t *testing.T) {
	t.Parallel()
	s, err := Compile(sample())
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.data, back.data); diff != "" {
		t.Errorf("decoded snapshot differs (-want +got):\n%s", diff)
	}
	if _, err := Decode([]byte(`{"version":`)); err == nil {
		t.Error("a torn snapshot is accepted")
	}
}

func TestWays(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ dialect, vendor, base, want string }{
		{"openai", "", "https://api.openai.com/v1", "openai"},
		{"openai", "", "https://api.deepseek.com", "openai/deepseek"},
		{"openai", "openai", "https://api.deepseek.com", "openai"},
		{"openai", "vllm", "http://10.0.0.1:8000/v1", "openai/vllm"},
		{"openai", "gone", "https://api.deepseek.com", "openai"},
		{"anthropic", "", "https://api.deepseek.com/anthropic/v1", "anthropic"},
		{"azure_openai", "mistral", "https://x.openai.azure.com", "azure_openai"},
	} {
		p := Provider{Dialect: tc.dialect, Vendor: tc.vendor}
		if got := p.way(tc.base); got != tc.want {
			t.Errorf("%+v: %s", tc, got)
		}
	}
}
