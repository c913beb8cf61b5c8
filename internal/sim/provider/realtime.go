package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/coder/websocket"
)

// ModelRealtime is the model of realtime sessions.
const ModelRealtime = "demo-realtime"

// maxEvent bounds an event of a client in bytes.
const maxEvent = 16 << 20

// realtimeWire is OpenAI's wire around a websocket: browsers, which cannot set headers, put the key into a subprotocol.
type realtimeWire struct{ openAI }

func (v realtimeWire) key(r *http.Request) (string, *apiError) {
	for p := range strings.SplitSeq(r.Header.Get("Sec-Websocket-Protocol"), ",") {
		if key, ok := strings.CutPrefix(strings.TrimSpace(p), "openai-insecure-api-key."); ok {
			return key, nil
		}
	}
	return v.openAI.key(r)
}

func (s *Server) realtime() {
	byModel := func(c *call) string { return c.r.URL.Query().Get("model") }
	s.mux.HandleFunc("GET /v1/realtime", s.api(realtimeWire{}, s.session(byModel)))
	s.mux.HandleFunc("GET /openai/v1/realtime", s.api(azure{}, s.session(byModel)))
	s.mux.HandleFunc("GET /openai/realtime", s.api(azure{}, func(c *call) *apiError {
		if !azureVersion.MatchString(c.r.URL.Query().Get("api-version")) {
			return newError(http.StatusNotFound, "", "404", "", "Resource not found")
		}
		return s.session(func(c *call) string { return c.r.URL.Query().Get("deployment") })(c)
	}))
}

// session serves a websocket on a model.
func (s *Server) session(model func(*call) string) func(*call) *apiError {
	return func(c *call) *apiError {
		c.model, c.stream = model(c), true
		if c.model == "" {
			return badParam("model", "missing_model", "You must provide a model parameter.")
		}
		fault, hit := s.pickFault(c, nil)
		if hit {
			if done, e := s.early(c, fault); done {
				return e
			}
		}
		if c.model != ModelRealtime {
			return errModel(c.model)
		}
		conn, err := websocket.Accept(c.w, c.r, &websocket.AcceptOptions{Subprotocols: []string{"realtime"}, InsecureSkipVerify: true})
		if err != nil {
			return nil //nolint:nilerr // the library has answered
		}
		conn.SetReadLimit(maxEvent)
		c.status = http.StatusSwitchingProtocols
		rs := newRealtimeSession(s, c, conn, fault)
		c.settle(rs.serve())
		c.usage = rs.spent
		return nil
	}
}

// realtimeSession is one conversation. What a response changes is guarded by mu; events leave one by one.
type realtimeSession struct {
	server *Server
	c      *call
	conn   *websocket.Conn
	beta   bool
	fault  Rule

	mu       sync.Mutex
	shown    map[string]any // the session as clients see it
	set      realtimeSettings
	items    []*realtimeItem
	buffer   []byte // of sound that is not committed
	speech   voice
	active   *realtimeResponse // of the conversation
	prior    realtimeCounts    // of the last prompt: what a cache holds
	spent    tokenUsage
	answers  sync.WaitGroup
	ctx      context.Context // of the connection
	hangUp   context.CancelFunc
	brokenBy error
}

func newRealtimeSession(s *Server, c *call, conn *websocket.Conn, fault Rule) *realtimeSession {
	rs := &realtimeSession{
		server: s, c: c, conn: conn, fault: fault,
		beta: c.r.Header.Get("Openai-Beta") == "realtime=v1" || strings.Contains(c.r.Header.Get("Sec-Websocket-Protocol"), "openai-beta.realtime-v1"),
	}
	rs.shown = rs.defaults()
	rs.set = rs.settings()
	return rs
}

// serve reads events until either side is gone.
func (rs *realtimeSession) serve() error {
	rs.ctx, rs.hangUp = context.WithCancel(rs.c.r.Context())
	defer rs.answers.Wait()
	defer rs.hangUp()
	defer func() { _ = rs.conn.CloseNow() }() // nobody is there to hear more
	rs.send("session.created", map[string]any{"session": rs.shown})
	for {
		kind, raw, err := rs.conn.Read(rs.ctx)
		switch {
		case rs.cut() != nil:
			return rs.cut()
		case websocket.CloseStatus(err) != -1:
			return nil
		case err != nil:
			return errGone
		case kind != websocket.MessageText:
			_ = rs.conn.Close(websocket.StatusUnsupportedData, "text only") // either way it is over
			return nil
		}
		rs.take(raw)
	}
}

func (rs *realtimeSession) cut() error {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.brokenBy
}

// breakOff ends the connection without a word.
func (rs *realtimeSession) breakOff() {
	rs.mu.Lock()
	rs.brokenBy = errCut
	rs.mu.Unlock()
	_ = rs.conn.CloseNow() // that is what is wanted
}

// send writes an event. A client that is gone is noticed where it is read.
func (rs *realtimeSession) send(kind string, members map[string]any) {
	members["type"], members["event_id"] = rs.named(kind), rs.server.newID("event_")[:27]
	raw, err := json.Marshal(members)
	if err == nil {
		_ = rs.conn.Write(rs.ctx, websocket.MessageText, raw) // see above
	}
}

// named gives the event's name in the API's beta, where that is what the client asked for.
func (rs *realtimeSession) named(kind string) string {
	if !rs.beta {
		return kind
	}
	switch kind {
	case "conversation.item.added":
		return "conversation.item.created"
	default:
		return strings.Replace(strings.Replace(kind, "response.output_text", "response.text", 1), "response.output_audio", "response.audio", 1)
	}
}

func (rs *realtimeSession) refuse(about string, e *apiError) {
	rs.send("error", map[string]any{"error": map[string]any{
		"type": e.Type, "code": e.Code, "message": e.Message, "param": e.Param, "event_id": orNull(about),
	}})
}

// defaults is a session as it begins.
func (rs *realtimeSession) defaults() map[string]any {
	vad := map[string]any{
		"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200, "idle_timeout_ms": nil,
		"create_response": true, "interrupt_response": true,
	}
	out := map[string]any{
		"object": "realtime.session", "id": rs.server.newID("sess_")[:29], "model": rs.c.model, "instructions": "", "tools": []any{}, "tool_choice": "auto",
		"expires_at": rs.server.cfg.Clock.Now().Unix() + 3600, "tracing": nil, "prompt": nil,
	}
	if rs.beta {
		out["modalities"], out["voice"], out["max_response_output_tokens"] = []any{"text", "audio"}, "alloy", "inf"
		out["input_audio_format"], out["output_audio_format"], out["temperature"] = "pcm16", "pcm16", 0.8
		out["turn_detection"], out["input_audio_transcription"] = vad, nil
		return out
	}
	pcm := map[string]any{"type": "audio/pcm", "rate": 24000}
	out["type"], out["output_modalities"], out["max_output_tokens"], out["truncation"] = "realtime", []any{"audio"}, "inf", "auto"
	out["audio"] = map[string]any{
		"input":  map[string]any{"format": pcm, "transcription": nil, "noise_reduction": nil, "turn_detection": vad},
		"output": map[string]any{"format": pcm, "voice": "alloy", "speed": 1.0},
	}
	return out
}

type realtimeVAD struct {
	SilenceMS         int  `json:"silence_duration_ms"`
	CreateResponse    bool `json:"create_response"`
	InterruptResponse bool `json:"interrupt_response"`
}

type transcription struct {
	Model string `json:"model"`
}

// realtimeSettings is the part of a session, or of one response, that the simulator acts on.
type realtimeSettings struct {
	Model        string            `json:"model"`
	Instructions string            `json:"instructions"`
	Output       []string          `json:"output_modalities"`
	Modalities   []string          `json:"modalities"` // of the beta
	Tools        []responseTool    `json:"tools"`
	ToolChoice   json.RawMessage   `json:"tool_choice"`
	Max          json.RawMessage   `json:"max_output_tokens"`
	MaxBeta      json.RawMessage   `json:"max_response_output_tokens"`
	Metadata     map[string]string `json:"metadata"`
	Conversation string            `json:"conversation"`
	Input        []*realtimeItem   `json:"input"`
	Audio        struct {
		Input struct {
			VAD        *realtimeVAD   `json:"turn_detection"`
			Transcribe *transcription `json:"transcription"`
		} `json:"input"`
	} `json:"audio"`
	VADBeta        *realtimeVAD   `json:"turn_detection"`
	TranscribeBeta *transcription `json:"input_audio_transcription"`
}

func (rs *realtimeSession) settings() (set realtimeSettings) {
	raw, err := json.Marshal(rs.shown)
	if err == nil {
		err = json.Unmarshal(raw, &set)
	}
	if err != nil {
		return rs.set // what cannot be read changes nothing
	}
	return set
}

func (t *realtimeSettings) vad() *realtimeVAD {
	if t.VADBeta != nil {
		return t.VADBeta
	}
	return t.Audio.Input.VAD
}

func (t *realtimeSettings) transcribe() *transcription {
	if t.TranscribeBeta != nil {
		return t.TranscribeBeta
	}
	return t.Audio.Input.Transcribe
}

// limit is the bound on one answer in tokens, zero for none.
func (t *realtimeSettings) limit() (n int, err error) {
	for _, raw := range []json.RawMessage{t.Max, t.MaxBeta} {
		if jsonType(raw) == "integer" {
			if err := json.Unmarshal(raw, &n); err != nil || n < 1 || n > 4096 {
				return 0, errors.New("it must be between 1 and 4096, or \"inf\"")
			}
		}
	}
	return n, nil
}

// speaks says whether answers are sound.
func (t *realtimeSettings) speaks() bool {
	all := append(append([]string{}, t.Output...), t.Modalities...)
	for _, m := range all {
		if m == "audio" {
			return true
		}
	}
	return len(all) == 0
}

// merge puts members over those that are there; objects are merged, all else is replaced.
func merge(into, from map[string]any) {
	for k, v := range from {
		if object, ok := v.(map[string]any); ok {
			if there, ok := into[k].(map[string]any); ok {
				merge(there, object)
				continue
			}
		}
		into[k] = v
	}
}
