package relayapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"starlane/internal/billing/money"
	"starlane/internal/usage"
)

// talk is a session as a client sees it.
type talk struct {
	t    testing.TB
	w    *world
	conn *websocket.Conn
	res  *http.Response
	seen []event
}

// event is what a client reads of an event.
type event struct {
	Type     string
	EventID  string `json:"event_id"`
	Delta    string
	Session  map[string]any
	ItemID   string `json:"item_id"`
	Response struct {
		ID     string
		Status string
		Usage  *reported
	}
	Usage *reported
	Error struct {
		Type, Code, Message, Param string
		EventID                    string `json:"event_id"`
	}
}

// reported is what an event says that something has cost.
type reported struct {
	Input        int64 `json:"input_tokens"`
	Output       int64 `json:"output_tokens"`
	InputDetails struct {
		Text         int64 `json:"text_tokens"`
		Audio        int64 `json:"audio_tokens"`
		Cached       int64 `json:"cached_tokens"`
		CachedDetail struct {
			Text  int64 `json:"text_tokens"`
			Audio int64 `json:"audio_tokens"`
		} `json:"cached_tokens_details"`
	} `json:"input_token_details"`
	OutputDetails struct {
		Text  int64 `json:"text_tokens"`
		Audio int64 `json:"audio_tokens"`
	} `json:"output_token_details"`
}

// classes are the counts by class.
func (r *reported) classes() map[usage.Class]int64 {
	in := &r.InputDetails
	return map[usage.Class]int64{
		usage.InText: in.Text - in.CachedDetail.Text, usage.InAudio: in.Audio - in.CachedDetail.Audio, usage.InCached: in.Cached,
		usage.OutText: r.Output - r.OutputDetails.Audio, usage.OutAudio: r.OutputDetails.Audio,
	}
}

// price is what counts cost in a session of the tests' catalogue, in nano-USD.
func price(c map[usage.Class]int64) money.Amount {
	return money.Amount(1000*c[usage.InText] + 100*c[usage.InCached] + 2000*c[usage.OutText] + 50_000*c[usage.InAudio] + 100_000*c[usage.OutAudio])
}

// dial asks for a session.
func (w *world) dial(t testing.TB, query string, o *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	if o == nil {
		o = &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + w.key}}}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, res, err := websocket.Dial(ctx, w.url+"/v1/realtime"+query, o)
	if err == nil {
		conn.SetReadLimit(32 << 20)
		t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return conn, res, err
}

// talk begins a session.
func (w *world) talk(t testing.TB, model string) *talk {
	t.Helper()
	conn, res, err := w.dial(t, "?model="+model, nil)
	require.NoError(t, err)
	return &talk{t: t, w: w, conn: conn, res: res}
}

// say sends an event.
func (k *talk) say(text string) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(k.t, k.conn.Write(ctx, websocket.MessageText, []byte(text)))
}

// next reads an event.
func (k *talk) next() (event, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	_, raw, err := k.conn.Read(ctx)
	if err != nil {
		return event{}, err
	}
	var e event
	require.NoError(k.t, json.Unmarshal(raw, &e))
	k.seen = append(k.seen, e)
	return e, nil
}

// until reads events up to one of a type.
func (k *talk) until(kind string) event {
	k.t.Helper()
	for {
		e, err := k.next()
		require.NoError(k.t, err, "no %s came, but %v", kind, k.types())
		if e.Type == kind {
			return e
		}
	}
}

// end reads to the end of the session and returns the close code.
func (k *talk) end() websocket.StatusCode {
	k.t.Helper()
	for {
		_, err := k.next()
		var closed websocket.CloseError
		if errors.As(err, &closed) {
			return closed.Code
		}
		require.NoError(k.t, err)
	}
}

// types are the types of the events so far, without repetition.
func (k *talk) types() (all []string) {
	for _, e := range k.seen {
		if !slices.Contains(all, e.Type) {
			all = append(all, e.Type)
		}
	}
	return all
}

// failure is the last error event.
func (k *talk) failure() event {
	for _, e := range slices.Backward(k.seen) {
		if e.Type == "error" {
			return e
		}
	}
	return event{}
}

// write adds a text of the user.
func (k *talk) write(text string) {
	k.say(`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":` + quoted(text) + `}]}}`)
}

// ask has the model answer in text.
func (k *talk) ask(text, more string) {
	k.write(text)
	k.say(`{"type":"response.create","event_id":"ask-1","response":{"output_modalities":["text"]` + more + `}}`)
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// sound is so many milliseconds of speech, or of silence.
func sound(ms int, speech bool) string {
	sample := "\x00\x00"
	if speech {
		sample = "\x00\x20"
	}
	return `{"type":"input_audio_buffer.append","audio":"` + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(sample, ms*24))) + `"}`
}
