package openaichat

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// splicing finds the edits that a vendor needs of a request that passes.
type splicing struct {
	*passage
	r       *llm.Request
	model   string
	src     []byte
	c       guard.Cursor
	edits   []body.Edit
	removed []guard.Member
	ids     wire.IDs
	err     error
	format  llm.Raw // of the answer, where it becomes an instruction
}

// Members of the body that vendors have rules for, beside the messages.
const (
	spliceMessages = iota
	spliceUsage
	spliceStreamOptions
	spliceSeed
	spliceBound
	spliceOldBound
	spliceFormat
	splicePresence
	spliceFrequency
	spliceEffort
	spliceTools
	splicedMembers // what the vendor charges for follows
)

func splicedNames() []string {
	return []string{
		"messages", "usage", "stream_options", "seed", "max_completion_tokens", "max_tokens", "response_format", "presence_penalty",
		"frequency_penalty", "reasoning_effort", "tools",
	}
}

// EncodeRequest implements dialect.Egress.
func (p *passage) EncodeRequest(r *llm.Request, to dialect.Target) (body.Message, error) {
	r.Notes.Reset()
	rules := &p.to.profile.Rules
	changed := *r
	src := r.Content.Open()
	s := &splicing{passage: p, r: r, model: to.Model, src: src}
	names := append(splicedNames(), rules.Charges.Or(nil)...)
	found := make([]guard.Member, len(names))
	if err := guard.Scan(src, names, found); err != nil {
		return body.Message{}, request.Refuse(err)
	}
	if err := charged(src, names, found); err != nil {
		return body.Message{}, err
	}
	if r.Original.Edits[editStore].Present {
		r.Notes.Drop("store")
	}
	if found[spliceUsage].Kind != guard.Absent {
		s.removed = append(s.removed, found[spliceUsage])
		changed.Original.Edits[1] = llm.Change{} // the same, found alone
	}
	if !rules.StreamOptions.Or(true) {
		changed.Original.Edits[0] = llm.Change{}
		if m := &found[spliceStreamOptions]; m.Kind != guard.Absent {
			s.removed = append(s.removed, *m)
		}
	}
	can := traitsOf(to.Model)
	if can.bound(rules) == "max_tokens" {
		changed.Original.Bound = r.Original.OldBound
		switch m := &found[spliceBound]; {
		case m.Kind == guard.Null:
			s.removed = append(s.removed, *m)
		case found[spliceOldBound].Kind == guard.Absent:
			s.rename(m, "max_completion_tokens", "max_tokens")
		}
	}
	s.rename(&found[spliceSeed], "seed", rules.Seed.Or("seed"))
	for _, at := range [...]int{spliceSeed, splicePresence, spliceFrequency, spliceEffort} {
		if m := &found[at]; m.Present() && rules.Refused(names[at], to.Model) {
			s.removed = append(s.removed, *m)
			r.Notes.Drop(names[at])
		}
	}
	s.answerFormat(&found[spliceFormat])
	if s.messages(&found[spliceMessages]); s.err != nil {
		return body.Message{}, s.err
	}
	if err := r.Notes.Err(); err != nil {
		return body.Message{}, err //nolint:wrapcheck // an apperr for the client
	}
	return request.Encode(&changed, to.Model, append(s.edits, s.removals()...)...) //nolint:wrapcheck // a name that is no text is a mistake of ours
}

// charged refuses what the vendor charges for beside the tokens of the model asked for: members that its rules name, and tools
// that it runs itself.
func charged(src []byte, names []string, found []guard.Member) error {
	refuse := func(name string) error {
		return apperr.New(apperr.UnsupportedParam, "%s: Not offered here, as it has a price of its own.", name).WithParam(name)
	}
	for i := splicedMembers; i < len(found); i++ {
		if found[i].Present() && found[i].Kind != guard.False {
			return refuse(names[i])
		}
	}
	var err error
	c := guard.NewCursor(src[found[spliceTools].From:found[spliceTools].To])
	wire.List(&c, func() {
		wire.Object(&c, func(k string) {
			if k != "type" {
				c.Skip()
				return
			}
			if kind := string(wire.Text(&c)); kind != "function" && kind != "custom" {
				err = refuse("tools.type")
			}
		})
	})
	return err
}

// rename gives a member another name.
func (s *splicing) rename(m *guard.Member, from, to string) {
	if m.Kind != guard.Absent && from != to {
		s.edits = append(s.edits, body.Edit{From: m.Key, To: m.Key + len(from) + 2, Text: `"` + to + `"`})
	}
}

// removals takes members out. Those at the front go together with the comma behind them, all others with the one before.
func (s *splicing) removals() (edits []body.Edit) {
	list := s.removed
	slices.SortFunc(list, func(a, b guard.Member) int { return a.Key - b.Key })
	if len(list) > 0 && list[0].Comma < 0 {
		first, end := list[0].Key, list[0].To
		comma := func() int { return end + bytes.IndexByte(s.src[end:], ',') }
		for list = list[1:]; len(list) > 0 && list[0].Comma == comma(); list = list[1:] {
			end = list[0].To
		}
		edits = append(edits, body.Edit{From: first, To: comma() + 1})
	}
	for i := range list {
		edits = append(edits, body.Edit{From: list[i].Comma, To: list[i].To})
	}
	return edits
}

// answerFormat has a vendor that knows no schemas answer in JSON, by the schema among the instructions.
func (s *splicing) answerFormat(m *guard.Member) {
	if s.to.profile.Rules.JSONSchema.Or(true) || m.Kind != guard.Object {
		return
	}
	kind, schema := "", llm.Raw(nil)
	c := guard.NewCursor(s.src[m.From:m.To])
	wire.Object(&c, func(k string) {
		switch k {
		case "type":
			kind = string(wire.Text(&c))
		case "json_schema":
			wire.Object(&c, func(k string) {
				if k == "schema" {
					schema = llm.Raw(c.Raw())
					return
				}
				c.Skip()
			})
		default:
			c.Skip()
		}
	})
	if kind != "json_schema" || schema == nil {
		return
	}
	s.r.Notes.Approx("response_format")
	s.format = schema
	s.edits = append(s.edits, body.Edit{From: m.From, To: m.To, Text: `{"type":"json_object"}`})
}

// messages walks through the conversation if a rule is about it.
func (s *splicing) messages(m *guard.Member) {
	rules := &s.to.profile.Rules
	length := rules.CallIDs.Or(0)
	if s.format != nil {
		b := wire.Builder{}
		b.Open('{')
		b.Key("role")
		b.String("system")
		b.Key("content")
		b.Text(wire.Escape(llm.Text(schemaRequest), s.format))
		b.Close('}')
		comma := ","
		if c := guard.NewCursor(s.src[m.From:m.To]); !c.Array() {
			comma = ""
		}
		s.edits = append(s.edits, body.Edit{From: m.From + 1, To: m.From + 1, Text: string(b.B) + comma})
	}
	if length == 0 && rules.Developer.Or(true) && rules.UserAfterTool.Or(true) && rules.ThoughtsBack.Or("") != reasoningContent &&
		!rules.Refused("messages.name", s.model) && (rules.ImageURLs.Or(true) || s.r.Fetcher == nil) {
		return
	}
	if length > 0 {
		s.ids = wire.NewExactIDs(length)
	}
	s.c = guard.NewCursor(s.src[:m.To])
	s.c.Seek(m.From)
	before, i := "", 0
	wire.List(&s.c, func() {
		if s.c.Kind() == guard.Object {
			before = s.message(before, "messages["+strconv.Itoa(i)+"]")
		} else {
			s.c.Skip()
		}
		i++
	})
}

// message finds the edits of a message and returns its role.
func (s *splicing) message(before, name string) (role string) {
	rules := &s.to.profile.Rules
	at := s.c.At()
	var first llm.Text // id of the first call
	thought, named := false, false
	from := at + 1
	for k, ok := s.c.Object(); ok; k, ok = s.c.Next() {
		value := s.c.At()
		switch string(k) {
		case "role":
			role = string(wire.Text(&s.c))
			if role == "developer" && !rules.Developer.Or(true) {
				s.edits = append(s.edits, body.Edit{From: value, To: s.c.At(), Text: `"system"`})
			}
		case "name":
			s.c.Skip()
			if rules.Refused("messages.name", s.model) && !named {
				named = true
				s.r.Notes.Drop("messages.name")
				s.cut(from)
			}
		case "content":
			s.content(name)
		case "tool_call_id":
			s.callID()
		case reasoningContent:
			thought = s.c.Kind() == guard.String
			s.c.Skip()
		case "tool_calls":
			wire.List(&s.c, func() {
				wire.Object(&s.c, func(k string) {
					if k != "id" {
						s.c.Skip()
						return
					}
					if id := s.callID(); first == nil {
						first = id
					}
				})
			})
		default:
			s.c.Skip()
		}
		from = s.c.At()
	}
	if role == "user" && before == "tool" && !rules.UserAfterTool.Or(true) {
		s.r.Notes.Approx("messages")
		s.edits = append(s.edits, body.Edit{From: at, To: at, Text: understood + ","})
	}
	if first != nil && !thought && rules.ThoughtsBack.Or("") == reasoningContent {
		s.edits = append(s.edits, body.Edit{From: at + 1, To: at + 1, Text: `"reasoning_content":"` + string(s.kept(first)) + `",`})
	}
	return role
}

// content puts pictures into the place of their addresses where the vendor does not look those up.
func (s *splicing) content(name string) {
	if s.to.profile.Rules.ImageURLs.Or(true) || s.r.Fetcher == nil || s.c.Kind() != guard.Array {
		s.c.Skip()
		return
	}
	i := 0
	wire.List(&s.c, func() {
		at := name + ".content[" + strconv.Itoa(i) + "]"
		i++
		wire.Object(&s.c, func(k string) {
			switch {
			case k == "video_url" || k == "audio_url":
				s.film(k)
			case k == "image_url" && s.c.Kind() == guard.String:
				s.picture(at)
			case k == "image_url":
				wire.Object(&s.c, func(k string) {
					if k == "url" {
						s.picture(at)
						return
					}
					s.c.Skip()
				})
			default:
				s.c.Skip()
			}
		})
	})
}

// film refuses what would have to be looked up: the relay looks up pictures alone.
func (s *splicing) film(kind string) {
	address := func() {
		if plain, err := guard.Unquote(wire.Text(&s.c)); err != nil || !strings.HasPrefix(plain, "data:") {
			s.err = apperr.New(apperr.UnsupportedParam, "%s: The model is not asked to look up addresses. Send a data: URL.", kind).WithParam(kind)
		}
	}
	if s.c.Kind() == guard.String {
		address()
		return
	}
	wire.Object(&s.c, func(k string) {
		if k == "url" {
			address()
			return
		}
		s.c.Skip()
	})
}

// picture reads an address.
func (s *splicing) picture(at string) {
	from := s.c.At()
	m := llm.Media{URL: wire.Text(&s.c), At: at}
	if !dialect.IsAddress(m.URL) || s.err != nil {
		return
	}
	to := s.c.At()
	if s.err = s.r.Fetcher.Fetch(llm.Image, &m); s.err == nil {
		s.edits = append(s.edits, body.Edit{From: from, To: to, Text: `"data:` + string(m.Type) + `;base64,` + string(m.Data) + `"`})
	}
}

// cut takes the member that ends at the cursor out of a message, which has others.
func (s *splicing) cut(from int) {
	to := s.c.At()
	if s.src[from] != ',' && to < len(s.src) && s.src[to] == ',' {
		to++
	}
	s.edits = append(s.edits, body.Edit{From: from, To: to})
}

// callID gives a call a name that the vendor takes, and returns the client's.
func (s *splicing) callID() llm.Text {
	from := s.c.At()
	id := wire.Text(&s.c)
	if s.to.profile.Rules.CallIDs.Or(0) > 0 && id != nil {
		if name := s.ids.Name(id); name != string(id) {
			s.edits = append(s.edits, body.Edit{From: from, To: from + len(id) + 2, Text: `"` + name + `"`})
		}
	}
	return id
}

// kept is what the model thought before a call, as far as anybody knows.
func (s *splicing) kept(call llm.Text) (said llm.Text) {
	if s.keeper == nil {
		return nil
	}
	k, _ := s.keeper.Find(s.r.Tenant, call)
	for i := range k.Thoughts {
		if k.Thoughts[i].Sealed.Origin == s.to.Origin() {
			said = append(said, k.Thoughts[i].Text...)
		}
	}
	return said
}
