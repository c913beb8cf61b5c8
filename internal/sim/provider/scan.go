package provider

import (
	"bytes"
	"encoding/json"
)

// glance is what the fast path needs to know of a body. It comes from one pass over the top level that skips all
// values as bytes, so that a prompt of a megabyte costs about as much as copying it.
type glance struct {
	model        string
	stream       bool
	includeUsage bool
	promptBytes  int
}

// look scans the top-level members of a JSON object; false means that the body needs the careful parser.
func look(body []byte) (glance, bool) {
	var g glance
	i := skipBlank(body, 0)
	if i >= len(body) || body[i] != '{' {
		return g, false
	}
	for i = skipBlank(body, i+1); i < len(body) && body[i] == '"'; {
		end := skipString(body, i)
		if end < 0 {
			return g, false
		}
		key := body[i+1 : end-1]
		if i = skipBlank(body, end); i >= len(body) || body[i] != ':' {
			return g, false
		}
		i = skipBlank(body, i+1)
		if end = skipValue(body, i); end < 0 {
			return g, false
		}
		if !g.take(key, body[i:end]) {
			return g, false
		}
		if i = skipBlank(body, end); i < len(body) && body[i] == ',' {
			i = skipBlank(body, i+1)
			continue
		}
		return g, i < len(body) && body[i] == '}' && skipBlank(body, i+1) == len(body)
	}
	return g, false
}

func (g *glance) take(key, value []byte) bool {
	switch string(key) {
	case "model":
		if len(value) < 2 || value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
			return false
		}
		g.model = string(value[1 : len(value)-1])
	case "stream":
		g.stream = string(value) == "true"
	case "stream_options":
		var o streamOptions
		if json.Unmarshal(value, &o) != nil {
			return false
		}
		g.includeUsage = o.IncludeUsage
	case "messages":
		g.promptBytes = len(value)
	}
	return true
}

func skipBlank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipString gives the index after the string that starts at b[i], or -1.
func skipString(b []byte, i int) int {
	for i++; i < len(b); {
		q := bytes.IndexByte(b[i:], '"')
		if q < 0 {
			return -1
		}
		end := i + q
		back := 0
		for end-1-back >= i && b[end-1-back] == '\\' {
			back++
		}
		i = end + 1
		if back%2 == 0 {
			return i
		}
	}
	return -1
}

// skipValue gives the index after the value that starts at b[i], or -1. It does not check scalars.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = skipString(b, i); i < 0 {
				return -1
			}
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth == 0 {
				return -1
			}
			depth--
			i++
		case ',', ' ', '\n', '\r', '\t', ':':
			if depth == 0 {
				return -1
			}
			i++
			continue
		default:
			for i < len(b) && !bytes.ContainsRune([]byte(",]} \n\r\t:"), rune(b[i])) {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
	return -1
}
