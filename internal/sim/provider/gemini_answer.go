package provider

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

// toolUseTokens is what the results of one of the vendor's own tools cost as a prompt.
const toolUseTokens = 32

// tileTokens is what an image costs, whatever its size up to one tile.
const tileTokens = 258

type modalityTokens struct {
	Modality string `json:"modality"`
	Tokens   int    `json:"tokenCount"`
}

// geminiUsage is "usageMetadata"; candidates do not include thoughts, the prompt includes what was cached.
type geminiUsage struct {
	Prompt         int              `json:"promptTokenCount"`
	Candidates     int              `json:"candidatesTokenCount,omitempty"`
	Total          int              `json:"totalTokenCount"`
	Cached         int              `json:"cachedContentTokenCount,omitempty"`
	PromptDetails  []modalityTokens `json:"promptTokensDetails"`
	CacheDetails   []modalityTokens `json:"cacheTokensDetails,omitempty"`
	AnswerDetails  []modalityTokens `json:"candidatesTokensDetails,omitempty"`
	ToolUse        int              `json:"toolUsePromptTokenCount,omitempty"`
	ToolUseDetails []modalityTokens `json:"toolUsePromptTokensDetails,omitempty"`
	Thoughts       int              `json:"thoughtsTokenCount,omitempty"`
	Traffic        string           `json:"trafficType,omitempty"`
}

// at gives the usage as it stands when so many tokens of the answer are out.
func (u geminiUsage) at(candidates int) geminiUsage {
	u.Candidates = candidates
	u.Total = u.Prompt + u.ToolUse + u.Thoughts + candidates
	return u
}

// normal gives the usage as OpenAI counts.
func (u geminiUsage) normal() tokenUsage {
	n := tokenUsage{Prompt: u.Prompt + u.ToolUse, Completion: u.Candidates + u.Thoughts, Total: u.Total}
	n.PromptDetails.Cached, n.CompletionDetails.Reasoning = u.Cached, u.Thoughts
	return n
}

func textTokens(tokens int) []modalityTokens {
	if tokens == 0 {
		return nil
	}
	return []modalityTokens{{"TEXT", tokens}}
}

// usage counts the prompt of a request.
func (r *geminiRequest) usage(count func(parts []string) (total, cached int)) geminiUsage {
	var parts []string
	for _, t := range r.Tools {
		for _, f := range t.Functions {
			parts = append(parts, f.Name+string(f.Parameters)+string(f.JSONSchema))
		}
	}
	frames, images := len(r.Contents), 0
	contents := r.Contents
	if r.SystemInstruction != nil {
		frames++
		contents = append([]geminiContent{*r.SystemInstruction}, contents...)
	}
	for _, c := range contents {
		for _, p := range c.Parts {
			switch {
			case p.Text != nil:
				parts = append(parts, *p.Text)
			case p.Call != nil:
				parts = append(parts, p.Call.Name, string(p.Call.Args))
			case p.Response != nil:
				parts = append(parts, p.Response.Name, string(p.Response.Response))
			case p.InlineData != nil || len(p.FileData) > 0:
				images++
			}
		}
	}
	total, cached := count(parts)
	total += perMessage*frames + priming
	u := geminiUsage{Prompt: total + images*tileTokens, Cached: cached, PromptDetails: textTokens(total), CacheDetails: textTokens(cached)}
	if images > 0 {
		u.PromptDetails = append(u.PromptDetails, modalityTokens{"IMAGE", images * tileTokens})
	}
	u.ToolUse = r.serverTools() * toolUseTokens
	u.ToolUseDetails = textTokens(u.ToolUse)
	return u.at(0)
}

type geminiCandidate struct {
	thoughts []string
	content  []string
	calls    []toolCall
	finish   string
	query    string // that was searched for
	// signature is that of the text; calls carry their own on the first of them.
	signature, callSignature string
	tokens                   int
	picture                  string // PNG as base64
}

// geminiAnswer is a planned answer.
type geminiAnswer struct {
	id, model  string
	stream     bool
	events     bool
	block      string
	logprobs   bool
	pieces     bool // arguments of calls come value by value
	candidates []geminiCandidate
	usage      geminiUsage
}

// generate serves :generateContent and :streamGenerateContent.
func (s *Server) generate(c *call, model string, stream bool) *apiError {
	c.model, c.stream = model, stream
	req, e := s.parseGemini(c, c.body)
	if e != nil {
		return e
	}
	if e := checkWishes(req.steer); e != nil {
		return e
	}
	pace, fault, done, e := s.prepare(c, &req.steer)
	if e != nil || done {
		return e
	}
	a := s.composeGemini(c, req)
	c.usage = a.usage.normal()
	c.wire.timed(c)
	s.deliver(c, a, pace, fault)
	return nil
}

// checkWishes knows the reasons that a request may ask an answer to end for, and a prompt to be blocked for.
func checkWishes(steer steering) *apiError {
	switch steer.block {
	case "", "SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK":
	default:
		return badArgument("Invalid 'x-sim-block': the API does not block for %q.", steer.block)
	}
	return steer.wants("STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "LANGUAGE", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT",
		"SPII", "MALFORMED_FUNCTION_CALL", "IMAGE_SAFETY", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "NO_IMAGE", "CONTINUATION")
}

// composeGemini plans the answer to a request.
func (s *Server) composeGemini(c *call, req *geminiRequest) *geminiAnswer {
	a := &geminiAnswer{
		id: s.newID(""), model: c.model, stream: c.stream, events: wantsEvents(c.r), block: req.steer.block,
		logprobs: req.Config.ResponseLogprobs,
	}
	a.usage = req.usage(func(parts []string) (int, int) { return s.cache.count(c.key, c.model, parts) })
	if a.block != "" {
		return a
	}
	n := 1
	if req.Config.CandidateCount != nil {
		n = *req.Config.CandidateCount
	}
	t := req.task()
	visible := 0
	for i := range n {
		ch := s.answerTask(t, i)
		a.usage.Thoughts += ch.reasoning
		g := s.geminiCandidate(req, t, ch, i)
		if !a.stream && slices.Contains(req.Config.Modalities, "IMAGE") {
			g = s.draw(req, t, i)
			a.usage.AnswerDetails = append(a.usage.AnswerDetails, modalityTokens{"IMAGE", g.tokens})
		}
		visible += g.tokens
		a.candidates = append(a.candidates, g)
	}
	a.usage = a.usage.at(visible)
	a.onVertex(c, req)
	return a
}

func (s *Server) geminiCandidate(req *geminiRequest, t *task, ch choice, index int) geminiCandidate {
	g := geminiCandidate{content: ch.content, finish: "STOP"}
	if req.Config.Thinking.Include {
		g.thoughts = ch.thinking
	}
	nonce := newRandom(s.cfg.Seed^hashBytes(hashStart, t.user), uint64(len(req.Contents))<<8|uint64(index))
	for _, call := range ch.calls {
		if validObject(join(call.arguments)) { // a call that the limit cut is not told at all
			g.calls = append(g.calls, call)
		}
	}
	if ch.finish == finishLength {
		g.finish = "MAX_TOKENS"
	}
	switch req.steer.finish {
	case "":
	case "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL":
		g.content, g.calls, g.finish = nil, nil, req.steer.finish
	default:
		g.finish = req.steer.finish
	}
	if req.searchTool() && t.last == turnUser && searches(t.user) {
		g.query = t.user
	}
	switch {
	case len(g.calls) > 0:
		g.callSignature = s.seal(nonce.next(), sealThought, g.calls[0].name)
	case ch.reasoning > 0:
		g.signature = s.seal(nonce.next(), sealThought, "")
	}
	g.tokens = choice{content: g.content, calls: g.calls}.tokens()
	return g
}

// countGeminiTokens serves :countTokens, which takes the contents alone or a whole request.
func (s *Server) countGeminiTokens(c *call, model string) *apiError {
	c.model = model
	body := c.body
	var wrapped struct {
		Request *geminiRaw `json:"generateContentRequest"`
	}
	if e := readGemini(body, &wrapped); e != nil {
		return e
	}
	if wrapped.Request != nil {
		body = wrapped.Request.text
	}
	req, e := s.parseGemini(c, body)
	if e != nil {
		return e
	}
	_, fault, done, e := s.prepare(c, &req.steer)
	if e != nil || done {
		return e
	}
	u := req.usage(func(parts []string) (n, _ int) {
		for _, p := range parts {
			n += CountTokens(p)
		}
		return n, 0
	})
	c.wire.timed(c)
	c.settle(c.writeAnswer(appendJSON(nil, struct {
		Total   int              `json:"totalTokens"`
		Details []modalityTokens `json:"promptTokensDetails"`
	}{u.Prompt, u.PromptDetails}), fault))
	return nil
}

// geminiRaw keeps a member as it was sent.
type geminiRaw struct{ text []byte }

func (r *geminiRaw) UnmarshalJSON(b []byte) error {
	r.text = append(r.text[:0], b...)
	return nil
}

func (a *geminiAnswer) streamed() bool { return a.stream }

func (a *geminiAnswer) size() int {
	n := 0
	for _, g := range a.candidates {
		n = max(n, len(g.thoughts)+len(g.content)+len(g.calls))
	}
	return n
}

func (a *geminiAnswer) appendBody(out []byte, withUsage bool) []byte {
	out = append(out, '{')
	if a.block == "" {
		out = append(out, `"candidates":[`...)
		for i, g := range a.candidates {
			if i > 0 {
				out = append(out, ',')
			}
			out = a.appendCandidate(out, i, g.appendParts(nil), g.finish, g.content)
		}
		out = append(out, ']', ',')
	}
	return a.appendTail(out, a.usage, withUsage)
}

// appendParts appends the parts of a whole answer.
func (g geminiCandidate) appendParts(out []byte) []byte {
	next := func() {
		if len(out) > 0 {
			out = append(out, ',')
		}
	}
	if len(g.thoughts) > 0 {
		out = appendTextPart(out, string(join(g.thoughts)), true, "")
	}
	if len(g.content) > 0 {
		next()
		out = appendTextPart(out, string(join(g.content)), false, g.signature)
	}
	for i := range g.calls {
		next()
		out = g.appendCall(out, i)
	}
	if g.picture != "" {
		next()
		out = append(out, `{"inlineData":{"mimeType":"image/png","data":"`+g.picture+`"}}`...)
	}
	return out
}

// draw answers with a picture. Where the vendor has models for that, here each draws.
func (s *Server) draw(req *geminiRequest, t *task, index int) geminiCandidate {
	const perPicture = 1290 // tokens
	g := geminiCandidate{finish: "STOP", tokens: perPicture}
	if req.steer.finish != "" {
		return geminiCandidate{finish: req.steer.finish}
	}
	job := imageJob{prompt: t.user, size: "1024x1024", format: "png"}
	for _, c := range req.Contents {
		for _, p := range c.Parts {
			if p.InlineData != nil {
				job.given = append(job.given, []byte(p.InlineData.Data))
			}
		}
	}
	g.picture = s.picture(job, index)
	return g
}

func appendTextPart(out []byte, text string, thought bool, signature string) []byte {
	out = appendQuoted(append(out, `{"text":`...), text)
	if thought {
		out = append(out, `,"thought":true`...)
	}
	return append(appendSignature(out, signature), '}')
}

func appendSignature(out []byte, signature string) []byte {
	if signature == "" {
		return out
	}
	return append(out, `,"thoughtSignature":"`+signature+`"`...)
}

func (g geminiCandidate) appendCall(out []byte, index int) []byte {
	call := g.calls[index]
	out = append(out, `{"functionCall":{`...)
	if call.id != "" {
		out = append(out, `"id":"`+call.id+`",`...)
	}
	out = appendQuoted(append(out, `"name":`...), call.name)
	out = append(append(out, `,"args":`...), join(call.arguments)...)
	out = append(out, '}')
	if index == 0 {
		out = appendSignature(out, g.callSignature)
	}
	return append(out, '}')
}

// appendCandidate appends a candidate with the given parts; pieces are the text in them as tokens.
func (a *geminiAnswer) appendCandidate(out []byte, index int, parts []byte, finish string, pieces []string) []byte {
	out = append(out, `{"content":{`...)
	if len(parts) > 0 {
		out = append(append(append(out, `"parts":[`...), parts...), "],"...)
	}
	out = append(out, `"role":"model"}`...)
	if finish != "" {
		out = append(out, `,"finishReason":"`+finish+`"`...)
	}
	switch finish {
	case "", "STOP", "MAX_TOKENS":
	default:
		out = append(out, `,"finishMessage":"The simulator was asked to end for `+finish+`."`...)
	}
	out = appendInt(append(out, `,"index":`...), index)
	if g := &a.candidates[index]; finish != "" && g.query != "" && len(g.content) > 0 {
		out = appendGrounding(out, g.query, string(join(g.content)))
	}
	if a.logprobs && len(pieces) > 0 {
		out = appendGeminiLogs(out, pieces)
	}
	return append(out, '}')
}

func appendGeminiLogs(out []byte, pieces []string) []byte {
	chosen := make([]string, 0, len(pieces))
	for _, p := range pieces {
		chosen = append(chosen, `{"token":`+quote(p)+`,"logProbability":-0.`+strconv.Itoa(logprobDigit(p))+`}`)
	}
	out = append(out, `,"logprobsResult":{"chosenCandidates":[`+strings.Join(chosen, ",")+`],"topCandidates":[`...)
	for i, c := range chosen {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"candidates":[`+c+`]}`...)
	}
	return append(out, "]}"...)
}

// appendTail appends what follows the candidates, to the end of the object.
func (a *geminiAnswer) appendTail(out []byte, u geminiUsage, withUsage bool) []byte {
	if a.block != "" {
		out = append(out, `"promptFeedback":{"blockReason":"`+a.block+`"},`...)
	}
	if withUsage {
		out = append(appendJSON(append(out, `"usageMetadata":`...), u), ',')
	}
	out = appendQuoted(append(out, `"modelVersion":`...), a.model)
	return append(out, `,"responseId":"`+base64.RawURLEncoding.EncodeToString([]byte(a.id[:16]))+`"}`...)
}
