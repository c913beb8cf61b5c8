package wire

import "starlane/internal/relay/llm"

// Length is the number of characters of a text.
func Length(t llm.Text) (n int) {
	for i := 0; i < len(t); {
		switch c := t[i]; {
		case c != '\\':
			if c&0xc0 != 0x80 { // no byte behind the first of a character
				n++
			}
			i++
		case i+5 < len(t) && t[i+1] == 'u':
			if first := t[i+2]|0x20 == 'd' && (t[i+3] == '8' || t[i+3] == '9' || t[i+3]|0x20 == 'a' || t[i+3]|0x20 == 'b'); !first {
				n++ // of a pair the second half counts
			}
			i += 6
		default:
			n++
			i += 2
		}
	}
	return n
}
