package openaiimages

import (
	"strings"

	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// tap reads along in a stream of pictures.
type tap struct {
	images  Images
	request *llm.Request
	meter   dialect.Meter
	report  openai.Report // the sum of all
	made    int64
	shown   int64 // parts since the last picture was finished
}

// NewTap implements dialect.Egress.
func (d Images) NewTap(r *llm.Request, m dialect.Meter) dialect.Tap {
	return &tap{images: d, request: r, meter: m}
}

// Event implements dialect.Tap. The last picture ends the stream: nothing that matters follows it.
func (t *tap) Event(data []byte) dialect.Seen {
	if string(data) == "[DONE]" {
		return dialect.Seen{Step: dialect.End}
	}
	var kind string
	var failed bool
	var report openai.Report
	c := guard.NewCursor(data)
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch {
		case string(k) == "type" && c.Kind() == guard.String:
			raw, _ := c.Text()
			kind = string(raw)
		case string(k) == "usage" && c.Kind() == guard.Object:
			report = openai.ReadReport(&c, usage.InText, usage.OutImage)
		case string(k) == "error" && c.Kind() == guard.Object:
			failed = true
			c.Skip()
		default:
			c.Skip()
		}
	}
	switch {
	case !c.End():
		return dialect.Seen{Step: dialect.Garbage}
	case failed || kind == "error":
		return dialect.Seen{Step: dialect.Failed}
	case strings.HasSuffix(kind, ".partial_image"):
		t.shown++
		return dialect.Seen{Content: true}
	case strings.HasSuffix(kind, ".completed"):
		t.made, t.shown = t.made+1, 0
		t.report.Tokens = report.Tokens && (t.made == 1 || t.report.Tokens)
		t.report.Counts.Add(&report.Counts)
		if t.made == t.request.Choices {
			return dialect.Seen{Step: dialect.End, Content: true}
		}
		return dialect.Seen{Content: true}
	}
	return dialect.Seen{}
}

// Finish implements dialect.Tap.
func (t *tap) Finish() ([]byte, bool) { return nil, t.made > 0 }

// Answer implements dialect.Tap.
func (t *tap) Answer() llm.Answer {
	return llm.Answer{Counts: t.images.bill(t.request, t.meter, &t.report, t.made, t.shown), Reported: true, Finished: t.made > 0}
}

// EstimateOutput implements dialect.Tap: Answer knows it already.
func (*tap) EstimateOutput(dialect.Count) usage.Tokens { return 0 }

// Close implements dialect.Tap.
func (t *tap) Close() { *t = tap{} }
