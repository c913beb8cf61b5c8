// Package ways puts the formats together: the way from each client's format to each upstream's.
package ways

import (
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/anthropic"
	"starlane/internal/relay/dialect/openaichat"
	"starlane/internal/relay/dialect/openaiembed"
	"starlane/internal/relay/dialect/openairesponses"
)

// Formats are the sides that face clients.
type Formats struct {
	Chat       *openaichat.Chat
	Embeddings *openaiembed.Embeddings
	Messages   *anthropic.Messages
	Responses  *openairesponses.Responses
}

// New makes the formats.
func New() *Formats {
	return &Formats{Chat: openaichat.New(), Embeddings: openaiembed.New(), Messages: anthropic.New(), Responses: openairesponses.New()}
}

// Registry is all ways.
func (f *Formats) Registry() dialect.Registry {
	const openai = "openai"
	chat := func(client, upstream string) dialect.Key {
		return dialect.Key{Client: client, Upstream: upstream, Capability: dialect.Chat}
	}
	return dialect.Registry{
		{Client: openai, Upstream: openai, Capability: dialect.Embeddings}: f.Embeddings,

		chat(openai, openai):                       f.Chat,
		chat(openai, anthropic.Dialect):            &dialect.Bridge{Client: f.Chat, Upstream: f.Messages},
		chat(anthropic.Dialect, anthropic.Dialect): &dialect.Direct{Client: f.Messages, Upstream: f.Messages},
		chat(anthropic.Dialect, openai):            &dialect.Bridge{Client: f.Messages, Upstream: openaichat.Upstream{Chat: f.Chat}},

		chat(openairesponses.Dialect, openai):            openairesponses.NewNative(f.Responses),
		chat(openairesponses.Dialect, anthropic.Dialect): &dialect.Bridge{Client: f.Responses, Upstream: f.Messages},
	}
}
