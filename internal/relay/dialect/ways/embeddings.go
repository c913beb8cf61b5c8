package ways

import (
	"starlane/internal/catalog"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/gemini"
	"starlane/internal/relay/dialect/openaiembed"
)

// addEmbeddings adds the ways of vectors of texts.
func (f *Formats) addEmbeddings(all dialect.Registry) {
	bridge := func(c dialect.EmbedClient, u dialect.EmbedUpstream) dialect.Egress {
		return &dialect.EmbedBridge{Client: c, Upstream: u}
	}
	contents, predict := &gemini.Embeddings{}, &gemini.Predict{}
	for key, way := range map[dialect.Key]dialect.Egress{
		{Client: openai, Upstream: openai}:               f.Embeddings,
		{Client: openai, Upstream: gemini.Dialect}:       bridge(f.Embeddings, gemini.EmbedUpstream{}),
		{Client: openai, Upstream: catalog.VertexGemini}: bridge(f.Embeddings, gemini.PredictUpstream{}),

		{Client: gemini.Dialect, Upstream: openai}:               bridge(contents, openaiembed.Upstream{}),
		{Client: gemini.Dialect, Upstream: gemini.Dialect}:       contents,
		{Client: gemini.Dialect, Upstream: catalog.VertexGemini}: bridge(contents, gemini.PredictUpstream{}),

		{Client: gemini.PredictDialect, Upstream: openai}:               bridge(predict, openaiembed.Upstream{}),
		{Client: gemini.PredictDialect, Upstream: gemini.Dialect}:       bridge(predict, gemini.EmbedUpstream{}),
		{Client: gemini.PredictDialect, Upstream: catalog.VertexGemini}: predict,
	} {
		key.Capability = dialect.Embeddings
		all[key] = way
	}
}
