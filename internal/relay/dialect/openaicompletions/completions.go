// Package openaicompletions is the wire format of POST /v1/completions, which completes texts, towards clients and upstreams.
// Where the upstream has it too bytes pass. A model that only converses completes a text as the answer to one turn.
package openaicompletions

import (
	"errors"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/request"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/dialect/openaichat"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Dialect names the format of such clients.
const Dialect = "openai_completions"

const (
	maxOutput  = 10_000_000
	maxChoices = 128
)

var errNoAnswer = errors.New("the answer is not a text completion")

// Members of the body that are looked at.
const (
	model = iota
	prompt
	stream
	streamOptions
	maxTokens
	choices
	bestOf
	usageOptions
	serviceTier
	echo // read again where it matters; here it must only be there once
	members
)

// Completions implements dialect.Ingress, dialect.Client, and dialect.Egress towards upstreams of the same format.
type Completions struct {
	openai.Plain
	chat  *openaichat.Chat // reads along in streams
	names [members]string
}

// New returns the dialect.
func New(chat *openaichat.Chat) *Completions {
	return &Completions{chat: chat, names: [members]string{
		"model", "prompt", "stream", "stream_options", "max_tokens", "n", "best_of", "usage", "service_tier", "echo",
	}}
}

var (
	_ dialect.Client      = (*Completions)(nil)
	_ dialect.Egress      = (*Completions)(nil)
	_ dialect.Heartbeater = (*Completions)(nil)
)

// Path is where completions are.
func (*Completions) Path(*llm.Request, string) string { return "/completions" }

// DecodeRequest implements dialect.Ingress.
func (d *Completions) DecodeRequest(c body.Content) (*llm.Request, error) {
	src := c.Open()
	var found [members]guard.Member
	if err := guard.Scan(src, d.names[:], found[:]); err != nil {
		return nil, request.Refuse(err)
	}
	r := &llm.Request{Content: c, Original: llm.Original{Dialect: Dialect}}
	var err error
	if r.Model, err = request.Model(src, &found[model]); err != nil {
		return nil, err
	}
	r.Original.Model = llm.Span{From: found[model].From, To: found[model].To}
	if r.Stream, err = request.Bool(&found[stream], "stream"); err != nil {
		return nil, err
	}
	if r.Choices, err = answers(src, &found); err != nil {
		return nil, err
	}
	if r.MaxOutput, err = request.Int(src, &found[maxTokens], "max_tokens", 0, maxOutput, 0); err != nil {
		return nil, err
	}
	if found[maxTokens].Kind == guard.Number { // 0 asks for nothing but the echo of the prompt
		r.MaxOutput = max(r.MaxOutput, 1)
	}
	r.Original.Bound = openai.Blank(src, &found[maxTokens], `"max_tokens":`)
	if err := openai.Tier(src, &found[serviceTier]); err != nil {
		return nil, err
	}
	if err := openai.StreamOptions(r, src, &found[streamOptions]); err != nil {
		return nil, err
	}
	openai.UsageOptions(r, src, &found[usageOptions])
	return r, nil
}

// answers is how many texts the upstream writes: for each prompt as many as are wanted, or as the best are chosen from.
func answers(src []byte, found *[members]guard.Member) (int64, error) {
	m := &found[prompt]
	if m.Kind != guard.String && m.Kind != guard.Array {
		return 0, apperr.New(apperr.InvalidRequest, "prompt must be a text, a list of texts, or tokens.").WithParam("prompt")
	}
	c := guard.NewCursor(src[m.From:m.To])
	prompts, _ := openai.Texts(&c)
	n, err := request.Int(src, &found[choices], "n", 1, maxChoices, 1)
	if err != nil {
		return 0, err //nolint:wrapcheck // an apperr for the client
	}
	best, err := request.Int(src, &found[bestOf], "best_of", 1, maxChoices, 1)
	return prompts * max(n, best), err //nolint:wrapcheck // an apperr for the client
}

// ReadAnswer implements dialect.Egress.
func (d *Completions) ReadAnswer(r *llm.Request, content body.Content, m dialect.Meter) (llm.Answer, error) {
	a := llm.Answer{Finished: true}
	found := false
	c := guard.NewCursor(content.Open())
	wire.Object(&c, func(k string) {
		switch {
		case k == "usage" && c.Kind() == guard.Object:
			a.UsageAt = c.At() + 1
			a.Counts, a.Reported = openai.ReadUsage(&c)
		case k == "choices" && c.Kind() == guard.Array:
			found = true
			c.Skip()
		default:
			c.Skip()
		}
	})
	if !c.End() || !found {
		return llm.Answer{}, errNoAnswer
	}
	if a.Reported && (a.Counts.Output() > 0 || d.EstimateAnswer(content, bytesOf) == 0 || echoes(r) > 0) {
		return a, nil
	}
	// No report, or one that says that a text cost no tokens.
	a.Counts.Fill(func() usage.Tokens { return d.EstimatePrompt(r, m.Count) }, d.fresh(r, d.EstimateAnswer(content, m.Count), m.Count))
	a.Reported, a.UsageAt = true, 0
	return a, nil
}

// bytesOf counts enough to tell something from nothing.
func bytesOf(text []byte) usage.Tokens { return usage.Tokens(len(text)) }

// fresh is what of a text was written and not echoed.
func (d *Completions) fresh(r *llm.Request, said usage.Tokens, count dialect.Count) usage.Tokens {
	if n := echoes(r); n > 0 {
		return max(said-n*d.EstimatePrompt(r, count), 0)
	}
	return said
}

// echoes is how many answers begin with their prompt.
func echoes(r *llm.Request) int64 {
	n, echo := int64(1), false
	c := guard.NewCursor(r.Content.Open())
	wire.Object(&c, func(k string) {
		switch {
		case k == "echo":
			echo = wire.Tri(&c) == llm.Yes
		case k == "n" && c.Kind() == guard.Number:
			n, _ = c.Int(maxChoices)
		default:
			c.Skip()
		}
	})
	if !echo {
		return 0
	}
	return n
}

// EstimateAnswer implements dialect.Egress.
func (*Completions) EstimateAnswer(content body.Content, count dialect.Count) (total usage.Tokens) {
	c := guard.NewCursor(content.Open())
	wire.Object(&c, func(k string) {
		if k != "choices" {
			c.Skip()
			return
		}
		wire.List(&c, func() {
			wire.Object(&c, func(k string) {
				if k != "text" {
					c.Skip()
					return
				}
				text := wire.Text(&c)
				total += dialect.CountEscaped(text, len(text), count)
			})
		})
	})
	return total
}

// NewTap implements dialect.Egress.
func (d *Completions) NewTap(r *llm.Request, m dialect.Meter) dialect.Tap {
	return &tap{Tap: d.chat.NewTextTap(r, m), home: d, request: r}
}

// tap knows that what is echoed was not written.
type tap struct {
	dialect.Tap
	home    *Completions
	request *llm.Request
}

// EstimateOutput implements dialect.Tap.
func (t *tap) EstimateOutput(count dialect.Count) usage.Tokens {
	return t.home.fresh(t.request, t.Tap.EstimateOutput(count), count)
}

// MeasurePrompt implements dialect.Egress and dialect.Client.
func (*Completions) MeasurePrompt(r *llm.Request) llm.Size { return openai.MeasureTexts(r, "prompt") }

// EstimatePrompt implements dialect.Egress and dialect.Client.
func (*Completions) EstimatePrompt(r *llm.Request, count dialect.Count) usage.Tokens {
	return openai.CountTexts(r, "prompt", count)
}

// Heartbeat implements dialect.Heartbeater.
func (d *Completions) Heartbeat() []byte { return d.chat.Heartbeat() }
