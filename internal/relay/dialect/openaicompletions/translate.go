package openaicompletions

import (
	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// defaultOutput is the longest completion where the client says nothing, as the API has it.
const defaultOutput = 16

// Parse implements dialect.Client: the prompt is what the user says.
func (*Completions) Parse(r *llm.Request, n *llm.Notes) (*llm.Prompt, error) {
	p := &llm.Prompt{Client: Dialect, MaxOutput: r.MaxOutput, Choices: 1}
	if p.MaxOutput == 0 {
		p.MaxOutput = defaultOutput
	}
	var err error
	c := guard.NewCursor(r.Content.Open())
	wire.Object(&c, func(k string) {
		switch k {
		case "model", "stream", "stream_options", "usage":
			c.Skip()
		case "prompt":
			var text llm.Text
			text, err = onlyText(&c)
			p.Turns = []llm.Turn{{Role: llm.User, Blocks: []llm.Block{{Kind: llm.TextBlock, Text: text}}}}
		case "max_tokens":
			if v := wire.Number(&c); v.Zero() {
				n.Reject(k)
			}
		case "n", "best_of":
			if v := llm.Raw(c.Raw()); string(v) != "1" {
				p.Extras = append(p.Extras, llm.Extra{Name: k, Value: v})
			}
		case "logprobs":
			if wire.Number(&c) != nil { // 0 asks for those of the tokens that were chosen
				n.Reject(k)
			}
		case "temperature":
			p.Temperature = wire.Number(&c)
		case "top_p":
			p.TopP = wire.Number(&c)
		case "top_k":
			p.TopK = wire.Number(&c)
		case "seed":
			p.Seed = wire.Number(&c)
		case "presence_penalty":
			p.Presence = wire.Number(&c)
		case "frequency_penalty":
			p.Frequency = wire.Number(&c)
		case "stop":
			if c.Kind() == guard.String {
				p.Stop = []llm.Text{wire.Text(&c)}
				return
			}
			wire.List(&c, func() { p.Stop = append(p.Stop, wire.Text(&c)) })
		case "user":
			p.User = wire.Text(&c)
		default:
			p.Extras = append(p.Extras, llm.Extra{Name: k, Value: llm.Raw(c.Raw())})
		}
	})
	return p, err
}

// onlyText reads a prompt that is one text. What else the API takes cannot be said to a model that converses.
func onlyText(c *guard.Cursor) (text llm.Text, err error) {
	if c.Kind() == guard.String {
		return wire.Text(c), nil
	}
	n := 0
	wire.List(c, func() {
		if n++; n > 1 || c.Kind() != guard.String {
			err = apperr.New(apperr.UnsupportedParam, "The model cannot complete tokens or several prompts at once: prompt must be one text.").WithParam("prompt")
		}
		text = wire.Text(c)
	})
	return text, err
}

// AppendAnswer implements dialect.Client.
func (*Completions) AppendAnswer(dst []byte, r *llm.Request, c *llm.Completion) ([]byte, int) {
	b := wire.Builder{B: dst}
	b.Open('{')
	head(&b, c.ID, r.Model)
	var text llm.Text
	for i := range c.Blocks {
		if block := &c.Blocks[i]; shown(block.Kind) {
			text = append(text, block.Text...)
		}
	}
	choice(&b, text, finishOf(c.Reason))
	b.Key("usage")
	at := openai.AppendUsage(&b, c.Counts, "")
	b.Close('}')
	return b.B, at
}

// shown tells which blocks of an answer are a part of the text. Thoughts have no place in it.
func shown(kind llm.BlockKind) bool { return kind == llm.TextBlock || kind == llm.Refusal }

func head(b *wire.Builder, id llm.Text, model string) {
	b.Key("id")
	b.Text(append(llm.Text("cmpl-"), id...))
	b.Key("object")
	b.String("text_completion")
	b.Key("created")
	b.Int(clock.System{}.Now().Unix())
	b.Key("model")
	b.String(model)
}

// choice writes the list of the only answer; finish is empty as long as it goes on.
func choice(b *wire.Builder, text llm.Text, finish string) {
	b.Key("choices")
	b.Open('[')
	b.Open('{')
	b.Key("text")
	b.Text(text)
	b.Key("index")
	b.Int(0)
	b.Key("logprobs")
	b.Null()
	b.Key("finish_reason")
	if finish == "" {
		b.Null()
	} else {
		b.String(finish)
	}
	b.Close('}')
	b.Close(']')
}

func finishOf(r llm.Reason) string {
	switch r {
	case llm.MaxTokens, llm.ContextFull, llm.Paused:
		return "length"
	case llm.Filtered:
		return "content_filter"
	default:
		return "stop"
	}
}

// writer renders an answer as chunks, which are whole objects with a piece of the text.
type writer struct {
	request *llm.Request
	head    []byte // what every chunk begins with
}

// NewWriter implements dialect.Client.
func (*Completions) NewWriter(r *llm.Request) dialect.Writer { return &writer{request: r} }

// Append implements dialect.Writer.
func (w *writer) Append(dst []byte, e *llm.Event) []byte {
	if w.head == nil {
		id := llm.Text(w.request.ID.String())
		if e.Kind == llm.Start {
			id = e.ID
		}
		b := wire.Builder{B: []byte("data: ")}
		b.Open('{')
		head(&b, id, w.request.Model)
		w.head = b.B
	}
	switch {
	case e.Kind == llm.Delta && shown(e.What):
		return w.chunk(dst, func(b *wire.Builder) { choice(b, e.Text, "") })
	case e.Kind == llm.Stop:
		return w.chunk(dst, func(b *wire.Builder) { choice(b, nil, finishOf(e.Reason)) })
	}
	return dst
}

func (w *writer) chunk(dst []byte, fill func(b *wire.Builder)) []byte {
	b := wire.Builder{B: append(dst, w.head...)}
	fill(&b)
	b.Close('}')
	return append(b.B, "\n\n"...)
}

// AppendEnd implements dialect.Writer.
func (w *writer) AppendEnd(dst []byte, counts usage.Counts, cost string) []byte {
	if w.request.WantsUsage || cost != "" {
		dst = w.chunk(dst, func(b *wire.Builder) {
			b.Key("choices")
			b.Raw(llm.Raw("[]"))
			b.Key("usage")
			openai.AppendUsage(b, counts, cost)
		})
	}
	return append(dst, "data: [DONE]\n\n"...)
}
