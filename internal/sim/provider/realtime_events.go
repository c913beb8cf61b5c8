package provider

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"
)

// Sound is PCM of 16 bits at 24 kHz. A token is 100 ms of what is heard and 50 ms of what is said.
const (
	bytesPerMS      = 48
	heardTokenBytes = 100 * bytesPerMS
	saidTokenBytes  = 50 * bytesPerMS
	loud            = 500 // a sample beyond is speech
)

// voice follows who speaks, in bytes of sound since the session began.
type voice struct {
	heard    int
	speaking bool
	silence  int
	item     string
}

// realtimeItem is an item of a conversation.
type realtimeItem struct {
	ID        string         `json:"id"`
	Object    string         `json:"object,omitempty"`
	Type      string         `json:"type"`
	Status    string         `json:"status,omitempty"`
	Role      string         `json:"role,omitempty"`
	Content   []realtimePart `json:"content,omitempty"`
	CallID    string         `json:"call_id,omitempty"`
	Name      string         `json:"name,omitempty"`
	Arguments string         `json:"arguments,omitempty"`
	Output    string         `json:"output,omitempty"`

	sound int // bytes of it
}

type realtimePart struct {
	Type       string `json:"type"`
	Text       string `json:"text,omitempty"`
	Transcript string `json:"transcript,omitempty"`
	Audio      string `json:"audio,omitempty"`
}

// realtimeEvent is what a client sends.
type realtimeEvent struct {
	Type         string           `json:"type"`
	EventID      string           `json:"event_id"`
	Session      map[string]any   `json:"session"`
	Item         *realtimeItem    `json:"item"`
	ItemID       string           `json:"item_id"`
	Previous     *string          `json:"previous_item_id"`
	ContentIndex int              `json:"content_index"`
	AudioEndMS   int              `json:"audio_end_ms"`
	Audio        string           `json:"audio"`
	Response     realtimeSettings `json:"response"`
	ResponseID   string           `json:"response_id"`
}

// take acts on an event of the client.
func (rs *realtimeSession) take(raw []byte) {
	var e realtimeEvent
	if json.Unmarshal(raw, &e) != nil {
		rs.refuse("", newError(0, invalidRequest, "invalid_json", "", "The event could not be parsed as JSON."))
		return
	}
	var refused *apiError
	switch e.Type {
	case "session.update":
		refused = rs.update(e.Session)
	case "conversation.item.create":
		refused = rs.create(e.Item, e.Previous)
	case "conversation.item.delete", "conversation.item.retrieve", "conversation.item.truncate":
		refused = rs.revise(&e)
	case "input_audio_buffer.append":
		refused = rs.hear(e.Audio)
	case "input_audio_buffer.commit":
		if rs.empty() {
			refused = badParam("", "input_audio_buffer_commit_empty", "Error committing input audio buffer: buffer too small.")
			break
		}
		rs.commit()
	case "input_audio_buffer.clear":
		rs.mu.Lock()
		rs.buffer, rs.speech.speaking = nil, false
		rs.mu.Unlock()
		rs.send("input_audio_buffer.cleared", map[string]any{})
	case "response.create":
		refused = rs.respond(&e.Response)
	case "response.cancel":
		refused = rs.cancel(e.ResponseID, "client_cancelled")
	case "":
		refused = badParam("type", "missing_required_parameter", "Missing required parameter: 'type'.")
	default:
		refused = badParam("type", "invalid_value", "Invalid value: '%s'.", e.Type)
	}
	if refused != nil {
		rs.refuse(e.EventID, refused)
	}
}

func (rs *realtimeSession) update(members map[string]any) *apiError {
	if model, ok := members["model"].(string); ok && model != rs.c.model {
		return badParam("session.model", "invalid_value", "The model of a session cannot be changed.")
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	merge(rs.shown, members)
	set := rs.settings()
	if _, err := set.limit(); err != nil {
		return badParam("session.max_output_tokens", "invalid_value", "Invalid 'session.max_output_tokens': %s.", err)
	}
	rs.set = set
	rs.send("session.updated", map[string]any{"session": rs.shown})
	return nil
}

// create adds an item that the client brings.
func (rs *realtimeSession) create(item *realtimeItem, previous *string) *apiError {
	if item == nil {
		return badParam("item", "missing_required_parameter", "Missing required parameter: 'item'.")
	}
	if e := item.check("item"); e != nil {
		return e
	}
	if item.ID == "" {
		item.ID = rs.server.newID("item_")[:26]
	}
	item.Object, item.Status = "realtime.item", "completed"
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.find(item.ID) >= 0 {
		return badParam("item.id", "item_already_exists", "An item with this id exists already.")
	}
	if previous != nil && *previous != "root" && rs.find(*previous) < 0 {
		return badParam("previous_item_id", "item_not_found", "There is no item with the id of 'previous_item_id'.")
	}
	rs.add(item)
	return nil
}

// check reads the sound in an item, and refuses what is none.
func (it *realtimeItem) check(path string) *apiError {
	switch it.Type {
	case "message":
		if !slices.Contains([]string{"user", "assistant", "system"}, it.Role) {
			return badParam(path+".role", "invalid_value", "Invalid value: '%s'.", it.Role)
		}
	case itemCall, itemCall + "_output":
		if it.CallID == "" {
			return badParam(path+".call_id", "missing_required_parameter", "Missing required parameter: '%s.call_id'.", path)
		}
	default:
		return badParam(path+".type", "invalid_value", "Invalid value: '%s'.", it.Type)
	}
	for i := range it.Content {
		p := &it.Content[i]
		if p.Type != "input_audio" {
			continue
		}
		sound, err := base64.StdEncoding.DecodeString(p.Audio)
		if err != nil {
			return badParam(path+".content", "invalid_value", "Invalid 'audio': it is not base64.")
		}
		it.sound += len(sound)
		p.Audio = "" // it is not told again
	}
	return nil
}

// add appends an item to the conversation and tells it. The caller holds the lock.
func (rs *realtimeSession) add(item *realtimeItem) {
	members := map[string]any{"item": item, "previous_item_id": nil}
	if n := len(rs.items); n > 0 {
		members["previous_item_id"] = rs.items[n-1].ID
	}
	rs.items = append(rs.items, item)
	rs.send("conversation.item.added", members)
	if !rs.beta && item.Status == "completed" {
		rs.send("conversation.item.done", members)
	}
}

// find gives the place of an item, -1 if there is none. The caller holds the lock.
func (rs *realtimeSession) find(id string) int {
	return slices.IndexFunc(rs.items, func(it *realtimeItem) bool { return it.ID == id })
}

func (rs *realtimeSession) revise(e *realtimeEvent) *apiError {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	at := rs.find(e.ItemID)
	if at < 0 {
		return badParam("item_id", "item_not_found", "There is no item with this id.")
	}
	switch e.Type {
	case "conversation.item.delete":
		rs.items = slices.Delete(rs.items, at, at+1)
		rs.send("conversation.item.deleted", map[string]any{"item_id": e.ItemID})
	case "conversation.item.retrieve":
		rs.send("conversation.item.retrieved", map[string]any{"item": rs.items[at]})
	default:
		rs.items[at].sound = min(rs.items[at].sound, e.AudioEndMS*bytesPerMS)
		rs.send("conversation.item.truncated", map[string]any{"item_id": e.ItemID, "content_index": e.ContentIndex, "audio_end_ms": e.AudioEndMS})
	}
	return nil
}

func (rs *realtimeSession) empty() bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return len(rs.buffer) < heardTokenBytes
}

// hear takes sound, and notices by its loudness when the user begins and ends to speak, if it is to.
func (rs *realtimeSession) hear(audio string) *apiError {
	sound, err := base64.StdEncoding.DecodeString(audio)
	if err != nil || audio == "" {
		return badParam("audio", "invalid_value", "Invalid 'audio'. Expected base64-encoded audio bytes.")
	}
	rs.mu.Lock()
	rs.buffer = append(rs.buffer, sound...)
	vad, v := rs.set.vad(), &rs.speech
	v.heard += len(sound)
	speaks := false
	for i := 0; i+1 < len(sound) && !speaks; i += 2 {
		sample := int16(binary.LittleEndian.Uint16(sound[i:]))
		speaks = sample > loud || sample < -loud
	}
	began := vad != nil && speaks && !v.speaking
	if began {
		v.speaking, v.item = true, rs.server.newID("item_")[:26]
		rs.send("input_audio_buffer.speech_started", map[string]any{"audio_start_ms": (v.heard - len(sound)) / bytesPerMS, "item_id": v.item})
	}
	if v.silence += len(sound); speaks {
		v.silence = 0
	}
	ended := vad != nil && v.speaking && v.silence >= vad.SilenceMS*bytesPerMS
	if ended {
		v.speaking, v.silence = false, 0
		rs.send("input_audio_buffer.speech_stopped", map[string]any{"audio_end_ms": v.heard / bytesPerMS, "item_id": v.item})
	}
	rs.mu.Unlock()
	if began && vad.InterruptResponse {
		_ = rs.cancel("", "turn_detected") // there may be none
	}
	if ended {
		rs.commit()
		if vad.CreateResponse {
			_ = rs.respond(&realtimeSettings{}) // one that goes on is not interrupted
		}
	}
	return nil
}

// commit makes an item of the sound so far.
func (rs *realtimeSession) commit() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	item := &realtimeItem{
		ID: rs.speech.item, Object: "realtime.item", Type: "message", Status: "completed", Role: "user", sound: len(rs.buffer),
		Content: []realtimePart{{Type: "input_audio"}},
	}
	if item.ID == "" {
		item.ID = rs.server.newID("item_")[:26]
	}
	rs.buffer, rs.speech.item = nil, ""
	previous := any(nil)
	if n := len(rs.items); n > 0 {
		previous = rs.items[n-1].ID
	}
	rs.send("input_audio_buffer.committed", map[string]any{"item_id": item.ID, "previous_item_id": previous})
	rs.add(item)
	if t := rs.set.transcribe(); t != nil {
		rs.writeDown(item, t.Model)
	}
}

// writeDown tells what was said: a word for each second.
func (rs *realtimeSession) writeDown(item *realtimeItem, model string) {
	ms := item.sound / bytesPerMS
	words := generated(rs.server.words, newRandom(rs.server.cfg.Seed, uint64(item.sound)), max(1, ms/1000))
	text := ""
	for _, w := range words {
		text += w
	}
	item.Content[0].Transcript = text
	cost := map[string]any{"type": "duration", "seconds": float64(ms) / 1000}
	if model != "whisper-1" {
		in, out := max(1, item.sound/heardTokenBytes), len(words)
		cost = map[string]any{
			"type": "tokens", "total_tokens": in + out, "input_tokens": in, "output_tokens": out,
			"input_token_details": map[string]any{"text_tokens": 0, "audio_tokens": in},
		}
	}
	rs.send("conversation.item.input_audio_transcription.completed", map[string]any{
		"item_id": item.ID, "content_index": 0, "transcript": text, "usage": cost,
	})
}
