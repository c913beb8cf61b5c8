package usage

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
)

// Bounds of what an event may carry. A record outside of them is refused by the parsers, never trimmed into a bill.
const (
	MaxText   = 256                   // bytes of any text attribute
	MaxUnits  = 1_000_000_000_000     // units of one class in one request
	MaxAmount = 1_000_000 * money.USD // nano-USD of one request; Redis scripts count exactly up to 2⁵³
	MaxCharge = 1_000 * money.USD     // for one request: beyond it nobody is billed before a person has looked
	maxFault  = 32                    // bytes of the phase of a failed attempt
	maxStatus = 999
	maxMillis = 30 * 24 * 3600 * 1000
)

// Valid tells whether o is one of the outcomes.
func (o Outcome) Valid() bool {
	switch o {
	case OK, ClientGone, UpstreamError, ClientError, Cut, Crashed:
		return true
	default:
		return false
	}
}

// Validate checks the bounds. The message names the attribute and holds no text from the event.
func (e *Event) Validate() error {
	switch {
	case e.ID == id.Nil || e.Tenant == id.Nil:
		return errField("id or tenant", "missing")
	case !e.Outcome.Valid():
		return errField("outcome", "unknown")
	case e.HTTPStatus < 0 || e.HTTPStatus > maxStatus:
		return errField("http status", "out of range")
	case e.Reserved < 0 || e.Reserved > MaxAmount || e.Estimate < 0 || e.Estimate > MaxAmount:
		return errField("reserved or estimate", "out of range")
	case e.TTFTMillis < -1 || e.TTFTMillis > maxMillis || e.DurationMillis < 0 || e.DurationMillis > maxMillis:
		return errField("duration", "out of range")
	case e.SellVersion < 0 || e.Boot < 0:
		return errField("sell version or boot", "negative")
	case len(e.Attempts) > MaxAttempts:
		return errField("attempts", "too many")
	}
	for _, text := range [...]string{e.Capability, e.Provider, e.RequestedModel, e.ServedModel, e.ServiceTier, e.UpstreamRequestID, e.Relay} {
		if !plain(text) {
			return errField("text", "too long or not printable")
		}
	}
	for _, a := range e.Attempts {
		if a.Status < 0 || a.Status > maxStatus || a.Millis < 0 || a.Millis > maxMillis || !isWord(a.Fault) {
			return errField("attempts", "out of range")
		}
	}
	return e.Counts.validate()
}

func (c *Counts) validate() error {
	for class := range NumClasses {
		if n := c.Units[class]; n < 0 || n > MaxUnits {
			return errField("counts", "out of range")
		}
		if int(c.From[class]) >= len(provenanceNames) {
			return errField("counts", "unknown provenance")
		}
	}
	return nil
}

// Repair brings an event within the bounds, so that a wrong figure cannot keep a request from being recorded: texts are
// cleaned, counts and amounts clamped, an unknown outcome becomes Crashed. Identifiers it cannot invent.
func (e *Event) Repair() {
	for _, text := range [...]*string{&e.Capability, &e.Provider, &e.RequestedModel, &e.ServedModel, &e.ServiceTier, &e.UpstreamRequestID, &e.Relay} {
		*text = clean(*text)
	}
	if !e.Outcome.Valid() {
		e.Outcome = Crashed
	}
	if e.HTTPStatus < 0 || e.HTTPStatus > maxStatus {
		e.HTTPStatus = 0
	}
	e.Reserved = min(max(e.Reserved, 0), MaxAmount)
	e.Estimate = min(max(e.Estimate, 0), MaxAmount)
	e.TTFTMillis = clampMillis(e.TTFTMillis, -1)
	e.DurationMillis = clampMillis(e.DurationMillis, 0)
	e.SellVersion, e.Boot = max(e.SellVersion, 0), max(e.Boot, 0)
	for class := range NumClasses {
		e.Counts.Units[class] = min(max(e.Counts.Units[class], 0), MaxUnits)
		if int(e.Counts.From[class]) >= len(provenanceNames) {
			e.Counts.From[class] = Estimated
		}
	}
	e.Attempts = e.Attempts[:min(len(e.Attempts), MaxAttempts)]
	for i := range e.Attempts {
		a := &e.Attempts[i]
		if a.Status < 0 || a.Status > maxStatus {
			a.Status = 0
		}
		a.Fault, a.Millis = word(a.Fault), clampMillis(a.Millis, 0)
	}
}

// Validate checks the bounds.
func (o *Open) Validate() error {
	switch {
	case o.ID == id.Nil || o.Tenant == id.Nil:
		return errField("id or tenant", "missing")
	case o.InputEstimate < 0 || o.InputEstimate > MaxUnits || o.InputClass >= NumClasses:
		return errField("input estimate", "out of range")
	case o.Reserved < 0 || o.Reserved > MaxAmount:
		return errField("reserved", "out of range")
	case o.SellVersion < 0:
		return errField("sell version", "negative")
	case !plain(o.Capability) || !plain(o.RequestedModel) || !plain(o.ServedModel) || !plain(o.Provider):
		return errField("text", "too long or not printable")
	}
	return nil
}

func errField(name, problem string) error { return fmt.Errorf("usage record: %s: %s", name, problem) }

func plain(s string) bool {
	if len(s) > MaxText {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
		if s[i] >= utf8.RuneSelf {
			return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
		}
	}
	return true
}

// clean makes a text fit: some come from upstream answers. It does not allocate for a text that fits already.
func clean(s string) string {
	if plain(s) {
		return s
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	for i := MaxText; i > MaxText-utf8.UTFMax && len(s) > MaxText; i-- {
		if utf8.RuneStart(s[i]) {
			s = s[:i]
		}
	}
	return s
}

func isWord(s string) bool {
	if len(s) > maxFault {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '_' && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

func word(s string) string {
	if isWord(s) {
		return s
	}
	b := []byte(s[:min(len(s), maxFault)])
	for i, c := range b {
		if c < 'a' || c > 'z' {
			b[i] = '_'
		}
	}
	return string(b)
}

func clampMillis(ms, lowest int64) int64 { return min(max(ms, lowest), maxMillis) }
