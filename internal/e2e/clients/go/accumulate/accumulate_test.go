package accumulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"google.golang.org/genai"
	"pgregory.net/rapid"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/ways"
	"starlane/internal/relay/llm"
)

// Each official library reads from a stream what the upstream said, or that it broke off. `go test -rapid.checks=100000` goes on for
// longer.
func TestLibrariesReadEveryOrder(t *testing.T) {
	t.Parallel()
	formats := ways.New()
	for name, c := range map[string]struct {
		client dialect.Client
		read   func(*http.Client) (said, error)
	}{
		"chat":      {formats.Chat, readChat},
		"responses": {formats.Responses, readResponse},
		"messages":  {formats.Messages, readMessage},
		"contents":  {formats.Contents, readContents},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				script := drawScript(t)
				stream := write(c.client, script)
				got, err := c.read(&http.Client{Transport: canned(stream)})
				if (err != nil) != script.cut {
					t.Fatalf("error %v, cut off: %v\n%s", err, script.cut, stream)
				}
				if script.cut {
					return
				}
				for i := range got.Calls {
					got.Calls[i].Arguments = compact(t, got.Calls[i].Arguments)
				}
				for i := range script.said.Calls {
					script.said.Calls[i].Arguments = compact(t, script.said.Calls[i].Arguments)
				}
				if name == "chat" { // the library does not know thoughts
					script.said.Thinking = ""
				}
				if script.mixed {
					for _, text := range []*string{&script.said.Text, &script.said.Thinking, &got.Text, &got.Thinking} {
						*text = sorted(*text)
					}
				}
				if diff := cmp.Diff(script.said, got); diff != "" {
					t.Fatalf("(-said +read)\n%s\n%s", diff, stream)
				}
			})
		})
	}
}

// sorted is a text with its letters in order.
func sorted(text string) string {
	letters := []rune(text)
	slices.Sort(letters)
	return string(letters)
}

func compact(t *rapid.T, text string) string {
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		t.Fatalf("no JSON: %q", text)
	}
	return out.String()
}

// write renders a script for clients of a format, as the relay does.
func write(client dialect.Client, s *script) string {
	r := &llm.Request{Model: "m", Stream: true, WantsUsage: true}
	tap := (&dialect.Bridge{Client: client, Upstream: upstream{script: s}, Origin: "anthropic"}).NewTap(r, meter{})
	defer tap.Close()
	var out []byte
	for n := range s.events {
		b, _ := json.Marshal(n) // a number always marshals
		out = append(out, tap.Event(b).Out...)
	}
	seen := tap.Event([]byte("end"))
	out = append(out, seen.Out...)
	if seen.Step == dialect.End {
		return string(out)
	}
	cut := apperr.New(apperr.UpstreamError, "The provider of this model failed to answer.")
	var last []byte
	if f, ok := tap.(dialect.FailureWriter); ok {
		last = f.AppendFailure(nil, cut, "")
	}
	if last == nil {
		last = client.AppendStreamError(nil, cut, "")
	}
	return string(append(out, last...))
}

// canned answers every request with a stream.
type canned string

// RoundTrip implements http.RoundTripper.
func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Request: r,
		Body: io.NopCloser(bytes.NewReader([]byte(c))),
	}, nil
}

func readChat(client *http.Client) (got said, err error) {
	c := openai.NewClient(option.WithHTTPClient(client), option.WithAPIKey("k"), option.WithBaseURL("http://relay.test/v1"))
	stream := c.Chat.Completions.NewStreaming(context.Background(), openai.ChatCompletionNewParams{Model: "m"})
	var acc openai.ChatCompletionAccumulator
	for stream.Next() {
		if !acc.AddChunk(stream.Current()) {
			return got, errors.New("the accumulator refuses a chunk")
		}
	}
	if err := stream.Err(); err != nil {
		return got, err
	}
	message := acc.Choices[0].Message
	got.Text, got.Output = message.Content, acc.Usage.CompletionTokens
	for _, call := range message.ToolCalls {
		got.Calls = append(got.Calls, called{call.ID, call.Function.Name, call.Function.Arguments})
	}
	return got, nil
}

func readResponse(client *http.Client) (got said, err error) {
	c := openai.NewClient(option.WithHTTPClient(client), option.WithAPIKey("k"), option.WithBaseURL("http://relay.test/v1"))
	stream := c.Responses.NewStreaming(context.Background(), responses.ResponseNewParams{Model: "m"})
	var whole *responses.Response
	text := ""
	for stream.Next() {
		switch e := stream.Current(); e.Type {
		case "response.output_text.delta":
			text += e.Delta
		case "response.completed":
			whole = &e.Response
		case "response.failed":
			return got, errors.New(e.Response.Error.Message)
		}
	}
	if err := stream.Err(); err != nil {
		return got, err
	}
	if whole == nil || text != whole.OutputText() {
		return got, errors.New("the pieces are not the whole")
	}
	got.Text, got.Output = text, whole.Usage.OutputTokens
	for _, item := range whole.Output {
		switch item.Type {
		case "reasoning":
			for _, s := range item.Summary {
				got.Thinking += s.Text
			}
		case "function_call":
			call := item.AsFunctionCall()
			got.Calls = append(got.Calls, called{call.CallID, call.Name, call.Arguments})
		}
	}
	return got, nil
}

func readMessage(client *http.Client) (got said, err error) {
	c := anthropic.NewClient(anthropicoption.WithHTTPClient(client), anthropicoption.WithAPIKey("k"), anthropicoption.WithBaseURL("http://relay.test"))
	stream := c.Messages.NewStreaming(context.Background(), anthropic.MessageNewParams{Model: "m", MaxTokens: 1})
	var message anthropic.Message
	for stream.Next() {
		if err := message.Accumulate(stream.Current()); err != nil {
			return got, err
		}
	}
	if err := stream.Err(); err != nil {
		return got, err
	}
	got.Output = message.Usage.OutputTokens
	for _, b := range message.Content {
		switch b := b.AsAny().(type) {
		case anthropic.TextBlock:
			got.Text += b.Text
		case anthropic.ThinkingBlock:
			got.Thinking += b.Thinking
		case anthropic.ToolUseBlock:
			got.Calls = append(got.Calls, called{b.ID, b.Name, string(b.Input)})
		}
	}
	return got, nil
}

func readContents(client *http.Client) (got said, err error) {
	c, err := genai.NewClient(context.Background(), &genai.ClientConfig{
		APIKey: "k", Backend: genai.BackendGeminiAPI, HTTPClient: client, HTTPOptions: genai.HTTPOptions{BaseURL: "http://relay.test"},
	})
	if err != nil {
		return got, err
	}
	for chunk, err := range c.Models.GenerateContentStream(context.Background(), "m", genai.Text("x"), nil) {
		if err != nil {
			return got, err
		}
		if u := chunk.UsageMetadata; u != nil {
			got.Output = int64(u.CandidatesTokenCount + u.ThoughtsTokenCount)
		}
		for _, candidate := range chunk.Candidates {
			if candidate.Content == nil {
				continue
			}
			for _, p := range candidate.Content.Parts {
				switch {
				case p.FunctionCall != nil:
					args, err := json.Marshal(p.FunctionCall.Args)
					if err != nil {
						return got, err
					}
					if p.FunctionCall.Args == nil {
						args = []byte("{}")
					}
					got.Calls = append(got.Calls, called{p.FunctionCall.ID, p.FunctionCall.Name, string(args)})
				case p.Thought:
					got.Thinking += p.Text
				default:
					got.Text += p.Text
				}
			}
		}
	}
	return got, nil
}
