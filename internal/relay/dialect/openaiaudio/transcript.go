package openaiaudio

import (
	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// What a second of a recording costs in tokens, for models that are paid by tokens.
const (
	heardPerSecond     = 10
	mostHeardPerSecond = 20
	mostSaidPerSecond  = 12
)

const (
	_ = iota // the model, as for speech
	prompt
	stream
	responseFormat
	elsewhere        // where vendors take recordings from beside the file
	recordingMembers = elsewhere + 3
)

func (in Ingress) decodeRecording(c body.Content) (*llm.Request, error) {
	f, err := openai.ReadFields(c, in.Type, []string{"model", "prompt", "stream", "response_format", "url", "file_url", "file_id"}[:recordingMembers])
	if err != nil {
		return nil, err //nolint:wrapcheck // an apperr for the client
	}
	for at := elsewhere; at < recordingMembers; at++ {
		if other, err := f.Text(at); other != "" || err != nil {
			return nil, apperr.New(apperr.UnsupportedParam, "The recording has to come as a file: how long it is cannot be told of another.")
		}
	}
	files := f.Files("file")
	if len(files) != 1 {
		return nil, apperr.New(apperr.InvalidRequest, "You must provide one file, in a form (multipart/form-data).").WithParam("file")
	}
	m := &llm.MediaCall{Path: in.At}
	r, err := f.Request(c, m)
	if err != nil {
		return nil, err //nolint:wrapcheck // likewise
	}
	if m.Text, _, err = f.Span(prompt); err != nil {
		return nil, err //nolint:wrapcheck // likewise
	}
	if r.Stream, err = f.Bool(stream); err != nil {
		return nil, err //nolint:wrapcheck // likewise
	}
	form, err := f.Text(responseFormat)
	switch form {
	case "text", "srt", "vtt":
		m.Answer = llm.Lines
	}
	m.Seconds, m.MostSeconds, m.Header = length(c.Open()[files[0].From:files[0].To])
	return r, err //nolint:wrapcheck // likewise
}

func waysToHear(r *llm.Request) []llm.Way {
	m := r.Media
	var seconds, tokens usage.Counts
	seconds.Set(usage.AudioSecond, m.MostSeconds, usage.Estimated)
	tokens.Set(usage.InAudio, m.MostSeconds*mostHeardPerSecond+int64(m.Text.To-m.Text.From), usage.Estimated)
	tokens.Set(usage.OutText, m.MostSeconds*mostSaidPerSecond, usage.Estimated)
	return []llm.Way{
		{Most: seconds, Class: usage.AudioSecond, Owed: m.Seconds},
		{Most: tokens, Class: usage.InAudio, Owed: m.Seconds * heardPerSecond},
	}
}

// transcript is what an answer says of itself.
type transcript struct {
	report openai.Report
	said   usage.Tokens // by our own count
	last   int64        // when the last of it was said, in seconds; 0 if it does not say
	whole  bool         // it has its text
}

// read reads a JSON object that holds a transcript, or the end of one. False if it is none.
func (t *transcript) read(c *guard.Cursor, m dialect.Meter) bool {
	var length int64
	var timed bool
	for k, ok := c.Object(); ok; k, ok = c.Next() {
		switch {
		case string(k) == "usage" && c.Kind() == guard.Object:
			t.report = openai.ReadReport(c, usage.InAudio, usage.OutText)
		case string(k) == "duration":
			length, timed = openai.ReadSeconds(c)
		case string(k) == "text" && c.Kind() == guard.String:
			raw, _ := c.Text()
			t.said, t.whole = dialect.CountEscaped(raw, len(raw), m.Count), true
		default:
			c.Skip()
		}
	}
	if timed && !t.report.Timed {
		t.report.Timed, t.report.Seconds = true, length
	}
	return c.End()
}

// least is how long it takes at least to say what was said: whoever records may say less in the header.
func (t *transcript) least() int64 {
	if t.last > 0 {
		return t.last
	}
	return up(t.said, mostSaidPerSecond)
}

// heard says what is paid for: the tokens that were reported, or else seconds, or else tokens by our own count; whichever the
// model has prices for.
func (d Audio) heard(r *llm.Request, m dialect.Meter, t *transcript) (counts usage.Counts) {
	seconds, from := r.Media.Seconds, usage.Estimated
	switch {
	case t.report.Timed:
		seconds, from = t.report.Seconds, usage.Reported
	case r.Media.Header:
		from = usage.Derived
	default:
		seconds = min(max(seconds, t.least()), r.Media.MostSeconds)
	}
	switch {
	case t.report.Tokens && m.Priced(usage.InAudio) && m.Priced(usage.OutText):
		counts = t.report.Counts
		openai.Fold(&counts, usage.InText, usage.InAudio, m)
	case m.Priced(usage.AudioSecond):
		counts.Set(usage.AudioSecond, seconds, from)
	default:
		counts.Set(usage.InAudio, seconds*heardPerSecond+d.EstimatePrompt(r, m.Count), usage.Estimated)
		counts.Set(usage.OutText, t.said, usage.Estimated)
	}
	return counts
}
