package openaichat

import (
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/llm"
)

// citations collects where a message is from. The format counts characters of all of its text.
type citations struct {
	length int // of the text so far
	from   int // where the open block began
	told   []llm.Citation
	fresh  int // of those that are about the open block
}

func (c *citations) open() { c.from, c.fresh = c.length, len(c.told) }

func (c *citations) say(t llm.Text) { c.length += wire.Length(t) }

func (c *citations) cite(s *llm.Citation) {
	kept := *s
	kept.URL, kept.Title, kept.Quote = append(llm.Text{}, s.URL...), append(llm.Text{}, s.Title...), nil
	kept.From += c.from
	if kept.To >= 0 {
		kept.To += c.from
	}
	c.told = append(c.told, kept)
}

// shut is told when a block is whole: now it is known where it ends.
func (c *citations) shut() {
	for i := c.fresh; i < len(c.told); i++ {
		if s := &c.told[i]; s.To < 0 || s.To > c.length {
			s.To = c.length
		}
	}
	c.fresh = len(c.told)
}

// append writes the member that holds them.
func (c *citations) append(b *wire.Builder) {
	b.Key("annotations")
	b.Open('[')
	for i := range c.told {
		s := &c.told[i]
		b.Open('{')
		b.Key("type")
		b.String("url_citation")
		b.Key("url_citation")
		b.Open('{')
		b.Key("start_index")
		b.Int(int64(s.From))
		b.Key("end_index")
		b.Int(int64(s.To))
		b.Key("title")
		b.Text(s.Title)
		b.Key("url")
		b.Text(s.URL)
		b.Close('}')
		b.Close('}')
	}
	b.Close(']')
}

// appendCitations writes where a whole message is from.
func appendCitations(b *wire.Builder, blocks []llm.Block) {
	var c citations
	for i := range blocks {
		if block := &blocks[i]; block.Kind == llm.TextBlock {
			c.open()
			c.say(block.Text)
			for j := range block.Cites {
				c.cite(&block.Cites[j])
			}
			c.shut()
		}
	}
	if len(c.told) > 0 {
		c.append(b)
	}
}
