// Package ways puts the formats together: the way from each client's format to each upstream's.
package ways

import (
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/anthropic"
	"starlane/internal/relay/dialect/gemini"
	"starlane/internal/relay/dialect/openaiaudio"
	"starlane/internal/relay/dialect/openaichat"
	"starlane/internal/relay/dialect/openaiembed"
	"starlane/internal/relay/dialect/openaiimages"
	"starlane/internal/relay/dialect/openairesponses"
	"starlane/internal/relay/llm"
)

const openai = "openai"

// Formats are the sides that face clients.
type Formats struct {
	Chat       *openaichat.Chat
	Embeddings *openaiembed.Embeddings
	Messages   *anthropic.Messages
	Responses  *openairesponses.Responses
	Contents   *gemini.Contents
}

// New makes the formats.
func New() *Formats {
	return &Formats{Chat: openaichat.New(), Embeddings: openaiembed.New(), Messages: anthropic.New(), Responses: openairesponses.New(), Contents: &gemini.Contents{}}
}

// Registry is all ways. keeper keeps the thoughts that clients do not give back; nil for none.
func (f *Formats) Registry(keeper dialect.Keeper) dialect.Registry {
	chat := func(client, upstream string) dialect.Key {
		return dialect.Key{Client: client, Upstream: upstream, Capability: dialect.Chat}
	}
	bridge := func(c dialect.Client, u dialect.Upstream, origin llm.Origin) dialect.Egress {
		return &dialect.Bridge{Client: c, Upstream: u, Origin: origin, Keeper: keeper}
	}
	chatUpstream := openaichat.Upstream{Chat: f.Chat}
	all := dialect.Registry{
		{Client: openai, Upstream: openai, Capability: dialect.Embeddings}: f.Embeddings,
		{Client: openai, Upstream: openai, Capability: dialect.Images}:     openaiimages.Images{},
		{Client: openai, Upstream: openai, Capability: dialect.Audio}:      openaiaudio.Audio{},

		{Client: openai, Upstream: gemini.Dialect, Capability: dialect.Images}: gemini.Images{Host: f.Contents},

		chat(openai, openai):            f.Chat,
		chat(openai, anthropic.Dialect): bridge(f.Chat, f.Messages, anthropic.Dialect),
		chat(openai, gemini.Dialect):    bridge(f.Chat, f.Contents, gemini.Dialect),

		chat(anthropic.Dialect, openai):            bridge(f.Messages, chatUpstream, openai),
		chat(anthropic.Dialect, anthropic.Dialect): anthropic.NewNative(f.Messages),
		chat(anthropic.Dialect, gemini.Dialect):    bridge(f.Messages, f.Contents, gemini.Dialect),

		chat(gemini.Dialect, openai):            bridge(f.Contents, chatUpstream, openai),
		chat(gemini.Dialect, anthropic.Dialect): bridge(f.Contents, f.Messages, anthropic.Dialect),
		chat(gemini.Dialect, gemini.Dialect):    &dialect.Direct{Client: f.Contents, Upstream: f.Contents, Foreign: gemini.Foreign},

		chat(openairesponses.Dialect, openai):            openairesponses.NewNative(f.Responses),
		chat(openairesponses.Dialect, anthropic.Dialect): bridge(f.Responses, f.Messages, anthropic.Dialect),
		chat(openairesponses.Dialect, gemini.Dialect):    bridge(f.Responses, f.Contents, gemini.Dialect),
	}
	f.addClouds(all, bridge)
	return all
}
