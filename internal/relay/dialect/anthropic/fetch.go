package anthropic

import (
	"bytes"
	"strconv"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// sources finds what stands at addresses in messages that pass, for a host that looks nothing up.
type sources struct {
	r     *llm.Request
	c     guard.Cursor
	edits []body.Edit
	err   error
}

// fetchSources puts bytes into the place of addresses. src holds the messages from some place on.
func fetchSources(r *llm.Request, src []byte, from int) ([]body.Edit, error) {
	if r.Fetcher == nil || !bytes.Contains(src[from:], []byte(`"url"`)) {
		return nil, nil
	}
	s := &sources{r: r, c: guard.NewCursor(src)}
	s.c.Seek(from)
	s.list("messages", func(at string) {
		wire.Object(&s.c, func(k string) { s.content(k, at) })
	})
	return s.edits, s.err
}

func (s *sources) list(at string, visit func(at string)) {
	i := 0
	wire.List(&s.c, func() {
		visit(at + "." + strconv.Itoa(i))
		i++
	})
}

// content looks into the blocks of a message, or of a tool's answer.
func (s *sources) content(k, at string) {
	if k != "content" || s.c.Kind() != guard.Array {
		s.c.Skip()
		return
	}
	s.list(at+".content", s.block)
}

func (s *sources) block(at string) {
	var kind string
	var address llm.Text
	var source body.Edit
	wire.Object(&s.c, func(k string) {
		switch {
		case k == "type":
			kind = string(wire.Text(&s.c))
		case k == "source" && s.c.Kind() == guard.Object:
			source.From = s.c.At()
			wire.Object(&s.c, func(k string) {
				if k == "url" {
					address = wire.Text(&s.c)
					return
				}
				s.c.Skip()
			})
			source.To = s.c.At()
		default:
			s.content(k, at)
		}
	})
	what, known := map[string]llm.BlockKind{"image": llm.Image, "document": llm.Document}[kind]
	if !known || !dialect.IsAddress(address) || s.err != nil {
		return
	}
	m := llm.Media{URL: address, At: at}
	if s.err = s.r.Fetcher.Fetch(what, &m); s.err != nil {
		return
	}
	source.Text = `{"type":"base64","media_type":"` + string(m.Type) + `","data":"` + string(m.Data) + `"}`
	s.edits = append(s.edits, source)
}
