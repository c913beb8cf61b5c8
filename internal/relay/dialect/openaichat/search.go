package openaichat

import (
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

var _ dialect.OneSearcher = Upstream{}

// Searches implements dialect.Searcher: there are models that search, and each answer is one search.
func (Upstream) Searches() bool { return true }

// OneSearch implements dialect.OneSearcher.
func (Upstream) OneSearch() {}

// Searches implements dialect.Searcher: the models of other vendors that search do so in ways of their own.
func (Compatible) Searches() bool { return false }

// search asks a model that searches to do so. It can be told where who asks is, not where to look or how often.
func (e *encoding) search() {
	s := e.p.Search
	if s == nil {
		return
	}
	e.notes.Approx(s.Field)
	e.Key("web_search_options")
	e.Open('{')
	if p := &s.Place; len(p.City)+len(p.Region)+len(p.Country)+len(p.Timezone) > 0 {
		e.Key("user_location")
		e.Open('{')
		e.Key("type")
		e.String("approximate")
		e.Key("approximate")
		e.Open('{')
		e.placed("city", p.City)
		e.placed("region", p.Region)
		e.placed("country", p.Country)
		e.placed("timezone", p.Timezone)
		e.Close('}')
		e.Close('}')
	}
	e.Close('}')
}

func (e *encoding) placed(key string, t llm.Text) {
	if len(t) > 0 {
		e.Key(key)
		e.Text(t)
	}
}

// annotations tells where a text is from. The format counts the characters of all of the message: where that has several texts, a
// source is told for the whole of the last one.
func (r *reader) annotations(c *guard.Cursor, to llm.Sink) {
	wire.List(c, func() {
		cite := llm.Citation{To: -1}
		wire.Object(c, func(k string) {
			if k != "url_citation" {
				c.Skip()
				return
			}
			wire.Object(c, func(k string) {
				switch k {
				case "url":
					cite.URL = wire.Text(c)
				case "title":
					cite.Title = wire.Text(c)
				case "start_index":
					n, _ := c.Int(maxPlace)
					cite.From = int(n)
				case "end_index":
					n, _ := c.Int(maxPlace)
					cite.To = int(n)
				default:
					c.Skip()
				}
			})
		})
		if r.texts > 1 || cite.From < 0 || cite.To <= cite.From {
			cite.From, cite.To = 0, -1
		}
		if r.open >= 0 && r.what == llm.TextBlock && len(cite.URL) > 0 {
			r.take(to, llm.Event{Kind: llm.Cite, Block: r.open, What: llm.TextBlock, Cite: &cite})
		}
	})
}

// maxPlace bounds a place in a text.
const maxPlace = 1 << 24
