package relayapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/usage"
)

// chatAnswer is what tests read of a chat completion, whole or of its chunks.
type chatAnswer struct {
	Choices []struct {
		Index    int
		Message  struct{ Content string }
		Delta    struct{ Content, Role string }
		Finish   string `json:"finish_reason"`
		Logprobs *struct {
			Content []struct {
				Token string
				Bytes []int // as numbers: encoding/json would read base64 into bytes
			}
		}
	}
	Usage *struct {
		Completion int64 `json:"completion_tokens"`
	}
}

// TestSeveralAnswers asks for three answers, with the probabilities of their tokens, in either format of the two vendors who give
// such.
func TestSeveralAnswers(t *testing.T) {
	t.Parallel()
	const ask = `{"model":"gemini/echo","n":3,"logprobs":true,"top_logprobs":1,"messages":[{"role":"user","content":"one é two"}]`
	text := func(a chatAnswer) (told []string) {
		for _, c := range a.Choices {
			token := ""
			for _, p := range c.Logprobs.Content {
				token += p.Token
				require.Len(t, p.Bytes, len(p.Token))
			}
			require.Equal(t, c.Message.Content, token)
			told = append(told, c.Message.Content)
		}
		return told
	}
	w := newWorld(t)
	a := w.post(t, "/v1/chat/completions", ask+`}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	whole := parse[chatAnswer](t, a.body)
	require.Len(t, text(whole), 3)
	require.Equal(t, "one é two", whole.Choices[0].Message.Content)
	counts := w.event(t, 0).Counts
	require.Equal(t, counts.Output(), whole.Usage.Completion, "all answers are told and billed")

	a = w.post(t, "/v1/chat/completions", ask+`,"stream":true,"stream_options":{"include_usage":true}}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	var said, roles, ends [3]string
	usages := 0
	for _, data := range events(t, a.body) {
		if data == "[DONE]" {
			continue
		}
		chunk := parse[chatAnswer](t, data)
		for _, c := range chunk.Choices {
			said[c.Index] += c.Delta.Content
			roles[c.Index] += c.Delta.Role
			ends[c.Index] += c.Finish
		}
		if chunk.Usage != nil {
			usages++
		}
	}
	require.Equal(t, [3]string{"assistant", "assistant", "assistant"}, roles)
	require.Equal(t, [3]string{"stop", "stop", "stop"}, ends)
	require.Equal(t, 1, usages)
	for i, c := range whole.Choices {
		require.Equal(t, c.Message.Content, said[i])
	}
	require.Equal(t, usage.OK, w.event(t, 1).Outcome)

	for n, form := range []string{"whole", "events", "array"} {
		a := w.gemini(t, "demo/echo", form, `{"contents":[{"parts":[{"text":"one é two"}]}],"generationConfig":{"candidateCount":2,"responseLogprobs":true,"logprobs":1}}`)
		require.Equal(t, http.StatusOK, a.status, a.body)
		seen := map[int]string{}
		for _, chunk := range chunks(t, a) {
			for _, c := range chunk.Candidates {
				for _, raw := range c.Content.Parts {
					seen[c.Index] += parse[gemPart](t, string(raw)).Text
				}
			}
		}
		require.Len(t, seen, 2, form)
		require.Equal(t, "one é two", seen[0], form)
		require.Contains(t, a.body, `"logprobsResult":{"chosenCandidates":[{"token":`)
		require.Equal(t, usage.OK, w.event(t, 2+n).Outcome)
	}
}
