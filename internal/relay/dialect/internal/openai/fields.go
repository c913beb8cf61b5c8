package openai

import (
	"strconv"
	"strings"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/form"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// Fields are the members of a body that is JSON or a form.
type Fields struct {
	Parts []form.Part // of a form
	Type  string      // of a form: the content type that it is sent on with
	src   []byte
	names []string
	json  []guard.Member
	form  []*form.Part
}

// ReadFields finds the members called names. Errors are apperr.
func ReadFields(c body.Content, contentType string, names []string) (*Fields, error) {
	f := &Fields{src: c.Open(), names: names}
	if !strings.HasPrefix(strings.ToLower(contentType), "multipart/") {
		f.json = make([]guard.Member, len(names))
		if err := guard.Scan(f.src, names, f.json); err != nil {
			return nil, request.Refuse(err) //nolint:wrapcheck // an apperr for the client
		}
		return f, nil
	}
	boundary, kind, err := form.Boundary(contentType)
	if err == nil {
		f.Parts, err = form.Parse(f.src, boundary)
	}
	f.Type, f.form = kind, make([]*form.Part, len(names))
	if err == nil {
		err = form.Scan(f.Parts, names, f.form)
	}
	if err != nil {
		return nil, request.Refuse(err) //nolint:wrapcheck // an apperr for the client
	}
	return f, nil
}

// Request is a request with the model that the first name names.
func (f *Fields) Request(c body.Content, m *llm.MediaCall) (*llm.Request, error) {
	const model = 0
	m.Type = f.Type
	r := &llm.Request{Content: c, Choices: 1, Media: m, Original: llm.Original{Dialect: Dialect}}
	var member guard.Member
	src := f.src
	if f.json != nil {
		member = f.json[model]
		r.Original.Model = llm.Span{From: member.From, To: member.To}
	} else if p := f.form[model]; p != nil {
		r.Original.Model = llm.Span{From: p.From, To: p.To}
		quoted, err := request.Quote(string(src[p.From:p.To]))
		if err != nil {
			return nil, err //nolint:wrapcheck // strings always marshal
		}
		src, member = []byte(quoted), guard.Member{Kind: guard.String, To: len(quoted)}
	}
	var err error
	r.Model, err = request.Model(src, &member)
	return r, err //nolint:wrapcheck // an apperr for the client
}

// Member is a JSON member; an absent one in a form.
func (f *Fields) Member(i int) guard.Member {
	if f.json == nil {
		return guard.Member{}
	}
	return f.json[i]
}

// Span is where a text stands, without quotes, and whether it is escaped. It is empty where there is none.
func (f *Fields) Span(i int) (at llm.Span, escaped bool, err error) {
	if f.json == nil {
		if p := f.form[i]; p != nil {
			at = llm.Span{From: p.From, To: p.To}
		}
		return at, false, nil
	}
	m := &f.json[i]
	switch {
	case !m.Present():
		return at, false, nil
	case m.Kind != guard.String:
		return at, false, apperr.New(apperr.InvalidRequest, "%s must be a string.", f.names[i]).WithParam(f.names[i])
	}
	return llm.Span{From: m.From + 1, To: m.To - 1}, true, nil
}

// Text is a text, decoded; empty where there is none.
func (f *Fields) Text(i int) (string, error) {
	at, escaped, err := f.Span(i)
	raw := f.src[at.From:at.To]
	if err != nil || !escaped {
		return string(raw), err
	}
	text, err := guard.Unquote(raw)
	if err != nil {
		return "", apperr.New(apperr.InvalidRequest, "%s is not a text.", f.names[i]).WithParam(f.names[i])
	}
	return text, nil
}

// Int is a whole number from low to high; none where there is none.
func (f *Fields) Int(i int, low, high, none int64) (int64, error) {
	name := f.names[i]
	if f.json != nil {
		return request.Int(f.src, &f.json[i], name, low, high, none) //nolint:wrapcheck // an apperr for the client
	}
	p := f.form[i]
	if p == nil {
		return none, nil
	}
	v, err := strconv.ParseInt(string(f.src[p.From:p.To]), 10, 64)
	if err != nil || v < low || v > high {
		return 0, apperr.New(apperr.InvalidRequest, "%s must be a whole number from %d to %d.", name, low, high).WithParam(name)
	}
	return v, nil
}

// Bool is true or false; false where there is none.
func (f *Fields) Bool(i int) (bool, error) {
	name := f.names[i]
	if f.json != nil {
		return request.Bool(&f.json[i], name) //nolint:wrapcheck // an apperr for the client
	}
	p := f.form[i]
	if p == nil {
		return false, nil
	}
	switch string(f.src[p.From:p.To]) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, apperr.New(apperr.InvalidRequest, "%s must be true or false.", name).WithParam(name)
}

// Files are the parts of a form that are files with one of these names, lists of them too.
func (f *Fields) Files(names ...string) (files []form.Part) {
	for _, p := range f.Parts {
		for _, name := range names {
			if p.File && strings.TrimSuffix(p.Name, "[]") == name {
				files = append(files, p)
			}
		}
	}
	return files
}
