package provider

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// azure is the wire of Azure OpenAI: OpenAI's, with another header for the key and a filter that has its say in streams.
type azure struct{ openAI }

func (azure) greet(c *call) {
	c.w.Header()["Apim-Request-Id"] = []string{c.id}
	c.w.Header()["X-Ms-Region"] = []string{"Simulated"}
}

func (azure) key(r *http.Request) (string, *apiError) {
	if key := r.Header.Get("Api-Key"); key != "" {
		return key, nil
	}
	return "", newError(http.StatusUnauthorized, "", "401", "",
		"Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription.").of(classBadKey)
}

var azureVersion = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(-preview)?$`)

func (s *Server) azure() {
	for path, serve := range map[string]func(*call) *apiError{"chat/completions": s.chat, "completions": s.completions, "embeddings": s.embeddings} {
		s.mux.HandleFunc("POST /openai/v1/"+path, s.api(azure{}, filtered(serve)))
		s.mux.HandleFunc("POST /openai/deployments/{deployment}/"+path, s.api(azure{}, deployed(filtered(serve))))
	}
	for path, serve := range s.media() {
		s.mux.HandleFunc("POST /openai/v1/"+path, s.api(azure{}, serve))
		s.mux.HandleFunc("POST /openai/deployments/{deployment}/"+path, s.api(azure{}, func(c *call) *apiError {
			if !azureVersion.MatchString(c.r.URL.Query().Get("api-version")) {
				return newError(http.StatusNotFound, "", "404", "", "Resource not found")
			}
			c.deployment = c.r.PathValue("deployment")
			return serve(c)
		}))
	}
	s.mux.HandleFunc("POST /openai/v1/responses", s.api(azure{}, s.createResponse))
	s.mux.HandleFunc("POST /openai/responses", s.api(azure{}, s.createResponse))
	// Claude on Azure Foundry is Anthropic's API at another address.
	s.mux.HandleFunc("POST /anthropic/v1/messages", s.api(anthropic{}, s.messages))
}

// deployed serves a call whose path names the model: what the body says of it does not matter.
func deployed(serve func(*call) *apiError) func(*call) *apiError {
	return func(c *call) *apiError {
		if !azureVersion.MatchString(c.r.URL.Query().Get("api-version")) {
			return newError(http.StatusNotFound, "", "404", "", "Resource not found")
		}
		if e := c.setMembers(map[string]any{"model": c.r.PathValue("deployment")}); e != nil {
			return e
		}
		e := serve(c)
		if e != nil && e.class == classNoModel {
			return newError(http.StatusNotFound, "", "DeploymentNotFound", "", "The API deployment for this resource does not exist.")
		}
		return e
	}
}

// setMembers changes top-level members of the body; nil takes one away.
func (c *call) setMembers(members map[string]any) *apiError {
	var all map[string]json.RawMessage
	if json.Unmarshal(c.body, &all) != nil || all == nil {
		return errBadJSON()
	}
	for name, v := range members {
		if v == nil {
			delete(all, name)
			continue
		}
		all[name] = appendJSON(nil, v)
	}
	c.body = appendJSON(nil, all)
	return nil
}

// filtered lets the content filter speak: before the first chunk of a stream about the prompt, and late about the answer.
func filtered(serve func(*call) *apiError) func(*call) *apiError {
	return func(c *call) *apiError {
		first := true
		c.w = &rewriter{ResponseWriter: c.w, rewrite: func(out []byte) []byte {
			if first {
				first = false
				out = append([]byte(`data: {"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[{"prompt_index":0,`+
					`"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]}`+"\n\n"), out...)
			}
			if at := bytes.Index(out, []byte("data: [DONE]")); at >= 0 {
				late := `data: {"id":"","object":"","created":0,"model":"","choices":[{"index":0,"finish_reason":null,` +
					`"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},` +
					`"content_filter_offsets":{"check_offset":44,"start_offset":44,"end_offset":198}}]}` + "\n\n"
				out = append(append(bytes.Clone(out[:at]), late...), out[at:]...)
			}
			return out
		}}
		return serve(c)
	}
}

// rewriter changes what is written to a stream. Each write holds whole events.
type rewriter struct {
	http.ResponseWriter
	rewrite func(events []byte) []byte
	kind    string // the content type of the stream; empty: as it is
	begun   bool
}

// streams says whether the answer is one, and gives it its content type.
func (w *rewriter) streams() bool {
	h := w.Header()
	is := strings.HasPrefix(h.Get("Content-Type"), "text/event-stream") || w.begun
	if is && !w.begun && w.kind != "" {
		h.Set("Content-Type", w.kind)
	}
	w.begun = is
	return is
}

func (w *rewriter) Write(p []byte) (int, error) {
	out := p
	if w.streams() {
		out = w.rewrite(p)
	}
	if _, err := w.ResponseWriter.Write(out); err != nil {
		return 0, err //nolint:wrapcheck // the writer's own
	}
	return len(p), nil
}

// Flush implements http.Flusher.
func (w *rewriter) Flush() {
	w.streams()
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap serves http.ResponseController.
func (w *rewriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
