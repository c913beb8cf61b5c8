package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

// chat completions by OpenAI's official library.
type chat struct {
	task   *task
	client openai.Client
	params openai.ChatCompletionNewParams
}

func openChat(c *task, client *http.Client) conversation {
	h := &chat{task: c, client: openai.NewClient(option.WithHTTPClient(client), option.WithMaxRetries(0))}
	h.params.Model = c.Model
	if c.System != "" {
		h.params.Messages = append(h.params.Messages, openai.SystemMessage(c.System))
	}
	for _, t := range c.Tools {
		h.params.Tools = append(h.params.Tools, openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: t.Name, Description: openai.String(t.Description), Parameters: t.Parameters,
		}))
	}
	if c.Schema != nil {
		h.params.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "answer", Strict: openai.Bool(true), Schema: c.Schema},
		}
	}
	h.params.ReasoningEffort = shared.ReasoningEffort(c.Effort)
	return h
}

func dataURI(f file) string {
	return "data:" + f.Type + ";base64," + base64.StdEncoding.EncodeToString(f.Data)
}

func (h *chat) say(text string, files []file) {
	var parts []openai.ChatCompletionContentPartUnionParam
	for _, f := range files {
		if strings.HasPrefix(f.Type, "image/") {
			parts = append(parts, openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: dataURI(f)}))
			continue
		}
		parts = append(parts, openai.FileContentPart(openai.ChatCompletionContentPartFileFileParam{
			Filename: openai.String(f.Name), FileData: openai.String(dataURI(f)),
		}))
	}
	h.params.Messages = append(h.params.Messages, openai.UserMessage(append(parts, openai.TextContentPart(text))))
}

func (h *chat) give(calls []call) {
	for _, c := range calls {
		h.params.Messages = append(h.params.Messages, openai.ToolMessage(c.output, c.ID))
	}
}

func (h *chat) ask(ctx context.Context, t *turn) error {
	answer, err := h.answer(ctx, t)
	if err != nil {
		return err
	}
	message := answer.Choices[0].Message
	t.Text, t.Finish = message.Content, answer.Choices[0].FinishReason
	for _, c := range message.ToolCalls {
		t.Calls = append(t.Calls, call{ID: c.ID, Name: c.Function.Name, Arguments: json.RawMessage(c.Function.Arguments)})
	}
	u := answer.Usage
	t.Usage = usage{u.PromptTokens, u.CompletionTokens, u.PromptTokensDetails.CachedTokens, &u.CompletionTokensDetails.ReasoningTokens}
	h.params.Messages = append(h.params.Messages, message.ToParam())
	return nil
}

func (h *chat) answer(ctx context.Context, t *turn) (*openai.ChatCompletion, error) {
	if !h.task.Stream {
		return h.client.Chat.Completions.New(ctx, h.params)
	}
	h.params.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := h.client.Chat.Completions.NewStreaming(ctx, h.params)
	var acc openai.ChatCompletionAccumulator
	for stream.Next() {
		if !acc.AddChunk(stream.Current()) {
			return nil, errors.New("the accumulator refuses a chunk")
		}
		if len(acc.Choices) > 0 {
			t.Text = acc.Choices[0].Message.Content
		}
	}
	return &acc.ChatCompletion, stream.Err()
}

// responder speaks OpenAI Responses by the official library.
type responder struct {
	task   *task
	client openai.Client
	params responses.ResponseNewParams
	items  responses.ResponseInputParam
}

func openResponses(c *task, client *http.Client) conversation {
	h := &responder{task: c, client: openai.NewClient(option.WithHTTPClient(client), option.WithMaxRetries(0))}
	h.params.Model, h.params.Store = c.Model, openai.Bool(false)
	if c.System != "" {
		h.params.Instructions = openai.String(c.System)
	}
	for _, t := range c.Tools {
		h.params.Tools = append(h.params.Tools, responses.ToolUnionParam{OfFunction: &responses.FunctionToolParam{
			Name: t.Name, Description: openai.String(t.Description), Parameters: t.Parameters, Strict: openai.Bool(false),
		}})
	}
	if c.Schema != nil {
		h.params.Text.Format.OfJSONSchema = &responses.ResponseFormatTextJSONSchemaConfigParam{Name: "answer", Strict: openai.Bool(true), Schema: c.Schema}
	}
	if c.Effort != "" {
		h.params.Reasoning = shared.ReasoningParam{Effort: shared.ReasoningEffort(c.Effort), Summary: shared.ReasoningSummaryAuto}
		h.params.Include = []responses.ResponseIncludable{responses.ResponseIncludableReasoningEncryptedContent}
	}
	return h
}

func (h *responder) say(text string, files []file) {
	var parts responses.ResponseInputMessageContentListParam
	for _, f := range files {
		if strings.HasPrefix(f.Type, "image/") {
			part := responses.ResponseInputContentParamOfInputImage(responses.ResponseInputImageDetailAuto)
			part.OfInputImage.ImageURL = openai.String(dataURI(f))
			parts = append(parts, part)
			continue
		}
		parts = append(parts, responses.ResponseInputContentUnionParam{OfInputFile: &responses.ResponseInputFileParam{
			Filename: openai.String(f.Name), FileData: openai.String(dataURI(f)),
		}})
	}
	parts = append(parts, responses.ResponseInputContentParamOfInputText(text))
	h.items = append(h.items, responses.ResponseInputItemParamOfMessage(parts, responses.EasyInputMessageRoleUser))
}

func (h *responder) give(calls []call) {
	for _, c := range calls {
		item := responses.ResponseInputItemParamOfFunctionCallOutput(c.output)
		item.OfFunctionCallOutput.CallID = openai.String(c.ID)
		h.items = append(h.items, item)
	}
}

func (h *responder) ask(ctx context.Context, t *turn) error {
	h.params.Input.OfInputItemList = h.items
	answer, err := h.answer(ctx, t)
	if err != nil {
		return err
	}
	t.Text, t.Finish, t.Thinking = answer.OutputText(), string(answer.Status), ""
	for _, item := range answer.Output {
		switch item.Type {
		case "function_call":
			f := item.AsFunctionCall()
			t.Calls = append(t.Calls, call{ID: f.CallID, Name: f.Name, Arguments: json.RawMessage(f.Arguments)})
		case "reasoning":
			r := item.AsReasoning()
			for _, s := range r.Summary {
				t.Thinking += s.Text
			}
			t.Signed = r.EncryptedContent != ""
		}
		h.items = append(h.items, param.Override[responses.ResponseInputItemUnionParam](json.RawMessage(item.RawJSON())))
	}
	u := answer.Usage
	t.Usage = usage{u.InputTokens, u.OutputTokens, u.InputTokensDetails.CachedTokens, &u.OutputTokensDetails.ReasoningTokens}
	return nil
}

func (h *responder) answer(ctx context.Context, t *turn) (*responses.Response, error) {
	if !h.task.Stream {
		return h.client.Responses.New(ctx, h.params)
	}
	stream := h.client.Responses.NewStreaming(ctx, h.params)
	var answer *responses.Response
	for stream.Next() {
		switch event := stream.Current(); event.Type {
		case "response.output_text.delta":
			t.Text += event.Delta
		case "response.completed", "response.incomplete":
			answer = &event.Response
		case "response.failed": // the library itself makes no error of it
			return nil, errors.New(event.Response.Error.Message)
		}
	}
	if answer == nil && stream.Err() == nil {
		return nil, errors.New("the stream has no end")
	}
	return answer, stream.Err()
}
