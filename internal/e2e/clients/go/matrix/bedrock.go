package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
)

// converser speaks Converse by Amazon's official library. It speaks to the vendor's own API alone, so to the simulator of it.
type converser struct {
	task   *task
	client *bedrockruntime.Client
	in     bedrockruntime.ConverseInput
}

func openConverse(c *task, client *http.Client) conversation {
	h := &converser{task: c, client: bedrockruntime.New(bedrockruntime.Options{
		Region: "us-east-1", HTTPClient: client, BaseEndpoint: aws.String(os.Getenv("STARLANE_SIM_PROVIDER_URL")), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("MATRIX_AWS_ACCESS_KEY_ID"), os.Getenv("MATRIX_AWS_SECRET_ACCESS_KEY"), ""),
	})}
	h.in.ModelId = aws.String(c.Model)
	h.in.InferenceConfig = &types.InferenceConfiguration{MaxTokens: aws.Int32(maxTokens)}
	if c.System != "" {
		h.in.System = []types.SystemContentBlock{
			&types.SystemContentBlockMemberText{Value: c.System},
			&types.SystemContentBlockMemberCachePoint{Value: types.CachePointBlock{Type: types.CachePointTypeDefault}},
		}
	}
	var tools []types.Tool
	for _, t := range c.Tools {
		tools = append(tools, &types.ToolMemberToolSpec{Value: types.ToolSpecification{
			Name: aws.String(t.Name), Description: aws.String(t.Description),
			InputSchema: &types.ToolInputSchemaMemberJson{Value: document.NewLazyDocument(t.Parameters)},
		}})
	}
	if tools != nil {
		h.in.ToolConfig = &types.ToolConfiguration{Tools: tools}
	}
	if c.Schema != nil {
		schema, _ := json.Marshal(c.Schema) // it came from JSON
		h.in.OutputConfig = &types.OutputConfig{TextFormat: &types.OutputFormat{
			Type:      types.OutputFormatTypeJsonSchema,
			Structure: &types.OutputFormatStructureMemberJsonSchema{Value: types.JsonSchemaDefinition{Name: aws.String("answer"), Schema: aws.String(string(schema))}},
		}}
	}
	if c.Effort != "" {
		h.in.AdditionalModelRequestFields = document.NewLazyDocument(map[string]any{"thinking": map[string]any{"type": "enabled", "budget_tokens": 2048}})
	}
	return h
}

func (h *converser) say(text string, files []file) {
	blocks := []types.ContentBlock{&types.ContentBlockMemberText{Value: text}}
	for _, f := range files {
		if kind, ok := strings.CutPrefix(f.Type, "image/"); ok {
			blocks = append(blocks, &types.ContentBlockMemberImage{Value: types.ImageBlock{
				Format: types.ImageFormat(kind), Source: &types.ImageSourceMemberBytes{Value: f.Data},
			}})
			continue
		}
		blocks = append(blocks, &types.ContentBlockMemberDocument{Value: types.DocumentBlock{
			Format: types.DocumentFormatPdf, Name: aws.String("paper"), Source: &types.DocumentSourceMemberBytes{Value: f.Data},
		}})
	}
	h.in.Messages = append(h.in.Messages, types.Message{Role: types.ConversationRoleUser, Content: blocks})
}

func (h *converser) give(calls []call) {
	var blocks []types.ContentBlock
	for _, c := range calls {
		blocks = append(blocks, &types.ContentBlockMemberToolResult{Value: types.ToolResultBlock{
			ToolUseId: aws.String(c.ID), Content: []types.ToolResultContentBlock{&types.ToolResultContentBlockMemberText{Value: c.output}},
		}})
	}
	h.in.Messages = append(h.in.Messages, types.Message{Role: types.ConversationRoleUser, Content: blocks})
}

func (h *converser) ask(ctx context.Context, t *turn) error {
	message, err := h.answer(ctx, t)
	if err != nil {
		return err
	}
	t.Text = ""
	for _, b := range message.Content {
		switch b := b.(type) {
		case *types.ContentBlockMemberText:
			t.Text += b.Value
		case *types.ContentBlockMemberReasoningContent:
			if r, ok := b.Value.(*types.ReasoningContentBlockMemberReasoningText); ok {
				t.Thinking, t.Signed = aws.ToString(r.Value.Text), aws.ToString(r.Value.Signature) != ""
			}
		case *types.ContentBlockMemberToolUse:
			args, err := b.Value.Input.MarshalSmithyDocument()
			if err != nil {
				return err
			}
			t.Calls = append(t.Calls, call{ID: aws.ToString(b.Value.ToolUseId), Name: aws.ToString(b.Value.Name), Arguments: args})
		}
	}
	h.in.Messages = append(h.in.Messages, *message)
	return nil
}

func (t *turn) ended(reason types.StopReason, u *types.TokenUsage) {
	t.Finish = string(reason)
	cached := int64(aws.ToInt32(u.CacheReadInputTokens))
	t.Usage = usage{
		Input:  int64(aws.ToInt32(u.InputTokens)) + cached + int64(aws.ToInt32(u.CacheWriteInputTokens)),
		Output: int64(aws.ToInt32(u.OutputTokens)), Cached: cached,
	}
}

func (h *converser) answer(ctx context.Context, t *turn) (*types.Message, error) {
	if h.task.Stream {
		return h.stream(ctx, t)
	}
	out, err := h.client.Converse(ctx, &h.in)
	if err != nil {
		return nil, err
	}
	message, ok := out.Output.(*types.ConverseOutputMemberMessage)
	if !ok {
		return nil, errors.New("the answer is no message")
	}
	t.ended(out.StopReason, out.Usage)
	return &message.Value, nil
}

// stream puts an answer together; the library has nothing that does.
func (h *converser) stream(ctx context.Context, t *turn) (*types.Message, error) {
	out, err := h.client.ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{
		ModelId: h.in.ModelId, Messages: h.in.Messages, System: h.in.System, InferenceConfig: h.in.InferenceConfig, ToolConfig: h.in.ToolConfig,
		OutputConfig: h.in.OutputConfig, AdditionalModelRequestFields: h.in.AdditionalModelRequestFields,
	})
	if err != nil {
		return nil, err
	}
	stream := out.GetStream()
	defer func() { _ = stream.Close() }()
	message := &types.Message{Role: types.ConversationRoleAssistant}
	var stop types.StopReason
	var text, thought, signature, input string
	var use *types.ToolUseBlock
	for event := range stream.Events() {
		switch e := event.(type) {
		case *types.ConverseStreamOutputMemberContentBlockStart:
			if start, ok := e.Value.Start.(*types.ContentBlockStartMemberToolUse); ok {
				use = &types.ToolUseBlock{ToolUseId: start.Value.ToolUseId, Name: start.Value.Name}
			}
		case *types.ConverseStreamOutputMemberContentBlockDelta:
			switch d := e.Value.Delta.(type) {
			case *types.ContentBlockDeltaMemberText:
				text += d.Value
				t.Text += d.Value
			case *types.ContentBlockDeltaMemberToolUse:
				input += aws.ToString(d.Value.Input)
			case *types.ContentBlockDeltaMemberReasoningContent:
				switch r := d.Value.(type) {
				case *types.ReasoningContentBlockDeltaMemberText:
					thought += r.Value
				case *types.ReasoningContentBlockDeltaMemberSignature:
					signature += r.Value
				}
			}
		case *types.ConverseStreamOutputMemberContentBlockStop:
			switch {
			case use != nil:
				var args map[string]any
				if err := json.Unmarshal([]byte(input), &args); err != nil {
					return nil, err
				}
				use.Input = document.NewLazyDocument(args)
				message.Content = append(message.Content, &types.ContentBlockMemberToolUse{Value: *use})
			case thought != "":
				message.Content = append(message.Content, &types.ContentBlockMemberReasoningContent{Value: &types.ReasoningContentBlockMemberReasoningText{
					Value: types.ReasoningTextBlock{Text: aws.String(thought), Signature: aws.String(signature)},
				}})
			default:
				message.Content = append(message.Content, &types.ContentBlockMemberText{Value: text})
			}
			use, text, thought, signature, input = nil, "", "", "", ""
		case *types.ConverseStreamOutputMemberMessageStop:
			stop = e.Value.StopReason
		case *types.ConverseStreamOutputMemberMetadata:
			t.ended(stop, e.Value.Usage)
		}
	}
	return message, stream.Err()
}
