package gemini

import (
	"unicode/utf8"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// textBlock is where a block of text begins in all of the candidate's text.
type textBlock struct{ ordinal, from int }

// support says where a part of the text is from.
type support struct {
	cite     llm.Citation
	from, to int // bytes of all of the text
}

var _ dialect.TextKeeper = (*reader)(nil)

// KeepText implements dialect.TextKeeper: the API counts bytes, everybody else characters.
func (r *reader) KeepText() { r.keeps = true }

// maxKept bounds the text that is kept; what is founded on something behind it is not told.
const maxKept = 1 << 20

func (r *reader) keep(said llm.Text) {
	if plain, err := guard.Unquote(said); err == nil && len(r.text)+len(plain) <= maxKept {
		r.text = append(r.text, plain...)
	}
}

// ground reads what a candidate is founded on. Chunks repeat it from the beginning.
func (r *reader) ground(c *guard.Cursor) {
	queries := int64(0)
	var chunks []llm.Citation
	var supports guard.Cursor
	wire.Object(c, func(k string) {
		switch k {
		case "webSearchQueries":
			wire.List(c, func() {
				queries++
				c.Skip()
			})
		case "groundingChunks":
			wire.List(c, func() { chunks = append(chunks, readChunk(c)) })
		case "groundingSupports":
			supports = *c
			c.Skip()
		default:
			c.Skip()
		}
	})
	if len(chunks) > 0 {
		queries = max(queries, 1)
	}
	if queries > r.asked {
		r.report.searches += queries - r.asked
		r.asked = queries
	}
	if !r.keeps || supports.Kind() != guard.Array {
		return
	}
	r.cites = r.cites[:0]
	wire.List(&supports, func() { r.support(&supports, chunks) })
}

func readChunk(c *guard.Cursor) (cite llm.Citation) {
	wire.Object(c, func(k string) {
		if k != "web" {
			c.Skip()
			return
		}
		wire.Object(c, func(k string) {
			switch k {
			case "uri":
				cite.URL = clone(wire.Text(c))
			case "title":
				cite.Title = clone(wire.Text(c))
			default:
				c.Skip()
			}
		})
	})
	return cite
}

// maxSupports bounds what is kept of a candidate's sources.
const maxSupports = 1 << 10

func (r *reader) support(c *guard.Cursor, chunks []llm.Citation) {
	var s support
	var indices []int64
	wire.Object(c, func(k string) {
		switch k {
		case "segment":
			wire.Object(c, func(k string) {
				switch k {
				case "startIndex":
					n, _ := c.Int(maxKept)
					s.from = int(n)
				case "endIndex":
					n, _ := c.Int(maxKept)
					s.to = int(n)
				default:
					c.Skip()
				}
			})
		case "groundingChunkIndices":
			wire.List(c, func() {
				if n, ok := c.Int(maxSupports); ok {
					indices = append(indices, n)
				}
			})
		default:
			c.Skip()
		}
	})
	for _, i := range indices {
		if i < int64(len(chunks)) && len(chunks[i].URL) > 0 && len(r.cites) < maxSupports {
			s.cite = chunks[i]
			r.cites = append(r.cites, s)
		}
	}
}

// cite tells where the candidate's text is from, at its end.
func (r *reader) cite(to llm.Sink) {
	for i := range r.cites {
		s := &r.cites[i]
		block := textBlock{ordinal: -1}
		for _, b := range r.texts {
			if b.from <= s.from {
				block = b
			}
		}
		if block.ordinal < 0 || s.from < block.from || s.to <= s.from || s.to > len(r.text) {
			continue
		}
		s.cite.From = utf8.RuneCount(r.text[block.from:s.from])
		s.cite.To = s.cite.From + utf8.RuneCount(r.text[s.from:s.to])
		r.take(to, llm.Event{Kind: llm.Cite, Block: block.ordinal, What: llm.TextBlock, Cite: &s.cite})
	}
	r.cites = nil
}
