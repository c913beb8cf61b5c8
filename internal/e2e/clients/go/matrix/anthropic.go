package main

import (
	"context"
	"encoding/base64"
	"net/http"
	"os"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

// messages by Anthropic's official library.
type messages struct {
	task   *task
	client anthropic.Client
	params anthropic.MessageNewParams
}

const maxTokens = 8000

func openMessages(c *task, client *http.Client) conversation {
	h := &messages{task: c, client: anthropic.NewClient(option.WithHTTPClient(client), option.WithMaxRetries(0),
		option.WithBaseURL(os.Getenv("ANTHROPIC_BASE_URL")), option.WithAPIKey(os.Getenv("ANTHROPIC_API_KEY")))}
	h.params.Model, h.params.MaxTokens = c.Model, maxTokens
	if c.System != "" {
		h.params.System = []anthropic.TextBlockParam{{Text: c.System, CacheControl: anthropic.NewCacheControlEphemeralParam()}}
	}
	for _, t := range c.Tools {
		h.params.Tools = append(h.params.Tools, anthropic.ToolUnionParam{OfTool: &anthropic.ToolParam{
			Name: t.Name, Description: anthropic.String(t.Description),
			InputSchema: anthropic.ToolInputSchemaParam{Properties: t.Parameters["properties"], ExtraFields: map[string]any{"required": t.Parameters["required"]}},
		}})
	}
	if c.Schema != nil {
		h.params.OutputConfig.Format = anthropic.JSONOutputFormatParam{Schema: c.Schema}
	}
	if c.Effort != "" {
		h.params.Thinking.OfAdaptive = &anthropic.ThinkingConfigAdaptiveParam{Display: anthropic.ThinkingConfigAdaptiveDisplaySummarized}
		h.params.OutputConfig.Effort = anthropic.OutputConfigEffort(c.Effort)
	}
	return h
}

func (h *messages) say(text string, files []file) {
	var blocks []anthropic.ContentBlockParamUnion
	for _, f := range files {
		data := base64.StdEncoding.EncodeToString(f.Data)
		if strings.HasPrefix(f.Type, "image/") {
			blocks = append(blocks, anthropic.NewImageBlockBase64(f.Type, data))
			continue
		}
		blocks = append(blocks, anthropic.NewDocumentBlock(anthropic.Base64PDFSourceParam{Data: data}))
	}
	h.params.Messages = append(h.params.Messages, anthropic.NewUserMessage(append(blocks, anthropic.NewTextBlock(text))...))
}

func (h *messages) give(calls []call) {
	var blocks []anthropic.ContentBlockParamUnion
	for _, c := range calls {
		blocks = append(blocks, anthropic.NewToolResultBlock(c.ID, c.output, false))
	}
	h.params.Messages = append(h.params.Messages, anthropic.NewUserMessage(blocks...))
}

func (h *messages) ask(ctx context.Context, t *turn) error {
	answer, err := h.answer(ctx, t)
	if err != nil {
		return err
	}
	t.Text = ""
	for _, b := range answer.Content {
		switch b := b.AsAny().(type) {
		case anthropic.TextBlock:
			t.Text += b.Text
		case anthropic.ThinkingBlock:
			t.Thinking += b.Thinking
			t.Signed = b.Signature != ""
		case anthropic.ToolUseBlock:
			t.Calls = append(t.Calls, call{ID: b.ID, Name: b.Name, Arguments: b.Input})
		}
	}
	t.Finish = string(answer.StopReason)
	u := answer.Usage
	t.Usage = usage{Input: u.InputTokens + u.CacheReadInputTokens + u.CacheCreationInputTokens, Output: u.OutputTokens, Cached: u.CacheReadInputTokens}
	h.params.Messages = append(h.params.Messages, answer.ToParam())
	return nil
}

func (h *messages) answer(ctx context.Context, t *turn) (*anthropic.Message, error) {
	if !h.task.Stream {
		return h.client.Messages.New(ctx, h.params)
	}
	stream := h.client.Messages.NewStreaming(ctx, h.params)
	var answer anthropic.Message
	for stream.Next() {
		event := stream.Current()
		if err := answer.Accumulate(event); err != nil {
			return nil, err
		}
		t.Text += event.Delta.Text
	}
	return &answer, stream.Err()
}
