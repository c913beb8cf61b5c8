// Package ways puts the formats together: the way from each client's format to each upstream's.
package ways

import (
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/anthropic"
	"starlane/internal/relay/dialect/gemini"
	"starlane/internal/relay/dialect/openaiaudio"
	"starlane/internal/relay/dialect/openaichat"
	"starlane/internal/relay/dialect/openaicompletions"
	"starlane/internal/relay/dialect/openaiembed"
	"starlane/internal/relay/dialect/openaiimages"
	"starlane/internal/relay/dialect/openaimoderation"
	"starlane/internal/relay/dialect/openairesponses"
	"starlane/internal/relay/dialect/rerank"
	"starlane/internal/relay/llm"
)

const openai = "openai"

// Formats are the sides that face clients.
type Formats struct {
	Chat        *openaichat.Chat
	Completions *openaicompletions.Completions
	Embeddings  *openaiembed.Embeddings
	Moderations *openaimoderation.Moderations
	Rerank      *rerank.Rerank
	Messages    *anthropic.Messages
	Responses   *openairesponses.Responses
	Contents    *gemini.Contents
}

// New makes the formats.
func New() *Formats {
	chat := openaichat.New()
	return &Formats{
		Chat: chat, Completions: openaicompletions.New(chat), Embeddings: openaiembed.New(), Moderations: openaimoderation.New(), Rerank: rerank.New(),
		Messages: anthropic.New(), Responses: openairesponses.New(), Contents: &gemini.Contents{},
	}
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
		{Client: openai, Upstream: openai, Capability: dialect.Moderation}: f.Moderations,
		{Client: openai, Upstream: openai, Capability: dialect.Rerank}:     f.Rerank,
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

		{Client: openaicompletions.Dialect, Upstream: openai, Capability: dialect.Completions}: f.Completions,
		chat(openaicompletions.Dialect, openai):                                                bridge(f.Completions, chatUpstream, openai),
		chat(openaicompletions.Dialect, anthropic.Dialect):                                     bridge(f.Completions, f.Messages, anthropic.Dialect),
		chat(openaicompletions.Dialect, gemini.Dialect):                                        bridge(f.Completions, f.Contents, gemini.Dialect),

		chat(openairesponses.Dialect, openai):            openairesponses.NewNative(f.Responses),
		chat(openairesponses.Dialect, anthropic.Dialect): bridge(f.Responses, f.Messages, anthropic.Dialect),
		chat(openairesponses.Dialect, gemini.Dialect):    bridge(f.Responses, f.Contents, gemini.Dialect),
	}
	f.addEmbeddings(all)
	f.addClouds(all, bridge)
	f.addVendors(all, bridge, keeper)
	return all
}
