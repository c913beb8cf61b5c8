package ways

import (
	"maps"

	"starlane/internal/catalog"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/anthropic"
	"starlane/internal/relay/dialect/converse"
	"starlane/internal/relay/dialect/gemini"
	"starlane/internal/relay/dialect/openaicompletions"
	"starlane/internal/relay/dialect/openairesponses"
	"starlane/internal/relay/llm"
)

// addClouds adds the ways to clouds, which serve the formats of others.
func (f *Formats) addClouds(all dialect.Registry, bridge func(dialect.Client, dialect.Upstream, llm.Origin) dialect.Egress) {
	chat := func(client, upstream string, way dialect.Egress) {
		all[dialect.Key{Client: client, Upstream: upstream, Capability: dialect.Chat}] = way
	}
	for key, way := range maps.Clone(all) { // Azure's differences are a matter of addresses
		if key.Upstream == openai && key.Capability != dialect.Moderation && key.Capability != dialect.Rerank { // which it does not have
			all[dialect.Key{Client: key.Client, Upstream: catalog.AzureOpenAI, Capability: key.Capability}] = way
		}
	}
	for upstream, host := range map[string]*anthropic.Hosted{
		catalog.BedrockAnthropic: anthropic.OnBedrock(f.Messages), catalog.VertexAnthropic: anthropic.OnVertex(f.Messages),
	} {
		chat(openai, upstream, bridge(f.Chat, host, anthropic.Dialect))
		chat(openairesponses.Dialect, upstream, bridge(f.Responses, host, anthropic.Dialect))
		chat(openaicompletions.Dialect, upstream, bridge(f.Completions, host, anthropic.Dialect))
		chat(gemini.Dialect, upstream, bridge(f.Contents, host, anthropic.Dialect))
		chat(anthropic.Dialect, upstream, host.Direct())
	}
	vertex := &gemini.Vertex{}
	all[dialect.Key{Client: openai, Upstream: catalog.VertexGemini, Capability: dialect.Images}] = gemini.Images{Host: vertex}
	chat(openai, catalog.VertexGemini, bridge(f.Chat, vertex, gemini.Dialect))
	chat(openairesponses.Dialect, catalog.VertexGemini, bridge(f.Responses, vertex, gemini.Dialect))
	chat(openaicompletions.Dialect, catalog.VertexGemini, bridge(f.Completions, vertex, gemini.Dialect))
	chat(anthropic.Dialect, catalog.VertexGemini, bridge(f.Messages, vertex, gemini.Dialect))
	chat(gemini.Dialect, catalog.VertexGemini, vertex.Direct())
	chat(openai, converse.Dialect, bridge(f.Chat, converse.Converse{}, converse.Dialect))
	chat(openairesponses.Dialect, converse.Dialect, bridge(f.Responses, converse.Converse{}, converse.Dialect))
	chat(openaicompletions.Dialect, converse.Dialect, bridge(f.Completions, converse.Converse{}, converse.Dialect))
	chat(gemini.Dialect, converse.Dialect, bridge(f.Contents, converse.Converse{}, converse.Dialect))
	chat(anthropic.Dialect, converse.Dialect, bridge(f.Messages, converse.Converse{}, converse.Dialect))
}
