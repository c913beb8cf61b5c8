package converse

import (
	"slices"
	"strings"

	"starlane/internal/relay/dialect/internal/wire"
)

// Bounds of what a request may say about itself.
const (
	maxLabels = 16
	maxLabel  = 256
)

// labels writes what a client says about its request, for the logs that the account may keep.
func (e *encoding) labels() {
	var names []string
	e.object("requestMetadata", func() {
		add := func(name, value string) {
			if name = label(name); name == "" || slices.Contains(names, name) || len(names) == maxLabels {
				return
			}
			names = append(names, name)
			e.Key(name)
			e.String(label(value))
		}
		wire.Labels(e.p, add)
	})
	if len(e.p.User) > 0 {
		e.notes.Approx("user")
	}
}

// label makes a text fit for the API.
func label(s string) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" :_@$#=/+,-.", r):
			return r
		}
		return '_'
	}, s)
	return out[:min(len(out), maxLabel)]
}
