package ways

import (
	"starlane/internal/catalog"
	"starlane/internal/catalog/vendor"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/anthropic"
	"starlane/internal/relay/dialect/gemini"
	"starlane/internal/relay/dialect/openaichat"
	"starlane/internal/relay/dialect/openaicompletions"
	"starlane/internal/relay/dialect/openairesponses"
	"starlane/internal/relay/llm"
)

// addVendors adds the ways to vendors who speak OpenAI's chat format with differences. None of them is asked in the Responses format.
func (f *Formats) addVendors(all dialect.Registry, bridge func(dialect.Client, dialect.Upstream, llm.Origin) dialect.Egress, keeper dialect.Keeper) {
	list := vendor.All()
	for i := range list {
		c := openaichat.NewCompatible(f.Chat, &list[i])
		for client, way := range map[string]dialect.Egress{
			openai:                    c.Direct(keeper),
			openaicompletions.Dialect: bridge(f.Completions, c, c.Origin()),
			anthropic.Dialect:         bridge(f.Messages, c, c.Origin()),
			gemini.Dialect:            bridge(f.Contents, c, c.Origin()),
			openairesponses.Dialect:   bridge(f.Responses, c, c.Origin()),
		} {
			all[dialect.Key{Client: client, Upstream: catalog.Way(list[i].Name), Capability: dialect.Chat}] = way
		}
	}
}
