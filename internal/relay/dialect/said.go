package dialect

import (
	"starlane/internal/relay/guard"
	"starlane/internal/relay/llm"
	"starlane/internal/usage"
)

// maxKept bounds the text kept for an estimate; beyond it the estimate grows in proportion.
const maxKept = 256 << 10

// Said is what a model has said so far, kept for an estimate. Its memory does not grow with the answer. The zero value is ready.
type Said struct {
	text []byte // escaped as it came, at most maxKept
	size int    // bytes of it, without a bound
}

// NewSaid has room for a short answer from the start, so that one does not grow it step by step.
func NewSaid() Said { return Said{text: make([]byte, 0, 1<<10)} }

// Add takes a piece as it stands in its JSON string. One that is larger than all there is room for is kept in part: something
// must be there to count in proportion.
func (s *Said) Add(piece llm.Text) {
	s.size += len(piece)
	if len(s.text) == 0 || len(s.text)+len(piece) <= maxKept {
		s.text = append(s.text, piece[:min(len(piece), maxKept)]...)
	}
}

// AddAll takes over what another one has.
func (s *Said) AddAll(o *Said) {
	s.size += o.size - len(o.text)
	s.Add(o.text)
}

// Nothing tells whether nothing was said.
func (s *Said) Nothing() bool { return s.size == 0 }

// Reset forgets what was said. A buffer that has grown large is given up.
func (s *Said) Reset() {
	if cap(s.text) > 16<<10 {
		s.text = nil
	}
	s.text, s.size = s.text[:0], 0
}

// Estimate counts the tokens of what was said.
func (s *Said) Estimate(count Count) usage.Tokens { return CountEscaped(s.text, s.size, count) }

// CountEscaped counts the first bytes of a text, escaped as in JSON, and scales the count to all of it.
func CountEscaped(raw []byte, all int, count Count) usage.Tokens {
	if len(raw) == 0 {
		return 0
	}
	text, err := guard.Unquote(raw)
	if err != nil {
		text = string(raw)
	}
	n := count([]byte(text))
	if all > len(raw) {
		n = n * usage.Tokens(all) / usage.Tokens(len(raw))
	}
	return n
}
