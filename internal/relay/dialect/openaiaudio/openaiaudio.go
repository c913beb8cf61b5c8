// Package openaiaudio is the wire format of POST /v1/audio/speech, transcriptions and translations, towards clients and upstreams.
// It changes the model's name and nothing else.
package openaiaudio

import (
	"errors"

	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// The paths, below the base URL.
const (
	Speech         = "/audio/speech"
	Transcriptions = "/audio/transcriptions"
	Translations   = "/audio/translations"
)

var errNoAnswer = errors.New("the answer is not a transcript")

// Ingress implements dialect.Ingress for one of the paths.
type Ingress struct {
	openai.Media
	At   string
	Type string // content type of the body
}

// Audio implements dialect.Egress and dialect.Biller.
type Audio struct{ openai.Media }

var (
	_ dialect.Ingress = Ingress{}
	_ dialect.Egress  = Audio{}
	_ dialect.Biller  = Audio{}
)

// DecodeRequest implements dialect.Ingress.
func (in Ingress) DecodeRequest(c body.Content) (*llm.Request, error) {
	if in.At == Speech {
		return decodeSpeech(c)
	}
	return in.decodeRecording(c)
}

// MeasurePrompt implements dialect.Egress.
func (Audio) MeasurePrompt(r *llm.Request) llm.Size {
	if r.Media.Path == Speech {
		return llm.Size{Ways: waysToSpeak(r)}
	}
	return llm.Size{Ways: waysToHear(r)}
}

// ReadAnswer implements dialect.Egress. Speech is not read: it passes.
func (d Audio) ReadAnswer(r *llm.Request, content body.Content, m dialect.Meter) (llm.Answer, error) {
	var t transcript
	if r.Form() == llm.Lines {
		t.said, t.last = m.Count(content.Open()), lastCue(content.Open())
	} else {
		c := guard.NewCursor(content.Open())
		if !t.read(&c, m) || !t.whole {
			return llm.Answer{}, errNoAnswer
		}
	}
	return llm.Answer{Counts: d.heard(r, m, &t), Reported: true, Finished: true}, nil
}

// Owed implements dialect.Biller.
func (d Audio) Owed(r *llm.Request, begun bool, m dialect.Meter) usage.Counts {
	if r.Media.Path == Speech {
		return d.spoken(r, m, &openai.Report{}, begun)
	}
	return d.heard(r, m, &transcript{})
}
