package openairealtime

import (
	"bytes"
	"strconv"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Kind is what an event of an upstream tells.
type Kind uint8

// The kinds that matter to the relay.
const (
	Other       Kind = iota
	Session          // session.created, session.updated
	Created          // a response begins
	Said             // a piece of one
	Done             // a response is over
	Transcribed      // a turn of the user was written down
	Failed           // an error
	Limits           // limits of the account, which are not the client's
)

// Event is an event of an upstream.
type Event struct {
	Kind      Kind
	Model     Model        // of a Session
	MaxOutput usage.Tokens // of a Session
	Formats   Formats      // of a Session, or of a response that is Created
	Response  string       // id of the response
	Status    Status       // of a response that is Done
	Text      llm.Text     // of what was Said, as it stands in its string; valid as long as the content
	Audio     int          // likewise, characters of sound in base64
	About     string       // of a Failed: the client's name of the message that it is about, empty for none
	Refuses   bool         // a Failed that names no message is about a response that was asked for
	Counts    usage.Counts
	Reported  bool // Counts says something
}

// Status is how a response ended.
type Status uint8

// The ways.
const (
	Whole   Status = iota // completed, incomplete, cancelled
	Useless               // failed
)

// maxID bounds the ids of responses, in bytes; what is longer is none.
const maxID = 128

// ReadEvent reads an event of an upstream. What it cannot read is of kind Other.
func ReadEvent(content body.Content) Event {
	src := content.Open()
	c := guard.NewCursor(src)
	var kind, session, response, measured, failure []byte
	var delta, id llm.Text
	var sessionAt int
	wire.Object(&c, func(key string) {
		switch key {
		case "type":
			kind = wire.Text(&c)
		case "response_id":
			id = wire.Text(&c)
		case "delta":
			delta = wire.Text(&c)
		case "session":
			sessionAt = c.At()
			session = c.Raw()
		case "response":
			response = c.Raw()
		case "usage":
			measured = c.Raw()
		case "error":
			failure = c.Raw()
		default:
			c.Skip()
		}
	})
	if c.Bad() {
		return Event{}
	}
	var e Event
	switch string(kind) {
	case "session.created", "session.updated":
		e.Kind = Session
		e.readSession(session, sessionAt)
	case "response.created":
		e.Kind = Created
		e.readResponse(response)
	case "response.done":
		e.Kind = Done
		e.readResponse(response)
	case "response.output_audio.delta", "response.audio.delta":
		e.Kind, e.Response, e.Audio = Said, name(id), len(delta)
	case "response.output_text.delta", "response.text.delta", "response.output_audio_transcript.delta",
		"response.audio_transcript.delta", "response.function_call_arguments.delta":
		e.Kind, e.Response, e.Text = Said, name(id), delta
	case "conversation.item.input_audio_transcription.completed":
		e.Kind = Transcribed
		m := guard.NewCursor(measured)
		e.Counts, e.Reported = readUsage(&m)
	case "error":
		e.Kind = Failed
		e.readFailure(failure)
	case "rate_limits.updated":
		e.Kind = Limits
	}
	return e
}

func name(t llm.Text) string {
	if len(t) > maxID {
		return ""
	}
	return string(t)
}

func (e *Event) readFailure(src []byte) {
	c := guard.NewCursor(src)
	wire.Object(&c, func(key string) {
		switch key {
		case "event_id":
			e.About, _ = guard.Unquote(wire.Text(&c))
		case "param":
			e.Refuses = e.Refuses || bytes.HasPrefix(wire.Text(&c), []byte("response"))
		case "code":
			e.Refuses = e.Refuses || string(wire.Text(&c)) == "conversation_already_has_active_response"
		default:
			c.Skip()
		}
	})
}

func (e *Event) readSession(src []byte, at int) {
	c := guard.NewCursor(src)
	wire.Object(&c, func(key string) {
		switch key {
		case "model":
			e.Model.read(&c, at)
		case "max_output_tokens", "max_response_output_tokens":
			e.MaxOutput = readBound(&c)
		default:
			if !e.Formats.read(&c, key) {
				c.Skip()
			}
		}
	})
}

func (e *Event) readResponse(src []byte) {
	c := guard.NewCursor(src)
	wire.Object(&c, func(key string) {
		switch key {
		case "id":
			e.Response = name(wire.Text(&c))
		case "status":
			if string(wire.Text(&c)) == "failed" {
				e.Status = Useless
			}
		case "usage":
			e.Counts, e.Reported = readUsage(&c)
		default:
			if !e.Formats.read(&c, key) {
				c.Skip()
			}
		}
	})
}

// details are tokens of a total by what they are of.
type details struct{ text, audio, image, cached int64 }

// readUsage reads a usage at the cursor into the classes. False if it says nothing that can be billed.
func readUsage(c *guard.Cursor) (counts usage.Counts, ok bool) {
	if c.Kind() != guard.Object {
		c.Skip()
		return counts, false
	}
	var input, output int64
	var in, cached, out details
	broken := false
	read := func(into *int64) {
		if c.Kind() == guard.Null {
			c.Skip()
			return
		}
		v, ok := c.Int(maxTokens)
		if *into = v; !ok {
			broken = true
		}
	}
	var part func(into *details)
	part = func(into *details) {
		wire.Object(c, func(key string) {
			switch key {
			case "text_tokens":
				read(&into.text)
			case "audio_tokens":
				read(&into.audio)
			case "image_tokens":
				read(&into.image)
			case "cached_tokens":
				read(&into.cached)
			case "cached_tokens_details":
				part(&cached)
			default:
				c.Skip()
			}
		})
	}
	seconds := 0.0
	wire.Object(c, func(key string) {
		switch key {
		case "input_tokens":
			read(&input)
		case "output_tokens":
			read(&output)
		case "input_token_details":
			part(&in)
		case "output_token_details":
			part(&out)
		case "seconds": // a transcription by a model that counts no tokens
			seconds, _ = strconv.ParseFloat(string(wire.Number(c)), 64)
		default:
			c.Skip()
		}
	})
	switch {
	case c.Bad() || broken:
		return counts, false
	case input+output == 0 && seconds > 0 && seconds < maxTokens/tokensPerHear:
		counts.Set(usage.InAudio, int64(seconds*tokensPerHear)+1, usage.Derived)
	case input+output == 0:
		return counts, false
	default:
		setInput(&counts, input, in, cached)
		audio := min(out.audio, output)
		set(&counts, usage.OutAudio, audio, usage.Reported)
		set(&counts, usage.OutText, output-audio, provenance(audio > 0))
	}
	return counts, true
}

// setInput splits a prompt into what came from a cache and the rest by kind. The parts make the whole, whatever was reported.
func setInput(counts *usage.Counts, input int64, in, cached details) {
	hit := min(in.cached, input)
	// A cache whose kinds are not told is text first.
	if cached.text+cached.audio+cached.image != hit {
		cached.text = min(hit, in.text)
		cached.audio = min(hit-cached.text, in.audio)
		cached.image = hit - cached.text - cached.audio
	}
	rest := input - hit
	audio := min(max(in.audio-cached.audio, 0), rest)
	image := min(max(in.image-cached.image, 0), rest-audio)
	set(counts, usage.InCached, hit, usage.Reported)
	set(counts, usage.InAudio, audio, provenance(cached.audio > 0))
	set(counts, usage.InImage, image, provenance(cached.image > 0))
	set(counts, usage.InText, rest-audio-image, provenance(rest-audio-image != input))
}

func set(counts *usage.Counts, class usage.Class, n int64, from usage.Provenance) {
	if n > 0 {
		counts.Set(class, n, from)
	}
}

func provenance(derived bool) usage.Provenance {
	if derived {
		return usage.Derived
	}
	return usage.Reported
}
