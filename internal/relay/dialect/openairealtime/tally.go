package openairealtime

import (
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/dialect/internal/wire"
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Sound is PCM of 16 bits at 24 kHz in base64: 64,000 characters a second. The API counts a token for each 100 ms that it hears and
// for each 50 ms that it says. Other formats are smaller, so that an estimate by this one is never too high; those of telephones, of 8
// bits at 8 kHz, are told by their names.
const (
	heardPerToken = 6400
	saidPerToken  = 3200
	narrower      = 6
	tokensPerHear = 10 // a second
)

// Format is how a sound is written.
type Format uint8

// The formats.
const (
	UnsaidFormat Format = iota
	WideFormat          // PCM, or what is not known here
	NarrowFormat        // of telephones
)

// Or is the format, or another one where it is not said.
func (f Format) Or(other Format) Format {
	if f == UnsaidFormat {
		return other
	}
	return f
}

// characters are those of a token, if it takes so many in PCM.
func (f Format) characters(wide int) int {
	if f == NarrowFormat {
		return wide / narrower
	}
	return wide
}

// readFormat reads a format at the cursor, of the API or of its beta.
func readFormat(c *guard.Cursor) (f Format) {
	if c.Kind() == guard.Object {
		wire.Object(c, func(key string) {
			if key == "type" {
				f = readFormat(c)
				return
			}
			c.Skip()
		})
		return f
	}
	switch string(wire.Text(c)) {
	case "":
		return UnsaidFormat
	case "audio/pcmu", "audio/pcma", "g711_ulaw", "g711_alaw":
		return NarrowFormat
	}
	return WideFormat
}

// Formats are those of what is heard and of what is said.
type Formats struct{ Heard, Said Format }

// read reads the member of a session or a response whose key has just been read; false if it says nothing of formats.
func (f *Formats) read(c *guard.Cursor, key string) bool {
	switch key {
	case "input_audio_format":
		f.Heard = readFormat(c)
	case "output_audio_format":
		f.Said = readFormat(c)
	case "audio":
		wire.Object(c, func(side string) {
			into := map[string]*Format{"input": &f.Heard, "output": &f.Said}[side]
			wire.Object(c, func(key string) {
				if key == "format" && into != nil {
					*into = readFormat(c)
					return
				}
				c.Skip()
			})
		})
	default:
		return false
	}
	return true
}

// Tally is what was said in a session, in one direction, for want of a report. Its memory does not grow with it. The zero value
// is ready.
type Tally struct {
	text  dialect.Said
	audio int // characters of base64
}

// Nothing tells whether nothing was said.
func (t *Tally) Nothing() bool { return t.text.Nothing() && t.audio == 0 }

// Add takes a piece of a text as it stands in its JSON string, and a piece of sound by the number of its characters.
func (t *Tally) Add(text llm.Text, audio int) {
	t.text.Add(text)
	t.audio += audio
}

// AddAll takes over what another tally has.
func (t *Tally) AddAll(o *Tally) {
	t.text.AddAll(&o.text)
	t.audio += o.audio
}

// Heard estimates the tokens of what a client said.
func (t *Tally) Heard(count dialect.Count, f Format) (text, audio usage.Tokens) {
	return t.text.Estimate(count), usage.Tokens(ceil(t.audio, f.characters(heardPerToken)))
}

// Said estimates the tokens of what a model said.
func (t *Tally) Said(count dialect.Count, f Format) (text, audio usage.Tokens) {
	return t.text.Estimate(count), usage.Tokens(ceil(t.audio, f.characters(saidPerToken)))
}

func ceil(n, by int) int { return (n + by - 1) / by }
