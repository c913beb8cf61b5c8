package llm

// WebSearch is a tool of the vendor that looks things up in the web.
type WebSearch struct {
	Field            string // the client's name of it
	Must             bool   // as in Search
	MaxUses          int64  // 0: the client does not say
	Allowed, Blocked []Text // domains
	Place            Place  // of who asks
	Raw              Raw    // the client's own words for it
}

// Place is about where somebody is.
type Place struct{ City, Region, Country, Timezone Text }

// SkipSearch leaves the search out, or refuses the request if it cannot do without: the model has none, or it has no price.
func (p *Prompt) SkipSearch(n *Notes) {
	switch s := p.Search; {
	case s == nil:
	case s.Must:
		n.Reject(s.Field)
	default:
		n.Drop(s.Field)
	}
	p.Search = nil
}

// Citation says where something comes from that a model says.
type Citation struct {
	URL, Title Text
	Quote      Text // of the source
	// From and To are where in the text of its block it is said, in characters. To is negative for the end of the block.
	From, To int
}

func (c *Citation) keep() Citation {
	return Citation{URL: keep(c.URL), Title: keep(c.Title), Quote: keep(c.Quote), From: c.From, To: c.To}
}
