package openaichat

import (
	"slices"

	"starlane/internal/platform/clock"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

var _ dialect.Client = (*Chat)(nil)

// writer renders an answer as chat.completion.chunk objects.
type writer struct {
	head    []byte // what every chunk begins with
	request *llm.Request
	first   told
	more    []told // of the other choices, where several were asked for
	*told          // of the choice that is written
	calls   *callForms
	tier    string
	late    []string // warnings
}

// told is what has been told of a choice.
type told struct {
	index   int
	call    int      // ordinal of the open call, -1 before the first
	details int      // entries of reasoning_details so far
	thought llm.Text // as far as the open thought was told
	begun   bool
	form    callForm           // of the open call
	input   *openai.Unwrapping // of the open call, if it is one of a custom tool
	cites   citations
}

// NewWriter implements dialect.Client.
func (*Chat) NewWriter(r *llm.Request) dialect.Writer {
	w := &writer{request: r, first: told{call: -1}}
	w.told = &w.first
	return w
}

// turn goes to a choice.
func (w *writer) turn(index int) {
	w.told = &w.first
	if index == 0 {
		return
	}
	for len(w.more) < index {
		w.more = append(w.more, told{index: len(w.more) + 1, call: -1})
	}
	w.told = &w.more[index-1]
}

// start keeps the head of the chunks.
func (w *writer) start(id llm.Text) {
	b := wire.Builder{}
	b.Open('{')
	head(&b, id, "chat.completion.chunk", w.request.Model)
	w.head = b.B
}

// role writes the first chunk of a choice, which says whose turn it is.
func (w *writer) role(dst []byte) []byte {
	w.begun = true
	return w.chunk(dst, func(b *wire.Builder) {
		b.Key("role")
		b.String("assistant")
		b.Key("content")
		b.String("")
	})
}

func head(b *wire.Builder, id llm.Text, object, model string) {
	b.Key("id")
	b.Text(append(llm.Text("chatcmpl-"), id...))
	b.Key("object")
	b.String(object)
	b.Key("created")
	b.Int(clock.System{}.Now().Unix())
	b.Key("model")
	b.String(model)
}

// chunk writes a chunk whose delta is filled.
func (w *writer) chunk(dst []byte, fill func(b *wire.Builder)) []byte {
	return w.frame(dst, func(b *wire.Builder) {
		b.Key("delta")
		b.Open('{')
		fill(b)
		b.Close('}')
		b.Key("finish_reason")
		b.Null()
	})
}

// frame writes a chunk with one choice.
func (w *writer) frame(dst []byte, fill func(b *wire.Builder)) []byte {
	dst = append(append(dst, "data: "...), w.head...)
	b := wire.Builder{B: dst}
	b.Key("choices")
	b.Open('[')
	b.Open('{')
	b.Key("index")
	b.Int(int64(w.index))
	fill(&b)
	b.Close('}')
	b.Close(']')
	wire.Late(&b, w.late)
	w.late = nil
	b.Close('}')
	return append(b.B, "\n\n"...)
}

// Append implements dialect.Writer.
func (w *writer) Append(dst []byte, e *llm.Event) []byte {
	if w.head == nil {
		var id llm.Text
		if e.Kind == llm.Start {
			id = e.ID
		}
		w.start(id)
	}
	if w.turn(e.Choice); !w.begun {
		dst = w.role(dst)
	}
	switch e.Kind {
	case llm.Open:
		w.thought = w.thought[:0]
		if e.What == llm.ToolCall {
			return w.openCall(dst, e)
		}
		w.cites.open()
	case llm.Delta:
		if e.What == llm.ToolCall {
			return w.callDelta(dst, e.Text)
		}
		if e.What == llm.TextBlock && w.request.Search.Most > 0 {
			w.cites.say(e.Text)
		}
		if e.Probs != nil {
			return w.deltaWithProbs(dst, e)
		}
		return w.delta(dst, e)
	case llm.Seal:
		return w.seal(dst, e)
	case llm.Cite:
		if w.request.Search.Most > 0 { // else the text was not followed
			w.cites.cite(e.Cite)
		}
	case llm.Stop:
		if len(w.cites.told) > 0 {
			dst = w.chunk(dst, w.cites.append)
		}
		w.late = e.Late
		return w.frame(dst, func(b *wire.Builder) {
			b.Key("delta")
			b.Raw(llm.Raw("{}"))
			b.Key("finish_reason")
			b.String(finishOf(e.Reason, w.call >= 0, w.form))
		})
	case llm.Close:
		if w.input != nil {
			return w.closeInput(dst)
		}
		w.cites.shut()
	case llm.Report:
		w.tier = e.Tier
	case llm.Start:
	}
	return dst
}

// appendSignature writes what was sealed with a call where Gemini's own OpenAI-compatible endpoint has clients carry it.
func appendSignature(b *wire.Builder, s llm.Sealed) {
	if s.Origin != wire.CallSealer || len(s.Data) == 0 {
		return
	}
	b.Key("extra_content")
	b.Open('{')
	b.Key("google")
	b.Open('{')
	b.Key("thought_signature")
	b.Text(s.Data)
	b.Close('}')
	b.Close('}')
}

func (w *writer) delta(dst []byte, e *llm.Event) []byte {
	return w.chunk(dst, func(b *wire.Builder) {
		switch e.What {
		case llm.Thinking:
			w.thought = append(w.thought, e.Text...)
			b.Key("reasoning_content")
			b.Text(e.Text)
		case llm.Refusal:
			b.Key("refusal")
			b.Text(e.Text)
		default:
			b.Key("content")
			b.Text(e.Text)
		}
	})
}

// deltaWithProbs writes a piece of a text with the probabilities of its tokens.
func (w *writer) deltaWithProbs(dst []byte, e *llm.Event) []byte {
	return w.frame(dst, func(b *wire.Builder) {
		b.Key("delta")
		b.Open('{')
		b.Key("content")
		b.Text(e.Text)
		b.Close('}')
		appendProbs(b, e.Probs)
		b.Key("finish_reason")
		b.Null()
	})
}

func appendProbs(b *wire.Builder, list llm.Raw) {
	b.Key("logprobs")
	b.Open('{')
	b.Key("content")
	b.Open('[')
	b.Raw(list)
	b.Close(']')
	b.Key("refusal")
	b.Null()
	b.Close('}')
}

// seal writes an artifact where clients of this format may carry it back from, with the text that it signs: of several thoughts
// the client could not tell which.
func (w *writer) seal(dst []byte, e *llm.Event) []byte {
	if e.What != llm.Thinking {
		return dst
	}
	w.details++
	return w.chunk(dst, func(b *wire.Builder) {
		b.Key("reasoning_details")
		b.Open('[')
		appendDetail(b, w.details-1, w.thought, e.Sealed)
		b.Close(']')
	})
}

// appendDetail writes an entry of reasoning_details, as OpenRouter's API names them.
func appendDetail(b *wire.Builder, index int, said llm.Text, s llm.Sealed) {
	b.Open('{')
	b.Key("type")
	if s.Alone {
		b.String("reasoning.encrypted")
		b.Key("data")
		b.Text(wire.AppendSealed(nil, s, openai.Dialect))
	} else {
		b.String("reasoning.text")
		b.Key("text")
		b.Text(said)
		b.Key("signature")
		b.Text(wire.AppendSealed(nil, s, openai.Dialect))
	}
	b.Key("index")
	b.Int(int64(index))
	b.Close('}')
}

// AppendEnd implements dialect.Writer.
func (w *writer) AppendEnd(dst []byte, counts usage.Counts, cost string) []byte {
	if w.request.WantsUsage || cost != "" {
		dst = append(append(dst, "data: "...), w.head...)
		b := wire.Builder{B: dst}
		b.Key("choices")
		b.Raw(llm.Raw("[]"))
		appendTier(&b, w.tier)
		b.Key("usage")
		openai.AppendUsage(&b, counts, cost)
		b.Close('}')
		dst = append(b.B, "\n\n"...)
	}
	return append(dst, "data: [DONE]\n\n"...)
}

func appendTier(b *wire.Builder, tier string) {
	if tier != "" {
		b.Key("service_tier")
		b.String(tier)
	}
}

func finishOf(r llm.Reason, calls bool, form callForm) string {
	switch r {
	case llm.MaxTokens, llm.ContextFull, llm.Paused:
		return "length"
	case llm.Filtered:
		return "content_filter"
	default:
		switch {
		case calls && form == legacyCall:
			return "function_call"
		case calls:
			return "tool_calls"
		}
		return "stop"
	}
}

// AppendAnswer implements dialect.Client.
func (*Chat) AppendAnswer(dst []byte, r *llm.Request, c *llm.Completion) ([]byte, int) {
	b := wire.Builder{B: dst}
	b.Open('{')
	head(&b, c.ID, "chat.completion", r.Model)
	b.Key("choices")
	b.Open('[')
	forms := &callForms{}
	if slices.ContainsFunc(c.Blocks, func(b llm.Block) bool { return b.Kind == llm.ToolCall }) || len(c.More) > 0 {
		forms = formsOf(r)
	}
	for i := range int(max(r.Choices, 1)) {
		if choice := c.Choice(i); choice != nil {
			appendChoice(&b, i, choice, forms)
		}
	}
	b.Close(']')
	appendTier(&b, c.Tier)
	b.Key("usage")
	at := openai.AppendUsage(&b, c.Counts, "")
	b.Close('}')
	return b.B, at
}

func appendChoice(b *wire.Builder, index int, c *llm.Completion, forms *callForms) {
	b.Open('{')
	b.Key("index")
	b.Int(int64(index))
	b.Key("message")
	calls := appendMessage(b, c, forms)
	var probs llm.Raw
	for i := range c.Blocks {
		probs = probs.Join(c.Blocks[i].Probs)
	}
	if probs == nil {
		b.Key("logprobs")
		b.Null()
	} else {
		appendProbs(b, probs)
	}
	b.Key("finish_reason")
	b.String(finishOf(c.Reason, calls, forms.of(nil)))
	b.Close('}')
}

// appendMessage writes the assistant's message: texts joined, thoughts beside them, calls behind.
func appendMessage(b *wire.Builder, c *llm.Completion, forms *callForms) (calls bool) {
	joined := func(kind llm.BlockKind) (all llm.Text, some bool) {
		for i := range c.Blocks {
			if c.Blocks[i].Kind == kind {
				all, some = append(all, c.Blocks[i].Text...), true
			}
		}
		return all, some
	}
	orNull := func(name string, kind llm.BlockKind) {
		b.Key(name)
		if all, some := joined(kind); some {
			b.Text(all)
		} else {
			b.Null()
		}
	}
	b.Open('{')
	b.Key("role")
	b.String("assistant")
	orNull("content", llm.TextBlock)
	orNull("refusal", llm.Refusal)
	if said, some := joined(llm.Thinking); some {
		b.Key("reasoning_content")
		b.Text(said)
		b.Key("reasoning_details")
		b.Open('[')
		n := 0
		for i := range c.Blocks {
			if t := &c.Blocks[i]; t.Kind == llm.Thinking && len(t.Sealed.Data) > 0 {
				appendDetail(b, n, t.Text, t.Sealed)
				n++
			}
		}
		b.Close(']')
	}
	appendCitations(b, c.Blocks)
	calls = appendCalls(b, c, forms)
	b.Close('}')
	return calls
}
