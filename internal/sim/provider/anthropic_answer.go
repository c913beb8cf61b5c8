package provider

import "strings"

// redactedTrigger is the vendor's published test string that makes a model hide its thinking.
const redactedTrigger = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB"

// Stop reasons of a message.
const (
	stopEndTurn   = "end_turn"
	stopMaxTokens = "max_tokens"
	stopSequence  = "stop_sequence"
	stopToolUse   = "tool_use"
	stopPause     = "pause_turn"
	stopRefusal   = "refusal"
	stopContext   = "model_context_window_exceeded"
)

// messageUsage is the "usage" object of a message.
type messageUsage struct {
	Input         int                   `json:"input_tokens"`
	CacheCreation int                   `json:"cache_creation_input_tokens"`
	CacheRead     int                   `json:"cache_read_input_tokens"`
	ByTTL         *cacheCreation        `json:"cache_creation,omitempty"`
	Output        int                   `json:"output_tokens"`
	Details       *messageOutputDetails `json:"output_tokens_details,omitempty"`
	ServiceTier   string                `json:"service_tier,omitempty"`
	ServerTools   *serverToolUsage      `json:"server_tool_use,omitempty"`
}

type serverToolUsage struct {
	Searches int `json:"web_search_requests"`
}

type cacheCreation struct {
	Short int `json:"ephemeral_5m_input_tokens"`
	Long  int `json:"ephemeral_1h_input_tokens"`
}

type messageOutputDetails struct {
	Thinking int `json:"thinking_tokens"`
}

// normal gives the usage as OpenAI counts.
func (u messageUsage) normal() tokenUsage {
	n := tokenUsage{Prompt: u.Input + u.CacheCreation + u.CacheRead, Completion: u.Output}
	n.Total = n.Prompt + n.Completion
	n.PromptDetails.Cached, n.PromptDetails.written = u.CacheRead, u.CacheCreation
	if u.Details != nil {
		n.CompletionDetails.Reasoning = u.Details.Thinking
	}
	return n
}

// outputBlock is one block of an answer, with its text cut into what a stream sends piece by piece.
type outputBlock struct {
	kind      string
	pieces    []string
	signature string
	data      string
	id, name  string
	cited     bool
}

// messageAnswer is a planned message.
type messageAnswer struct {
	id, requestID string
	model         string
	stream        bool
	blocks        []outputBlock
	stopReason    string
	stopSequence  string
	usage         messageUsage
}

// composeMessage plans the answer to a request.
func (s *Server) composeMessage(c *call, req *messageRequest) *messageAnswer {
	a := &messageAnswer{id: s.newID("msg_"), requestID: c.id, model: req.Model, stream: req.Stream}
	prompt := req.blocks()
	cached := s.blocks.serve(c.key, req.Model, prompt, s.cfg.Clock.Now())
	a.usage = messageUsage{
		Input:         promptTokens(prompt) - cached.read - cached.short - cached.long,
		CacheCreation: cached.short + cached.long, CacheRead: cached.read,
		ByTTL: &cacheCreation{cached.short, cached.long}, ServiceTier: "standard",
	}
	t := req.task()
	if t.limit == 0 { // a request for nothing fills the cache
		a.stopReason = stopMaxTokens
		return a
	}
	ch := s.answerTask(t, 0)
	if req.Thinking.on() {
		a.usage.Details = &messageOutputDetails{ch.reasoning}
		a.blocks = append(a.blocks, s.thinkingBlock(req, t, ch))
	}
	a.usage.Output = ch.reasoning + ch.tokens()
	searched := t.last == turnUser && req.searchTool() && searches(t.user)
	if searched {
		a.blocks = append(a.blocks, s.searchBlocks(req, t)...)
		a.usage.ServerTools = &serverToolUsage{1}
		a.usage.Input += toolUseTokens
	}
	if len(ch.content) > 0 {
		a.blocks = append(a.blocks, outputBlock{kind: "text", pieces: ch.content, cited: searched})
	}
	for _, call := range ch.calls {
		a.blocks = append(a.blocks, outputBlock{kind: "tool_use", pieces: call.arguments, id: call.id, name: call.name})
	}
	switch {
	case ch.finish == finishLength:
		a.stopReason = stopMaxTokens
	case ch.finish == finishTools:
		a.stopReason = stopToolUse
	case ch.stop != "":
		a.stopReason, a.stopSequence = stopSequence, ch.stop
	default:
		a.stopReason = stopEndTurn
	}
	switch req.steer.finish {
	case stopPause, stopContext:
		a.stopReason, a.stopSequence = req.steer.finish, ""
	case stopRefusal:
		a.stopReason, a.stopSequence, a.blocks = stopRefusal, "", nil
		a.usage.Output, a.usage.Details = 1, nil
	}
	return a
}

func (s *Server) thinkingBlock(req *messageRequest, t *task, ch choice) outputBlock {
	nonce := newRandom(s.cfg.Seed^hashBytes(hashStart, t.user), uint64(len(req.Messages)))
	if req.steer.redacted || strings.Contains(t.user, redactedTrigger) {
		return outputBlock{kind: "redacted_thinking", data: s.seal(nonce.next(), sealRedacted)}
	}
	b := outputBlock{kind: "thinking", pieces: ch.thinking}
	if req.Thinking.Display == "omitted" {
		b.pieces = nil
	}
	b.signature = s.seal(nonce.next(), sealThinking, string(join(b.pieces)))
	return b
}

func (a *messageAnswer) streamed() bool { return a.stream }

func (a *messageAnswer) size() int {
	n := 0
	for _, b := range a.blocks {
		n += len(b.pieces)
	}
	return n
}

// input gives the arguments of a tool call; those of a truncated call are no JSON any more, and left out.
func (b outputBlock) input() string {
	if text := join(b.pieces); validObject(text) {
		return string(text)
	}
	return "{}"
}

// appendHead appends a message up to its content, without the end of the object.
func (a *messageAnswer) appendHead(out []byte) []byte {
	out = append(out, `{"model":`...)
	out = appendQuoted(out, a.model)
	return append(out, `,"id":"`+a.id+`","type":"message","role":"assistant","content":[`...)
}

func (a *messageAnswer) appendBody(out []byte, withUsage bool) []byte {
	out = a.appendHead(out)
	for i, b := range a.blocks {
		if i > 0 {
			out = append(out, ',')
		}
		out = b.appendWhole(out)
	}
	out = append(out, ']')
	out = a.appendStop(append(out, ','))
	if withUsage {
		out = appendJSON(append(out, `,"usage":`...), a.usage)
	}
	return append(out, '}')
}

// appendStop appends the members that tell why the message ended.
func (a *messageAnswer) appendStop(out []byte) []byte {
	out = append(out, `"stop_reason":"`+a.stopReason+`","stop_sequence":`...)
	if a.stopSequence == "" {
		out = append(out, "null"...)
	} else {
		out = appendQuoted(out, a.stopSequence)
	}
	if a.stopReason == stopRefusal {
		return append(out, `,"stop_details":{"type":"refusal","category":"general_harms",`+
			`"explanation":"The simulator was asked to refuse."}`...)
	}
	return append(out, `,"stop_details":null`...)
}

func (b outputBlock) appendWhole(out []byte) []byte {
	switch b.kind {
	case "thinking":
		out = appendQuoted(append(out, `{"type":"thinking","thinking":`...), join(b.pieces))
		return append(out, `,"signature":"`+b.signature+`"}`...)
	case "tool_use", "server_tool_use":
		out = appendQuoted(append(out, `{"type":"`+b.kind+`","id":"`+b.id+`","name":`...), b.name)
		return append(out, `,"input":`+b.input()+`}`...)
	case "text":
		out = appendQuoted(append(out, `{"type":"text","text":`...), join(b.pieces))
		if b.cited {
			out = append(out, `,"citations":[`+citation+`]`...)
		}
		return append(out, '}')
	}
	return b.appendEmpty(out)
}

// appendEmpty appends a block as a stream opens it.
func (b outputBlock) appendEmpty(out []byte) []byte {
	switch b.kind {
	case "thinking":
		return append(out, `{"type":"thinking","thinking":"","signature":""}`...)
	case "redacted_thinking":
		return append(out, `{"type":"redacted_thinking","data":"`+b.data+`"}`...)
	case "tool_use", "server_tool_use":
		out = appendQuoted(append(out, `{"type":"`+b.kind+`","id":"`+b.id+`","name":`...), b.name)
		return append(out, `,"input":{}}`...)
	case "web_search_tool_result":
		return append(out, b.data...)
	}
	return append(out, `{"type":"text","text":""}`...)
}

func (a *messageAnswer) writeStream(s *eventStream) error {
	s.opening = "event: ping\ndata: {\"type\": \"ping\"}\n\n"
	s.garbage = "event: content_block_delta\ndata: {\"type\":\"content_block_de\x01, not json\n\ndata \xff\xfe garbage\n\n"
	s.failure = func(out []byte) []byte {
		out = appendAnthropicError(append(out, "event: error\ndata: "...), "overloaded_error", "Overloaded", a.requestID)
		return append(out, '\n', '\n')
	}
	if err := s.wait(0); err != nil {
		return err
	}
	a.start(s)
	if s.pace.Gap > 0 {
		if err := s.flush(); err != nil {
			return err
		}
	}
	for i, b := range a.blocks {
		if err := b.write(s, i); err != nil {
			return err
		}
	}
	return a.end(s)
}

// start appends the event that opens a message; its usage holds all that is known of the prompt.
func (a *messageAnswer) start(s *eventStream) {
	s.buf = a.appendHead(append(s.buf, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":"...))
	s.buf = append(s.buf, `],"stop_reason":null,"stop_sequence":null,"stop_details":null`...)
	if s.fault.Kind != NoUsage {
		u := a.usage
		u.Output, u.Details = min(1, u.Output), nil
		s.buf = appendJSON(append(s.buf, `,"usage":`...), u)
	}
	s.buf = append(s.buf, "}}\n\n"...)
}

// end sends why the message ended and what it cost.
func (a *messageAnswer) end(s *eventStream) error {
	if s.chunks == 0 { // nothing was shown, so no fault had its turn yet
		if err := s.disturb(); err != nil {
			return err
		}
	}
	s.buf = a.appendStop(append(s.buf, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"...))
	s.buf = append(s.buf, '}')
	if s.fault.Kind != NoUsage {
		u := a.usage
		u.ByTTL, u.ServiceTier = nil, ""
		s.buf = appendJSON(append(s.buf, `,"usage":`...), u)
	}
	s.buf = append(s.buf, "}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"...)
	return s.last()
}

// write sends one block: its start, a ping after the first, its pieces, its signature, its stop.
func (b outputBlock) write(s *eventStream, index int) error {
	s.buf = append(s.buf, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":"...)
	s.buf = append(appendInt(s.buf, index), `,"content_block":`...)
	s.buf = append(b.appendEmpty(s.buf), "}\n\n"...)
	if index == 0 {
		s.buf = append(s.buf, s.opening...)
	}
	open, pieces := `{"type":"text_delta","text":`, b.pieces
	switch b.kind {
	case "thinking":
		open = `{"type":"thinking_delta","thinking":`
	case "tool_use", "server_tool_use":
		open = `{"type":"input_json_delta","partial_json":`
		b.delta(s, index, open, "") // the vendor starts with an empty fragment, and sends no other for no arguments
		if string(join(pieces)) == "{}" {
			pieces = nil
		}
	}
	for _, piece := range pieces {
		if err := s.due(); err != nil {
			return err
		}
		b.delta(s, index, open, piece)
		if err := s.sent(); err != nil {
			return err
		}
	}
	if b.cited {
		s.buf = append(s.buf, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"...)
		s.buf = append(appendInt(s.buf, index), `,"delta":{"type":"citations_delta","citation":`+citation+"}}\n\n"...)
	}
	if b.signature != "" {
		b.delta(s, index, `{"type":"signature_delta","signature":`, b.signature)
	}
	s.buf = append(s.buf, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":"...)
	s.buf = append(appendInt(s.buf, index), "}\n\n"...)
	return nil
}

func (b outputBlock) delta(s *eventStream, index int, open, text string) {
	s.buf = append(s.buf, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"...)
	s.buf = append(appendInt(s.buf, index), `,"delta":`...)
	s.buf = append(appendQuoted(append(s.buf, open...), text), "}}\n\n"...)
}
