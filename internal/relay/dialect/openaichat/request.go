// Package openaichat is the wire format of POST /v1/chat/completions, towards clients and upstreams. Between the two it
// changes the model's name and whether the stream ends with a usage; everything else passes as it came.
package openaichat

import (
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
	dataSources
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
		"service_tier", "modalities", "web_search_options", "store", "data_sources",
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
	r.Original.Bound = openai.Blank(src, &found[maxCompletionTokens], `"max_completion_tokens":`)
	r.Original.OldBound = openai.Blank(src, &found[maxTokens], `"max_tokens":`)
	if m := &found[store]; m.Kind == guard.True {
		r.Original.Edits[editStore] = llm.Change{Present: true, Edit: body.Edit{From: m.From, To: m.To, Text: "false"}}
	}
	if found[dataSources].Present() { // Azure would read them, and tell, with the rights of the operator's account
		return nil, apperr.New(apperr.InvalidRequest, "data_sources are not offered here.").WithParam("data_sources")
	}
	if err := pricedAlone(r, src, &found); err != nil {
		return nil, err
	}
	if err := openai.StreamOptions(r, src, &found[streamOptions]); err != nil {
		return nil, err
	}
	openai.UsageOptions(r, src, &found[usageOptions])
	return r, nil
}

// pricedAlone looks at what changes the price of a token. What no price book can say is refused, for it would be billed wrong.
func pricedAlone(r *llm.Request, src []byte, found *[members]guard.Member) error {
	if err := openai.Tier(src, &found[serviceTier]); err != nil {
		return err //nolint:wrapcheck // an apperr for the client
	}
	if found[webSearch].Kind == guard.Object {
		r.Search = llm.Search{Most: llm.UsualSearches, Must: true, Field: "web_search_options"}
	}
	switch m := &found[modalities]; m.Kind {
	case guard.Absent, guard.Null:
	case guard.Array:
		c := guard.NewCursor(src[m.From:m.To])
		for ok := c.Array(); ok; ok = c.More() {
			switch string(c.Raw()) {
			case `"text"`:
			case `"audio"`:
				r.AudioOut = true
			default: // pictures, which some vendors count among the tokens of a text
				return apperr.New(apperr.InvalidRequest, "Only answers of text and audio are offered here.").WithParam("modalities")
			}
		}
	default:
		return apperr.New(apperr.InvalidRequest, "modalities must be a list.").WithParam("modalities")
	}
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
