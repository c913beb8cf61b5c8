package catalog

import (
	"regexp"
	"strings"

	"starlane/internal/catalog/vendor"
	"starlane/internal/platform/apperr"
)

// The dialects of clouds, which serve the formats of others at addresses and with credentials of their own.
const (
	AzureOpenAI      = "azure_openai"      // OpenAI's format
	Bedrock          = "bedrock"           // the Converse API, for all families of models
	BedrockAnthropic = "bedrock_anthropic" // Claude by InvokeModel, in Anthropic's format
	VertexAnthropic  = "vertex_anthropic"  // Claude by rawPredict, in Anthropic's format
	VertexGemini     = "vertex_gemini"     // Gemini on Vertex AI, in Gemini's format
)

// Format is the wire format of requests and answers in a dialect. Where a client speaks it too, bytes pass.
func Format(dialect string) string {
	switch dialect {
	case AzureOpenAI:
		return "openai"
	case BedrockAnthropic, VertexAnthropic:
		return "anthropic"
	case VertexGemini:
		return "gemini"
	default:
		return dialect
	}
}

// Way names the way to a vendor who speaks a dialect of OpenAI's format.
func Way(vendor string) string { return "openai/" + vendor }

// way is how the provider is spoken to at a base URL.
func (p *Provider) way(baseURL string) string {
	name := p.Vendor
	if name == "" {
		name = vendor.At(baseURL)
	}
	if p.Dialect != "openai" || vendor.Find(name) == nil {
		return p.Dialect
	}
	return Way(name)
}

// Place says where at a cloud the models of an account are. What a dialect has no use for is empty.
type Place struct {
	Region     string `json:"region,omitempty"`
	Project    string `json:"project,omitempty"`
	APIVersion string `json:"api_version,omitempty"`
}

// setting is one part of a Place.
type setting struct {
	name     string
	value    func(*Place) string
	form     *regexp.Regexp
	example  string
	needed   []string // prefixes of the dialects that cannot do without
	optional []string // prefixes of the dialects that can
}

var settings = []setting{ //nolint:gochecknoglobals // a constant table
	{
		name: "region", value: func(p *Place) string { return p.Region }, form: regexp.MustCompile(`^[a-z0-9-]{1,40}$`), example: "us-east-1",
		needed: []string{"bedrock", "vertex"},
	},
	{
		name: "project", value: func(p *Place) string { return p.Project }, form: regexp.MustCompile(`^[a-z0-9][a-z0-9.:-]{0,62}$`), example: "my-project-1",
		needed: []string{"vertex"},
	},
	{
		name: "api_version", value: func(p *Place) string { return p.APIVersion }, form: regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(-preview)?$`), example: "2024-10-21",
		optional: []string{AzureOpenAI},
	},
}

// Check refuses a place that does not lead to models of the dialect. Errors are apperr.
func (p Place) Check(dialect string) error {
	in := func(prefixes []string) bool {
		for _, prefix := range prefixes {
			if strings.HasPrefix(dialect, prefix) {
				return true
			}
		}
		return false
	}
	for _, s := range settings {
		v, needed := s.value(&p), in(s.needed)
		switch {
		case v == "" && needed:
			return apperr.New(apperr.InvalidRequest, "Accounts of %s need a %s, for example %s.", dialect, s.name, s.example).WithParam(s.name)
		case v != "" && !needed && !in(s.optional):
			return apperr.New(apperr.InvalidRequest, "Accounts of %s have no %s.", dialect, s.name).WithParam(s.name)
		case v != "" && !s.form.MatchString(v):
			return apperr.New(apperr.InvalidRequest, "This is no %s; one looks like %s.", s.name, s.example).WithParam(s.name)
		}
	}
	return nil
}
