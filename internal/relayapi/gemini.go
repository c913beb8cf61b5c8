package relayapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/gemini"
)

// contents serves the methods of a model. Gemini puts their names behind the model's, which may hold slashes and colons.
// Where a client takes a name with a slash for a whole path, models/ is missing before it.
func (s *server) contents(c *gin.Context) {
	model, method := strings.TrimPrefix(c.Param("vendor")+c.Param("call"), "/"), ""
	if at := strings.LastIndexByte(model, ':'); at >= 0 {
		model, method = model[:at], model[at+1:]
	}
	in := &gemini.Contents{Model: model}
	switch method {
	case "generateContent":
		s.call(c, dialect.Chat, in)
	case "streamGenerateContent":
		in.Stream, in.Array = true, c.Query("alt") != "sse"
		s.call(c, dialect.Chat, in)
	case "countTokens":
		s.countTokens(c, in)
	case "embedContent", "batchEmbedContents":
		s.call(c, dialect.Embeddings, &gemini.Embeddings{Model: model, Batch: method == "batchEmbedContents"})
	case "predict":
		s.call(c, dialect.Embeddings, &gemini.Predict{Embeddings: gemini.Embeddings{Model: model}})
	default:
		s.refuse(c, in, s.begin(c), apperr.New(apperr.NotFound, "There is no method %q of a model here.", clip(method)))
	}
}

// asGemini tells whether a client speaks Gemini's format, where its path alone does not say so.
func asGemini(r *http.Request) bool {
	path := r.URL.Path
	return strings.HasPrefix(path, "/v1beta") || strings.HasPrefix(path, "/v1alpha/") || strings.Contains(path, "/publishers/google/") ||
		r.Header.Get("X-Goog-Api-Key") != "" || strings.HasPrefix(path, "/v1/models") && r.URL.Query().Has("key")
}

type geminiList struct {
	Models []geminiModel `json:"models"`
}

type geminiModel struct {
	Name        string   `json:"name"`
	Version     string   `json:"version"`
	DisplayName string   `json:"displayName"`
	Description string   `json:"description,omitempty"`
	Input       int64    `json:"inputTokenLimit"`
	Output      int64    `json:"outputTokenLimit"`
	Methods     []string `json:"supportedGenerationMethods"`
}

// toGemini describes the models that converse, or that make vectors, as Gemini's API does.
func toGemini(models []modelInfo) []geminiModel {
	out := []geminiModel{}
	for i := range models {
		m := &models[i]
		var methods []string
		if slices.Contains(m.Capabilities, dialect.Chat) {
			methods = append(methods, "generateContent", "streamGenerateContent", "countTokens")
		}
		if slices.Contains(m.Capabilities, dialect.Embeddings) {
			methods = append(methods, "embedContent", "batchEmbedContents")
		}
		if methods == nil {
			continue
		}
		out = append(out, geminiModel{
			Name: "models/" + m.ID, Version: "001", DisplayName: m.Name, Description: m.Description, Input: m.ContextLength,
			Output: m.TopProvider.MaxCompletionTokens, Methods: methods,
		})
	}
	return out
}
