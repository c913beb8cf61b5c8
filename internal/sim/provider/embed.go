package provider

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
)

const (
	defaultDimensions = 1536
	maxDimensions     = 3072
	maxInputs         = 2048
	// wordsEmbedded bounds how many pieces of a text shape its vector.
	wordsEmbedded = 256
)

func embedParamType(name string) (string, bool) {
	switch name {
	case "model", "encoding_format", "user":
		return "string", true
	case "dimensions":
		return "integer", true
	case "input":
		return "", true
	}
	return "", false
}

type embedRequest struct {
	Model          string          `json:"model"`
	Input          json.RawMessage `json:"input"`
	EncodingFormat string          `json:"encoding_format"`
	Dimensions     *int            `json:"dimensions"`
}

// embeddings serves POST /v1/embeddings.
func (s *Server) embeddings(c *call) *apiError {
	if e := checkMembers(c.body, embedParamType, s.cfg.RejectUnknown); e != nil {
		return e
	}
	req := embedRequest{EncodingFormat: "float"}
	if e := decodeOr(c.body, &req, "input"); e != nil {
		return e
	}
	c.model = req.Model
	if req.Model != ModelEmbed {
		return errModel(req.Model)
	}
	inputs, tokens, e := readInputs(req.Input)
	if e != nil {
		return e
	}
	dims, e := req.size()
	if e != nil {
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
	c.usage = tokenUsage{Prompt: tokens, Total: tokens}
	out := []byte(`{"object":"list","data":[`)
	for i, text := range inputs {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"object":"embedding","index":`...)
		out = appendInt(out, i)
		out = append(out, `,"embedding":`...)
		out = append(appendVector(out, s.vector(text, dims), req.EncodingFormat), '}')
	}
	out = append(out, `],"model":"`+ModelEmbed+`"`...)
	if fault.Kind != NoUsage {
		out = append(out, `,"usage":{"prompt_tokens":`...)
		out = appendInt(out, tokens)
		out = append(out, `,"total_tokens":`...)
		out = append(appendInt(out, tokens), '}')
	}
	c.wire.timed(c)
	c.settle(c.writeAnswer(append(out, '}'), fault))
	return nil
}

// prepareWhole finds the fault of a request whose answer never streams, plays what comes before it and waits for the time
// to answer; done says that nothing more is to be sent.
func (s *Server) prepareWhole(c *call, steer steering) (fault Rule, done bool, e *apiError) {
	fault, hit := s.pickFault(c, steer.fault)
	if hit {
		if done, e := s.early(c, fault); done {
			return fault, true, e
		}
	}
	p := pacer{pace: fault.applyPace(steer.applyPace(Pace{})), start: c.start, done: c.r.Context().Done()}
	if err := p.wait(0); err != nil {
		c.settle(err)
		return fault, true, nil
	}
	return fault, false, nil
}

func (r embedRequest) size() (int, *apiError) {
	if r.EncodingFormat != "float" && r.EncodingFormat != "base64" {
		return 0, badParam("encoding_format", "invalid_value",
			"Invalid value: '%s'. Supported values are: 'float' and 'base64'.", r.EncodingFormat)
	}
	if r.Dimensions == nil {
		return defaultDimensions, nil
	}
	if *r.Dimensions < 1 || *r.Dimensions > maxDimensions {
		return 0, badParam("dimensions", "integer_out_of_range",
			"Invalid value for 'dimensions' = %d. Must be between 1 and %d.", *r.Dimensions, maxDimensions)
	}
	return *r.Dimensions, nil
}

// readInputs takes the four forms of "input", none of them empty.
func readInputs(raw json.RawMessage) ([]string, int, *apiError) {
	texts, tokens, e := readInputsOf("input", raw)
	if at := slices.Index(texts, ""); at >= 0 && e == nil {
		e = badParam("input", "invalid_value", "Invalid 'input[%d]': it must not be an empty string.", at)
	}
	return texts, tokens, e
}

// readInputsOf takes the four forms of a member: a text, texts, tokens, lists of tokens.
func readInputsOf(name string, raw json.RawMessage) ([]string, int, *apiError) {
	invalid := badParam(name, "invalid_type", "Invalid '%s': expected a string, an array of strings or arrays of tokens.", name)
	var texts []string
	switch jsonType(raw) {
	case "null":
		return nil, 0, badParam(name, "missing_required_parameter", "Missing required parameter: '%s'.", name)
	case "string":
		texts = make([]string, 1)
		if json.Unmarshal(raw, &texts[0]) != nil {
			return nil, 0, invalid
		}
	case "array":
		if json.Unmarshal(raw, &texts) != nil {
			return readTokenInputs(raw, invalid)
		}
	default:
		return nil, 0, invalid
	}
	if len(texts) == 0 || len(texts) > maxInputs {
		return nil, 0, badParam(name, "invalid_value", "Invalid '%s': expected 1 to %d inputs, but got %d.", name, maxInputs, len(texts))
	}
	tokens := 0
	for _, t := range texts {
		tokens += CountTokens(t)
	}
	return texts, tokens, nil
}

func readTokenInputs(raw json.RawMessage, invalid *apiError) ([]string, int, *apiError) {
	var lists [][]int
	var one []int
	if json.Unmarshal(raw, &one) == nil {
		lists = [][]int{one}
	} else if json.Unmarshal(raw, &lists) != nil {
		return nil, 0, invalid
	}
	if len(lists) == 0 || len(lists) > maxInputs {
		return nil, 0, invalid
	}
	texts, tokens := make([]string, len(lists)), 0
	for i, list := range lists {
		if len(list) == 0 {
			return nil, 0, invalid
		}
		tokens += len(list)
		for _, id := range list {
			texts[i] += " " + strconv.Itoa(id)
		}
	}
	return texts, tokens, nil
}

// vector gives a unit vector for a text: the sum of one pseudo-random vector per piece, so that texts that share
// words are near each other.
func (s *Server) vector(text string, dims int) []float32 {
	sum := make([]float64, dims)
	words, _ := pieces(text, wordsEmbedded)
	for _, w := range words {
		rng := newRandom(s.cfg.Seed, hashBytes(hashStart, w))
		for d := range sum {
			sum[d] += rng.unit() - 0.5
		}
	}
	norm := 0.0
	for _, v := range sum {
		norm += v * v
	}
	norm = math.Sqrt(norm)
	out := make([]float32, dims)
	for d, v := range sum {
		out[d] = float32(v / norm)
	}
	return out
}

func appendVector(out []byte, v []float32, format string) []byte {
	if format == "base64" {
		raw := make([]byte, 4*len(v))
		for i, f := range v {
			binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(f))
		}
		return append(base64.StdEncoding.AppendEncode(append(out, '"'), raw), '"')
	}
	out = append(out, '[')
	for i, f := range v {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendFloat(out, float64(f), 'g', -1, 32)
	}
	return append(out, ']')
}

// modelCreated is the date that the model list shows: 2026-01-01.
const modelCreated = 1767225600

func appendModel(out []byte, name string) []byte {
	out = append(out, `{"id":`...)
	out = appendQuoted(out, name)
	out = append(out, `,"object":"model","created":`...)
	out = appendInt(out, modelCreated)
	return append(out, `,"owned_by":"starlane-sim"}`...)
}

// fixedModels are the models of fixed names that deal in texts.
func fixedModels() []string {
	return []string{ModelEcho, ModelSlow, ModelFlaky, ModelInstruct, ModelEmbed, ModelModeration, ModelRerank, ModelRealtime}
}

// listModels serves GET /v1/models.
func (s *Server) listModels(c *call) *apiError {
	out := []byte(`{"object":"list","data":[`)
	for i, name := range append(fixedModels(), mediaModels()...) {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendModel(out, name)
	}
	return s.plain(c, append(out, ']', '}'))
}

// getModel serves GET /v1/models/{model}.
func (s *Server) getModel(c *call) *apiError {
	name := c.r.PathValue("model")
	if !s.converses(name) && !slices.Contains(fixedModels(), name) && !slices.Contains(mediaModels(), name) {
		return errModel(name)
	}
	return s.plain(c, appendModel(nil, name))
}

// plain sends a body that no request fault changes; a plan still hits it, as health checks use these paths.
func (s *Server) plain(c *call, body []byte) *apiError {
	fault, hit := s.pickFault(c, nil)
	if hit {
		if done, e := s.early(c, fault); done {
			return e
		}
	}
	c.wire.timed(c)
	c.status, c.outcome = http.StatusOK, outcomeCompleted
	writeJSON(c.w, http.StatusOK, body)
	return nil
}
