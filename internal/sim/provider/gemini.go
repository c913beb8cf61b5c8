package provider

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// gemini is the wire of Google's Gemini API.
type gemini struct{}

const (
	googleService = "generativelanguage.googleapis.com"
	// maxGeminiBody is Gemini's bound on a request.
	maxGeminiBody = 20 << 20
)

func (gemini) greet(*call) {}

func (gemini) key(r *http.Request) (string, *apiError) {
	if key := r.Header.Get("X-Goog-Api-Key"); key != "" {
		return key, nil
	}
	if key := r.URL.Query().Get("key"); key != "" {
		return key, nil
	}
	return "", newError(http.StatusForbidden, "", "", "",
		"Method doesn't allow unregistered callers. Please use API Key or other form of API consumer identity to call this API.")
}

func (gemini) maxBody() int64 { return maxGeminiBody }

// Google tells limits in an error's body only.
func (gemini) limits(c *call, l limits) {
	if l.exceeded {
		c.wait = l.left
	}
}

func (gemini) exhausted(c *call, wait time.Duration) { c.wait = wait }

func (gemini) timed(c *call) {
	c.w.Header()["Server-Timing"] = []string{"gfet4t7; dur=" + strconv.FormatInt(c.elapsed().Milliseconds(), 10)}
}

// rpcError is google.rpc.Status as the API's JSON shows it.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status"`
	Details []any  `json:"details,omitempty"`
}

func rpcStatus(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	case http.StatusGatewayTimeout:
		return "DEADLINE_EXCEEDED"
	}
	if status >= http.StatusInternalServerError {
		return "INTERNAL"
	}
	return "INVALID_ARGUMENT"
}

type errorInfo struct {
	Type     string            `json:"@type"`
	Reason   string            `json:"reason"`
	Domain   string            `json:"domain"`
	Metadata map[string]string `json:"metadata"`
}

type quotaFailure struct {
	Type       string           `json:"@type"`
	Violations []quotaViolation `json:"violations"`
}

type quotaViolation struct {
	Metric string `json:"quotaMetric"`
	ID     string `json:"quotaId"`
}

type retryInfo struct {
	Type  string `json:"@type"`
	Delay string `json:"retryDelay"`
}

const rpcType = "type.googleapis.com/google.rpc."

func exceeded(quota string) quotaFailure {
	return quotaFailure{rpcType + "QuotaFailure", []quotaViolation{{googleService + "/generate_content_requests", quota}}}
}

// rpc tells an error in Google's terms.
func (gemini) rpc(c *call, e *apiError) rpcError {
	r := rpcError{Code: e.status, Message: e.Message}
	switch e.class {
	case classBadKey:
		r.Code, r.Message = http.StatusBadRequest, "API key not valid. Please pass a valid API key."
		r.Details = []any{errorInfo{rpcType + "ErrorInfo", "API_KEY_INVALID", "googleapis.com", map[string]string{"service": googleService}}}
	case classNoModel:
		r.Message = "models/" + e.model + " is not found for API version " + geminiVersion(c.path) +
			", or is not supported for this method. Call ListModels to see the list of available models and their supported methods."
	case classBadJSON:
		r.Message = "Invalid JSON payload received. Parser Error"
	case classTooLarge:
		r.Code, r.Message = http.StatusBadRequest, "Request payload size exceeds the limit: "+strconv.Itoa(maxGeminiBody)+" bytes."
	case classRate:
		delay := strconv.Itoa(wholeSeconds(c.wait)) + "s"
		r.Message = "You exceeded your current quota. Please retry in " + delay + "."
		r.Details = []any{exceeded("GenerateRequestsPerMinutePerProjectPerModel"), retryInfo{rpcType + "RetryInfo", delay}}
	case classQuota:
		r.Message = "You exceeded your current quota, please check your plan and billing details."
		r.Details = []any{exceeded("GenerateRequestsPerDayPerProjectPerModel")}
	case classServer:
		r.Message = "An internal error has occurred. Please retry."
	case classOverloaded:
		r.Message = "The model is overloaded. Please try again later."
	}
	r.Status = rpcStatus(r.Code)
	return r
}

func geminiVersion(path string) string {
	version, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return version
}

// refuse answers with an error; where the answer would have been an array of chunks, the error stands in one too.
func (v gemini) refuse(c *call, e *apiError) {
	r := v.rpc(c, e)
	c.status = r.Code
	v.timed(c)
	body := appendRPCError(nil, r)
	if strings.HasSuffix(c.path, ":streamGenerateContent") && !wantsEvents(c.r) {
		body = append(append([]byte{'['}, body...), ']')
	}
	writeJSON(c.w, r.Code, append(body, '\n'))
}

func appendRPCError(out []byte, r rpcError) []byte {
	return appendJSON(out, struct {
		Error rpcError `json:"error"`
	}{r})
}

// badArgument refuses a request.
func badArgument(format string, args ...any) *apiError { return badParam("", "", format, args...) }

func wantsEvents(r *http.Request) bool { return r.URL.Query().Get("alt") == "sse" }

// gemini registers the endpoints of the Gemini API.
func (s *Server) gemini() {
	for _, version := range []string{"v1", "v1beta", "v1alpha"} {
		s.mux.HandleFunc("POST /"+version+"/models/{call}", s.api(gemini{}, s.geminiMethod))
	}
	for _, version := range []string{"v1beta", "v1alpha"} {
		s.mux.HandleFunc("GET /"+version+"/models", s.api(gemini{}, s.listGeminiModels))
		s.mux.HandleFunc("GET /"+version+"/models/{model}", s.api(gemini{}, s.getGeminiModel))
	}
}

// geminiMethod serves the methods of a model. Google puts their names behind the model's, with a colon.
func (s *Server) geminiMethod(c *call) *apiError {
	model, method, _ := strings.Cut(c.r.PathValue("call"), ":")
	switch method {
	case "generateContent":
		return s.generate(c, model, false)
	case "streamGenerateContent":
		return s.generate(c, model, true)
	case "countTokens":
		return s.countGeminiTokens(c, model)
	case "embedContent":
		return s.embedContent(c, model)
	case "batchEmbedContents":
		return s.batchEmbedContents(c, model)
	}
	return newError(http.StatusNotFound, "", "", "", "Method not found.")
}

type geminiModel struct {
	Name        string   `json:"name"`
	Version     string   `json:"version"`
	DisplayName string   `json:"displayName"`
	Input       int      `json:"inputTokenLimit"`
	Output      int      `json:"outputTokenLimit"`
	Methods     []string `json:"supportedGenerationMethods"`
	Thinking    bool     `json:"thinking,omitempty"`
}

func newGeminiModel(name string) geminiModel {
	m := geminiModel{
		Name: "models/" + name, Version: "001", DisplayName: name, Input: contextTokens, Output: outputTokens,
		Methods: []string{"generateContent", "countTokens"}, Thinking: true,
	}
	if name == ModelEmbed {
		m.Input, m.Output, m.Methods, m.Thinking = 8192, 1, []string{"embedContent", "batchEmbedContents"}, false
	}
	return m
}

// listGeminiModels serves GET /v1beta/models; a page token is the number of models before the page.
func (s *Server) listGeminiModels(c *call) *apiError {
	list := struct {
		Models []geminiModel `json:"models"`
		Next   string        `json:"nextPageToken,omitempty"`
	}{}
	query := c.r.URL.Query()
	size, from := 50, 0
	for name, into := range map[string]*int{"pageSize": &size, "pageToken": &from} {
		if text := query.Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return badArgument("Invalid value at '%s'.", name)
			}
			*into = n
		}
	}
	if size == 0 {
		size = 50
	}
	names := []string{ModelEcho, ModelSlow, ModelFlaky, ModelEmbed}
	for i, name := range names {
		if i >= from && i < from+size {
			list.Models = append(list.Models, newGeminiModel(name))
		}
	}
	if from+size < len(names) {
		list.Next = strconv.Itoa(from + size)
	}
	return s.plain(c, appendJSON(nil, list))
}

// getGeminiModel serves GET /v1beta/models/{model}.
func (s *Server) getGeminiModel(c *call) *apiError {
	name := c.r.PathValue("model")
	if !s.converses(name) && name != ModelEmbed {
		return errModel(name)
	}
	return s.plain(c, appendJSON(nil, newGeminiModel(name)))
}
