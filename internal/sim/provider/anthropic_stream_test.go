package provider_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// event is one server-sent event.
type event struct {
	name string
	data string
}

// readEvents decodes events strictly: an optional event line, one data line and a blank line.
func readEvents(t testing.TB, body []byte) []event {
	t.Helper()
	var out []event
	blocks := strings.Split(string(body), "\n\n")
	require.Empty(t, blocks[len(blocks)-1], "the stream ends within an event")
	for _, block := range blocks[:len(blocks)-1] {
		var e event
		for _, line := range strings.Split(block, "\n") {
			if name, ok := strings.CutPrefix(line, "event: "); ok {
				e.name = name
				continue
			}
			data, ok := strings.CutPrefix(line, "data: ")
			require.True(t, ok, "line %q", line)
			require.Empty(t, e.data, "two data lines")
			e.data = data
		}
		require.True(t, json.Valid([]byte(e.data)), "event %q", e.data)
		out = append(out, e)
	}
	return out
}

type claudeBlock struct {
	Type      string          `json:"type"`
	Text      string          `json:"text,omitempty"`
	Thinking  string          `json:"thinking"`
	Signature string          `json:"signature,omitempty"`
	Data      string          `json:"data,omitempty"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Input     json.RawMessage `json:"input,omitempty"`
}

type claudeUsage struct {
	Input    int `json:"input_tokens"`
	Creation int `json:"cache_creation_input_tokens"`
	Read     int `json:"cache_read_input_tokens"`
	ByTTL    struct {
		Short int `json:"ephemeral_5m_input_tokens"`
		Long  int `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
	Output  int `json:"output_tokens"`
	Details struct {
		Thinking int `json:"thinking_tokens"`
	} `json:"output_tokens_details"`
}

type claudeMessage struct {
	ID           string        `json:"id"`
	Type         string        `json:"type"`
	Role         string        `json:"role"`
	Model        string        `json:"model"`
	Content      []claudeBlock `json:"content"`
	StopReason   *string       `json:"stop_reason"`
	StopSequence *string       `json:"stop_sequence"`
	StopDetails  *struct {
		Type string `json:"type"`
	} `json:"stop_details"`
	Usage *claudeUsage `json:"usage"`
}

// assemble puts a stream together as a client does, and fails on whatever a strict client would not take.
func assemble(t testing.TB, body []byte) claudeMessage {
	t.Helper()
	var m claudeMessage
	open, started, finished, stopped := -1, false, false, false
	var arguments strings.Builder
	for _, e := range readEvents(t, body) {
		var v struct {
			Type    string         `json:"type"`
			Message *claudeMessage `json:"message"`
			Index   int            `json:"index"`
			Block   claudeBlock    `json:"content_block"`
			Delta   struct {
				Type        string  `json:"type"`
				Text        *string `json:"text"`
				Thinking    *string `json:"thinking"`
				Signature   string  `json:"signature"`
				PartialJSON *string `json:"partial_json"`
				StopReason  *string `json:"stop_reason"`
				Sequence    *string `json:"stop_sequence"`
			} `json:"delta"`
			Usage *claudeUsage `json:"usage"`
		}
		require.NoError(t, json.Unmarshal([]byte(e.data), &v))
		require.Equal(t, e.name, v.Type)
		require.False(t, stopped, "event after message_stop")
		require.Equal(t, v.Type == "message_start", !started, "message_start comes once, and first")
		switch v.Type {
		case "message_start":
			started, m = true, *v.Message
			require.Nil(t, m.StopReason)
			require.Empty(t, m.Content)
		case "ping":
		case "content_block_start":
			require.Equal(t, -1, open, "blocks overlap")
			require.Equal(t, len(m.Content), v.Index)
			open = v.Index
			m.Content = append(m.Content, v.Block)
			arguments.Reset()
		case "content_block_delta":
			require.Equal(t, open, v.Index)
			b := &m.Content[open]
			fits := map[string]string{"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "thinking", "input_json_delta": "tool_use"}
			require.Equal(t, fits[v.Delta.Type], b.Type)
			switch v.Delta.Type {
			case "text_delta":
				b.Text += *v.Delta.Text
			case "thinking_delta":
				require.Empty(t, b.Signature, "thinking after its signature")
				b.Thinking += *v.Delta.Thinking
			case "signature_delta":
				b.Signature += v.Delta.Signature
			case "input_json_delta":
				arguments.WriteString(*v.Delta.PartialJSON)
			}
		case "content_block_stop":
			require.Equal(t, open, v.Index)
			if b := &m.Content[open]; b.Type == "tool_use" && arguments.Len() > 0 {
				b.Input = json.RawMessage(arguments.String())
			}
			open = -1
		case "message_delta":
			require.False(t, finished)
			require.Equal(t, -1, open)
			finished, m.StopReason, m.StopSequence = true, v.Delta.StopReason, v.Delta.Sequence
			if v.Usage != nil {
				ttl := m.Usage.ByTTL
				m.Usage = v.Usage
				m.Usage.ByTTL = ttl
			}
		case "message_stop":
			require.True(t, finished)
			stopped = true
		default:
			require.Fail(t, "unknown event "+v.Type)
		}
	}
	require.True(t, stopped)
	return m
}

func claudeHeaders(more ...string) []string {
	return append([]string{"Authorization", "", "x-api-key", testKey, "anthropic-version", "2023-06-01"}, more...)
}

func (s sim) messages(t testing.TB, body string, header ...string) reply {
	t.Helper()
	return s.post(t, "/v1/messages", body, claudeHeaders(header...)...)
}

// ask sends the same request with and without a stream, and gives the message that both agree on.
func (s sim) ask(t testing.TB, body string, header ...string) claudeMessage {
	t.Helper()
	whole := decodeMessage(t, s.messages(t, body, header...))
	r := s.messages(t, strings.TrimSuffix(body, "}")+`,"stream":true}`, header...)
	require.NoError(t, r.err)
	require.Equal(t, "text/event-stream; charset=utf-8", r.header.Get("Content-Type"))
	streamed := assemble(t, r.body)
	require.Equal(t, whole.Content, streamed.Content)
	require.Equal(t, whole.StopReason, streamed.StopReason)
	require.Equal(t, whole.StopSequence, streamed.StopSequence)
	require.Equal(t, whole.Usage.Output, streamed.Usage.Output)
	require.NotEqual(t, whole.ID, streamed.ID)
	return whole
}

func decodeMessage(t testing.TB, r reply) claudeMessage {
	t.Helper()
	require.NoError(t, r.err)
	require.Equal(t, http.StatusOK, r.status, string(r.body))
	var m claudeMessage
	require.NoError(t, json.Unmarshal(r.body, &m), string(r.body))
	require.Equal(t, "message", m.Type)
	require.Equal(t, "assistant", m.Role)
	require.True(t, strings.HasPrefix(m.ID, "msg_"))
	return m
}

func claudeBody(text, more string) string {
	return `{"model":"demo-echo","max_tokens":4096,"messages":[{"role":"user","content":` + quoted(text) + `}]` + more + `}`
}

func quoted(text string) string {
	b := &bytes.Buffer{}
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text)
	return strings.TrimSuffix(b.String(), "\n")
}

func encoded(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}
