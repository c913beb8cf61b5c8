package provider

import (
	"context"
	"strings"
	"time"

	"starlane/internal/platform/clock"
)

// pieceSound is what is said with one piece of a text: 100 ms of silence.
const (
	pieceBytes  = 100 * bytesPerMS
	pieceTokens = pieceBytes / saidTokenBytes
)

func pieceSound() string { return strings.Repeat("AAAA", pieceBytes/3) }

// realtimeCounts are tokens by kind.
type realtimeCounts struct{ text, audio int }

func (c realtimeCounts) total() int { return c.text + c.audio }

// realtimeResponse is an answer under way.
type realtimeResponse struct {
	id     string
	set    realtimeSettings
	steer  steering
	limit  int
	speaks bool
	inside bool // of the conversation
	prompt realtimeCounts
	cached realtimeCounts
	said   realtimeCounts
	task   *task
	ctx    context.Context // ends when it is cancelled
	stop   context.CancelFunc
	reason string // why it was cancelled
}

// respond begins an answer.
func (rs *realtimeSession) respond(own *realtimeSettings) *apiError {
	limit, err := own.limit()
	if err != nil {
		return badParam("response.max_output_tokens", "invalid_value", "Invalid 'response.max_output_tokens': %s.", err)
	}
	steer, e := readSteering(nil, own.Metadata)
	if e != nil {
		return e
	}
	for i, item := range own.Input {
		if e := item.check("response.input[" + string(appendInt(nil, i)) + "]"); e != nil {
			return e
		}
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := &realtimeResponse{id: rs.server.newID("resp_")[:26], set: *own, steer: steer, limit: limit, inside: own.Conversation != "none"}
	if r.inside && rs.active != nil {
		return badParam("", "conversation_already_has_active_response",
			"Conversation already has an active response in progress: %s. Wait until the response is finished before creating a new one.", rs.active.id)
	}
	rs.plan(r)
	r.ctx, r.stop = context.WithCancel(rs.ctx)
	if r.inside {
		rs.active = r
	}
	rs.answers.Add(1)
	go func() {
		defer rs.answers.Done()
		defer r.stop()
		rs.answer(r)
	}()
	return nil
}

// plan counts the prompt and finds what is to be said. The caller holds the lock.
func (rs *realtimeSession) plan(r *realtimeResponse) {
	items := rs.items
	if r.set.Input != nil {
		items = r.set.Input
	}
	t := &task{idPrefix: "call_", tokens: r.steer.tokens, mode: toolsAuto}
	instructions := rs.set.Instructions
	if r.set.Instructions != "" {
		instructions = r.set.Instructions
	}
	r.prompt.text = CountTokens(instructions) + priming
	for _, it := range items {
		r.prompt.text += perMessage + CountTokens(it.Output+it.Arguments+it.Name)
		for _, p := range it.Content {
			r.prompt.text += CountTokens(p.Text)
		}
		if it.Role == roleAssistant {
			r.prompt.audio += it.sound / saidTokenBytes
		} else {
			r.prompt.audio += it.sound / heardTokenBytes
		}
		switch {
		case it.Type == itemCall+"_output":
			t.last, t.results = turnTool, append(t.results, it.Output)
		case it.Role == roleUser:
			t.last, t.results = turnUser, nil
			for _, p := range it.Content {
				t.user = p.Text + p.Transcript
			}
		}
	}
	if r.inside && r.set.Input == nil {
		r.cached = realtimeCounts{text: min(rs.prior.text, r.prompt.text) / 64 * 64, audio: min(rs.prior.audio, r.prompt.audio) / 64 * 64}
		rs.prior = r.prompt
	}
	r.speaks = rs.set.speaks()
	if len(r.set.Output)+len(r.set.Modalities) > 0 {
		r.speaks = r.set.speaks()
	}
	if r.limit == 0 {
		r.limit, _ = rs.set.limit() // what is set has been checked
	}
	if t.limit = r.limit; r.speaks && t.limit > 0 {
		t.limit = max(1, t.limit/(1+pieceTokens))
	}
	tools := rs.set.Tools
	if r.set.Tools != nil {
		tools = r.set.Tools
	}
	for _, spec := range tools {
		t.tools = append(t.tools, tool{name: spec.Name, parameters: spec.Parameters})
	}
	choice := rs.set.ToolChoice
	if r.set.ToolChoice != nil {
		choice = r.set.ToolChoice
	}
	if s := strings.Trim(string(choice), `"`); s == toolsNone || s == toolsRequired {
		t.mode = s
	}
	r.task = t
}

// answer sends what is said, and the end of it.
func (rs *realtimeSession) answer(r *realtimeResponse) {
	fault := rs.fault
	if r.steer.fault != nil {
		fault = *r.steer.fault
	}
	p := pacer{pace: fault.applyPace(r.steer.applyPace(*rs.server.cfg.Echo)), start: clock.System{}.Now(), done: r.ctx.Done()}
	rs.send("response.created", map[string]any{"response": r.shown("in_progress", nil, nil)})
	rs.send("rate_limits.updated", map[string]any{"rate_limits": []any{
		map[string]any{"name": "requests", "limit": rs.server.cfg.LimitRequests, "remaining": rs.server.cfg.LimitRequests - 1, "reset_seconds": 60},
		map[string]any{"name": "tokens", "limit": rs.server.cfg.LimitTokens, "remaining": rs.server.cfg.LimitTokens - r.prompt.total(), "reset_seconds": 60},
	}})
	s := &speaking{rs: rs, r: r, pacer: p, fault: fault}
	c := rs.server.answerTask(r.task, 0)
	status, detail := "completed", map[string]any(nil)
	var items []*realtimeItem
	if len(c.calls) > 0 {
		for i, call := range c.calls {
			items = append(items, s.call(i, call))
		}
	} else {
		items = append(items, s.message(c.content))
	}
	switch {
	case s.err == errCut: //nolint:errorlint // made here
		rs.breakOff()
		return
	case r.ctx.Err() != nil && r.reason == "": // the client is gone
		return
	case s.failed:
		status = "failed"
		detail = map[string]any{"type": "failed", "error": map[string]any{"type": "server_error", "code": nil, "message": "The server had an error while processing your request."}}
	case r.ctx.Err() != nil:
		status, detail = "cancelled", map[string]any{"type": "cancelled", "reason": r.reason}
	case c.finish == finishLength:
		status, detail = "incomplete", map[string]any{"type": "incomplete", "reason": "max_output_tokens"}
	}
	rs.mu.Lock()
	if rs.active == r {
		rs.active = nil
	}
	rs.spent.Prompt += r.prompt.total()
	rs.spent.PromptDetails.Cached += r.cached.total()
	rs.spent.Completion += r.said.total()
	rs.c.chunks += s.chunks
	defer rs.mu.Unlock()
	usage := any(r.usage())
	if s.failed || fault.Kind == NoUsage {
		usage = nil
	}
	done := r.shown(status, detail, usage)
	done["output"] = items
	rs.send("response.done", map[string]any{"response": done})
}

// cancel ends the answer under way.
func (rs *realtimeSession) cancel(id, reason string) *apiError {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.active == nil || id != "" && id != rs.active.id {
		return badParam("", "response_cancel_not_active", "Cancellation failed: no active response found.")
	}
	rs.active.reason = reason
	rs.active.stop()
	return nil
}

func (r *realtimeResponse) shown(status string, detail map[string]any, usage any) map[string]any {
	out := map[string]any{"object": "realtime.response", "id": r.id, "status": status, "status_details": nil, "output": []any{}, "usage": usage, "metadata": r.set.Metadata}
	if detail != nil {
		out["status_details"] = detail
	}
	return out
}

// usage is what the answer costs.
func (r *realtimeResponse) usage() map[string]any {
	return map[string]any{
		"total_tokens": r.prompt.total() + r.said.total(), "input_tokens": r.prompt.total(), "output_tokens": r.said.total(),
		"input_token_details": map[string]any{
			"text_tokens": r.prompt.text, "audio_tokens": r.prompt.audio, "image_tokens": 0, "cached_tokens": r.cached.total(),
			"cached_tokens_details": map[string]any{"text_tokens": r.cached.text, "audio_tokens": r.cached.audio, "image_tokens": 0},
		},
		"output_token_details": map[string]any{"text_tokens": r.said.text, "audio_tokens": r.said.audio},
	}
}

// speaking sends the pieces of an answer at their pace.
type speaking struct {
	pacer
	rs     *realtimeSession
	r      *realtimeResponse
	fault  Rule
	chunks int
	err    error
	failed bool
}

// next waits for the next piece; false if there is to be none.
func (s *speaking) next() bool {
	if s.err != nil || s.failed {
		return false
	}
	if s.chunks == s.fault.AfterChunks {
		switch s.fault.Kind {
		case Cut:
			s.err = errCut
		case StallStream:
			s.err = s.forever(time.Duration(s.fault.DelayMS) * time.Millisecond)
		case ErrorEvent:
			s.failed = true
		default: // no fault of a stream
		}
	}
	if s.err == nil && !s.failed {
		s.err = s.wait(s.chunks)
	}
	if s.r.ctx.Err() != nil {
		s.err = errGone
	}
	s.chunks++
	return s.err == nil && !s.failed
}

func (s *speaking) at(index int, item *realtimeItem) map[string]any {
	return map[string]any{"response_id": s.r.id, "item_id": item.ID, "output_index": index}
}

func with(members map[string]any, more ...any) map[string]any {
	for i := 0; i+1 < len(more); i += 2 {
		name, _ := more[i].(string)
		members[name] = more[i+1]
	}
	return members
}

func (s *speaking) open(index int, item *realtimeItem) {
	s.rs.send("response.output_item.added", map[string]any{"response_id": s.r.id, "output_index": index, "item": item})
	if s.r.inside {
		s.rs.mu.Lock()
		s.rs.add(item)
		s.rs.mu.Unlock()
	}
}

func (s *speaking) close(index int, item *realtimeItem) {
	s.rs.mu.Lock()
	item.Status = "completed"
	if s.err != nil || s.failed {
		item.Status = "incomplete"
	}
	defer s.rs.mu.Unlock()
	s.rs.send("response.output_item.done", map[string]any{"response_id": s.r.id, "output_index": index, "item": item})
}

// message says a text, aloud if it is to be.
func (s *speaking) message(content []string) *realtimeItem {
	item := &realtimeItem{ID: s.rs.server.newID("item_")[:26], Object: "realtime.item", Type: "message", Status: "in_progress", Role: roleAssistant}
	s.open(0, item)
	kind, event := "output_text", "response.output_text"
	if s.r.speaks {
		kind, event = "output_audio", "response.output_audio_transcript"
	}
	s.rs.send("response.content_part.added", with(s.at(0, item), "content_index", 0, "part", map[string]any{"type": strings.TrimPrefix(kind, "output_")}))
	said, sound := "", 0
	for _, piece := range content {
		if !s.next() {
			break
		}
		said += piece
		s.r.said.text++
		s.rs.send(event+".delta", with(s.at(0, item), "content_index", 0, "delta", piece))
		if s.r.speaks {
			sound += pieceBytes
			s.r.said.audio += pieceTokens
			s.rs.send("response.output_audio.delta", with(s.at(0, item), "content_index", 0, "delta", pieceSound()))
		}
	}
	if s.err == errCut { //nolint:errorlint // made here
		return item
	}
	part := realtimePart{Type: kind, Text: said}
	if s.r.speaks {
		part = realtimePart{Type: kind, Transcript: said}
		s.rs.send("response.output_audio.done", with(s.at(0, item), "content_index", 0))
		s.rs.send(event+".done", with(s.at(0, item), "content_index", 0, "transcript", said))
	} else {
		s.rs.send(event+".done", with(s.at(0, item), "content_index", 0, "text", said))
	}
	s.rs.send("response.content_part.done", with(s.at(0, item), "content_index", 0, "part", part))
	s.rs.mu.Lock()
	item.Content, item.sound = []realtimePart{part}, sound
	s.rs.mu.Unlock()
	s.close(0, item)
	return item
}

// call asks for a tool.
func (s *speaking) call(index int, call toolCall) *realtimeItem {
	item := &realtimeItem{ID: s.rs.server.newID("item_")[:26], Object: "realtime.item", Type: itemCall, Status: "in_progress", CallID: call.id, Name: call.name}
	s.open(index, item)
	s.r.said.text += CountTokens(call.name) + 4
	said := ""
	for _, piece := range call.arguments {
		if !s.next() {
			break
		}
		said += piece
		s.r.said.text++
		s.rs.send("response.function_call_arguments.delta", with(s.at(index, item), "call_id", call.id, "delta", piece))
	}
	if s.err == errCut { //nolint:errorlint // made here
		return item
	}
	s.rs.send("response.function_call_arguments.done", with(s.at(index, item), "call_id", call.id, "name", call.name, "arguments", said))
	s.rs.mu.Lock()
	item.Arguments = said
	s.rs.mu.Unlock()
	s.close(index, item)
	return item
}
