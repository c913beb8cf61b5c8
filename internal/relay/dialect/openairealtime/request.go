package openairealtime

import (
	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/usage"
)

// Act is what a client's message asks for.
type Act uint8

// The acts that matter to the relay.
const (
	OtherAct Act = iota
	Update       // session.update
	Respond      // response.create
)

// Request is a message of a client.
type Request struct {
	Act       Act
	Name      string       // the client's own name of the message, empty for none
	Model     Model        // of a session.update or a response.create
	MaxOutput usage.Tokens // of a session.update or a response.create
	Heard     Tally        // what it adds to the conversation
}

// Members of a message that are looked at.
const (
	memberType = iota
	memberEventID
	memberSession
	memberResponse
	memberItem
	memberAudio
	members
)

// ReadRequest reads a message of a client. It refuses what two readers could understand differently. Errors are apperr.
func ReadRequest(content body.Content) (Request, error) {
	src := content.Open()
	names := [members]string{"type", "event_id", "session", "response", "item", "audio"}
	var found [members]guard.Member
	if err := guard.Scan(src, names[:], found[:]); err != nil {
		return Request{}, apperr.New(apperr.InvalidRequest, "The message cannot be read: %s.", err)
	}
	var r Request
	heard := &r.Heard
	text := func(member int) string {
		m := &found[member]
		if m.Kind != guard.String || m.To-m.From > maxName {
			return ""
		}
		s, _ := guard.Unquote(src[m.From+1 : m.To-1])
		return s
	}
	r.Name = text(memberEventID)
	switch kind := text(memberType); kind {
	case "":
		return r, apperr.New(apperr.InvalidRequest, "The message has no type.").WithParam("type")
	case "input_audio_buffer.append":
		if m := &found[memberAudio]; m.Kind == guard.String {
			heard.Add(nil, m.To-m.From-2)
		}
	case "session.update":
		r.Act = Update
		err := r.settings(src, &found[memberSession])
		return r, err
	case "response.create":
		r.Act = Respond
		err := r.settings(src, &found[memberResponse])
		return r, err
	case "conversation.item.create":
		if m := &found[memberItem]; m.Kind == guard.Object {
			c := guard.NewCursor(src[m.From:m.To])
			readItem(&c, heard)
		}
	}
	return r, nil
}

// settings reads the object of a session.update or a response.create.
func (r *Request) settings(src []byte, m *guard.Member) error {
	heard := &r.Heard
	if m.Kind != guard.Object {
		return nil
	}
	part := src[m.From:m.To]
	var found [3]guard.Member
	if err := guard.Scan(part, []string{"model", "max_output_tokens", "max_response_output_tokens"}, found[:]); err != nil {
		return apperr.New(apperr.InvalidRequest, "The message cannot be read: %s.", err)
	}
	for i := range found[1:] { // an upstream knows one of the two: it may be either
		c := guard.NewCursor(part[found[i+1].From:found[i+1].To])
		if n := readBound(&c); n == Unbounded || r.MaxOutput != Unbounded && n > r.MaxOutput {
			r.MaxOutput = n
		}
	}
	c := guard.NewCursor(part)
	wire.Object(&c, func(key string) {
		switch key {
		case "model":
			r.Model.read(&c, m.From)
		case "instructions":
			heard.Add(wire.Text(&c), 0)
		case "tools":
			heard.Add(c.Raw(), 0)
		case "input":
			wire.List(&c, func() { readItem(&c, heard) })
		default:
			c.Skip()
		}
	})
	return nil
}

// readItem counts what an item adds to the conversation.
func readItem(c *guard.Cursor, heard *Tally) {
	wire.Object(c, func(key string) {
		switch key {
		case "output", "arguments", "name":
			heard.Add(wire.Text(c), 0)
		case "content":
			wire.List(c, func() {
				wire.Object(c, func(key string) {
					switch key {
					case "text":
						heard.Add(wire.Text(c), 0)
					case "audio":
						heard.Add(nil, len(wire.Text(c)))
					default:
						c.Skip()
					}
				})
			})
		default:
			c.Skip()
		}
	})
}
