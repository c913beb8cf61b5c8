package openairesponses

import (
	"bytes"
	"slices"
	"strconv"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// Asked is what a request says about stored responses.
type Asked struct {
	Previous string // the response to go on from, empty for none
	Keep     bool   // its own is to be stored
	found    [askMembers]guard.Member
}

// Members of the body that have to do with stored responses.
const (
	askStore = iota
	askPrevious
	askInput
	askMembers
)

// ReadAsked finds what a request says about stored responses. Errors are apperr.
func (*Responses) ReadAsked(c body.Content) (a Asked, err error) {
	src := c.Open()
	if err := guard.Scan(src, []string{"store", "previous_response_id", "input"}, a.found[:]); err != nil {
		return a, request.Refuse(err)
	}
	a.Keep = a.found[askStore].Kind != guard.False
	switch m := &a.found[askPrevious]; m.Kind {
	case guard.Absent, guard.Null:
	case guard.String:
		if a.Previous, err = guard.Unquote(src[m.From+1 : m.To-1]); err == nil {
			break
		}
		fallthrough
	default:
		err = apperr.New(apperr.InvalidRequest, "previous_response_id must be a text.").WithParam("previous_response_id")
	}
	return a, err
}

// Expand makes of a request one that needs no stored responses: what it goes on from stands in its input. input and answer are
// what was stored of that; both are empty if there is none.
func (*Responses) Expand(c body.Content, a *Asked, input, answer body.Content) body.Message {
	src := c.Open()
	var edits []body.Edit
	replace := func(m *guard.Member, text string) {
		edits = append(edits, body.Edit{From: m.From, To: m.To, Text: text})
	}
	if m := &a.found[askStore]; m.Kind == guard.True {
		replace(m, "false")
	}
	if m := &a.found[askPrevious]; m.Kind == guard.String {
		replace(m, "null")
		if m := &a.found[askInput]; m.Kind == guard.Array || m.Kind == guard.String {
			object := guard.NewCursor(answer.Open())
			output := readAnswer(&object).output
			replace(m, concat(elements(input.Open()), elements(output.Raw()), elements(itemsOf(src[m.From:m.To]))))
		}
	}
	slices.SortFunc(edits, func(a, b body.Edit) int { return a.From - b.From })
	return c.Edited(edits...)
}

// itemsOf is an input as a list of items.
func itemsOf(input []byte) []byte {
	if len(input) == 0 || input[0] != '"' {
		return input
	}
	return []byte(`[{"type":"message","role":"user","content":` + string(input) + `}]`)
}

// elements are those of a list as they stand between its brackets.
func elements(list []byte) []byte {
	if len(list) < len("[]") {
		return nil
	}
	return bytes.TrimSpace(list[1 : len(list)-1])
}

// concat is a list of the elements of several.
func concat(lists ...[]byte) string {
	full := slices.DeleteFunc(lists, func(l []byte) bool { return len(l) == 0 })
	return "[" + string(bytes.Join(full, []byte(","))) + "]"
}

// member is a value of an object that is to be another.
type member struct {
	name  string
	value []byte
}

// with is an object with some of its members changed. What it lacks of them comes first.
func with(object []byte, changes ...member) []byte {
	var edits []body.Edit
	c := guard.NewCursor(object)
	wire.Object(&c, func(k string) {
		from := c.At()
		c.Skip()
		for i := range changes {
			if changes[i].name == k {
				edits = append(edits, body.Edit{From: from, To: c.At(), Text: string(changes[i].value)})
				changes = slices.Delete(changes, i, i+1)
				return
			}
		}
	})
	at := bytes.IndexByte(object, '{') + 1
	for _, m := range changes {
		edits = slices.Insert(edits, 0, body.Edit{From: at, To: at, Text: `"` + m.name + `":` + string(m.value) + ","})
	}
	var out bytes.Buffer
	_, _ = body.Own(object).Edited(edits...).WriteTo(&out) // a buffer takes everything
	return out.Bytes()
}

// quoted is a text of a client's, null if it is empty.
func quoted(s string) []byte {
	if s == "" {
		return []byte("null")
	}
	return append(wire.Escape([]byte{'"'}, s), '"')
}

// told is a response of an upstream, which stores nothing, as the client is to see it.
func told(r *llm.Request, object []byte) []byte {
	return with(object, member{"store", strconv.AppendBool(nil, r.Stored.Save != nil)}, member{"previous_response_id", quoted(r.Stored.Previous)})
}

// saved has a whole response stored, if that is wanted, and returns it as the client is to see it: it says whether it is.
func saved(r *llm.Request, object []byte) []byte {
	if r.Stored == nil || r.Stored.Save == nil || save(r, object) {
		return object
	}
	r.Notes.Drop("store")
	return with(object, member{"store", []byte("false")})
}

func save(r *llm.Request, object []byte) bool {
	c := guard.NewCursor(object)
	id, err := guard.Unquote(readAnswer(&c).id)
	var found [1]guard.Member
	src := r.Content.Open()
	if err != nil || id == "" || guard.Scan(src, []string{"input"}, found[:]) != nil {
		return false
	}
	return r.Stored.Save(id, body.Own(itemsOf(src[found[0].From:found[0].To])), body.Own(object))
}

// storing is the tap of a Native whose answer is to be stored: the response in its events is told as the client is to see it.
type storing struct {
	dialect.Tap
	request *llm.Request
	items   [][]byte // that are done, for vendors that do not repeat them at the end
	size    int
}

// maxItems bounds the bytes of those items: more is not stored.
const maxItems = 4 << 20

// Event implements dialect.Tap.
func (s *storing) Event(data []byte) dialect.Seen {
	seen := s.Tap.Event(data)
	c := guard.NewCursor(data)
	e := readEvent(&c)
	switch kind := string(e.kind); {
	case seen.Step == dialect.Pass && kind == "response.output_item.done":
		s.keep(e.output, e.item.Raw())
	case seen.Step == dialect.Pass && e.answer.Kind() == guard.Object:
		seen.Out = frame(kind, data, told(s.request, e.answer.Raw()))
	case seen.Step == dialect.End && e.answer.Kind() == guard.Object:
		seen.Out = frame(kind, data, saved(s.request, s.whole(told(s.request, e.answer.Raw()))))
	}
	return seen
}

func (s *storing) keep(index int64, item []byte) {
	s.size += len(item)
	if index < 0 || s.size > maxItems || s.request.Stored.Save == nil {
		return
	}
	for int64(len(s.items)) <= index {
		s.items = append(s.items, nil)
	}
	s.items[index] = bytes.Clone(item)
}

// whole is a response with the items that were streamed, if it has none itself.
func (s *storing) whole(object []byte) []byte {
	c := guard.NewCursor(object)
	if output := readAnswer(&c).output; len(s.items) == 0 || len(elements(output.Raw())) > 0 {
		return object
	}
	return with(object, member{"output", []byte(concat(s.items...))})
}

// frame is an event with another response.
func frame(kind string, data, object []byte) []byte {
	out := append(append(append([]byte("event: "), kind...), "\ndata: "...), oneLine(with(data, member{"response", object}))...)
	return append(out, "\n\n"...)
}

// AppendFailure implements dialect.FailureWriter.
func (s *storing) AppendFailure(dst []byte, e *apperr.Error, requestID string) []byte {
	if f, ok := s.Tap.(dialect.FailureWriter); ok {
		return f.AppendFailure(dst, e, requestID)
	}
	return dst
}
