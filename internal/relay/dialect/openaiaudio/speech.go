package openaiaudio

import (
	"unicode/utf8"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/openai"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// What speech costs in tokens, for models that are paid by tokens and whose upstream reports none: a byte of text takes about
// a fifteenth of a second to say in most scripts, and a second is about 21 tokens. Set aside is four times as much.
const (
	tokensPer10Bytes     = 14
	mostTokensPer10Bytes = 4 * tokensPer10Bytes
	bytesPerToken        = 4
)

const (
	model = iota
	input
	streamFormat
	speechMembers
)

func decodeSpeech(c body.Content) (*llm.Request, error) {
	f, err := openai.ReadFields(c, "", []string{"model", "input", "stream_format"}[:speechMembers])
	if err != nil {
		return nil, err //nolint:wrapcheck // an apperr for the client
	}
	m := &llm.MediaCall{Path: Speech, Answer: llm.Bytes}
	r, err := f.Request(c, m)
	if err != nil {
		return nil, err //nolint:wrapcheck // likewise
	}
	if m.Text, m.Escaped, err = f.Span(input); err != nil {
		return nil, err //nolint:wrapcheck // likewise
	}
	if m.Text.From == m.Text.To {
		return nil, apperr.New(apperr.InvalidRequest, "You must provide an input.").WithParam("input")
	}
	framing, err := f.Text(streamFormat)
	r.Stream = framing == "sse"
	return r, err //nolint:wrapcheck // likewise
}

// characters is how many the text has that is to be said.
func characters(r *llm.Request) int64 {
	at := r.Media.Text
	raw := r.Content.Open()[at.From:at.To]
	text, err := guard.Unquote(raw)
	if err != nil {
		return int64(len(raw))
	}
	return int64(utf8.RuneCountInString(text))
}

func waysToSpeak(r *llm.Request) []llm.Way {
	text := int64(r.Media.Text.To - r.Media.Text.From)
	var letters, tokens usage.Counts
	n := characters(r)
	letters.Set(usage.CharIn, n, usage.Derived)
	tokens.Set(usage.InText, text, usage.Estimated)
	tokens.Set(usage.OutAudio, tenths(text, mostTokensPer10Bytes), usage.Estimated)
	return []llm.Way{
		{Most: letters, Class: usage.CharIn, Owed: n},
		{Most: tokens, Class: usage.InText, Owed: text/bytesPerToken + 1},
	}
}

// tenths is n times a rate for ten, rounded up.
func tenths(n, rate int64) int64 { return (n*rate + 9) / 10 }

// spoken says what is paid for: the tokens that were reported, or else characters, or else tokens by our own count; whichever
// the model has prices for.
func (d Audio) spoken(r *llm.Request, m dialect.Meter, report *openai.Report, begun bool) (counts usage.Counts) {
	switch {
	case report.Tokens && m.Priced(usage.InText) && m.Priced(usage.OutAudio):
		counts = report.Counts
		openai.Fold(&counts, usage.OutText, usage.OutAudio, m)
	case m.Priced(usage.CharIn):
		counts.Set(usage.CharIn, characters(r), usage.Derived)
	default:
		counts.Set(usage.InText, d.EstimatePrompt(r, m.Count), usage.Estimated)
		if begun {
			counts.Set(usage.OutAudio, tenths(int64(r.Media.Text.To-r.Media.Text.From), tokensPer10Bytes), usage.Estimated)
		}
	}
	return counts
}
