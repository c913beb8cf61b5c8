package provider

import (
	"encoding/json"
	"strings"
)

type embedContentRequest struct {
	Model      string        `json:"model"`
	Content    geminiContent `json:"content"`
	TaskType   string        `json:"taskType"`
	Title      string        `json:"title"`
	Dimensions *int          `json:"outputDimensionality"`
}

// maxEmbedBatch bounds the requests of one batch.
const maxEmbedBatch = 100

// embedContent serves :embedContent.
func (s *Server) embedContent(c *call, model string) *apiError {
	var req embedContentRequest
	if e := readGemini(c.body, &req); e != nil {
		return e
	}
	return s.embedAll(c, model, []embedContentRequest{req}, func(vectors [][]byte) []byte {
		return append(append([]byte(`{"embedding":`), vectors[0]...), '}')
	})
}

// batchEmbedContents serves :batchEmbedContents.
func (s *Server) batchEmbedContents(c *call, model string) *apiError {
	var batch struct {
		Requests []embedContentRequest `json:"requests"`
	}
	if e := readGemini(c.body, &batch); e != nil {
		return e
	}
	if n := len(batch.Requests); n == 0 || n > maxEmbedBatch {
		return badArgument("* BatchEmbedContentsRequest.requests: at least one and at most %d requests can be in one batch", maxEmbedBatch)
	}
	for _, req := range batch.Requests {
		if req.Model != "models/"+model {
			return badArgument("* BatchEmbedContentsRequest.requests: model does not match the model of the batch")
		}
	}
	return s.embedAll(c, model, batch.Requests, func(vectors [][]byte) []byte {
		out := []byte(`{"embeddings":[`)
		for i, v := range vectors {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(out, v...)
		}
		return append(out, "]}"...)
	})
}

// maxPredicted bounds the instances of one call to predict.
const maxPredicted = 250

// predict serves :predict, by which Vertex AI makes vectors.
func (s *Server) predict(c *call, model string) *apiError {
	var req struct {
		Instances []struct {
			Content  *string `json:"content"`
			Title    string  `json:"title"`
			TaskType string  `json:"task_type"`
		} `json:"instances"`
		Parameters struct {
			Dimensions *int `json:"outputDimensionality"`
		} `json:"parameters"`
	}
	if json.Unmarshal(c.body, &req) != nil {
		return errBadJSON()
	}
	if n := len(req.Instances); n == 0 || n > maxPredicted {
		return badArgument("%d instances are given. At least one and at most %d are allowed.", n, maxPredicted)
	}
	texts := make([]embedContentRequest, len(req.Instances))
	for i, one := range req.Instances {
		if one.Content == nil {
			return badArgument("Required field is not set: content.")
		}
		texts[i] = embedContentRequest{Title: one.Title, Dimensions: req.Parameters.Dimensions, Content: geminiContent{Parts: []geminiPart{{Text: one.Content}}}}
	}
	return s.embedAll(c, model, texts, func(vectors [][]byte) []byte {
		out := []byte(`{"predictions":[`)
		for i, v := range vectors {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(append(out, `{"embeddings":`...), v[:len(v)-1]...)
			out = append(out, `,"statistics":{"truncated":false,"token_count":`...)
			out = append(appendInt(out, CountTokens(texts[i].text())), "}}}"...)
		}
		return append(out, "]}"...)
	})
}

// text is all that is embedded.
func (r *embedContentRequest) text() string {
	return strings.TrimSpace(r.Title + "\n" + r.Content.text())
}

// embedAll gives the vectors of some requests as the body that shape makes of them. The API tells no usage.
func (s *Server) embedAll(c *call, model string, reqs []embedContentRequest, shape func([][]byte) []byte) *apiError {
	if c.model = model; model != ModelEmbed {
		return errModel(model)
	}
	vectors := make([][]byte, len(reqs))
	tokens := 0
	for i, req := range reqs {
		dims := maxDimensions
		if req.Dimensions != nil {
			dims = *req.Dimensions
		}
		text := req.text()
		switch {
		case dims < 1 || dims > maxDimensions:
			return badArgument("* EmbedContentRequest.output_dimensionality: must be between 1 and %d", maxDimensions)
		case text == "":
			return badArgument("* EmbedContentRequest.content: contents is not specified")
		}
		tokens += CountTokens(text)
		vectors[i] = append(appendVector([]byte(`{"values":`), s.vector(text, dims), "float"), '}')
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
	c.wire.timed(c)
	c.settle(c.writeAnswer(shape(vectors), fault))
	return nil
}
