package anthropic

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"

	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// webSearch is the name of the vendor's tool that looks things up in the web, and of its family.
const (
	webSearch     = "web_search"
	webSearchType = "web_search_20250305"
)

// The types of the blocks in which the vendor's tools work.
const (
	serverToolUse = "server_tool_use"
	searchResult  = "web_search_tool_result"
)

// blockMark begins a block of the vendor's own tools among what it sealed: clients of other formats carry it, as it is, to the next
// turn.
const blockMark = "block."

// sealBlock makes a sealed artifact of a block. Its input, escaped, may have come piece by piece.
func sealBlock(block []byte, input llm.Text) llm.Text {
	if plain, err := guard.Unquote(input); err == nil && json.Valid([]byte(plain)) {
		c := guard.NewCursor(block)
		wire.Object(&c, func(k string) {
			from := c.At()
			if c.Skip(); k == "input" && !c.Bad() {
				block = slices.Concat(block[:from], []byte(plain), block[c.At():])
			}
		})
	}
	return base64.RawURLEncoding.AppendEncode([]byte(blockMark), block)
}

// unsealBlock is the inverse; nil for what is no such block.
func unsealBlock(s *llm.Sealed) llm.Raw {
	data, ok := bytes.CutPrefix(s.Data, []byte(blockMark))
	if !ok || s.Origin != Dialect {
		return nil
	}
	block, err := base64.RawURLEncoding.DecodeString(string(data))
	if err != nil || !json.Valid(block) {
		return nil
	}
	kind := ""
	c := guard.NewCursor(block)
	wire.Object(&c, func(k string) {
		if k == "type" {
			kind = string(wire.Text(&c))
			return
		}
		c.Skip()
	})
	if kind != serverToolUse && kind != searchResult {
		return nil
	}
	return block
}

// cite reads where a text is from. It is about the whole of its block.
func (r *reader) cite(b *readBlock, c *guard.Cursor, to llm.Sink) {
	cite := llm.Citation{To: -1}
	wire.Object(c, func(k string) {
		switch k {
		case "url":
			cite.URL = wire.Text(c)
		case "title":
			cite.Title = wire.Text(c)
		case "cited_text":
			cite.Quote = wire.Text(c)
		default:
			c.Skip()
		}
	})
	if b.what == llm.TextBlock && len(cite.URL) > 0 { // documents of the client have no address
		r.take(to, llm.Event{Kind: llm.Cite, Block: b.ordinal, What: b.what, Cite: &cite})
	}
}

// foreignIndex stands for what the vendor would know its own citation by: who sees it writes the request anew without it.
const foreignIndex = wire.SealMark + "none.c."

// appendCitation writes where a text is from.
func appendCitation(b *wire.Builder, c *llm.Citation) {
	b.Open('{')
	b.Key("type")
	b.String("web_search_result_location")
	b.Key("cited_text")
	b.Text(c.Quote)
	b.Key("url")
	b.Text(c.URL)
	b.Key("title")
	b.Text(c.Title)
	b.Key("encrypted_index")
	b.String(foreignIndex)
	b.Close('}')
}

// canSearch leaves the search out where the host has none, or the client has a tool of its own that goes by its name.
func (e *encoding) canSearch() {
	taken := slices.ContainsFunc(e.p.Tools, func(t llm.Tool) bool { return string(t.Name) == webSearch })
	if taken || e.at != nil && !e.at.search {
		e.p.SkipSearch(e.notes)
	}
}

// search writes the tool. Another vendor's search finds other things; how often it may be used is always said, as it is paid for.
func (e *encoding) search(s *llm.WebSearch) {
	if e.p.Client == Dialect {
		e.Raw(s.Raw)
		return
	}
	e.notes.Approx(s.Field)
	e.Open('{')
	e.Key("type")
	e.String(webSearchType)
	e.Key("name")
	e.String(webSearch)
	e.Key("max_uses")
	if s.MaxUses > 0 {
		e.Int(s.MaxUses)
	} else {
		e.Int(llm.UsualSearches)
	}
	if len(s.Allowed) > 0 { // the API takes one of the lists
		e.domains("allowed_domains", s.Allowed)
	} else if len(s.Blocked) > 0 {
		e.domains("blocked_domains", s.Blocked)
	}
	e.place(&s.Place)
	e.Close('}')
}

func (e *encoding) domains(key string, list []llm.Text) {
	e.Key(key)
	e.Open('[')
	for _, d := range list {
		e.Text(d)
	}
	e.Close(']')
}

func (e *encoding) place(p *llm.Place) {
	if len(p.City)+len(p.Region)+len(p.Country)+len(p.Timezone) == 0 {
		return
	}
	part := func(key string, t llm.Text) {
		if len(t) > 0 {
			e.Key(key)
			e.Text(t)
		}
	}
	e.Key("user_location")
	e.Open('{')
	e.Key("type")
	e.String("approximate")
	part("city", p.City)
	part("region", p.Region)
	part("country", p.Country)
	part("timezone", p.Timezone)
	e.Close('}')
}
