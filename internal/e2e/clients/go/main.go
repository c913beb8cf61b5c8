// Command clients drives the relay with the official Go SDK, as a customer would: base URL and key from the environment.
// It prints one JSON object with what it saw. It is a module of its own, so that the product does not depend on an SDK.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/openai/openai-go/v3"
)

type report struct {
	JSONAnswer      string `json:"json_answer"`
	JSONTokens      int64  `json:"json_tokens"`
	StreamAnswer    string `json:"stream_answer"`
	StreamTokens    int64  `json:"stream_tokens"`
	Models          int    `json:"models"`
	EmbeddingLength int    `json:"embedding_length"`
	ErrorStatus     int    `json:"error_status"`
	ErrorCode       string `json:"error_code"`
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := run(ctx, os.Getenv("STARLANE_MODEL"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
}

func run(ctx context.Context, model string) (*report, error) {
	client := openai.NewClient()
	var out report
	messages := []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hello from the go client")}

	answer, err := client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{Model: model, Messages: messages})
	if err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	out.JSONAnswer, out.JSONTokens = answer.Choices[0].Message.Content, answer.Usage.TotalTokens

	stream := client.Chat.Completions.NewStreaming(ctx, openai.ChatCompletionNewParams{
		Model: model, Messages: messages, StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
	})
	var acc openai.ChatCompletionAccumulator
	for stream.Next() {
		if !acc.AddChunk(stream.Current()) {
			return nil, errors.New("the SDK's accumulator refuses a chunk")
		}
	}
	if err := stream.Err(); err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	out.StreamAnswer, out.StreamTokens = acc.Choices[0].Message.Content, acc.Usage.TotalTokens

	models, err := client.Models.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	out.Models = len(models.Data)

	vectors, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{
		Model: "demo/embed", Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String("hello")},
	})
	if err != nil {
		return nil, fmt.Errorf("embeddings: %w", err)
	}
	out.EmbeddingLength = len(vectors.Data[0].Embedding)

	_, err = client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{Model: "no/such-model", Messages: messages})
	var apiErr *openai.Error
	if !errors.As(err, &apiErr) {
		return nil, fmt.Errorf("unknown model: got %w, want an API error", err)
	}
	out.ErrorStatus, out.ErrorCode = apiErr.StatusCode, apiErr.Code
	return &out, nil
}
