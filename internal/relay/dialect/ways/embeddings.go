package ways

import (
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/gemini"
	"starlane/internal/relay/dialect/openaiembed"
)

// addEmbeddings adds the ways of vectors of texts.
func (f *Formats) addEmbeddings(all dialect.Registry) {
	for key, way := range map[dialect.Key]dialect.Egress{
		{Client: openai, Upstream: openai}:                 f.Embeddings,
		{Client: openai, Upstream: gemini.Dialect}:         &dialect.EmbedBridge{Client: f.Embeddings, Upstream: gemini.EmbedUpstream{}},
		{Client: gemini.Dialect, Upstream: gemini.Dialect}: &gemini.Embeddings{},
		{Client: gemini.Dialect, Upstream: openai}:         &dialect.EmbedBridge{Client: &gemini.Embeddings{}, Upstream: openaiembed.Upstream{}},
	} {
		key.Capability = dialect.Embeddings
		all[key] = way
	}
}
