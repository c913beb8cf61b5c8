package provider

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

const (
	rankDimensions = 256
	maxRanked      = 10_000
	// rankChunk and rankSearch are how Cohere counts searches: documents are cut into chunks, and a hundred of those are one search.
	rankChunk  = 500
	rankSearch = 100
)

// cohere is the wire of Cohere's second version: OpenAI's key, and errors that are but a message.
type cohere struct{ openAI }

func (cohere) greet(c *call) { c.w.Header()["X-Debug-Trace-Id"] = []string{c.id} }

func (cohere) limits(c *call, l limits) {
	if l.exceeded {
		c.wait = l.left
	}
}

func (cohere) exhausted(*call, time.Duration) {}

func (cohere) timed(*call) {}

func (cohere) refuse(c *call, e *apiError) {
	c.status = e.status
	writeJSON(c.w, e.status, appendJSON(nil, map[string]string{"id": c.id, "message": e.Message}))
}

func rerankParamType(name string) (string, bool) {
	switch name {
	case "model":
		return "string", true
	case "top_n", "max_tokens_per_doc":
		return "integer", true
	case "return_documents":
		return "boolean", true
	case "documents", "rank_fields":
		return "array", true
	case "query", "priority", "truncation":
		return "", true
	}
	return "", false
}

type rerankRequest struct {
	Model     string            `json:"model"`
	Query     string            `json:"query"`
	Documents []json.RawMessage `json:"documents"`
	TopN      *int              `json:"top_n"`
	Return    bool              `json:"return_documents"`
}

type ranked struct {
	Index    int             `json:"index"`
	Document json.RawMessage `json:"document,omitempty"`
	Score    float64         `json:"relevance_score"`
}

// rerank serves POST /v1/rerank as Jina and vLLM have it, with a usage in tokens, and /v2/rerank as Cohere has it, with one in
// searches.
func (s *Server) rerank(c *call) *apiError {
	if e := checkMembers(c.body, rerankParamType, s.cfg.RejectUnknown); e != nil {
		return e
	}
	var req rerankRequest
	if e := decodeOr(c.body, &req, "documents"); e != nil {
		return e
	}
	if c.model = req.Model; req.Model != ModelRerank {
		return errModel(req.Model)
	}
	if e := req.check(); e != nil {
		return e
	}
	steer, e := readSteering(c.r.Header, nil)
	if e != nil {
		return e
	}
	fault, done, e := s.prepareWhole(c, steer)
	if done {
		return e
	}
	results, tokens, chunks := s.rank(&req)
	c.usage = tokenUsage{Prompt: tokens, Total: tokens}
	answer := map[string]any{"id": s.newID("rerank-"), "results": results}
	if _, isCohere := c.wire.(cohere); isCohere {
		meta := map[string]any{"api_version": map[string]string{"version": "2"}}
		if fault.Kind != NoUsage {
			meta["billed_units"] = map[string]int{"search_units": (chunks + rankSearch - 1) / rankSearch}
		}
		answer["meta"] = meta
	} else {
		answer["model"], answer["object"] = req.Model, "list"
		if fault.Kind != NoUsage {
			answer["usage"] = map[string]int{"prompt_tokens": tokens, "total_tokens": tokens}
		}
	}
	c.wire.timed(c)
	c.settle(c.writeAnswer(appendJSON(nil, answer), fault))
	return nil
}

func (r *rerankRequest) check() *apiError {
	switch {
	case r.Query == "":
		return badParam("query", "missing_required_parameter", "invalid request: query must not be empty")
	case len(r.Documents) == 0:
		return badParam("documents", "missing_required_parameter", "invalid request: list of documents must not be empty")
	case len(r.Documents) > maxRanked:
		return badParam("documents", "invalid_value", "invalid request: too many documents, at most %d are allowed", maxRanked)
	case r.TopN != nil && *r.TopN < 1:
		return badParam("top_n", "integer_below_min_value", "invalid request: top_n must be at least 1")
	}
	for i, d := range r.Documents {
		if kind := jsonType(d); kind != "string" && kind != "object" {
			return badParam("documents", "invalid_type", "invalid type: documents[%d] must be a string or an object", i)
		}
	}
	return nil
}

// rank gives the documents in the order of how near they are to the query, and what they cost.
func (s *Server) rank(r *rerankRequest) (results []ranked, tokens, chunks int) {
	query, asked := s.vector(r.Query, rankDimensions), CountTokens(r.Query)
	for i, raw := range r.Documents {
		text := documentText(raw)
		n := CountTokens(text)
		tokens += asked + n
		chunks += 1 + n/max(rankChunk-asked, 1)
		one := ranked{Index: i}
		for d, v := range s.vector(text, rankDimensions) {
			one.Score += float64(v * query[d])
		}
		one.Score = min(max((1+one.Score)/2, 0), 1)
		if r.Return {
			one.Document = raw
			if jsonType(raw) == "string" {
				one.Document = appendJSON(nil, map[string]string{"text": text})
			}
		}
		results = append(results, one)
	}
	slices.SortStableFunc(results, func(a, b ranked) int { return cmp.Compare(b.Score, a.Score) })
	if r.TopN != nil {
		results = results[:min(*r.TopN, len(results))]
	}
	return results, tokens, chunks
}

// documentText is what of a document is compared: a text, or all texts of an object.
func documentText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var members map[string]any
	_ = json.Unmarshal(raw, &members) // an object always decodes into one
	var texts []string
	for _, v := range members {
		if t, ok := v.(string); ok {
			texts = append(texts, t)
		}
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}
