package provider

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

const (
	// defaultCompletion bounds a completion where the request does not.
	defaultCompletion = 16
	maxBestOf         = 20
	maxTextLogprobs   = 5
)

func completionParamType(name string) (string, bool) {
	switch name {
	case "model", "suffix", "user":
		return "string", true
	case "stream", "echo":
		return "boolean", true
	case "n", "best_of", "max_tokens", "logprobs", "seed":
		return "integer", true
	case "temperature", "top_p", "presence_penalty", "frequency_penalty":
		return "decimal", true
	case "stream_options", "logit_bias":
		return "object", true
	case "prompt", "stop":
		return "", true
	}
	return "", false
}

// completionRequest is the part of a request for a completion that the simulator acts on.
type completionRequest struct {
	Model         string          `json:"model"`
	Prompt        json.RawMessage `json:"prompt"`
	Suffix        string          `json:"suffix"`
	Stream        bool            `json:"stream"`
	StreamOptions streamOptions   `json:"stream_options"`
	Echo          bool            `json:"echo"`
	N             *int            `json:"n"`
	BestOf        *int            `json:"best_of"`
	MaxTokens     *int            `json:"max_tokens"`
	Logprobs      *int            `json:"logprobs"`
	Stop          json.RawMessage `json:"stop"`

	prompts []string
	stops   []string
	tokens  int // of the prompts
}

func errNoChat() *apiError {
	return newError(http.StatusNotFound, invalidRequest, "", "model",
		"This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use v1/completions?")
}

func errNoText() *apiError {
	return newError(http.StatusNotFound, invalidRequest, "", "model",
		"This is a chat model and not supported in the v1/completions endpoint. Did you mean to use v1/chat/completions?")
}

// completions serves POST /v1/completions.
func (s *Server) completions(c *call) *apiError {
	if e := checkMembers(c.body, completionParamType, s.cfg.RejectUnknown); e != nil {
		return e
	}
	req := &completionRequest{}
	if e := decodeOr(c.body, req, "prompt"); e != nil {
		return e
	}
	c.model, c.stream = req.Model, req.Stream
	switch {
	case req.Model == "":
		return newError(http.StatusBadRequest, invalidRequest, "", "", "you must provide a model parameter")
	case s.converses(req.Model):
		return errNoText()
	case req.Model != ModelInstruct:
		return errModel(req.Model)
	}
	if e := req.check(); e != nil {
		return e
	}
	steer, e := readSteering(c.r.Header, nil)
	if e != nil {
		return e
	}
	fault, hit := s.pickFault(c, steer.fault)
	if hit {
		if done, e := s.early(c, fault); done {
			return e
		}
	}
	a := s.composeText(req, steer.tokens)
	c.usage = a.usage
	c.wire.timed(c)
	s.deliver(c, a, fault.applyPace(steer.applyPace(*s.cfg.Echo)), fault)
	return nil
}

func (r *completionRequest) check() (e *apiError) {
	if r.prompts, r.tokens, e = readInputsOf("prompt", r.Prompt); e != nil {
		return e
	}
	for _, m := range []struct {
		name      string
		v         *int
		low, high int
	}{{"n", r.N, 1, 128}, {"best_of", r.BestOf, 1, maxBestOf}, {"max_tokens", r.MaxTokens, 0, outputTokens}, {"logprobs", r.Logprobs, 0, maxTextLogprobs}} {
		if m.v != nil && (*m.v < m.low || *m.v > m.high) {
			return badParam(m.name, "integer_out_of_range", "Invalid '%s': expected a value between %d and %d, but got %d instead.", m.name, m.low, m.high, *m.v)
		}
	}
	n, best := r.answers()
	switch {
	case best < n:
		return badParam("best_of", "", "You requested that the server return more choices than it will generate (HINT: best_of must be at least n).")
	case best > n && r.Stream:
		return badParam("best_of", "", "You cannot stream results with best_of greater than n.")
	}
	r.stops, e = readStops(r.Stop)
	return e
}

// answers is how many answers to each prompt are shown, and how many are written.
func (r *completionRequest) answers() (n, best int) {
	n = 1
	if r.N != nil {
		n = *r.N
	}
	best = n
	if r.BestOf != nil {
		best = *r.BestOf
	}
	return n, best
}

// textAnswer is a planned completion.
type textAnswer struct {
	answer
	texts    []string // what each choice begins with: its prompt, if that is to be echoed
	logprobs bool
}

// composeText plans the answer to each prompt: its echo, or as many words as the request steers to.
func (s *Server) composeText(req *completionRequest, tokens int) *textAnswer {
	a := &textAnswer{logprobs: req.Logprobs != nil, answer: answer{
		id: s.newID("cmpl-"), created: s.cfg.Clock.Now().Unix(), model: req.Model, stream: req.Stream,
		withUsage: req.Stream && req.StreamOptions.IncludeUsage,
	}}
	limit := defaultCompletion
	if req.MaxTokens != nil {
		limit = *req.MaxTokens
	}
	n, best := req.answers()
	for _, prompt := range req.prompts {
		for i := range best {
			var c choice
			if limit == 0 {
				c.finish = finishLength
			} else {
				c = s.answerTask(&task{user: prompt, last: turnUser, stops: req.stops, limit: limit, tokens: tokens}, i)
			}
			a.usage.Completion += c.tokens()
			if i >= n {
				continue
			}
			before := ""
			if req.Echo {
				before = prompt
			}
			a.choices, a.texts = append(a.choices, c), append(a.texts, before)
		}
	}
	a.usage.Prompt = req.tokens
	a.usage.Total = a.usage.Prompt + a.usage.Completion
	return a
}

func (a *textAnswer) appendBody(out []byte, withUsage bool) []byte {
	out = append(out, `{"id":"`+a.id+`","object":"text_completion","created":`...)
	out = strconv.AppendInt(out, a.created, 10)
	out = append(out, `,"model":`...)
	out = append(appendQuoted(out, a.model), `,"choices":[`...)
	for i, c := range a.choices {
		if i > 0 {
			out = append(out, ',')
		}
		pieces := c.content
		if a.texts[i] != "" {
			pieces = append([]string{a.texts[i]}, pieces...)
		}
		out = a.appendText(out, i, pieces, c.finish)
	}
	out = append(out, ']')
	if withUsage {
		out = append(out, `,"usage":`...)
		out = a.usage.appendJSON(out)
	}
	return append(out, `,"system_fingerprint":"`+fingerprint+`"}`...)
}

// appendText appends a choice, or a piece of one; finish is empty as long as it goes on.
func (a *textAnswer) appendText(out []byte, index int, pieces []string, finish string) []byte {
	out = append(out, `{"text":`...)
	out = append(appendQuoted(out, strings.Join(pieces, "")), `,"index":`...)
	out = append(appendInt(out, index), `,"logprobs":`...)
	if a.logprobs && len(pieces) > 0 {
		out = appendTextLogprobs(out, pieces)
	} else {
		out = append(out, "null"...)
	}
	if finish == "" {
		return append(out, `,"finish_reason":null}`...)
	}
	return append(out, `,"finish_reason":"`+finish+`"}`...)
}

func appendTextLogprobs(out []byte, tokens []string) []byte {
	lists := map[string][]any{}
	at := 0
	for _, t := range tokens {
		p := -float64(logprobDigit(t)) / 10
		lists["tokens"] = append(lists["tokens"], t)
		lists["token_logprobs"] = append(lists["token_logprobs"], p)
		lists["top_logprobs"] = append(lists["top_logprobs"], map[string]float64{t: p})
		lists["text_offset"] = append(lists["text_offset"], at)
		at += len(t)
	}
	return appendJSON(out, lists)
}

// writeStream sends the answer as events. What is echoed comes first.
func (a *textAnswer) writeStream(s *eventStream) error {
	s.frame(&a.answer, "text_completion")
	send := func(index int, pieces []string, finish string) {
		s.buf = append(s.buf, s.head...)
		s.buf = append(a.appendText(s.buf, index, pieces, finish), ']')
		s.buf = append(s.buf, s.tail...)
	}
	for i, text := range a.texts {
		if text != "" {
			send(i, []string{text}, "")
		}
	}
	for round, open := 0, true; open; round++ {
		open = false
		for i, c := range a.choices {
			if round >= len(c.content) {
				continue
			}
			open = true
			if err := s.due(); err != nil {
				return err
			}
			send(i, c.content[round:round+1], "")
			if err := s.sent(); err != nil {
				return err
			}
		}
	}
	for i, c := range a.choices {
		send(i, nil, c.finish)
	}
	return s.end(&a.answer)
}
