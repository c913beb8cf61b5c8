package gemini

import (
	"encoding/base64"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// writer renders an answer as chunks.
type writer struct {
	request *llm.Request
	id      llm.Text
	begun   bool     // a chunk is out
	late    []string // warnings
	first   told
	more    []told // of the other candidates, where several were asked for
	*told          // of the candidate that is written
}

// told is what has been told of a candidate.
type told struct {
	index  int
	reason llm.Reason
	call   llm.Block // the open call: it is told when its arguments are whole
	broken bool      // arguments never became JSON
	ground grounding
}

var _ dialect.FailureWriter = (*writer)(nil)

// NewWriter implements dialect.Client.
func (*Contents) NewWriter(r *llm.Request) dialect.Writer {
	w := &writer{request: r}
	w.told = &w.first
	return w
}

// turn goes to a candidate.
func (w *writer) turn(index int) {
	w.told = &w.first
	if index == 0 {
		return
	}
	for len(w.more) < index {
		w.more = append(w.more, told{index: len(w.more) + 1})
	}
	w.told = &w.more[index-1]
}

// Append implements dialect.Writer.
func (w *writer) Append(dst []byte, e *llm.Event) []byte {
	w.turn(e.Choice)
	switch e.Kind {
	case llm.Start:
		w.id = append(w.id[:0], e.ID...)
	case llm.Open:
		if e.What == llm.TextBlock {
			w.ground.open()
		}
		if e.What == llm.ToolCall {
			w.call = llm.Block{Kind: llm.ToolCall, ID: clone(e.ID), Name: clone(e.Name)}
			w.call.Sealed = llm.Sealed{Origin: e.Sealed.Origin, Data: clone(e.Sealed.Data), Alone: e.Sealed.Alone}
		}
	case llm.Delta:
		if e.What == llm.ToolCall {
			w.call.Text = append(w.call.Text, e.Text...)
			return dst
		}
		if e.What == llm.TextBlock && w.request.Search.Most > 0 {
			w.ground.say(e.Text)
		}
		return w.part(dst, e.Probs, func(b *wire.Builder) { appendText(b, e.Text, e.What == llm.Thinking) })
	case llm.Seal:
		return w.part(dst, nil, func(b *wire.Builder) { appendSeal(b, e.Sealed, e.What == llm.Thinking) })
	case llm.Cite:
		if w.request.Search.Most > 0 { // else the text was not followed
			w.ground.cite(e.Cite)
		}
	case llm.Close:
		if e.What == llm.ToolCall {
			return w.endCall(dst)
		}
		w.ground.shut()
	case llm.Stop:
		w.reason = e.Reason
		if len(e.Late) > 0 {
			w.late = e.Late
		}
	case llm.Report:
	}
	return dst
}

func clone(t llm.Text) llm.Text { return append(llm.Text(nil), t...) }

// endCall tells a call. What is no JSON object was cut off, or the model's mistake.
func (w *writer) endCall(dst []byte) []byte {
	if _, ok := wire.Arguments(w.call.Text); !ok {
		w.broken = true
		return dst
	}
	return w.part(dst, nil, func(b *wire.Builder) { appendCall(b, &w.call) })
}

// part writes a chunk with one part.
func (w *writer) part(dst []byte, probs llm.Raw, fill func(b *wire.Builder)) []byte {
	return w.chunk(dst, func(b *wire.Builder) { candidate(b, w.index, func() { fill(b) }, "", probs, nil) }, nil)
}

// AppendFailure implements dialect.FailureWriter: an array that has no element yet begins with the error.
func (w *writer) AppendFailure(dst []byte, e *apperr.Error, requestID string) []byte {
	if w.request.Framing == llm.Array && !w.begun {
		return append((*Contents)(nil).AppendError(append(dst, '['), e, requestID), ']')
	}
	return dst
}

// chunk writes a chunk in its frame.
func (w *writer) chunk(dst []byte, fill func(b *wire.Builder), counts *usage.Counts) []byte {
	array := w.request.Framing == llm.Array
	if array {
		dst = dialect.AppendElement(dst, w.begun, nil)
	} else {
		dst = append(dst, "data: "...)
	}
	w.begun = true
	b := wire.Builder{B: dst}
	b.Open('{')
	b.Key("candidates")
	b.Open('[')
	fill(&b)
	b.Close(']')
	if counts != nil {
		b.Key("usageMetadata")
		appendUsage(&b, *counts)
		wire.Late(&b, w.late) // this is the last chunk
	}
	tail(&b, w.id, w.request.Model)
	b.Close('}')
	if array {
		return b.B
	}
	return append(b.B, "\r\n\r\n"...)
}

// tail writes what stands last in an answer.
func tail(b *wire.Builder, id llm.Text, model string) {
	b.Key("modelVersion")
	b.String(model)
	b.Key("responseId")
	b.Text(id)
}

// candidate writes a candidate with the parts that fill writes.
func candidate(b *wire.Builder, index int, fill func(), finish string, probs llm.Raw, ground *grounding) {
	b.Open('{')
	b.Key("content")
	b.Open('{')
	b.Key("parts")
	b.Open('[')
	before := len(b.B)
	fill()
	if len(b.B) == before { // clients look for a part
		appendText(b, nil, false)
	}
	b.Close(']')
	b.Key("role")
	b.String(roleModel)
	b.Close('}')
	if finish != "" {
		b.Key("finishReason")
		b.String(finish)
	}
	b.Key("index")
	b.Int(int64(index))
	if probs != nil {
		appendProbs(b, probs)
	}
	if ground != nil {
		ground.append(b)
	}
	b.Close('}')
}

func appendText(b *wire.Builder, t llm.Text, thought bool) {
	b.Open('{')
	b.Key("text")
	b.Text(t)
	if thought {
		b.Key("thought")
		b.Bool(true)
	}
	b.Close('}')
}

// appendSeal writes an artifact on a part of its own, without words.
func appendSeal(b *wire.Builder, s llm.Sealed, thought bool) {
	b.Open('{')
	b.Key("text")
	b.String("")
	if thought && s.Origin != Dialect {
		b.Key("thought")
		b.Bool(true)
	}
	signature(b, s)
	b.Close('}')
}

// signature writes an artifact. Clients take it for bytes, so that what is another vendor's is made base64.
func signature(b *wire.Builder, s llm.Sealed) {
	if len(s.Data) == 0 {
		return
	}
	b.Key("thoughtSignature")
	if s.Origin == Dialect {
		b.Text(s.Data)
		return
	}
	plain, err := guard.Unquote(s.Data)
	if err != nil { // no text: whoever sealed it would not know it again
		plain = ""
	}
	s.Data = llm.Text(plain)
	b.String(base64.StdEncoding.EncodeToString(wire.AppendSealed(nil, s, Dialect)))
}

// unseal reads what signature wrote, or the vendor's own. SDKs write bytes in either alphabet.
func unseal(t llm.Text) llm.Sealed {
	if len(t) == 0 {
		return llm.Sealed{}
	}
	if plain, err := guard.Unquote(t); err == nil {
		if raw, err := base64.StdEncoding.DecodeString(string(standard([]byte(plain)))); err == nil {
			if s := wire.Unseal(raw, Dialect, false); s.Origin != Dialect {
				s.Data = wire.Escape(nil, s.Data) // whatever a client put into it
				return s
			}
		}
	}
	return llm.Sealed{Origin: Dialect, Data: t}
}

// standard turns base64 of either alphabet, with or without its padding, into the common one.
func standard(data []byte) []byte {
	out := make([]byte, 0, len(data)+2)
	for _, c := range data {
		switch c {
		case '-':
			c = '+'
		case '_':
			c = '/'
		case '=', '\n', '\r', ' ':
			continue
		}
		out = append(out, c)
	}
	for len(out)%4 != 0 {
		out = append(out, '=')
	}
	return out
}

func appendCall(b *wire.Builder, call *llm.Block) {
	args, _ := wire.Arguments(call.Text)
	b.Open('{')
	b.Key("functionCall")
	b.Open('{')
	b.Key("id")
	b.Text(call.ID)
	b.Key("name")
	b.Text(call.Name)
	b.Key("args")
	b.Raw(args)
	b.Close('}')
	signature(b, call.Sealed)
	b.Close('}')
}

// AppendEnd implements dialect.Writer.
func (w *writer) AppendEnd(dst []byte, counts usage.Counts, _ string) []byte {
	dst = w.chunk(dst, func(b *wire.Builder) {
		for i := range 1 + len(w.more) {
			w.turn(i)
			candidate(b, i, func() {}, finishOf(w.reason, w.broken), nil, &w.ground)
		}
	}, &counts)
	if w.request.Framing == llm.Array {
		dst = append(dst, ']')
	}
	return dst
}

func finishOf(r llm.Reason, broken bool) string {
	switch r {
	case llm.MaxTokens, llm.ContextFull:
		return "MAX_TOKENS"
	case llm.Filtered:
		return "SAFETY"
	case llm.Paused:
		return "CONTINUATION"
	default:
		if broken || r == llm.BrokenCall {
			return "MALFORMED_FUNCTION_CALL"
		}
		return "STOP"
	}
}

// AppendAnswer implements dialect.Client.
func (*Contents) AppendAnswer(dst []byte, r *llm.Request, c *llm.Completion) ([]byte, int) {
	b := wire.Builder{B: dst}
	b.Open('{')
	b.Key("candidates")
	b.Open('[')
	for i := range int(max(r.Choices, 1)) {
		if choice := c.Choice(i); choice != nil {
			appendCandidate(&b, i, choice)
		}
	}
	b.Close(']')
	b.Key("usageMetadata")
	appendUsage(&b, c.Counts)
	tail(&b, c.ID, r.Model)
	b.Close('}')
	return b.B, 0
}

func appendCandidate(b *wire.Builder, index int, c *llm.Completion) {
	broken := false
	var probs llm.Raw
	var ground grounding
	for i := range c.Blocks {
		block := &c.Blocks[i]
		if block.Kind == llm.TextBlock {
			ground.open()
			ground.say(block.Text)
			for j := range block.Cites {
				ground.cite(&block.Cites[j])
			}
			ground.shut()
		}
		probs = probs.Join(block.Probs)
		if block.Kind == llm.ToolCall {
			_, ok := wire.Arguments(block.Text)
			broken = broken || !ok
		}
	}
	candidate(b, index, func() {
		for i := range c.Blocks {
			appendBlock(b, &c.Blocks[i])
		}
	}, finishOf(c.Reason, broken), probs, &ground)
}

func appendBlock(b *wire.Builder, block *llm.Block) {
	thought := block.Kind == llm.Thinking
	if block.Kind == llm.ToolCall {
		if _, ok := wire.Arguments(block.Text); ok {
			appendCall(b, block)
		}
		return
	}
	if len(block.Text) > 0 {
		appendText(b, block.Text, thought)
	}
	if len(block.Sealed.Data) > 0 {
		appendSeal(b, block.Sealed, thought)
	}
}
