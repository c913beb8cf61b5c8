package provider_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"starlane/internal/sim/provider"
)

// heard is an event of a session.
type heard struct {
	Type     string
	Session  map[string]any
	Item     struct{ ID, Type, Role string }
	ItemID   string `json:"item_id"`
	Response struct {
		Status  string
		Details struct{ Reason string } `json:"status_details"`
		Output  []struct{ Type, Arguments, Name string }
		Usage   *struct {
			Input        int `json:"input_tokens"`
			Output       int `json:"output_tokens"`
			InputDetails struct {
				Text         int `json:"text_tokens"`
				Audio        int `json:"audio_tokens"`
				Cached       int `json:"cached_tokens"`
				CachedDetail struct {
					Text int `json:"text_tokens"`
				} `json:"cached_tokens_details"`
			} `json:"input_token_details"`
			OutputDetails struct {
				Text  int `json:"text_tokens"`
				Audio int `json:"audio_tokens"`
			} `json:"output_token_details"`
		}
	}
	Error struct{ Code, Param string }
}

// converse opens a session; say sends an event, until reads up to one of a type.
func converse(t *testing.T, url string, header http.Header) (say func(string), until func(string) heard) {
	t.Helper()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Authorization", "Bearer "+provider.KeyPrefix+"a")
	conn, _, err := websocket.Dial(t.Context(), url+"/v1/realtime?model="+provider.ModelRealtime, &websocket.DialOptions{HTTPHeader: header})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(1 << 20)
	say = func(text string) { require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte(text))) }
	until = func(kind string) heard {
		for {
			_, raw, err := conn.Read(t.Context())
			require.NoError(t, err, kind)
			var e heard
			require.NoError(t, json.Unmarshal(raw, &e))
			if e.Type == kind {
				return e
			}
		}
	}
	return say, until
}

func TestRealtimeSession(t *testing.T) {
	t.Parallel()
	say, until := converse(t, start(t, fast()).url, nil)
	require.Equal(t, provider.ModelRealtime, until("session.created").Session["model"])
	text := strings.Repeat("word ", 100)
	say(`{"type":"conversation.item.create","item":{"id":"one","type":"message","role":"user","content":[{"type":"input_text","text":"` + text + `"}]}}`)
	require.Equal(t, "one", until("conversation.item.added").Item.ID)
	until("conversation.item.done")
	say(`{"type":"response.create","response":{"max_output_tokens":10}}`)
	first := until("response.done").Response
	require.Equal(t, "incomplete", first.Status)
	require.Equal(t, "max_output_tokens", first.Details.Reason)
	require.LessOrEqual(t, first.Usage.Output, 10)
	require.Equal(t, first.Usage.Output, first.Usage.OutputDetails.Text+first.Usage.OutputDetails.Audio)
	require.Zero(t, first.Usage.InputDetails.Cached)

	say(`{"type":"response.create","response":{"output_modalities":["text"]}}`)
	second := until("response.done").Response
	require.Equal(t, "completed", second.Status)
	require.Zero(t, second.Usage.OutputDetails.Audio)
	require.Equal(t, 64, second.Usage.InputDetails.Cached, "what was there before, in steps of 64")
	require.Equal(t, 64, second.Usage.InputDetails.CachedDetail.Text)
	require.Positive(t, second.Usage.InputDetails.Audio, "what the model said aloud")

	say(`{"type":"conversation.item.retrieve","item_id":"one"}`)
	require.Equal(t, "user", until("conversation.item.retrieved").Item.Role)
	say(`{"type":"conversation.item.delete","item_id":"one"}`)
	require.Equal(t, "one", until("conversation.item.deleted").ItemID)
	say(`{"type":"input_audio_buffer.clear"}`)
	until("input_audio_buffer.cleared")
}

func TestRealtimeErrors(t *testing.T) {
	t.Parallel()
	say, until := converse(t, start(t, fast()).url, nil)
	for text, want := range map[string]string{
		`{"type":"nothing"}`:                   "invalid_value",
		`{}`:                                   "missing_required_parameter",
		`[`:                                    "invalid_json",
		`{"type":"response.cancel"}`:           "response_cancel_not_active",
		`{"type":"input_audio_buffer.commit"}`: "input_audio_buffer_commit_empty",
		`{"type":"input_audio_buffer.append","audio":"?"}`:                                                      "invalid_value",
		`{"type":"conversation.item.delete","item_id":"none"}`:                                                  "item_not_found",
		`{"type":"conversation.item.create","item":{"type":"poem"}}`:                                            "invalid_value",
		`{"type":"conversation.item.create","item":{"type":"function_call_output"}}`:                            "missing_required_parameter",
		`{"type":"session.update","session":{"model":"another"}}`:                                               "invalid_value",
		`{"type":"response.create","response":{"max_output_tokens":5000}}`:                                      "invalid_value",
		`{"type":"response.create","response":{"metadata":{"x-sim-fault":"no such thing"}}}`:                    "invalid_value",
		`{"type":"conversation.item.create","item":{"type":"message","role":"nobody"}}`:                         "invalid_value",
		`{"type":"conversation.item.create","previous_item_id":"none","item":{"type":"message","role":"user"}}`: "item_not_found",
	} {
		say(text)
		require.Equal(t, want, until("error").Error.Code, text)
	}
}

func TestRealtimeBeta(t *testing.T) {
	t.Parallel()
	say, until := converse(t, start(t, fast()).url, http.Header{"Openai-Beta": {"realtime=v1"}})
	require.Equal(t, "inf", until("session.created").Session["max_response_output_tokens"])
	say(`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}}`)
	until("conversation.item.created")
	say(`{"type":"response.create"}`)
	until("response.audio_transcript.delta")
	until("response.audio.delta")
	until("response.done")
	say(`{"type":"session.update","session":{"modalities":["text"],"turn_detection":null}}`)
	until("session.updated")
	say(`{"type":"response.create"}`)
	until("response.text.delta")
}
