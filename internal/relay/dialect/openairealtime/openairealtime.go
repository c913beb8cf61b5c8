// Package openairealtime reads along in sessions of the OpenAI Realtime API: the few members of a message that the relay needs,
// the rest is skipped over and passes as it is. It knows the events of the API and those of its beta.
package openairealtime

import (
	"bytes"
	"net/http"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/id"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Unbounded is a bound on an answer that says "as long as you like". Zero is none said.
const Unbounded usage.Tokens = -1

// maxTokens bounds a reported count: what is larger is a broken report.
const maxTokens = 1_000_000_000

// maxName bounds the names that a client gives its messages, in bytes.
const maxName = 512

// Model is a model's name in a message.
type Model struct {
	llm.Span        // quotes included; empty if the message names none
	Name     string // as it is meant
}

// Renamed gives the message with another model's name in its place.
func (m Model) Renamed(c body.Content, name string) body.Message {
	if m.From == m.To {
		return c.Edited()
	}
	quoted := append(wire.Escape([]byte{'"'}, name), '"')
	return c.Edited(body.Edit{From: m.From, To: m.To, Text: string(quoted)})
}

// read notes the model's name at the cursor, which reads a part of a message that begins at base.
func (m *Model) read(c *guard.Cursor, base int) {
	if c.Kind() != guard.String {
		c.Skip()
		return
	}
	from := base + c.At()
	raw := wire.Text(c)
	m.Span = llm.Span{From: from, To: from + len(raw) + len(`""`)}
	m.Name, _ = guard.Unquote(raw)
}

// readBound reads a bound on an answer at the cursor.
func readBound(c *guard.Cursor) usage.Tokens {
	switch c.Kind() {
	case guard.Number:
		if n, ok := c.Int(maxTokens); ok && n > 0 {
			return n
		}
		return Unbounded
	case guard.String, guard.Null:
		c.Skip()
		return Unbounded
	default:
		c.Skip()
		return 0
	}
}

// ReadFault classifies an upstream's refusal of a handshake.
func ReadFault(status int, h http.Header, c body.Content) *llm.Fault {
	f := openai.ReadFault(status, h, c)
	f.Answer.Release()
	f.Answer = body.Content{}
	return f
}

// AppendError renders an error event. about is the client's own name of the message that it is about, empty for none.
func AppendError(dst []byte, e *apperr.Error, about, requestID string) []byte {
	object := openai.AppendError(nil, e, requestID) // {"error":{…}}
	var b wire.Builder
	b.Open('{')
	b.Key("type")
	b.String("error")
	b.Key("event_id")
	b.String("event_" + id.New().String())
	b.Key("error")
	b.Open('{')
	b.Key("event_id")
	if about == "" {
		b.Null()
	} else {
		b.String(about)
	}
	b.B = append(b.B, ',')
	b.B = append(b.B, bytes.TrimPrefix(object, []byte(`{"error":{`))...)
	return append(dst, b.B...)
}

// AppendCancel renders the client's event that ends a response.
func AppendCancel(dst []byte, response string) []byte {
	b := wire.Builder{B: dst}
	b.Open('{')
	b.Key("type")
	b.String("response.cancel")
	b.Key("response_id")
	b.String(response)
	b.Close('}')
	return b.B
}
