package provider

import (
	"encoding/json"
	"slices"
)

// Ends of a response.
const (
	statusCompleted  = "completed"
	statusIncomplete = "incomplete"
	statusFailed     = "failed"
	statusInProgress = "in_progress"
)

// outputItem is one item of an answer, with its text cut into what a stream sends piece by piece.
type outputItem struct {
	kind, id  string
	pieces    []string
	status    string
	callID    string
	name      string
	namespace string
	// summarised says that the reasoning's pieces are shown; encrypted is empty unless the client asked for it.
	summarised bool
	encrypted  string
	logprobs   bool
}

// responseAnswer is a planned response.
type responseAnswer struct {
	id         string
	created    int64
	req        *responseRequest
	output     []outputItem
	status     string
	reason     string // of an incomplete response
	usage      tokenUsage
	obfuscated bool
}

// createResponse serves POST /v1/responses.
func (s *Server) createResponse(c *call) *apiError {
	req, e := s.parseResponse(c)
	if e != nil {
		return e
	}
	c.model, c.stream = req.Model, req.Stream
	pace, fault, done, e := s.prepare(c, &req.steer)
	if e != nil || done {
		return e
	}
	a := s.composeResponse(c.key, req)
	c.usage = a.usage
	c.wire.timed(c)
	if req.stored() {
		s.responses.keep(c.key, req, a)
	}
	s.deliver(c, a, pace, fault)
	return nil
}

// countResponseTokens serves POST /v1/responses/input_tokens.
func (s *Server) countResponseTokens(c *call) *apiError {
	req, e := s.parseResponse(c)
	if e != nil {
		return e
	}
	c.model = req.Model
	_, fault, done, e := s.prepare(c, &req.steer)
	if e != nil || done {
		return e
	}
	n := req.extra()
	for _, text := range req.promptParts() {
		n += CountTokens(text)
	}
	c.wire.timed(c)
	body := append(appendInt([]byte(`{"object":"response.input_tokens","input_tokens":`), n), '}')
	c.settle(c.writeAnswer(body, fault))
	return nil
}

// composeResponse plans the answer to a request.
func (s *Server) composeResponse(key string, req *responseRequest) *responseAnswer {
	a := &responseAnswer{
		id: s.newID("resp_"), created: s.cfg.Clock.Now().Unix(), req: req, status: statusCompleted,
		obfuscated: req.StreamOptions.IncludeObfuscation,
	}
	t := req.task()
	ch := s.answerTask(t, 0)
	total, cached := s.cache.count(key, req.Model, req.promptParts())
	a.usage = tokenUsage{Prompt: total + req.extra(), Completion: ch.tokens() + ch.reasoning}
	a.usage.Total = a.usage.Prompt + a.usage.Completion
	a.usage.PromptDetails.Cached, a.usage.CompletionDetails.Reasoning = cached, ch.reasoning
	if ch.reasoning > 0 {
		it := outputItem{kind: itemReasoning, id: s.newID("rs_"), status: statusCompleted}
		if req.Reasoning.Summary != "" {
			it.pieces, it.summarised = ch.thinking, true
		}
		if slices.Contains(req.Include, includeEncrypted) {
			it.encrypted = s.encrypt(hashBytes(hashStart, it.id), it.id)
		}
		a.output = append(a.output, it)
	}
	if ch.finish == finishLength {
		a.status, a.reason = statusIncomplete, "max_output_tokens"
	}
	switch req.steer.finish {
	case "max_output_tokens", "content_filter":
		a.status, a.reason = statusIncomplete, req.steer.finish
	case statusFailed:
		a.status, a.reason = statusFailed, ""
	}
	status := a.status
	if status == statusFailed {
		status = statusIncomplete
	}
	if len(ch.content) > 0 {
		a.output = append(a.output, outputItem{
			kind: itemMessage, id: s.newID("msg_"), pieces: ch.content, status: status,
			logprobs: slices.Contains(req.Include, includeLogprobs),
		})
	}
	for _, call := range ch.calls {
		spec := req.tool(call.name)
		it := outputItem{
			kind: itemCall, pieces: call.arguments, status: status, callID: call.id, name: call.name, namespace: spec.namespace,
		}
		if spec.Type == "custom" {
			it.kind = itemCustomCall
		}
		it.id = s.newID(itemPrefix(it.kind) + "_")
		a.output = append(a.output, it)
	}
	return a
}

func (a *responseAnswer) streamed() bool { return a.req.Stream }

func (a *responseAnswer) size() int {
	n := 0
	for _, it := range a.output {
		n += len(it.pieces)
	}
	return n
}

func (a *responseAnswer) appendBody(out []byte, withUsage bool) []byte {
	return a.appendResponse(out, a.status, withUsage)
}

type responseUsage struct {
	Input        int `json:"input_tokens"`
	InputDetails struct {
		Cached  int `json:"cached_tokens"`
		Written int `json:"cache_write_tokens"`
	} `json:"input_tokens_details"`
	Output        int `json:"output_tokens"`
	OutputDetails struct {
		Reasoning int `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
	Total int `json:"total_tokens"`
}

func newResponseUsage(u tokenUsage) *responseUsage {
	r := &responseUsage{Input: u.Prompt, Output: u.Completion, Total: u.Total}
	r.InputDetails.Cached, r.OutputDetails.Reasoning = u.PromptDetails.Cached, u.CompletionDetails.Reasoning
	return r
}

type incompleteDetails struct {
	Reason string `json:"reason"`
}

type responseError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// failure is what a response tells that broke on the server's side.
func failure() *responseError {
	return &responseError{"server_error", "The server had an error while processing your request."}
}

type echoedReasoning struct {
	Effort  *string `json:"effort"`
	Summary *string `json:"summary"`
}

// responseObject is a response as it is sent: what became of it, and the request's settings again.
type responseObject struct {
	ID                 string             `json:"id"`
	Object             string             `json:"object"`
	CreatedAt          int64              `json:"created_at"`
	Status             string             `json:"status"`
	Background         bool               `json:"background"`
	CompletedAt        *int64             `json:"completed_at"`
	Error              *responseError     `json:"error"`
	IncompleteDetails  *incompleteDetails `json:"incomplete_details"`
	Instructions       json.RawMessage    `json:"instructions"`
	MaxOutputTokens    *int               `json:"max_output_tokens"`
	Model              string             `json:"model"`
	Output             json.RawMessage    `json:"output"`
	ParallelToolCalls  bool               `json:"parallel_tool_calls"`
	PreviousResponseID *string            `json:"previous_response_id"`
	Reasoning          echoedReasoning    `json:"reasoning"`
	ServiceTier        string             `json:"service_tier"`
	Store              bool               `json:"store"`
	Temperature        float64            `json:"temperature"`
	Text               json.RawMessage    `json:"text"`
	ToolChoice         json.RawMessage    `json:"tool_choice"`
	Tools              json.RawMessage    `json:"tools"`
	TopP               float64            `json:"top_p"`
	Truncation         string             `json:"truncation"`
	Usage              *responseUsage     `json:"usage"`
	Metadata           map[string]string  `json:"metadata"`
}

// appendResponse appends the response as it stands in a status; one in progress has no output yet.
func (a *responseAnswer) appendResponse(out []byte, status string, withUsage bool) []byte {
	r := a.req
	o := responseObject{
		ID: a.id, Object: "response", CreatedAt: a.created, Status: status, Instructions: orJSON(r.Instructions, "null"),
		MaxOutputTokens: r.MaxOutputTokens, Model: r.Model, ParallelToolCalls: r.ParallelToolCalls == nil || *r.ParallelToolCalls,
		PreviousResponseID: orNull(r.PreviousResponseID), ServiceTier: "default", Store: r.stored(),
		Reasoning:   echoedReasoning{orNull(r.Reasoning.Effort), orNull(r.Reasoning.Summary)},
		Temperature: 1, Text: orJSON(r.Text, `{"format":{"type":"text"}}`), ToolChoice: orJSON(r.ToolChoice, `"auto"`),
		Tools: orJSON(r.Tools, "[]"), TopP: 1, Truncation: "disabled", Metadata: r.Metadata,
	}
	if r.Temperature != nil {
		o.Temperature = *r.Temperature
	}
	if r.TopP != nil {
		o.TopP = *r.TopP
	}
	if r.Truncation != "" {
		o.Truncation = r.Truncation
	}
	if o.Metadata == nil {
		o.Metadata = map[string]string{}
	}
	items := []byte{'['}
	if status != statusInProgress {
		for i, it := range a.output {
			if i > 0 {
				items = append(items, ',')
			}
			items = it.appendItem(items, true)
		}
		if withUsage {
			o.Usage = newResponseUsage(a.usage)
		}
	}
	o.Output = append(items, ']')
	switch status {
	case statusCompleted:
		o.CompletedAt = &a.created
	case statusIncomplete:
		o.IncompleteDetails = &incompleteDetails{a.reason}
	case statusFailed:
		o.Error = failure()
	}
	return appendJSON(out, o)
}

func orJSON(raw json.RawMessage, otherwise string) json.RawMessage {
	if jsonType(raw) == "null" {
		return json.RawMessage(otherwise)
	}
	return raw
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// appendItem appends an item whole, or as a stream announces it.
func (it outputItem) appendItem(out []byte, whole bool) []byte {
	status, text := statusInProgress, []byte(nil)
	if whole {
		status, text = it.status, join(it.pieces)
	}
	out = append(out, `{"id":"`+it.id+`","type":"`+it.kind+`"`...)
	switch it.kind {
	case itemReasoning:
		out = append(out, `,"summary":[`...)
		if whole && it.summarised {
			out = it.appendSummary(out, text)
		}
		out = append(out, ']')
		if whole && it.encrypted != "" {
			out = append(out, `,"encrypted_content":"`+it.encrypted+`"`...)
		}
		return append(out, '}')
	case itemMessage:
		out = append(out, `,"status":"`+status+`","content":[`...)
		if whole {
			out = it.appendPart(out, it.pieces)
		}
		return append(out, `],"role":"assistant"}`...)
	case itemCustomCall:
		out = appendQuoted(append(out, `,"status":"`+status+`","input":`...), text)
	default:
		out = appendQuoted(append(out, `,"status":"`+status+`","arguments":`...), text)
	}
	out = appendQuoted(append(out, `,"call_id":"`+it.callID+`","name":`...), it.name)
	if it.namespace != "" {
		out = appendQuoted(append(out, `,"namespace":`...), it.namespace)
	}
	return append(out, '}')
}

func (it outputItem) appendSummary(out, text []byte) []byte {
	return append(appendQuoted(append(out, `{"type":"summary_text","text":`...), text), '}')
}

// appendPart appends the text part of a message.
func (it outputItem) appendPart(out []byte, pieces []string) []byte {
	out = append(out, `{"type":"output_text","annotations":[],"logprobs":`...)
	out = it.appendLogs(out, pieces)
	return append(appendQuoted(append(out, `,"text":`...), join(pieces)), '}')
}

func (it outputItem) appendLogs(out []byte, pieces []string) []byte {
	out = append(out, '[')
	if it.logprobs {
		for i, p := range pieces {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendLogprob(out, p)
		}
	}
	return append(out, ']')
}
