package gemini

import (
	"strings"
	"unicode/utf8"

	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// readProbs turns a logprobsResult into the elements of OpenAI's list of probabilities.
func readProbs(c *guard.Cursor) llm.Raw {
	var chosen, top guard.Cursor
	wire.Object(c, func(k string) {
		switch k {
		case "chosenCandidates":
			chosen = *c
		case "topCandidates":
			top = *c
		}
		c.Skip()
	})
	b := wire.Builder{}
	more := top.Kind() == guard.Array && top.Array()
	if chosen.Kind() != guard.Array {
		return nil
	}
	wire.List(&chosen, func() {
		b.Open('{')
		readProb(&b, &chosen)
		b.Key("top_logprobs")
		b.Open('[')
		if more {
			wire.Object(&top, func(k string) {
				if k != "candidates" {
					top.Skip()
					return
				}
				wire.List(&top, func() {
					b.Open('{')
					readProb(&b, &top)
					b.Close('}')
				})
			})
			more = top.More()
		}
		b.Close(']')
		b.Close('}')
	})
	return b.B
}

// readProb turns what the API says of a token into what OpenAI does. The bytes are those of the text: a token that is no whole
// text has none, as it is not told what they were.
func readProb(b *wire.Builder, c *guard.Cursor) {
	var token llm.Text
	value := llm.Raw("0")
	wire.Object(c, func(k string) {
		switch k {
		case "token":
			token = wire.Text(c)
		case "logProbability":
			if v := wire.Number(c); v != nil {
				value = v
			}
		default:
			c.Skip()
		}
	})
	b.Key("token")
	b.Text(token)
	b.Key("logprob")
	b.Raw(value)
	b.Key("bytes")
	plain, err := guard.Unquote(token)
	if err != nil || strings.ContainsRune(plain, utf8.RuneError) {
		b.Null()
		return
	}
	b.Open('[')
	for i := range len(plain) {
		b.Int(int64(plain[i]))
	}
	b.Close(']')
}

// appendProbs writes OpenAI's list of probabilities as the API has them.
func appendProbs(b *wire.Builder, list llm.Raw) {
	type prob struct {
		token llm.Text
		value llm.Raw
	}
	read := func(c *guard.Cursor, other func(k string)) (p prob) {
		wire.Object(c, func(k string) {
			switch k {
			case "token":
				p.token = wire.Text(c)
			case "logprob":
				p.value = wire.Number(c)
			default:
				other(k)
			}
		})
		return p
	}
	write := func(b *wire.Builder, p prob) {
		b.Open('{')
		b.Key("token")
		b.Text(p.token)
		b.Key("logProbability")
		if p.value == nil {
			b.Int(0)
		} else {
			b.Raw(p.value)
		}
		b.Close('}')
	}
	src := append(append(make([]byte, 0, len(list)+2), '['), list...)
	c := guard.NewCursor(append(src, ']'))
	chosen, top := wire.Builder{}, wire.Builder{}
	chosen.Open('[')
	top.Open('[')
	wire.List(&c, func() {
		top.Open('{')
		top.Key("candidates")
		top.Open('[')
		p := read(&c, func(k string) {
			if k != "top_logprobs" {
				c.Skip()
				return
			}
			wire.List(&c, func() { write(&top, read(&c, func(string) { c.Skip() })) })
		})
		top.Close(']')
		top.Close('}')
		write(&chosen, p)
	})
	chosen.Close(']')
	top.Close(']')
	b.Key("logprobsResult")
	b.Open('{')
	b.Key("chosenCandidates")
	b.Raw(chosen.B)
	b.Key("topCandidates")
	b.Raw(top.B)
	b.Close('}')
}
