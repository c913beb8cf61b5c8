package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"reflect"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/openai/openai-go/v3"
	"google.golang.org/genai"
)

// contents by Google's official library.
type contents struct {
	task    *task
	http    *http.Client
	history []*genai.Content
	config  genai.GenerateContentConfig
}

func openContents(c *task, client *http.Client) conversation {
	h := &contents{task: c, http: client}
	if c.System != "" {
		h.config.SystemInstruction = genai.NewContentFromText(c.System, genai.RoleUser)
	}
	var declared []*genai.FunctionDeclaration
	for _, t := range c.Tools {
		declared = append(declared, &genai.FunctionDeclaration{Name: t.Name, Description: t.Description, ParametersJsonSchema: t.Parameters})
	}
	if declared != nil {
		h.config.Tools = []*genai.Tool{{FunctionDeclarations: declared}}
	}
	if c.Schema != nil {
		h.config.ResponseMIMEType, h.config.ResponseJsonSchema = "application/json", c.Schema
	}
	if c.Effort != "" {
		h.config.ThinkingConfig = &genai.ThinkingConfig{IncludeThoughts: true, ThinkingLevel: genai.ThinkingLevel(strings.ToUpper(c.Effort))}
	}
	return h
}

func (h *contents) say(text string, files []file) {
	var parts []*genai.Part
	for _, f := range files {
		parts = append(parts, genai.NewPartFromBytes(f.Data, f.Type))
	}
	h.history = append(h.history, genai.NewContentFromParts(append(parts, genai.NewPartFromText(text)), genai.RoleUser))
}

func (h *contents) give(calls []call) {
	var parts []*genai.Part
	for _, c := range calls {
		parts = append(parts, &genai.Part{FunctionResponse: &genai.FunctionResponse{ID: c.ID, Name: c.Name, Response: map[string]any{"output": c.output}}})
	}
	h.history = append(h.history, genai.NewContentFromParts(parts, genai.RoleUser))
}

func (h *contents) ask(ctx context.Context, t *turn) error {
	client, err := genai.NewClient(ctx, &genai.ClientConfig{
		APIKey: os.Getenv("GEMINI_API_KEY"), Backend: genai.BackendGeminiAPI, HTTPClient: h.http,
		HTTPOptions: genai.HTTPOptions{BaseURL: os.Getenv("GOOGLE_GEMINI_BASE_URL")},
	})
	if err != nil {
		return err
	}
	var parts []*genai.Part
	if !h.task.Stream {
		answer, err := client.Models.GenerateContent(ctx, h.task.Model, h.history, &h.config)
		if err != nil {
			return err
		}
		if parts, err = t.take(parts, answer); err != nil {
			return err
		}
	} else {
		for chunk, err := range client.Models.GenerateContentStream(ctx, h.task.Model, h.history, &h.config) {
			if err != nil {
				return err
			}
			if parts, err = t.take(parts, chunk); err != nil {
				return err
			}
		}
	}
	h.history = append(h.history, genai.NewContentFromParts(parts, genai.RoleModel))
	return nil
}

// take adds a chunk, or a whole answer.
func (t *turn) take(parts []*genai.Part, answer *genai.GenerateContentResponse) ([]*genai.Part, error) {
	for _, c := range answer.Candidates {
		if c.Content == nil {
			c.Content = &genai.Content{}
		}
		for _, p := range c.Content.Parts {
			if reflect.ValueOf(*p).IsZero() { // an empty text, which the API would not take back
				continue
			}
			parts = append(parts, p)
			t.Signed = t.Signed || len(p.ThoughtSignature) > 0
			switch {
			case p.FunctionCall != nil:
				args, err := json.Marshal(p.FunctionCall.Args)
				if err != nil {
					return nil, err
				}
				t.Calls = append(t.Calls, call{ID: p.FunctionCall.ID, Name: p.FunctionCall.Name, Arguments: args})
			case p.Thought:
				t.Thinking += p.Text
			default:
				t.Text += p.Text
			}
		}
		if c.FinishReason != "" {
			t.Finish = string(c.FinishReason)
		}
	}
	if u := answer.UsageMetadata; u != nil {
		thought := int64(u.ThoughtsTokenCount)
		t.Usage = usage{int64(u.PromptTokenCount), int64(u.CandidatesTokenCount) + thought, int64(u.CachedContentTokenCount), &thought}
	}
	return parts, nil
}

// statusOf finds the HTTP status in a library's error.
func statusOf(err error) int {
	var byOpenAI *openai.Error
	var byAnthropic *anthropic.Error
	var byGoogle genai.APIError
	var byAmazon interface{ HTTPStatusCode() int }
	switch {
	case errors.As(err, &byOpenAI):
		return byOpenAI.StatusCode
	case errors.As(err, &byAnthropic):
		return byAnthropic.StatusCode
	case errors.As(err, &byGoogle):
		return byGoogle.Code
	case errors.As(err, &byAmazon):
		return byAmazon.HTTPStatusCode()
	}
	return 0
}
