package openairealtime_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect/openairealtime"
	"starlane/internal/usage"
)

func words(text []byte) usage.Tokens { return usage.Tokens(len(bytes.Fields(text))) }

func event(text string) openairealtime.Event { return openairealtime.ReadEvent(body.Own([]byte(text))) }

// TestUsage: whatever a report says, the classes are disjoint and add up to its totals.
func TestUsage(t *testing.T) {
	t.Parallel()
	type classes map[usage.Class]usage.Tokens
	for name, c := range map[string]struct {
		usage string
		want  classes
	}{
		"as documented": {
			`{"input_tokens":253,"output_tokens":60,"input_token_details":{"text_tokens":119,"audio_tokens":134,"cached_tokens":192,` +
				`"cached_tokens_details":{"text_tokens":64,"audio_tokens":128}},"output_token_details":{"text_tokens":10,"audio_tokens":50}}`,
			classes{usage.InText: 55, usage.InAudio: 6, usage.InCached: 192, usage.OutText: 10, usage.OutAudio: 50},
		},
		"with pictures": {
			`{"input_tokens":100,"output_tokens":1,"input_token_details":{"text_tokens":10,"audio_tokens":20,"image_tokens":70,"cached_tokens":64,` +
				`"cached_tokens_details":{"image_tokens":64}}}`,
			classes{usage.InText: 10, usage.InAudio: 20, usage.InImage: 6, usage.InCached: 64, usage.OutText: 1},
		},
		"a cache whose kinds are not told": {
			`{"input_tokens":100,"output_tokens":1,"input_token_details":{"text_tokens":40,"audio_tokens":60,"cached_tokens":64}}`,
			classes{usage.InAudio: 36, usage.InCached: 64, usage.OutText: 1},
		},
		"no details": {`{"input_tokens":7,"output_tokens":3}`, classes{usage.InText: 7, usage.OutText: 3}},
		"details beyond the total": {
			`{"input_tokens":10,"output_tokens":5,"input_token_details":{"audio_tokens":100,"cached_tokens":4},"output_token_details":{"audio_tokens":50}}`,
			classes{usage.InAudio: 6, usage.InCached: 4, usage.OutAudio: 5},
		},
	} {
		e := event(`{"type":"response.done","response":{"id":"r","status":"completed","usage":` + c.usage + `}}`)
		require.True(t, e.Reported, name)
		for class := range usage.NumClasses {
			require.Equal(t, c.want[class], e.Counts.Units[class], "%s: %s", name, class)
		}
	}
	for _, broken := range []string{`null`, `{}`, `{"input_tokens":-1,"output_tokens":1}`, `{"input_tokens":99999999999,"output_tokens":1}`, `[]`, `{"input_tokens":0,"output_tokens":0}`} {
		require.False(t, event(`{"type":"response.done","response":{"id":"r","usage":`+broken+`}}`).Reported, broken)
	}
	heard := event(`{"usage":{"type":"duration","seconds":2.5},"type":"conversation.item.input_audio_transcription.completed"}`)
	require.Equal(t, usage.Tokens(26), heard.Counts.Units[usage.InAudio], "ten a second, and never too few")
}

func TestEvents(t *testing.T) {
	t.Parallel()
	e := event(`{"session":{"model" : "gpt-realtime-2025" ,"max_output_tokens":"inf"},"type":"session.created"}`)
	require.Equal(t, openairealtime.Unbounded, e.MaxOutput)
	var out strings.Builder
	content := body.Own([]byte(`{"session":{"model" : "gpt-realtime-2025" },"type":"session.created"}`))
	_, err := openairealtime.ReadEvent(content).Model.Renamed(content, `a "b"`).WriteTo(&out)
	require.NoError(t, err)
	want := `{"session":{"model" : "a \"b\"" },"type":"session.created"}` // to the byte
	require.Equal(t, want, out.String())
	for _, kind := range []string{"response.output_audio.delta", "response.audio.delta"} {
		e = event(`{"type":"` + kind + `","response_id":"r","delta":"AAAA"}`)
		require.Equal(t, openairealtime.Said, e.Kind)
		require.Equal(t, 4, e.Audio)
	}
	require.True(t, event(`{"type":"error","error":{"code":"conversation_already_has_active_response"}}`).Refuses)
	require.Equal(t, openairealtime.Other, event(`no JSON`).Kind)
}

// TestTally: sound is counted at the documented rates, texts by the model's tokenizer.
func TestTally(t *testing.T) {
	t.Parallel()
	second := strings.Repeat("A", 64_000)
	r, err := openairealtime.ReadRequest(body.Own([]byte(`{"type":"conversation.item.create","item":{"type":"message","content":[` +
		`{"type":"input_text","text":"one two"},{"type":"input_audio","audio":"` + second + `"}]}}`)))
	require.NoError(t, err)
	text, audio := r.Heard.Heard(words, openairealtime.UnsaidFormat)
	require.Equal(t, [2]usage.Tokens{2, 10}, [2]usage.Tokens{text, audio})
	var said openairealtime.Tally
	said.Add([]byte("one two three"), len(second))
	text, audio = said.Said(words, openairealtime.WideFormat)
	require.Equal(t, [2]usage.Tokens{3, 20}, [2]usage.Tokens{text, audio})
}

func TestAppendError(t *testing.T) {
	t.Parallel()
	var e struct {
		Type    string
		EventID string `json:"event_id"`
		Error   struct {
			Type, Code, Message string
			Param               *string
			EventID             *string `json:"event_id"`
			RequestID           string  `json:"request_id"`
		}
	}
	require.NoError(t, json.Unmarshal(openairealtime.AppendError(nil, apperr.New(apperr.InsufficientCredit, "No \"more\"."), "mine", "r1"), &e))
	require.Equal(t, "error", e.Type)
	require.NotEmpty(t, e.EventID)
	require.Equal(t, "insufficient_credit", e.Error.Code)
	require.Equal(t, "mine", *e.Error.EventID)
	require.Equal(t, "r1", e.Error.RequestID)
	require.NoError(t, json.Unmarshal(openairealtime.AppendCancel(nil, "resp_1"), &e))
}

// FuzzMessages: nothing that a side sends brings the relay down, and what is renamed stays JSON.
func FuzzMessages(f *testing.F) {
	f.Add(`{"type":"session.update","session":{"model":"m","tools":[{}],"max_output_tokens":1}}`)
	f.Add(`{"type":"response.done","response":{"id":"r","usage":{"input_tokens":1,"input_token_details":{"cached_tokens_details":{"text_tokens":1}}}}}`)
	f.Add(`{"type":"session.created","session":{"model":"m"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		content := body.Own([]byte(text))
		e := openairealtime.ReadEvent(content)
		r, err := openairealtime.ReadRequest(content)
		for _, m := range []openairealtime.Model{e.Model, r.Model} {
			var out bytes.Buffer
			_, _ = m.Renamed(content, "x").WriteTo(&out)
			if err == nil && json.Valid([]byte(text)) && !json.Valid(out.Bytes()) {
				t.Errorf("%q became %q", text, out.String())
			}
		}
		if e.Reported && (e.Counts.Input() < 0 || e.Counts.Output() < 0) {
			t.Errorf("%q is counted as %v", text, e.Counts)
		}
	})
}
