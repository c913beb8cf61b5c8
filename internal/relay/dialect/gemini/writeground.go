package gemini

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// grounding collects where the texts of a candidate are from.
type grounding struct {
	before  int    // bytes of the blocks before the open one
	text    []byte // of the open block
	pending []llm.Citation
	told    []support
}

func (g *grounding) open() { g.text = g.text[:0] }

func (g *grounding) say(t llm.Text) {
	if plain, err := guard.Unquote(t); err == nil {
		g.text = append(g.text, plain...)
	}
}

// cite notes a source of the open block. What it says of it shows when the block is whole.
func (g *grounding) cite(c *llm.Citation) {
	kept := *c
	kept.URL, kept.Title = clone(c.URL), clone(c.Title)
	g.pending = append(g.pending, kept)
}

func (g *grounding) shut() {
	for _, c := range g.pending {
		s := support{cite: c, from: offset(g.text, c.From), to: len(g.text)}
		if c.To >= 0 {
			s.to = offset(g.text, c.To)
		}
		s.cite.Quote = wire.Escape(nil, g.text[min(s.from, s.to):s.to])
		s.from, s.to = s.from+g.before, s.to+g.before
		g.told = append(g.told, s)
	}
	g.before += len(g.text)
	g.text, g.pending = g.text[:0], nil
}

// offset is where a character of a text is, in bytes.
func offset(text []byte, character int) (at int) {
	for ; character > 0 && at < len(text); character-- {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at
}

// append writes the sources, each once, and what of the text is from them.
func (g *grounding) append(b *wire.Builder) {
	if len(g.told) == 0 {
		return
	}
	var sources []llm.Citation
	index := func(c *llm.Citation) int64 {
		at := slices.IndexFunc(sources, func(s llm.Citation) bool { return bytes.Equal(s.URL, c.URL) })
		if at < 0 {
			at, sources = len(sources), append(sources, *c)
		}
		return int64(at)
	}
	supports := wire.Builder{}
	supports.Open('[')
	for i := range g.told {
		s := &g.told[i]
		supports.Open('{')
		supports.Key("segment")
		supports.Open('{')
		supports.Key("startIndex")
		supports.Int(int64(s.from))
		supports.Key("endIndex")
		supports.Int(int64(s.to))
		supports.Key("text")
		supports.Text(s.cite.Quote)
		supports.Close('}')
		supports.Key("groundingChunkIndices")
		supports.Open('[')
		supports.Int(index(&s.cite))
		supports.Close(']')
		supports.Close('}')
	}
	supports.Close(']')
	b.Key("groundingMetadata")
	b.Open('{')
	b.Key("groundingChunks")
	b.Open('[')
	for i := range sources {
		b.Open('{')
		b.Key("web")
		b.Open('{')
		b.Key("uri")
		b.Text(sources[i].URL)
		b.Key("title")
		b.Text(sources[i].Title)
		b.Close('}')
		b.Close('}')
	}
	b.Close(']')
	b.Key("groundingSupports")
	b.Raw(supports.B)
	b.Close('}')
}
