package openaiaudio

import (
	"strings"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// tap reads along in a stream of speech or of a transcript.
type tap struct {
	audio    Audio
	request  *llm.Request
	meter    dialect.Meter
	end      transcript
	said     dialect.Said
	begun    bool
	finished bool
}

// NewTap implements dialect.Egress.
func (d Audio) NewTap(r *llm.Request, m dialect.Meter) dialect.Tap {
	return &tap{audio: d, request: r, meter: m}
}

// Event implements dialect.Tap. The event that says that all is said ends the stream: nothing that matters follows it.
func (t *tap) Event(data []byte) dialect.Seen {
	if string(data) == "[DONE]" {
		return dialect.Seen{Step: dialect.End}
	}
	kind, delta, failed, ok := look(data)
	switch {
	case !ok:
		return dialect.Seen{Step: dialect.Garbage}
	case failed || kind == "error":
		return dialect.Seen{Step: dialect.Failed}
	case strings.HasSuffix(kind, ".delta"), strings.HasSuffix(kind, ".segment"):
		t.begun = true
		t.said.Add(delta)
		return dialect.Seen{Content: true}
	case strings.HasSuffix(kind, ".done"):
		t.begun, t.finished = true, true
		c := guard.NewCursor(data)
		if t.request.Media.Path == Speech {
			t.end.report = speechReport(&c)
		} else {
			t.end.read(&c, t.meter)
		}
		return dialect.Seen{Step: dialect.End, Content: true}
	}
	return dialect.Seen{}
}

// look reads what an event is and, of a transcript, what it says.
func look(data []byte) (kind string, delta llm.Text, failed, ok bool) {
	c := guard.NewCursor(data)
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch {
		case string(k) == "type" && c.Kind() == guard.String:
			raw, _ := c.Text()
			kind = string(raw)
		case string(k) == "delta" && c.Kind() == guard.String:
			delta, _ = c.Text()
		case string(k) == "error" && c.Kind() == guard.Object:
			failed = true
			c.Skip()
		default:
			c.Skip()
		}
	}
	return kind, delta, failed, c.End()
}

func speechReport(c *guard.Cursor) (r openai.Report) {
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		if string(k) == "usage" && c.Kind() == guard.Object {
			r = openai.ReadReport(c, usage.InText, usage.OutAudio)
			continue
		}
		c.Skip()
	}
	return r
}

// Finish implements dialect.Tap.
func (t *tap) Finish() ([]byte, bool) { return nil, t.finished }

// Answer implements dialect.Tap.
func (t *tap) Answer() llm.Answer {
	a := llm.Answer{Reported: true, Finished: t.finished}
	if t.request.Media.Path == Speech {
		a.Counts = t.audio.spoken(t.request, t.meter, &t.end.report, t.begun)
		return a
	}
	end := t.end
	if !end.whole {
		end.said = t.said.Estimate(t.meter.Count)
	}
	a.Counts = t.audio.heard(t.request, t.meter, &end)
	return a
}

// EstimateOutput implements dialect.Tap: Answer knows it already.
func (*tap) EstimateOutput(dialect.Count) usage.Tokens { return 0 }

// Close implements dialect.Tap.
func (t *tap) Close() { *t = tap{} }
