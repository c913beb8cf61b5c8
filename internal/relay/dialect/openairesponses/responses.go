// Package openairesponses is the wire format of POST /v1/responses, towards clients and upstreams. No upstream keeps anything
// from one call to the next: it is sent the whole conversation, and thoughts travel with it, encrypted. What a client leaves out
// because its tenant has responses stored is put in before anything else looks at its request (stored.go).
package openairesponses

import (
	"bytes"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
)

// Dialect is the name of the format among clients, and the origin of what its vendor seals.
const Dialect = "openai_responses"

// maxOutput is more than any model gives, maxTools more than it calls of the vendor's tools.
const (
	maxOutput = 10_000_000
	maxTools  = 1_000
)

// webSearch is the tool of the vendor that searches the web, whatever its version.
const webSearch = "web_search"

// encryptedContent asks for thoughts that the client can send back.
const encryptedContent = "reasoning.encrypted_content"

// Members of the body that are looked at before a model is chosen.
const (
	model = iota
	input
	stream
	maxOutputTokens
	serviceTier
	store
	include
	reasoning
	// What follows needs answers that are kept.
	background
	previousResponseID
	conversation
	prompt
	tools
	maxToolCalls
	members
)

// Edits of a request that passes through, by their place in llm.Original.
const (
	editStore = iota
	editInclude
	editTools
	editInput
)

// Responses implements dialect.Client and dialect.Upstream.
type Responses struct{ names [members]string }

// New returns the dialect.
func New() *Responses {
	return &Responses{names: [members]string{
		"model", "input", "stream", "max_output_tokens", "service_tier", "store", "include", "reasoning",
		"background", "previous_response_id", "conversation", "prompt",
		"tools", "max_tool_calls",
	}}
}

var (
	_ dialect.Client   = (*Responses)(nil)
	_ dialect.Upstream = (*Responses)(nil)
)

// DecodeRequest implements dialect.Ingress.
func (d *Responses) DecodeRequest(c body.Content) (*llm.Request, error) {
	src := c.Open()
	var found [members]guard.Member
	if err := guard.Scan(src, d.names[:], found[:]); err != nil {
		return nil, request.Refuse(err)
	}
	r := &llm.Request{Content: c, Choices: 1, WantsUsage: true, Original: llm.Original{Dialect: Dialect}}
	var err error
	if r.Model, err = request.Model(src, &found[model]); err != nil {
		return nil, err
	}
	r.Original.Model = llm.Span{From: found[model].From, To: found[model].To}
	if err := d.stateless(src, &found); err != nil {
		return nil, err
	}
	if k := found[input].Kind; k != guard.String && k != guard.Array {
		return nil, apperr.New(apperr.InvalidRequest, "input must be a text or a list of items.").WithParam("input")
	}
	if r.Stream, err = request.Bool(&found[stream], "stream"); err != nil {
		return nil, err
	}
	if r.MaxOutput, err = request.Int(src, &found[maxOutputTokens], "max_output_tokens", 1, maxOutput, 0); err != nil {
		return nil, err
	}
	r.Original.Bound = blank(src, &found[maxOutputTokens])
	unsaid(r, src, &found)
	if r.Search.Most, err = searches(src, &found); err != nil {
		return nil, err
	}
	r.Search.Field = "tools." + webSearch
	return r, pricedAlone(src, &found[serviceTier])
}

// TurnOn says how to have responses stored.
const TurnOn = "An owner or admin of the organisation can turn on stored responses in the settings of the console."

// stateless refuses what needs responses that are stored: an upstream would store them for all clients of its account together.
// Requests of a tenant that has a store of its own come here without it.
func (d *Responses) stateless(src []byte, found *[members]guard.Member) error {
	refuse := func(param, why string) error {
		return apperr.New(apperr.UnsupportedParam, "%s cannot be used here. %s", param, why).WithParam(param)
	}
	const none = "Your organisation stores no responses. "
	for _, at := range [...]int{store, background} {
		on, err := request.Bool(&found[at], d.names[at])
		switch {
		case err != nil:
			return err
		case on && at == store:
			return refuse("store", none+"Leave it out or set it to false. "+TurnOn)
		case on:
			return refuse("background", "Use stream instead.")
		}
	}
	if found[previousResponseID].Present() {
		return refuse("previous_response_id", none+"Send the whole conversation in input. "+TurnOn)
	}
	if found[conversation].Present() {
		return refuse("conversation", "Send the whole conversation in input, or go on by previous_response_id where responses are stored.")
	}
	if found[prompt].Present() {
		return refuse("prompt", "Send the text of the prompt in instructions or input.")
	}
	if found[input].Kind != guard.Array || !bytes.Contains(src, []byte("item_reference")) {
		return nil
	}
	p := parsing{}
	c := guard.NewCursor(src[found[input].From:found[input].To])
	p.each(&c, "input", func(at string, c *guard.Cursor) {
		item := *c
		c.Skip()
		if typeOf(&item) == "item_reference" && p.err == nil {
			p.err = refuse(at, "Send the item itself in place of a reference to it.")
		}
	})
	return p.err
}

// unsaid prepares what a request that passes through has to say, although its client did not: that its answer is not kept, and,
// as the client cannot refer to it then, that thoughts come along encrypted.
func unsaid(r *llm.Request, src []byte, found *[members]guard.Member) {
	if found[store].Kind == guard.False {
		return
	}
	const off = `"store":false`
	change := &r.Original.Edits[editStore]
	change.Present = true
	at := bytes.IndexByte(src, '{') + 1
	if m := &found[store]; m.Kind == guard.Null {
		change.Edit = body.Edit{From: m.From, To: m.To, Text: "false"}
	} else {
		change.Edit = body.Edit{From: at, To: at, Text: off + ","}
	}
	// Only a model that thinks takes this include; whoever says how it shall think has such a model.
	if m := &found[reasoning]; m.Kind != guard.Object || !thinks(src[m.From:m.To]) {
		return
	}
	const name = `"` + encryptedContent + `"`
	change = &r.Original.Edits[editInclude]
	switch m := &found[include]; m.Kind {
	case guard.Array:
		inner := src[m.From+1 : m.To-1]
		if change.Present = !bytes.Contains(inner, []byte(name)); change.Present {
			text := name
			if len(bytes.TrimSpace(inner)) > 0 {
				text += ","
			}
			change.Edit = body.Edit{From: m.From + 1, To: m.From + 1, Text: text}
		}
	case guard.Null:
		*change = llm.Change{Present: true, Edit: body.Edit{From: m.From, To: m.To, Text: "[" + name + "]"}}
	case guard.Absent:
		*change = llm.Change{Present: true, Edit: body.Edit{From: at, To: at, Text: `"include":[` + name + `],`}}
	default: // the upstream refuses it
	}
}

// searches is how many searches there may be in an answer.
func searches(src []byte, found *[members]guard.Member) (int64, error) {
	if found[tools].Kind != guard.Array {
		return 0, nil
	}
	asked := false
	c := guard.NewCursor(src[found[tools].From:found[tools].To])
	wire.List(&c, func() { asked = family(typeOf(&c)) == webSearch || asked })
	if !asked {
		return 0, nil
	}
	n, err := request.Int(src, &found[maxToolCalls], "max_tool_calls", 0, maxTools, llm.UsualSearches)
	return max(n, 1), err
}

// thinks tells whether the member reasoning says anything.
func thinks(src []byte) (yes bool) {
	c := guard.NewCursor(src)
	wire.Object(&c, func(k string) {
		switch said := string(wire.Text(&c)); k {
		case "effort":
			yes = yes || said != "" && said != "none"
		case "summary", "generate_summary":
			yes = yes || said != ""
		}
	})
	return yes
}

// pricedAlone refuses what changes the price of a token in a way that no price book can say.
func pricedAlone(src []byte, m *guard.Member) error {
	switch m.Kind {
	case guard.Absent, guard.Null:
	case guard.String:
		if tier := string(src[m.From+1 : m.To-1]); tier != "auto" && tier != "default" {
			return apperr.New(apperr.InvalidRequest, "Only the service tiers auto and default are offered here.").WithParam("service_tier")
		}
	default:
		return apperr.New(apperr.InvalidRequest, "service_tier must be a text.").WithParam("service_tier")
	}
	return nil
}

// blank is where a bound goes that the client did not set.
func blank(src []byte, m *guard.Member) llm.Blank {
	if m.Kind == guard.Null {
		return llm.Blank{Span: llm.Span{From: m.From, To: m.To}}
	}
	at := bytes.IndexByte(src, '{') + 1
	return llm.Blank{Span: llm.Span{From: at, To: at}, Before: `"max_output_tokens":`, After: ","}
}

// AppendError implements dialect.Ingress.
func (*Responses) AppendError(dst []byte, e *apperr.Error, requestID string) []byte {
	return openai.AppendError(dst, e, requestID)
}

// Heartbeat implements dialect.Heartbeater: a comment and a blank line, which the clients of today skip.
func (*Responses) Heartbeat() []byte { return []byte(": keep-alive\n\n") }

// AppendStreamError implements dialect.Ingress, for a stream of which nothing is known.
func (*Responses) AppendStreamError(dst []byte, e *apperr.Error, requestID string) []byte {
	return appendFailure(dst, 0, e, requestID, &response{id: "resp_" + requestID})
}
