package relayapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"starlane/internal/billing/money"
	"starlane/internal/billing/pricing"
	"starlane/internal/catalog"
	"starlane/internal/platform/apperr"
	"starlane/internal/relay/dialect"
	"starlane/internal/tenancy/vkey"
	"starlane/internal/usage"
)

type modelList struct {
	Object string      `json:"object"`
	Data   []modelInfo `json:"data"`
}

// modelInfo is the model object of the OpenAI API with the members that OpenRouter added, which many clients read.
type modelInfo struct {
	ID                  string            `json:"id"`
	Object              string            `json:"object"`
	Created             int64             `json:"created"`
	OwnedBy             string            `json:"owned_by"`
	Name                string            `json:"name"`
	Description         string            `json:"description"`
	ContextLength       int64             `json:"context_length"`
	Capabilities        []string          `json:"capabilities"`
	Features            []string          `json:"features"`
	Architecture        architecture      `json:"architecture"`
	Pricing             pricePerUnit      `json:"pricing"`
	Rates               map[string]string `json:"rates"` // USD for one unit of each token class: pricing is silent on sounds, pictures and characters
	TopProvider         topProvider       `json:"top_provider"`
	SupportedParameters []string          `json:"supported_parameters"`
	RoutesTo            []string          `json:"routes_to,omitempty"` // models behind an alias, in the order they are tried
}

type architecture struct {
	InputModalities  []string `json:"input_modalities"`
	OutputModalities []string `json:"output_modalities"`
	Tokenizer        string   `json:"tokenizer"`
}

// pricePerUnit holds decimal strings in USD for one token or one request.
type pricePerUnit struct {
	Prompt            string `json:"prompt"`
	Completion        string `json:"completion"`
	Request           string `json:"request"`
	InputCacheRead    string `json:"input_cache_read"`
	InternalReasoning string `json:"internal_reasoning"`
	Search            string `json:"search,omitempty"` // of documents to be ranked
}

type topProvider struct {
	ContextLength       int64 `json:"context_length"`
	MaxCompletionTokens int64 `json:"max_completion_tokens"`
	IsModerated         bool  `json:"is_moderated"`
}

// models lists what the key may call: models by name, then aliases. What has no price cannot be called and is left out.
func (s *server) models(c *gin.Context) {
	rid := s.begin(c)
	key, err := s.Pipeline.Authenticate(c.Request.Context(), presentedKey(c.Request))
	if err != nil {
		s.refuse(c, s.spoken(c), rid, err)
		return
	}
	s.json(c, shaped(c, s.visible(key, "")))
}

// model shows one model. Its name may hold slashes.
func (s *server) model(c *gin.Context) {
	name := strings.TrimPrefix(c.Param("id"), "/")
	if name == "" {
		s.models(c)
		return
	}
	rid := s.begin(c)
	key, err := s.Pipeline.Authenticate(c.Request.Context(), presentedKey(c.Request))
	if err != nil {
		s.refuse(c, s.spoken(c), rid, err)
		return
	}
	found := s.visible(key, name)
	if len(found) == 0 {
		s.refuse(c, s.spoken(c), rid, apperr.New(apperr.ModelNotFound, "The model does not exist or you do not have access to it.").WithParam("model"))
		return
	}
	s.json(c, shapedOne(c, &found[0]))
}

func (s *server) json(c *gin.Context, v any) {
	b, err := json.Marshal(v)
	if err != nil { // plain structs always marshal
		c.Status(http.StatusInternalServerError)
		return
	}
	c.Data(http.StatusOK, "application/json", append(b, '\n'))
}

// visible describes the models and aliases that a key may call, or only the one called name.
func (s *server) visible(key *vkey.Record, name string) []modelInfo {
	out := []modelInfo{}
	snapshot, now := s.Catalog(), s.Clock.Now()
	if snapshot == nil {
		return out
	}
	wanted := func(n string) bool { return (name == "" || name == n) && key.Allows(n) }
	for _, m := range snapshot.Models() {
		if rates := snapshot.Prices.Lookup(key.Tenant, m.Name, now); rates != nil && wanted(m.Name) {
			out = append(out, describe(m, rates))
		}
	}
	for _, r := range snapshot.Routes() {
		if wanted(r.Alias) {
			if info, ok := s.alias(snapshot, r, key, now); ok {
				out = append(out, info)
			}
		}
	}
	return out
}

// alias is described as the first of its models that can be called.
func (s *server) alias(snapshot *catalog.Snapshot, r catalog.Route, key *vkey.Record, now time.Time) (modelInfo, bool) {
	for _, name := range r.Models {
		m := snapshot.Model(name)
		if m == nil {
			continue
		}
		if rates := snapshot.Prices.Lookup(key.Tenant, m.Name, now); rates != nil {
			info := describe(m, rates)
			info.ID, info.Name, info.RoutesTo = r.Alias, r.Alias, r.Models
			if r.Description != "" {
				info.Description = r.Description
			}
			return info, true
		}
	}
	return modelInfo{}, false
}

func describe(m *catalog.Model, rates *pricing.Rates) modelInfo {
	owner, _, _ := strings.Cut(m.Name, "/")
	info := modelInfo{
		ID: m.Name, Object: "model", Created: m.CreatedAt.Unix(), OwnedBy: owner, Name: m.DisplayName, Description: m.Description,
		ContextLength: m.ContextLength, Capabilities: list(m.Capabilities), Features: list(m.Features),
		Architecture: architecture{InputModalities: []string{"text"}, OutputModalities: []string{"text"}, Tokenizer: m.Tokenizer},
		Pricing: pricePerUnit{
			Prompt: perUnit(rates.Price[usage.InText]), Completion: perUnit(rates.Price[usage.OutText]),
			Request: perUnit(rates.Price[usage.Request]), InputCacheRead: perUnit(rates.Price[usage.InCached]),
			InternalReasoning: perUnit(rates.Price[usage.OutReasoning]),
		},
		Rates:               map[string]string{},
		TopProvider:         topProvider{ContextLength: m.ContextLength, MaxCompletionTokens: m.MaxOutput},
		SupportedParameters: parameters(m),
	}
	if slices.Contains(m.Features, "vision") {
		info.Architecture.InputModalities = append(info.Architecture.InputModalities, "image")
	}
	if rates.Has[usage.SearchQuery] {
		info.Pricing.Search = perUnit(rates.Price[usage.SearchQuery])
	}
	for class := range usage.NumClasses {
		if rates.Has[class] {
			info.Rates[class.String()] = perUnit(rates.Price[class])
		}
	}
	if len(m.Capabilities) == 1 {
		switch m.Capabilities[0] { // those that write no text
		case dialect.Embeddings:
			info.Architecture.OutputModalities = []string{"embeddings"}
		case dialect.Moderation, dialect.Rerank:
			info.Architecture.OutputModalities = []string{"scores"}
		}
	}
	describeMedia(&info, m, rates)
	return info
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// parameters are the members of a request that say how a model is to answer.
func parameters(m *catalog.Model) []string {
	out := []string{}
	add := func(capability string, names ...string) {
		if m.Has(capability) {
			out = append(out, names...)
		}
	}
	add(dialect.Images, "n", "output_format", "quality", "size", "stream")
	add(dialect.Audio, "response_format", "stream", "stream_format")
	add(dialect.Embeddings, "dimensions", "encoding_format")
	add(dialect.Rerank, "top_n", "return_documents")
	add(dialect.Completions, "best_of", "echo", "frequency_penalty", "logprobs", "max_tokens", "n", "presence_penalty", "seed", "stop", "suffix", "temperature", "top_p")
	add(dialect.Chat, "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "seed", "frequency_penalty", "presence_penalty")
	for feature, names := range map[string][]string{
		"tools": {"tools", "tool_choice"}, "json_schema": {"response_format", "structured_outputs"}, "reasoning": {"reasoning_effort"},
	} {
		if slices.Contains(m.Features, feature) {
			add(dialect.Chat, names...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// perUnit renders a price as decimal USD for one unit. A Price is whole femto-USD for one unit.
func perUnit(p money.Price) string {
	const places = 15
	text := fmt.Sprintf("%0*d", places+1, int64(p))
	whole, frac := text[:len(text)-places], strings.TrimRight(text[len(text)-places:], "0")
	if frac == "" {
		return whole
	}
	return whole + "." + frac
}
