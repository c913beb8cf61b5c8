// Package openaichat is the wire format of POST /v1/chat/completions, towards clients and upstreams. Between the two it
// changes the model's name and whether the stream ends with a usage; everything else passes as it came.
package openaichat

import (
	"bytes"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

const (
	maxOutput  = 10_000_000
	maxChoices = 128
)

// Members of the body that are looked at.
const (
	model = iota
	messages
	stream
	streamOptions
	maxTokens
	maxCompletionTokens
	choices
	usageOptions
	serviceTier
	modalities
	webSearch
	store
	members
)

// editStore is the edit, by its place in llm.Original, of a request that would have its vendor keep the answer: for all clients of
// an account together.
const editStore = 2

// Chat implements dialect.Ingress and dialect.Egress.
type Chat struct {
	names [members]string
	taps  taps
}

// New returns the dialect.
func New() *Chat {
	return &Chat{names: [members]string{
		"model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n", "usage",
		"service_tier", "modalities", "web_search_options", "store",
	}}
}

var (
	_ dialect.Ingress = (*Chat)(nil)
	_ dialect.Egress  = (*Chat)(nil)
)

// Path is where chat completions are.
func (*Chat) Path(*llm.Request, string) string { return "/chat/completions" }

// DecodeRequest implements dialect.Ingress.
func (d *Chat) DecodeRequest(c body.Content) (*llm.Request, error) {
	src := c.Open()
	var found [members]guard.Member
	if err := guard.Scan(src, d.names[:], found[:]); err != nil {
		return nil, request.Refuse(err)
	}
	r := &llm.Request{Content: c, Original: llm.Original{Dialect: openai.Dialect}}
	var err error
	if r.Model, err = request.Model(src, &found[model]); err != nil {
		return nil, err
	}
	r.Original.Model = llm.Span{From: found[model].From, To: found[model].To}
	if found[messages].Kind != guard.Array {
		return nil, apperr.New(apperr.InvalidRequest, "messages must be a list of messages.").WithParam("messages")
	}
	if r.Stream, err = request.Bool(&found[stream], "stream"); err != nil {
		return nil, err
	}
	if r.Choices, err = request.Int(src, &found[choices], "n", 1, maxChoices, 1); err != nil {
		return nil, err
	}
	if r.MaxOutput, err = request.Int(src, &found[maxTokens], "max_tokens", 0, maxOutput, 0); err != nil {
		return nil, err
	}
	newer, err := request.Int(src, &found[maxCompletionTokens], "max_completion_tokens", 0, maxOutput, 0)
	if err != nil {
		return nil, err
	}
	r.MaxOutput = max(r.MaxOutput, newer)
	r.Original.Bound = blank(src, &found[maxCompletionTokens], `"max_completion_tokens":`)
	r.Original.OldBound = blank(src, &found[maxTokens], `"max_tokens":`)
	if m := &found[store]; m.Kind == guard.True {
		r.Original.Edits[editStore] = llm.Change{Present: true, Edit: body.Edit{From: m.From, To: m.To, Text: "false"}}
	}
	if err := pricedAlone(r, src, &found); err != nil {
		return nil, err
	}
	if err := d.streamOptions(r, src, &found[streamOptions]); err != nil {
		return nil, err
	}
	return r, d.usageOptions(r, src, &found[usageOptions])
}

// pricedAlone looks at what changes the price of a token. What no price book can say is refused, for it would be billed wrong.
func pricedAlone(r *llm.Request, src []byte, found *[members]guard.Member) error {
	switch m := &found[serviceTier]; m.Kind {
	case guard.Absent, guard.Null:
	case guard.String:
		if tier := string(src[m.From+1 : m.To-1]); tier != "auto" && tier != "default" {
			return apperr.New(apperr.InvalidRequest, "Only the service tiers auto and default are offered here.").WithParam("service_tier")
		}
	default:
		return apperr.New(apperr.InvalidRequest, "service_tier must be a text.").WithParam("service_tier")
	}
	if found[webSearch].Kind == guard.Object {
		r.Search = llm.Search{Most: llm.UsualSearches, Must: true, Field: "web_search_options"}
	}
	switch m := &found[modalities]; m.Kind {
	case guard.Absent, guard.Null:
	case guard.Array:
		c := guard.NewCursor(src[m.From:m.To])
		for ok := c.Array(); ok; ok = c.More() {
			r.AudioOut = string(c.Raw()) == `"audio"` || r.AudioOut
		}
	default:
		return apperr.New(apperr.InvalidRequest, "modalities must be a list.").WithParam("modalities")
	}
	return nil
}

// blank is where a bound goes that the client did not set.
func blank(src []byte, m *guard.Member, key string) llm.Blank {
	if m.Kind == guard.Null {
		return llm.Blank{Span: llm.Span{From: m.From, To: m.To}}
	}
	at := bytes.IndexByte(src, '{') + 1
	return llm.Blank{Span: llm.Span{From: at, To: at}, Before: key, After: ","}
}

// streamOptions finds whether the client wants the usage of a stream, and the edit that makes the upstream send it anyway.
func (d *Chat) streamOptions(r *llm.Request, src []byte, m *guard.Member) error {
	if !r.Stream {
		return nil
	}
	const on = `"include_usage":true`
	change := &r.Original.Edits[0]
	change.Present = true
	switch m.Kind {
	case guard.Absent:
		at := bytes.IndexByte(src, '{') + 1
		change.Edit = body.Edit{From: at, To: at, Text: `"stream_options":{` + on + `},`}
		return nil
	case guard.Null:
		change.Edit = body.Edit{From: m.From, To: m.To, Text: `{` + on + `}`}
		return nil
	case guard.Object:
	default:
		return apperr.New(apperr.InvalidRequest, "stream_options must be an object.").WithParam("stream_options")
	}
	var found [1]guard.Member
	inner := src[m.From:m.To]
	if err := guard.Scan(inner, includeUsage(), found[:]); err != nil {
		return request.Refuse(err)
	}
	switch f := &found[0]; f.Kind {
	case guard.True:
		r.WantsUsage, change.Present = true, false
	case guard.False, guard.Null:
		change.Edit = body.Edit{From: m.From + f.From, To: m.From + f.To, Text: "true"}
	case guard.Absent:
		text := on
		if len(bytes.TrimSpace(inner[1:len(inner)-1])) > 0 {
			text += ","
		}
		change.Edit = body.Edit{From: m.From + 1, To: m.From + 1, Text: text}
	default:
		return apperr.New(apperr.InvalidRequest, "include_usage must be true or false.").WithParam("stream_options.include_usage")
	}
	return nil
}

func includeUsage() []string { return []string{"include_usage"} }

// usageOptions takes out the member by which a client asks for the cost, which the upstream does not know.
func (d *Chat) usageOptions(r *llm.Request, src []byte, m *guard.Member) error {
	if m.Kind == guard.Absent {
		return nil
	}
	if m.Kind == guard.Object {
		c := guard.NewCursor(src[m.From:m.To])
		for k, ok := c.Object(); ok; k, ok = c.Next() {
			if string(k) == "include" && c.Kind() == guard.True {
				r.WantsCost = true
			}
			c.Skip()
		}
	}
	r.Original.Edits[1] = llm.Change{Present: true, Edit: request.Remove(src, m)}
	return nil
}

// EncodeRequest implements dialect.Egress.
func (*Chat) EncodeRequest(r *llm.Request, to dialect.Target) (body.Message, error) {
	if r.Original.Edits[editStore].Present {
		if r.Notes.Drop("store"); r.Notes.Err() != nil {
			return body.Message{}, r.Notes.Err() //nolint:wrapcheck // an apperr for the client
		}
	}
	if r.Search.Most > 0 && !to.Search {
		return body.Message{}, dialect.NoSearch(r)
	}
	if can := traitsOf(to.Model); r.Bound > 0 && can.OldBound {
		old := *r
		old.Original.Bound = r.Original.OldBound
		r = &old
	}
	return request.Encode(r, to.Model)
}

// AppendError implements dialect.Ingress.
func (*Chat) AppendError(dst []byte, e *apperr.Error, requestID string) []byte {
	return openai.AppendError(dst, e, requestID)
}

// Heartbeat implements dialect.Heartbeater: a comment and a blank line, which the clients of today skip.
func (*Chat) Heartbeat() []byte { return []byte(": keep-alive\n\n") }

// AppendStreamError implements dialect.Ingress.
func (*Chat) AppendStreamError(dst []byte, e *apperr.Error, requestID string) []byte {
	return openai.AppendStreamError(dst, e, requestID)
}
