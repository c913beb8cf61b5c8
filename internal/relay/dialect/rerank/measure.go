package rerank

import (
	"math"
	"strconv"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Who bills tokens counts the query anew for each document, with what a model's template says around the two.
const perPair = 128

// Who bills searches counts one for every hundred documents, of which a long one is several, each of as many tokens as the query
// leaves room for. No query is taken to fill more than half of the room.
const (
	perSearch = 100
	chunk     = 500
)

// maxReported bounds a reported count: what is larger is a broken report, and is treated as none.
const maxReported = 1_000_000_000

// weight is the size of a request: of its query, and of its documents one by one.
type weight struct {
	query     usage.Tokens
	documents int64
	text      usage.Tokens // of all documents
	chunks    int64
	pictures  bool
}

// MeasurePrompt implements dialect.Egress.
func (*Rerank) MeasurePrompt(r *llm.Request) llm.Size {
	w := weigh(r, func(raw []byte) usage.Tokens { return usage.Tokens(len(raw)) })
	return llm.Size{
		Most: w.documents*(w.query+perPair) + w.text, Prompts: w.documents, Open: w.pictures,
		Instead: []llm.Units{{Class: usage.SearchQuery, Most: max((w.chunks+perSearch-1)/perSearch, 1)}},
	}
}

// EstimatePrompt implements dialect.Egress.
func (*Rerank) EstimatePrompt(r *llm.Request, count dialect.Count) usage.Tokens {
	w := weigh(r, func(raw []byte) usage.Tokens {
		if raw[0] == '"' {
			raw = raw[1 : len(raw)-1]
		}
		return dialect.CountEscaped(raw, len(raw), count)
	})
	return w.documents*w.query + w.text
}

// weigh weighs values as they stand in the body: an object becomes a text by the vendor, no longer than it is here.
func weigh(r *llm.Request, size func(raw []byte) usage.Tokens) (w weight) {
	c := guard.NewCursor(r.Content.Open())
	wire.Object(&c, func(k string) {
		if k == "query" {
			w.pictures = w.pictures || c.Kind() == guard.Object
			w.query = size(c.Raw())
			return
		}
		c.Skip()
	})
	room := max(chunk-w.query, chunk/2)
	c = guard.NewCursor(r.Content.Open())
	wire.Object(&c, func(k string) {
		if k != "documents" {
			c.Skip()
			return
		}
		wire.List(&c, func() {
			w.pictures = w.pictures || pictured(c)
			n := size(c.Raw())
			w.documents++
			w.text += n
			w.chunks += max((n+room-1)/room, 1)
		})
	})
	return w
}

// pictured tells whether a document has a picture, of which its bytes do not say how many tokens it costs.
func pictured(c guard.Cursor) (yes bool) {
	wire.Object(&c, func(k string) {
		yes = yes || k == "image" || k == "image_url" || k == "content"
		c.Skip()
	})
	return yes
}

// report is what an answer says about its cost.
type report struct {
	searches, total, prompt, input int64
	broken                         bool
}

func (u *report) tokens(c *guard.Cursor) {
	wire.Object(c, func(k string) {
		switch k {
		case "total_tokens":
			u.number(c, &u.total)
		case "prompt_tokens":
			u.number(c, &u.prompt)
		case "input_tokens":
			u.number(c, &u.input)
		default:
			c.Skip()
		}
	})
}

func (u *report) billed(c *guard.Cursor) {
	wire.Object(c, func(k string) {
		if k == "search_units" {
			u.number(c, &u.searches)
			return
		}
		c.Skip()
	})
}

// number reads a count. Cohere's are decimals; a part of a search would be a whole one.
func (u *report) number(c *guard.Cursor, into *int64) {
	raw := wire.Number(c)
	if raw == nil {
		return
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || v < 0 || v > maxReported {
		u.broken = true
		return
	}
	*into = int64(math.Ceil(v))
}

// counts are what is billed: searches where the vendor bills those, else tokens.
func (u *report) counts() (counts usage.Counts, ok bool) {
	tokens := max(u.total, u.prompt, u.input)
	switch {
	case u.broken:
	case u.searches > 0:
		counts.Set(usage.SearchQuery, u.searches, usage.Reported)
		return counts, true
	case tokens > 0:
		counts.Set(usage.InText, tokens, usage.Reported)
		return counts, true
	}
	return counts, false
}
