package openairealtime

import (
	"starlane/internal/relay/dialect"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// Sound is PCM of 16 bits at 24 kHz in base64: 64,000 characters a second. The API counts a token for each 100 ms that it hears and
// for each 50 ms that it says. Other formats are smaller, so that an estimate by this one is never too high.
const (
	heardPerToken = 6400
	saidPerToken  = 3200
	tokensPerHear = 10 // a second
)

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
func (t *Tally) Heard(count dialect.Count) (text, audio usage.Tokens) {
	return t.text.Estimate(count), usage.Tokens(ceil(t.audio, heardPerToken))
}

// Said estimates the tokens of what a model said.
func (t *Tally) Said(count dialect.Count) (text, audio usage.Tokens) {
	return t.text.Estimate(count), usage.Tokens(ceil(t.audio, saidPerToken))
}

func ceil(n, by int) int { return (n + by - 1) / by }
