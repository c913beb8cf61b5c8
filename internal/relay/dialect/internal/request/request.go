// Package request reads and changes the few members of a body that the relay looks into, in any format whose bodies are JSON
// objects.
package request

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// maxModelName bounds the model's name in a request.
const maxModelName = 256

// Refuse turns what the guard found into the client's error.
func Refuse(err error) error {
	var ke *guard.KeyError
	if errors.As(err, &ke) {
		return apperr.New(apperr.InvalidRequest, "The request body is ambiguous: %s.", ke).WithParam(ke.Name)
	}
	return apperr.New(apperr.InvalidRequest, "We could not read the request body: %s.", err)
}

// Model reads the model's name.
func Model(src []byte, m *guard.Member) (string, error) {
	if !m.Present() {
		return "", apperr.New(apperr.InvalidRequest, "You must provide a model parameter.").WithParam("model")
	}
	if m.Kind == guard.String {
		name, err := guard.Unquote(src[m.From+1 : m.To-1])
		if err == nil && name != "" && len(name) <= maxModelName {
			return name, nil
		}
	}
	return "", apperr.New(apperr.InvalidRequest, "model must be a string of 1 to %d characters.", maxModelName).WithParam("model")
}

// Bool reads a member that is true, false or null.
func Bool(m *guard.Member, name string) (bool, error) {
	switch m.Kind {
	case guard.Absent, guard.Null, guard.False:
		return false, nil
	case guard.True:
		return true, nil
	default:
		return false, apperr.New(apperr.InvalidRequest, "%s must be true or false.", name).WithParam(name)
	}
}

// Int reads a whole number from low to high; absent or null is none.
func Int(src []byte, m *guard.Member, name string, low, high, none int64) (int64, error) {
	if !m.Present() {
		return none, nil
	}
	c := guard.NewCursor(src[m.From:m.To])
	v, ok := c.Int(high)
	if !ok || v < low {
		return 0, apperr.New(apperr.InvalidRequest, "%s must be a whole number from %d to %d.", name, low, high).WithParam(name)
	}
	return v, nil
}

// Remove returns the edit that takes a member out. The object must have another member.
func Remove(src []byte, m *guard.Member) body.Edit {
	if m.Comma >= 0 {
		return body.Edit{From: m.Comma, To: m.To}
	}
	to := m.To
	for to < len(src) && src[to] != ',' {
		to++
	}
	return body.Edit{From: m.Key, To: to + 1}
}

// Encode returns the original request with the upstream's name of the model, the edits that decoding found, and more that the
// upstream needs.
func Encode(r *llm.Request, upstreamModel string, more ...body.Edit) (body.Message, error) {
	name, err := Quote(upstreamModel)
	if err != nil {
		return body.Message{}, err
	}
	var edits [body.MaxEdits]body.Edit
	list := append(edits[:0], more...)
	if at := r.Original.Model; at.From < at.To { // else the model is named in the URL
		list = append(list, body.Edit{From: at.From, To: at.To, Text: name})
	}
	for i := range r.Original.Edits {
		if c := &r.Original.Edits[i]; c.Present {
			list = append(list, c.Edit)
		}
	}
	if b := &r.Original.Bound; r.Bound > 0 {
		list = append(list, body.Edit{From: b.From, To: b.To, Text: b.Before + strconv.FormatInt(r.Bound, 10) + b.After})
	}
	slices.SortFunc(list, func(a, b body.Edit) int { return cmp.Or(a.From-b.From, a.To-b.To) }) // what is put in comes before what is taken out
	return r.Content.Edited(list...), nil
}

// Quote renders a name as a JSON string.
func Quote(name string) (string, error) {
	for i := range len(name) {
		if c := name[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			b, err := json.Marshal(name)
			return string(b), err //nolint:wrapcheck // strings always marshal
		}
	}
	return `"` + name + `"`, nil
}
