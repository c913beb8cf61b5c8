package openairesponses

import (
	"slices"
	"strconv"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// Page is the part of a list of items that a client asks for, in its words.
type Page struct{ Response, After, Order, Limit string }

const (
	usualPage   = 20
	longestPage = 100
)

// Whole is a stored response as it was answered.
func (*Responses) Whole(answer body.Content) []byte { return answer.Open() }

// Deleted says that a response is no more.
func (*Responses) Deleted(id string) []byte {
	var b wire.Builder
	b.Open('{')
	b.Key("id")
	b.String(id)
	b.Key("object")
	b.String("response")
	b.Key("deleted")
	b.Bool(true)
	b.Close('}')
	return b.B
}

// ListItems renders a page of the items that a response answers to. Errors are apperr.
func (*Responses) ListItems(input body.Content, p Page) ([]byte, error) {
	limit := usualPage
	if p.Limit != "" {
		var err error
		if limit, err = strconv.Atoi(p.Limit); err != nil || limit < 1 || limit > longestPage {
			return nil, apperr.New(apperr.InvalidRequest, "limit must be a whole number from 1 to %d.", longestPage).WithParam("limit")
		}
	}
	var items []listed
	c := guard.NewCursor(input.Open())
	wire.List(&c, func() { items = append(items, readListed(&c, p.Response, len(items))) })
	switch p.Order {
	case "", "desc":
		slices.Reverse(items)
	case "asc":
	default:
		return nil, apperr.New(apperr.InvalidRequest, "order must be asc or desc.").WithParam("order")
	}
	if p.After != "" {
		at := slices.IndexFunc(items, func(it listed) bool { return it.id == p.After })
		if at < 0 {
			return nil, apperr.New(apperr.InvalidRequest, "after must be the id of an item of this list.").WithParam("after")
		}
		items = items[at+1:]
	}
	page := items[:min(limit, len(items))]
	b := wire.Builder{}
	b.Open('{')
	b.Key("object")
	b.String("list")
	b.Key("data")
	b.Open('[')
	for _, it := range page {
		b.Raw(it.raw)
	}
	b.Close(']')
	for i, name := range [...]string{"first_id", "last_id"} {
		b.Key(name)
		if len(page) == 0 {
			b.Null()
		} else {
			b.String(page[i*(len(page)-1)].id)
		}
	}
	b.Key("has_more")
	b.Bool(len(items) > len(page))
	b.Close('}')
	return b.B, nil
}

// listed is an item with the id that it is listed under.
type listed struct {
	id  string
	raw llm.Raw
}

// readListed completes an item by what clients may leave out of a request, but find in a list: its id and type, and a content in
// parts.
func readListed(c *guard.Cursor, response string, index int) listed {
	var kind, id, role string
	var content guard.Cursor
	at := *c
	raw := c.Raw()
	wire.Object(&at, func(k string) {
		switch k {
		case "type":
			kind = string(wire.Text(&at))
		case "id":
			id = string(wire.Text(&at))
		case "role":
			role = string(wire.Text(&at))
		case "content":
			content = at
			at.Skip()
		default:
			at.Skip()
		}
	})
	var changes []member
	if id == "" {
		id = "item_" + response + "_" + strconv.Itoa(index)
		changes = append(changes, member{"id", quoted(id)})
	}
	if kind == "" {
		kind = itemMessage
		changes = append(changes, member{"type", quoted(kind)})
	}
	if kind == itemMessage && content.Kind() == guard.String {
		part := `[{"type":"input_text","text":`
		if role == "assistant" {
			part = `[{"type":"output_text","annotations":[],"text":`
		}
		changes = append(changes, member{"content", []byte(part + string(content.Raw()) + "}]")})
	}
	if changes != nil {
		raw = with(raw, changes...)
	}
	return listed{id, raw}
}
